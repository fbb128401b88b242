/* An integrator of one's own: velocity Verlet with friction, which takes the heat out of a cluster
 * of 13 argon atoms until it lies still: in the minimum that the built-in `fire` finds.
 *
 * First half: v <- (1 - c) v + (dt/2) F/m, r <- r + dt v; second half: v <- v + (dt/2) F/m. */
#include <math.h>
#include <stdio.h>

#include <athanor/dynamics.h>
#include <athanor/units.h>

enum { N = 13, DT = 0, DRAG = 1 }; /* the cells of the state, of each system its own */

/* Called for some of the systems at a time, from several threads. */
static void half(const ath_integrator_view *view, int first_half)
{
    for (int32_t s = 0; s < view->n_systems; s++) {
        const int32_t slot = view->slots[s];
        const double *cell = view->system_state + (int64_t)slot * view->system_stride;
        const uint8_t *fixed = ath_integrator_view_fixed(view, slot);
        const int64_t first = view->first[slot];
        for (int64_t k = 3 * first; k < 3 * (first + view->n_atoms[slot]); k++) {
            double *v = view->velocities + k, w = 1.0 / view->masses[k / 3];
            *v *= first_half ? 1.0 - cell[DRAG] : 1.0;
            *v += 0.5 * cell[DT] * view->forces[k] * w;
            *v = fixed && fixed[k - 3 * first] ? 0.0 : *v;
            view->positions[k] += first_half ? cell[DT] * *v : 0.0;
        }
    }
}

static void pre_update(void *user, const ath_integrator_view *view)
{
    (void)user;
    half(view, 1);
}

static void post_update(void *user, const ath_integrator_view *view)
{
    (void)user;
    half(view, 0);
}

static ath_status argon(ath_context *ctx, ath_system **out)
{
    void *numbers = NULL, *positions = NULL;
    ath_status s = ath_system_create(ctx, N, out);
    s = s < 0 ? s : ath_system_field(*out, ATH_FIELD_NUMBERS, &numbers);
    s = s < 0 ? s : ath_system_field(*out, ATH_FIELD_POSITIONS, &positions);
    for (int i = 0; s >= 0 && i < N; i++) { /* an icosahedron, too large and out of shape */
        double *x = (double *)positions + 3 * i;
        ((int32_t *)numbers)[i] = 18;
        x[i / 4 % 3] = 0.1 * i;
        x[(i / 4 + 1) % 3] = i == 12 ? 0.0 : i % 2 ? 2.1 : -2.1;
        x[(i / 4 + 2) % 3] = i == 12 ? 0.0 : i / 2 % 2 ? 3.4 : -3.4;
    }
    return s;
}

int main(void)
{
    const double cells[2] = {5.0 / ATH_FS_PER_TIME, 0.02}; /* 5 fs */
    ath_integrator_callback_config drag = {.size = sizeof drag, .name = "drag"};
    const ath_convergence convergence = {.size = sizeof convergence, .fmax = 1e-4};
    ath_context *ctx = NULL;
    double energy[2] = {0.0, 1.0};
    ath_system *system = NULL;
    ath_dynamics_config config = ath_dynamics_defaults();
    drag.text = "timestep=5,drag=0.02"; /* is echoed */
    drag.n_system_cells = 2;
    drag.system_cells = cells;
    drag.pre_update = pre_update;
    drag.post_update = post_update;
    config.convergence_hook = &convergence;
    ath_status s = ath_context_create(NULL, &ctx);
    s = s < 0 ? s : ath_device_open(ctx, "host", &config.device);
    s = s < 0 ? s : ath_model_create(ctx, "lj:epsilon=0.0104,sigma=3.4,cutoff=20", &config.model);
    s = s < 0 ? s : argon(ctx, &system);
    for (int i = 0; s >= 0 && i < 2; i++) {
        ath_batch *batch = NULL;
        ath_dynamics *relax = NULL;
        s = i ? ath_integrator_create(ctx, "fire", &config.integrator)
              : ath_integrator_callback(ctx, &drag, &config.integrator);
        s = s < 0 ? s : ath_dynamics_create(ctx, &config, &relax);
        s = s < 0 ? s : ath_batch_from_systems(ctx, config.device, &system, 1, &batch);
        s = s < 0 ? s : ath_dynamics_run(relax, batch, 20000);
        s = s < 0 ? s : ath_batch_read(batch, ATH_FIELD_ENERGY, 0, &energy[i]);
        printf("%-5s %5lld steps, %.6f eV\n", i ? "fire" : "drag",
               (long long)ath_dynamics_step_count(relax), energy[i]);
        ath_dynamics_destroy(&relax);
        ath_batch_destroy(&batch);
        ath_integrator_destroy(&config.integrator);
    }
    fputs(s < 0 ? ath_context_message(ctx) : "", stderr);
    ath_system_destroy(&system);
    ath_model_destroy(&config.model);
    ath_device_close(&config.device);
    ath_context_destroy(&ctx);
    return !(s >= 0 && fabs(energy[0] - energy[1]) < 1e-6);
}
