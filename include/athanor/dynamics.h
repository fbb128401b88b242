/* Dynamics: the engine. A model, an integrator, hooks and a convergence criterion, run over a
 * batch.
 *
 * One step, for all active systems at once, with one evaluation of the model:
 *
 *   BEFORE_STEP -> BEFORE_PRE_UPDATE -> pre_update -> AFTER_PRE_UPDATE -> BEFORE_COMPUTE
 *   -> neighbours -> compute -> AFTER_COMPUTE -> BEFORE_POST_UPDATE -> post_update
 *   -> AFTER_POST_UPDATE -> AFTER_STEP -> convergence -> ON_CONVERGE
 *
 * A system is active while its status is below exit_status. Nothing of an inactive system changes.
 * A system that is new to the dynamics first gets its integrator state, the entry action of the
 * stage and fresh forces. What a system does never depends on what else is in the batch.
 *
 * A dynamics serves one thread at a time and runs its own team of threads inside run.
 */
#ifndef ATHANOR_DYNAMICS_H
#define ATHANOR_DYNAMICS_H

#include <signal.h>

#include <stdbool.h>

#include <athanor/batch.h>
#include <athanor/container.h>
#include <athanor/hook.h>
#include <athanor/integrator.h>
#include <athanor/model.h>
#include <athanor/sampler.h>
#include <athanor/sink.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ATH_UNSET ((int64_t)-1)
enum { ATH_RANK_UNSET = -1, ATH_RANK_NONE = -2 };

/* ---- convergence ---- */

/* How the values of one row of a field become one number. */
typedef enum ath_reduce {
    ATH_REDUCE_NONE, /* as MAX */
    ATH_REDUCE_MIN,
    ATH_REDUCE_MAX,
    ATH_REDUCE_NORM, /* Euclidean */
    ATH_REDUCE_MEAN,
    ATH_REDUCE_SUM,
    ATH_REDUCE_MAXABS /* largest magnitude */
} ath_reduce;

enum { ATH_MAX_CRITERIA = 8 };

/* One criterion. A row of width 9 is a 3 x 3 matrix, other rows are lists of `width` values. The
 * reduction goes over the dimension `dim` of a row: -1 the last one, -2 the one before it (matrices
 * only), 0 all of them; of what is left the largest value counts, and for a field of atoms the
 * largest of the system's atoms (fixed components of forces count as 0). The level of the field
 * decides, never a size. Met if that value <= threshold; NaN is not. */
typedef struct ath_criterion {
    ath_field_id field; /* energy_change, forces, stress, ... or a user field: system or atom level,
                           F64, F32, I64 or I32 */
    ath_reduce reduce;
    int32_t dim;
    double threshold; /* in the field's unit */
    /* Instead of all this: sets met[index] for the systems with mask[index] != 0. Called on the
     * host between the steps, which costs a look at the batch. NULL: not used. */
    ath_status (*custom)(void *user, const ath_batch *batch, const uint8_t *mask, uint8_t *met);
    void *user;
} ath_criterion;

/* When a system has converged: all criteria are met. Assessed after each step that a system has
 * made in the stage (every frequency-th of them). NULL in a config: not assessed. */
typedef struct ath_convergence {
    size_t size; /* sizeof(struct ath_convergence) */
    double fmax; /* eV/angstrom, > 0: max |F| over atoms <= fmax as a first criterion. 0 where
                    n_criteria is 0: 0.05, unless smax stands alone and no cell is relaxed */
    double smax; /* GPa, > 0: what is left of the stress to relax <= smax as the next criterion: the
                    largest component of stress - target over what the integrator may still change
                    of the cell, or of the mean pressure or the deviator (cell=iso, shape). 0
                    where n_criteria is 0: 0.1 if the integrator relaxes the cell (if it moves it
                    otherwise, and without fmax: max |stress| <= 0.1 GPa); with other criteria: no
                    such criterion. Always met where the cell is held: see the field smax */
    const ath_criterion *criteria; /* [n_criteria] */
    int32_t n_criteria;            /* with fmax and smax at most ATH_MAX_CRITERIA */
    int64_t frequency;             /* in steps of the system in its stage; 0: 1 */
    /* migrates: a converged system of status `source` gets `target`; others keep theirs. Else a
     * plain dynamics gives it exit_status, and a fused one the next part's. */
    bool migrates;
    int32_t source, target;
} ath_convergence;

