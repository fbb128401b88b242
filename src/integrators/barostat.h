/* barostat.h - options that schemes of constant pressure have in common: the target, its part that
 * is not hydrostatic, and how the cell follows (coupling.h). Host only.
 */
#ifndef ATHANOR_INTEGRATORS_BAROSTAT_H
#define ATHANOR_INTEGRATORS_BAROSTAT_H

#include <athanor/units.h>

#include "integrators/coupling.h"
#include "integrators/target_options.h"

/* GPa, added to the pressure on their components. A member `extra` of the struct of a scheme. */
typedef struct ath__extra_pressure {
    double xx, yy, zz, yz, xz, xy;
} ath__extra_pressure;

#define ATH__OPTION_PRESSURE(owner)                                                                \
    ATH__OPTION_REAL(owner, pressure, "GPa", "0", -1e4, 1e4, "target pressure")
#define ATH__OPTION_PRESSURE_CHANGE(owner)                                                         \
    ATH__OPTION_REAL(owner, pressure_change, "GPa", "0", -1e4, 1e4,                                \
                     "by how much the pressure changes over the first `ramp` steps")
#define ATH__OPTION_COUPLING(owner)                                                                \
    ATH__OPTION_CHOICE(owner, coupling, "iso", "iso|aniso|triclinic",                              \
                       "strains of the cell: volume; along x, y and z; all six")
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

/* Refuses a pressure on a component that this coupling does not act on; `owner` begins the message.
 */
static inline ath_status ath__barostat_check(ath_context *ctx, const char *owner,
                                             const ath__extra_pressure *p, int64_t coupling)
{
    const bool diagonal = p->xx != 0.0 || p->yy != 0.0 || p->zz != 0.0;
    const bool shear = p->yz != 0.0 || p->xz != 0.0 || p->xy != 0.0;
    if ((coupling == ATH__COUPLING_ISO && (diagonal || shear)) ||
        (coupling == ATH__COUPLING_ANISO && shear)) {
        return ath__fail(ctx, ATH_E_OPTION,
                         "%s: a pressure is set on a component that this coupling does not move",
                         owner);
    }
    return ATH_OK;
}

#endif
