/* csvr.c - the integrator "csvr" (csvr.h). Table, launches. */
#include <athanor/units.h>

#include "integrators/csvr.h"
#include "integrators/target_options.h"

ATH__CHECK_ARGS(CSVR, ath__update_args, seed);

typedef struct csvr_state {
    double timestep, temperature, temperature_change, ramp, tau_t; /* fs, K, K, steps, fs */
} csvr_state;

enum { CSVR_TIMESTEP, CSVR_TEMPERATURE, CSVR_CHANGE, CSVR_RAMP, CSVR_TAU };

static const ath_option csvr_options[] = {
    ATH__OPTION_REAL(csvr_state, timestep, "fs", "1", 1e-6, 1e3, "time step"),
    ATH__OPTION_REAL(csvr_state, temperature, "K", "300", 0.0, 1e7, "temperature of the heat bath"),
    ATH__OPTION_TEMPERATURE_CHANGE(csvr_state),
    ATH__OPTION_RAMP(csvr_state),
    ATH__OPTION_REAL(csvr_state, tau_t, "fs", "100", 1e-3, 1e9,
                     "relaxation time of the kinetic energy"),
    {0},
};

static const ath__state_info csvr_states[] = {
    ATH__STATE_TIMESTEP(CSVR_TIMESTEP),
    ATH__STATE_OPTION("kt", CSVR_TEMPERATURE, ATH_BOLTZMANN),
    ATH__STATE_ZERO("friction", 1, 0),
    ATH__STATE_OPTION("kt_change", CSVR_CHANGE, ATH_BOLTZMANN),
    ATH__STATE_OPTION("ramp", CSVR_RAMP, 1.0),
    ATH__STATE_OPTION("tau", CSVR_TAU, 1.0 / ATH_FS_PER_TIME),
    {0},
};

static ath_status csvr_init(ath_context *ctx, void *state)
{
    const csvr_state *s = state;
    return ath__target_check(ctx, "csvr", s->temperature, s->temperature_change);
}

static ath_status csvr_pre_update(const void *state, const ath__update *u)
{
    (void)state;
    return ath__launch(u->stream, ATH_K_NVE_PRE, &u->args);
}

static ath_status csvr_post_update(const void *state, const ath__update *u)
{
    (void)state;
    ATH__TRY(ath__launch(u->stream, ATH_K_NVE_POST, &u->args));
    return ath__launch(u->stream, ATH_K_CSVR, &u->args);
}

const ath__integrator_ops ath__integrator_csvr = {
    .abi = ATH_ABI,
    .name = "csvr",
    .state_size = sizeof(csvr_state),
    .options = csvr_options,
    .help = "molecular dynamics at constant temperature: stochastic velocity rescaling",
    .states = csvr_states,
    .needs = (const ath_field_id[]){ATH_FIELD_FORCES, -1},
    .provides =
        (const ath_field_id[]){ATH_FIELD_POSITIONS, ATH_FIELD_VELOCITIES, ATH_FIELD_BATH, -1},
    .scales_velocities = true,
    .init = csvr_init,
    .pre_update = csvr_pre_update,
    .post_update = csvr_post_update,
};
