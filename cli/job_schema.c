/* The keys of a job file. Reading, defaults, checks of single values, messages, printing and the
 * tables of docs/job-file.md come from here; what two keys have to do with one another is checked
 * in job_check.c. One row per key: what it is called and what it takes, what it is for, and an
 * example.
 */
#include "job.h"

#include <athanor/sink.h>

#define SCHEMA_LIMIT 1e15 /* "no upper limit" for whole numbers */
#define SCHEMA_LARGE 1e300
#define SCHEMA_SINK(member) offsetof(cli_job_sink, member)
#define SCHEMA_HOOK(member) offsetof(cli_job_hook, member)
#define SCHEMA_UNTIL(member) offsetof(cli_job_until, member)
#define SCHEMA_STAGE(member) offsetof(cli_job_stage, member)
#define SCHEMA_LIMITS(member) offsetof(cli_job_limits, member)
#define SCHEMA_JOB(member) offsetof(cli_job, member)

/* The numbers of these choices are the library's. */
_Static_assert(ATH_VELOCITIES_KEEP == 0 && ATH_VELOCITIES_ZERO == 1 &&
                   ATH_VELOCITIES_THERMAL == 2 && ATH_VELOCITIES_MISSING == 3,
               "keep|zero|thermal|missing");
_Static_assert(ATH_SINK_BLOCK == 0 && ATH_SINK_SPILL == 1 && ATH_SINK_FAIL == 2,
               "block|spill|fail");

/* clang-format off */
#define SCHEMA_END {{0}, CLI_JOB_VALUE, false, NULL, 0, NULL}
#define SCHEMA_PLAIN(need, example) CLI_JOB_VALUE, need, NULL, 0, example

/* ---- sinks ---- */

static const cli_job_key schema_file_keys[] = {
    {{"path", ATH_OPTION_TEXT, 0, "", NULL, 0, 0, NULL,
      "name of the extended XYZ file in DIR", SCHEMA_SINK(path)},
     SCHEMA_PLAIN(true, "path: relaxed.extxyz")},
    {{"velocities", ATH_OPTION_BOOL, 0, "", "false", 0, 0, NULL,
      "write velocities, as momenta", SCHEMA_SINK(velocities)},
     SCHEMA_PLAIN(false, "velocities: true")},
    {{"forces", ATH_OPTION_BOOL, 0, "", "true", 0, 0, NULL,
      "write forces", SCHEMA_SINK(forces)},
     SCHEMA_PLAIN(false, "forces: false")},
    SCHEMA_END,
};
static const cli_job_key schema_memory_keys[] = {
    {{"capacity", ATH_OPTION_INT, 0, "systems", NULL, 1, 1e9, NULL,
      "how many systems it holds", SCHEMA_SINK(capacity)},
     SCHEMA_PLAIN(true, "capacity: 1000")},
    SCHEMA_END,
};
static const cli_job_table schema_file = {"file", sizeof(cli_job_sink), schema_file_keys, NULL};
static const cli_job_table schema_memory = {
    "memory", sizeof(cli_job_sink), schema_memory_keys, NULL};
static const cli_job_table *const schema_sinks[] = {
    [CLI_JOB_SINK_FILE] = &schema_file, [CLI_JOB_SINK_MEMORY] = &schema_memory, NULL};
static const cli_job_table schema_sink = {"sink", sizeof(cli_job_sink), NULL, schema_sinks};

/* ---- hooks ---- */

#define SCHEMA_EVERY(fallback, help)                                                               \
    {{"every", ATH_OPTION_INT, 0, "steps", fallback, 1, SCHEMA_LIMIT, NULL, help,                  \
      SCHEMA_HOOK(every)},                                                                         \
     SCHEMA_PLAIN(false, "every: 50")}
#define SCHEMA_TO                                                                                  \
    {{"sink", ATH_OPTION_TEXT, 0, "", NULL, 0, 0, NULL,                                            \
      "where the copies go: a mapping as in `sinks`, or the name of a file",                       \
      SCHEMA_HOOK(sink)},                                                                          \
     CLI_JOB_VARIANT, true, &schema_sink, 0, "sink: {type: file, path: frames.extxyz}"}

