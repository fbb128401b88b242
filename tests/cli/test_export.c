/* athanor export: bytes of both formats, order, filters, a journal that is being written or that is
 * damaged, and every allocation and i/o call failing in turn.
 */
#include "campaign_rig.h"

#include <athanor/units.h>

#include "export.h"

/* Input order: by place; 2 before 9, which have the same. */
static const int export_order[RIG_RECORDS] = {4, 1, 3, 8, 0, 7, 10, 2, 9, 6, 5};

/* Shortest text of a double that reads back. */
static const char *export_double(double value)
{
    static char text[8][40];
    static int k;
    k = (k + 1) % 8;
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(text[k], sizeof text[k], "%.*g", precision, value);
        if (strtod(text[k], NULL) == value) {
            break;
        }
    }
    return text[k];
}

/* The line of record i, written down from what is known of it. */
static void export_line(int i, char *out, size_t bytes)
{
    const ath_record r = rig_record(i);
    const int n = 1 + i % 3;
    char uid[33];
    ath_uid_format(r.uid, uid);
    if (i == 4) {
        snprintf(out, bytes, ",a.xyz,4,,,opt,rejected,bad_input,0,,,\n");
        return;
    }
    snprintf(out, bytes, "%s,%s,%d,%s,%d,%s,%s,%s,%d,%s,%s,%s\n", uid,
             i == 5 ? "\"odd, \"\"name\"\".xyz\"" : "a.xyz", i,
             i == 3       ? "\"a, \"\"b\"\"\""
             : i % 2 == 1 ? "plain"
                          : "",
             n, i % 2 ? "hot run" : "opt",
             i == 7   ? "quarantined"
             : i == 8 ? "step_limit"
                      : "finished",
             i == 7   ? "max_force"
             : i == 8 ? "step_limit"
                      : "converged",
             10 + i, export_double(-3.5 * n - 0.25 * i),
             export_double(i == 7 ? 4096.0 : 0.03125 / (i + 1)),
             i % 2 ? export_double(0.0078125 * (i + 8) * ATH_GPA_PER_EV_A3) : "");
}

static const char export_head[] =
    "uid,file,frame,name,n_atoms,stage,state,reason,steps,energy,fmax,max_stress\n";

/* Head and lines of those that `chosen` picks, in input order. */
static char *export_lines(bool (*chosen)(int i))
{
    char *all = calloc(1, 1 << 14), line[512];
    assert_non_null(all);
    strcpy(all, export_head);
    for (int k = 0; k < RIG_RECORDS; k++) {
        if (!chosen || chosen(export_order[k])) {
            export_line(export_order[k], line, sizeof line);
            strcat(all, line);
        }
    }
    return all;
}

/* The same as frames, by the writer of the library. */
static char *export_frames(const campaign_rig *rig, bool (*chosen)(int i))
{
    const char *path = rig_path(rig, "expected.xyz");
    ath_writer *w = NULL;
    char keys[512];
    assert_int_equal(ath_writer_open(rig->ctx, path, &w), ATH_OK);
    for (int k = 0; k < RIG_RECORDS; k++) {
        const int i = export_order[k];
        ath_system *s = rig_system(rig->ctx, i);
        if (s && (!chosen || chosen(i))) {
            const unsigned velocities = i % 5 == 1 ? ATH_EXTXYZ_VELOCITIES : 0;
            snprintf(keys, sizeof keys,
                     "converged=%c reason=%s steps=%d fmax=%s stage=%s total_steps=%d %s",
                     i == 7 || i == 8 ? 'F' : 'T',
                     i == 7   ? "max_force"
                     : i == 8 ? "step_limit"
                              : "converged",
                     10 + i, export_double(i == 7 ? 4096.0 : 0.03125 / (i + 1)),
                     i % 2 ? "\"hot run\"" : "opt", 1000 + i, rig_provenance);
            assert_int_equal(
                ath_extxyz_write(w, s, ATH_EXTXYZ_FORCES | ATH_EXTXYZ_FIXED | velocities, keys),
                ATH_OK);
        }
        ath_system_destroy(&s);
    }
    assert_int_equal(ath_writer_close(&w), ATH_OK);
    char *text = rig_slurp(path, NULL);
    assert_non_null(text);
    return text;
}

