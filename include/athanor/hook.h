/* Hooks: user code at one or more of the nine stages of a step.
 *
 * A hook is a plain record; registering copies it. Hooks of one stage run in the order of their
 * registration; those of a fused dynamics itself run before those of its parts up to AFTER_COMPUTE
 * and after them from then on. A hook is due when the step count of its dynamics is a multiple of
 * its frequency (step 0 included) or, with ATH_HOOK_OWN_STEPS, for each system whose own number of
 * steps is. In a step at which no hook is due, nothing is called and the step is not divided.
 *
 * What a hook does to one system must not depend on others, else their trajectories do; and with a
 * frequency in steps of the dynamics it is bound to when a system came into the batch: hooks that
 * write should count own steps.
 */
#ifndef ATHANOR_HOOK_H
#define ATHANOR_HOOK_H

#include <stdbool.h>

#include <athanor/batch.h>

#ifdef __cplusplus
extern "C" {
#endif

/* X(name, value) */
#define ATH_STAGE_LIST(X)                                                                          \
    X(BEFORE_STEP, 0)                                                                              \
    X(BEFORE_PRE_UPDATE, 1)                                                                        \
    X(AFTER_PRE_UPDATE, 2)                                                                         \
    X(BEFORE_COMPUTE, 3)                                                                           \
    X(AFTER_COMPUTE, 4)                                                                            \
    X(BEFORE_POST_UPDATE, 5)                                                                       \
    X(AFTER_POST_UPDATE, 6)                                                                        \
    X(AFTER_STEP, 7)                                                                               \
    X(ON_CONVERGE, 8)

typedef enum ath_stage {
#define ATH_X(name, value) ATH_STAGE_##name = value,
    ATH_STAGE_LIST(ATH_X)
#undef ATH_X
        ATH_N_STAGES,
    ATH_STAGE_ANY = -1
} ath_stage;

ATH_API const char *ath_stage_name(ath_stage stage);

typedef struct ath_dynamics ath_dynamics;

typedef struct ath_hook_context {
    size_t size;
    ath_dynamics *dynamics; /* the engine that runs */
    ath_batch *batch;       /* all systems, finished ones included; valid during the call */
    ath_stage stage;
    int64_t step_count; /* of the dynamics that the hook was registered with */
    int32_t part;       /* of a fused dynamics: number of the part, -1 its own hook; else 0 */
    int32_t n_masked;   /* how many systems are masked */
    /* [n_systems], by public order: 1 for the systems that the call is about. Those are the ones
     * that the hook's part moves in this step (of a fused dynamics' own hook: that any part moves),
     * and with ATH_HOOK_OWN_STEPS of these those for which it is due; at ON_CONVERGE the ones that
     * have met the criteria in this step, or on entry. Valid during the call. */
    const uint8_t *mask;
} ath_hook_context;

/* What a hook does with the batch. A hook that reads energies or stresses must say so, because they
 * are not computed in a step that nobody reads them in. */
enum {
    ATH_HOOK_READS_ENERGY = 1, /* energy and stress belong to the positions when it is called at
                                  AFTER_COMPUTE or later, and at BEFORE_STEP */
    ATH_HOOK_WRITES = 2,       /* writes fields of the batch. At BEFORE_COMPUTE and AFTER_COMPUTE it
                                  is part of the evaluation of forces: it must have frequency 1, and
                                  is called after every evaluation, the first of newcomers
                                  included. Elsewhere positions and cells may change: lists are
                                  checked again. */
    ATH_HOOK_EXTERNAL_FIELD = 8, /* forces that it adds do not add up to nothing, or turn a system
                                    as a whole: the momentum of systems is then no constant of the
                                    motion (athanor/dynamics.h) */
    ATH_HOOK_OWN_STEPS = 4       /* frequency counts the steps that a system has made in the present
                                    stage of its life (a fused dynamics' own hook: in all) */
};

typedef struct ath_hook {
    size_t size;      /* sizeof(struct ath_hook) */
    const char *name; /* static text, for messages */
    ath_stage stage;  /* ATH_STAGE_ANY: see `stages` and `runs_on` */
    unsigned stages;  /* besides: bit 1u << s for stage s */
    /* Besides: whether it fires at a stage; asked for each of the nine when registered. May be
     * NULL. */
    bool (*runs_on)(void *user, ath_stage stage);
    int64_t frequency; /* >= 1 */
    unsigned access;   /* ATH_HOOK_... */
    void *user;        /* borrowed; must live as long as the dynamics */
    /* A negative status ends the run with that status; the step is finished first, without further
     * hooks. May copy from and to the batch (synchronises on a device that is not the host). */
    ath_status (*call)(void *user, const ath_hook_context *context);
    ath_status (*on_register)(void *user, ath_dynamics *dynamics); /* may be NULL */
    ath_status (*open)(void *user, ath_dynamics *dynamics);        /* may be NULL; begin of a run */
    void (*close)(void *user, ath_dynamics *dynamics);             /* may be NULL; end of a run */
    /* A system is new to the dynamics: called before its entry action and its first forces. May be
     * NULL. */
    ath_status (*admit)(void *user, ath_dynamics *dynamics, ath_batch *batch, int32_t index);
    /* State of the hook that is not in the batch, for checkpoints; both or neither NULL. save: data
     * NULL sets *bytes to what is needed, else fills data. load gets what save made. */
    ath_status (*save)(void *user, void *data, size_t *bytes);
    ath_status (*load)(void *user, const void *data, size_t bytes);
    void (*destroy)(void *user); /* for ath_hook_free; NULL if `user` needs none */
} ath_hook;

/* Frees what a function that made the hook has made, and zeroes the record. Copies that were
 * registered must not be called any more: destroy the dynamics first. */
ATH_API void ath_hook_free(ath_hook *hook);

#ifdef __cplusplus
}
#endif
#endif
