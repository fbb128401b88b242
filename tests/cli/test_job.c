/* Job files: every key, the mistakes that people make with the place that the message has to name,
 * the command line on top, printing and reading again, files that are no job files, memory and
 * reads that fail.
 */
#include "job_rig.h"

#include <athanor/sink.h>

static const char job_least[] = "stages: [{integrator: fire, until: {fmax: 0.05}}]\n";

/* ---- what is read ---- */

static void test_defaults(void **state)
{
    job_rig *rig = *state;
    cli_job job;
    assert_int_equal(rig_parse(rig, job_least, &job), CLI_OK);
    assert_null(job.out);
    assert_null(job.model);
    assert_string_equal(job.device, "host");
    assert_int_equal(job.n_input, 0);
    assert_true(job.seed == 0 && job.threads == 0 && job.strict == 0 && job.overwrite == 0);
    assert_true(job.refill == 1 && job.policy == ATH_SINK_BLOCK && job.n_hooks == 0);
    assert_true(job.limits.systems == 64 && job.limits.atoms == 0 && job.limits.edges == 0);
    assert_true(job.limits.guards.max_force == 0.0 && job.n_sinks == 0 && job.n_stages == 1);
    const cli_guard_settings *g = &job.limits.guards;
    assert_true(g->max_displacement == 0.0 && g->max_temperature == 0.0);
    assert_true(g->max_volume_change == 0.0 && g->min_distance == 0.0);
    assert_true(g->retry == CLI_RETRY_AUTO && g->good_every == 100);
    const cli_job_stage *stage = job.stages;
    assert_string_equal(stage->name, "fire");
    assert_string_equal(stage->integrator, "fire");
    assert_true(stage->steps == CLI_UNSET && stage->seed == CLI_UNSET);
    assert_true(stage->until.fmax == 0.05 && stage->until.energy_change == CLI_UNSET_REAL);
    assert_true(stage->until.smax == CLI_UNSET_REAL);
    assert_true(stage->velocities == ATH_VELOCITIES_KEEP);
    assert_true(stage->temperature == CLI_UNSET_REAL && stage->assess_on_entry == 0);
    assert_true(stage->at_limit == CLI_UNSET && stage->n_hooks == 0);
    cli_job_free(&rig->c, &job);
    assert_null(job.stages);
    const char *both = "stages: [{integrator: fire, steps: 5, until: fmax=0.05}]";
    assert_int_equal(rig_parse(rig, both, &job), CLI_OK);
    assert_true(job.stages[0].at_limit == CLI_JOB_STOP);
    cli_job_free(&rig->c, &job);
}

static void check_full_hooks(const cli_job *job)
{
    const cli_job_hook *h = job->hooks;
    assert_int_equal(job->n_hooks, 8);
    assert_true(h[0].type == CLI_JOB_HOOK_LOG && h[0].format == CLI_JOB_JSONL && h[0].every == 7);
    assert_true(h[0].own_steps == 1 && h[0].thermo == 1);
    assert_string_equal(h[0].path, "energies.jsonl");
    assert_true(h[1].type == CLI_JOB_HOOK_SNAPSHOT && h[1].every == 50);
    assert_true(h[1].sink.type == CLI_JOB_SINK_FILE && h[1].sink.velocities == 1);
    assert_true(h[1].sink.forces == 0);
    assert_string_equal(h[1].sink.path, "frames.extxyz");
    assert_true(h[2].type == CLI_JOB_HOOK_CONVERGED_SNAPSHOT && h[2].sink.forces == 1);
    assert_string_equal(h[2].sink.path, "converged.extxyz");
    assert_true(h[3].type == CLI_JOB_HOOK_NAN && h[3].raise == 1);
    assert_true(h[4].type == CLI_JOB_HOOK_DRIFT && h[4].threshold == 1e-6 && h[4].kinetic == 0);
    assert_true(h[4].metric == CLI_JOB_ABSOLUTE && h[4].action == CLI_JOB_QUARANTINE);
    assert_true(h[5].type == CLI_JOB_HOOK_WRAP && h[5].every == 3);
    assert_true(h[6].type == CLI_JOB_HOOK_ALIGN && h[6].every == 4);
    assert_true(h[7].type == CLI_JOB_HOOK_TIMING);
    assert_string_equal(h[7].path, "phases.json");
    assert_int_equal(job->stages[0].n_hooks, 2);
    h = job->stages[0].hooks;
    assert_true(h[0].type == CLI_JOB_HOOK_CLAMP && h[0].max_force == 50.0);
    assert_true(h[1].type == CLI_JOB_HOOK_FREEZE && h[1].category == 2);
    assert_true(h[1].components + 1 == (1 | 4));
    assert_string_equal(h[1].field, "layer");
}

