/* nve_kernel.c - host kernels of velocity Verlet (nve.h): the first and the second half of a step,
 * eight atoms at a time (rows.h), free and on the grid. The second half is also that of Langevin
 * dynamics.
 */
#include "integrators/integrator.h"
#include "integrators/nve.h"
#include "integrators/rows.h"

/* First half: parameters is dt. */
ATH__INLINED void nve_pre_rows(ath__rows at, double *positions, double *velocities,
                               void *parameters)
{
    const double dt = *(const double *)parameters;
    _Alignas(64) double r[ATH__ROWS3], v[ATH__ROWS3], w[ATH__ROWS3];
    ath__rows_inverse_masses(at.masses, w);
    ATH__LANE_LOOP
    for (int k = 0; k < ATH__ROWS3; k++) {
        v[k] = ath__kick(at.velocities[k], at.forces[k], w[k], 0.5 * dt);
        r[k] = ath__drift(at.positions[k], v[k], dt);
    }
    ath__rows_store(&at, r, v, positions, velocities);
}

/* Second half: parameters is dt. */
ATH__INLINED void nve_post_rows(ath__rows at, double *positions, double *velocities,
                                void *parameters)
{
    const double dt = *(const double *)parameters;
    _Alignas(64) double v[ATH__ROWS3], w[ATH__ROWS3];
    (void)positions;
    ath__rows_inverse_masses(at.masses, w);
    ATH__LANE_LOOP
    for (int k = 0; k < ATH__ROWS3; k++) {
        v[k] = ath__kick(at.velocities[k], at.forces[k], w[k], 0.5 * dt);
    }
    ath__rows_store(&at, NULL, v, NULL, velocities);
}

/* The same on the grid. */
ATH__INLINED void nve_grid_pre_rows(ath__rows at, double *positions, double *velocities,
                                    void *parameters)
{
    const double dt = *(const double *)parameters;
    _Alignas(64) double r[ATH__ROWS3], v[ATH__ROWS3], w[ATH__ROWS3];
    ath__rows_inverse_masses(at.masses, w);
    ATH__LANE_LOOP
    for (int k = 0; k < ATH__ROWS3; k++) {
        v[k] = ath__grid_round(at.velocities[k], ATH__GRID_VELOCITY);
        v[k] = ath__grid_kick(v[k], at.forces[k], w[k], 0.5 * dt);
        r[k] = ath__grid_round(at.positions[k], ATH__GRID_POSITION);
        r[k] = ath__grid_drift(r[k], v[k], dt);
    }
    ath__rows_store(&at, r, v, positions, velocities);
}

ATH__INLINED void nve_grid_post_rows(ath__rows at, double *positions, double *velocities,
                                     void *parameters)
{
    const double dt = *(const double *)parameters;
    _Alignas(64) double v[ATH__ROWS3], w[ATH__ROWS3];
    (void)positions;
    ath__rows_inverse_masses(at.masses, w);
    ATH__LANE_LOOP
    for (int k = 0; k < ATH__ROWS3; k++) {
        v[k] = ath__grid_kick(at.velocities[k], at.forces[k], w[k], 0.5 * dt);
    }
    ath__rows_store(&at, NULL, v, NULL, velocities);
}

/* A half step of all listed systems. */
ATH__INLINED void nve_half(const void *args, const ath__share *share, ath__rows_update update,
                           int first_half)
{
    const ath__update_args *a = args;
    const int32_t skips = first_half ? ATH__PRE_SKIPS : ATH__POST_SKIPS;
    for (int32_t i = 0; i < *a->n_slots; i++) {
        int32_t slot = a->slots[i];
        if (a->view.flags[slot] & skips) {
            continue;
        }
        double dt = a->view.system_state[(int64_t)slot * a->n_system_state + ATH__NVE_DT];
        ath__rows all = ath__rows_of(&a->view, slot), rows = ath__rows_share(&all, share);
        ath__rows_each(&rows, update, first_half, &dt);
        if (first_half) {
            ath__rows_moved(&a->view, slot, share);
        }
    }
}

void ATH__HOST_KERNEL(nve_pre)(const void *args, const ath__share *share)
{
    nve_half(args, share, nve_pre_rows, 1);
}

void ATH__HOST_KERNEL(nve_post)(const void *args, const ath__share *share)
{
    nve_half(args, share, nve_post_rows, 0);
}

void ATH__HOST_KERNEL(nve_grid_pre)(const void *args, const ath__share *share)
{
    nve_half(args, share, nve_grid_pre_rows, 1);
}

void ATH__HOST_KERNEL(nve_grid_post)(const void *args, const ath__share *share)
{
    nve_half(args, share, nve_grid_post_rows, 0);
}