/* Criteria from text: "fmax=0.05" (eV/angstrom), "smax=0.1" (GPa, less the target, as in
 * ath_convergence), "max_stress=0.1" (GPa, of the stress itself), "energy_change=1e-6" (eV),
 * "FIELD:REDUCE=threshold" with REDUCE one of min, max, norm, mean, sum, maxabs (in the field's
 * unit); several joined by commas. *n is how many. ATH_E_OPTION with what is wrong. */
ATH_API ath_status ath_criteria_parse(ath_context *ctx, const char *text,
                                      ath_criterion out[ATH_MAX_CRITERIA], int32_t *n);
/* Evaluates on the host, for every system of the batch: met[index]; values (NULL or
 * [n_systems][ATH_MAX_CRITERIA]) of the criteria, in order, NaN behind the last. ATH_E_NOT_FOUND
 * for a field that the batch does not have, naming those it has. smax is as last assessed. S */
ATH_API ath_status ath_convergence_evaluate(ath_context *ctx, const ath_convergence *convergence,
                                            const ath_batch *batch, uint8_t *met, double *values);

/* ---- configuration ---- */

/* Degrees of freedom (the field `dof`) are counted whenever a system enters a stage, after its
 * entry action: each component of an atom with mass that is not fixed is one. The momentum along an
 * axis is a constant of the motion where no atom with mass is fixed along it, the model has no
 * external field (harmonic has one; hooks say ATH_HOOK_EXTERNAL_FIELD), and the
 * integrator does not move the centre of mass (langevin, crescale with thermostat langevin, and the
 * optimizers do). Where it is one and 0, because it was removed or has been 0 all along, one degree
 * of freedom less is counted; so also three, or two if all atoms are on a line, where the angular
 * momentum of a system without periodic axis is a constant and 0. Temperatures are 2 KE / (dof kB),
 * and 0 where there is no degree of freedom: a lone atom in free space is at rest in thermal
 * velocities, since all that it could do is drift; in a stage with langevin it has three.
 *
 * With `hold_centre` the momentum is a constant whatever the integrator and the model.
 *
 * Where an integrator only scales velocities, the momentum is removed on entry whatever the entry
 * action: else the thermostat would take the drift for heat. */

/* Guards. With each assessment (after each step of a system, and on entry to a stage) these are
 * looked at, in this order, and the first that is not met is the reason:
 *
 *   (the reason that neighbour lists or the integrator have given in the step, or a hook)
 *   non_finite        a force is not finite
 *   cell_collapsed    where the integrator moves the cell: its volume is 0, not finite, or the cell
 *                     has turned into its mirror image. Of systems periodic along all three vectors
 *   volume_change     the volume V is outside V0 / max_volume_change ... V0 max_volume_change, V0
 *                     that on entry to the stage. Of the same systems
 *   too_close         two atoms, or one and an image of it, are closer than min_distance; also
 *                     where the cell is thinner than min_distance / 16
 *   max_force         |F| of an atom is larger, fixed components not counted
 *   max_displacement  in the first half of the step, the only one that moves atoms, one has moved
 *                     farther, what a moving cell takes it along included; hooks may move atoms as
 *                     they like (wrap does). Not on entry
 *   max_temperature   2 KE / (dof kB) is higher; not where there is no degree of freedom
 *
 * A limit costs nothing where it is 0. max_force is found anyway. max_displacement costs a pass
 * over the positions before and after the first half step; max_temperature one over the velocities;
 * min_distance the same as max_displacement, and now and then one over the neighbour list, where
 * the model has one that reaches as far, or over all pairs: when atoms have moved so far since the
 * last time that some could have come too close. In every step where cells or hooks that write
 * move them, too; then it is as dear as a pair potential, and one member of the team does it.
 *
 * What happens to a system that meets one is its own affair; nobody else sees it, not in one bit.
 * Without `retries` it leaves for good with this reason, as it is then.
 *
 * With good_every > 0 its good state is kept, in rows of the batch: when it has entered the stage,
 * got its forces and met no guard, and whenever its steps in the stage are a multiple of good_every
 * then. With retries = 1 it goes back to that state, with all that the integrator knows; for the
 * rest of the stage the integrator is gentler, and the system goes on. The field `retries` is then
 * 1, until it enters the next stage. If it meets a guard again, it leaves for good, as it is then.
 * Gentler is: half the time step in molecular dynamics; a tenth of the longest displacement and of
 * the longest strain in fire, fire2 and lbfgs. A system that an integrator of one's own moves, or
 * none, is not retried, nor is one that ath_dynamics_quarantine has taken out, or whose reason is
 * none of those above.
 *
 * Steps that are lost count in what run was asked for: n steps of a run are n steps of a system of
 * which some may be lost. stage_steps and age go back with the state, so a stage of n steps has n
 * of them in the end. Noise is that of the same step. Fields of users, and what hooks keep, do not
 * go back: hooks see the steps that are made again. Where hooks count own steps, or criteria are
 * the host's, a system that has gone back in a dynamics with steps per system (fused, a pipeline's)
 * waits for the others until the next of them is due; in others every step is made with the host.
 *
 * The good state takes 9 numbers per atom, those of the integrator, and 40 per system. It goes
 * where the system goes: into packets, sinks and checkpoints. */

