/* One batch, two ensembles: every structure of the files is in it twice, and one of the two moves
 * at constant energy, the other in a heat bath; at the same time, with one evaluation of the model
 * per step. The parts of a fused dynamics are entered by status: part number `status` moves a
 * system.
 *
 *     03_mixed_ensembles FILE... */
#include <math.h>
#include <stdio.h>

#include <athanor/dynamics.h>
#include <athanor/units.h>

enum { STEPS = 500 };

/* Puts every structure into the batch twice, with status 0 and 1. */
static ath_status fill(ath_sampler *sampler, ath_batch *batch)
{
    ath_system *system = NULL;
    ath_status s = ATH_OK;
    while (s >= 0 && (s = ath_sampler_next(sampler, -1, &system)) == ATH_OK) {
        for (int32_t part = 0, n = ath_batch_n_systems(batch); s >= 0 && part < 2; part++) {
            s = ath_batch_add(batch, system);
            s = s < 0 ? s : ath_batch_write(batch, ATH_FIELD_STATUS, n + part, &part);
        }
        ath_system_destroy(&system);
    }
    return s == ATH_END ? ATH_OK : s;
}

/* Total energy (eV) and mean temperature (K) of the systems of a part: every second one. */
static ath_status measure(const ath_batch *batch, int32_t part, double *energy, double *kelvin)
{
    double kinetic = 0.0, dof = 0.0;
    ath_status s = ATH_OK;
    *energy = 0.0;
    for (int32_t i = part; s >= 0 && i < ath_batch_n_systems(batch); i += 2) {
        ath_system *system = NULL;
        s = ath_batch_get(batch, i, &system);
        const double *v = s < 0 ? NULL : ath_system_peek(system, ATH_FIELD_VELOCITIES);
        const double *m = s < 0 ? NULL : ath_system_peek(system, ATH_FIELD_MASSES);
        for (int64_t k = 0; s >= 0 && k < 3 * (int64_t)ath_system_n_atoms(system); k++) {
            kinetic += 0.5 * m[k / 3] * v[k] * v[k];
        }
        *energy += s < 0 ? 0.0 : *(const double *)ath_system_peek(system, ATH_FIELD_ENERGY);
        dof += s < 0 ? 0.0 : *(const double *)ath_system_peek(system, ATH_FIELD_DOF);
        ath_system_destroy(&system);
    }
    *energy += kinetic;
    *kelvin = 2.0 * kinetic / (dof * ATH_BOLTZMANN);
    return s;
}

int main(int argc, char **argv)
{
    static const char *const names[2] = {"nve:timestep=2",
                                         "langevin:timestep=2,temperature=600,friction=0.02"};
    ath_context *ctx = NULL;
    ath_sampler *sampler = NULL;
    ath_batch *batch = NULL;
    ath_integrator *integrators[2] = {NULL, NULL};
    ath_dynamics *parts[2] = {NULL, NULL}, *both = NULL;
    double e[2][2] = {{0.0}}, t[2][2] = {{0.0}};
    ath_batch_config room = {.size = sizeof room};
    ath_dynamics_config config = ath_dynamics_defaults();
    config.velocities = ATH_VELOCITIES_THERMAL;
    config.temperature = 300;
    config.n_steps = 2 * STEPS; /* more than are made: nobody goes on to the next part */
    ath_status s = ath_context_create(NULL, &ctx);
    s = s < 0 ? s : ath_device_open(ctx, "host", &room.device);
    s = s < 0 ? s : ath_model_create(ctx, "emt", &config.model);
    s = s < 0 ? s : ath_batch_create(ctx, &room, &batch);
    s = s < 0 ? s : ath_sampler_from_files(ctx, (const char **)argv + 1, argc - 1, &sampler);
    s = s < 0 ? s : fill(sampler, batch);
    for (int p = 0; s >= 0 && p < 2; p++) {
        s = ath_integrator_create(ctx, names[p], &integrators[p]);
        config.integrator = integrators[p];
        s = s < 0 ? s : ath_dynamics_create(ctx, &config, &parts[p]);
    }
    s = s < 0 ? s : ath_fuse(ctx, parts, 2, &both);
    for (int k = 0; s >= 0 && k < 4; k++) { /* after one step, and after the others */
        s = k % 2 ? ATH_OK : ath_dynamics_run(both, batch, k ? STEPS : 1);
        s = s < 0 ? s : measure(batch, k % 2, &e[k / 2][k % 2], &t[k / 2][k % 2]);
    }
    for (int p = 0; p < 2; p++) {
        printf("%-9s total energy %.3f eV, %.0f K; %d steps later %.3f eV, %.0f K\n",
               p ? "heat bath" : "alone", e[0][p], t[0][p], (int)STEPS, e[1][p], t[1][p]);
        ath_dynamics_destroy(&parts[p]);
        ath_integrator_destroy(&integrators[p]);
    }
    fputs(s < 0 ? ath_context_message(ctx) : "", stderr);
    ath_dynamics_destroy(&both);
    ath_sampler_destroy(&sampler);
    ath_batch_destroy(&batch);
    ath_model_destroy(&config.model);
    ath_device_close(&room.device);
    ath_context_destroy(&ctx);
    return !(s >= 0 && fabs(e[1][0] - e[0][0]) < 0.1 && t[1][1] > 550 && t[1][1] < 650);
}
