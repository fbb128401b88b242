/* nve.c - the integrator "nve": velocity Verlet at constant energy (nve.h). Table and launches. */
#include <athanor/units.h>

#include "integrators/integrator.h"
#include "integrators/nve.h"

ATH__CHECK_ARGS(NVE_PRE, ath__update_args, seed);
ATH__CHECK_ARGS(NVE_POST, ath__update_args, seed);
ATH__CHECK_ARGS(NVE_GRID_PRE, ath__update_args, seed);
ATH__CHECK_ARGS(NVE_GRID_POST, ath__update_args, seed);

typedef struct nve_state {
    double timestep; /* fs */
    int64_t grid;    /* 1: positions and velocities on the grid of nve.h */
} nve_state;

static const ath_option nve_options[] = {
    ATH__OPTION_REAL(nve_state, timestep, "fs", "1", 1e-6, 1e3, "time step"),
    {.name = "grid",
     .type = ATH_OPTION_BOOL,
     .unit = "",
     .fallback = "false",
     .help = "positions are multiples of 2^-39 angstrom, at most 4096 angstrom, and velocities of "
             "2^-43 sqrt(eV/amu): with reversed velocities a trajectory runs back to the bit",
     .offset = offsetof(nve_state, grid)},
    {0},
};

static const ath__state_info nve_states[] = {
    ATH__STATE_TIMESTEP(0),
    {0},
};

static ath_status nve_pre_update(const void *state, const ath__update *u)
{
    const nve_state *s = state;
    return ath__launch(u->stream, s->grid ? ATH_K_NVE_GRID_PRE : ATH_K_NVE_PRE, &u->args);
}

static ath_status nve_post_update(const void *state, const ath__update *u)
{
    const nve_state *s = state;
    return ath__launch(u->stream, s->grid ? ATH_K_NVE_GRID_POST : ATH_K_NVE_POST, &u->args);
}

const ath__integrator_ops ath__integrator_nve = {
    .abi = ATH_ABI,
    .name = "nve",
    .state_size = sizeof(nve_state),
    .options = nve_options,
    .help = "molecular dynamics at constant energy: velocity Verlet",
    .states = nve_states,
    .needs = (const ath_field_id[]){ATH_FIELD_FORCES, -1},
    .provides = (const ath_field_id[]){ATH_FIELD_POSITIONS, ATH_FIELD_VELOCITIES, -1},
    .pre_update = nve_pre_update,
    .post_update = nve_post_update,
};
