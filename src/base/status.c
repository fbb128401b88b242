/* Names of status codes, states and reasons.
 *
 * All of them come from the lists in athanor/status.h, so that a spelling exists once. Codes that
 * are not in a list, from a newer file or a careless cast, are "unknown".
 */
#include <athanor/status.h>

const char *ath_status_name(ath_status status)
{
    switch (status) {
#define ATH_X(name, value, text)                                                                   \
    case ATH_##name:                                                                               \
        return "ATH_" #name;
        ATH_STATUS_LIST(ATH_X)
#undef ATH_X
    }
    return "unknown";
}

const char *ath_status_text(ath_status status)
{
    switch (status) {
#define ATH_X(name, value, text)                                                                   \
    case ATH_##name:                                                                               \
        return text;
        ATH_STATUS_LIST(ATH_X)
#undef ATH_X
    }
    return "unknown";
}

const char *ath_state_name(ath_state state)
{
    static const char *const names[] = {
#define ATH_X(name, text) text,
        ATH_STATE_LIST(ATH_X)
#undef ATH_X
    };
    return (unsigned)state < ATH_N_STATES ? names[state] : "unknown";
}

const char *ath_reason_name(ath_reason reason)
{
    static const char *const names[] = {
#define ATH_X(name, text, state) text,
        ATH_REASON_LIST(ATH_X)
#undef ATH_X
    };
    return (unsigned)reason < ATH_N_REASONS ? names[reason] : "unknown";
}

ath_state ath_reason_state(ath_reason reason)
{
    static const ath_state states[] = {
#define ATH_X(name, text, state) ATH_STATE_##state,
        ATH_REASON_LIST(ATH_X)
#undef ATH_X
    };
    /* An unknown reason is one more cause to set a system aside. */
    return (unsigned)reason < ATH_N_REASONS ? states[reason] : ATH_STATE_QUARANTINED;
}