static void test_every_key(void **state)
{
    job_rig *rig = *state;
    cli_job job;
    char *text = rig_slurp("tests/cli/job_full.yaml");
    assert_int_equal(rig_parse(rig, text, &job), CLI_OK);
    assert_int_equal(job.n_input, 2);
    assert_string_equal(job.input[0], "start.xyz");
    assert_string_equal(job.input[1], "more/*.xyz@0:10");
    assert_string_equal(job.out, "results");
    assert_string_equal(job.device, "cuda:1");
    assert_string_equal(job.model, "sw:set=Ge,elements=\"Si;Ge\",file=\"a \\\"b\\\", c\"");
    assert_true(job.seed == -3 && job.threads == 2 && job.strict == 1 && job.overwrite == 1);
    assert_true(job.limits.systems == 10 && job.limits.atoms == 1000000);
    assert_true(job.limits.edges == 5000000 && job.limits.guards.max_force == 1000.0);
    const cli_guard_settings *g = &job.limits.guards;
    assert_true(g->max_displacement == 0.5 && g->max_temperature == 2e4);
    assert_true(g->max_volume_change == 2.5 && g->min_distance == 0.75);
    assert_true(g->retry == CLI_RETRY_NEVER && g->good_every == 50);
    assert_true(job.refill == 5 && job.policy == ATH_SINK_SPILL && job.n_stages == 2);
    assert_string_equal(job.stages[0].name, "No"); /* not false: YAML has no say in this */
    assert_string_equal(job.stages[0].integrator, "fire:dt=0.5,max_step=0.1,cell=iso");
    assert_true(job.stages[0].steps == 1000 && job.stages[0].until.fmax == 0.01);
    assert_true(job.stages[0].until.smax == 0.2);
    assert_true(job.stages[0].until.energy_change == 1e-6 && job.stages[0].assess_on_entry == 1);
    assert_true(job.stages[0].velocities == ATH_VELOCITIES_ZERO);
    assert_true(job.stages[0].at_limit == CLI_JOB_CONTINUE);
    assert_true(cli_job_seed(&job, &job.stages[0]) == 7);
    assert_true(cli_job_seed(&job, &job.stages[1]) == -3);
    assert_string_equal(job.stages[1].name, "langevin");
    assert_true(job.stages[1].velocities == ATH_VELOCITIES_MISSING);
    assert_true(job.stages[1].temperature == 300.0);
    assert_true(job.stages[1].at_limit == CLI_UNSET);
    check_full_hooks(&job);
    assert_int_equal(job.n_sinks, 2);
    assert_true(job.sinks[0].type == CLI_JOB_SINK_MEMORY && job.sinks[0].capacity == 100);
    assert_true(job.sinks[1].type == CLI_JOB_SINK_FILE && job.sinks[1].forces == 1);
    cli_job_free(&rig->c, &job);
    free(text);
}

/* Ways to write the same thing. */
static void test_spellings(void **state)
{
    static const char *const texts[] = {
        "\xef\xbb\xbfstages:\r\n  - integrator: fire\r\n    until:\r\n      fmax: 5e-2\r\n",
        "%YAML 1.1\n---\nstages: [{integrator: \"fire\", until: 'fmax = 0.05'}]\n...\n",
        "stages: [{integrator: {name: fire}, until: {fmax: +.05}}] # the end",
        "{\"stages\": [{\"integrator\": \"fire\", \"until\": {\"fmax\": 0.05}}]}",
        "stages:\n-\n integrator: >-\n  fire\n until: fmax=0.05\n\n# the end\n",
        "stages:\r- integrator: fire\r  until: fmax=50e-3\r",
    };
    job_rig *rig = *state;
    cli_job job;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (rig_parse(rig, texts[i], &job) != CLI_OK) {
            fail_msg("%zu: %s", i, rig_said(rig));
        }
        assert_string_equal(job.stages[0].integrator, "fire");
        assert_true(job.stages[0].until.fmax == 0.05);
        cli_job_free(&rig->c, &job);
    }
    /* what YAML 1.1 would take for truth values and numbers */
    const char *words =
        "model: {name: lj, pairs: No, lrc: Y, scheme: On, sigma: 1e6, cutoff: ''}\n"
        "out: 0x10\npolicy: 'fail'\nstages: [{name: 010, integrator: nve, steps: 1e6}]\n";
    assert_int_equal(rig_parse(rig, words, &job), CLI_OK);
    assert_string_equal(job.model, "lj:pairs=No,lrc=Y,scheme=On,sigma=1e6,cutoff=\"\"");
    assert_string_equal(job.out, "0x10");
    assert_true(job.policy == ATH_SINK_FAIL);
    assert_string_equal(job.stages[0].name, "010");
    assert_int_equal(job.stages[0].steps, 1000000);
    cli_job_free(&rig->c, &job);
}

/* ---- what is refused ---- */

#define AFTER_LEAST "stages: [{integrator: fire, until: {fmax: 0.05}}]\n"

