/* docs/job-file.md and examples/ against the tables of the schema and its reader: what the manual
 * says is what the program does.
 *
 * `test_job_manual reference` prints the tables that belong into docs/job-file.md.
 */
#include "job_rig.h"

static void reference_cell(FILE *f, const char *text)
{
    for (; *text; text++) {
        fprintf(f, *text == '|' ? "\\|" : "%c", *text);
    }
}

static void reference_type(FILE *f, const cli_job_key *key)
{
    static const char *const kinds[] = {
        [CLI_JOB_TEXTS] = "text or list of texts", [CLI_JOB_NAMED] = "text or mapping",
        [CLI_JOB_CRITERIA] = "text or mapping",    [CLI_JOB_MAPPING] = "mapping",
        [CLI_JOB_LIST] = "list of mappings",       [CLI_JOB_VARIANT] = "text or mapping",
    };
    const ath_option *o = &key->option;
    if (key->kind != CLI_JOB_VALUE) {
        fputs(kinds[key->kind], f);
    } else if (o->type == ATH_OPTION_CHOICE) {
        reference_cell(f, o->choices);
    } else if (o->type == ATH_OPTION_TEXT) {
        fputs("text", f);
    } else if (o->type == ATH_OPTION_BOOL) {
        fputs("true or false", f);
    } else {
        fputs(o->type == ATH_OPTION_INT ? "whole number" : "number", f);
        if (o->min != 0.0 || o->max != 0.0) {
            fprintf(f, o->max < 1e15 || o->min < 0.0 ? ", %g to %g" : ", at least %g", o->min,
                    o->max);
        }
    }
}

static void reference_table(FILE *f, const char *title, const cli_job_table *table)
{
    fprintf(f,
            "\n### %s\n\n| key | type | unit | default | meaning | example |\n"
            "|---|---|---|---|---|---|\n",
            title);
    for (const cli_job_key *key = table->keys; key->option.name; key++) {
        const ath_option *o = &key->option;
        fprintf(f, "| `%s` | ", o->name);
        reference_type(f, key);
        fprintf(f, " | %s | %s%s%s | ", o->unit && *o->unit ? o->unit : "", o->fallback ? "`" : "",
                o->fallback     ? o->fallback
                : key->required ? "required"
                                : "",
                o->fallback ? "`" : "");
        reference_cell(f, o->help);
        fputs(" | `", f);
        reference_cell(f, key->example);
        fputs("` |\n", f);
    }
}

static const cli_job_key *reference_key(const cli_job_table *table, const char *name)
{
    for (const cli_job_key *key = table->keys; key->option.name; key++) {
        if (strcmp(key->option.name, name) == 0) {
            return key;
        }
    }
    abort();
}

/* The tables of the schema as Markdown. */
static void reference_print(FILE *f)
{
    const cli_job_table *stage = reference_key(&cli_job_schema, "stages")->table;
    const cli_job_table *hooks = reference_key(&cli_job_schema, "hooks")->table;
    const cli_job_table *sinks = reference_key(&cli_job_schema, "sinks")->table;
    char title[80];
    reference_table(f, "The job", &cli_job_schema);
    reference_table(f, "`limits`", reference_key(&cli_job_schema, "limits")->table);
    reference_table(f, "A stage of `stages`", stage);
    reference_table(f, "`until`", reference_key(stage, "until")->table);
    for (int i = 0; hooks->variants[i]; i++) {
        snprintf(title, sizeof title, "Hook `type: %s`", hooks->variants[i]->name);
        reference_table(f, title, hooks->variants[i]);
    }
    for (int i = 0; sinks->variants[i]; i++) {
        snprintf(title, sizeof title, "Sink `type: %s`", sinks->variants[i]->name);
        reference_table(f, title, sinks->variants[i]);
    }
}

static void test_reference(void **state)
{
    char *tables = NULL;
    size_t bytes = 0;
    FILE *f = open_memstream(&tables, &bytes);
    (void)state;
    assert_non_null(f);
    reference_print(f);
    fclose(f);
    char *manual = rig_slurp("docs/job-file.md");
    if (!strstr(manual, tables)) {
        fail_msg("docs/job-file.md has other tables than the schema; test_job reference prints:%s",
                 tables);
    }
    free(manual);
    free(tables);
}

/* All examples of a table in one mapping. */
static void example_mapping(FILE *f, const cli_job_table *table, bool variant)
{
    fprintf(f, variant ? "{type: %s" : "{", table->name);
    for (const cli_job_key *key = table->keys; key->option.name; key++) {
        fprintf(f, "%s%s", variant || key != table->keys ? ", " : "", key->example);
    }
    fputs("}", f);
}

