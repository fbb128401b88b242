/* athanor check: what a job would do, and what it would take, without a step.
 *
 * The input is read once, for sizes; the largest structures that fit into the batch at once are
 * kept, put into a real batch, and the real engine is made ready for it: one evaluation of forces,
 * so that neighbour lists are there. What all of that allocates is counted on its way to the
 * allocator, by owner, and is the memory of a run whose batch is as full as it can be.
 */
#include <string.h>

#include "run.h"

typedef struct check {
    cli *c;
    const cli_job *job;
    const cli_settings *settings;
    const cli_run_plan *plan;
    cli_engine engine;
    cli_input input;
    bool no_out; /* the job does not say where to write */
    /* of the input */
    int64_t n, n_atoms, n_edges, n_refused;
    int32_t largest;
    /* those that may be in the batch together: a heap, the smallest first */
    ath_system **kept; /* [max_kept] */
    size_t n_kept, max_kept;
    /* of the batch */
    ath_batch *batch;
    int64_t batch_atoms;
    /* bytes */
    int64_t model, batch_bytes, batch_peak, engine_bytes, engine_peak, input_bytes;
} check;

/* ---- reading ---- */

static int32_t check_size(const check *k, size_t i)
{
    return ath_system_n_atoms(k->kept[i]);
}

static void check_swap(check *k, size_t i, size_t j)
{
    ath_system *other = k->kept[i];
    k->kept[i] = k->kept[j];
    k->kept[j] = other;
}

static void check_sink_down(check *k, size_t i)
{
    for (size_t child = 2 * i + 1; child < k->n_kept; child = 2 * i + 1) {
        child += child + 1 < k->n_kept && check_size(k, child + 1) < check_size(k, child);
        if (check_size(k, i) <= check_size(k, child)) {
            return;
        }
        check_swap(k, i, child);
        i = child;
    }
}

/* Keeps a system, or the larger ones in its place. Takes it. */
static int check_keep(check *k, ath_system *system)
{
    cli *c = k->c;
    if (k->n_kept == (size_t)k->settings->max_systems) {
        if (ath_system_n_atoms(system) > check_size(k, 0)) {
            ath_system_destroy(&k->kept[0]);
            k->kept[0] = system;
            check_sink_down(k, 0);
        } else {
            ath_system_destroy(&system);
        }
        return CLI_OK;
    }
    if (k->n_kept == k->max_kept) {
        const size_t n = k->max_kept ? 2 * k->max_kept : 64;
        if (!cli_resize(c, &k->kept, k->max_kept * sizeof *k->kept, n * sizeof *k->kept)) {
            ath_system_destroy(&system);
            return cli_fail(c, CLI_INTERNAL, "out of memory");
        }
        k->max_kept = n;
    }
    size_t i = k->n_kept++;
    k->kept[i] = system;
    for (; i > 0 && check_size(k, i) < check_size(k, (i - 1) / 2); i = (i - 1) / 2) {
        check_swap(k, i, (i - 1) / 2);
    }
    return CLI_OK;
}

/* A structure that a run would reject. */
static int check_refuse(check *k, const char *what)
{
    enum { CHECK_WARNINGS = 10 };
    int64_t frame = 0;
    const ath_sampler *files = k->input.files ? k->input.files : k->input.sampler;
    const char *file = ath_sampler_where(files, &frame);
    file = file ? file : "?";
    k->n_refused++;
    if (k->settings->strict) {
        return cli_fail(k->c, CLI_DATA, "%s frame %lld: %s (--strict)", file, (long long)frame,
                        what);
    }
    if (k->n_refused <= CHECK_WARNINGS) {
        cli_warn(k->c, "%s frame %lld would be rejected: %s", file, (long long)frame, what);
    }
    return CLI_OK;
}

