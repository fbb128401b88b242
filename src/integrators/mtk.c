/* mtk.c - the integrators "npt" and "nph" (mtk.h): with chains of thermostats on particles and
 * cell, and without. Tables, launches. */
#include "integrators/mtk.h"
#include "integrators/barostat.h"

/* What nph has no option for stays 0. */
typedef struct mtk_state {
    double timestep, temperature, temperature_change, tau_t; /* fs, K, K, fs */
    double pressure, pressure_change, tau_p, ramp;           /* GPa, GPa, fs, steps */
    int64_t coupling, chain, yoshida, substeps;
    ath__extra_pressure extra;
} mtk_state;

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
enum { NPH_TIMESTEP, NPH_TEMPERATURE, NPH_PRESSURE, NPH_PRESSURE_CHANGE, NPH_TAU_P, NPH_RAMP };

static const ath_option npt_options[] = {
    ATH__OPTION_REAL(mtk_state, timestep, "fs", "1", 1e-6, 1e3, "time step"),
    ATH__OPTION_REAL(mtk_state, temperature, "K", "300", 1e-6, 1e7, "target temperature"),
    ATH__OPTION_TEMPERATURE_CHANGE(mtk_state),
    ATH__OPTION_REAL(mtk_state, tau_t, "fs", "100", 1e-3, 1e9, "relaxation time of temperature"),
    ATH__OPTION_PRESSURE(mtk_state),
    ATH__OPTION_PRESSURE_CHANGE(mtk_state),
    ATH__OPTION_REAL(mtk_state, tau_p, "fs", "1000", 1e-3, 1e9, "relaxation time of pressure"),
    ATH__OPTION_RAMP(mtk_state),
    ATH__OPTION_COUPLING(mtk_state),
    ATH__OPTION_INT(mtk_state, chain, "3", 1, ATH__CHAIN_MAX, "thermostats in each chain"),
    ATH__OPTION_CHOICE(mtk_state, yoshida, "3", "1|3|5|7",
                       "Suzuki-Yoshida weights in a substep of the chains"),
    ATH__OPTION_INT(mtk_state, substeps, "1", 1, 100,
                    "substeps of the chains in half a step, more while they are fast"),
    ATH__EXTRA_OPTIONS(mtk_state),
    {0},
};

static const ath_option nph_options[] = {
    ATH__OPTION_REAL(mtk_state, timestep, "fs", "1", 1e-6, 1e3, "time step"),
    ATH__OPTION_REAL(mtk_state, temperature, "K", "300", 1e-6, 1e7,
                     "about that of the system: it sets the inertia of the cell"),
    ATH__OPTION_PRESSURE(mtk_state),
    ATH__OPTION_PRESSURE_CHANGE(mtk_state),
    ATH__OPTION_REAL(mtk_state, tau_p, "fs", "1000", 1e-3, 1e9, "relaxation time of pressure"),
    ATH__OPTION_RAMP(mtk_state),
    ATH__OPTION_COUPLING(mtk_state),
    ATH__EXTRA_OPTIONS(mtk_state),
    {0},
};

static const ath__state_info npt_states[] = {
    ATH__STATE_TIMESTEP(NPT_TIMESTEP),
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

static const ath__state_info nph_states[] = {
    ATH__STATE_TIMESTEP(NPH_TIMESTEP),
    ATH__STATE_OPTION("kt", NPH_TEMPERATURE, ATH_BOLTZMANN),
    ATH__STATE_ZERO("kt_change", 1, 0),
    ATH__STATE_ZERO("tau_t", 1, 0),
    ATH__STATE_OPTION("pressure", NPH_PRESSURE, 1.0 / ATH_GPA_PER_EV_A3),
    ATH__STATE_OPTION("pressure_change", NPH_PRESSURE_CHANGE, 1.0 / ATH_GPA_PER_EV_A3),
    ATH__STATE_OPTION("tau_p", NPH_TAU_P, 1.0 / ATH_FS_PER_TIME),
    ATH__STATE_OPTION("ramp", NPH_RAMP, 1.0),
    ATH__STATE_ZERO("volume", 1, 0),
    ATH__STATE_ZERO("work", 1, 0),
    ATH__STATE_ZERO("strain_rate", 9, 0),
    {0},
};

static ath_status npt_init(ath_context *ctx, void *state)
{
    const mtk_state *s = state;
    ATH__TRY(ath__target_check(ctx, "npt", s->temperature, s->temperature_change));
    return ath__barostat_check(ctx, "npt", &s->extra, s->coupling);
}

static ath_status nph_init(ath_context *ctx, void *state)
{
    const mtk_state *s = state;
    return ath__barostat_check(ctx, "nph", &s->extra, s->coupling);
}

static ath_status mtk_update(const mtk_state *s, const ath__update *u, ath__kernel kernel)
{
    ath__mtk_args args = {
        .update = u->args,
        .coupling = (int32_t)s->coupling,
        .length = (int32_t)s->chain,
        .weights = 2 * (int32_t)s->yoshida + 1,
        .substeps = (int32_t)s->substeps,
    };
    ath__extra_matrix(&s->extra, args.extra);
    return ath__launch(u->stream, kernel, &args);
}

static ath_status mtk_pre_update(const void *state, const ath__update *u)
{
    return mtk_update(state, u, ATH_K_MTK_PRE);
}

static ath_status mtk_post_update(const void *state, const ath__update *u)
{
    return mtk_update(state, u, ATH_K_MTK_POST);
}

#define MTK_TABLE                                                                                  \
    .abi = ATH_ABI, .state_size = sizeof(mtk_state),                                               \
    .needs = (const ath_field_id[]){ATH_FIELD_FORCES, ATH_FIELD_STRESS, -1},                       \
    .provides = (const ath_field_id[]){ATH_FIELD_POSITIONS, ATH_FIELD_VELOCITIES, ATH_FIELD_CELL,  \
                                       ATH_FIELD_BATH, -1},                                        \
    .moves_cell = true, .pre_update = mtk_pre_update, .post_update = mtk_post_update

const ath__integrator_ops ath__integrator_npt = {
    MTK_TABLE,
    .name = "npt",
    .options = npt_options,
    .help = "molecular dynamics at constant temperature and pressure: Martyna-Tobias-Klein",
    .states = npt_states,
    .scales_velocities = true,
    .init = npt_init,
};

const ath__integrator_ops ath__integrator_nph = {
    MTK_TABLE,
    .name = "nph",
    .options = nph_options,
    .help = "molecular dynamics at constant enthalpy and pressure: Martyna-Tobias-Klein",
    .states = nph_states,
    .init = nph_init,
};