static const cli_job_key schema_log_keys[] = {
    {{"path", ATH_OPTION_TEXT, 0, "", "log.csv", 0, 0, NULL,
      "name of the file in DIR", SCHEMA_HOOK(path)},
     SCHEMA_PLAIN(false, "path: energies.csv")},
    {{"format", ATH_OPTION_CHOICE, 0, "", "csv", 0, 0, "csv|jsonl",
      "a table, or one JSON object in a line", SCHEMA_HOOK(format)},
     SCHEMA_PLAIN(false, "format: jsonl")},
    SCHEMA_EVERY("100", "steps between rows of a system"),
    {{"thermo", ATH_OPTION_BOOL, 0, "", "false", 0, 0, NULL,
      "more columns behind `temperature`: kinetic energy and what the integrator conserves (eV), "
      "pressure and its six components (GPa), volume (angstrom^3), density (g/cm^3)",
      SCHEMA_HOOK(thermo)},
     SCHEMA_PLAIN(false, "thermo: true")},
    {{"own_steps", ATH_OPTION_BOOL, 0, "", "false", 0, 0, NULL,
      "`every` counts the steps of each system instead of those of the batch",
      SCHEMA_HOOK(own_steps)},
     SCHEMA_PLAIN(false, "own_steps: true")},
    SCHEMA_END,
};
static const cli_job_key schema_snapshot_keys[] = {
    SCHEMA_EVERY("100", "steps between copies of all systems"),
    SCHEMA_TO,
    SCHEMA_END,
};
static const cli_job_key schema_converged_keys[] = {
    SCHEMA_TO,
    SCHEMA_END,
};
static const cli_job_key schema_nan_keys[] = {
    {{"raise", ATH_OPTION_BOOL, 0, "", "false", 0, 0, NULL,
      "end the run at the first energy or force that is no number, instead of setting the system "
      "aside", SCHEMA_HOOK(raise)},
     SCHEMA_PLAIN(false, "raise: true")},
    SCHEMA_END,
};
static const cli_job_key schema_clamp_keys[] = {
    {{"max_force", ATH_OPTION_REAL, 0, "eV/angstrom", NULL, 1e-12, SCHEMA_LARGE, NULL,
      "a larger force on an atom is made as long as this", SCHEMA_HOOK(max_force)},
     SCHEMA_PLAIN(true, "max_force: 50")},
    SCHEMA_END,
};
static const cli_job_key schema_drift_keys[] = {
    {{"threshold", ATH_OPTION_REAL, 0, "eV", NULL, 0, SCHEMA_LARGE, NULL,
      "change of the energy that is too large; per atom and step with that metric",
      SCHEMA_HOOK(threshold)},
     SCHEMA_PLAIN(true, "threshold: 1e-6")},
    {{"metric", ATH_OPTION_CHOICE, 0, "", "per_atom_per_step", 0, 0, "per_atom_per_step|absolute",
      "what is compared with it: the change since the first step, divided or as it is",
      SCHEMA_HOOK(metric)},
     SCHEMA_PLAIN(false, "metric: absolute")},
    {{"action", ATH_OPTION_CHOICE, 0, "", "warn", 0, 0, "warn|raise|quarantine",
      "say it, end the run, or set the system aside", SCHEMA_HOOK(action)},
     SCHEMA_PLAIN(false, "action: quarantine")},
    {{"kinetic", ATH_OPTION_BOOL, 0, "", "true", 0, 0, NULL,
      "the energy is the total one, not the potential one", SCHEMA_HOOK(kinetic)},
     SCHEMA_PLAIN(false, "kinetic: false")},
    SCHEMA_END,
};
static const cli_job_key schema_freeze_keys[] = {
    {{"category", ATH_OPTION_INT, 0, "", "-1", -2147483648.0, 2147483647.0, NULL,
      "atoms whose `field` holds this number do not move", SCHEMA_HOOK(category)},
     SCHEMA_PLAIN(false, "category: 2")},
    {{"field", ATH_OPTION_TEXT, 0, "", "atom_categories", 0, 0, NULL,
      "name of a whole number per atom", SCHEMA_HOOK(field)},
     SCHEMA_PLAIN(false, "field: layer")},
    /* in this order the number of a choice, plus one, is x = 1 | y = 2 | z = 4 */
    {{"components", ATH_OPTION_CHOICE, 0, "", "xyz", 0, 0, "x|y|xy|z|xz|yz|xyz",
      "directions in which they do not move", SCHEMA_HOOK(components)},
     SCHEMA_PLAIN(false, "components: z")},
    SCHEMA_END,
};
static const cli_job_key schema_wrap_keys[] = {
    SCHEMA_EVERY("1", "steps between taking atoms back into the cell"),
    SCHEMA_END,
};
static const cli_job_key schema_align_keys[] = {
    SCHEMA_EVERY("1", "steps between turning cells so that their rows are lower triangular"),
    SCHEMA_END,
};
static const cli_job_key schema_timing_keys[] = {
    {{"path", ATH_OPTION_TEXT, 0, "", "trace.json", 0, 0, NULL,
      "name in DIR of the time line of all phases, as Chrome's trace viewer reads it",
      SCHEMA_HOOK(path)},
     SCHEMA_PLAIN(false, "path: phases.json")},
    SCHEMA_END,
};
#define SCHEMA_HOOK_TABLE(word, keys)                                                              \
    static const cli_job_table schema_##word = {#word, sizeof(cli_job_hook), keys, NULL}
