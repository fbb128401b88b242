/* Energy of a copper dimer, through the installed headers and library. Compiles as C17 and as
 * C++17. */
#include <stdio.h>

#include <athanor/dynamics.h>
#include <athanor/extxyz.h>

static int fail(ath_context *ctx, const char *what)
{
    fprintf(stderr, "%s: %s\n", what, ath_context_message(ctx));
    return 1;
}

int main(void)
{
    ath_context *ctx = NULL;
    ath_device *device = NULL;
    ath_model *model = NULL;
    ath_system *system = NULL;
    ath_batch *batch = NULL;
    ath_dynamics *dynamics = NULL;
    void *positions = NULL, *numbers = NULL;
    double energy = 0.0;
    if (ath_context_create(NULL, &ctx) < 0) {
        return 1;
    }
    if (ath_device_open(ctx, "host", &device) < 0 || ath_model_create(ctx, "emt", &model) < 0 ||
        ath_system_create(ctx, 2, &system) < 0 ||
        ath_system_field(system, ATH_FIELD_POSITIONS, &positions) < 0 ||
        ath_system_field(system, ATH_FIELD_NUMBERS, &numbers) < 0) {
        return fail(ctx, "setting up");
    }
    ((double *)positions)[3] = 2.4;
    ((int32_t *)numbers)[0] = ((int32_t *)numbers)[1] = ath_element_number("Cu");
    ath_dynamics_config config = ath_dynamics_defaults();
    config.model = model;
    config.n_threads = 1;
    if (ath_batch_from_systems(ctx, device, &system, 1, &batch) < 0 ||
        ath_dynamics_create(ctx, &config, &dynamics) < 0 ||
        ath_dynamics_compute(dynamics, batch) < 0 ||
        ath_batch_read(batch, ATH_FIELD_ENERGY, 0, &energy) < 0) {
        return fail(ctx, "computing");
    }
    printf("athanor %s: %.12f eV\n", ath_version(), energy);
    ath_dynamics_destroy(&dynamics);
    ath_batch_destroy(&batch);
    ath_system_destroy(&system);
    ath_model_destroy(&model);
    ath_device_close(&device);
    ath_context_destroy(&ctx);
    return 0;
}