static const struct {
    const char *text, *message; /* the beginning of a line behind "athanor: job.yaml:" */
} job_mistakes[] = {
    {AFTER_LEAST "sed: 3\n", "2:1: unknown key (key sed): did you mean 'seed'?"},
    {AFTER_LEAST "Max-Systems: 3\n", "2:1: unknown key (key Max-Systems): there is none"},
    {"stages: [{integrator: fire, stpes: 3, until: fmax=1}]",
     "1:29: unknown key (key stages[0].stpes): did you mean 'steps'?"},
    {"seed: 1\n" AFTER_LEAST "seed: 2\n",
     "3:1: key given twice (key seed): it stands in line 1 already"},
    {AFTER_LEAST "seed: three\n",
     "2:7: wrong value (key seed): expected a whole number from -9e+15 to 9e+15, found"},
    {AFTER_LEAST "threads: 1.5\n", "2:10: wrong value (key threads): expected a whole number from 0"
                                   " to 4096, found '1.5'"},
    {AFTER_LEAST "threads: 5000\n",
     "2:10: wrong value (key threads): expected a whole number from"},
    {AFTER_LEAST "threads: 0x10\n", "2:10: wrong value (key threads)"},
    {AFTER_LEAST "threads: 010\n", "2:10: wrong value (key threads)"},
    {AFTER_LEAST "threads: 0o10\n", "2:10: wrong value (key threads)"},
    {AFTER_LEAST "threads: 1_0\n", "2:10: wrong value (key threads)"},
    {AFTER_LEAST "threads: 1:30\n", "2:10: wrong value (key threads)"},
    {AFTER_LEAST "threads: \"2\"\n", "2:10: wrong value (key threads): expected a whole number "
                                     "from 0 to 4096, found the text '2'"},
    {AFTER_LEAST "threads: 1e400\n", "2:10: wrong value (key threads)"},
    {AFTER_LEAST "threads: [2]\n", "2:10: wrong value (key threads): expected a whole number from "
                                   "0 to 4096, found a list"},
    {AFTER_LEAST "threads:\n", "2:9: wrong value (key threads): expected a whole number from 0 to "
                               "4096, found nothing"},
    {AFTER_LEAST "out:\n", "2:5: wrong value (key out): expected a text, found nothing"},
    {AFTER_LEAST "out: ''\n", "2:6: wrong value (key out): expected a text, found the text ''"},
    {AFTER_LEAST "out: ~\n", "2:6: wrong value (key out): expected a text, found ~ (leave"},
    {AFTER_LEAST "out: null\n", "2:6: wrong value (key out): expected a text, found null (leave"},
    {AFTER_LEAST "strict: on\n", "2:9: wrong value (key strict): expected true or false, found"},
    {AFTER_LEAST "strict: 'true'\n", "2:9: wrong value (key strict): expected true or false"},
    {AFTER_LEAST "limits: {max_force: .inf}\n",
     "2:21: wrong value (key limits.max_force): expected "
     "a number"},
    {AFTER_LEAST "limits: {max_volume_change: 0.9}\n",
     "2:29: wrong value (key limits.max_volume_change): expected a factor above 1"},
    {AFTER_LEAST "limits: {max_temperature: -1}\n",
     "2:27: wrong value (key limits.max_temperature)"},
    {AFTER_LEAST "limits: {retry: once}\n", "2:17: wrong value (key limits.retry)"},
    {AFTER_LEAST "limits: {good_every: 0}\n", "2:22: wrong value (key limits.good_every)"},
    {AFTER_LEAST "limits: {max_force: .nan}\n", "2:21: wrong value (key limits.max_force)"},
    {AFTER_LEAST "limits: {max_force: nan}\n", "2:21: wrong value (key limits.max_force)"},
    {AFTER_LEAST "limits: {max_force: -1}\n", "2:21: wrong value (key limits.max_force)"},
    {AFTER_LEAST "limits: 64\n", "2:9: wrong value (key limits): expected a mapping, found '64'"},
    {AFTER_LEAST "limits: {systems: 0}\n", "2:19: wrong value (key limits.systems)"},
    {AFTER_LEAST "input: []\n", "2:8: wrong value (key input): expected a text or a list of texts"},
    {AFTER_LEAST "input: [a.xyz, {b: c}]\n", "2:16: wrong value (key input[1]): expected a text, "
                                             "found a mapping"},
    {AFTER_LEAST "device: gpu\n", "2:9: wrong value (key device): expected host, mock or cuda:N"},
    {AFTER_LEAST "device: cuda:\n",
     "2:13: not YAML: mapping values are not allowed in this context"},
    {AFTER_LEAST "device: 'cuda:'\n", "2:9: wrong value (key device)"},
    {AFTER_LEAST "policy: spil\n",
     "2:9: wrong value (key policy): expected one of block|spill|fail"},
    {AFTER_LEAST "model: {epsilon: 1}\n", "2:8: missing key (key model): a mapping here needs"},
    {AFTER_LEAST "model: {name: 'lj:sigma=1', epsilon: 1}\n", "2:15: wrong value (key model.name)"},
    {AFTER_LEAST "model: {name: lj, sigma: [1]}\n",
     "2:26: wrong value (key model.sigma): expected a"
     " text or a number, found a list"},
    {AFTER_LEAST "model: {name: lj, sigma: 1, sigma: 2}\n",
     "2:29: key given twice (key model.sigma)"},
    {AFTER_LEAST "model: {name: lj, 'a=b': 2}\n", "2:19: wrong key (key model): 'a=b' cannot be"},
    {AFTER_LEAST "model: {name: lj, sigma: }\n", "2:26: wrong value (key model.sigma)"},
    {AFTER_LEAST "model: [lj]\n",
     "2:8: wrong value (key model): expected a text or a mapping with"},
    {"seed: 1\n", "1:1: missing key (key stages)"},
    {"stages: []\n", "1:9: wrong value (key stages): expected a list of mappings, found a list"},
    {"stages: {integrator: fire}\n", "1:9: wrong value (key stages): expected a list of mappings"},
    {"stages: [fire]\n", "1:10: wrong value (key stages[0]): expected a mapping, found 'fire'"},
    {"stages: [{steps: 3}]\n", "1:10: missing key (key stages[0].integrator)"},
    {"stages: [{integrator: fire}]\n", "1:10: missing key (key stages[0].steps): a stage needs"},
    {"stages: [{integrator: fier, steps: 1}]\n", "1:23: wrong value (key stages[0].integrator): "},
    {"stages: [{integrator: {name: fire, dtt: 1}, steps: 1}]\n",
     "1:23: wrong value (key stages[0]."},
    {"stages: [{integrator: nve, steps: 1, until: {}}]\n",
     "1:45: wrong value (key stages[0].until)"},
    {"stages: [{integrator: nve, until: fmx=1}]\n",
     "1:35: unknown key (key stages[0].until.fmx): did you mean 'fmax'?"},
    {"stages: [{integrator: nve, until: 0.05}]\n", "1:35: wrong value (key stages[0].until)"},
    {"stages: [{integrator: nve, until: 'fmax=1,fmax=2'}]\n",
     "1:35: key given twice (key stages[0]"},
    {"stages: [{integrator: nve, until: 'fmax=1,'}]\n", "1:35: wrong value (key stages[0].until)"},
    {"stages: [{integrator: nve, until: 'fmax=-1'}]\n",
     "1:35: wrong value (key stages[0].until.fma"},
    {"stages: [{integrator: nve, until: {fmax: 0}}]\n",
     "1:42: wrong value (key stages[0].until.fma"},
    {"stages: [{integrator: 'fire:cell=full', until: {smax: 0}}]\n",
     "1:55: wrong value (key stages[0].until.smax): expected a number from 1e-12 to 1000000"},
    {"stages: [{integrator: 'fire:cell=full', until: {smax: much}}]\n",
     "1:55: wrong value (key stages[0].until.smax)"},
    {"stages: [{integrator: 'fire:cell=full', until: 'smax=-0.1'}]\n",
     "1:48: wrong value (key stages[0].until.smax)"},
    {"stages: [{integrator: 'fire:cell=full', until: {smx: 0.1}}]\n",
     "1:49: unknown key (key stages[0].until.smx): did you mean 'smax'?"},
    {"stages: [{integrator: fire, until: {smax: 0.1}}]\n",
     "1:36: useless key (key stages[0].until): 'smax' is about what an integrator relaxes"},
    {"stages: [{integrator: 'lbfgs:cell=none', until: {fmax: 1, smax: 0.1}}]\n",
     "1:49: useless key (key stages[0].until)"},
    {"stages: [{integrator: npt, steps: 3, until: {smax: 0.1}}]\n",
     "1:45: useless key (key stages[0].until)"},
    {AFTER_LEAST "hooks: [{type: log, thermo: 2}]\n",
     "2:29: wrong value (key hooks[0].thermo): expected true or false, found '2'"},
    {AFTER_LEAST "hooks: [{type: wrap, thermo: true}]\n",
     "2:22: unknown key (key hooks[0].thermo)"},
    {"stages: [{integrator: nve, steps: 1, at_limit: stop}]\n",
     "1:48: useless key (key stages[0].at"},
    {"stages: [{integrator: nve, steps: 1, until: fmax=1, at_limit: continue}]\n",
     "1:63: wrong value (key stages[0].at_limit): there is no stage behind"},
    {"stages: [{integrator: nve, steps: 1, assess_on_entry: true}]\n",
     "1:55: useless key (key stag"},
    {"stages: [{integrator: nve, steps: 1, velocities: thermal}]\n",
     "1:10: missing key (key stages["},
    {"stages: [{integrator: nve, steps: 1, temperature: 30}]\n",
     "1:51: useless key (key stages[0]."},
    {"stages: [{integrator: nve, steps: 1}, {integrator: nve, steps: 2}]\n",
     "1:39: wrong value (key stages[1].name): stages[0] is called 'nve', too"},
    {AFTER_LEAST "hooks: [nan]\n", "2:9: wrong value (key hooks[0]): expected a mapping"},
    {AFTER_LEAST "hooks: [{every: 3}]\n", "2:9: missing key (key hooks[0].type): a hook needs it"},
    {AFTER_LEAST "hooks: [{type: snapshoot}]\n",
     "2:16: wrong value (key hooks[0].type): expected "
     "one of log|snapshot|converged_snapshot|nan|clamp"},
    {AFTER_LEAST "hooks: [{type: nan, type: log}]\n", "2:21: key given twice (key hooks[0].type)"},
    {AFTER_LEAST "hooks: [{type: nan, every: 3}]\n", "2:21: unknown key (key hooks[0].every)"},
    {AFTER_LEAST "hooks: [{type: clamp}]\n", "2:9: missing key (key hooks[0].max_force)"},
    {AFTER_LEAST "hooks: [{type: freeze, components: zx}]\n",
     "2:36: wrong value (key hooks[0].comp"},
    {AFTER_LEAST "hooks: [{type: snapshot, sink: [a]}]\n", "2:32: wrong value (key hooks[0].sink)"},
    {AFTER_LEAST "hooks: [{type: snapshot, sink: {type: file}}]\n",
     "2:32: missing key (key hooks[0]"
     ".sink.path)"},
    {AFTER_LEAST "hooks: [{type: log}, {type: log}]\n",
     "2:22: wrong value (key hooks[1].path): 'log"
     ".csv' is taken"},
    {AFTER_LEAST "hooks: [{type: log, path: ../a}]\n",
     "2:27: wrong value (key hooks[0].path): '../a'"
     " is no plain name"},
    {AFTER_LEAST "hooks: [{type: log, path: a/b}]\n",
     "2:27: wrong value (key hooks[0].path): 'a/b'"},
    {AFTER_LEAST "hooks: [{type: snapshot, sink: run.log}]\n",
     "2:9: wrong value (key hooks[0].sink."},
    {AFTER_LEAST "sinks: [{type: file, path: a}, {type: file, path: a}]\n",
     "2:51: wrong value (key "
     "sinks[1].path)"},
    {AFTER_LEAST "sinks: [{type: memory, path: a, capacity: 3}]\n",
     "2:24: unknown key (key sinks[0]"},
    {"a: &x 1\n" AFTER_LEAST, "1:4: anchor: a job file has no anchors"},
    {"seed: *x\n" AFTER_LEAST, "1:7: alias: a job file has no aliases"},
    {"<<: {seed: 1}\n" AFTER_LEAST, "1:1: merge key: a job file has no '<<'"},
    {"seed: !!int 1\n" AFTER_LEAST, "1:7: tag: a job file has no tags"},
    {"? [a]\n: 1\n" AFTER_LEAST, "1:3: wrong key: a key is a text"},
    {AFTER_LEAST "---\n" AFTER_LEAST, "2:1: several documents: a job file is one document"},
    {"stages:\n\t- integrator: fire\n", "2:1: tab: a tab in front of a line"},
    {"stages: [{integrator: fire\n", "2:1: not YAML: did not find expected"},
    {"out: \"a\nstages: 1\n", "3:1: not YAML: found unexpected end of stream"},
    {"input: *.xyz\n",
     "1:9: not YAML: did not find expected alphabetic or numeric character, while "
     "scanning an alias that begins at line 1; a text that begins like this "
     "needs quotes"},
    {"input: @a\n",
     "1:8: not YAML: found character that cannot start any token, while scanning for "
     "the next token that begins at line 1; a text that begins like this needs"},
    {"out: |\n  a\n  b\n" AFTER_LEAST, "1:6: wrong text: it has a line break"},
    {"out: \"a\\0b\"\n" AFTER_LEAST, "1:6: wrong text: it has a line break or a control"},
    {"[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]\n", "1:17: too deep: lists and mappings stand 16 deep"},
    {"text\n", "1:1: wrong value: expected a mapping (key: value), found 'text'"},
    {"", "1:1: empty: there is nothing in it"},
    {"# nothing\n\n", "1:1: empty: there is nothing in it"},
    {"---\n", "2:1: wrong value: expected a mapping (key: value), found nothing"},
    {"seed: \x01\n", "1:7: not a text file: byte 0x01 is (or begins) a control character"},
    {"out: a\xc2\x80\n", "1:7: not a text file: byte 0xc2 is (or begins) a control character"},
    {"a: \xef\xbb\xbf\n", "1:4: not a text file: byte 0xef is (or begins) a control character"},
    {"out: \xed\xa0\x80\n", "1:6: not a text file: byte 0xed is not UTF-8"},
    {"out: \xc0\xaf\n", "1:6: not a text file: byte 0xc0 is not UTF-8"},
    {"\xff\xfes\n", "1:1: not a text file: it is UTF-16"},
    {"out: \xc3\xa4\xff\n", "1:7: not a text file: byte 0xff is not UTF-8"},
    {"\x7f"
     "ELF\x02\x01",
     "1:1: not a text file: byte 0x7f"},
};