static void export_same(const char *got, char *expected)
{
    assert_non_null(got);
    assert_string_equal(got, expected);
    free(expected);
}

static void export_same_file(const campaign_rig *rig, const char *name, char *expected)
{
    char *got = rig_slurp(rig_path(rig, name), NULL);
    export_same(got, expected);
    free(got);
}

static void test_csv(void **state)
{
    campaign_rig *rig = *state;
    rig_clear(rig);
    rig_campaign(rig, 0, RIG_RECORDS, 3);
    assert_int_equal(RIG_RUN(rig, "export", rig->dir, "--format", "csv"), CLI_OK);
    export_same(rig->said, export_lines(NULL));
    const char *path = rig_path(rig, "all.csv");
    assert_int_equal(RIG_RUN(rig, "export", "-f", "csv", "-o", path, rig->dir), CLI_OK);
    export_same_file(rig, "all.csv", export_lines(NULL));
    assert_int_equal(access(rig_path(rig, "all.csv.tmp"), F_OK), -1);
    assert_string_equal(rig->said, "");
    assert_true(rig->n_synced == 1 && rig->n_named == 1 && rig->n_settled == 1);
}

/* Frames to standard output do not go through `out`: the descriptor is put elsewhere for it. */
static char *export_standard(campaign_rig *rig)
{
    const char *path = rig_path(rig, "standard.xyz");
    fflush(stdout);
    const int kept = dup(1), fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    assert_true(kept >= 0 && fd >= 0);
    assert_int_equal(dup2(fd, 1), 1);
    const int code = RIG_RUN(rig, "export", rig->dir);
    assert_int_equal(dup2(kept, 1), 1);
    close(kept);
    close(fd);
    assert_int_equal(code, CLI_OK);
    return rig_slurp(path, NULL);
}

static void test_extxyz(void **state)
{
    campaign_rig *rig = *state;
    rig_clear(rig);
    rig_campaign(rig, 0, RIG_RECORDS, 3);
    assert_int_equal(RIG_RUN(rig, "export", rig->dir, "-o", rig_path(rig, "all.xyz")), CLI_OK);
    export_same_file(rig, "all.xyz", export_frames(rig, NULL));
    assert_true(rig->n_synced == 1 && rig->n_named == 1 && rig->n_settled == 1);
    char *standard = export_standard(rig);
    export_same(standard, export_frames(rig, NULL));
    /* the velocities of one that moves, and none of one that is at rest */
    assert_int_equal(rig_count(standard, "momenta:R:3"), 2);
    free(standard);
}

/* ---- filters ---- */

static bool export_finished(int i)
{
    return i != 4 && i != 7 && i != 8;
}

static bool export_hot(int i)
{
    return i % 2 == 1;
}

static bool export_hot_finished(int i)
{
    return export_hot(i) && export_finished(i);
}

static bool export_limit(int i)
{
    return i == 8;
}

static bool export_none(int i)
{
    (void)i;
    return false;
}

static void test_filters(void **state)
{
    campaign_rig *rig = *state;
    rig_clear(rig);
    rig_campaign(rig, 0, RIG_RECORDS, 3);
    assert_int_equal(RIG_RUN(rig, "export", rig->dir, "-f", "csv", "--state", "finished"), CLI_OK);
    export_same(rig->said, export_lines(export_finished));
    assert_int_equal(RIG_RUN(rig, "export", rig->dir, "-f", "csv", "--stage", "hot run"), CLI_OK);
    export_same(rig->said, export_lines(export_hot));
    assert_int_equal(RIG_RUN(rig, "export", rig->dir, "-f", "csv", "--reason", "step_limit"),
                     CLI_OK);
    export_same(rig->said, export_lines(export_limit));
    assert_int_equal(RIG_RUN(rig, "export", rig->dir, "--stage", "hot run", "--state", "finished",
                             "-o", rig_path(rig, "some.xyz")),
                     CLI_OK);
    export_same_file(rig, "some.xyz", export_frames(rig, export_hot_finished));
    assert_int_equal(RIG_RUN(rig, "export", rig->dir, "-f", "csv", "--reason", "too_close"),
                     CLI_OK);
    export_same(rig->said, export_lines(export_none));
}

