/* npt.c - the integrator "npt" (mtk.h): chains of thermostats on particles and cell. Table,
 * launches. */
#include "integrators/barostat.h"
#include "integrators/mtk.h"

typedef struct npt_state {
    double timestep, temperature, temperature_change, tau_t; /* fs, K, K, fs */
    double pressure, pressure_change, tau_p, ramp;           /* GPa, GPa, fs, steps */
    int64_t coupling, chain, yoshida, substeps;
    ath__extra_pressure extra;
} npt_state;

enum {
    NPT_TIMESTEP,
    NPT_TEMPERATURE,
    NPT_TEMPERATURE_CHANGE,
    NPT_TAU_T,
    NPT_PRESSURE,
    NPT_PRESSURE_CHANGE,
    NPT_TAU_P,
    NPT_RAMP,
    NPT_COUPLING,
    NPT_CHAIN
};

static const ath_option npt_options[] = {
    ATH__OPTION_REAL(npt_state, timestep, "fs", "1", 1e-6, 1e3, "time step"),
    ATH__OPTION_REAL(npt_state, temperature, "K", "300", 1e-6, 1e7, "target temperature"),
    ATH__OPTION_REAL(npt_state, temperature_change, "K", "0", -1e7, 1e7,
                     "by how much the temperature changes over the first `ramp` steps"),
    ATH__OPTION_REAL(npt_state, tau_t, "fs", "100", 1e-3, 1e9, "relaxation time of temperature"),
    ATH__OPTION_REAL(npt_state, pressure, "GPa", "0", -1e4, 1e4, "target pressure"),
    ATH__OPTION_REAL(npt_state, pressure_change, "GPa", "0", -1e4, 1e4,
                     "by how much the pressure changes over the first `ramp` steps"),
    ATH__OPTION_REAL(npt_state, tau_p, "fs", "1000", 1e-3, 1e9, "relaxation time of pressure"),
    ATH__OPTION_REAL(npt_state, ramp, "steps", "0", 0.0, 1e15,
                     "steps over which targets change; 0: they do not"),
    ATH__OPTION_CHOICE(npt_state, coupling, "iso", "iso|aniso|triclinic",
                       "strains of the cell: volume; along x, y and z; all six"),
    ATH__OPTION_INT(npt_state, chain, "3", 1, ATH__CHAIN_MAX, "thermostats in each chain"),
    ATH__OPTION_CHOICE(npt_state, yoshida, "3", "1|3|5|7",
                       "Suzuki-Yoshida weights in a substep of the chains"),
    ATH__OPTION_INT(npt_state, substeps, "1", 1, 100,
                    "substeps of the chains in half a step, more while they are fast"),
    ATH__EXTRA_OPTIONS(npt_state),
    {0},
};

static const ath__state_info npt_states[] = {
    ATH__STATE_OPTION("dt", NPT_TIMESTEP, 1.0 / ATH_FS_PER_TIME),
    ATH__STATE_OPTION("kt", NPT_TEMPERATURE, ATH_BOLTZMANN),
    ATH__STATE_OPTION("kt_change", NPT_TEMPERATURE_CHANGE, ATH_BOLTZMANN),
    ATH__STATE_OPTION("tau_t", NPT_TAU_T, 1.0 / ATH_FS_PER_TIME),
    ATH__STATE_OPTION("pressure", NPT_PRESSURE, 1.0 / ATH_GPA_PER_EV_A3),
    ATH__STATE_OPTION("pressure_change", NPT_PRESSURE_CHANGE, 1.0 / ATH_GPA_PER_EV_A3),
    ATH__STATE_OPTION("tau_p", NPT_TAU_P, 1.0 / ATH_FS_PER_TIME),
    ATH__STATE_OPTION("ramp", NPT_RAMP, 1.0),
    ATH__STATE_ZERO("volume", 1, 0),
    ATH__STATE_ZERO("work", 1, 0),
    ATH__STATE_ZERO("strain_rate", 9, 0),
    ATH__STATE_ZERO("chains", 4, 1 + NPT_CHAIN),
    {0},
};

static ath_status npt_init(ath_context *ctx, void *state)
{
    const npt_state *s = state;
    if (!(s->temperature + s->temperature_change >= 0.0)) {
        return ath__fail(ctx, ATH_E_OPTION, "npt: temperature_change=%g takes %g K below 0",
                         s->temperature_change, s->temperature);
    }
    if (ath__extra_is_idle(&s->extra, s->coupling)) {
        return ath__fail(ctx, ATH_E_OPTION,
                         "npt: a pressure is set on a component that this coupling does not move");
    }
    return ATH_OK;
}

static ath__mtk_args npt_args(const npt_state *s, const ath__update *u)
{
    ath__mtk_args args = {
        .update = u->args,
        .coupling = (int32_t)s->coupling,
        .length = (int32_t)s->chain,
        .weights = 2 * (int32_t)s->yoshida + 1,
        .substeps = (int32_t)s->substeps,
    };
    ath__extra_matrix(&s->extra, args.extra);
    return args;
}

static ath_status npt_pre_update(const void *state, const ath__update *u)
{
    const ath__mtk_args args = npt_args(state, u);
    return ath__launch(u->stream, ATH_K_MTK_PRE, &args);
}

static ath_status npt_post_update(const void *state, const ath__update *u)
{
    const ath__mtk_args args = npt_args(state, u);
    return ath__launch(u->stream, ATH_K_MTK_POST, &args);
}

const ath__integrator_ops ath__integrator_npt = {
    .abi = ATH_ABI,
    .name = "npt",
    .state_size = sizeof(npt_state),
    .options = npt_options,
    .help = "molecular dynamics at constant temperature and pressure: Martyna-Tobias-Klein",
    .states = npt_states,
    .needs = (const ath_field_id[]){ATH_FIELD_FORCES, ATH_FIELD_STRESS, -1},
    .provides = (const ath_field_id[]){ATH_FIELD_POSITIONS, ATH_FIELD_VELOCITIES, ATH_FIELD_CELL,
                                       ATH_FIELD_BATH, -1},
    .moves_cell = true,
    .scales_velocities = true,
    .init = npt_init,
    .pre_update = npt_pre_update,
    .post_update = npt_post_update,
};