static void test_mistakes(void **state)
{
    job_rig *rig = *state;
    cli_job job;
    int bad = 0;
    for (size_t i = 0; i < sizeof job_mistakes / sizeof *job_mistakes; i++) {
        char want[400];
        const int code = rig_parse(rig, job_mistakes[i].text, &job);
        const char *said = rig_said(rig);
        snprintf(want, sizeof want, "\nathanor: job.yaml:%s", job_mistakes[i].message);
        if (code != CLI_DATA || !strstr(said, want)) {
            print_error("%s  is %d and not%s\n  but%s", job_mistakes[i].text, code, want, said);
            bad++;
        }
        assert_null(job.stages);
    }
    assert_int_equal(bad, 0);
}

static int job_count(const char *text, const char *pattern)
{
    int n = 0;
    for (; (text = strstr(text, pattern)) != NULL; text++) {
        n++;
    }
    return n;
}

/* Mistakes of every kind in one file: all are said, in its order, each once. */
static void test_all_at_once(void **state)
{
    job_rig *rig = *state;
    cli_job job;
    const char *text = "sed: 1\n"
                       "threads: x\n"
                       "out: *a\n"
                       "stages:\n"
                       "  - {integrator: fire}\n"
                       "  - {integrator: fire, steps: y}\n"
                       "  - {name: a, integrator: nve, steps: 1, temperature: 3}\n"
                       "hooks: [{type: clamp}]\n"
                       "device: gpu\n";
    assert_int_equal(rig_parse(rig, text, &job), CLI_DATA);
    const char *said = rig_said(rig), *at = said;
    static const char *const lines[] = {
        "\nathanor: job.yaml:1:1:", "\nathanor: job.yaml:2:10:", "\nathanor: job.yaml:3:6:",
        "\nathanor: job.yaml:5:5:", "\nathanor: job.yaml:6:31:", "\nathanor: job.yaml:7:55:",
        "\nathanor: job.yaml:8:9:", "\nathanor: job.yaml:9:9:"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        if (!strstr(at, lines[i])) {
            fail_msg("no%s in%s", lines[i], said);
        }
        at = strstr(at, lines[i]) + 1;
    }
    assert_int_equal(job_count(said, "\nathanor: "), 8);
    char many[1024] = AFTER_LEAST;
    for (int i = 0; i < 14; i++) {
        snprintf(many + strlen(many), sizeof many - strlen(many), "zz%d: 1\n", i);
    }
    assert_int_equal(rig_parse(rig, many, &job), CLI_DATA);
    said = rig_said(rig);
    assert_int_equal(job_count(said, ": unknown key"), CLI_JOB_PROBLEMS);
    assert_non_null(strstr(said, "athanor: job.yaml: and 4 more\n"));
}