/* ATH_OK, or why no batch can have it: ATH_E_UNSUPPORTED and ATH_E_RANGE, in `what`. */
static ath_status check_fits(check *k, const ath_system *system, char *what, size_t bytes)
{
    const cli_job_limits *limits = &k->job->limits;
    const int32_t n = ath_system_n_atoms(system);
    int64_t n_edges = 0;
    ath_status status = ath_model_accepts(k->engine.model, system);
    if (status < 0) {
        snprintf(what, bytes, "%s", ath_context_message(k->c->ctx));
        return status;
    }
    if (limits->atoms > 0 && n > limits->atoms) {
        snprintf(what, bytes, "%d atoms, a batch has %lld at most", (int)n,
                 (long long)limits->atoms);
        return ATH_E_RANGE;
    }
    if (limits->edges > 0) {
        status = ath_system_edges(system, ath_model_cutoff(k->engine.model), &n_edges, NULL);
        snprintf(what, bytes, "%s", status < 0 ? ath_context_message(k->c->ctx) : "");
        if (status >= 0 && n_edges > limits->edges) {
            snprintf(what, bytes, "%lld edges, a batch has %lld at most", (long long)n_edges,
                     (long long)limits->edges);
            status = ATH_E_RANGE;
        }
    }
    return status;
}

static int check_system(check *k, ath_system *system)
{
    char what[512];
    const ath_status status = check_fits(k, system, what, sizeof what);
    if (status == ATH_OK) {
        const int32_t n = ath_system_n_atoms(system);
        k->n++;
        k->n_atoms += n;
        k->largest = n > k->largest ? n : k->largest;
        return check_keep(k, system);
    }
    ath_system_destroy(&system);
    return status == ATH_E_UNSUPPORTED || status == ATH_E_RANGE ? check_refuse(k, what)
                                                                : cli_fail_status(k->c, status);
}

static int check_read(check *k)
{
    cli *c = k->c;
    ath_sampler *files = k->input.files ? k->input.files : k->input.sampler;
    ath_system *system = NULL;
    ath_status status = ATH_OK;
    int code = CLI_OK;
    while (!code && (status = ath_sampler_next(files, -1, &system)) != ATH_END) {
        if (status == ATH_OK) {
            code = check_system(k, system);
        } else if (status == ATH_E_FORMAT) {
            code = check_refuse(k, ath_context_message(c->ctx));
        } else {
            code = cli_fail_status(c, status);
            code = status == ATH_E_RANGE ? CLI_NO_INPUT : code;
        }
    }
    if (!code && k->n == 0) {
        code = cli_fail(c, CLI_DATA,
                        k->n_refused ? "every structure of the input would be rejected"
                                     : "there is no structure in the input");
    }
    return code;
}

/* ---- counting memory ---- */

/* Starts to look for a peak; returns the bytes that are there now. */
static int64_t check_mark(const check *k)
{
    k->c->memory.peak = k->c->memory.now;
    return k->c->memory.now;
}

/* The heap as an array in descending order. */
static void check_sort(check *k)
{
    const size_t n = k->n_kept;
    while (k->n_kept > 1) { /* the smallest goes behind */
        check_swap(k, 0, --k->n_kept);
        check_sink_down(k, 0);
    }
    k->n_kept = n;
}

/* Adds the i-th system, if it fits beside those before it, and gives it back. */
static ath_status check_add(check *k, size_t i, int64_t *held)
{
    const cli_memory *m = &k->c->memory;
    const cli_job_limits *limits = &k->job->limits;
    const int64_t n_atoms = k->batch_atoms + check_size(k, i);
    const int64_t before = check_mark(k);
    int64_t n_edges = 0;
    ath_status status = ATH_OK;
    if (limits->edges > 0) {
        status = ath_system_edges(k->kept[i], ath_model_cutoff(k->engine.model), &n_edges, NULL);
        n_edges += k->n_edges;
    }
    const bool fits = (limits->atoms == 0 || n_atoms <= limits->atoms) &&
                      (limits->edges == 0 || n_edges <= limits->edges);
    check_mark(k);
    if (status >= 0 && fits) {
        status = ath_batch_add(k->batch, k->kept[i]);
        k->batch_atoms = n_atoms;
        k->n_edges = n_edges;
    }
    const int64_t peak = k->batch_bytes + m->peak - before, after = m->now;
    k->batch_bytes += after - before;
    k->batch_peak = peak > k->batch_peak ? peak : k->batch_peak;
    ath_system_destroy(&k->kept[i]);
    *held += after - m->now;
    return status;
}

