/* What the values of a job file have to do with one another: stages that would not end or could not
 * be reached, temperatures that nobody uses, files that two hooks would write. Integrators are made
 * once, for the sake of their options. Entries of lists that are wrong by themselves are passed
 * over.
 */
#include <stdarg.h>
#include <string.h>

#include "job_tree.h"
#include "run.h"

#include <athanor/integrator.h>

/* At the value of a key, or at the mapping where it is absent. */
static void __attribute__((format(printf, 6, 7)))
check_problem(job_reader *r, const job_node *mapping, const job_place *place, const char *key,
              const char *what, const char *format, ...)
{
    char text[512];
    va_list args;
    const job_node *value = job_tree_find(&r->tree, mapping, key, NULL);
    const job_place here = {place, key, 0};
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    value = value ? value : mapping;
    job_problem_add(&r->problems, value->line, value->column, &here, what, "%s", text);
}

static void check_no_memory(job_reader *r)
{
    if (!r->code) {
        r->code = cli_fail(r->c, CLI_INTERNAL, "out of memory");
    }
}

/* ---- stages ---- */

/* Whether the text of an integrator, which has all its options, says that it relaxes the cell. */
static bool check_relaxes(const char *text)
{
    const char *cell = strstr(text, "cell=");
    return cell && (cell[-1] == ':' || cell[-1] == ',') && strncmp(cell, "cell=none", 9) != 0;
}

static void check_integrator(job_reader *r, const job_node *node, const job_place *place,
                             const cli_job_stage *stage)
{
    ath_integrator *integrator = NULL;
    const ath_status status = ath_integrator_create(r->c->ctx, stage->integrator, &integrator);
    if (status == ATH_E_NO_MEMORY) {
        check_no_memory(r);
    } else if (status < 0) {
        check_problem(r, node, place, "integrator", "wrong value", "%s",
                      ath_context_message(r->c->ctx));
    } else if (stage->until.smax >= 0.0 && !check_relaxes(ath_integrator_text(integrator))) {
        check_problem(r, node, place, "until", "useless key",
                      "'smax' is about what an integrator relaxes of the cell; this one has no "
                      "option 'cell' other than none");
    }
    ath_integrator_destroy(&integrator);
}

/* Without a name a stage has that of its integrator. */
static void check_name(job_reader *r, const job_node *node, const job_place *place, cli_job *job,
                       size_t index)
{
    cli_job_stage *stage = &job->stages[index];
    char shown[JOB_SHOWN_BYTES];
    if (!stage->name) {
        if (!job_set_text(r->c, &stage->name, stage->integrator)) {
            check_no_memory(r);
            return;
        }
        const size_t bytes = strlen(stage->name), keep = strcspn(stage->name, ":");
        if (!cli_resize(r->c, &stage->name, bytes + 1, keep + 1)) {
            check_no_memory(r);
            return;
        }
        stage->name[keep] = '\0';
    }
    for (size_t i = 0; i < index; i++) {
        if (job->stages[i].name && strcmp(job->stages[i].name, stage->name) == 0) {
            check_problem(r, node, place, "name", "wrong value",
                          "stages[%zu] is called '%s', too; every stage has a name of its own", i,
                          job_shown(stage->name, shown));
            return;
        }
    }
}

/* Where and how a stage ends. */
static void check_end(job_reader *r, const job_node *node, const job_place *place,
                      cli_job_stage *stage, bool last)
{
    const bool steps = stage->steps != CLI_UNSET;
    const bool until =
        stage->until.fmax >= 0.0 || stage->until.smax >= 0.0 || stage->until.energy_change >= 0.0;
    const bool given = stage->at_limit != CLI_UNSET;
    if (!steps && !until) {
        check_problem(r, node, place, "steps", "missing key",
                      "a stage needs 'steps' or 'until', or it never ends");
    }
    if (given && !(steps && until)) {
        check_problem(r, node, place, "at_limit", "useless key",
                      "only a stage with both 'steps' and 'until' can miss one at the other");
    } else if (stage->at_limit == CLI_JOB_CONTINUE && last) {
        check_problem(r, node, place, "at_limit", "wrong value",
                      "there is no stage behind this one to continue with");
    }
    if (!given && steps && until) {
        stage->at_limit = CLI_JOB_STOP;
    }
    if (stage->assess_on_entry && !until) {
        check_problem(r, node, place, "assess_on_entry", "useless key",
                      "there is no 'until' to be met");
    }
}

static void check_velocities(job_reader *r, const job_node *node, const job_place *place,
                             const cli_job_stage *stage)
{
    const bool drawn =
        stage->velocities == ATH_VELOCITIES_THERMAL || stage->velocities == ATH_VELOCITIES_MISSING;
    if (drawn && stage->temperature < 0.0) {
        check_problem(r, node, place, "temperature", "missing key",
                      "velocities are to be drawn, but at which temperature?");
    } else if (!drawn && stage->temperature >= 0.0) {
        check_problem(r, node, place, "temperature", "useless key",
                      "no velocities are drawn in this stage; a thermostat has a temperature of "
                      "its own, in 'integrator'");
    }
}

/* ---- files ---- */

/* Names in DIR that are taken before any hook or sink has one. */
static const char *const check_taken[] = {
    "job.yaml",    "job.json",    "command.json",  "final.extxyz",
    "traj.extxyz", "thermo.csv",  "journal",       "checkpoint.",
    "reserve",     "results.csv", "progress.json", "run.log",
    "quarantine",  "STOP",        "report.html",   NULL};

