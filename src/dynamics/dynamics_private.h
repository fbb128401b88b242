/* The inside of a dynamics: parts, plan and loop. Private to src/dynamics. */
#ifndef ATHANOR_DYNAMICS_PRIVATE_H
#define ATHANOR_DYNAMICS_PRIVATE_H

#include <stdatomic.h>

#include <athanor/dynamics.h>

#include "base/team.h"
#include "data/batch_private.h"
#include "dynamics/stage.h"
#include "flow/sampler_private.h"
#include "integrators/integrator.h"
#include "models/model.h"
#include "neighbors/neighbors.h"

/* One stage of a system's life. A plain dynamics has one, a fused one several. */
typedef struct ath__part {
    char *name;
    ath_integrator *integrator;               /* borrowed, may be NULL */
    ath_convergence convergence;              /* complete; criteria are these: */
    ath_criterion criteria[ATH_MAX_CRITERIA]; /* [convergence.n_criteria] */
    bool assessed;
    ath_dynamics_config config; /* as given; pointers in it are not used after creation */
} ath__part;

/* A registered hook. */
typedef struct ath__entry {
    ath_hook hook;
    int32_t part;    /* -1: of the fused dynamics itself */
    unsigned stages; /* bit s: fires at stage s */
} ath__entry;

/* All hooks, and for each stage the numbers of those that fire there, in the order of calling. */
typedef struct ath__hooks {
    ath__entry *entries; /* [max], the first n in order of registration */
    int32_t n, max;
    int32_t *order; /* [ATH_N_STAGES][max] */
    int32_t n_order[ATH_N_STAGES];
    bool evaluation; /* some hook is part of the evaluation of forces */
    int32_t n_opened;
} ath__hooks;

/* What the host has seen of the systems: arrays by slot, read where the host can, else copied. And
 * what a call of hooks is about, by public order. */
typedef struct ath__books {
    const int32_t *status, *reason, *flags;
    const int64_t *stage_steps, *age;
    void *copies; /* the arrays' own memory, where the host cannot read the device */
    size_t n_copies;
    int32_t *part; /* part that moves the system in this step, or -1 */
    uint8_t *mask, *met;
    int32_t n; /* systems that part and mask have room for */
} ath__books;

typedef struct ath__key {
    ath_field_id field;
    void (*init)(void *user, const ath_system *system, void *row);
    void *user;
} ath__key;

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
    ath__own *d_own;                      /* [n_own of the dynamics] */
    int32_t n_entry;                      /* cells of an entry row */
    int32_t n_system_state, n_atom_state; /* strides of the batch's integrator state */
    double cutoff;                        /* of the neighbour list; 0: there is none */
    int32_t all_pairs_max;
    void *d_params; /* of the model */
    size_t param_bytes;
    ath__model_results results; /* if the model wants them, for so many rows and slots */
    size_t n_result_rows, n_result_slots;
    ath__neighbors *neighbors; /* NULL if the model needs none */
    ath_device *device;
    uint64_t generation; /* changes with every address and number that a launch may hold */
    int32_t max_atoms;   /* largest system, and largest that one member computes */
    int32_t max_alone;
    int32_t n_together;                    /* tiles that are computed together */
    int64_t atoms_alone;                   /* atoms in the others */
    const void *sources[ATH__MAX_SOURCES]; /* device addresses of the fields of criteria */
    const double *own_rows[ATH__MAX_OWN];  /* and of those of options */
    ath__books books;
} ath__plan;

/* In-flight batching. */
typedef struct ath__inflight {
    ath_sampler *sampler;
    ath_sink **sinks; /* [n_sinks] */
    int32_t n_sinks;
    ath_batch *batch; /* active batch; own: made here */
    bool own, done;
    bool ended;            /* the sampler has no more */
    bool left;             /* a system has left since the last refill */
    bool waiting;          /* a system that has finished was not taken and is to be offered again */
    int64_t n_dropped;     /* handed out by the sampler, and rejected here */
    ath_system *pending;   /* handed out by the sampler, but there was no memory for it */
    uint8_t *mask, *taken; /* [max_mask] */
    int32_t max_mask;
} ath__inflight;

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
    bool rebuild_always, timing, one_by_one, debug_mode;
    const volatile sig_atomic_t *stop; /* NULL: nobody asks */
    int64_t span;                      /* steps between two looks at it */
    bool budgeted; /* n_steps of a part are steps per system: fused, or a stage of a pipeline */
    int32_t tile_bytes;
    int32_t max_batch_size, refill_frequency;
    ath__team *team; /* NULL until first opened */
    bool is_open;
    ath__member *members; /* [n_members] */
    int32_t n_members;
    unsigned want;                          /* ATH__WANT_... of every step */
    ath_field_id sources[ATH__MAX_SOURCES]; /* fields that criteria look at */
    int32_t n_sources;
    ath__own *own; /* [n_own] options that systems may have of their own, of all parts */
    int32_t n_own;
    ath__keeping keeping; /* where guards and good states stand in the rows of state */
    bool retries;         /* some part does */
    bool near;            /* some part has a least distance */
    ath_field_id own_fields[ATH__MAX_OWN];
    int32_t n_own_fields;
    ath__hooks hooks;
    ath__key *keys; /* [n_keys] */
    int32_t n_keys;
    ath__inflight inflight;
    ath_device *device;
    ath__stream stream; /* between open and close, once the device is known */
    bool has_stream, has_buffer;
    ath_buffer_config buffer;
    int32_t prior_rank, next_rank;
    ath_comm_mode comm_mode;
    ath_status (*rejected)(void *user, const char *file, int64_t frame, ath_reason reason,
                           const char *message);
    bool (*known)(void *user, ath_uid uid);
    ath_status (*progress)(void *user, const ath_dynamics *dynamics);
    void *user;
    ath__plan plan;
    ath_dynamics_stats stats;
};

