/* crescale.c - the integrator "crescale" (crescale.h). Table, launches: those of the thermostat,
 * and the strain. */
#include "integrators/crescale.h"
#include "integrators/barostat.h"

enum { CRESCALE_CSVR, CRESCALE_LANGEVIN };

typedef struct crescale_state {
    double timestep, temperature, temperature_change, friction, tau_t; /* fs, K, K, 1/fs, fs */
    double pressure, pressure_change, compressibility, tau_p, ramp;    /* GPa, GPa, 1/GPa, fs */
    int64_t thermostat, coupling;
    ath__extra_pressure extra;
} crescale_state;

enum {
    CRESCALE_TIMESTEP,
    CRESCALE_TEMPERATURE,
    CRESCALE_TEMPERATURE_CHANGE,
    CRESCALE_FRICTION,
    CRESCALE_TAU_T,
    CRESCALE_PRESSURE,
    CRESCALE_PRESSURE_CHANGE,
    CRESCALE_COMPRESSIBILITY,
    CRESCALE_TAU_P,
    CRESCALE_RAMP
};

static const ath_option crescale_options[] = {
    ATH__OPTION_REAL(crescale_state, timestep, "fs", "1", 1e-6, 1e3, "time step"),
    ATH__OPTION_REAL(crescale_state, temperature, "K", "300", 0.0, 1e7, "temperature of the bath"),
    ATH__OPTION_TEMPERATURE_CHANGE(crescale_state),
    ATH__OPTION_REAL(crescale_state, friction, "1/fs", "0.01", 0.0, 1e3,
                     "of thermostat langevin: rate at which velocities forget"),
    ATH__OPTION_REAL(crescale_state, tau_t, "fs", "100", 1e-3, 1e9,
                     "of thermostat csvr: relaxation time of the kinetic energy"),
    ATH__OPTION_PRESSURE(crescale_state),
    ATH__OPTION_PRESSURE_CHANGE(crescale_state),
    ATH__OPTION_REAL(crescale_state, compressibility, "1/GPa", "0.05", 1e-9, 1e9,
                     "about that of the system: it sets the strength of the coupling"),
    ATH__OPTION_REAL(crescale_state, tau_p, "fs", "1000", 1e-3, 1e9,
                     "relaxation time of pressure, if the compressibility is right"),
    ATH__OPTION_RAMP(crescale_state),
    ATH__OPTION_CHOICE(crescale_state, thermostat, "csvr", "csvr|langevin",
                       "of the particles: velocity rescaling, Langevin dynamics"),
    ATH__OPTION_COUPLING(crescale_state),
    ATH__EXTRA_OPTIONS(crescale_state),
    {0},
};

static const ath__state_info crescale_states[] = {
    ATH__STATE_TIMESTEP(CRESCALE_TIMESTEP),
    ATH__STATE_OPTION("kt", CRESCALE_TEMPERATURE, ATH_BOLTZMANN),
    ATH__STATE_OPTION("friction", CRESCALE_FRICTION, ATH_FS_PER_TIME),
    ATH__STATE_OPTION("kt_change", CRESCALE_TEMPERATURE_CHANGE, ATH_BOLTZMANN),
    ATH__STATE_OPTION("ramp", CRESCALE_RAMP, 1.0),
    ATH__STATE_OPTION("tau_t", CRESCALE_TAU_T, 1.0 / ATH_FS_PER_TIME),
    ATH__STATE_OPTION("pressure", CRESCALE_PRESSURE, 1.0 / ATH_GPA_PER_EV_A3),
    ATH__STATE_OPTION("pressure_change", CRESCALE_PRESSURE_CHANGE, 1.0 / ATH_GPA_PER_EV_A3),
    ATH__STATE_OPTION("compressibility", CRESCALE_COMPRESSIBILITY, ATH_GPA_PER_EV_A3),
    ATH__STATE_OPTION("tau_p", CRESCALE_TAU_P, 1.0 / ATH_FS_PER_TIME),
    ATH__STATE_ZERO("pull", 1, 0),
    ATH__STATE_ZERO("strain", 9, 0),
    {0},
};

static ath_status crescale_init(ath_context *ctx, void *state)
{
    const crescale_state *s = state;
    ATH__TRY(ath__target_check(ctx, "crescale", s->temperature, s->temperature_change));
    return ath__barostat_check(ctx, "crescale", &s->extra, s->coupling);
}

static ath_status crescale_cell(const crescale_state *s, const ath__update *u, ath__kernel kernel)
{
    ath__crescale_args args = {.update = u->args, .coupling = (int32_t)s->coupling};
    ath__extra_matrix(&s->extra, args.extra);
    return ath__launch(u->stream, kernel, &args);
}

static ath_status crescale_pre_update(const void *state, const ath__update *u)
{
    const crescale_state *s = state;
    const bool langevin = s->thermostat == CRESCALE_LANGEVIN;
    ATH__TRY(ath__launch(u->stream, langevin ? ATH_K_LANGEVIN_PRE : ATH_K_NVE_PRE, &u->args));
    return crescale_cell(s, u, ATH_K_CRESCALE_PRE);
}

static ath_status crescale_post_update(const void *state, const ath__update *u)
{
    const crescale_state *s = state;
    ATH__TRY(ath__launch(u->stream, ATH_K_NVE_POST, &u->args));
    if (s->thermostat == CRESCALE_CSVR) {
        ATH__TRY(ath__launch(u->stream, ATH_K_CSVR, &u->args));
    }
    return crescale_cell(s, u, ATH_K_CRESCALE_POST);
}

static const ath__integrator_ops *crescale_variant(const void *state);

#define CRESCALE_TABLE                                                                             \
    .abi = ATH_ABI, .name = "crescale", .state_size = sizeof(crescale_state),                      \
    .options = crescale_options,                                                                   \
    .help = "molecular dynamics at constant temperature and pressure: stochastic cell rescaling",  \
    .states = crescale_states,                                                                     \
    .needs = (const ath_field_id[]){ATH_FIELD_FORCES, ATH_FIELD_STRESS, -1},                       \
    .provides = (const ath_field_id[]){ATH_FIELD_POSITIONS, ATH_FIELD_VELOCITIES, ATH_FIELD_CELL,  \
                                       ATH_FIELD_BATH, -1},                                        \
    .moves_cell = true, .variant = crescale_variant, .init = crescale_init,                        \
    .pre_update = crescale_pre_update, .post_update = crescale_post_update

const ath__integrator_ops ath__integrator_crescale = {CRESCALE_TABLE, .scales_velocities = true};

/* With Langevin dynamics the centre of mass is thermostatted like the rest. */
static const ath__integrator_ops crescale_langevin = {CRESCALE_TABLE, .moves_centre = true};

static const ath__integrator_ops *crescale_variant(const void *state)
{
    const crescale_state *s = state;
    return s->thermostat == CRESCALE_LANGEVIN ? &crescale_langevin : &ath__integrator_crescale;
}
