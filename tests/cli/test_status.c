/* athanor status: a campaign that runs, has stopped, has crashed, is finished; as text, as JSON,
 * again and again; with what the program says of itself whole, absent, torn and absurd.
 */
#include "campaign_rig.h"

#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include "inspect.h"
#include "json.h"

static double status_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A number of the last answer in JSON; NaN for null. The key may stand anywhere in it. */
static double status_value(campaign_rig *rig, const char *key)
{
    cli c = {.host = rig_host(rig), .err = stderr};
    cli_json json;
    double value = -12345.0;
    bool found = false;
    cli_json_begin(&c, rig->said, strlen(rig->said), &json);
    for (cli_json_event e; (e = cli_json_next(&json)) != CLI_JSON_END;) {
        assert_int_not_equal(e, CLI_JSON_ERROR);
        if (e == CLI_JSON_KEY && strcmp(json.text.data, key) == 0) {
            e = cli_json_next(&json);
            assert_true(e == CLI_JSON_NUMBER || e == CLI_JSON_NULL);
            value = e == CLI_JSON_NUMBER ? strtod(json.text.data, NULL) : (double)NAN;
            found = true;
        }
    }
    cli_json_free(&json);
    if (!found) {
        fail_msg("no '%s' in %s", key, rig->said);
    }
    return value;
}

static void status_has(const campaign_rig *rig, const char *text)
{
    if (!strstr(rig->said, text)) {
        fail_msg("no '%s' in '%s'", text, rig->said);
    }
}

static void status_lacks(const campaign_rig *rig, const char *text)
{
    if (strstr(rig->said, text)) {
        fail_msg("'%s' in '%s'", text, rig->said);
    }
}

static void test_stopped(void **state)
{
    campaign_rig *rig = *state;
    rig_clear(rig);
    rig_campaign(rig, 0, RIG_RECORDS, 3);
    assert_int_equal(RIG_RUN(rig, "status", rig->dir), CLI_OK);
    status_has(rig, ": run, model emt: stopped\n");
    status_has(rig, "11 structures so far");
    status_has(rig, "finished                 8\n");
    status_has(rig, "step_limit               1\n");
    status_has(rig, "quarantined              1  (9.09 %)\n");
    status_has(rig, "rejected                 1\n");
    status_has(rig, "converged                8  ##############################\n");
    status_has(rig, "max_force                1  ####\n");
    status_lacks(rig, "too_close");
    status_has(rig, "last commit      0.");
    status_has(rig, "checkpoints      none\n");
    status_lacks(rig, "structures/s");
    rig_put_text(rig, "progress.json", "{\"total\": 40, \"active\": 5}");
    assert_int_equal(RIG_RUN(rig, "status", rig->dir), CLI_OK);
    status_has(rig, ": stopped\n");
    status_has(rig, "[###########-----------------------------]  27.5 %  11 of 40\n");
    status_lacks(rig, "in work"); /* that is of the past */
}

static void test_finished(void **state)
{
    campaign_rig *rig = *state;
    rig_clear(rig);
    rig_campaign(rig, 0, RIG_RECORDS, 3);
    rig_put_text(rig, "progress.json", "{\"total\": 11}");
    assert_int_equal(RIG_RUN(rig, "status", rig->dir), CLI_OK);
    status_has(rig, ": finished\n");
    status_has(rig, "[########################################] 100.0 %  11 of 11\n");
    assert_int_equal(RIG_RUN(rig, "status", rig->dir, "--watch"), CLI_OK); /* and comes back */
    status_has(rig, "finished  11 of 11  finished 8  step_limit 1  quarantined 1  rejected 1\n");
    rig_put_text(rig, "progress.json", "{\"total\": 12}");
    assert_int_equal(RIG_RUN(rig, "status", rig->dir), CLI_OK);
    status_has(rig, ": stopped\n");
    status_has(rig, " 91.6 %"); /* rounded down: 100 % is all of them */
    assert_int_equal(cli_campaign_state_of(true, 11, 11), CLI_CAMPAIGN_RUNNING);
    assert_int_equal(cli_campaign_state_of(false, 0, 0), CLI_CAMPAIGN_FINISHED);
    assert_int_equal(cli_campaign_state_of(false, 5, -1), CLI_CAMPAIGN_STOPPED);
}