/* dynamics.c: cells of integrator state, the largest of the parts; guards stand behind them */
void ath__dynamics_cells(const ath_dynamics *dyn, int32_t *n_system, int32_t *n_atom);
/* Makes the plan fit, and on first sight of a batch makes every system new to its stage. */
ath_status ath__dynamics_take(ath_dynamics *dyn, ath_batch *batch);
double ath__dynamics_clock(void); /* seconds */
/* Starts the team if it does not run yet. */
ath_status ath__team_ready(ath_dynamics *dyn);
/* Adds what a member has counted to the statistics. */
void ath__dynamics_count(ath_dynamics *dyn, const ath__member *member);

/* plan.c: makes the plan fit the batch. Call when the batch or its systems have changed. */
ath_status ath__plan_fit(ath_dynamics *dyn, ath_batch *batch);
void ath__plan_drop(ath_dynamics *dyn);
/* rehearsal.c: ATH_E_UNSUPPORTED, with the name, if the device lacks a kernel that the dynamics
 * would launch. */
ath_status ath__rehearse(const ath_dynamics *dyn, ath_device *device);
/* pace.c: whether the run is to end; how many of the steps that are left may be made before that is
 * asked again; that some were made since `start` (ath__dynamics_clock). */
bool ath__pace_stops(const ath_dynamics *dyn);
int64_t ath__pace_most(const ath_dynamics *dyn, int64_t left);
void ath__pace_keep(ath_dynamics *dyn, int64_t steps, double start);
/* Sums a counter over tiles and clears it; synchronises. */
ath_status ath__plan_take(ath_dynamics *dyn, int32_t counter, int64_t *out);
/* Length of a list (n_parts + ATH__LIST_...), summed over tiles; synchronises. */
ath_status ath__plan_length(ath_dynamics *dyn, int32_t list, int64_t *out);

/* How many systems are on one of the lists besides those of the parts; synchronises. */
ath_status ath__plan_due(ath_dynamics *dyn, int64_t *out);

/* loop.c: makes up to n_steps steps; *n_active is how many systems are still active. */
ath_status ath__loop_steps(ath_dynamics *dyn, ath_batch *batch, int64_t n_steps, int64_t *n_active,
                           int64_t *n_converged);

/* evaluate.c: energies, forces and stresses of the systems that this mode selects (stale, left or
 * all). */
ath_status ath__evaluate_left_over(ath_dynamics *dyn, ath_batch *batch,
                                   enum ath__schedule_mode which);

/* hooks.c */
ath_status ath__hooks_add(ath_dynamics *dyn, int32_t part, const ath_hook *hook);
void ath__hooks_free(ath_dynamics *dyn);
ath_status ath__hooks_open(ath_dynamics *dyn);
void ath__hooks_close(ath_dynamics *dyn);
/* Steps from now until a hook is due, at most `max`. Looks at the books if hooks count own steps.
 */
ath_status ath__hooks_span(ath_dynamics *dyn, const ath_batch *batch, int64_t max, int64_t *span);
/* Whether hooks or criteria of the host count steps of systems, so that one that has gone back must
 * wait for the host, which could else miss steps that are made again. */
bool ath__hooks_wait(const ath_dynamics *dyn);
/* Whether some hook writes. */
bool ath__hooks_write(const ath_dynamics *dyn);
/* Whether some hook of this part, or of the whole dynamics, is an external field. */
bool ath__hooks_push(const ath_dynamics *dyn, int32_t part);
/* Whether a hook with this access (all bits; 0: any hook) may be called between the two stages in
 * this step. */
bool ath__hooks_due(const ath_dynamics *dyn, ath_stage from, ath_stage to, unsigned access);
/* Calls the hooks of a stage, each about the systems of books.part that are its own. After a
 * failure
 * (`before`, or of one of them) only those that are part of the evaluation of forces: the step is
 * finished. */
ath_status ath__hooks_call(ath_dynamics *dyn, ath_batch *batch, ath_stage stage, ath_status before);
/* Calls those that are part of the evaluation of forces, about the systems with which[index] != 0.
 */
ath_status ath__hooks_evaluate(ath_dynamics *dyn, ath_batch *batch, ath_stage stage,
                               const uint8_t *which);
/* Calls `admit` for systems that are new to this dynamics, and gives them what is registered. */
ath_status ath__hooks_admit(ath_dynamics *dyn, ath_batch *batch);

