/* Relaxes all structures of some extended XYZ files in one batch and prints how each one ended.
 *
 *     02_batch FILE...
 *
 * The shape of every program on Athanor: a context, a device, a model, an integrator, a dynamics;
 * with a sampler that brings structures in and a sink that takes finished ones out.
 */
#include <stdio.h>

#include <athanor/dynamics.h>

typedef struct tally {
    int n, n_converged;
} tally;

/* A structure has come to its end: converged, at its step limit, or failed. */
static ath_status done(void *user, const ath_system *system)
{
    tally *t = user;
    int64_t frame = 0;
    const char *file = ath_system_source(system, &frame);
    const double *energy = ath_system_peek(system, ATH_FIELD_ENERGY);
    const double *fmax = ath_system_peek(system, ATH_FIELD_FMAX);
    const int64_t *steps = ath_system_peek(system, ATH_FIELD_STAGE_STEPS);
    const int32_t *reason = ath_system_peek(system, ATH_FIELD_REASON);
    printf("%s frame %lld: %d atoms, %.6f eV, fmax %.4f eV/angstrom after %lld steps: %s\n", file,
           (long long)frame, (int)ath_system_n_atoms(system), *energy, *fmax, (long long)*steps,
           ath_reason_name((ath_reason)*reason));
    t->n++;
    t->n_converged += *reason == ATH_REASON_CONVERGED;
    return ATH_OK;
}

/* A structure that cannot be read, or that the model does not know. */
static ath_status rejected(void *user, const char *file, int64_t frame, ath_reason reason,
                           const char *message)
{
    ((tally *)user)->n++;
    fprintf(stderr, "%s frame %lld: %s: %s\n", file, (long long)frame, ath_reason_name(reason),
            message);
    return ATH_OK;
}

int main(int argc, char **argv)
{
    ath_context *ctx = NULL;
    ath_device *device = NULL;
    ath_model *model = NULL;
    ath_integrator *fire = NULL;
    ath_dynamics *stage = NULL, *relax = NULL;
    ath_sampler *sampler = NULL;
    ath_sink *sink = NULL;
    tally t = {0};
    if (ath_context_create(NULL, &ctx) < 0) {
        return 1;
    }
    const ath_convergence convergence = {.size = sizeof convergence, .fmax = 0.05};
    ath_dynamics_config config = ath_dynamics_defaults();
    config.convergence_hook = &convergence;
    config.n_steps = 500;
    config.velocities = ATH_VELOCITIES_ZERO;
    config.stop_at_limit = true;
    config.max_batch_size = 1000;
    config.rejected = rejected;
    config.user = &t;
    ath_status status = ath_device_open(ctx, "host", &device);
    status = status < 0 ? status : ath_model_create(ctx, "emt", &config.model);
    model = config.model;
    status = status < 0 ? status : ath_integrator_create(ctx, "fire", &config.integrator);
    fire = config.integrator;
    const char *const *files = (const char *const *)argv + 1;
    status = status < 0 ? status : ath_sampler_from_files(ctx, files, argc - 1, &sampler);
    status = status < 0 ? status : ath_sink_callback(ctx, done, &t, &sink);
    config.device = device;
    config.sampler = sampler;
    config.sinks = &sink;
    config.n_sinks = 1;
    status = status < 0 ? status : ath_dynamics_create(ctx, &config, &stage);
    status = status < 0 ? status : ath_fuse(ctx, &stage, 1, &relax); /* steps count per structure */
    status = status < 0 ? status : ath_dynamics_run(relax, NULL, ATH_UNSET);
    if (status < 0) {
        fprintf(stderr, "02_batch: %s\n", ath_context_message(ctx));
    } else {
        printf("%d structures, %d of them relaxed\n", t.n, t.n_converged);
    }
    ath_dynamics_destroy(&relax);
    ath_dynamics_destroy(&stage);
    ath_sink_destroy(&sink);
    ath_sampler_destroy(&sampler);
    ath_integrator_destroy(&fire);
    ath_model_destroy(&model);
    ath_device_close(&device);
    ath_context_destroy(&ctx);
    return !(status >= 0 && t.n > 0 && t.n_converged == t.n);
}
