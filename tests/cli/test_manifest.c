/* job.json read back: what the program writes, what it may lack, what it must not be, every length
 * and every byte of it damaged, memory and files that fail. And the reader of JSON beneath.
 */
#include "campaign_rig.h"

#include "json.h"
#include "manifest.h"

static cli manifest_program(campaign_rig *rig)
{
    free(rig->told);
    rig->told = NULL;
    rig->memory.n_calls = rig->n_io = 0;
    return (cli){
        .host = rig_host(rig), .out = stdout, .err = open_memstream(&rig->told, &rig->n_told)};
}

/* Everything is given back. */
static void manifest_done(campaign_rig *rig, cli *c)
{
    fclose(c->err);
    assert_int_equal(rig->memory.n_blocks, 0);
    assert_int_equal(rig->memory.n_wrong, 0);
    assert_int_equal(rig->n_files, 0);
}

/* Reads these bytes as job.json; the code. *out must be freed if it is CLI_OK. */
static int manifest_read(campaign_rig *rig, cli *c, const char *data, size_t bytes,
                         cli_manifest *out)
{
    (void)mkdir(rig->dir, 0777);
    rig_put_file(rig, "job.json", data, bytes);
    return cli_manifest_read(c, rig->dir, out);
}

static void test_whole(void **state)
{
    campaign_rig *rig = *state;
    cli c = manifest_program(rig);
    cli_manifest m;
    cli_text text = {0};
    assert_int_equal(manifest_read(rig, &c, rig_job, strlen(rig_job), &m), CLI_OK);
    assert_string_equal(m.program, "athanor 0.1.0");
    assert_string_equal(m.command, "run");
    assert_string_equal(m.model, "emt:precision=double");
    assert_string_equal(m.model_hash, "00ff");
    assert_int_equal(m.n_inputs, 1);
    assert_int_equal(m.momenta, CLI_MOMENTA_MOVING);
    assert_int_equal(m.n_stages, 2);
    assert_string_equal(m.stages[1].name, "hot run");
    assert_string_equal(m.stages[1].integrator, "nve");
    assert_int_equal(cli_manifest_stage_of(&m, "hot run"), 1);
    assert_int_equal(cli_manifest_stage_of(&m, "hot"), -1);
    assert_int_equal(m.n_options, 2);
    assert_string_equal(m.options[0].name, "steps");
    assert_string_equal(m.options[0].value, "500");
    assert_string_equal(m.options[1].name, "pressure");
    assert_null(m.options[1].value);
    cli_manifest_provenance(&c, &m, &text);
    assert_string_equal(text.data, rig_provenance);
    cli_text_free(&c, &text);
    cli_manifest_free(&c, &m);
    manifest_done(rig, &c);
}

/* The record that the program writes today. */
static void test_written(void **state)
{
    static const char xyz[] = "2\nProperties=species:S:1:pos:R:3\nCu 0 0 0\nCu 2.3 0 0\n";
    campaign_rig *rig = *state;
    cli_manifest m;
    rig_clear(rig);
    FILE *f = fopen(rig_path(rig, "in.xyz"), "w");
    assert_non_null(f);
    assert_true(fputs(xyz, f) >= 0);
    assert_int_equal(fclose(f), 0);
    const char *in = strdup(rig_path(rig, "in.xyz"));
    /* a host that can make directories */
    char *argv[] = {(char *)"athanor", (char *)"relax", (char *)in,  (char *)"--out",
                    rig->dir,          (char *)"-j",    (char *)"1", (char *)"-q"};
    FILE *null = fopen("/dev/null", "w");
    const cli_host host = {.context = {.size = sizeof host.context}, .out = null, .err = null};
    assert_int_equal(cli_main(8, argv, &host), CLI_OK);
    fclose(null);
    free((char *)in);
    cli c = manifest_program(rig);
    assert_int_equal(cli_manifest_read(&c, rig->dir, &m), CLI_OK);
    assert_string_equal(m.command, "relax");
    assert_int_equal(strncmp(m.program, "athanor ", 8), 0);
    assert_int_equal(strncmp(m.model, "emt", 3), 0);
    assert_int_equal(strlen(m.model_hash), 32);
    assert_int_equal(m.n_stages, 1);
    assert_string_equal(m.stages[0].name, "relax");
    assert_int_equal(strncmp(m.stages[0].integrator, "fire", 4), 0);
    assert_int_equal(m.n_inputs, 1);
    assert_true(m.n_options > 3);
    cli_manifest_free(&c, &m);
    manifest_done(rig, &c);
    rig_clear(rig);
}