static void test_running(void **state)
{
    campaign_rig *rig = *state;
    const struct timespec nap = {0, 30 * 1000 * 1000};
    char text[512];
    rig_clear(rig);
    rig_campaign(rig, 0, 2, 2);
    const double began = status_now();
    ath_journal *j = rig_journal(rig, 100);
    for (int i = 2; i < 8; i += 2) {
        nanosleep(&nap, NULL);
        rig_put(rig, j, i);
        rig_put(rig, j, i + 1);
        assert_int_equal(ath_journal_commit(j), ATH_OK);
    }
    const double took = status_now() - began;
    rig_put(rig, j, 8); /* not committed */
    assert_int_equal(RIG_RUN(rig, "status", rig->dir, "--json"), CLI_OK);
    status_has(rig, "{\"state\": \"running\", \"command\": \"run\"");
    assert_true(status_value(rig, "records") == 8.0);
    assert_true(isnan(status_value(rig, "total")));
    assert_true(isnan(status_value(rig, "eta_seconds")));
    const double rate = status_value(rig, "records_per_second");
    assert_true(rate > 6.0 / (took + 0.5) && rate < 6.0 / 0.09 * 1.01);
    /* it began behind the first two */
    snprintf(text, sizeof text,
             "{\"total\": 20, \"active\": 3, \"queued\": 9, \"stage_active\": [2, 1], "
             "\"atom_steps_per_second\": 5130000, \"occupancy\": 0.975, \"records_before\": 2, "
             "\"started\": %.6f}",
             began);
    rig_put_text(rig, "progress.json", text);
    assert_int_equal(RIG_RUN(rig, "status", rig->dir, "--json"), CLI_OK);
    const double fresh = status_value(rig, "records_per_second");
    assert_true(fresh > 6.0 / (took + 0.5) && fresh < 6.0 / 0.09 * 1.01);
    assert_true(fabs(status_value(rig, "eta_seconds") * fresh - 12.0) < 1e-6);
    assert_true(status_value(rig, "active") == 3.0);
    assert_true(status_value(rig, "occupancy") == 0.975);
    assert_int_equal(RIG_RUN(rig, "status", rig->dir), CLI_OK);
    status_has(rig, ": running\n");
    status_has(rig, "structures/s     ");
    status_has(rig, ", done in ");
    status_has(rig, "in work          3: opt 2, hot run 1; 9 waiting\n");
    status_has(rig, "atom-steps/s     5.13 M, 98 % of the batch at work\n");
    /* the groups in the segment go back to before a pause of which nothing is known */
    snprintf(text, sizeof text, "{\"total\": 20, \"started\": %.6f}", began);
    rig_put_text(rig, "progress.json", text);
    assert_int_equal(RIG_RUN(rig, "status", rig->dir, "--json"), CLI_OK);
    assert_true(isnan(status_value(rig, "records_per_second")));
    ath_journal_close(&j);
    assert_int_equal(RIG_RUN(rig, "status", rig->dir, "--json"), CLI_OK);
    status_has(rig, "{\"state\": \"stopped\"");
}

/* A process that writes and is gone: what it had committed counts, and it is not running. */
static void test_crashed(void **state)
{
    campaign_rig *rig = *state;
    int result = 0;
    rig_clear(rig);
    rig_campaign(rig, 0, 2, 2);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        ath_journal *j = rig_journal(rig, 2);
        for (int i = 2; i < 7; i++) {
            rig_put(rig, j, i);
        }
        kill(getpid(), SIGKILL);
        _exit(1);
    }
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFSIGNALED(result));
    assert_int_equal(RIG_RUN(rig, "status", rig->dir), CLI_OK);
    status_has(rig, ": stopped\n");
    status_has(rig, "6 structures so far");
}

static void test_json(void **state)
{
    campaign_rig *rig = *state;
    rig_clear(rig);
    rig_campaign(rig, 0, RIG_RECORDS, 3);
    rig_put_text(rig, "checkpoint.1", "0123456789");
    const double now = status_now();
    assert_int_equal(RIG_RUN(rig, "status", rig->dir, "--json"), CLI_OK);
    assert_int_equal(rig_count(rig->said, "\n"), 1);
    status_has(rig, "\"state\": \"stopped\"");
    status_has(rig, "\"model\": \"emt:precision=double\"");
    assert_true(status_value(rig, "records") == 11.0);
    status_has(rig, "\"states\": {\"finished\": 8, \"step_limit\": 1, \"quarantined\": 1, "
                    "\"rejected\": 1}");
    assert_true(status_value(rig, "converged") == 8.0);
    assert_true(status_value(rig, "bad_input") == 1.0);
    assert_true(status_value(rig, "too_large") == 0.0);
    assert_true(fabs(status_value(rig, "quarantine_share") - 1.0 / 11.0) < 1e-15);
    assert_true(fabs(status_value(rig, "last_commit") - now) < 60.0);
    assert_true(fabs(status_value(rig, "last_commit_age")) < 60.0);
    status_has(rig, "\"checkpoints\": [{\"name\": \"checkpoint.1\", \"bytes\": 10, \"age\": ");
    assert_true(fabs(status_value(rig, "age")) < 60.0);
    assert_true(isnan(status_value(rig, "total")));
    assert_true(isnan(status_value(rig, "occupancy")));
    assert_int_equal(RIG_RUN(rig, "status", rig->dir), CLI_OK);
    status_has(rig, "checkpoints      1: 0.");
    status_has(rig, "s ago, 0.0 MB\n");
}