/* books.c */
ath_status ath__books_fit(ath_dynamics *dyn, const ath_batch *batch);
void ath__books_free(ath_dynamics *dyn);
/* Brings the arrays up to date; waits for the device. */
ath_status ath__books_look(ath_dynamics *dyn, const ath_batch *batch);
/* Looks, and notes which part moves which system in the step that begins. */
ath_status ath__books_note(ath_dynamics *dyn, const ath_batch *batch);
/* The same for those only that are about to enter a stage. */
ath_status ath__books_note_entering(ath_dynamics *dyn, const ath_batch *batch);
/* For each system with choose[index] != 0: flags = (flags & ~clear) | set. */
ath_status ath__books_flag(ath_dynamics *dyn, ath_batch *batch, const uint8_t *choose,
                           int32_t clear, int32_t set);
/* Marks a system as one that is not to try again. Waits for the device. */
ath_status ath__books_dismiss(ath_batch *batch, int32_t index);
/* mask[index] = whether all of `flags` are set, and whether the system is somebody's (part >= 0) or
 * not, if `live` is 1 or 0 (-1: either). Returns how many. Looks first. */
ath_status ath__books_mask(ath_dynamics *dyn, const ath_batch *batch, int32_t flags, int32_t live,
                           uint8_t *mask, int32_t *n);

/* convergence.c */
/* Completes the criteria of a part. */
ath_status ath__convergence_set(ath_dynamics *dyn, ath__part *part, const ath_convergence *from);
/* The fields that all parts look at, and what they want of the model. */
ath_status ath__convergence_sources(ath_dynamics *dyn);
/* Addresses of these fields; ATH_E_NOT_FOUND, naming those that there are, if the batch lacks one.
 */
ath_status ath__convergence_look(const ath_dynamics *dyn, const ath_batch *batch,
                                 const void *rows[ATH__MAX_SOURCES]);
void ath__convergence_rules(const ath_dynamics *dyn, const ath__part *part,
                            ath__stage_params *params);
/* Evaluates criteria of the host's for the systems where they are due in this step. */
ath_status ath__convergence_custom(ath_dynamics *dyn, ath_batch *batch);
/* Steps from now until such a criterion is due, at most `max`. */
int64_t ath__convergence_span(const ath_dynamics *dyn, const ath_batch *batch, int64_t max);
bool ath__convergence_by_host(const ath__part *part);

/* own.c: finds the fields that stand for options of the parts; ATH_E_ARGUMENT for one of another
 * shape. And their addresses; NULL for those that the batch does not have. */
ath_status ath__own_set(ath_dynamics *dyn);
void ath__own_look(const ath_dynamics *dyn, const ath_batch *batch,
                   const double *rows[ATH__MAX_OWN]);

/* guards.c: ATH_E_ARGUMENT for limits that cannot be. Decides on what is kept, once all parts are
 * there. */
ath_status ath__guards_check(ath_context *ctx, const ath_dynamics_config *config);
void ath__guards_set(ath_dynamics *dyn);
/* Cells of state rows with what guards keep. */
void ath__guards_cells(const ath_dynamics *dyn, int32_t *n_system, int32_t *n_atom);
/* What a stage needs to know of its guards. */
void ath__guards_params(const ath_dynamics *dyn, int32_t part, ath__stage_params *params);
/* Whether how far atoms move tells when a part has to look at distances again. */
bool ath__guards_tell(const ath_dynamics *dyn, int32_t part);
/* Adds the retries that were counted since the last time to the statistics; synchronises. */
ath_status ath__guards_tally(ath_dynamics *dyn);

/* diagnose.c: looks closer at systems that have failed, and gives the reason that fits best. */
ath_status ath__diagnose(ath_dynamics *dyn, ath_batch *batch);

/* refill.c: steps with a sampler, on this batch or (NULL) on one made here. */
ath_status ath__refill_run(ath_dynamics *dyn, ath_batch *batch, int64_t n_steps);
void ath__refill_free(ath_dynamics *dyn);
/* Lets a system in that the sampler has handed out, but for which there was no memory. */
ath_status ath__refill_settle(ath_dynamics *dyn, ath_batch *batch);
/* Takes out of a batch that was loaded what is done with already. */
ath_status ath__refill_forget(ath_dynamics *dyn, ath_batch *batch);
/* Takes systems from the sampler while there is room. */
ath_status ath__refill_fill(ath_dynamics *dyn, ath_batch *batch, bool initial);
/* inflight.mask: which systems have stopped, with energies and the best reason; *n: how many. */
ath_status ath__refill_finished(ath_dynamics *dyn, ath_batch *batch, int32_t *n);
/* Gives the masked systems of a batch of `dyn` to the sinks of `giver`; adds those that are
 * acknowledged to dyn's inflight.taken, also if there is a failure, and counts them. */
ath_status ath__refill_give(ath_dynamics *giver, ath_dynamics *dyn, const ath_batch *batch,
                            const uint8_t *mask, int32_t *n_taken);
/* Fills the row of a bookkeeping key for the index-th system. */
ath_status ath__refill_key(const ath__key *key, ath_batch *batch, int32_t index);

#endif
