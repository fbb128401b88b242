/* velocities.h - thermal velocities of one system: the Maxwell-Boltzmann distribution.
 *
 *     v = sqrt(kB T / m) xi                for each free component of an atom with mass; else 0
 *     momentum and rotation are removed    where asked for and constants of the motion (motion.h)
 *     v <- v sqrt(dof kB T / sum(m v^2))   if the kinetic energy is to be exact
 *
 * so that 2 KE = dof kB T with the degrees of freedom of motion.h. Where the momentum is no
 * constant of the motion it is thermal like everything else, and stays. What has no degree of
 * freedom left, as a lone atom in free space, is at rest.
 *
 * The noise is keyed as all noise is (integrators/noise.h): by seed and uid, and by the atom; the
 * step is 0, for this is done on entry to a stage. Sums run over the atoms in order. Velocities are
 * in sqrt(eV/amu). Shared by .c and .cu files.
 */
#ifndef ATHANOR_DYNAMICS_VELOCITIES_H
#define ATHANOR_DYNAMICS_VELOCITIES_H

#include <athanor/units.h>

#include "dynamics/motion.h"
#include "integrators/noise.h"
#include "integrators/nve.h"

typedef struct ath__thermal {
    const uint64_t *uid; /* [2] */
    int64_t seed;        /* of the stage */
    double temperature;  /* K, >= 0 */
} ath__thermal;

ATH__FN void ath__thermal_draw(const ath__motion *m, const ath__thermal *t)
{
    const double kt = ATH_BOLTZMANN * t->temperature;
    uint32_t key[2];
    ath__noise_key(t->seed, t->uid, key);
    for (int64_t i = 0; i < m->n; i++) {
        double xi[4];
        double sigma = ath__sqrt(kt * ath__inverse_mass(m->masses[i]));
        ath__philox_normal2(key, 0, (uint32_t)i, ATH__NOISE_VELOCITIES_XY, xi);
        ath__philox_normal2(key, 0, (uint32_t)i, ATH__NOISE_VELOCITIES_Z, xi + 2);
        for (int k = 0; k < 3; k++) {
            m->velocities[3 * i + k] = ath__motion_moves(m, i, k) ? sigma * xi[k] : 0.0;
        }
    }
}

/* Multiplies all velocities such that 2 KE = dof kB T. */
ATH__FN void ath__thermal_scale(const ath__motion *m, double dof, double temperature)
{
    double sum = 0.0; /* m v^2 */
    for (int64_t k = 0; k < 3 * m->n; k++) {
        sum += m->masses[k / 3] * (m->velocities[k] * m->velocities[k]);
    }
    if (sum > 0.0) {
        const double scale = ath__sqrt(dof * (ATH_BOLTZMANN * temperature) / sum);
        for (int64_t k = 0; k < 3 * m->n; k++) {
            m->velocities[k] *= scale;
        }
    }
}

/* Draws the velocities of a system and returns its degrees of freedom. */
ATH__FN double ath__thermal_velocities(const ath__motion *m, const ath__thermal *t)
{
    ath__thermal_draw(m, t);
    const double dof = ath__motion_settle(m, (m->rules & ATH__MOTION_NO_MOMENTUM) != 0,
                                          (m->rules & ATH__MOTION_NO_ROTATION) != 0);
    if ((m->rules & ATH__MOTION_EXACT) || dof == 0.0) { /* nothing but rounding moves there */
        ath__thermal_scale(m, dof, t->temperature);
    }
    return dof;
}

#endif
