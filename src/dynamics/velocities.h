/* velocities.h - thermal velocities of one system: the Maxwell-Boltzmann distribution.
 *
 *     v = sqrt(kB T / m) xi        for each free component of an atom with mass; else 0
 *     v <- v - sum(m v) / sum(m)   if momentum is to be removed, and nothing is fixed and N > 1
 *     v <- v sqrt(dof kB T / sum(m v^2))   if the kinetic energy is to be exact
 *
 * so that 2 KE = dof kB T. dof counts what can move and has mass: 3 per atom, less the fixed
 * components, less 3 if momentum was removed. The noise is keyed as all noise is (integrators/
 * noise.h): by seed and uid, and by the atom; the step is 0, for this is done on entry to a stage.
 *
 * Sums run over the atoms in order. Angular momentum is not removed. Velocities are in
 * sqrt(eV/amu). Shared by .c and .cu files.
 */
#ifndef ATHANOR_DYNAMICS_VELOCITIES_H
#define ATHANOR_DYNAMICS_VELOCITIES_H

#include <athanor/units.h>

#include "integrators/noise.h"
#include "integrators/nve.h"

typedef struct ath__thermal {
    double *velocities;   /* [n][3], written */
    const double *masses; /* [n], amu */
    const uint8_t *fixed; /* [n][3]; NULL if no component is fixed */
    int64_t n;
    const uint64_t *uid; /* [2] */
    int64_t seed;        /* of the stage */
    double temperature;  /* K, >= 0 */
    int remove_momentum, exact;
} ath__thermal;

ATH__FN int ath__thermal_moves(const ath__thermal *t, int64_t atom, int component)
{
    return t->masses[atom] > 0.0 && !(t->fixed && t->fixed[3 * atom + component]);
}

/* Degrees of freedom; *anchored says that some component is fixed. */
ATH__FN double ath__thermal_count(const ath__thermal *t, int *anchored)
{
    int64_t moving = 0;
    *anchored = 0;
    for (int64_t i = 0; i < t->n; i++) {
        for (int k = 0; k < 3; k++) {
            moving += ath__thermal_moves(t, i, k);
            *anchored |= t->fixed && t->fixed[3 * i + k];
        }
    }
    return (double)moving;
}

ATH__FN void ath__thermal_draw(const ath__thermal *t)
{
    const double kt = ATH_BOLTZMANN * t->temperature;
    uint32_t key[2];
    ath__noise_key(t->seed, t->uid, key);
    for (int64_t i = 0; i < t->n; i++) {
        double xi[4];
        double sigma = ath__sqrt(kt * ath__inverse_mass(t->masses[i]));
        ath__philox_normal2(key, 0, (uint32_t)i, ATH__NOISE_VELOCITIES_XY, xi);
        ath__philox_normal2(key, 0, (uint32_t)i, ATH__NOISE_VELOCITIES_Z, xi + 2);
        for (int k = 0; k < 3; k++) {
            t->velocities[3 * i + k] = ath__thermal_moves(t, i, k) ? sigma * xi[k] : 0.0;
        }
    }
}

/* Takes the velocity of the centre of mass from every atom that has mass. */
ATH__FN void ath__thermal_rest(const ath__thermal *t)
{
    double p[3] = {0.0, 0.0, 0.0}, mass = 0.0;
    for (int64_t i = 0; i < t->n; i++) {
        mass += t->masses[i];
        for (int k = 0; k < 3; k++) {
            p[k] += t->masses[i] * t->velocities[3 * i + k];
        }
    }
    for (int64_t i = 0; i < t->n; i++) {
        for (int k = 0; k < 3; k++) {
            double v = t->velocities[3 * i + k] - p[k] / mass;
            t->velocities[3 * i + k] = t->masses[i] > 0.0 ? v : 0.0;
        }
    }
}

/* Draws the velocities of a system and returns its degrees of freedom. */
ATH__FN double ath__thermal_velocities(const ath__thermal *t)
{
    int anchored;
    double dof = ath__thermal_count(t, &anchored);
    ath__thermal_draw(t);
    if (t->remove_momentum && !anchored && dof > 3.0) { /* more than one atom has mass */
        ath__thermal_rest(t);
        dof -= 3.0;
    }
    if (!t->exact) {
        return dof;
    }
    double sum = 0.0; /* m v^2 */
    for (int64_t k = 0; k < 3 * t->n; k++) {
        sum += t->masses[k / 3] * (t->velocities[k] * t->velocities[k]);
    }
    if (sum > 0.0) {
        double scale = ath__sqrt(dof * (ATH_BOLTZMANN * t->temperature) / sum);
        for (int64_t k = 0; k < 3 * t->n; k++) {
            t->velocities[k] *= scale;
        }
    }
    return dof;
}

#endif