SCHEMA_HOOK_TABLE(log, schema_log_keys);
SCHEMA_HOOK_TABLE(snapshot, schema_snapshot_keys);
SCHEMA_HOOK_TABLE(converged_snapshot, schema_converged_keys);
SCHEMA_HOOK_TABLE(nan, schema_nan_keys);
SCHEMA_HOOK_TABLE(clamp, schema_clamp_keys);
SCHEMA_HOOK_TABLE(drift, schema_drift_keys);
SCHEMA_HOOK_TABLE(freeze, schema_freeze_keys);
SCHEMA_HOOK_TABLE(wrap, schema_wrap_keys);
SCHEMA_HOOK_TABLE(align, schema_align_keys);
SCHEMA_HOOK_TABLE(timing, schema_timing_keys);
static const cli_job_table *const schema_hooks[] = {
    [CLI_JOB_HOOK_LOG] = &schema_log,
    [CLI_JOB_HOOK_SNAPSHOT] = &schema_snapshot,
    [CLI_JOB_HOOK_CONVERGED_SNAPSHOT] = &schema_converged_snapshot,
    [CLI_JOB_HOOK_NAN] = &schema_nan,
    [CLI_JOB_HOOK_CLAMP] = &schema_clamp,
    [CLI_JOB_HOOK_DRIFT] = &schema_drift,
    [CLI_JOB_HOOK_FREEZE] = &schema_freeze,
    [CLI_JOB_HOOK_WRAP] = &schema_wrap,
    [CLI_JOB_HOOK_ALIGN] = &schema_align,
    [CLI_JOB_HOOK_TIMING] = &schema_timing,
    NULL};
static const cli_job_table schema_hook = {"hook", sizeof(cli_job_hook), NULL, schema_hooks};

/* ---- stages ---- */

static const cli_job_key schema_until_keys[] = {
    {{"fmax", ATH_OPTION_REAL, 0, "eV/angstrom", NULL, 1e-12, 1e6, NULL,
      "no free atom feels a larger force", SCHEMA_UNTIL(fmax)},
     SCHEMA_PLAIN(false, "fmax: 0.05")},
    {{"smax", ATH_OPTION_REAL, 0, "GPa", NULL, 1e-12, 1e6, NULL,
      "no more is left of the stress, less the target, in what the cell may still change; only "
      "with an integrator that relaxes the cell (`cell`), and met by structures whose cell it "
      "holds", SCHEMA_UNTIL(smax)},
     SCHEMA_PLAIN(false, "smax: 0.1")},
    {{"energy_change", ATH_OPTION_REAL, 0, "eV", NULL, 1e-15, 1e6, NULL,
      "the energy of the system has not changed by more in its last step",
      SCHEMA_UNTIL(energy_change)},
     SCHEMA_PLAIN(false, "energy_change: 1e-6")},
    SCHEMA_END,
};
static const cli_job_table schema_until = {"until", sizeof(cli_job_until), schema_until_keys, NULL};

