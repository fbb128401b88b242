/* langevin.c - the integrator "langevin": constant temperature, BAOAB (langevin.h). Table and
 * launches. The second half step is that of velocity Verlet.
 */
#include <athanor/units.h>

#include "integrators/langevin.h"
#include "integrators/target_options.h"

ATH__CHECK_ARGS(LANGEVIN_PRE, ath__update_args, seed);

typedef struct langevin_state {
    double timestep, temperature, friction, temperature_change, ramp; /* fs, K, 1/fs, K, steps */
} langevin_state;

enum {
    LANGEVIN_TIMESTEP,
    LANGEVIN_TEMPERATURE,
    LANGEVIN_FRICTION,
    LANGEVIN_TEMPERATURE_CHANGE,
    LANGEVIN_RAMP
};

static const ath_option langevin_options[] = {
    ATH__OPTION_REAL(langevin_state, timestep, "fs", "1", 1e-6, 1e3, "time step"),
    ATH__OPTION_REAL(langevin_state, temperature, "K", "300", 0.0, 1e7,
                     "temperature of the heat bath"),
    ATH__OPTION_REAL(langevin_state, friction, "1/fs", "0.01", 0.0, 1e3,
                     "rate at which velocities forget; 0 is velocity Verlet"),
    ATH__OPTION_TEMPERATURE_CHANGE(langevin_state),
    ATH__OPTION_RAMP(langevin_state),
    {0},
};

static const ath__state_info langevin_states[] = {
    ATH__STATE_TIMESTEP(LANGEVIN_TIMESTEP),
    ATH__STATE_OPTION("kt", LANGEVIN_TEMPERATURE, ATH_BOLTZMANN),
    ATH__STATE_OPTION("friction", LANGEVIN_FRICTION, ATH_FS_PER_TIME),
    ATH__STATE_OPTION("kt_change", LANGEVIN_TEMPERATURE_CHANGE, ATH_BOLTZMANN),
    ATH__STATE_OPTION("ramp", LANGEVIN_RAMP, 1.0),
    {0},
};

static ath_status langevin_init(ath_context *ctx, void *state)
{
    const langevin_state *s = state;
    return ath__target_check(ctx, "langevin", s->temperature, s->temperature_change);
}

static ath_status langevin_pre_update(const void *state, const ath__update *u)
{
    (void)state;
    return ath__launch(u->stream, ATH_K_LANGEVIN_PRE, &u->args);
}

static ath_status langevin_post_update(const void *state, const ath__update *u)
{
    (void)state;
    return ath__launch(u->stream, ATH_K_NVE_POST, &u->args);
}

const ath__integrator_ops ath__integrator_langevin = {
    .abi = ATH_ABI,
    .name = "langevin",
    .state_size = sizeof(langevin_state),
    .options = langevin_options,
    .help = "molecular dynamics at constant temperature: Langevin, BAOAB splitting",
    .states = langevin_states,
    .needs = (const ath_field_id[]){ATH_FIELD_FORCES, -1},
    .provides =
        (const ath_field_id[]){ATH_FIELD_POSITIONS, ATH_FIELD_VELOCITIES, ATH_FIELD_BATH, -1},
    .moves_centre = true,
    .init = langevin_init,
    .pre_update = langevin_pre_update,
    .post_update = langevin_post_update,
};
