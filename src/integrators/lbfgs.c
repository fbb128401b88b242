/* lbfgs.c - the optimizer "lbfgs" (lbfgs.h). Table, launch. */
#include "integrators/lbfgs.h"
#include "integrators/deform_options.h"

typedef struct lbfgs_state {
    int64_t memory;
    double max_step;  /* angstrom */
    double curvature; /* eV/angstrom^2 */
    ath__deform_options deform;
} lbfgs_state;

static const ath_option lbfgs_options[] = {
    ATH__OPTION_INT(lbfgs_state, memory, "10", 1, ATH__LBFGS_MEMORY, "steps that are remembered"),
    ATH__OPTION_SHARED(
        lbfgs_state, max_step, "angstrom", "0.2", 1e-6, 10.0,
        "longest displacement of an atom in a step; all of a system are shortened alike"),
    ATH__OPTION_SHARED(
        lbfgs_state, curvature, "eV/angstrom^2", "70", 1e-3, 1e6,
        "of the energy, where no step is remembered: the first step is force / curvature"),
    ATH__DEFORM_OPTIONS(lbfgs_state),
    {0},
};

enum { LBFGS_MEMORY = 1, LBFGS_DEFORM = 4 }; /* numbers of options, from 1 */

#define LBFGS_STATES                                                                               \
    ATH__STATE_ZERO("stored", 1, 0), ATH__STATE_ZERO("head", 1, 0),                                \
        ATH__STATE_ZERO("pending", 1, 0), ATH__STATE_ZERO("slope", 1, 0),                          \
        ATH__STATE_ZERO("radius", 1, 0)
#define LBFGS_MEMORY_STATES                                                                        \
    {.name = "products", .level = ATH_LEVEL_SYSTEM, .n = 2, .times = LBFGS_MEMORY, .square = 1},   \
    {                                                                                              \
        .name = "pairs", .level = ATH_LEVEL_ATOM, .n = 6, .times = LBFGS_MEMORY                    \
    }

static const ath__state_info lbfgs_states[] = {
    LBFGS_STATES,
    LBFGS_MEMORY_STATES,
    ATH__STATE_LEEWAY,
    {0},
};

static const ath__state_info lbfgs_cell_states[] = {
    LBFGS_STATES,
    ATH__DEFORM_STATES(LBFGS_DEFORM),
    ATH__STATE_ZERO("cell_pairs", 18, LBFGS_MEMORY),
    LBFGS_MEMORY_STATES,
    ATH__STATE_LEEWAY,
    {0},
};

extern const ath__integrator_ops ath__integrator_lbfgs;

static ath_status lbfgs_init(ath_context *ctx, void *state)
{
    return ath__deform_check(ctx, "lbfgs", &((const lbfgs_state *)state)->deform);
}

static void lbfgs_deform(const void *state, ath__deform_parameters *out)
{
    *out = ath__deform_make(&((const lbfgs_state *)state)->deform, ATH__LBFGS_DEFORM);
}

static size_t lbfgs_block_work(const void *state)
{
    return ath__lbfgs_block((int32_t)((const lbfgs_state *)state)->memory) * sizeof(double);
}

static ath_status lbfgs_pre_update(const void *state, const ath__update *u)
{
    const lbfgs_state *s = state;
    const int32_t m = (int32_t)s->memory;
    const int32_t gram = s->deform.cell == ATH__DEFORM_NONE ? (int32_t)ATH__LBFGS_CELLS
                                                            : ATH__LBFGS_CELL_PAIRS + 18 * m;
    const ath__lbfgs_args args = {
        .update = u->args,
        .parameters = {.curvature = s->curvature,
                       .max_step = s->max_step,
                       .memory = m,
                       .gram = gram,
                       .leeway = gram + 2 * m * m},
        .deform = ath__deform_make(&s->deform, ATH__LBFGS_DEFORM),
    };
    return ath__launch(u->stream, ATH_K_LBFGS_PRE, &args);
}

/* What does not depend on whether the cell moves. */
#define LBFGS_TABLE                                                                                \
    .abi = ATH_ABI, .name = "lbfgs", .state_size = sizeof(lbfgs_state), .options = lbfgs_options,  \
    .help = "relaxation: limited-memory BFGS, no line search", .is_optimizer = true,               \
    .block_work = lbfgs_block_work, .init = lbfgs_init, .pre_update = lbfgs_pre_update

static const ath__integrator_ops lbfgs_with_cell = {
    LBFGS_TABLE,
    .states = lbfgs_cell_states,
    .needs = (const ath_field_id[]){ATH_FIELD_FORCES, ATH_FIELD_STRESS, -1},
    .provides = (const ath_field_id[]){ATH_FIELD_POSITIONS, ATH_FIELD_CELL, -1},
    .moves_cell = true,
    .deform = lbfgs_deform,
};

static const ath__integrator_ops *lbfgs_variant(const void *state)
{
    const lbfgs_state *s = state;
    return s->deform.cell == ATH__DEFORM_NONE ? &ath__integrator_lbfgs : &lbfgs_with_cell;
}

const ath__integrator_ops ath__integrator_lbfgs = {
    LBFGS_TABLE,
    .states = lbfgs_states,
    .needs = (const ath_field_id[]){ATH_FIELD_FORCES, -1},
    .provides = (const ath_field_id[]){ATH_FIELD_POSITIONS, -1},
    .variant = lbfgs_variant,
};