/* A command, and what follows from it. */
static void test_bare(void **state)
{
    campaign_rig *rig = *state;
    static const char *const texts[3] = {
        "{\"command\": \"md\"}", "{\"command\": \"static\", \"integrator\": null}",
        ("{\"future\": [{\"a\": [1, {}]}, true], \"integrator\": \"fire:x=1\", \"command\": "
         "\"relax\"}")};
    static const char *const names[3] = {"md", "static", "relax"};
    for (int i = 0; i < 3; i++) {
        cli c = manifest_program(rig);
        cli_manifest m;
        assert_int_equal(manifest_read(rig, &c, texts[i], strlen(texts[i]), &m), CLI_OK);
        assert_string_equal(m.command, names[i]);
        assert_int_equal(m.n_stages, 1);
        assert_string_equal(m.stages[0].name, names[i]);
        assert_string_equal(m.stages[0].integrator, i == 2 ? "fire:x=1" : "");
        assert_string_equal(m.model, "");
        assert_int_equal(m.momenta, i == 0 ? CLI_MOMENTA_ALL : CLI_MOMENTA_MOVING);
        cli_manifest_free(&c, &m);
        manifest_done(rig, &c);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"", "job.json:1: not a record of a run: a value is missing"},
        {"[1]", "it is no object"},
        {"{}", "there is no command in it"},
        {"{\"command\": 5}", "a text is wanted here"},
        {"{\"command\": \"a\"} x", "something behind the end"},
        {"{\"command\": \"a\",}", "a key is missing"},
        {"{\"command\" \"a\"}", "a colon is missing"},
        {"{\"command\": \"a\" \"b\": 1}", "a comma is missing"},
        {"{\n\n\"command\": \"a", "job.json:3: not a record of a run: a text that does not end"},
        {"{\"command\": \"a\nb\"}", "a control character in a text"},
        {"{\"command\": \"\\u0000\"}", "a wrong escape"},
        {"{\"command\": \"\\ud800x\"}", "a wrong escape"},
        {"{\"command\": \"\\ud83d\\ue000\"}", "a wrong escape"},
        {"{\"command\": \"\\q\"}", "a wrong escape"},
        {"{\"command\": \"a\", \"stages\": {}}", "a list is wanted"},
        {"{\"command\": \"a\", \"stages\": [1]}", "a stage is an object"},
        {"{\"command\": \"a\", \"stages\": [{}]}", "a stage has no name"},
        {"{\"command\": \"a\", \"stages\": [{\"name\": \"x\"}], \"stages\": []}", "twice"},
        {"{\"command\": \"a\", \"options\": {\"x\": [1]}}", "an option is a text"},
        {"{\"command\": \"a\", \"options\": []}", "an object is wanted"},
        {"{\"command\": \"a\", \"inputs\": [1]}", "an input is a text"},
        {"{\"command\": \"a\", \"momenta\": \"some\"}", "it is all, moving or none"},
        {"{\"command\": \"a\", \"x\": 01}", "a number that is none"},
        {"{\"command\": \"a\", \"x\": 1.}", "a number that is none"},
        {"{\"command\": \"a\", \"x\": -}", "a number that is none"},
        {"{\"command\": \"a\", \"x\": 1e}", "a number that is none"},
        {"{\"command\": \"a\", \"x\": nul}", "a word that is no value"},
    };
    campaign_rig *rig = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cli c = manifest_program(rig);
        cli_manifest m;
        const int code = manifest_read(rig, &c, cases[i].text, strlen(cases[i].text), &m);
        manifest_done(rig, &c);
        if (code != CLI_DATA || !strstr(rig->told, cases[i].said)) {
            fail_msg("'%s': %d: %s", cases[i].text, code, rig->told);
        }
    }
    rig_clear(rig);
    cli c = manifest_program(rig);
    cli_manifest m;
    assert_int_equal(cli_manifest_read(&c, rig->dir, &m), CLI_NO_INPUT);
    (void)mkdir(rig->dir, 0777);
    (void)mkdir(rig_path(rig, "dir/job.json"), 0777);
    assert_int_equal(cli_manifest_read(&c, rig->dir, &m), CLI_NO_INPUT);
    manifest_done(rig, &c);
    rig_clear(rig);
}

