/* One structure, made by hand: 32 copper atoms on an fcc lattice, one of them out of its place. Its
 * energy and forces, then a picosecond of molecular dynamics at constant energy. */
#include <math.h>
#include <stdio.h>

#include <athanor/dynamics.h>

enum { SIDE = 2, N = 4 * SIDE * SIDE * SIDE };
static const double a = 3.6; /* angstrom */

static ath_status copper(ath_context *ctx, ath_system **out)
{
    static const double basis[4][3] = {{0, 0, 0}, {0, 0.5, 0.5}, {0.5, 0, 0.5}, {0.5, 0.5, 0}};
    void *numbers = NULL, *positions = NULL, *cell = NULL, *pbc = NULL;
    ath_status s = ath_system_create(ctx, N, out);
    s = s < 0 ? s : ath_system_field(*out, ATH_FIELD_NUMBERS, &numbers);
    s = s < 0 ? s : ath_system_field(*out, ATH_FIELD_POSITIONS, &positions);
    s = s < 0 ? s : ath_system_field(*out, ATH_FIELD_CELL, &cell);
    s = s < 0 ? s : ath_system_field(*out, ATH_FIELD_PBC, &pbc);
    for (int i = 0; s >= 0 && i < N; i++) {
        const int at[3] = {i / 4 % SIDE, i / 4 / SIDE % SIDE, i / 4 / SIDE / SIDE};
        ((int32_t *)numbers)[i] = 29;
        for (int c = 0; c < 3; c++) {
            ((double *)positions)[3 * i + c] = a * (at[c] + basis[i % 4][c]);
        }
    }
    for (int c = 0; s >= 0 && c < 3; c++) {
        ((double *)cell)[4 * c] = a * SIDE; /* the diagonal of a 3 x 3 matrix */
        ((int32_t *)pbc)[c] = 1;
    }
    if (s >= 0) {
        ((double *)positions)[0] += 0.2;
    }
    return s;
}

/* Potential and kinetic energy, eV. */
static ath_status total_energy(const ath_batch *batch, double *out)
{
    double v[3 * N], m[N];
    ath_status s = ath_batch_read(batch, ATH_FIELD_ENERGY, 0, out);
    s = s < 0 ? s : ath_batch_read(batch, ATH_FIELD_VELOCITIES, 0, v);
    s = s < 0 ? s : ath_batch_read(batch, ATH_FIELD_MASSES, 0, m);
    for (int k = 0; s >= 0 && k < 3 * N; k++) {
        *out += 0.5 * m[k / 3] * v[k] * v[k];
    }
    return s;
}

int main(void)
{
    ath_context *ctx = NULL;
    ath_device *device = NULL;
    ath_system *system = NULL;
    ath_batch *batch = NULL;
    ath_dynamics *md = NULL;
    double f[3 * N] = {0.0}, energy = 0.0, first = 0.0, last = 0.0;
    ath_dynamics_config config = ath_dynamics_defaults();
    config.velocities = ATH_VELOCITIES_THERMAL;
    config.temperature = 300;
    ath_status s = ath_context_create(NULL, &ctx);
    s = s < 0 ? s : ath_device_open(ctx, "host", &device);
    s = s < 0 ? s : copper(ctx, &system);
    s = s < 0 ? s : ath_batch_from_systems(ctx, device, &system, 1, &batch);
    s = s < 0 ? s : ath_model_create(ctx, "emt", &config.model);
    s = s < 0 ? s : ath_integrator_create(ctx, "nve:timestep=2", &config.integrator);
    s = s < 0 ? s : ath_dynamics_create(ctx, &config, &md);
    s = s < 0 ? s : ath_dynamics_compute(md, batch);
    s = s < 0 ? s : ath_batch_read(batch, ATH_FIELD_ENERGY, 0, &energy);
    s = s < 0 ? s : ath_batch_read(batch, ATH_FIELD_FORCES, 0, f);
    printf("%.6f eV, the displaced atom is drawn back with %.4f eV/angstrom\n", energy, -f[0]);
    for (int k = 0; s >= 0 && k <= 5; k++) { /* one step, then five times a hundred */
        s = ath_dynamics_run(md, batch, k > 0 ? 100 : 1);
        s = s < 0 ? s : total_energy(batch, &last);
        first = k > 0 ? first : last;
        printf("step %3lld: potential and kinetic energy %.6f eV\n",
               (long long)ath_dynamics_step_count(md), last);
    }
    if (s < 0) {
        fprintf(stderr, "01_single_system: %s\n", ath_context_message(ctx));
    }
    ath_dynamics_destroy(&md);
    ath_integrator_destroy(&config.integrator);
    ath_model_destroy(&config.model);
    ath_batch_destroy(&batch);
    ath_system_destroy(&system);
    ath_device_close(&device);
    ath_context_destroy(&ctx);
    return !(s >= 0 && f[0] < -0.1 && fabs(f[1]) < 1e-9 && fabs(last - first) < 0.01);
}
