/* job.json: the record of a run, for programs. */
#include <string.h>

#include "run.h"

/* The value of an option as JSON. */
static void record_value(cli *c, cli_text *t, const cli_option *o, const cli_settings *s)
{
    const char *at = (const char *)s + o->option.offset, *text = NULL;
    int64_t whole = 0;
    double real = 0.0;
    if (o->option.type == ATH_OPTION_TEXT) {
        memcpy(&text, at, sizeof text);
        if (text) {
            cli_text_json(c, t, text);
        } else {
            cli_text_print(c, t, "null");
        }
        return;
    }
    if (o->option.type == ATH_OPTION_REAL) {
        memcpy(&real, at, sizeof real);
        cli_text_double(c, t, real);
        return;
    }
    memcpy(&whole, at, sizeof whole);
    if (o->option.type == ATH_OPTION_CHOICE) {
        text = o->option.choices;
        for (; whole > 0; whole--) {
            text = strchr(text, '|') + 1;
        }
        cli_text_print(c, t, "\"%.*s\"", (int)strcspn(text, "|"), text);
    } else {
        cli_text_print(c, t, "%lld", (long long)whole);
    }
}

static void record_stages(cli *c, cli_text *t, const cli_run_plan *plan, const cli_engine *engine)
{
    cli_text_print(c, t, ",\n  \"stages\": [");
    for (size_t i = 0; i < plan->n_stages; i++) {
        cli_text_print(c, t, "%s\n    {\"name\": ", i ? "," : "");
        cli_text_json(c, t, plan->stages[i].name);
        cli_text_print(c, t, ", \"integrator\": ");
        if (engine->integrators[i]) {
            cli_text_json(c, t, ath_integrator_text(engine->integrators[i]));
        } else {
            cli_text_print(c, t, "null");
        }
        cli_text_print(c, t, "}");
    }
    cli_text_print(c, t, "\n  ]");
}

/* What the stages are is in job.yaml; here is a hash of all of it that matters for the results. */
static void record_job(cli *c, cli_text *t, const cli_job *job)
{
    static char nowhere[] = "-";
    cli_job plain = *job;
    cli_text text = {0};
    char hash[33];
    plain.out = nowhere;
    plain.threads = plain.strict = plain.overwrite = 0;
    plain.limits.systems = 1;
    cli_job_print(c, &plain, &text);
    ath_uid_format(ath_uid_of_text(text.data ? text.data : ""), hash);
    t->failed = t->failed || text.failed;
    cli_text_print(c, t, ",\n  \"job_hash\": \"%s\"", hash);
    cli_text_free(c, &text);
}

void cli_record(cli *c, const cli_settings *s, const cli_run_plan *plan, const cli_engine *engine,
                cli_text *t)
{
    cli_text_print(c, t, "{\n  \"program\": \"athanor %s\",\n  \"command\": \"%s\",\n",
                   ath_version(), plan->command->name);
    cli_text_print(c, t, "  \"inputs\": [");
    for (int i = 0; i < s->n_inputs; i++) {
        cli_text_print(c, t, "%s", i ? ", " : "");
        cli_text_json(c, t, s->inputs[i]);
    }
    cli_text_print(c, t, "],\n  \"model\": ");
    cli_text_json(c, t, ath_model_text(engine->model));
    cli_text_print(c, t, ",\n  \"model_hash\": ");
    cli_text_json(c, t, ath_model_hash(engine->model));
    if (plan->job) {
        record_job(c, t, plan->job);
    }
    record_stages(c, t, plan, engine);
    cli_text_print(c, t, ",\n  \"momenta\": \"%s\"",
                   !(plan->what & ATH_EXTXYZ_VELOCITIES) ? "none"
                   : plan->sparse_velocities             ? "moving"
                                                         : "all");
    cli_text_print(c, t, ",\n  \"options\": {");
    int n = 0;
    for (const cli_option *o = cli_options; o->option.name; o++) {
        if (o->record && (o->commands & plan->command->bit)) {
            cli_text_print(c, t, "%s\n    \"%s\": ", n++ ? "," : "", o->option.name);
            record_value(c, t, o, s);
        }
    }
    cli_text_print(c, t, "\n  }\n}\n");
}
