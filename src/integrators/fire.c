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

#define FIRE_REAL(option, its_unit, value, least, most, text)                                      \
    {                                                                                              \
        .name = #option, .type = ATH_OPTION_REAL, .unit = (its_unit), .fallback = (value),         \
        .min = (least), .max = (most), .help = (text), .offset = offsetof(fire_state, option)      \
    }

static const ath_option fire_options[] = {
    {.name = "dt",
     .type = ATH_OPTION_REAL,
     .flags = ATH_OPTION_PER_SYSTEM,
     .unit = "fs",
     .fallback = "1.018",
     .min = 1e-6,
     .max = 1e3,
     .help = "time step to begin with",
     .offset = offsetof(fire_state, dt)},
    FIRE_REAL(dt_max, "fs", "0", 0.0, 1e4, "largest time step; 0: 10 dt"),
    FIRE_REAL(dt_min, "fs", "0", 0.0, 1e3, "smallest time step; 0: 0.02 dt"),
    FIRE_REAL(max_step, "angstrom", "0.2", 1e-6, 10.0, "longest displacement of an atom in a step"),
    {.name = "n_min",
     .type = ATH_OPTION_INT,
     .unit = "",
     .fallback = "5",
     .min = 0,
     .max = 1e9,
     .help = "steps downhill before the time step grows",
     .offset = offsetof(fire_state, n_min)},
    FIRE_REAL(f_dec, "", "0.5", 1e-3, 1.0, "factor of the time step after a step uphill"),
    FIRE_REAL(f_inc, "", "1.1", 1.0, 10.0, "factor of the time step after steps downhill"),
    FIRE_REAL(alpha_start, "", "0.1", 0.0, 1.0, "share of the force direction to begin with"),
    FIRE_REAL(f_alpha, "", "0.99", 1e-3, 1.0, "factor of that share after steps downhill"),
    ATH__DEFORM_OPTIONS(fire_state),
    {0},
};

enum { FIRE_DEFORM = 10 }; /* number of the first of these, from 1 */

static const ath__state_info fire_states[] = {
    {.name = "dt", .level = ATH_LEVEL_SYSTEM, .n = 1, .option = 1, .scale = 1.0 / ATH_FS_PER_TIME},
    {.name = "alpha", .level = ATH_LEVEL_SYSTEM, .n = 1, .option = 8, .scale = 1.0},
    {.name = "n_positive", .level = ATH_LEVEL_SYSTEM, .n = 1, .fallback = 0.0},
    {0},
};

static const ath__state_info fire_cell_states[] = {
    {.name = "dt", .level = ATH_LEVEL_SYSTEM, .n = 1, .option = 1, .scale = 1.0 / ATH_FS_PER_TIME},
    {.name = "alpha", .level = ATH_LEVEL_SYSTEM, .n = 1, .option = 8, .scale = 1.0},
    {.name = "n_positive", .level = ATH_LEVEL_SYSTEM, .n = 1, .fallback = 0.0},
    ATH__DEFORM_STATES(FIRE_DEFORM),
    {.name = "cell_velocity", .level = ATH_LEVEL_SYSTEM, .n = 9},
    {.name = "mean_mass", .level = ATH_LEVEL_SYSTEM, .n = 1},
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
                       .f_alpha = s->f_alpha},
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
