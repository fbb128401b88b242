/* nph.c - the integrator "nph" (mtk.h): a barostat without thermostats. Table, launches. */
#include "integrators/barostat.h"
#include "integrators/mtk.h"

typedef struct nph_state {
    double timestep, temperature;                  /* fs, K */
    double pressure, pressure_change, tau_p, ramp; /* GPa, GPa, fs, steps */
    int64_t coupling;
    ath__extra_pressure extra;
} nph_state;

enum { NPH_TIMESTEP, NPH_TEMPERATURE, NPH_PRESSURE, NPH_PRESSURE_CHANGE, NPH_TAU_P, NPH_RAMP };

static const ath_option nph_options[] = {
    ATH__OPTION_REAL(nph_state, timestep, "fs", "1", 1e-6, 1e3, "time step"),
    ATH__OPTION_REAL(nph_state, temperature, "K", "300", 1e-6, 1e7,
                     "about that of the system: it sets the inertia of the cell"),
    ATH__OPTION_REAL(nph_state, pressure, "GPa", "0", -1e4, 1e4, "target pressure"),
    ATH__OPTION_REAL(nph_state, pressure_change, "GPa", "0", -1e4, 1e4,
                     "by how much the pressure changes over the first `ramp` steps"),
    ATH__OPTION_REAL(nph_state, tau_p, "fs", "1000", 1e-3, 1e9, "relaxation time of pressure"),
    ATH__OPTION_REAL(nph_state, ramp, "steps", "0", 0.0, 1e15,
                     "steps over which the target changes; 0: it does not"),
    ATH__OPTION_CHOICE(nph_state, coupling, "iso", "iso|aniso|triclinic",
                       "strains of the cell: volume; along x, y and z; all six"),
    ATH__EXTRA_OPTIONS(nph_state),
    {0},
};

static const ath__state_info nph_states[] = {
    ATH__STATE_OPTION("dt", NPH_TIMESTEP, 1.0 / ATH_FS_PER_TIME),
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

static ath_status nph_init(ath_context *ctx, void *state)
{
    const nph_state *s = state;
    if (ath__extra_is_idle(&s->extra, s->coupling)) {
        return ath__fail(ctx, ATH_E_OPTION,
                         "nph: a pressure is set on a component that this coupling does not move");
    }
    return ATH_OK;
}

static ath__mtk_args nph_args(const nph_state *s, const ath__update *u)
{
    ath__mtk_args args = {.update = u->args, .coupling = (int32_t)s->coupling};
    ath__extra_matrix(&s->extra, args.extra);
    return args;
}

static ath_status nph_pre_update(const void *state, const ath__update *u)
{
    const ath__mtk_args args = nph_args(state, u);
    return ath__launch(u->stream, ATH_K_MTK_PRE, &args);
}

static ath_status nph_post_update(const void *state, const ath__update *u)
{
    const ath__mtk_args args = nph_args(state, u);
    return ath__launch(u->stream, ATH_K_MTK_POST, &args);
}

const ath__integrator_ops ath__integrator_nph = {
    .abi = ATH_ABI,
    .name = "nph",
    .state_size = sizeof(nph_state),
    .options = nph_options,
    .help = "molecular dynamics at constant enthalpy and pressure: Martyna-Tobias-Klein",
    .states = nph_states,
    .needs = (const ath_field_id[]){ATH_FIELD_FORCES, ATH_FIELD_STRESS, -1},
    .provides = (const ath_field_id[]){ATH_FIELD_POSITIONS, ATH_FIELD_VELOCITIES, ATH_FIELD_CELL,
                                       ATH_FIELD_BATH, -1},
    .moves_cell = true,
    .init = nph_init,
    .pre_update = nph_pre_update,
    .post_update = nph_post_update,
};