typedef struct check_files {
    const char **names; /* [n], borrowed */
    size_t n, max;
} check_files;

static void check_file(job_reader *r, check_files *files, const job_node *node,
                       const job_place *place, const char *name)
{
    char shown[JOB_SHOWN_BYTES];
    bool taken = false;
    for (int i = 0; check_taken[i]; i++) {
        taken = taken || strncmp(name, check_taken[i], strlen(check_taken[i])) == 0;
    }
    for (size_t i = 0; i < files->n; i++) {
        taken = taken || strcmp(name, files->names[i]) == 0;
    }
    if (strchr(name, '/') || *name == '.') {
        check_problem(r, node, place, "path", "wrong value",
                      "'%s' is no plain name of a file in DIR", job_shown(name, shown));
    } else if (taken) {
        check_problem(r, node, place, "path", "wrong value",
                      "'%s' is taken: every file of DIR has one writer", job_shown(name, shown));
    }
    if (files->n == files->max) {
        const size_t max = files->max ? 2 * files->max : 16;
        if (!cli_resize(r->c, &files->names, files->max * sizeof *files->names,
                        max * sizeof *files->names)) {
            check_no_memory(r);
            return;
        }
        files->max = max;
    }
    files->names[files->n++] = name;
}

/* The files of a list of hooks. */
static void check_hooks(job_reader *r, check_files *files, const job_node *mapping,
                        const job_place *parent, const cli_job_hook *hooks, size_t n)
{
    const job_node *list = job_tree_find(&r->tree, mapping, "hooks", NULL);
    const job_place place = {parent, "hooks", 0};
    int32_t id = n > 0 && list ? list->first : -1;
    for (size_t i = 0; id >= 0 && i < n && !r->code; i++, id = r->tree.nodes[id].next) {
        const job_node *node = &r->tree.nodes[id];
        const job_place here = {&place, NULL, i}, sink = {&here, "sink", 0};
        if (node->faulty) {
            continue;
        }
        if (hooks[i].path) {
            check_file(r, files, node, &here, hooks[i].path);
        }
        if (hooks[i].sink.path) {
            const job_node *inner = job_tree_find(&r->tree, node, "sink", NULL);
            check_file(r, files, inner && inner->type == JOB_MAPPING ? inner : node, &sink,
                       hooks[i].sink.path);
        }
    }
}

static void check_sinks(job_reader *r, check_files *files, const cli_job *job)
{
    const job_node *list = job_tree_find(&r->tree, r->tree.nodes, "sinks", NULL);
    const job_place place = {NULL, "sinks", 0};
    int32_t id = job->n_sinks > 0 && list ? list->first : -1;
    for (size_t i = 0; id >= 0 && i < job->n_sinks && !r->code; i++, id = r->tree.nodes[id].next) {
        const job_place here = {&place, NULL, i};
        if (!r->tree.nodes[id].faulty && job->sinks[i].path) {
            check_file(r, files, &r->tree.nodes[id], &here, job->sinks[i].path);
        }
    }
}

/* ---- limits ---- */

static void check_limits(job_reader *r, const cli_job *job)
{
    const job_node *limits = job_tree_find(&r->tree, r->tree.nodes, "limits", NULL);
    const job_place place = {NULL, "limits", 0};
    if (limits && !cli_volume_factor(job->limits.guards.max_volume_change)) {
        check_problem(r, limits, &place, "max_volume_change", "wrong value",
                      "expected a factor above 1, or 0 for no limit");
    }
}

/* ---- all of it ---- */

static bool check_device_name(const char *name)
{
    if (strncmp(name, "cuda:", 5) == 0) {
        const size_t n = strspn(name + 5, "0123456789");
        return n > 0 && n < 4 && name[5 + n] == '\0';
    }
    return strcmp(name, "host") == 0 || strcmp(name, "mock") == 0;
}

static void check_stages(job_reader *r, check_files *files, cli_job *job)
{
    const job_node *list = job_tree_find(&r->tree, r->tree.nodes, "stages", NULL);
    const job_place place = {NULL, "stages", 0};
    int32_t id = job->n_stages > 0 && list ? list->first : -1;
    for (size_t i = 0; id >= 0 && i < job->n_stages && !r->code; i++) {
        const job_node *node = &r->tree.nodes[id];
        const job_place here = {&place, NULL, i};
        cli_job_stage *stage = &job->stages[i];
        id = node->next;
        if (node->faulty) {
            continue;
        }
        check_integrator(r, node, &here, stage);
        check_name(r, node, &here, job, i);
        check_end(r, node, &here, stage, i + 1 == job->n_stages);
        check_velocities(r, node, &here, stage);
        check_hooks(r, files, node, &here, stage->hooks, stage->n_hooks);
    }
}

void job_check(job_reader *r, cli_job *job)
{
    check_files files = {0};
    char shown[JOB_SHOWN_BYTES];
    if (job->device && !check_device_name(job->device)) {
        check_problem(r, r->tree.nodes, NULL, "device", "wrong value",
                      "expected host, mock or cuda:N, found '%s'", job_shown(job->device, shown));
    }
    check_limits(r, job);
    check_hooks(r, &files, r->tree.nodes, NULL, job->hooks, job->n_hooks);
    check_stages(r, &files, job);
    check_sinks(r, &files, job);
    (void)cli_resize(r->c, &files.names, files.max * sizeof *files.names, 0);
}
