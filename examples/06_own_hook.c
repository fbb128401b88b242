/* A hook of one's own: counts the steps of each structure and keeps the lowest energy it had.
 *
 * What a hook knows of a structure belongs into a field of it, so that it goes with the structure
 * when others come and leave, and into checkpoints.
 */
#include <stdio.h>

#include <athanor/dynamics.h>

/* Called after every step: about the structures that have made one. */
static ath_status note_lowest(void *user, const ath_hook_context *context)
{
    const ath_field_id field = *(const ath_field_id *)user;
    for (int32_t i = 0; i < ath_batch_n_systems(context->batch); i++) {
        double energy = 0.0, row[2]; /* steps, lowest energy */
        if (!context->mask[i]) {
            continue;
        }
        ath_status s = ath_batch_read(context->batch, ATH_FIELD_ENERGY, i, &energy);
        s = s < 0 ? s : ath_batch_read(context->batch, field, i, row);
        row[1] = row[0] == 0.0 || energy < row[1] ? energy : row[1];
        row[0] += 1.0;
        s = s < 0 ? s : ath_batch_write(context->batch, field, i, row);
        if (s < 0) {
            return s; /* ends the run */
        }
    }
    return ATH_OK;
}

/* A row of n copper atoms, stretched more at one end. */
static ath_status chain(ath_context *ctx, int32_t n, ath_system **out)
{
    void *numbers = NULL, *positions = NULL;
    ath_status s = ath_system_create(ctx, n, out);
    s = s < 0 ? s : ath_system_field(*out, ATH_FIELD_NUMBERS, &numbers);
    s = s < 0 ? s : ath_system_field(*out, ATH_FIELD_POSITIONS, &positions);
    for (int32_t i = 0; s >= 0 && i < n; i++) {
        ((int32_t *)numbers)[i] = 29;
        ((double *)positions)[3 * i] = 2.4 * i + 0.05 * i * i;
    }
    return s;
}

int main(void)
{
    ath_context *ctx = NULL;
    ath_device *device = NULL;
    ath_system *systems[2] = {NULL, NULL};
    ath_batch *batch = NULL;
    ath_dynamics *md = NULL;
    ath_field_id lowest = -1;
    ath_dynamics_config config = ath_dynamics_defaults();
    const ath_field_info info = {.name = "lowest",
                                 .level = ATH_LEVEL_SYSTEM,
                                 .dtype = ATH_F64,
                                 .width = 2,
                                 .help = "steps, and the lowest energy of them (eV)"};
    const ath_hook hook = {.size = sizeof hook,
                           .name = "lowest",
                           .stage = ATH_STAGE_AFTER_STEP,
                           .frequency = 1,
                           .access = ATH_HOOK_READS_ENERGY | ATH_HOOK_OWN_STEPS,
                           .user = &lowest,
                           .call = note_lowest};
    int wrong = 0;
    ath_status s = ath_context_create(NULL, &ctx);
    s = s < 0 ? s : ath_field_register(ctx, &info, &lowest);
    s = s < 0 ? s : ath_device_open(ctx, "host", &device);
    s = s < 0 ? s : chain(ctx, 3, &systems[0]);
    s = s < 0 ? s : chain(ctx, 5, &systems[1]);
    s = s < 0 ? s : ath_batch_from_systems(ctx, device, systems, 2, &batch);
    s = s < 0 ? s : ath_model_create(ctx, "emt", &config.model);
    s = s < 0 ? s : ath_integrator_create(ctx, "nve:timestep=2", &config.integrator);
    s = s < 0 ? s : ath_dynamics_create(ctx, &config, &md);
    s = s < 0 ? s : ath_dynamics_register_hook(md, &hook);
    s = s < 0 ? s : ath_dynamics_register_bookkeeping_key(md, lowest, NULL, NULL);
    s = s < 0 ? s : ath_dynamics_run(md, batch, 200);
    for (int i = 0; s >= 0 && i < 2; i++) {
        double row[2], energy = 0.0;
        s = ath_batch_read(batch, lowest, i, row);
        s = s < 0 ? s : ath_batch_read(batch, ATH_FIELD_ENERGY, i, &energy);
        printf("chain %d: lowest of %g steps %.6f eV, now %.6f eV\n", i, row[0], row[1], energy);
        wrong += s < 0 || row[0] != 200.0 || !(row[1] <= energy);
    }
    if (s < 0) {
        fprintf(stderr, "06_own_hook: %s\n", ath_context_message(ctx));
    }
    ath_dynamics_destroy(&md);
    ath_integrator_destroy(&config.integrator);
    ath_model_destroy(&config.model);
    ath_batch_destroy(&batch);
    ath_system_destroy(&systems[0]);
    ath_system_destroy(&systems[1]);
    ath_device_close(&device);
    ath_context_destroy(&ctx);
    return s < 0 || wrong > 0;
}