/* progress.json is a hint: whatever is wrong with it, there is an answer. */
static void test_progress(void **state)
{
    static const char *const odd[] = {"",
                                      "{",
                                      "[]",
                                      "{\"total\": 99",
                                      "{\"total\": 99} {}",
                                      "{\"total\": 1e400, \"active\": {}}",
                                      "{\"total\": -1}",
                                      "{\"total\": \"99\"}",
                                      "{\"stage_active\": [1, [2]], \"total\": 99}"};
    campaign_rig *rig = *state;
    rig_clear(rig);
    rig_campaign(rig, 0, RIG_RECORDS, 3);
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        rig_put_text(rig, "progress.json", odd[i]);
        assert_int_equal(RIG_RUN(rig, "status", rig->dir, "--json"), CLI_OK);
        assert_true(isnan(status_value(rig, "total")));
        assert_true(status_value(rig, "records") == 11.0);
    }
    rig_put_text(rig, "progress.json",
                 "{\"total\": 99, \"stage_active\": [1, -2, 3], \"x\": [[{}]], \"taken\": 5, "
                 "\"seconds\": -3, \"active\": -7, \"updated\": 12.5}");
    assert_int_equal(RIG_RUN(rig, "status", rig->dir, "--json"), CLI_OK);
    assert_true(status_value(rig, "total") == 99.0);
    assert_true(status_value(rig, "updated") == 12.5);
    assert_true(isnan(status_value(rig, "active")));
    char *large = malloc(1 << 20);
    assert_non_null(large);
    memset(large, ' ', 1 << 20);
    memcpy(large, "{\"total\": 98}", 13);
    rig_put_file(rig, "progress.json", large, 1 << 20);
    free(large);
    assert_int_equal(RIG_RUN(rig, "status", rig->dir, "--json"), CLI_OK);
    assert_true(isnan(status_value(rig, "total")));
}

static void test_usage(void **state)
{
    campaign_rig *rig = *state;
    rig_clear(rig);
    assert_int_equal(RIG_RUN(rig, "status"), CLI_USAGE);
    assert_int_equal(RIG_RUN(rig, "status", rig->dir), CLI_NO_INPUT);
    (void)mkdir(rig->dir, 0777);
    assert_int_equal(RIG_RUN(rig, "status", rig->dir), CLI_NO_INPUT);
    rig_put_text(rig, "job.json", rig_job);
    assert_int_equal(RIG_RUN(rig, "status", rig->dir), CLI_NO_INPUT); /* no journal */
    rig_put_text(rig, "job.json", "{");
    assert_int_equal(RIG_RUN(rig, "status", rig->dir), CLI_DATA);
    assert_int_equal(RIG_RUN(rig, "status", rig->dir, "--watch=x"), CLI_USAGE);
    assert_int_equal(RIG_RUN(rig, "status", rig->dir, "--watch=-1"), CLI_USAGE);
    assert_int_equal(RIG_RUN(rig, "status", rig->dir, rig->dir), CLI_USAGE);
}

/* What acts on a terminal does not get there. */
static void test_hostile(void **state)
{
    campaign_rig *rig = *state;
    rig_clear(rig);
    rig_campaign(rig, 0, 3, 3);
    rig_put_text(rig, "job.json",
                 "{\"command\": \"\\u001b[2J\\u0007\xc2\x9b\", \"model\": \"\\r\\nx:\"}");
    assert_int_equal(RIG_RUN(rig, "status", rig->dir), CLI_OK);
    for (const char *p = rig->said; *p; p++) {
        assert_true((unsigned char)*p >= 0x20 || *p == '\n');
        assert_true((unsigned char)*p != 0x9b && *p != 0x7f);
    }
    status_has(rig, "?[2J?");
    assert_int_equal(RIG_RUN(rig, "status", rig->dir, "--json"), CLI_OK);
    status_has(rig, "\"command\": \"\\u001b[2J\\u0007");
}