static void test_usage(void **state)
{
    campaign_rig *rig = *state;
    rig_clear(rig);
    rig_campaign(rig, 0, RIG_RECORDS, 3);
    assert_int_equal(RIG_RUN(rig, "export", rig->dir, "--state", "done"), CLI_USAGE);
    assert_non_null(strstr(rig->told, "there are finished, step_limit, quarantined, rejected\n"));
    assert_int_equal(RIG_RUN(rig, "export", rig->dir, "--state", "pending"), CLI_USAGE);
    assert_int_equal(RIG_RUN(rig, "export", rig->dir, "--reason", "none"), CLI_USAGE);
    assert_non_null(strstr(rig->told, "converged, budget, step_limit, non_finite"));
    assert_int_equal(RIG_RUN(rig, "export", rig->dir, "--stage", "cold"), CLI_USAGE);
    assert_non_null(strstr(rig->told, "there are opt, hot run\n"));
    assert_int_equal(RIG_RUN(rig, "export", rig->dir, "-f", "cif"), CLI_USAGE);
    assert_int_equal(RIG_RUN(rig, "export"), CLI_USAGE);
    assert_int_equal(RIG_RUN(rig, "export", rig->dir, rig->dir), CLI_USAGE);
    assert_int_equal(RIG_RUN(rig, "export", rig_path(rig, "nowhere")), CLI_NO_INPUT);
    assert_int_equal(unlink(rig_path(rig, "dir/journal/00000001.journal")), 0);
    assert_int_equal(RIG_RUN(rig, "export", rig->dir), CLI_NO_INPUT);
    assert_int_equal(RIG_RUN(rig, "export", rig->dir, "-o", rig_path(rig, "no/such/file")),
                     CLI_NO_INPUT);
}

/* ---- journals in other states ---- */

/* What is committed by then, whoever holds the journal. */
static void test_while_written(void **state)
{
    campaign_rig *rig = *state;
    char line[512];
    rig_clear(rig);
    rig_campaign(rig, 0, 3, 2);
    ath_journal *j = rig_journal(rig, 100);
    rig_put(rig, j, 4);
    assert_int_equal(ath_journal_commit(j), ATH_OK);
    rig_put(rig, j, 3);
    assert_int_equal(RIG_RUN(rig, "export", rig->dir, "-f", "csv"), CLI_OK);
    assert_int_equal(rig_count(rig->said, "\n"), 1 + 4);
    export_line(4, line, sizeof line);
    assert_non_null(strstr(rig->said, line));
    assert_int_equal(ath_journal_commit(j), ATH_OK);
    assert_int_equal(RIG_RUN(rig, "export", rig->dir, "-f", "csv"), CLI_OK);
    assert_int_equal(rig_count(rig->said, "\n"), 1 + 5);
    export_line(3, line, sizeof line);
    assert_non_null(strstr(rig->said, line));
    ath_journal_close(&j);
}

/* Every tenth byte is another one, in turn: what is whole is there, unchanged, and if something is
 * missing that is said. */
static void test_damaged(void **state)
{
    campaign_rig *rig = *state;
    size_t bytes = 0;
    int n_partial = 0;
    rig_clear(rig);
    rig_campaign(rig, 0, RIG_RECORDS, 3);
    char *all = export_lines(NULL);
    char *segment = rig_slurp(rig_path(rig, "dir/journal/00000001.journal"), &bytes);
    for (size_t at = 5; at < bytes; at += 101) {
        rig_put_file(rig, "journal/00000001.journal", segment, bytes);
        rig_damage(rig, at);
        const int code = RIG_RUN(rig, "export", rig->dir, "-f", "csv");
        const int n = rig_count(rig->said, "\n") - 1;
        if (code == CLI_NO_INPUT || code == CLI_DATA) {
            continue; /* nothing is left that could be told from something else */
        }
        assert_true(code == CLI_PARTIAL || (code == CLI_OK && n == RIG_RECORDS));
        n_partial += code == CLI_PARTIAL && n < RIG_RECORDS && n > 0;
        for (char *line = strtok(rig->said, "\n"); line; line = strtok(NULL, "\n")) {
            assert_non_null(strstr(all, line));
        }
        assert_true(code == CLI_OK || strstr(rig->told, "is damaged in") != NULL);
    }
    assert_true(n_partial > 10);
    free(segment);
    free(all);
}