/* Each mistake is said once, without others that only follow from it. */
static void test_no_more(void **state)
{
    static const struct {
        const char *text;
        int n;
    } cases[] = {
        {AFTER_LEAST "hooks: [{type: log}, {type: log, path: [x]}]\n", 1},
        {"stages: [{integrator: fire, steps: x}, {integrator: [fire], steps: 1}]\n", 2},
        {"stages: [{integrator: fire, steps: *x}]\n", 1},
        {"stages: [{integrator: *x, steps: 3}, {integrator: nve, velocities: termal, steps: 1}]\n",
         2},
        {AFTER_LEAST "sed: 1\n---\n" AFTER_LEAST, 2},
        {AFTER_LEAST "model: {name: *a, sigma: *b}\ninput: [*c, d]\n", 3},
    };
    job_rig *rig = *state;
    cli_job job;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(rig_parse(rig, cases[i].text, &job), CLI_DATA);
        const char *said = rig_said(rig);
        if (job_count(said, "\nathanor: ") != cases[i].n) {
            fail_msg("%s is not %d messages: %s", cases[i].text, cases[i].n, said);
        }
    }
}

/* Nothing that acts on a terminal is shown, however long. */
static void test_shown(void **state)
{
    job_rig *rig = *state;
    cli_job job;
    assert_int_equal(rig_parse(rig,
                               AFTER_LEAST "\"a\\x7fb\": 1\n\"c\\u202ed\": 1\n"
                                           "threads: \"\\U0001f600"
                                           "eeeeeeeeeeeeeeeeeeeeeeeeee"
                                           "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee\"\n",
                               &job),
                     CLI_DATA);
    const char *said = rig_said(rig);
    for (const char *p = said; *p; p++) {
        assert_true((unsigned char)*p >= 0x20 || *p == '\n');
    }
    assert_null(strchr(said, 0x7f));
    assert_null(strstr(said, "\xe2\x80\xae"));
    assert_non_null(strstr(said, "(key c?d)"));
    assert_non_null(strstr(said, "eee...'"));
}

