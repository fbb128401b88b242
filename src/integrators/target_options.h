/* target_options.h - options of schemes whose targets may change over the first steps of a stage
 * (target.h): the parts that stand in their tables. Host only.
 */
#ifndef ATHANOR_INTEGRATORS_TARGET_OPTIONS_H
#define ATHANOR_INTEGRATORS_TARGET_OPTIONS_H

#include "integrators/integrator.h"

#define ATH__OPTION_TEMPERATURE_CHANGE(owner)                                                      \
    ATH__OPTION_REAL(owner, temperature_change, "K", "0", -1e7, 1e7,                               \
                     "by how much the temperature changes over the first `ramp` steps")
#define ATH__OPTION_RAMP(owner)                                                                    \
    ATH__OPTION_REAL(owner, ramp, "steps", "0", 0.0, 1e15,                                         \
                     "steps over which targets change; 0: they do not")

/* Refuses a ramp that ends below 0 K; `owner` begins the message. */
static inline ath_status ath__target_check(ath_context *ctx, const char *owner, double temperature,
                                           double change)
{
    if (!(temperature + change >= 0.0)) {
        return ath__fail(ctx, ATH_E_OPTION, "%s: temperature_change=%g takes %g K below 0", owner,
                         change, temperature);
    }
    return ATH_OK;
}

#endif
