/* fire.c - the optimizer "fire" (fire.h). Table, checks between options, launch. */
#include <athanor/units.h>

#include "integrators/deform_options.h"
#include "integrators/fire.h"

typedef struct fire_state {
    double dt, dt_max, dt_min; /* fs; the latter two 0: from dt */
    double max_step;           /* angstrom */
    int64_t n_min;
    double f_dec, f_inc, alpha_start, f_alpha;
    ath__deform_options deform;
} fire_state;

static const ath_option fire_options[] = {
    ATH__OPTION_REAL(fire_state, dt, "fs", "1.018", 1e-6, 1e3, "time step to begin with"),
    ATH__OPTION_SHARED(fire_state, dt_max, "fs", "0", 0.0, 1e4, "largest time step; 0: 10 dt"),
    ATH__OPTION_SHARED(fire_state, dt_min, "fs", "0", 0.0, 1e3, "smallest time step; 0: 0.02 dt"),
    ATH__OPTION_SHARED(fire_state, max_step, "angstrom", "0.2", 1e-6, 10.0,
                       "longest displacement of an atom in a step"),
    ATH__OPTION_INT(fire_state, n_min, "5", 0, 1e9, "steps downhill before the time step grows"),
    ATH__OPTION_SHARED(fire_state, f_dec, "", "0.5", 1e-3, 1.0,
                       "factor of the time step after a step uphill"),
    ATH__OPTION_SHARED(fire_state, f_inc, "", "1.1", 1.0, 10.0,
                       "factor of the time step after steps downhill"),
    ATH__OPTION_SHARED(fire_state, alpha_start, "", "0.1", 0.0, 1.0,
                       "share of the force direction to begin with"),
    ATH__OPTION_SHARED(fire_state, f_alpha, "", "0.99", 1e-3, 1.0,
                       "factor of that share after steps downhill"),
    ATH__DEFORM_OPTIONS(fire_state),
    {0},
};

enum { FIRE_DEFORM = 10 }; /* number of the first of these, from 1 */

static const ath__state_info fire_states[] = {
    ATH__STATE_OPTION("dt", 0, 1.0 / ATH_FS_PER_TIME),
    ATH__STATE_OPTION("alpha", 7, 1.0),
    ATH__STATE_ZERO("n_positive", 1, 0),
    ATH__STATE_LEEWAY,
    {0},
};

static const ath__state_info fire_cell_states[] = {
    ATH__STATE_OPTION("dt", 0, 1.0 / ATH_FS_PER_TIME),
    ATH__STATE_OPTION("alpha", 7, 1.0),
    ATH__STATE_ZERO("n_positive", 1, 0),
    ATH__DEFORM_STATES(FIRE_DEFORM),
    ATH__STATE_ZERO("cell_velocity", 9, 0),
    ATH__STATE_ZERO("mean_mass", 1, 0),
    ATH__STATE_LEEWAY,
    {0},
};

static double fire_dt_max(const fire_state *s)
{
    return s->dt_max > 0.0 ? s->dt_max : 10.0 * s->dt;
}

static double fire_dt_min(const fire_state *s)
{
    return s->dt_min > 0.0 ? s->dt_min : 0.02 * s->dt;
}

extern const ath__integrator_ops ath__integrator_fire;

static ath_status fire_init(ath_context *ctx, void *state)
{
    const fire_state *s = state;
    if (fire_dt_max(s) < s->dt) {
        return ath__fail(ctx, ATH_E_OPTION, "fire: dt_max=%g is less than dt=%g", s->dt_max, s->dt);
    }
    if (fire_dt_min(s) > s->dt) {
        return ath__fail(ctx, ATH_E_OPTION, "fire: dt_min=%g is more than dt=%g", s->dt_min, s->dt);
    }
    return ath__deform_check(ctx, "fire", &s->deform);
}

static void fire_deform(const void *state, ath__deform_parameters *out)
{
    *out = ath__deform_make(&((const fire_state *)state)->deform, ATH__FIRE_DEFORM);
}

static ath_status fire_pre_update(const void *state, const ath__update *u)
{
    const fire_state *s = state;
    const double scale = 1.0 / ATH_FS_PER_TIME;
    const ath__fire_args args = {
        .update = u->args,
        .parameters = {.dt_min = fire_dt_min(s) * scale,
                       .dt_max = fire_dt_max(s) * scale,
                       .max_step = s->max_step,
                       .n_min = (double)s->n_min,
                       .f_dec = s->f_dec,
                       .f_inc = s->f_inc,
                       .alpha_start = s->alpha_start,
                       .f_alpha = s->f_alpha,
                       .leeway = s->deform.cell == ATH__DEFORM_NONE ? (int32_t)ATH__FIRE_CELLS
                                                                    : ATH__FIRE_MASS + 1},
        .deform = ath__deform_make(&s->deform, ATH__FIRE_DEFORM),
    };
    return ath__launch(u->stream, ATH_K_FIRE_PRE, &args);
}

/* What does not depend on whether the cell moves. */
#define FIRE_TABLE                                                                                 \
    .abi = ATH_ABI, .name = "fire", .state_size = sizeof(fire_state), .options = fire_options,     \
    .help = "relaxation: fast inertial relaxation engine (FIRE)", .is_optimizer = true,            \
    .init = fire_init, .pre_update = fire_pre_update

static const ath__integrator_ops fire_with_cell = {
    FIRE_TABLE,
    .states = fire_cell_states,
    .needs = (const ath_field_id[]){ATH_FIELD_FORCES, ATH_FIELD_STRESS, -1},
    .provides =
        (const ath_field_id[]){ATH_FIELD_POSITIONS, ATH_FIELD_VELOCITIES, ATH_FIELD_CELL, -1},
    .moves_cell = true,
    .deform = fire_deform,
};

static const ath__integrator_ops *fire_variant(const void *state)
{
    const fire_state *s = state;
    return s->deform.cell == ATH__DEFORM_NONE ? &ath__integrator_fire : &fire_with_cell;
}

const ath__integrator_ops ath__integrator_fire = {
    FIRE_TABLE,
    .states = fire_states,
    .needs = (const ath_field_id[]){ATH_FIELD_FORCES, -1},
    .provides = (const ath_field_id[]){ATH_FIELD_POSITIONS, ATH_FIELD_VELOCITIES, -1},
    .variant = fire_variant,
};