/* ---- files ---- */

static void test_files(void **state)
{
    job_rig *rig = *state;
    cli_job job;
    char path[] = "/tmp/test_job.XXXXXX";
    assert_int_equal(cli_job_read(&rig->c, "/nowhere/job.yaml", &job), CLI_NO_INPUT);
    assert_int_equal(cli_job_read(&rig->c, "/tmp", &job), CLI_IO);
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)64 << 20), 0);
    (void)rig_said(rig);
    rig->memory.peak_bytes = rig->memory.bytes;
    assert_int_equal(cli_job_read(&rig->c, path, &job), CLI_DATA);
    assert_non_null(strstr(rig_said(rig), ":1:1: too large: a job file has at most 1 MiB\n"));
    assert_true(rig->memory.peak_bytes < (size_t)8 << 20);
    /* as many values as fit into the size that is allowed */
    assert_int_equal(ftruncate(fd, 0), 0);
    char line[1024];
    memset(line, 'a', sizeof line);
    for (size_t i = 1; i < sizeof line; i += 2) {
        line[i] = ',';
    }
    assert_int_equal(pwrite(fd, "input: [", 8, 0), 8);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(pwrite(fd, line, sizeof line, 8 + 1024 * (off_t)i), sizeof line);
    }
    assert_int_equal(cli_job_read(&rig->c, path, &job), CLI_DATA);
    assert_non_null(strstr(rig_said(rig), ": too large: a job file has at most 100000 keys"));
    assert_true(rig->memory.peak_bytes < (size_t)32 << 20);
    /* every call of a good file */
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(pwrite(fd, job_least, sizeof job_least - 1, 0), sizeof job_least - 1);
    rig->n_io = 0;
    assert_int_equal(cli_job_read(&rig->c, path, &job), CLI_OK);
    cli_job_free(&rig->c, &job);
    assert_true(rig->n_io >= 3);
    for (int64_t n = rig->n_io; n > 0; n--) {
        rig->n_io = 0;
        rig->fail_io = n;
        assert_int_equal(cli_job_read(&rig->c, path, &job), n == 1 ? CLI_NO_INPUT : CLI_IO);
        assert_null(job.stages);
    }
    close(fd);
    unlink(path);
}

