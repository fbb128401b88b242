/* Three stages of a structure's life, at once: it is relaxed, warmed up in a heat bath, and then
 * moves at constant energy. At most four structures are in the batch; each goes through the stages
 * at its own pace, and the next one takes the place of one that has come to its end.
 *
 *     04_stages FILE... */
#include <stdio.h>

#include <athanor/dynamics.h>

enum { RELAX = 300, WARM = 200, MOVE = 100 }; /* steps: at most, exactly, exactly */
typedef struct tally {
    int n, through; /* all, and those that went through all stages */
} tally;

/* A structure has come to its end. `age` counts all its steps, `stage_steps` those of its last
 * stage, and the reason says what ended that: its number of steps (budget), too many of them
 * without convergence (step_limit), ... */
static ath_status done(void *user, const ath_system *system)
{
    tally *t = user;
    int64_t frame = 0;
    const char *file = ath_system_source(system, &frame);
    const int64_t age = *(const int64_t *)ath_system_peek(system, ATH_FIELD_AGE);
    const int64_t last = *(const int64_t *)ath_system_peek(system, ATH_FIELD_STAGE_STEPS);
    const int32_t reason = *(const int32_t *)ath_system_peek(system, ATH_FIELD_REASON);
    const int64_t relaxed = age - WARM - MOVE;
    t->n++;
    if (reason == ATH_REASON_BUDGET && last == MOVE && relaxed > 0 && relaxed < RELAX) {
        t->through++;
        printf("%s frame %lld: %lld + %d + %d steps: %s\n", file, (long long)frame,
               (long long)relaxed, (int)WARM, (int)MOVE, ath_reason_name((ath_reason)reason));
    } else {
        printf("%s frame %lld: ended after %lld steps: %s\n", file, (long long)frame,
               (long long)age, ath_reason_name((ath_reason)reason));
    }
    return ATH_OK;
}

int main(int argc, char **argv)
{
    static const char *const names[3] = {
        "fire", "langevin:timestep=2,temperature=300,friction=0.02", "nve:timestep=2"};
    ath_context *ctx = NULL;
    ath_integrator *integrators[3] = {NULL};
    ath_dynamics *stages[3] = {NULL}, *all = NULL;
    ath_sink *sink = NULL;
    tally t = {0};
    const ath_convergence convergence = {.size = sizeof convergence, .fmax = 0.05};
    ath_dynamics_config config[3];
    for (int i = 0; i < 3; i++) {
        config[i] = ath_dynamics_defaults();
        config[i].n_steps = (const int64_t[]){RELAX, WARM, MOVE}[i];
    }
    config[0].convergence_hook = &convergence;
    config[0].stop_at_limit = true; /* what does not converge is not warmed up */
    config[1].velocities = ATH_VELOCITIES_THERMAL;
    config[1].temperature = 300;
    config[0].max_batch_size = 4;
    config[0].sinks = &sink;
    config[0].n_sinks = 1;
    ath_status s = ath_context_create(NULL, &ctx);
    s = s < 0 ? s : ath_device_open(ctx, "host", &config[0].device);
    s = s < 0 ? s : ath_model_create(ctx, "emt", &config[0].model);
    s = s < 0 ? s
              : ath_sampler_from_files(ctx, (const char **)argv + 1, argc - 1, &config[0].sampler);
    s = s < 0 ? s : ath_sink_callback(ctx, done, &t, &sink);
    for (int i = 0; s >= 0 && i < 3; i++) {
        config[i].model = config[0].model;
        s = ath_integrator_create(ctx, names[i], &integrators[i]);
        config[i].integrator = integrators[i];
        s = s < 0 ? s : ath_dynamics_create(ctx, &config[i], &stages[i]);
    }
    s = s < 0 ? s : ath_fuse(ctx, stages, 3, &all);
    s = s < 0 ? s : ath_dynamics_run(all, NULL, ATH_UNSET);
    printf("%d structures, %d went through all stages\n", t.n, t.through);
    if (s < 0) {
        fprintf(stderr, "04_stages: %s\n", ath_context_message(ctx));
    }
    ath_dynamics_destroy(&all);
    for (int i = 0; i < 3; i++) {
        ath_dynamics_destroy(&stages[i]);
        ath_integrator_destroy(&integrators[i]);
    }
    ath_sink_destroy(&sink);
    ath_sampler_destroy(&config[0].sampler);
    ath_model_destroy(&config[0].model);
    ath_device_close(&config[0].device);
    ath_context_destroy(&ctx);
    return !(s >= 0 && t.n > 0 && t.through == t.n);
}
