/* langevin.c - the integrator "langevin": constant temperature, BAOAB (langevin.h). Table and
 * launches. The second half step is that of velocity Verlet.
 */
#include <athanor/units.h>

#include "integrators/integrator.h"
#include "integrators/langevin.h"

ATH__CHECK_ARGS(LANGEVIN_PRE, ath__update_args, seed);

typedef struct langevin_state {
    double timestep, temperature, friction; /* fs, K, 1/fs */
} langevin_state;

static const ath_option langevin_options[] = {
    {.name = "timestep",
     .type = ATH_OPTION_REAL,
     .flags = ATH_OPTION_PER_SYSTEM,
     .unit = "fs",
     .fallback = "1",
     .min = 1e-6,
     .max = 1e3,
     .help = "time step",
     .offset = offsetof(langevin_state, timestep)},
    {.name = "temperature",
     .type = ATH_OPTION_REAL,
     .flags = ATH_OPTION_PER_SYSTEM,
     .unit = "K",
     .fallback = "300",
     .min = 0.0,
     .max = 1e7,
     .help = "temperature of the heat bath",
     .offset = offsetof(langevin_state, temperature)},
    {.name = "friction",
     .type = ATH_OPTION_REAL,
     .flags = ATH_OPTION_PER_SYSTEM,
     .unit = "1/fs",
     .fallback = "0.01",
     .min = 0.0,
     .max = 1e3,
     .help = "rate at which velocities forget; 0 is velocity Verlet",
     .offset = offsetof(langevin_state, friction)},
    {0},
};

static const ath__state_info langevin_states[] = {
    {.name = "dt", .level = ATH_LEVEL_SYSTEM, .n = 1, .option = 1, .scale = 1.0 / ATH_FS_PER_TIME},
    {.name = "kt", .level = ATH_LEVEL_SYSTEM, .n = 1, .option = 2, .scale = ATH_BOLTZMANN},
    {.name = "friction", .level = ATH_LEVEL_SYSTEM, .n = 1, .option = 3, .scale = ATH_FS_PER_TIME},
    {0},
};

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
    .provides = (const ath_field_id[]){ATH_FIELD_POSITIONS, ATH_FIELD_VELOCITIES, -1},
    .moves_centre = true,
    .pre_update = langevin_pre_update,
    .post_update = langevin_post_update,
};
