/* nose_hoover.h - molecular dynamics at constant temperature by a chain of Nose-Hoover thermostats
 * (chain.h): the chain over half a step, velocity Verlet (nve.h), the chain over half a step.
 *
 * Conserved: energy + kinetic energy + bath, with the bath that of chain.h and, where the target
 * changes in a ramp, less what the change itself adds to it.
 *
 * The chain acts on the kinetic energy of all velocities. Internal units. Shared by .c and .cu
 * files.
 */
#ifndef ATHANOR_INTEGRATORS_NOSE_HOOVER_H
#define ATHANOR_INTEGRATORS_NOSE_HOOVER_H

#include "integrators/chain.h"
#include "integrators/integrator.h"
#include "integrators/nve.h"
#include "integrators/target.h"

/* Cells of the state: dt, kT in eV, its change and the steps of it, tau, what ramps have added;
 * then eta[length] and its rate[length]. */
enum {
    ATH__NHC_DT = ATH__NVE_DT,
    ATH__NHC_KT,
    ATH__NHC_KT_CHANGE,
    ATH__NHC_RAMP,
    ATH__NHC_TAU,
    ATH__NHC_WORK,
    ATH__NHC_ETA
};
enum { ATH__NHC_CELLS = ATH__NHC_ETA + 2 * ATH__CHAIN_MAX }; /* at most */

typedef struct ath__nhc_args {
    ath__update_args update;
    int32_t length, weights, substeps;
    int32_t second; /* 1: the second half of a step */
} ath__nhc_args;
ATH__CHECK_ARGS(NOSE_HOOVER, ath__nhc_args, update.seed);

/* Half a step of a system in step `step`; returns the factor of the velocities and writes the
 * energy of the bath. */
ATH__FN double ath__nhc_half(const ath__nhc_args *a, double *cells, int64_t step, double dof,
                             double twice_kinetic, double *bath)
{
    const ath__target kt = {cells[ATH__NHC_KT], cells[ATH__NHC_KT_CHANGE], cells[ATH__NHC_RAMP]};
    const double tau = cells[ATH__NHC_TAU];
    const ath__chain chain = {dof,
                              ath__target_at(kt, step),
                              ath__target_largest(kt) * (tau * tau),
                              a->length,
                              a->weights,
                              a->substeps,
                              tau};
    double *eta = cells + ATH__NHC_ETA, *rate = eta + a->length;
    if (!a->second) {
        cells[ATH__NHC_WORK] -= ath__target_rise(kt, step) * ath__chain_heat(&chain, eta);
    }
    const double scale =
        ath__chain_advance(&chain, eta, rate, twice_kinetic, 0.5 * cells[ATH__NHC_DT]);
    *bath = ath__chain_energy(&chain, eta, rate) + cells[ATH__NHC_WORK];
    return scale;
}

#endif
