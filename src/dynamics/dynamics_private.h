/* The inside of a dynamics: parts, plan and loop. Private to src/dynamics. */
#ifndef ATHANOR_DYNAMICS_PRIVATE_H
#define ATHANOR_DYNAMICS_PRIVATE_H

#include <stdatomic.h>

#include <athanor/dynamics.h>

#include "base/team.h"
#include "data/batch_private.h"
#include "dynamics/stage.h"
#include "integrators/integrator.h"
#include "models/model.h"
#include "neighbors/neighbors.h"

/* One stage of a system's life. A plain dynamics has one, a fused one several. */
typedef struct ath__part {
    char *name;
    ath_integrator *integrator; /* borrowed, may be NULL */
    ath_convergence convergence;
    bool assessed;
    ath_hook *hooks; /* [n_hooks] */
    int32_t n_hooks;
    int64_t step_count;
    ath_dynamics_config config; /* as given; pointers in it are not used after creation */
} ath__part;

/* The phases of a step, and the five places between them where hooks can be due. */
enum ath__phase {
    ATH__PHASE_PRE,
    ATH__PHASE_NEIGHBORS,
    ATH__PHASE_COMPUTE,
    ATH__PHASE_POST,
    ATH__PHASE_ASSESS,
    ATH__N_PHASES
};

/* A tile: systems that go through all phases together, in one cache. */
typedef struct ath__tile {
    int32_t n_slots, stride;
    int32_t *d_slots, *d_n_slots; /* all of them */
    int32_t *d_lists, *d_counts;
    int64_t n_atoms;
    bool together; /* one system, so large that the whole team computes it */
} ath__tile;

/* What a member of the team owns during a region. */
typedef struct ath__member {
    ath__stream stream;
    bool open;
    ath__graph *graph; /* one captured step, of plan.generation == captured */
    uint64_t captured;
    void *d_work;
    size_t work_bytes;
    int64_t ticks[ATH__N_PHASES]; /* nanoseconds, if timing */
    int64_t system_steps, atom_steps;
    int64_t longest; /* steps of the tile that made most, in a span */
    ath_status status;
} ath__member;

/* The plan: tiles and device memory for the batch as it is now. Rebuilt when systems come or go. */
typedef struct ath__plan {
    int32_t n_tiles, max_tiles;
    ath__tile *tiles;
    int32_t *d_ints; /* one block: slots, counts and lists of all tiles */
    size_t n_ints;
    ath__stage_params *d_stages;
    double *d_entry_rows;
    int32_t n_entry;                      /* cells of an entry row */
    int32_t n_system_state, n_atom_state; /* strides of the batch's integrator state */
    void *d_params;                       /* of the model */
    size_t param_bytes;
    ath__model_results results; /* if the model wants them, for so many rows and slots */
    size_t n_result_rows, n_result_slots;
    ath__neighbors *neighbors; /* NULL if the model needs none */
    ath_device *device;
    uint64_t generation; /* changes with every address and number that a launch may hold */
    int32_t max_atoms;   /* largest system, and largest that one member computes */
    int32_t max_alone;
    int32_t n_together;  /* tiles that are computed together */
    int64_t atoms_alone; /* atoms in the others */
} ath__plan;

struct ath_dynamics {
    ath_context *ctx;
    uint64_t id;
    ath_model *model;
    ath__part *parts; /* [n_parts] */
    int32_t n_parts;
    bool fused;
    int32_t exit_status;
    int64_t step_count, n_steps;
    double skin;
    bool rebuild_always, timing, one_by_one;
    int32_t tile_bytes, n_threads;
    ath__team *team;
    ath__member *members; /* [n_members] */
    int32_t n_members;
    ath__plan plan;
    ath_dynamics_stats stats;
};

/* dynamics.c: cells of integrator state, the largest of the parts */
void ath__dynamics_cells(const ath_dynamics *dyn, int32_t *n_system, int32_t *n_atom);
/* Makes the plan fit, and on first sight of a batch makes every system new to its stage. */
ath_status ath__dynamics_take(ath_dynamics *dyn, ath_batch *batch);
double ath__dynamics_clock(void); /* seconds */
/* Adds what a member has counted to the statistics. */
void ath__dynamics_count(ath_dynamics *dyn, const ath__member *member);

/* plan.c: makes the plan fit the batch. Call when the batch or its systems have changed. */
ath_status ath__plan_fit(ath_dynamics *dyn, ath_batch *batch);
void ath__plan_drop(ath_dynamics *dyn);
/* Sums a counter over tiles and clears it; synchronises. */
ath_status ath__plan_take(ath_dynamics *dyn, int32_t counter, int64_t *out);
/* Length of a list (n_parts + ATH__LIST_...), summed over tiles; synchronises. */
ath_status ath__plan_length(ath_dynamics *dyn, int32_t list, int64_t *out);

/* How many systems are on one of the lists besides those of the parts; synchronises. */
ath_status ath__plan_due(ath_dynamics *dyn, int64_t *out);

/* loop.c */
ath_status ath__loop_adopt(ath_dynamics *dyn, ath_batch *batch);
/* Makes up to n_steps steps; *n_active is how many systems are still active. */
ath_status ath__loop_steps(ath_dynamics *dyn, ath_batch *batch, int64_t n_steps, int64_t *n_active,
                           int64_t *n_converged);
/* Energies, forces and stresses of the systems that this mode selects (stale, left or all). */
ath_status ath__loop_refresh(ath_dynamics *dyn, ath_batch *batch, enum ath__schedule_mode which);

/* hooks.c */
bool ath__hooks_due(const ath_dynamics *dyn, ath_stage from, ath_stage to, int64_t ahead);
/* Steps from now until a hook is due, at most `max`. */
int64_t ath__hooks_span(const ath_dynamics *dyn, int64_t max);
bool ath__hooks_read_energy(const ath_dynamics *dyn);
ath_status ath__hooks_call(ath_dynamics *dyn, ath_batch *batch, ath_stage stage,
                           int32_t n_converged);
ath_status ath__hooks_open(ath_dynamics *dyn, int32_t *n_opened);
void ath__hooks_close(ath_dynamics *dyn, int32_t n_opened);
ath_status ath__hooks_add(ath_dynamics *dyn, ath__part *part, const ath_hook *hook);

#endif