static const cli_job_key schema_stage_keys[] = {
    {{"name", ATH_OPTION_TEXT, 0, "", NULL, 0, 0, NULL,
      "of the stage, in results.csv; no two are the same. Default: the integrator's",
      SCHEMA_STAGE(name)},
     SCHEMA_PLAIN(false, "name: relax")},
    {{"integrator", ATH_OPTION_TEXT, 0, "", NULL, 0, 0, NULL,
      "what moves the systems (athanor info --integrators)", SCHEMA_STAGE(integrator)},
     CLI_JOB_NAMED, true, NULL, 0, "integrator: {name: langevin, timestep: 1, temperature: 300}"},
    {{"steps", ATH_OPTION_INT, 0, "steps", NULL, 0, SCHEMA_LIMIT, NULL,
      "most steps that a system makes in this stage; without it the stage has no limit and needs "
      "`until`", SCHEMA_STAGE(steps)},
     SCHEMA_PLAIN(false, "steps: 300")},
    {{"until", ATH_OPTION_TEXT, 0, "", NULL, 0, 0, NULL,
      "criteria, all of which a system has to meet to be done with this stage; without it every "
      "system makes all `steps`", SCHEMA_STAGE(until)},
     CLI_JOB_CRITERIA, false, &schema_until, 0, "until: {fmax: 0.05}"},
    {{"velocities", ATH_OPTION_CHOICE, 0, "", "keep", 0, 0, "keep|zero|thermal|missing",
      "velocities of a system that enters: its own, none, drawn at `temperature`, or drawn if it "
      "has none", SCHEMA_STAGE(velocities)},
     SCHEMA_PLAIN(false, "velocities: thermal")},
    {{"temperature", ATH_OPTION_REAL, 0, "K", NULL, 0, 1e9, NULL,
      "of drawn velocities; needed by `thermal` and `missing`, and nothing else has it",
      SCHEMA_STAGE(temperature)},
     SCHEMA_PLAIN(false, "temperature: 300")},
    {{"seed", ATH_OPTION_INT, 0, "", NULL, -9e15, 9e15, NULL,
      "of the random numbers of this stage. Default: the job's. Give two stages of the same "
      "thermostat different ones", SCHEMA_STAGE(seed)},
     SCHEMA_PLAIN(false, "seed: 7")},
    {{"remove_momentum", ATH_OPTION_BOOL, 0, "", "true", 0, 0, NULL,
      "drawn velocities: without that of the centre of mass, where nothing moves it",
      SCHEMA_STAGE(remove_momentum)},
     SCHEMA_PLAIN(false, "remove_momentum: false")},
    {{"remove_rotation", ATH_OPTION_BOOL, 0, "", "false", 0, 0, NULL,
      "drawn velocities: without angular momentum, where no axis is periodic and nothing turns it",
      SCHEMA_STAGE(remove_rotation)},
     SCHEMA_PLAIN(false, "remove_rotation: true")},
    {{"exact_temperature", ATH_OPTION_BOOL, 0, "", "true", 0, 0, NULL,
      "drawn velocities: scaled to `temperature` exactly", SCHEMA_STAGE(exact_temperature)},
     SCHEMA_PLAIN(false, "exact_temperature: false")},
    {{"hold_centre", ATH_OPTION_BOOL, 0, "", "false", 0, 0, NULL,
      "the centre of mass does not move, whatever the integrator does", SCHEMA_STAGE(hold_centre)},
     SCHEMA_PLAIN(false, "hold_centre: true")},
    {{"assess_on_entry", ATH_OPTION_BOOL, 0, "", "false", 0, 0, NULL,
      "a system that meets `until` when it enters makes no step", SCHEMA_STAGE(assess_on_entry)},
     SCHEMA_PLAIN(false, "assess_on_entry: true")},
    {{"at_limit", ATH_OPTION_CHOICE, 0, "", NULL, 0, 0, "continue|stop",
      "what a system does that has made all `steps` without meeting `until`: go on to the next "
      "stage, or leave for good. Default: stop. Only where both are given, and `continue` only "
      "with a stage behind", SCHEMA_STAGE(at_limit)},
     SCHEMA_PLAIN(false, "at_limit: continue")},
    {{"hooks", ATH_OPTION_TEXT, 0, "", NULL, 0, 0, NULL,
      "hooks of this stage, see below", SCHEMA_STAGE(hooks)},
     CLI_JOB_LIST, false, &schema_hook, SCHEMA_STAGE(n_hooks), "hooks: [{type: nan}]"},
    SCHEMA_END,
};
static const cli_job_table schema_stage = {"stage", sizeof(cli_job_stage), schema_stage_keys, NULL};

