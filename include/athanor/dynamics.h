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

#include <stdbool.h>

#include <athanor/batch.h>
#include <athanor/hook.h>
#include <athanor/integrator.h>
#include <athanor/model.h>
#include <athanor/sampler.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ATH_UNSET ((int64_t)-1)

/* When a system has converged. NULL in a config: not assessed. */
typedef struct ath_convergence {
    size_t size; /* sizeof(struct ath_convergence) */
    double
        fmax; /* eV/angstrom: max |F| over atoms <= fmax, fixed components not counted; 0: 0.05 */
} ath_convergence;

/* What happens to velocities when a system enters a stage. */
typedef enum ath_velocities {
    ATH_VELOCITIES_KEEP, /* as they are; zero if it has none */
    ATH_VELOCITIES_ZERO,
    ATH_VELOCITIES_THERMAL, /* Maxwell-Boltzmann at `temperature`, momentum removed, exact T */
    ATH_VELOCITIES_MISSING  /* THERMAL for a system whose velocities are all zero, else KEEP */
} ath_velocities;

typedef struct ath_dynamics_config {
    size_t size;                /* sizeof(struct ath_dynamics_config) */
    const char *name;           /* of the stage, in outputs; copied; NULL: the integrator's */
    ath_model *model;           /* borrowed; required */
    ath_integrator *integrator; /* borrowed; NULL: both half steps do nothing */
    const ath_convergence *convergence; /* copied; NULL: not assessed */
    const ath_hook *hooks;              /* [n_hooks], copied */
    int32_t n_hooks;
    int64_t n_steps;     /* ATH_UNSET: none. Plain: default of run. Fused part: steps per system */
    int32_t exit_status; /* 0 means 1 */
    int32_t n_threads;   /* 0: all processors; other devices than host use one */
    int64_t seed;        /* of the stage */
    ath_velocities velocities;
    double temperature;   /* K, for the entry action */
    double skin;          /* angstrom; < 0: 0.5. Never changes a result */
    double max_force;     /* eV/angstrom, > 0: a larger |F| quarantines (max_force); 0: no limit */
    bool assess_on_entry; /* a system that meets the criterion when it enters makes no step */
    bool stop_at_limit;   /* fused part: at its step limit without convergence a system leaves for
                             good   instead of going on to the next part */
    bool rebuild_always;  /* rebuild every neighbour list at every step (tests) */
    bool timing;          /* measure the time of each phase */
    bool one_by_one;      /* give the model one system at a time: for models whose results depend on
                             the others in a call (not ath_model_batch_invariant) */
    int32_t tile_bytes;   /* size of a tile; 0: 1 MiB. Never changes a result */
} ath_dynamics_config;

/* All defaults, model NULL: set what you need and create. */
ATH_API ath_dynamics_config ath_dynamics_defaults(void);

/* ATH_E_ARGUMENT without a model; names what is wrong in the message. */
ATH_API ath_status ath_dynamics_create(ath_context *ctx, const ath_dynamics_config *config,
                                       ath_dynamics **out);
ATH_API void ath_dynamics_destroy(ath_dynamics **dynamics);

/* Several dynamics on one batch, one evaluation of the model per step: a system with status i is
 * moved by parts[i]. It goes on to part i + 1 when it meets the criterion of part i or has made the
 * n_steps of part i, and is finished after the last. Steps are counted per system. The parts'
 * configurations are copied; they are not changed and may be destroyed. All must share one model
 * (the same object). The engine's own settings (threads, skin, timing) are those of parts[0]. */
ATH_API ath_status ath_fuse(ath_context *ctx, ath_dynamics *const *parts, int32_t n,
                            ath_dynamics **out);

/* Registers a further hook, with part 0. */
ATH_API ath_status ath_dynamics_register_hook(ath_dynamics *dynamics, const ath_hook *hook);

/* Makes n_steps steps (ATH_UNSET: those of the config; of a fused dynamics: until all have
 * finished; neither: ATH_E_ARGUMENT). 0 is no step. Stops early when no system is active. On return
 * energies, forces and stresses of all systems belong to their positions. step_count is not reset.
 * Synchronises. Per step nothing is allocated and nothing waits. */
ATH_API ath_status ath_dynamics_run(ath_dynamics *dynamics, ath_batch *batch, int64_t n_steps);
/* One step; *n_converged (may be NULL) is how many systems newly met their criterion. */
ATH_API ath_status ath_dynamics_step(ath_dynamics *dynamics, ath_batch *batch,
                                     int32_t *n_converged);
/* Evaluates the model for every system of the batch; nothing moves, no hook runs. */
ATH_API ath_status ath_dynamics_compute(ath_dynamics *dynamics, ath_batch *batch);

/* In-flight batching: keeps the batch full from a sampler until nothing is queued and nothing is
 * active. Whenever systems have finished, each is given to `done` and, once that has returned
 * ATH_OK, removed; then newcomers take the free places. ATH_AGAIN from `done` leaves the system
 * where it is, to be offered again. A structure that the sampler refuses or that can never fit is
 * given to `rejected`. */
typedef struct ath_drain {
    size_t size; /* sizeof(struct ath_drain) */
    void *user;
    /* The system is lent for the call. */
    ath_status (*done)(void *user, const ath_system *system);
    ath_status (*rejected)(void *user, const char *file, int64_t frame, ath_reason reason,
                           const char *message);
    /* Called between steps, now and then; may be NULL. A negative status stops the run. */
    ath_status (*progress)(void *user, const ath_dynamics *dynamics);
    int32_t max_systems; /* in the batch at once, >= 1 */
    int64_t max_atoms;   /* in the batch at once; 0: no limit */
    int32_t frequency;   /* steps between refills; 0: 4 */
} ath_drain;
ATH_API ath_status ath_dynamics_run_sampler(ath_dynamics *dynamics, ath_device *device,
                                            ath_sampler *sampler, const ath_drain *drain);

/* Getters. */
ATH_API ath_model *ath_dynamics_model(const ath_dynamics *dynamics);
ATH_API int64_t ath_dynamics_step_count(const ath_dynamics *dynamics);
ATH_API int64_t ath_dynamics_n_steps(const ath_dynamics *dynamics);
ATH_API int32_t ath_dynamics_exit_status(const ath_dynamics *dynamics);
ATH_API int32_t ath_dynamics_n_parts(const ath_dynamics *dynamics);
ATH_API const char *ath_dynamics_part_name(const ath_dynamics *dynamics, int32_t part);
ATH_API int32_t ath_dynamics_n_threads(const ath_dynamics *dynamics);
/* Hooks that fire at `stage` (ATH_STAGE_ANY: all), in registration order, up to max; *n is how
 * many. */
ATH_API ath_status ath_dynamics_hooks(const ath_dynamics *dynamics, ath_stage stage,
                                      const ath_hook **hooks, int32_t max, int32_t *n);

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
} ath_dynamics_stats;
ATH_API ath_status ath_dynamics_get_stats(const ath_dynamics *dynamics, ath_dynamics_stats *out);

#ifdef __cplusplus
}
#endif
#endif