/* What happens to velocities when a system enters a stage. */
typedef enum ath_velocities {
    ATH_VELOCITIES_KEEP, /* as they are; zero if it has none */
    ATH_VELOCITIES_ZERO,
    ATH_VELOCITIES_THERMAL, /* Maxwell-Boltzmann at `temperature` */
    ATH_VELOCITIES_MISSING  /* THERMAL for a system whose velocities are all zero, else KEEP */
} ath_velocities;

/* How a pipeline's ranks hand systems on. */
typedef enum ath_comm_mode {
    ATH_COMM_ASYNC_RECV,
    ATH_COMM_SYNC,
    ATH_COMM_FULLY_ASYNC
} ath_comm_mode;

/* What a hand-off between ranks can hold. */
typedef struct ath_buffer_config {
    int64_t n_systems, n_atoms, n_edges; /* >= 0 */
} ath_buffer_config;

typedef struct ath_dynamics_config {
    size_t size;                /* sizeof(struct ath_dynamics_config) */
    const char *name;           /* of the stage, in outputs; copied; NULL: the integrator's */
    ath_model *model;           /* borrowed; required */
    ath_integrator *integrator; /* borrowed; NULL: both half steps do nothing */
    const ath_convergence *convergence_hook; /* copied; NULL: not assessed */
    const ath_hook *hooks;                   /* [n_hooks], copied */
    int32_t n_hooks;
    int64_t n_steps;     /* ATH_UNSET: none. Plain: default of run. Fused part: steps per system */
    int32_t exit_status; /* 0 means 1 */
    int32_t n_threads;   /* 0: all processors; other devices than host use one */
    int64_t seed;        /* of the stage */
    ath_velocities velocities;
    double temperature; /* K, for the entry action */
    /* Of velocities that the entry action draws: the momentum is removed along the axes where it is
     * a constant of the motion (see `dof`), and the angular momentum about the centre of mass where
     * that is one; then all are scaled such that 2 KE = dof kB T. */
    bool remove_momentum;   /* default: true */
    bool remove_rotation;   /* default: false: a free molecule turns, as it does in a gas */
    bool exact_temperature; /* default: true; false: T is right on average only */
    /* Constraint, for any integrator: the centre of mass does not move, along every axis along
     * which no atom with mass is fixed. Its momentum is removed on entry, and after each half step
     * positions and velocities are shifted by what the centre has gained, so that a thermostat acts
     * on the motion about the centre alone and three degrees of freedom less are counted. Where the
     * integrator moves the cell, the centre keeps its fractional coordinates. Hooks may move it
     * between steps (wrap does): it is then held where it is. */
    bool hold_centre;
    double skin; /* angstrom; < 0: 0.5. Never changes a result */
    /* Guards, see above; 0: no limit. */
    double max_force;         /* eV/angstrom, |F| of a free atom */
    double max_displacement;  /* angstrom, of an atom in a step */
    double max_temperature;   /* K */
    double max_volume_change; /* > 1: factor of the volume on entry, either way */
    double min_distance;      /* angstrom, between atoms and their periodic images */
    int64_t good_every; /* steps of a system between good states; 0: none is kept, nobody retries */
    int32_t retries;    /* 1: who meets a guard goes back and tries again, once in the stage */
    bool assess_on_entry; /* a system that meets the criteria when it enters makes no step */
    bool stop_at_limit;   /* fused part: at its step limit without convergence a system leaves for
                             good instead of going on to the next part */

    /* In-flight batching: where systems come from and go to, all borrowed. */
    ath_sampler *sampler;   /* its presence is in-flight mode */
    ath_sink *const *sinks; /* [n_sinks], copied; in order of priority: a finished system goes to
                               the first that has room. None: finished systems stay in the batch,
                               and with a sampler are counted and dropped */
    int32_t n_sinks;
    ath_batch
        *active_batch;      /* what run works on if it is given none; NULL: made from the sampler */
    int32_t max_batch_size; /* systems in the batch at once; 0: 100 */
    int32_t refill_frequency; /* steps between refills; 0: 1 */
    ath_device *device;       /* of batches that are made here; NULL: needed only then */
    /* A structure that cannot be taken: refused by the sampler, too large, or unknown to the model.
     * May be NULL. A negative status stops the run. */
    ath_status (*rejected)(void *user, const char *file, int64_t frame, ath_reason reason,
                           const char *message);
    /* Whether a system is done with, as a journal may know after a crash; may be NULL. A newcomer,
     * or a system in a checkpoint that is loaded, of which this is true is not computed again: it
     * counts as let in and handed over, and is gone. */
    bool (*known)(void *user, ath_uid uid);
    /* Called between refills; may be NULL. A negative status stops the run. */
    ath_status (*progress)(void *user, const ath_dynamics *dynamics);
    void *user; /* of these three */
    /* Looked at between steps, several times a second at least unless a step takes longer; may be
     * NULL. Where it is not 0 a run ends at the end of a step, with ATH_AGAIN: nothing is lost, and
     * running, or saving and loading, goes on with the same bits. A signal handler may set it.
     * Borrowed. */
    const volatile sig_atomic_t *stop;

    /* Ranks: kept and checked; who is wired to whom is set by ath_pipe. */
    int32_t prior_rank, next_rank; /* ATH_RANK_UNSET, ATH_RANK_NONE, or a rank */
    ath_comm_mode comm_mode;
    const ath_buffer_config *buffer_config; /* copied; required with a real rank */

    bool debug_mode;     /* logs every step at level debug */
    bool rebuild_always; /* rebuild every neighbour list at every step (tests) */
    bool timing;         /* measure the time of each phase */
    bool one_by_one;     /* give the model one system at a time: for models whose results depend on
                            the others in a call (not ath_model_batch_invariant) */
    int32_t tile_bytes;  /* size of a tile; 0: 1 MiB. Never changes a result */
} ath_dynamics_config;