static ath_status check_fill(check *k, int64_t *held)
{
    const ath_batch_config config = {.size = sizeof config,
                                     .device = k->engine.device,
                                     .n_systems = (int32_t)k->settings->max_systems};
    const int64_t before = check_mark(k);
    ath_status status = ath_batch_create(k->c->ctx, &config, &k->batch);
    k->batch_bytes = k->batch_peak = k->c->memory.now - before;
    check_sort(k);
    for (size_t i = 0; i < k->n_kept && status >= 0; i++) {
        status = check_add(k, i, held);
    }
    return status;
}

static int check_measure(check *k)
{
    cli *c = k->c;
    const cli_engine_flow nothing = {0};
    int64_t held = 0, before = check_mark(k);
    int code = check_read(k);
    const int64_t reading = c->memory.peak - before;
    if (code) {
        return code;
    }
    ath_status status = check_fill(k, &held);
    k->input_bytes = reading > held ? reading - held : 0;
    before = check_mark(k);
    if (status >= 0) {
        code = cli_engine_build(c, k->settings, k->plan, &nothing, &k->engine);
    }
    if (status >= 0 && !code) {
        status = ath_dynamics_run(k->engine.dynamics, k->batch, 0);
    }
    k->engine_bytes = c->memory.now - before;
    k->engine_peak = c->memory.peak - before;
    return code ? code : status < 0 ? cli_fail_status(c, status) : CLI_OK;
}

/* ---- saying it ---- */

static void check_print_key(check *k, const char *label, const cli_job_key *keys, const char *name,
                            const void *object)
{
    cli_text text = {0};
    cli_job_print_key(k->c, keys, name, object, &text);
    if (text.data && !text.failed) {
        fprintf(k->c->out, "%s%s", label, text.data);
    }
    cli_text_free(k->c, &text);
}

static const cli_job_key *check_stage_keys(void)
{
    const cli_job_key *key = cli_job_schema.keys;
    while (strcmp(key->option.name, "stages") != 0) {
        key++;
    }
    return key->table->keys;
}

static void check_print_end(const check *k, const cli_job_stage *stage, const char *next)
{
    FILE *to = k->c->out;
    const cli_job_until *until = &stage->until;
    fprintf(to, "                 ");
    if (stage->steps != CLI_UNSET) {
        fprintf(to, "at most %lld steps", (long long)stage->steps);
    } else {
        fprintf(to, "any number of steps");
    }
    if (until->fmax >= 0.0) {
        fprintf(to, ", until fmax <= %g eV/angstrom", until->fmax);
    }
    if (until->smax >= 0.0) {
        fprintf(to, "%s smax <= %g GPa", until->fmax >= 0.0 ? " and" : ", until", until->smax);
    }
    if (until->energy_change >= 0.0) {
        fprintf(to, "%s the energy changes by at most %g eV in a step",
                until->fmax >= 0.0 || until->smax >= 0.0 ? " and" : ", until",
                until->energy_change);
    }
    if (stage->at_limit == CLI_JOB_STOP) {
        fprintf(to, "; what is not there by then leaves for good (step_limit)");
    } else if (stage->at_limit == CLI_JOB_CONTINUE) {
        fprintf(to, "; what is not there by then goes on to %s all the same", next);
    }
    fprintf(to, "%s\n", stage->assess_on_entry ? "; assessed on entry" : "");
}

static void check_print_stages(check *k)
{
    static const char *const velocities[] = {
        [ATH_VELOCITIES_KEEP] = "kept",
        [ATH_VELOCITIES_ZERO] = "set to zero",
        [ATH_VELOCITIES_THERMAL] = "drawn",
        [ATH_VELOCITIES_MISSING] = "drawn if there are none",
    };
    FILE *to = k->c->out;
    for (size_t i = 0; i < k->job->n_stages; i++) {
        const cli_job_stage *stage = &k->job->stages[i];
        const char *next = i + 1 < k->job->n_stages ? k->job->stages[i + 1].name : "the end";
        fprintf(to, "stage %-10zu %s: %s\n", i + 1, stage->name,
                ath_integrator_text(k->engine.integrators[i]));
        check_print_end(k, stage, next);
        fprintf(to, "                 velocities %s", velocities[stage->velocities]);
        if (stage->temperature >= 0.0) {
            fprintf(to, " at %g K", stage->temperature);
        }
        fprintf(to, ", seed %lld\n", (long long)cli_job_seed(k->job, stage));
        if (stage->n_hooks) {
            check_print_key(k, "", check_stage_keys(), "hooks", stage);
        }
    }
}