/* ---- the job ---- */

static const cli_job_key schema_limits_keys[] = {
    {{"systems", ATH_OPTION_INT, 0, "systems", "64", 1, 1e9, NULL,
      "in the batch at once; never changes a result", SCHEMA_LIMITS(systems)},
     SCHEMA_PLAIN(false, "systems: 500")},
    {{"atoms", ATH_OPTION_INT, 0, "atoms", "0", 0, SCHEMA_LIMIT, NULL,
      "in the batch at once, 0: no limit; a larger structure is rejected", SCHEMA_LIMITS(atoms)},
     SCHEMA_PLAIN(false, "atoms: 100000")},
    {{"edges", ATH_OPTION_INT, 0, "pairs", "0", 0, SCHEMA_LIMIT, NULL,
      "directed pairs within the model's cutoff in the batch at once, 0: no limit; a structure "
      "with more is rejected", SCHEMA_LIMITS(edges)},
     SCHEMA_PLAIN(false, "edges: 5e6")},
    {{"max_force", ATH_OPTION_REAL, 0, "eV/angstrom", "0", 0, SCHEMA_LARGE, NULL,
      "a system with a larger force on an atom is set aside (reason max_force), 0: no limit",
      SCHEMA_LIMITS(guards.max_force)},
     SCHEMA_PLAIN(false, "max_force: 1000")},
    {{"max_displacement", ATH_OPTION_REAL, 0, "angstrom", "0", 0, SCHEMA_LARGE, NULL,
      "a system in which an atom moves farther in a step is set aside (reason max_displacement), "
      "0: no limit", SCHEMA_LIMITS(guards.max_displacement)},
     SCHEMA_PLAIN(false, "max_displacement: 1")},
    {{"max_temperature", ATH_OPTION_REAL, 0, "K", "0", 0, SCHEMA_LARGE, NULL,
      "a hotter system is set aside (reason max_temperature), 0: no limit",
      SCHEMA_LIMITS(guards.max_temperature)},
     SCHEMA_PLAIN(false, "max_temperature: 1e5")},
    {{"max_volume_change", ATH_OPTION_REAL, 0, "", "0", 0, SCHEMA_LARGE, NULL,
      "a system whose volume becomes larger or smaller by more than this factor, above 1, in a "
      "stage is set aside (reason volume_change), 0: no limit",
      SCHEMA_LIMITS(guards.max_volume_change)},
     SCHEMA_PLAIN(false, "max_volume_change: 3")},
    {{"min_distance", ATH_OPTION_REAL, 0, "angstrom", "0", 0, SCHEMA_LARGE, NULL,
      "a system in which two atoms, or images of them, are closer is set aside (reason too_close), "
      "0: no limit", SCHEMA_LIMITS(guards.min_distance)},
     SCHEMA_PLAIN(false, "min_distance: 0.5")},
    {{"retry", ATH_OPTION_CHOICE, 0, "", "auto", 0, 0, "auto|never",
      "auto: a system that would be set aside first goes back to its last good state and tries "
      "again, gentler, once in a stage", SCHEMA_LIMITS(guards.retry)},
     SCHEMA_PLAIN(false, "retry: never")},
    {{"good_every", ATH_OPTION_INT, 0, "steps", "100", 1, SCHEMA_LIMIT, NULL,
      "steps of a system between two good states that are kept for that",
      SCHEMA_LIMITS(guards.good_every)},
     SCHEMA_PLAIN(false, "good_every: 20")},
    SCHEMA_END,
};
static const cli_job_table schema_limits = {
    "limits", sizeof(cli_job_limits), schema_limits_keys, NULL};