/* A record that changes when the journal is open already: it is left out and counted, the others
 * are there. */
static void test_spoilt(void **state)
{
    campaign_rig *rig = *state;
    char path[192];
    const ath_journal_config config = {.size = sizeof config};
    const cli_selection any = {-1, -1, -1};
    const cli_manifest_stage stages[2] = {{(char *)"opt", NULL}, {(char *)"hot run", NULL}};
    ath_journal *j = NULL;
    cli_exported done;
    rig_clear(rig);
    rig_campaign(rig, 0, RIG_RECORDS, 3);
    snprintf(path, sizeof path, "%s/journal", rig->dir);
    assert_int_equal(ath_journal_open(rig->ctx, path, &config, &j), ATH_OK);
    rig_damage(rig, 1000);
    cli c = {.host = rig_host(rig), .ctx = rig->ctx, .quiet = true};
    const cli_form form = {.c = &c, .stages = stages, .n_stages = 2, .provenance = ""};
    assert_int_equal(cli_export_csv(&c, j, &form, &any, rig_path(rig, "s.csv"), &done), CLI_OK);
    assert_int_equal(done.n, RIG_RECORDS - 1);
    assert_int_equal(done.n_spoilt, 1);
    assert_int_equal(cli_export_extxyz(&c, j, &form, &any, rig_path(rig, "s.xyz"), &done), CLI_OK);
    assert_int_equal(done.n, RIG_RECORDS - 2);
    assert_int_equal(done.n_bare, 1);
    assert_int_equal(done.n_spoilt, 1);
    ath_journal_close(&j);
    char *text = rig_slurp(rig_path(rig, "s.csv"), NULL);
    assert_int_equal(rig_count(text, "\n"), RIG_RECORDS);
    free(text);
}

/* Many records in the reverse of input order, of which some have the same place. */
static void test_order(void **state)
{
    enum { N = 3000 };
    campaign_rig *rig = *state;
    char uid[33];
    rig_clear(rig);
    (void)mkdir(rig->dir, 0777);
    rig_put_text(rig, "job.json", "{\"command\": \"relax\"}");
    ath_journal *j = rig_journal(rig, 256);
    for (int i = 0; i < N; i++) {
        ath_record r = rig_record(4);
        r.uid = (ath_uid){(uint64_t)i, 7};
        r.place = (N - i) / 3;
        r.frame = i;
        assert_int_equal(ath_journal_put(j, &r, NULL, NULL), ATH_OK);
    }
    assert_int_equal(ath_journal_commit(j), ATH_OK);
    ath_journal_close(&j);
    assert_int_equal(RIG_RUN(rig, "export", rig->dir, "-f", "csv"), CLI_OK);
    assert_int_equal(rig_count(rig->said, "\n"), N + 1);
    int n = 0, place = -1, before = -1;
    for (const char *line = strchr(rig->said, '\n') + 1; *line; line = strchr(line, '\n') + 1) {
        int frame = -1;
        assert_int_equal(sscanf(line, ",a.xyz,%d,,,relax,rejected,", &frame), 1);
        assert_true((N - frame) / 3 > place || ((N - frame) / 3 == place && frame > before));
        place = (N - frame) / 3;
        before = frame;
        n++;
    }
    assert_int_equal(n, N);
    ath_uid_format((ath_uid){1, 7}, uid);
    assert_null(strstr(rig->said, uid)); /* what never became a system has no identity */
}

