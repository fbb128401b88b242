/* Relaxes the structures of a file and writes them as extended XYZ, for scripts that compare them.
 *
 *     relax_tool MODEL INTEGRATOR CRITERIA FILE > OUT
 *
 * A comment line has the frame's number in FILE, the steps, the energy in eV, and how it ended.
 */
#include <stdio.h>
#include <string.h>

#include <athanor/dynamics.h>

static ath_status done(void *user, const ath_system *system)
{
    int64_t frame = 0;
    const int32_t n = ath_system_n_atoms(system);
    const int32_t *numbers = ath_system_peek(system, ATH_FIELD_NUMBERS);
    const int32_t *pbc = ath_system_peek(system, ATH_FIELD_PBC);
    const double *r = ath_system_peek(system, ATH_FIELD_POSITIONS);
    const double *h = ath_system_peek(system, ATH_FIELD_CELL);
    const int64_t *steps = ath_system_peek(system, ATH_FIELD_STAGE_STEPS);
    const int32_t *reason = ath_system_peek(system, ATH_FIELD_REASON);
    const double *energy = ath_system_peek(system, ATH_FIELD_ENERGY);
    (void)user;
    (void)ath_system_source(system, &frame);
    printf("%d\nLattice=\"", (int)n);
    for (int k = 0; k < 9; k++) {
        printf("%s%.17g", k ? " " : "", h[k]);
    }
    printf("\" Properties=Z:I:1:pos:R:3 pbc=\"%c %c %c\" number=%lld steps=%lld total=%.17g "
           "reason=%s\n",
           pbc[0] ? 'T' : 'F', pbc[1] ? 'T' : 'F', pbc[2] ? 'T' : 'F', (long long)frame,
           (long long)*steps, *energy, ath_reason_name((ath_reason)*reason));
    for (int32_t i = 0; i < n; i++) {
        printf("%d %.17g %.17g %.17g\n", (int)numbers[i], r[3 * i], r[3 * i + 1], r[3 * i + 2]);
    }
    return ATH_OK;
}

static ath_status run(ath_context *ctx, ath_dynamics_config *config, ath_sampler *sampler,
                      ath_sink *sink)
{
    ath_dynamics *stage = NULL, *relax = NULL;
    config->sampler = sampler;
    config->sinks = &sink;
    config->n_sinks = 1;
    ath_status status = ath_dynamics_create(ctx, config, &stage);
    status = status < 0 ? status : ath_fuse(ctx, &stage, 1, &relax);
    status = status < 0 ? status : ath_dynamics_run(relax, NULL, ATH_UNSET);
    ath_dynamics_destroy(&relax);
    ath_dynamics_destroy(&stage);
    return status;
}

int main(int argc, char **argv)
{
    ath_context *ctx = NULL;
    ath_sampler *sampler = NULL;
    ath_sink *sink = NULL;
    ath_criterion criteria[ATH_MAX_CRITERIA];
    ath_convergence convergence = {.size = sizeof convergence, .criteria = criteria};
    ath_dynamics_config config = ath_dynamics_defaults();
    if (argc != 5 || ath_context_create(NULL, &ctx) < 0) {
        return 64;
    }
    const char *files[1] = {argv[4]};
    config.convergence_hook = &convergence;
    config.n_steps = 20000;
    config.velocities = ATH_VELOCITIES_ZERO;
    config.stop_at_limit = true;
    ath_status status = ath_criteria_parse(ctx, argv[3], criteria, &convergence.n_criteria);
    status = status < 0 ? status : ath_device_open(ctx, "host", &config.device);
    status = status < 0 ? status : ath_model_create(ctx, argv[1], &config.model);
    status = status < 0 ? status : ath_integrator_create(ctx, argv[2], &config.integrator);
    status = status < 0 ? status : ath_sampler_from_files(ctx, files, 1, &sampler);
    status = status < 0 ? status : ath_sink_callback(ctx, done, NULL, &sink);
    status = status < 0 ? status : run(ctx, &config, sampler, sink);
    if (status < 0) {
        fprintf(stderr, "relax_tool: %s\n", ath_context_message(ctx));
    }
    ath_sink_destroy(&sink);
    ath_sampler_destroy(&sampler);
    ath_integrator_destroy(&config.integrator);
    ath_model_destroy(&config.model);
    ath_device_close(&config.device);
    ath_context_destroy(&ctx);
    return status < 0;
}
