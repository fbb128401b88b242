/* Status codes, states and reasons: the words that every file and every function of Athanor uses.
 *
 * A function that can fail returns ath_status. Negative values are failures, ATH_OK is success, and
 * positive values say "look": nothing went wrong, but there is something to know. A structure that
 * behaves badly is data, not an error: it gets a reason, and the call succeeds.
 */
#ifndef ATHANOR_STATUS_H
#define ATHANOR_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define ATH_API
#else
#define ATH_API __attribute__((visibility("default")))
#endif

/* X(name, value, text) */
#define ATH_STATUS_LIST(X)                                                                         \
    X(OK, 0, "ok")                                                                                 \
    X(AGAIN, 1, "not now, try again")                                                              \
    X(END, 2, "nothing left")                                                                      \
    X(E_ARGUMENT, -1, "bad argument")                                                              \
    X(E_NO_MEMORY, -2, "out of memory")                                                            \
    X(E_UNKNOWN, -3, "unknown name")                                                               \
    X(E_OPTION, -4, "bad option")                                                                  \
    X(E_RANGE, -5, "out of range")                                                                 \
    X(E_FORMAT, -6, "malformed input")                                                             \
    X(E_NOT_FOUND, -7, "not found")                                                                \
    X(E_EXISTS, -8, "exists already")                                                              \
    X(E_IO, -9, "i/o error")                                                                       \
    X(E_STATE, -10, "not possible in this state")                                                  \
    X(E_UNSUPPORTED, -11, "not supported")                                                         \
    X(E_DEVICE, -12, "device error")                                                               \
    X(E_ABI, -13, "ABI mismatch")                                                                  \
    X(E_CHECKSUM, -14, "checksum mismatch")                                                        \
    X(E_INTERNAL, -15, "internal error")

typedef enum ath_status {
#define ATH_X(name, value, text) ATH_##name = value,
    ATH_STATUS_LIST(ATH_X)
#undef ATH_X
} ath_status;

/* Where a system stands. X(name, text); the text is the spelling in every file. */
#define ATH_STATE_LIST(X)                                                                          \
    X(PENDING, "pending")                                                                          \
    X(RUNNING, "running")                                                                          \
    X(FINISHED, "finished")                                                                        \
    X(STEP_LIMIT, "step_limit")                                                                    \
    X(QUARANTINED, "quarantined")                                                                  \
    X(REJECTED, "rejected")

typedef enum ath_state {
#define ATH_X(name, text) ATH_STATE_##name,
    ATH_STATE_LIST(ATH_X)
#undef ATH_X
        ATH_N_STATES
} ath_state;

/* Why a system stopped. X(name, text, state): the state that follows from the reason. */
#define ATH_REASON_LIST(X)                                                                         \
    X(NONE, "none", RUNNING)                                                                       \
    X(CONVERGED, "converged", FINISHED)                                                            \
    X(BUDGET, "budget", FINISHED)                                                                  \
    X(STEP_LIMIT, "step_limit", STEP_LIMIT)                                                        \
    X(NON_FINITE, "non_finite", QUARANTINED)                                                       \
    X(TOO_CLOSE, "too_close", QUARANTINED)                                                         \
    X(MAX_FORCE, "max_force", QUARANTINED)                                                         \
    X(MAX_DISPLACEMENT, "max_displacement", QUARANTINED)                                           \
    X(MAX_TEMPERATURE, "max_temperature", QUARANTINED)                                             \
    X(CELL_COLLAPSED, "cell_collapsed", QUARANTINED)                                               \
    X(VOLUME_CHANGE, "volume_change", QUARANTINED)                                                 \
    X(OUT_OF_MEMORY, "out_of_memory", REJECTED)                                                    \
    X(BAD_INPUT, "bad_input", REJECTED)                                                            \
    X(TOO_LARGE, "too_large", REJECTED)                                                            \
    X(ENERGY_DRIFT, "energy_drift", QUARANTINED)

typedef enum ath_reason {
#define ATH_X(name, text, state) ATH_REASON_##name,
    ATH_REASON_LIST(ATH_X)
#undef ATH_X
        ATH_N_REASONS
} ath_reason;

/* Names for people and files; static strings, never NULL. Unknown codes give "unknown". */
ATH_API const char *ath_status_name(ath_status status);
ATH_API const char *ath_status_text(ath_status status);
ATH_API const char *ath_state_name(ath_state state);
ATH_API const char *ath_reason_name(ath_reason reason);
/* The state that a reason leads to (converged -> finished, non_finite -> quarantined, ...). */
ATH_API ath_state ath_reason_state(ath_reason reason);

#ifdef __cplusplus
}
#endif
#endif
