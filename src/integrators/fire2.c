/* fire2.c - the optimizer "fire2" (fire2.h). Table, checks between options, launch. */
#include <athanor/units.h>

#include "integrators/deform_options.h"
#include "integrators/fire2.h"

typedef struct fire2_state {
    double dt, t_min, t_max; /* fs */
    double max_step;         /* angstrom */
    int64_t delay_step;
    double dt_grow, dt_shrink, alpha_shrink, alpha0;
    ath__deform_options deform;
} fire2_state;

static const ath_option fire2_options[] = {
    ATH__OPTION_REAL(fire2_state, dt, "fs", "0.509", 1e-6, 1e3, "time step to begin with"),
    ATH__OPTION_SHARED(fire2_state, t_min, "fs", "0.0509", 1e-9, 1e3, "smallest time step"),
    ATH__OPTION_SHARED(fire2_state, t_max, "fs", "0.8144", 1e-6, 1e4, "largest time step"),
    ATH__OPTION_SHARED(
        fire2_state, max_step, "angstrom", "0.1", 1e-6, 10.0,
        "longest displacement of an atom in a step; all of a system are shortened alike"),
    ATH__OPTION_INT(fire2_state, delay_step, "60", 0, 1e9,
                    "steps downhill before the time step grows"),
    ATH__OPTION_SHARED(fire2_state, dt_grow, "", "1.05", 1.0, 10.0,
                       "factor of the time step after steps downhill"),
    ATH__OPTION_SHARED(fire2_state, dt_shrink, "", "0.75", 1e-3, 1.0,
                       "factor of the time step after a step uphill"),
    ATH__OPTION_SHARED(fire2_state, alpha_shrink, "", "0.985", 1e-3, 1.0,
                       "factor of the share of the force direction after steps downhill"),
    ATH__OPTION_SHARED(fire2_state, alpha0, "", "0.09", 0.0, 1.0,
                       "share of the force direction to begin with"),
    ATH__DEFORM_OPTIONS(fire2_state),
    {0},
};

enum { FIRE2_DEFORM = 10 }; /* number of the first of these, from 1 */

static const ath__state_info fire2_states[] = {
    ATH__STATE_OPTION("dt", 0, 1.0 / ATH_FS_PER_TIME),
    ATH__STATE_OPTION("alpha", 8, 1.0),
    ATH__STATE_ZERO("n_positive", 1, 0),
    ATH__STATE_LEEWAY,
    {0},
};

static const ath__state_info fire2_cell_states[] = {
    ATH__STATE_OPTION("dt", 0, 1.0 / ATH_FS_PER_TIME),
    ATH__STATE_OPTION("alpha", 8, 1.0),
    ATH__STATE_ZERO("n_positive", 1, 0),
    ATH__DEFORM_STATES(FIRE2_DEFORM),
    ATH__STATE_ZERO("cell_velocity", 9, 0),
    ATH__STATE_LEEWAY,
    {0},
};

extern const ath__integrator_ops ath__integrator_fire2;

static ath_status fire2_init(ath_context *ctx, void *state)
{
    const fire2_state *s = state;
    if (s->t_min > s->dt || s->dt > s->t_max) {
        return ath__fail(ctx, ATH_E_OPTION, "fire2: t_min=%g, dt=%g and t_max=%g must ascend",
                         s->t_min, s->dt, s->t_max);
    }
    return ath__deform_check(ctx, "fire2", &s->deform);
}

static void fire2_deform(const void *state, ath__deform_parameters *out)
{
    *out = ath__deform_make(&((const fire2_state *)state)->deform, ATH__FIRE2_DEFORM);
}

static ath_status fire2_pre_update(const void *state, const ath__update *u)
{
    const fire2_state *s = state;
    const double scale = 1.0 / ATH_FS_PER_TIME;
    const ath__fire2_args args = {
        .update = u->args,
        .parameters = {.t_min = s->t_min * scale,
                       .t_max = s->t_max * scale,
                       .max_step = s->max_step,
                       .delay_step = (double)s->delay_step,
                       .dt_grow = s->dt_grow,
                       .dt_shrink = s->dt_shrink,
                       .alpha_shrink = s->alpha_shrink,
                       .alpha0 = s->alpha0,
                       .leeway = s->deform.cell == ATH__DEFORM_NONE ? (int32_t)ATH__FIRE2_CELLS
                                                                    : ATH__FIRE2_CELL_VELOCITY + 9},
        .deform = ath__deform_make(&s->deform, ATH__FIRE2_DEFORM),
    };
    return ath__launch(u->stream, ATH_K_FIRE2_PRE, &args);
}

/* What does not depend on whether the cell moves. */
#define FIRE2_TABLE                                                                                \
    .abi = ATH_ABI, .name = "fire2", .state_size = sizeof(fire2_state), .options = fire2_options,  \
    .help = "relaxation: FIRE 2.0", .is_optimizer = true, .init = fire2_init,                      \
    .pre_update = fire2_pre_update

static const ath__integrator_ops fire2_with_cell = {
    FIRE2_TABLE,
    .states = fire2_cell_states,
    .needs = (const ath_field_id[]){ATH_FIELD_FORCES, ATH_FIELD_STRESS, -1},
    .provides =
        (const ath_field_id[]){ATH_FIELD_POSITIONS, ATH_FIELD_VELOCITIES, ATH_FIELD_CELL, -1},
    .moves_cell = true,
    .deform = fire2_deform,
};

static const ath__integrator_ops *fire2_variant(const void *state)
{
    const fire2_state *s = state;
    return s->deform.cell == ATH__DEFORM_NONE ? &ath__integrator_fire2 : &fire2_with_cell;
}

const ath__integrator_ops ath__integrator_fire2 = {
    FIRE2_TABLE,
    .states = fire2_states,
    .needs = (const ath_field_id[]){ATH_FIELD_FORCES, -1},
    .provides = (const ath_field_id[]){ATH_FIELD_POSITIONS, ATH_FIELD_VELOCITIES, -1},
    .variant = fire2_variant,
};
