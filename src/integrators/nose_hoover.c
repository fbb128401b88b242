/* nose_hoover.c - the integrator "nose_hoover" (nose_hoover.h). Table, launches. */
#include <athanor/units.h>

#include "integrators/nose_hoover.h"

typedef struct nose_hoover_state {
    double timestep, temperature, temperature_change, ramp, tau_t; /* fs, K, K, steps, fs */
    int64_t chain, yoshida, substeps;
} nose_hoover_state;

enum { NHC_TIMESTEP, NHC_TEMPERATURE, NHC_CHANGE, NHC_RAMP, NHC_TAU, NHC_CHAIN };

static const ath_option nose_hoover_options[] = {
    ATH__OPTION_REAL(nose_hoover_state, timestep, "fs", "1", 1e-6, 1e3, "time step"),
    ATH__OPTION_REAL(nose_hoover_state, temperature, "K", "300", 1e-6, 1e7, "target temperature"),
    ATH__OPTION_REAL(nose_hoover_state, temperature_change, "K", "0", -1e7, 1e7,
                     "by how much the target changes over the first `ramp` steps"),
    ATH__OPTION_REAL(nose_hoover_state, ramp, "steps", "0", 0.0, 1e15,
                     "steps over which targets change; 0: they do not"),
    ATH__OPTION_REAL(nose_hoover_state, tau_t, "fs", "100", 1e-3, 1e9,
                     "relaxation time of the thermostat"),
    ATH__OPTION_INT(nose_hoover_state, chain, "3", 1, ATH__CHAIN_MAX, "thermostats in the chain"),
    ATH__OPTION_CHOICE(nose_hoover_state, yoshida, "3", "1|3|5|7",
                       "Suzuki-Yoshida weights in a substep of the chain"),
    ATH__OPTION_INT(nose_hoover_state, substeps, "1", 1, 100,
                    "substeps of the chain in half a step, more while it is fast"),
    {0},
};

static const ath__state_info nose_hoover_states[] = {
    ATH__STATE_TIMESTEP(NHC_TIMESTEP),
    ATH__STATE_OPTION("kt", NHC_TEMPERATURE, ATH_BOLTZMANN),
    ATH__STATE_OPTION("kt_change", NHC_CHANGE, ATH_BOLTZMANN),
    ATH__STATE_OPTION("ramp", NHC_RAMP, 1.0),
    ATH__STATE_OPTION("tau", NHC_TAU, 1.0 / ATH_FS_PER_TIME),
    ATH__STATE_ZERO("work", 1, 0),
    ATH__STATE_ZERO("eta", 1, 1 + NHC_CHAIN),
    ATH__STATE_ZERO("eta_rate", 1, 1 + NHC_CHAIN),
    {0},
};

static ath_status nose_hoover_init(ath_context *ctx, void *state)
{
    const nose_hoover_state *s = state;
    if (!(s->temperature + s->temperature_change >= 0.0)) {
        return ath__fail(ctx, ATH_E_OPTION, "nose_hoover: temperature_change=%g takes %g K below 0",
                         s->temperature_change, s->temperature);
    }
    return ATH_OK;
}

static ath_status nose_hoover_thermostat(const nose_hoover_state *s, const ath__update *u,
                                         int32_t second)
{
    const ath__nhc_args args = {
        .update = u->args,
        .length = (int32_t)s->chain,
        .weights = 2 * (int32_t)s->yoshida + 1,
        .substeps = (int32_t)s->substeps,
        .second = second,
    };
    return ath__launch(u->stream, ATH_K_NOSE_HOOVER, &args);
}

static ath_status nose_hoover_pre_update(const void *state, const ath__update *u)
{
    ATH__TRY(nose_hoover_thermostat(state, u, 0));
    return ath__launch(u->stream, ATH_K_NVE_PRE, &u->args);
}

static ath_status nose_hoover_post_update(const void *state, const ath__update *u)
{
    ATH__TRY(ath__launch(u->stream, ATH_K_NVE_POST, &u->args));
    return nose_hoover_thermostat(state, u, 1);
}

const ath__integrator_ops ath__integrator_nose_hoover = {
    .abi = ATH_ABI,
    .name = "nose_hoover",
    .state_size = sizeof(nose_hoover_state),
    .options = nose_hoover_options,
    .help = "molecular dynamics at constant temperature: Nose-Hoover chain",
    .states = nose_hoover_states,
    .needs = (const ath_field_id[]){ATH_FIELD_FORCES, -1},
    .provides =
        (const ath_field_id[]){ATH_FIELD_POSITIONS, ATH_FIELD_VELOCITIES, ATH_FIELD_BATH, -1},
    .scales_velocities = true,
    .init = nose_hoover_init,
    .pre_update = nose_hoover_pre_update,
    .post_update = nose_hoover_post_update,
};