/* All defaults, model NULL: set what you need and create. */
ATH_API ath_dynamics_config ath_dynamics_defaults(void);

/* ATH_E_ARGUMENT without a model, for a field that the integrator needs and the model does not
 * compute (named with both), and as said; names what is wrong in the message. */
ATH_API ath_status ath_dynamics_create(ath_context *ctx, const ath_dynamics_config *config,
                                       ath_dynamics **out);
ATH_API void ath_dynamics_destroy(ath_dynamics **dynamics);

/* Several dynamics on one batch, one evaluation of the model per step: a system with status i is
 * moved by parts[i]. It goes on to part i + 1 when it meets the criteria of part i or has made the
 * n_steps of part i, and is finished after the last, with status n_parts. One that leaves for good
 * from an earlier part i (its reason says why) has status n_parts + i + 1. Steps are counted per
 * system, and only those that the part has made. A part without criteria and without n_steps keeps
 * its systems, so it must be the last one (ATH_E_ARGUMENT), unless some hook of it or its
 * convergence migrates.
 * A part may be fused itself: its parts are taken. Configurations and hooks are copied; the parts
 * are not changed and may be destroyed. All must share one model (the same object). The engine's
 * own settings (threads, skin, timing, stop, sampler, sinks, device, ranks) are those of parts[0].
 */