/* ---- again and again ---- */

static volatile sig_atomic_t status_stop;

static void status_alarm(int number)
{
    (void)number;
    status_stop = 1;
}

/* Runs until a signal comes, a third of a second later. */
static int status_watch(campaign_rig *rig, const char *const *arguments)
{
    const struct itimerval third = {.it_value = {.tv_usec = 333000}};
    const struct sigaction action = {.sa_handler = status_alarm, .sa_flags = SA_RESTART};
    status_stop = 0;
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &third, NULL), 0);
    rig->interrupted = &status_stop;
    const int code = rig_run(rig, arguments);
    rig->interrupted = NULL;
    assert_true(status_stop);
    return code;
}

static void test_watch(void **state)
{
    campaign_rig *rig = *state;
    rig_clear(rig);
    rig_campaign(rig, 0, 3, 3);
    const char *const before[] = {"status", "-w", "0.02", rig->dir, NULL};
    const char *const behind[] = {"status", rig->dir, "--watch=0.02", NULL};
    const char *const json[] = {"status", rig->dir, "--json", "-w0.02", NULL};
    const char *const slow[] = {"status", "-w", rig->dir, NULL};
    assert_int_equal(status_watch(rig, before), CLI_OK);
    assert_true(rig_count(rig->said, "stopped  3  finished 3\n") >= 3);
    assert_int_equal(rig_count(rig->said, "stopped"), rig_count(rig->said, "\n"));
    assert_int_equal(status_watch(rig, behind), CLI_OK);
    assert_true(rig_count(rig->said, "stopped  3  finished 3\n") >= 3);
    assert_int_equal(status_watch(rig, json), CLI_OK);
    assert_true(rig_count(rig->said, "{\"state\": ") >= 3);
    assert_int_equal(rig_count(rig->said, "{\"state\": "), rig_count(rig->said, "\n"));
    assert_int_equal(status_watch(rig, slow), CLI_OK); /* two seconds: it is stopped before */
    assert_int_equal(rig_count(rig->said, "\n"), 1);
}

/* On a terminal it is drawn over what was there. */
static void test_terminal(void **state)
{
    campaign_rig *rig = *state;
    static char text[1 << 16];
    rig_clear(rig);
    rig_campaign(rig, 0, 3, 3);
    const int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0) {
        skip();
    }
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    const int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    assert_true(slave >= 0);
    rig->out = fdopen(slave, "w");
    assert_non_null(rig->out);
    const char *const watch[] = {"status", "--watch", "0.15", rig->dir, NULL};
    assert_int_equal(status_watch(rig, watch), CLI_OK);
    const ssize_t n = read(master, text, sizeof text - 1);
    assert_true(n > 0);
    fclose(rig->out);
    close(master);
    rig->out = NULL;
    assert_int_equal(rig_count(text, "\033[2J"), 1);
    assert_true(rig_count(text, "\033[H") >= 2);
    assert_int_equal(rig_count(text, "\033[H"), rig_count(text, "\033[J"));
    assert_non_null(strstr(text, "last commit"));
}

/* ---- failures ---- */

static void status_prepare(campaign_rig *rig)
{
    (void)rig;
}

/* What it says of the journal is true; of the program it may say nothing. */
static void status_check(campaign_rig *rig, int code)
{
    if (code == CLI_OK) {
        status_has(rig, "\"records\": 11, ");
        assert_true(strstr(rig->said, "\"total\": 40,") || strstr(rig->said, "\"total\": null,"));
    } else {
        assert_string_equal(rig->said, "");
        assert_true(strlen(rig->told) > 0);
    }
}

static void test_faults(void **state)
{
    campaign_rig *rig = *state;
    rig_clear(rig);
    rig_campaign(rig, 0, RIG_RECORDS, 3);
    rig_put_text(rig, "progress.json", "{\"total\": 40}");
    const char *const arguments[] = {"status", rig->dir, "--json", NULL};
    rig_sweep_all(&(rig_sweep){rig, arguments, status_prepare, status_check, CLI_OK});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stopped), cmocka_unit_test(test_finished),
        cmocka_unit_test(test_running), cmocka_unit_test(test_crashed),
        cmocka_unit_test(test_json),    cmocka_unit_test(test_progress),
        cmocka_unit_test(test_usage),   cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_watch),   cmocka_unit_test(test_terminal),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests_name("status", tests, rig_set_up, rig_tear_down);
}
