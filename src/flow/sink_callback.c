/* A function of the user as a sink: each call that says ATH_OK has taken a system for good, so
 * there is no commit and nothing to read. */
#include "flow/sink_private.h"

typedef struct callback_state {
    ath_status (*take)(void *user, const ath_system *system);
    void *user;
    int64_t n; /* taken */
} callback_state;

static ath_status callback_reserve(void *state, int64_t n_atoms)
{
    (void)state, (void)n_atoms;
    return ATH_OK;
}

static ath_status callback_write(void *state, const ath_system *system)
{
    callback_state *c = state;
    const ath_status status = c->take(c->user, system);
    c->n += status == ATH_OK;
    return status;
}

static void callback_extent(const void *state, int64_t *length, int64_t *capacity)
{
    const callback_state *c = state;
    *length = c->n;
    *capacity = INT64_MAX;
}

static const ath_sink_ops callback_ops = {
    .abi = ATH_SINK_ABI,
    .name = "callback",
    .state_size = sizeof(callback_state),
    .reserve = callback_reserve,
    .write = callback_write,
    .extent = callback_extent,
};

ath_status ath_sink_callback(ath_context *ctx,
                             ath_status (*take)(void *user, const ath_system *system), void *user,
                             ath_sink **out)
{
    if (!ctx || !take || !out) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "ath_sink_callback: NULL argument");
    }
    ATH__TRY(ath_sink_create_from(ctx, &callback_ops, NULL, out));
    callback_state *c = ath_sink_state(*out);
    c->take = take;
    c->user = user;
    return ATH_OK;
}