enum manifest_kind { MANIFEST_DEPTH, MANIFEST_STAGES, MANIFEST_OPTIONS, MANIFEST_KINDS };

/* A whole record with `count` lists in one another, stages or options. */
static size_t manifest_large(enum manifest_kind kind, int count, char *text)
{
    static const char *const heads[MANIFEST_KINDS] = {"x\": ", "stages\": [", "options\": {"};
    static const char *const tails[MANIFEST_KINDS] = {"}", "]}", "}}"};
    size_t n = (size_t)sprintf(text, "{\"command\": \"a\", \"%s", heads[kind]);
    for (int i = 0; i < count; i++) {
        n += (size_t)(kind == MANIFEST_DEPTH ? sprintf(text + n, "[")
                      : kind == MANIFEST_STAGES
                          ? sprintf(text + n, "%s{\"name\": \"s%d\"}", i ? "," : "", i)
                          : sprintf(text + n, "%s\"o%d\": 1", i ? "," : "", i));
    }
    for (int i = 0; i < count && kind == MANIFEST_DEPTH; i++) {
        text[n++] = ']';
    }
    return n + (size_t)sprintf(text + n, "%s", tails[kind]);
}

/* As much as there may be, and one more: of depth, stages, options; and of bytes. */
static void test_limits(void **state)
{
    static const int most[MANIFEST_KINDS] = {CLI_JSON_DEPTH - 1, CLI_MANIFEST_STAGES,
                                             CLI_MANIFEST_OPTIONS};
    campaign_rig *rig = *state;
    char *text = malloc(1 << 20);
    assert_non_null(text);
    for (enum manifest_kind kind = MANIFEST_DEPTH; kind < MANIFEST_KINDS; kind++) {
        for (int more = 0; more < 2; more++) {
            cli c = manifest_program(rig);
            cli_manifest m;
            const size_t n = manifest_large(kind, most[kind] + more, text);
            assert_int_equal(manifest_read(rig, &c, text, n, &m), more ? CLI_DATA : CLI_OK);
            assert_int_equal(m.n_stages, more                      ? 0
                                         : kind == MANIFEST_STAGES ? CLI_MANIFEST_STAGES
                                                                   : 1);
            cli_manifest_free(&c, &m);
            manifest_done(rig, &c);
        }
    }
    free(text);
    cli c = manifest_program(rig);
    cli_manifest m;
    rig_put_text(rig, "job.json", rig_job);
    assert_int_equal(truncate(rig_path(rig, "dir/job.json"), CLI_MANIFEST_BYTES + 1), 0);
    assert_int_equal(cli_manifest_read(&c, rig->dir, &m), CLI_DATA);
    manifest_done(rig, &c);
    assert_non_null(strstr(rig->told, "too large"));
}