/* ---- the command line, and back to text ---- */

static int job_command_line(job_rig *rig, cli_job *job, int argc, const char *const *words)
{
    static const cli_command command = {.name = "run", .bit = CLI_RUN};
    char *argv[16] = {NULL};
    cli_settings settings;
    for (int i = 0; i < argc; i++) {
        argv[i] = (char *)(uintptr_t)words[i];
    }
    const int code = cli_options_parse(&rig->c, &command, argc, argv, &settings);
    return code ? code : cli_job_override(&rig->c, &settings, job);
}

static void test_command_line(void **state)
{
    static const char *const all[] = {
        "run",           "job.yaml",    "b.xyz",          "--out=other", "--seed=0",
        "--device=mock", "--threads=3", "--model=emt",    "--strict",    "--overwrite",
        "--max-atoms=7", "c.xyz",       "--max-systems=5"};
    job_rig *rig = *state;
    cli_job job;
    char *text = rig_slurp("tests/cli/job_full.yaml");
    assert_int_equal(rig_parse(rig, text, &job), CLI_OK);
    assert_int_equal(job_command_line(rig, &job, 2, all), CLI_OK); /* nothing changes */
    assert_true(job.seed == -3 && job.threads == 2 && job.limits.systems == 10);
    assert_true(job.strict == 1 && job.overwrite == 1 && job.n_input == 2);
    assert_string_equal(job.out, "results");
    assert_int_equal(job_command_line(rig, &job, 13, all), CLI_OK);
    assert_int_equal(job.n_input, 2);
    assert_string_equal(job.input[0], "b.xyz");
    assert_string_equal(job.input[1], "c.xyz");
    assert_string_equal(job.out, "other");
    assert_string_equal(job.device, "mock");
    assert_string_equal(job.model, "emt");
    assert_true(job.seed == 0 && job.threads == 3 && job.limits.systems == 5);
    assert_true(job.limits.atoms == 7 && job.strict == 1 && job.overwrite == 1);
    cli_job_free(&rig->c, &job);
    free(text);
    static const char *const missing[] = {"run", "job.yaml", "a.xyz", "--out=b"};
    static const char *const wanted[] = {"'input', and no IN", "'out', and no --out",
                                         "'model', and no --model"};
    for (int n = 2; n <= 4; n++) {
        assert_int_equal(rig_parse(rig, job_least, &job), CLI_OK);
        assert_int_equal(job_command_line(rig, &job, n, missing), CLI_USAGE);
        assert_non_null(strstr(rig_said(rig), wanted[n - 2]));
        cli_job_free(&rig->c, &job);
    }
    static const char *const bytes[] = {"run", "job.yaml", "--out=\xff"};
    assert_int_equal(rig_parse(rig, job_least, &job), CLI_OK);
    assert_int_equal(job_command_line(rig, &job, 3, bytes), CLI_USAGE);
    cli_job_free(&rig->c, &job);
}

static void test_round_trip(void **state)
{
    job_rig *rig = *state;
    cli_job job;
    char *full = rig_slurp("tests/cli/job_full.yaml");
    const char *texts[] = {full, job_least,
                           AFTER_LEAST "out: \"\\u00e4 \\U0001f600 \\u2028\\ufeff\\x85 '#: \\\\\"\n"
                                       "input: ['- a', \"? b\", '~', 'null', '\"', 'No']\n"};
    static const char *const kept[] = {
        "  - name: \"No\"\n    integrator: \"fire:dt=0.5,max_step=0.1,cell=iso\"\n    steps: 1000\n"
        "    until:\n      fmax: 0.01\n      smax: 0.2\n      energy_change: 1e-06\n    "
        "velocities: zero\n"
        "    seed: 7\n    remove_momentum: true\n    remove_rotation: false\n"
        "    exact_temperature: true\n    hold_centre: false\n    assess_on_entry: true\n    "
        "at_limit: continue\n    "
        "hooks:\n"
        "      - type: clamp\n        max_force: 50\n",
        "    velocities: keep\n    remove_momentum: true\n    remove_rotation: false\n"
        "    exact_temperature: true\n    hold_centre: false\n    assess_on_entry: false\n    "
        "hooks: []\nlimits:\n  "
        "systems: 64\n",
        "out: \"\xc3\xa4 \xf0\x9f\x98\x80 \\U00002028\\U0000feff\\U00000085 '#: \\\\\"\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(rig_parse(rig, texts[i], &job), CLI_OK);
        cli_text printed = job_again(rig, &job);
        if (!strstr(printed.data, kept[i])) {
            fail_msg("no\n%sin\n%s", kept[i], printed.data);
        }
        cli_text_free(&rig->c, &printed);
        cli_job_free(&rig->c, &job);
    }
    free(full);
}

/* ---- memory ---- */

/* Reading, the command line and printing while each allocation fails in turn. libyaml's own are not
 * among them. */
