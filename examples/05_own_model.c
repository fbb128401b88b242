/* A potential of one's own: a Morse pair potential for copper as a callback. A dimer and a cluster
 * are relaxed; the dimer has to end with the distance r0 and the energy -D.
 *
 * u(r) = D (exp(-2 a (r - r0)) - 2 exp(-a (r - r0))), cut off where it is 1e-6 eV.
 */
#include <math.h>
#include <stdio.h>

#include <athanor/dynamics.h>

enum { MAX_NEAR = 512 };
static const double depth = 0.343, alpha = 1.359, r0 = 2.866, cutoff = 12.7;

/* Called for some of the systems at a time, from several threads. */
static ath_status morse(void *user, const ath_model_view *view)
{
    (void)user;
    for (int32_t k = 0; k < view->n_systems; k++) {
        const int32_t slot = view->slots[k];
        double energy = 0.0;
        for (int32_t i = 0; i < view->n_atoms[slot]; i++) {
            ath_neighbor_of near[MAX_NEAR];
            const int32_t n = ath_model_view_neighbors(view, slot, i, near, MAX_NEAR);
            double *f = view->forces + 3 * (view->first[slot] + i);
            f[0] = f[1] = f[2] = 0.0;
            for (int32_t m = 0; m < n && m < MAX_NEAR; m++) {
                const double r = sqrt(near[m].r2), e = exp(-alpha * (r - r0));
                const double slope = 2.0 * alpha * depth * (e - e * e); /* du/dr */
                energy += 0.5 * depth * (e * e - 2.0 * e);
                for (int c = 0; c < 3; c++) {
                    f[c] += slope * near[m].d[c] / r;
                }
            }
        }
        view->energy[slot] = energy; /* has to be right if view->want_energy */
        for (int c = 0; view->want_stress && c < 9; c++) {
            view->stress[9 * slot + c] = 0.0; /* clusters have none */
        }
    }
    return ATH_OK;
}

/* The first n places of a cube of 4 x 4 x 4. */
static ath_status cluster(ath_context *ctx, int32_t n, ath_system **out)
{
    void *numbers = NULL, *positions = NULL;
    ath_status status = ath_system_create(ctx, n, out);
    status = status < 0 ? status : ath_system_field(*out, ATH_FIELD_NUMBERS, &numbers);
    status = status < 0 ? status : ath_system_field(*out, ATH_FIELD_POSITIONS, &positions);
    for (int32_t i = 0; status >= 0 && i < n; i++) {
        double *x = (double *)positions + 3 * (int64_t)i;
        ((int32_t *)numbers)[i] = 29;
        x[0] = 2.5 * (i % 4), x[1] = 2.5 * (i / 4 % 4), x[2] = 2.5 * (i / 16);
    }
    return status;
}

int main(void)
{
    ath_context *ctx = NULL;
    ath_device *device = NULL;
    ath_system *systems[2] = {NULL, NULL};
    ath_batch *batch = NULL;
    ath_dynamics *relax = NULL;
    double energy[2] = {0.0}, x[6] = {0.0};
    const ath_convergence convergence = {.size = sizeof convergence, .fmax = 1e-4};
    ath_dynamics_config config = ath_dynamics_defaults();
    ath_callback_config model = {.size = sizeof model, .name = "morse", .cutoff = cutoff};
    model.batch_invariant = true;
    model.compute = morse;
    config.convergence_hook = &convergence;
    ath_status s = ath_context_create(NULL, &ctx);
    s = s < 0 ? s : ath_device_open(ctx, "host", &device);
    s = s < 0 ? s : cluster(ctx, 2, &systems[0]);
    s = s < 0 ? s : cluster(ctx, 64, &systems[1]);
    s = s < 0 ? s : ath_batch_from_systems(ctx, device, systems, 2, &batch);
    s = s < 0 ? s : ath_model_callback(ctx, &model, &config.model);
    s = s < 0 ? s : ath_integrator_create(ctx, "fire", &config.integrator);
    s = s < 0 ? s : ath_dynamics_create(ctx, &config, &relax);
    s = s < 0 ? s : ath_dynamics_run(relax, batch, 2000);
    s = s < 0 ? s : ath_batch_read(batch, ATH_FIELD_POSITIONS, 0, x);
    for (int i = 0; s >= 0 && i < 2; i++) {
        s = ath_batch_read(batch, ATH_FIELD_ENERGY, i, &energy[i]);
        printf("%d atoms: %.6f eV\n", (int)ath_batch_n_atoms_of(batch, i), energy[i]);
    }
    if (s < 0) {
        fprintf(stderr, "%s: %s\n", ath_status_text(s), ath_context_message(ctx));
    }
    ath_dynamics_destroy(&relax);
    ath_integrator_destroy(&config.integrator);
    ath_model_destroy(&config.model);
    ath_batch_destroy(&batch);
    ath_system_destroy(&systems[0]);
    ath_system_destroy(&systems[1]);
    ath_device_close(&device);
    ath_context_destroy(&ctx);
    return !(s >= 0 && fabs(energy[0] + depth) < 1e-6 && fabs(x[3] - x[0] - r0) < 1e-3);
}