ATH_API ath_status ath_fuse(ath_context *ctx, ath_dynamics *const *parts, int32_t n,
                            ath_dynamics **out);

/* Registers a further hook; of a fused dynamics: with the fused dynamics itself. Not during a run.
 */
ATH_API ath_status ath_dynamics_register_hook(ath_dynamics *dynamics, const ath_hook *hook);
/* A user field of systems that every system of this engine carries, newcomers included. init (may
 * be NULL: the field's default) fills the row of a system that comes without. */
ATH_API ath_status ath_dynamics_register_bookkeeping_key(
    ath_dynamics *dynamics, ath_field_id field,
    void (*init)(void *user, const ath_system *system, void *row), void *user);

/* ---- running ---- */

/* Team of threads, stream, hooks opened; and back. run, step and the like open what is not open for
 * their own duration. ATH_E_STATE if it is open already. close is safe at any time. */
ATH_API ath_status ath_dynamics_open(ath_dynamics *dynamics);
ATH_API void ath_dynamics_close(ath_dynamics *dynamics);

/* Makes n_steps steps (ATH_UNSET: those of the config; of a fused dynamics or with a sampler: until
 * all have finished; neither: ATH_E_ARGUMENT). 0 is no step. Stops early when no system is active.
 * On return energies, forces and stresses of all systems belong to their positions. step_count is
 * not reset. Synchronises. Per step nothing is allocated and nothing waits.
 *
 * batch NULL: the active batch of the configuration or of an earlier run, else one that is made
 * from the sampler (ATH_E_ARGUMENT if there is none). With a sampler systems that have finished are
 * given to the sinks every refill_frequency steps and leave once that is acknowledged, newcomers
 * take their places, and the run ends when and only when nothing is queued and nothing is active; a
 * batch that was made here is then gone. ATH_AGAIN: nothing can go on until a sink has room, or the
 * run was asked to stop; call again. ATH_E_INTERNAL if systems do not add up (in = queued + active
 * + finished + rejected). */
ATH_API ath_status ath_dynamics_run(ath_dynamics *dynamics, ath_batch *batch, int64_t n_steps);
/* One step; *n_converged (may be NULL) is how many systems newly met their criteria. Which ones
 * they are, the field `converged` says. */
ATH_API ath_status ath_dynamics_step(ath_dynamics *dynamics, ath_batch *batch,
                                     int32_t *n_converged);
/* Evaluates the model for every system of the batch; nothing moves. */
ATH_API ath_status ath_dynamics_compute(ath_dynamics *dynamics, ath_batch *batch);
/* The halves of a step of all active systems, without evaluation, hooks, counting or assessment.
 * pre_update first makes newcomers ready (entry action, forces). pre_update, compute, post_update
 * are a step. */
ATH_API ath_status ath_dynamics_pre_update(ath_dynamics *dynamics, ath_batch *batch);
ATH_API ath_status ath_dynamics_post_update(ath_dynamics *dynamics, ath_batch *batch);
/* pre_update, then post_update, of the active systems with mask[index] != 0 alone. */
ATH_API ath_status ath_dynamics_masked_update(ath_dynamics *dynamics, ath_batch *batch,
                                              const uint8_t *mask);
/* Gives finished systems to the sinks, removes those that were acknowledged and lets newcomers in,
 * behind the remaining ones. Integrator state, status and all other fields of the remaining are
 * untouched. ATH_END: nothing is left and nothing comes (done is then true). ATH_E_STATE without a
 * sampler. */
ATH_API ath_status ath_dynamics_refill_check(ath_dynamics *dynamics, ath_batch *batch);
/* The first half of it: gives finished systems to the sinks, and nobody comes in. */
ATH_API ath_status ath_dynamics_drain(ath_dynamics *dynamics, ath_batch *batch);
/* For hooks: takes a system out for good with this reason, at the end of the step. It is not
 * retried. */
