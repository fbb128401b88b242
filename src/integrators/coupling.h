/* coupling.h - how the cell of a system moves under a barostat: which strains there are, and whose
 * cell can have a pressure.
 *
 * "iso": the same along x, y and z (one strain); "aniso": each for itself (three); "triclinic":
 * shear, too (six; symmetric, so the cell is not turned). Shared by .c and .cu files.
 */
#ifndef ATHANOR_INTEGRATORS_COUPLING_H
#define ATHANOR_INTEGRATORS_COUPLING_H

#include "base/matrix3.h"

enum { ATH__COUPLING_ISO, ATH__COUPLING_ANISO, ATH__COUPLING_TRICLINIC };

/* Keeps of a symmetric matrix what the cell follows. */
ATH__FN void ath__coupling_project(int32_t coupling, double m[9])
{
    const double mean = ath__m3_trace(m) / 3.0;
    for (int k = 0; k < 9 && coupling != ATH__COUPLING_TRICLINIC; k++) {
        const double own = k % 4 == 0 ? m[k] : 0.0;
        m[k] = coupling == ATH__COUPLING_ISO && k % 4 == 0 ? mean : own;
    }
}

/* A symmetric matrix from xx, yy, zz, yz, xz, xy. */
ATH__FN void ath__coupling_matrix(const double s[6], double m[9])
{
    m[0] = s[0], m[1] = s[5], m[2] = s[4];
    m[3] = s[5], m[4] = s[1], m[5] = s[3];
    m[6] = s[4], m[7] = s[3], m[8] = s[2];
}

/* Whether pressure means anything for a system: it is periodic along all three vectors and has a
 * volume, in angstrom^3. */
ATH__FN int ath__coupling_serves(const int32_t pbc[3], double volume)
{
    return pbc[0] && pbc[1] && pbc[2] && volume > 0.0 && volume < 1e300;
}

#endif
