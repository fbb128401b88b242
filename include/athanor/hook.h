/* Hooks: user code at one of nine stages of a step.
 *
 * A hook is a plain record; registering copies it. Hooks of one stage run in the order of their
 * registration. A hook fires when step_count of its dynamics is a multiple of its frequency (step 0
 * included). In a step at which no hook is due, nothing is called and the step is not divided.
 */
#ifndef ATHANOR_HOOK_H
#define ATHANOR_HOOK_H

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
    int64_t step_count;  /* of the dynamics that the hook was registered with */
    int32_t part;        /* in a fused dynamics: number of the part, else 0 */
    int32_t n_converged; /* systems that converged in this step; set at ON_CONVERGE, else 0 */
} ath_hook_context;

/* What a hook does with the batch. A hook that reads energies or stresses must say so, because they
 * are not computed in a step that nobody reads them in. */
enum {
    ATH_HOOK_READS_ENERGY = 1, /* energy and stress belong to the positions when it is called at
                                  AFTER_COMPUTE or later */
    ATH_HOOK_WRITES = 2        /* writes positions, cell or velocities: lists are checked again */
};

typedef struct ath_hook {
    size_t size;      /* sizeof(struct ath_hook) */
    const char *name; /* static text, for messages */
    ath_stage stage;
    int64_t frequency; /* >= 1, in steps of the dynamics */
    unsigned access;   /* ATH_HOOK_... */
    void *user;        /* borrowed; must live as long as the dynamics */
    /* A negative status ends the run with that status, the batch at a boundary of the step. May
     * copy from and to the batch (synchronises on a device that is not the host). */
    ath_status (*call)(void *user, const ath_hook_context *context);
    ath_status (*on_register)(void *user, ath_dynamics *dynamics); /* may be NULL */
    ath_status (*open)(void *user, ath_dynamics *dynamics);        /* may be NULL; begin of a run */
    void (*close)(void *user, ath_dynamics *dynamics);             /* may be NULL; end of a run */
} ath_hook;

#ifdef __cplusplus
}
#endif
#endif