ATH_API ath_status ath_dynamics_quarantine(ath_dynamics *dynamics, ath_batch *batch, int32_t index,
                                           ath_reason reason);
/* Takes a system back to its good state in the stage where it was, active again, whether it has
 * left or not. Running on makes the steps that it has made from there, bit by bit, and so meets the
 * same guard at the same step. It works as well on one that came from a packet into another batch
 * and another dynamics, if that is of the same make (integrators, guards); systems that came from
 * packets and have not left enter their stage anew, as always. ATH_E_STATE if it has no good state,
 * or none that this dynamics can read. Not during a step. S */
ATH_API ath_status ath_dynamics_rewind(ath_dynamics *dynamics, ath_batch *batch, int32_t index);

/* ---- velocities by hand ---- */

typedef struct ath_velocities_config {
    size_t size;                /* sizeof(struct ath_velocities_config) */
    double temperature;         /* K, >= 0 */
    const double *temperatures; /* [n_systems] K, by index, instead; NULL: the same for all */
    const uint8_t *mask;        /* [n_systems] which systems; NULL: all */
    int64_t seed;
    bool remove_momentum, remove_rotation, exact_temperature; /* as in a configuration */
} ath_velocities_config;

/* Momentum removed, exact temperature, everything else 0. */
ATH_API ath_velocities_config ath_velocities_defaults(void);
/* Draws thermal velocities for systems of a batch, at any time; nothing else of them changes but
 * their `dof`, which is counted as for a system on which nothing acts from outside (a dynamics
 * counts anew when a system enters a stage). The velocities of a system are those that a stage of
 * this seed would draw: a function of seed, uid and the system itself, whatever else is in the
 * batch. Free components get normal numbers of variance kT / m, fixed ones and those of massless
 * atoms 0. ATH_E_ARGUMENT for NULL and for a temperature of a chosen system that is negative or not
 * finite, naming it; ATH_E_ABI for another size; ATH_E_NO_MEMORY. All arguments are checked before
 * anything is written. S */
ATH_API ath_status ath_velocities_draw(ath_context *ctx, ath_batch *batch,
                                       const ath_velocities_config *config);

/* ---- checkpoints ---- */

/* Everything that the future of the run depends on: the systems of the batch with their integrator
 * state, step counts, position of the sampler, state of hooks, totals; written beside `path` and
 * renamed, synced. batch NULL: the active one. S */
ATH_API ath_status ath_dynamics_save(ath_dynamics *dynamics, ath_batch *batch, const char *path);
/* The same as sections of a container, to which others may be added behind them. S */
ATH_API ath_status ath_dynamics_pack(ath_dynamics *dynamics, ath_batch *batch,
                                     ath_container *container);
/* Into a dynamics made from the same configuration, with a fresh sampler over the same input, that
 * has made no step: *batch (may be NULL: it becomes the active batch) is what was saved, on
 * `device`. Sections that it does not know are passed over, and systems that are `known` are gone.
 * A run then goes on with the same bits. ATH_E_STATE if model, integrators, stages or
 * hooks are not those of the file, naming the difference. */
ATH_API ath_status ath_dynamics_load(ath_dynamics *dynamics, ath_device *device, const char *path,
                                     ath_batch **batch);

/* ---- getters ---- */

ATH_API ath_model *ath_dynamics_model(const ath_dynamics *dynamics);
ATH_API bool ath_dynamics_model_is_conservative(const ath_dynamics *dynamics);
ATH_API int64_t ath_dynamics_step_count(const ath_dynamics *dynamics);
ATH_API int64_t ath_dynamics_n_steps(const ath_dynamics *dynamics);
ATH_API int32_t ath_dynamics_exit_status(const ath_dynamics *dynamics);
/* Of a part (0 of a plain dynamics); NULL: not assessed. Complete: with the criteria that defaults
 * stand for. Valid as long as the dynamics. */