/* The columns of a command without momenta in its record, and of one that says none. */
static void test_momenta(void **state)
{
    static const char *const jobs[4] = {"{\"command\": \"md\"}", "{\"command\": \"relax\"}",
                                        "{\"command\": \"md\", \"momenta\": \"none\"}",
                                        ("{\"command\": \"relax\", \"momenta\": "
                                         "\"all\"}")};
    static const int n_momenta[4] = {4, 2, 0, 4};
    campaign_rig *rig = *state;
    for (int k = 0; k < 4; k++) {
        rig_clear(rig);
        rig_campaign(rig, 0, RIG_RECORDS, 3);
        rig_put_text(rig, "job.json", jobs[k]);
        assert_int_equal(RIG_RUN(rig, "export", rig->dir, "-o", rig_path(rig, "m.xyz")), CLI_OK);
        char *text = rig_slurp(rig_path(rig, "m.xyz"), NULL);
        assert_int_equal(rig_count(text, "momenta:R:3"), n_momenta[k]);
        assert_null(strstr(text, "stage=")); /* there is one only */
        free(text);
    }
}

/* The line of the table, which people read. */
static void test_row(void **state)
{
    campaign_rig *rig = *state;
    const cli_manifest_stage stages[2] = {{(char *)"opt", NULL}, {(char *)"hot run", NULL}};
    cli c = {.host = rig_host(rig)};
    const cli_form form = {.c = &c, .stages = stages, .n_stages = 2, .provenance = ""};
    static const int which[4] = {0, 4, 5, 7};
    static const char *const rows[4] = {
        "a.xyz@0\t1\t-3.50000000\t0.031250\t-\tconverged\n", "a.xyz@4\t-\t-\t-\t-\tbad_input\n",
        "plain\t3\t-11.75000000\t0.005208\t11.265304\tconverged\n",
        "plain\t2\t-8.75000000\t4096.000000\t13.768705\tmax_force\n"};
    for (int k = 0; k < 4; k++) {
        cli_text text = {0};
        ath_system *s = rig_system(rig->ctx, which[k]);
        const ath_record r = rig_record(which[k]);
        cli_form_row(&form, &r, s, &text);
        assert_string_equal(text.data, rows[k]);
        cli_text_free(&c, &text);
        ath_system_destroy(&s);
    }
    assert_int_equal(rig_count(cli_form_table_head, "\t"), 5);
}

/* ---- failures ---- */

static void export_prepare(campaign_rig *rig)
{
    FILE *f = fopen(rig_path(rig, "to"), "w");
    assert_non_null(f);
    assert_true(fputs("old", f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* The file is what it was, or it is complete. It may be complete although something failed behind
 * the renaming. */
static char *export_whole;
static void export_check(campaign_rig *rig, int code)
{
    char *text = rig_slurp(rig_path(rig, "to"), NULL);
    assert_non_null(text);
    const bool whole = strcmp(text, export_whole) == 0;
    if (!whole && (code == CLI_OK || strcmp(text, "old") != 0)) {
        fail_msg("code %d, file '%s'", code, text);
    }
    if (!rig->files_failed) { /* else it may not have been possible to take it away */
        assert_int_equal(access(rig_path(rig, "to.tmp"), F_OK), -1);
    }
    (void)unlink(rig_path(rig, "to.tmp"));
    if (code == CLI_PARTIAL) { /* a record could not be read: said */
        assert_non_null(strstr(rig->told, "damaged"));
    }
    free(text);
}

static void test_faults(void **state)
{
    campaign_rig *rig = *state;
    rig_clear(rig);
    rig_campaign(rig, 0, RIG_RECORDS, 3);
    const char *path = strdup(rig_path(rig, "to"));
    const char *const csv[] = {"export", rig->dir, "-f", "csv", "-o", path, NULL};
    const char *const xyz[] = {"export", rig->dir, "-o", path, NULL};
    export_whole = export_lines(NULL);
    rig_sweep_all(&(rig_sweep){rig, csv, export_prepare, export_check, CLI_OK});
    free(export_whole);
    export_whole = export_frames(rig, NULL);
    rig_sweep_all(&(rig_sweep){rig, xyz, export_prepare, export_check, CLI_OK});
    free(export_whole);
    free((char *)path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv),     cmocka_unit_test(test_extxyz),
        cmocka_unit_test(test_filters), cmocka_unit_test(test_usage),
        cmocka_unit_test(test_order),   cmocka_unit_test(test_while_written),
        cmocka_unit_test(test_damaged), cmocka_unit_test(test_momenta),
        cmocka_unit_test(test_spoilt),  cmocka_unit_test(test_row),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests_name("export", tests, rig_set_up, rig_tear_down);
}
