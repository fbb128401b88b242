/* barostat.h - options that schemes of constant pressure have in common: the part of the target
 * that is not hydrostatic.
 */
#ifndef ATHANOR_INTEGRATORS_BAROSTAT_H
#define ATHANOR_INTEGRATORS_BAROSTAT_H

#include <athanor/units.h>

#include "integrators/integrator.h"

/* GPa, added to the pressure on their components. A member `extra` of the struct of a scheme. */
typedef struct ath__extra_pressure {
    double xx, yy, zz, yz, xz, xy;
} ath__extra_pressure;

#define ATH__EXTRA_OPTION(owner, component)                                                        \
    {                                                                                              \
        .name = "pressure_" #component, .type = ATH_OPTION_REAL, .unit = "GPa", .fallback = "0",   \
        .min = -1e4, .max = 1e4, .help = "added to the pressure on this component",                \
        .offset = offsetof(owner, extra.component)                                                 \
    }
#define ATH__EXTRA_OPTIONS(owner)                                                                  \
    ATH__EXTRA_OPTION(owner, xx), ATH__EXTRA_OPTION(owner, yy), ATH__EXTRA_OPTION(owner, zz),      \
        ATH__EXTRA_OPTION(owner, yz), ATH__EXTRA_OPTION(owner, xz), ATH__EXTRA_OPTION(owner, xy)

/* As a matrix, in eV/angstrom^3. */
static inline void ath__extra_matrix(const ath__extra_pressure *p, double out[9])
{
    const double full[9] = {p->xx, p->xy, p->xz, p->xy, p->yy, p->yz, p->xz, p->yz, p->zz};
    for (int k = 0; k < 9; k++) {
        out[k] = full[k] / ATH_GPA_PER_EV_A3;
    }
}

/* Whether a component is set that this coupling ("iso", "aniso", "triclinic") does not act on. */
static inline bool ath__extra_is_idle(const ath__extra_pressure *p, int64_t coupling)
{
    const bool diagonal = p->xx != 0.0 || p->yy != 0.0 || p->zz != 0.0;
    const bool shear = p->yz != 0.0 || p->xz != 0.0 || p->xy != 0.0;
    return (coupling == 0 && (diagonal || shear)) || (coupling == 1 && shear);
}

#endif