/* Every example of the tables is accepted, and begins with its key. */
static void test_examples_of_keys(void **state)
{
    job_rig *rig = *state;
    const cli_job_table *stage = reference_key(&cli_job_schema, "stages")->table;
    const cli_job_table *lists[] = {reference_key(&cli_job_schema, "hooks")->table,
                                    reference_key(&cli_job_schema, "sinks")->table};
    cli_job job;
    char *text = NULL;
    size_t bytes = 0;
    FILE *f = open_memstream(&text, &bytes);
    assert_non_null(f);
    for (const cli_job_key *key = cli_job_schema.keys; key->option.name; key++) {
        assert_memory_equal(key->example, key->option.name, strlen(key->option.name));
        fprintf(f, "%s\n", key->example);
    }
    fclose(f);
    if (rig_parse(rig, text, &job) != CLI_OK) {
        fail_msg("%s%s", text, rig_said(rig));
    }
    cli_job_free(&rig->c, &job);
    free(text);
    f = open_memstream(&text, &bytes);
    assert_non_null(f);
    fputs("limits: ", f);
    example_mapping(f, reference_key(&cli_job_schema, "limits")->table, false);
    fputs("\nstages:\n  - ", f);
    example_mapping(f, stage, false);
    fputs("\n  - {integrator: \"fire:cell=full\", until: ", f);
    example_mapping(f, reference_key(stage, "until")->table, false);
    fputs("}\nhooks:\n", f);
    for (int i = 0; lists[0]->variants[i]; i++) {
        fprintf(f, "  - ");
        example_mapping(f, lists[0]->variants[i], true);
        fputs("\n", f);
    }
    fputs("sinks:\n", f);
    for (int i = 0; lists[1]->variants[i]; i++) {
        fprintf(f, "  - ");
        example_mapping(f, lists[1]->variants[i], true);
        fputs("\n", f);
    }
    fclose(f);
    /* two snapshots write to the file of the same example: one of them elsewhere */
    char *second = strstr(text, "converged_snapshot");
    assert_non_null(second);
    second = strstr(second, "frames");
    assert_non_null(second);
    memcpy(second, "FRAMES", 6);
    if (rig_parse(rig, text, &job) != CLI_OK) {
        fail_msg("%s%s", text, rig_said(rig));
    }
    assert_int_equal(job.n_hooks, 10);
    cli_job_free(&rig->c, &job);
    free(text);
}

/* The jobs of the manual, each in a fence of its own, and those of examples/. */
static void test_whole_examples(void **state)
{
    job_rig *rig = *state;
    cli_job job;
    int n = 0;
    char *manual = rig_slurp("docs/job-file.md");
    for (char *at = manual; (at = strstr(at, "```yaml\n")) != NULL; n++) {
        char *end = strstr(at += 8, "```");
        assert_non_null(end);
        *end = '\0';
        if (rig_parse(rig, at, &job) != CLI_OK) {
            fail_msg("%s%s", at, rig_said(rig));
        }
        cli_job_free(&rig->c, &job);
        at = end + 1;
    }
    assert_true(n >= 2);
    free(manual);
    char *text = rig_slurp("examples/relax_then_md.yaml");
    assert_int_equal(rig_parse(rig, text, &job), CLI_OK);
    assert_int_equal(job.n_stages, 2);
    assert_true(job.stages[0].until.fmax == 0.05 && job.stages[0].steps == 300);
    assert_true(job.stages[0].at_limit == CLI_JOB_CONTINUE && job.limits.systems == 64);
    assert_string_equal(job.stages[1].integrator,
                        "langevin:timestep=1,temperature=300,friction=0.01");
    assert_true(job.stages[1].velocities == ATH_VELOCITIES_THERMAL);
    assert_true(job.stages[1].temperature == 300.0 && job.stages[1].steps == 200);
    cli_text printed = job_again(rig, &job);
    cli_text_free(&rig->c, &printed);
    cli_job_free(&rig->c, &job);
    free(text);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reference, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(test_examples_of_keys, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(test_whole_examples, rig_set_up, rig_tear_down),
    };
    if (argc > 1 && strcmp(argv[1], "reference") == 0) {
        reference_print(stdout);
        return 0;
    }
    return cmocka_run_group_tests_name("job manual", tests, NULL, NULL);
}