ATH_API const ath_convergence *ath_dynamics_convergence_hook(const ath_dynamics *dynamics,
                                                             int32_t part);
ATH_API int32_t ath_dynamics_n_parts(const ath_dynamics *dynamics);
ATH_API const char *ath_dynamics_part_name(const ath_dynamics *dynamics, int32_t part);
ATH_API int32_t ath_dynamics_n_threads(const ath_dynamics *dynamics);
/* Hooks that fire at `stage` (ATH_STAGE_ANY: all), in registration order, up to max; *n is how
 * many. */
ATH_API ath_status ath_dynamics_hooks(const ath_dynamics *dynamics, ath_stage stage,
                                      const ath_hook **hooks, int32_t max, int32_t *n);
/* Fields that the integrators need from the model, and that they write: unions over the parts, up
 * to max; *n is how many. */
ATH_API ath_status ath_dynamics_needs_keys(const ath_dynamics *dynamics, ath_field_id *fields,
                                           int32_t max, int32_t *n);
ATH_API ath_status ath_dynamics_provides_keys(const ath_dynamics *dynamics, ath_field_id *fields,
                                              int32_t max, int32_t *n);
/* NULL if there is none. Owned by the dynamics if it was made there. */
ATH_API ath_batch *ath_dynamics_active_batch(const ath_dynamics *dynamics);
ATH_API int32_t ath_dynamics_active_batch_size(const ath_dynamics *dynamics);
ATH_API bool ath_dynamics_active_batch_has_room(const ath_dynamics *dynamics);
ATH_API int32_t ath_dynamics_room_in_active_batch(const ath_dynamics *dynamics);
ATH_API int32_t ath_dynamics_max_batch_size(const ath_dynamics *dynamics);
ATH_API bool ath_dynamics_inflight_mode(const ath_dynamics *dynamics);
ATH_API bool ath_dynamics_done(const ath_dynamics *dynamics); /* the sampler is drained, and all
                                                                 that came from it has left */
ATH_API ath_device *ath_dynamics_device(const ath_dynamics *dynamics); /* NULL until known */
/* The device's own handle of the stream between open and close (CUDA: a cudaStream_t), else NULL.
 */
ATH_API void *ath_dynamics_stream(const ath_dynamics *dynamics);
ATH_API int32_t ath_dynamics_global_rank(const ath_dynamics *dynamics);
ATH_API int32_t ath_dynamics_local_rank(const ath_dynamics *dynamics);
ATH_API int32_t ath_dynamics_prior_rank(const ath_dynamics *dynamics);
ATH_API int32_t ath_dynamics_next_rank(const ath_dynamics *dynamics);
ATH_API bool ath_dynamics_has_neighbor(const ath_dynamics *dynamics);
ATH_API bool ath_dynamics_is_first_stage(const ath_dynamics *dynamics); /* prior rank is NONE */
ATH_API bool ath_dynamics_is_final_stage(const ath_dynamics *dynamics); /* next rank is NONE */

/* What has been done since creation. Times are seconds of wall clock, summed over threads. */
typedef struct ath_dynamics_stats {
    size_t size;
    int64_t steps;        /* engine steps */
    int64_t system_steps; /* steps of systems */
    int64_t atom_steps;   /* sum over systems of atoms x steps */
    int64_t list_builds;
    int32_t n_active; /* at the last look */
    int32_t n_systems;
    double worst_fmax; /* of the active ones, eV/angstrom */
    double seconds_pre, seconds_neighbors, seconds_compute, seconds_post,
        seconds_assess; /* timing */
    double seconds_run; /* inside run, of the caller */
    /* in-flight: systems let in, handed over, rejected */
    int64_t n_in, n_finished, n_rejected;
    /* while the sampler had more: steps that systems made, and that a full batch would have made */
    int64_t busy_system_steps, full_system_steps;
    int64_t n_retried; /* times that a system has gone back to its good state; the steps that it
                          lost stay in system_steps, but not on a device that runs late */
} ath_dynamics_stats;
ATH_API ath_status ath_dynamics_get_stats(const ath_dynamics *dynamics, ath_dynamics_stats *out);

#ifdef __cplusplus
}
#endif
#endif