static void check_print_limit(FILE *to, int64_t limit, const char *what)
{
    if (limit > 0) {
        fprintf(to, ", %lld %s", (long long)limit, what);
    } else {
        fprintf(to, ", any number of %s", what);
    }
}

/* What a system is set aside for, and whether it gets a second chance. */
static void check_print_guards(FILE *to, const cli_guard_settings *g)
{
    const struct {
        double value;
        const char *side, *unit;
    } guards[] = {{g->max_force, "above", " eV/angstrom"},
                  {g->max_displacement, "above", " angstrom in a step"},
                  {g->max_temperature, "above", " K"},
                  {g->max_volume_change, "where the volume changes by more than a factor", ""},
                  {g->min_distance, "below", " angstrom between atoms"}};
    for (size_t k = 0; k < sizeof guards / sizeof *guards; k++) {
        if (guards[k].value > 0.0) {
            fprintf(to, "; set aside %s %g%s", guards[k].side, guards[k].value, guards[k].unit);
        }
    }
    if (g->retry == CLI_RETRY_AUTO) {
        fprintf(to, "; once back to a state at most %lld steps old", (long long)g->good_every);
    }
}

static void check_print_plan(check *k)
{
    FILE *to = k->c->out;
    const cli_job *job = k->job;
    fprintf(to, "input            %lld structures, %lld atoms, %d in the largest", (long long)k->n,
            (long long)k->n_atoms, (int)k->largest);
    if (k->n_refused) {
        fprintf(to, "; %lld more would be rejected", (long long)k->n_refused);
    }
    fprintf(to, "\nmodel            %s (%s)\n", ath_model_text(k->engine.model),
            ath_model_hash(k->engine.model));
    fprintf(to, "device           %s, %d threads\n", ath_device_name(k->engine.device),
            (int)ath_dynamics_n_threads(k->engine.dynamics));
    fprintf(to, "results          %s\n",
            k->no_out ? "nowhere as yet: the job has no 'out', run needs --out DIR" : job->out);
    check_print_stages(k);
    fprintf(to, "limits           %lld structures at once", (long long)job->limits.systems);
    check_print_limit(to, job->limits.atoms, "atoms");
    check_print_limit(to, job->limits.edges, "edges");
    check_print_guards(to, &job->limits.guards);
    fprintf(to, "; refilled every %lld step%s\n", (long long)job->refill,
            job->refill == 1 ? "" : "s");
    if (job->n_hooks) {
        check_print_key(k, "of all stages\n", cli_job_schema.keys, "hooks", job);
    }
    if (job->n_sinks) {
        check_print_key(k, "besides final.extxyz\n", cli_job_schema.keys, "sinks", job);
        check_print_key(k, "", cli_job_schema.keys, "policy", job);
    }
    fprintf(to, "batch            at most %d structures with %lld atoms at once\n",
            (int)ath_batch_n_systems(k->batch), (long long)k->batch_atoms);
}

static void check_print_memory(const check *k)
{
    FILE *to = k->c->out;
    const int64_t fixed = k->model + k->input_bytes;
    const int64_t full = k->batch_bytes + k->engine_peak;
    const int64_t peak = fixed + (k->batch_peak > full ? k->batch_peak : full);
    fprintf(to, "memory %26lld bytes for the model and the device\n", (long long)k->model);
    fprintf(to, "%33lld bytes for reading the input\n", (long long)k->input_bytes);
    fprintf(to, "%33lld bytes for the batch, %lld while it grows\n", (long long)k->batch_bytes,
            (long long)k->batch_peak);
    fprintf(to, "%33lld bytes for neighbour lists, work memory and the plan of a step\n",
            (long long)k->engine_bytes);
    fprintf(to, "%33lld bytes in all at the peak\n", (long long)peak);
    fprintf(to,
            "                 counted with the largest structures that fit into the batch at "
            "once; not counted\n"
            "                 are files being written (1 MiB each), rows of results (about 200 "
            "bytes for each\n"
            "                 structure), what hooks and sinks hold, and lists that grow on the "
            "way\n");
}