static const cli_job_key schema_keys[] = {
    {{"input", ATH_OPTION_TEXT, 0, "", NULL, 0, 0, NULL,
      "extended XYZ files, patterns ('runs/*.xyz'), slices (a.xyz@0:10); IN... replaces it",
      SCHEMA_JOB(input)},
     CLI_JOB_TEXTS, false, NULL, SCHEMA_JOB(n_input), "input: [start.xyz, 'more/*.xyz@0']"},
    {{"out", ATH_OPTION_TEXT, 0, "", NULL, 0, 0, NULL,
      "directory for the results (DIR)", SCHEMA_JOB(out)},
     SCHEMA_PLAIN(false, "out: results")},
    {{"seed", ATH_OPTION_INT, 0, "", "0", -9e15, 9e15, NULL,
      "of the random numbers", SCHEMA_JOB(seed)},
     SCHEMA_PLAIN(false, "seed: 3")},
    {{"per_system", ATH_OPTION_BOOL, 0, "", "false", 0, 0, NULL,
      "a structure with a key of the name of an integrator's option (temperature, timestep, ...) "
      "uses its own value", SCHEMA_JOB(per_system)},
     SCHEMA_PLAIN(false, "per_system: true")},
    {{"device", ATH_OPTION_TEXT, 0, "", "host", 0, 0, NULL,
      "host, mock, or cuda:0 and so on (athanor info --devices)", SCHEMA_JOB(device)},
     SCHEMA_PLAIN(false, "device: cuda:0")},
    {{"threads", ATH_OPTION_INT, 0, "", "0", 0, 4096, NULL,
      "0: all processors; never changes a result", SCHEMA_JOB(threads)},
     SCHEMA_PLAIN(false, "threads: 2")},
    {{"strict", ATH_OPTION_BOOL, 0, "", "false", 0, 0, NULL,
      "stop at the first structure that is rejected or fails", SCHEMA_JOB(strict)},
     SCHEMA_PLAIN(false, "strict: true")},
    {{"overwrite", ATH_OPTION_BOOL, 0, "", "false", 0, 0, NULL,
      "replace DIR if it holds results of an earlier run", SCHEMA_JOB(overwrite)},
     SCHEMA_PLAIN(false, "overwrite: true")},
    {{"model", ATH_OPTION_TEXT, 0, "", NULL, 0, 0, NULL,
      "potential (athanor info --models), or the path of its file", SCHEMA_JOB(model)},
     CLI_JOB_NAMED, false, NULL, 0, "model: {name: lj, epsilon: 0.01, sigma: 3.4}"},
    {{"stages", ATH_OPTION_TEXT, 0, "", NULL, 0, 0, NULL,
      "what every system goes through, one stage after the other; at least one",
      SCHEMA_JOB(stages)},
     CLI_JOB_LIST, true, &schema_stage, SCHEMA_JOB(n_stages),
     "stages: [{integrator: fire, steps: 300, until: {fmax: 0.05}}]"},
    {{"limits", ATH_OPTION_TEXT, 0, "", NULL, 0, 0, NULL,
      "what the batch holds, and what a system may do", SCHEMA_JOB(limits)},
     CLI_JOB_MAPPING, false, &schema_limits, 0, "limits: {systems: 500}"},
    {{"refill", ATH_OPTION_INT, 0, "steps", "1", 1, 1e9, NULL,
      "steps between looking for finished systems and filling their places", SCHEMA_JOB(refill)},
     SCHEMA_PLAIN(false, "refill: 10")},
    {{"hooks", ATH_OPTION_TEXT, 0, "", NULL, 0, 0, NULL,
      "hooks of all stages, see below", SCHEMA_JOB(hooks)},
     CLI_JOB_LIST, false, &schema_hook, SCHEMA_JOB(n_hooks), "hooks: [{type: log, every: 50}]"},
    {{"sinks", ATH_OPTION_TEXT, 0, "", NULL, 0, 0, NULL,
      "where systems that are done go besides final.extxyz, in order of priority, see below",
      SCHEMA_JOB(sinks)},
     CLI_JOB_LIST, false, &schema_sink, SCHEMA_JOB(n_sinks),
     "sinks: [{type: memory, capacity: 1000}]"},
    {{"policy", ATH_OPTION_CHOICE, 0, "", "block", 0, 0, "block|spill|fail",
      "what happens when the first sink is full: systems wait, go to the next sink that has room, "
      "or the run ends", SCHEMA_JOB(policy)},
     SCHEMA_PLAIN(false, "policy: spill")},
    SCHEMA_END,
};
const cli_job_table cli_job_schema = {"job", sizeof(cli_job), schema_keys, NULL};
/* clang-format on */