/* Every length, and every byte with another bit. */
static void test_damaged(void **state)
{
    campaign_rig *rig = *state;
    const size_t bytes = strlen(rig_job);
    char data[sizeof rig_job];
    int n_good = 0;
    for (size_t i = 0; i < 9 * bytes; i++) {
        cli c = manifest_program(rig);
        cli_manifest m;
        const bool cut = i >= 8 * bytes;
        memcpy(data, rig_job, sizeof data);
        data[i / 8 % bytes] ^= (char)(cut ? 0 : 1 << i % 8);
        const int code = manifest_read(rig, &c, data, cut ? i - 8 * bytes : bytes, &m);
        assert_true(code == CLI_OK || code == CLI_DATA);
        assert_false(code == CLI_OK && cut && i - 8 * bytes < bytes - 2);
        assert_int_equal(m.n_stages > 0, code == CLI_OK);
        n_good += code == CLI_OK;
        cli_manifest_free(&c, &m);
        manifest_done(rig, &c);
    }
    assert_true(n_good > 100);
}

/* Texts: escapes, bytes that are not UTF-8, words that need quotes in a comment line. */
static void test_texts(void **state)
{
    static const char text[] = "{\"command\": \"\\u00e9\\ud83d\\ude00\\/\\n\\\"\xff\", \"model\": "
                               "\"a b\\n\\\\:c\", \"program\": \"\", \"options\": {\"t\": true, "
                               "\"f\": false, \"n\": -1.5e+3, \"s\": \"\"}}";
    campaign_rig *rig = *state;
    cli c = manifest_program(rig);
    cli_manifest m;
    cli_text line = {0};
    assert_int_equal(manifest_read(rig, &c, text, strlen(text), &m), CLI_OK);
    assert_string_equal(m.command, "\xc3\xa9\xf0\x9f\x98\x80/\n\"\xff");
    assert_string_equal(m.options[0].value, "true");
    assert_string_equal(m.options[1].value, "false");
    assert_string_equal(m.options[2].value, "-1.5e+3");
    assert_string_equal(m.options[3].value, "");
    cli_manifest_provenance(&c, &m, &line);
    assert_string_equal(line.data, "model=\"a b \\\\\" model_hash=\"\" program=\"\"");
    cli_text_free(&c, &line);
    cli_manifest_free(&c, &m);
    manifest_done(rig, &c);
}

static void test_faults(void **state)
{
    campaign_rig *rig = *state;
    int64_t n_memory = 0, n_io = 0;
    (void)mkdir(rig->dir, 0777);
    rig_put_text(rig, "job.json", rig_job);
    for (int64_t i = 0; i <= n_memory + n_io; i++) {
        cli c = manifest_program(rig);
        cli_manifest m;
        cli_text text = {0};
        const bool memory = i > 0 && i <= n_memory, io = i > n_memory;
        rig->bad_memory = memory ? RIG_ONCE : RIG_NONE;
        rig->bad_io = io ? RIG_ONCE : RIG_NONE;
        rig->error = EIO;
        rig->at = io ? i - n_memory : i;
        const int code = cli_manifest_read(&c, rig->dir, &m);
        bool whole = code == CLI_OK;
        if (whole) {
            cli_manifest_provenance(&c, &m, &text);
            whole = !text.failed && strcmp(text.data, rig_provenance) == 0;
            assert_int_equal(text.failed, !whole);
        }
        cli_text_free(&c, &text);
        cli_manifest_free(&c, &m);
        rig->bad_memory = rig->bad_io = RIG_NONE;
        if (i == 0) {
            n_memory = rig->memory.n_calls;
            n_io = rig->n_io;
            assert_true(whole && n_memory > 10 && n_io >= 3);
        }
        manifest_done(rig, &c);
        assert_true(!memory || !whole);
        assert_true(!io || code == CLI_IO || rig->at == n_io); /* a close after reading */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),  cmocka_unit_test(test_written),
        cmocka_unit_test(test_bare),   cmocka_unit_test(test_refused),
        cmocka_unit_test(test_limits), cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_texts),  cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests_name("manifest", tests, rig_set_up, rig_tear_down);
}