/* ---- all of it ---- */

static int check_open(check *k)
{
    cli *c = k->c;
    const cli_settings *s = k->settings;
    const cli_engine_flow nothing = {0};
    const cli_input_limits limits = {s->max_systems, s->max_atoms, k->plan->max_edges};
    const int64_t before = check_mark(k);
    cli_streams nowhere = {.c = c};
    cli_text record = {0};
    int code = cli_engine_open(c, s, k->plan, &k->engine);
    k->model = c->memory.now - before;
    if (!code && !k->no_out) {
        cli_record(c, s, k->plan, &k->engine, &record);
        code = cli_text_check(c, &record);
        code = code ? code : cli_folder_check(c, s->out, s->overwrite != 0, &record);
        cli_text_free(c, &record);
    }
    if (!code) {
        code = cli_input_open(c, s, &k->input);
        code = k->plan->job_input ? cli_job_code(k->plan, code) : code;
    }
    code = code ? code : cli_input_limit(c, &k->input, k->engine.model, &limits);
    code = code ? code : cli_job_parts_open(c, k->job, &nowhere, &k->engine.parts);
    code = code ? code : cli_engine_build(c, s, k->plan, &nothing, &k->engine);
    if (!code) { /* hooks and sinks can be made; they are not counted */
        ath_dynamics_destroy(&k->engine.dynamics);
        cli_job_parts_close(c, &k->engine.parts);
    }
    return code;
}

static void check_close(check *k)
{
    cli *c = k->c;
    ath_dynamics_destroy(&k->engine.dynamics);
    ath_batch_destroy(&k->batch);
    for (size_t i = 0; i < k->n_kept; i++) {
        ath_system_destroy(&k->kept[i]);
    }
    (void)cli_resize(c, &k->kept, k->max_kept * sizeof *k->kept, 0);
    cli_input_close(c, &k->input);
    cli_engine_close(c, &k->engine);
}

static int check_plan(cli *c, const cli_job *job, const cli_settings *s, const cli_run_plan *plan,
                      bool no_out)
{
    check k = {.c = c, .job = job, .settings = s, .plan = plan, .no_out = no_out};
    int code = check_open(&k);
    code = code ? code : check_measure(&k);
    if (!code) {
        check_print_plan(&k);
        check_print_memory(&k);
        code = k.n_refused ? CLI_PARTIAL : CLI_OK;
    }
    check_close(&k);
    return code;
}

static int check_run(cli *c, const cli_settings *given)
{
    cli_settings s = *given;
    cli_job job = {0};
    cli_run_plan plan = {0};
    bool no_out = false;
    if (s.n_inputs == 0) {
        return cli_fail(c, CLI_USAGE, "check: no job file (try --help)");
    }
    int code = cli_job_read(c, s.inputs[0], &job);
    if (!code && !job.out && !s.out) {
        no_out = true;
        s.out = "DIR"; /* stands for what run would be told */
    }
    code = code ? code : cli_job_override(c, &s, &job);
    code = code ? code : cli_plan_job(c, &cli_command_check, &job, &s, &plan);
    code = code ? code : check_plan(c, &job, &s, &plan, no_out);
    cli_plan_free(c, &plan);
    cli_job_free(c, &job);
    return code;
}

const cli_command cli_command_check = {
    .name = "check",
    .bit = CLI_CHECK,
    .operands = "JOB.yaml [IN...]",
    .summary = "what a job would do, and the memory that it would take",
    .about =
        "Reads the job file, makes everything that it names, reads the input for its sizes, and "
        "prints the\n"
        "plan: stages, hooks, sinks, limits, what is in the batch at once, and the bytes that "
        "model, batch and\n"
        "engine take. No step is made and nothing is written. Ends with the exit code that a run "
        "would end\n"
        "with, as far as can be told beforehand.",
    .run = check_run,
};