static void test_memory(void **state)
{
    static const char *const words[] = {"run", "job.yaml", "b.xyz", "--out=other", "--model=emt"};
    job_rig *rig = *state;
    char *text = rig_slurp("tests/cli/job_full.yaml");
    const int64_t blocks = rig->memory.n_blocks;
    int64_t n = 0, n_failed = 0;
    for (bool done = false; !done; n++) {
        cli_job job = {0};
        cli_text printed = {0};
        rig->memory.n_calls = 0;
        rig->memory.fail_at = n + 1;
        int code = rig_parse(rig, text, &job);
        code = code ? code : job_command_line(rig, &job, 5, words);
        if (!code) {
            cli_job_print(&rig->c, &job, &printed);
            code = printed.failed ? CLI_INTERNAL : CLI_OK;
        }
        done = rig->memory.n_calls < rig->memory.fail_at;
        rig->memory.fail_at = 0;
        if (code != CLI_OK && code != CLI_INTERNAL) {
            fail_msg("allocation %lld: %d, %s", (long long)n + 1, code, rig_said(rig));
        }
        n_failed += code == CLI_INTERNAL;
        cli_text_free(&rig->c, &printed);
        cli_job_free(&rig->c, &job);
        assert_int_equal(rig->memory.n_blocks, blocks);
        assert_int_equal(rig->memory.n_wrong, 0);
    }
    print_message("%lld allocations, %lld runs failed\n", (long long)n - 1, (long long)n_failed);
    assert_true(n > 100 && n_failed >= n - 10);
    /* and of a file with problems: their texts need memory, too */
    const char *wrong = "sed: 1\nthreads: x\nstages: [{integrator: fier, steps: 1}]\n"
                        "hooks: [{type: lag}, {type: snapshot, sink: run.log}]\n";
    for (n = 1; n < 200; n++) {
        cli_job job;
        rig->memory.n_calls = 0;
        rig->memory.fail_at = n;
        const int code = rig_parse(rig, wrong, &job);
        rig->memory.fail_at = 0;
        assert_true(code == CLI_DATA || code == CLI_INTERNAL);
        assert_int_equal(rig->memory.n_blocks, blocks);
    }
    free(text);
}

/* libyaml's own memory: these stand in for its functions of the same names, which a program can
 * replace where libyaml is a shared library, but cannot give to an allocator of its own, since
 * yaml_free is told no size. */
static int64_t yaml_fail_at, yaml_n_calls;

void *yaml_malloc(size_t bytes) __attribute__((visibility("default")));
void *yaml_realloc(void *block, size_t bytes) __attribute__((visibility("default")));
char *yaml_strdup(const char *text) __attribute__((visibility("default")));

void *yaml_malloc(size_t bytes)
{
    return ++yaml_n_calls == yaml_fail_at ? NULL : malloc(bytes ? bytes : 1);
}

void *yaml_realloc(void *block, size_t bytes)
{
    return ++yaml_n_calls == yaml_fail_at ? NULL : realloc(block, bytes ? bytes : 1);
}

char *yaml_strdup(const char *text)
{
    return !text || ++yaml_n_calls == yaml_fail_at ? NULL : strdup(text);
}

static void test_memory_of_yaml(void **state)
{
    job_rig *rig = *state;
    const int64_t blocks = rig->memory.n_blocks;
    char *text = rig_slurp("tests/cli/job_full.yaml");
    int64_t n = 0, n_failed = 0;
    for (bool done = false; !done; n++) {
        cli_job job;
        yaml_n_calls = 0;
        yaml_fail_at = n + 1;
        const int code = rig_parse(rig, text, &job);
        done = yaml_n_calls < yaml_fail_at;
        yaml_fail_at = 0;
        if (n == 0 && done) {
            free(text);
            cli_job_free(&rig->c, &job);
            print_message("libyaml is linked in: its allocations cannot be made to fail\n");
            skip();
        }
        if (code != (done ? CLI_OK : CLI_INTERNAL)) {
            fail_msg("allocation %lld: %d, %s", (long long)n + 1, code, rig_said(rig));
        }
        n_failed += code != CLI_OK;
        cli_job_free(&rig->c, &job);
        assert_int_equal(rig->memory.n_blocks, blocks);
    }
    print_message("%lld allocations of libyaml\n", (long long)n_failed);
    assert_true(n_failed > 100);
    free(text);
}

/* A mapping of more keys than are allowed. */
static void test_many_keys(void **state)
{
    job_rig *rig = *state;
    cli_job job;
    char text[2048] = "limits:\n";
    for (int i = 0; i < 129; i++) {
        snprintf(text + strlen(text), sizeof text - strlen(text), "  a%d: 1\n", i);
    }
    assert_int_equal(rig_parse(rig, text, &job), CLI_DATA);
    assert_non_null(strstr(rig_said(rig), "job.yaml:130:3: too large: a mapping has at most 128"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_defaults, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(test_every_key, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(test_spellings, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(test_mistakes, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(test_all_at_once, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(test_no_more, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(test_shown, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(test_files, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(test_command_line, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(test_round_trip, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(test_memory, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(test_memory_of_yaml, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(test_many_keys, rig_set_up, rig_tear_down),
    };
    return cmocka_run_group_tests_name("job", tests, NULL, NULL);
}
