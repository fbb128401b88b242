/* Several sinks as one. A system goes to the first sink (block, fail) or to the first that has room
 * (spill); a commit commits those that have something to commit.
 *
 * There is no taking back across sinks. When one of them fails, those that hold systems which are
 * not yet committed take nothing more either, so that such systems do not appear later; what others
 * had committed in the same call stays there without having been acknowledged.
 */
#include "flow/sink_private.h"

#include <string.h>

typedef struct chain_state {
    ath_context *ctx;
    ath_sink **sinks; /* [n], borrowed */
    int32_t n;
    ath_sink_policy policy;
    int32_t target; /* where the last reservation is */
} chain_state;

static int32_t chain_reach(const chain_state *c)
{
    return c->policy == ATH_SINK_SPILL ? c->n : 1;
}

/* The first sink from `first` on with room. One that could never hold the system is passed over; if
 * none is left but such, their refusal stands. */
static ath_status chain_find(chain_state *c, int32_t first, int64_t n_atoms)
{
    ath_status found = ATH_E_RANGE;
    for (int32_t i = first; i < chain_reach(c); i++) {
        const ath_status status = ath__sink_reserve(c->sinks[i], n_atoms);
        if (status == ATH_OK) {
            c->target = i;
            return ATH_OK;
        }
        if (status != ATH_AGAIN && (status != ATH_E_RANGE || c->policy != ATH_SINK_SPILL)) {
            return status;
        }
        found = status == ATH_AGAIN ? ATH_AGAIN : found;
    }
    return found;
}

static ath_status chain_reserve(void *state, int64_t n_atoms)
{
    return chain_find(state, 0, n_atoms);
}

/* After a failure: what is written but not committed must not be committed by a later call. */
static void chain_give_up(const chain_state *c)
{
    for (int32_t i = 0; i < c->n; i++) {
        int32_t n = 0;
        ath_sink *const *links = ath__sink_links(c->sinks[i], false, &n);
        if (c->sinks[i]->n_pending > 0) {
            c->sinks[i]->dead = true;
            if (links) {
                chain_give_up(ath_sink_state(c->sinks[i]));
            }
        }
    }
}

/* Writes to the target; a sink that says no without having failed has no room after all. */
static ath_status chain_offer(const chain_state *c, const ath_system *system)
{
    const ath_sink *sink = c->sinks[c->target];
    const ath_status status = ath__sink_take(c->sinks[c->target], system);
    return status < 0 && !sink->dead ? ATH_AGAIN : status;
}

/* A sink that was given room can still say "not now"; then those behind it are asked. */
static ath_status chain_write(void *state, const ath_system *system)
{
    chain_state *c = state;
    ath_status status = chain_offer(c, system);
    while (status == ATH_AGAIN && c->target + 1 < chain_reach(c)) {
        status = chain_find(c, c->target + 1, ath_system_n_atoms(system));
        if (status != ATH_OK) {
            /* one that could never hold it is no reason to fail: the one before may, later */
            status = status == ATH_E_RANGE ? ATH_AGAIN : status;
            break;
        }
        status = chain_offer(c, system);
    }
    if (status < 0) {
        chain_give_up(c);
    }
    return status;
}

static ath_status chain_commit(void *state)
{
    chain_state *c = state;
    for (int32_t i = 0; i < chain_reach(c); i++) {
        if (!c->sinks[i]->open) {
            continue;
        }
        const ath_status status = ath__sink_commit(c->sinks[i]);
        if (status != ATH_OK) {
            chain_give_up(c);
            return status;
        }
    }
    return ATH_OK;
}

static ath_status chain_read(void *state, int64_t index, ath_system **out)
{
    const chain_state *c = state;
    for (int32_t i = 0; i < chain_reach(c) - 1; i++) {
        const int64_t length = ath_sink_length(c->sinks[i]);
        if (index < length) {
            return ath_sink_read(c->sinks[i], index, out);
        }
        index -= length;
    }
    return ath_sink_read(c->sinks[chain_reach(c) - 1], index, out);
}

static ath_status chain_zero(void *state)
{
    const chain_state *c = state;
    for (int32_t i = 0; i < chain_reach(c); i++) {
        ATH__TRY(ath_sink_zero(c->sinks[i]));
    }
    return ATH_OK;
}

static void chain_extent(const void *state, int64_t *length, int64_t *capacity)
{
    const chain_state *c = state;
    *length = *capacity = 0;
    for (int32_t i = 0; i < chain_reach(c); i++) {
        if (__builtin_add_overflow(*length, ath_sink_length(c->sinks[i]), length)) {
            *length = INT64_MAX;
        }
        if (__builtin_add_overflow(*capacity, ath_sink_capacity(c->sinks[i]), capacity)) {
            *capacity = INT64_MAX;
        }
    }
}

static void chain_fini(ath_context *ctx, void *state)
{
    chain_state *c = state;
    ath__free(ctx, &c->sinks, (size_t)c->n, sizeof *c->sinks);
}

static const ath_sink_ops chain_ops = {
    .abi = ATH_SINK_ABI,
    .name = "chain",
    .state_size = sizeof(chain_state),
    .fini = chain_fini,
    .reserve = chain_reserve,
    .write = chain_write,
    .commit = chain_commit,
    .read = chain_read,
    .zero = chain_zero,
    .extent = chain_extent,
};

ath_status ath__sink_full(const ath_sink *sink)
{
    const chain_state *c = sink->ops == &chain_ops ? sink->state : NULL;
    return c && c->policy == ATH_SINK_FAIL
               ? ath__fail(c->ctx, ATH_E_STATE, "sink 'chain': its first sink '%s' is full",
                           ath_sink_name(c->sinks[0]))
               : ATH_AGAIN;
}

ath_sink *const *ath__sink_links(const ath_sink *sink, bool used, int32_t *n)
{
    const chain_state *c = sink->ops == &chain_ops ? sink->state : NULL;
    *n = !c ? 0 : used ? chain_reach(c) : c->n;
    return c ? c->sinks : NULL;
}

/* Whether two sinks are one, or have one in common. */
static bool chain_meet(const ath_sink *a, const ath_sink *b)
{
    int32_t n = 0;
    if (a == b) {
        return true;
    }
    ath_sink *const *links = ath__sink_links(a, false, &n);
    for (int32_t i = 0; i < n; i++) {
        if (chain_meet(links[i], b)) {
            return true;
        }
    }
    return links ? false : ath__sink_links(b, false, &n) ? chain_meet(b, a) : false;
}

static ath_status chain_check(ath_context *ctx, ath_sink *const *sinks, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        if (!sinks[i]) {
            return ath__fail(ctx, ATH_E_ARGUMENT, "sink 'chain': sink %d is NULL", i);
        }
        if (sinks[i]->ctx != ctx) {
            return ath__fail(ctx, ATH_E_ARGUMENT, "sink 'chain': sink %d is of another context", i);
        }
        for (int32_t k = 0; k < i; k++) {
            if (chain_meet(sinks[i], sinks[k])) {
                return ath__fail(ctx, ATH_E_ARGUMENT,
                                 "sink 'chain': sinks %d and %d are the same "
                                 "or have one in common",
                                 k, i);
            }
        }
    }
    return ATH_OK;
}

ath_status ath_sink_chain(ath_context *ctx, ath_sink *const *sinks, int32_t n,
                          ath_sink_policy policy, ath_sink **out)
{
    if (!ctx || !out || !sinks || n < 1 || policy < ATH_SINK_BLOCK || policy > ATH_SINK_FAIL) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "ath_sink_chain: %s",
                         ctx && out && sinks ? "no sink, or no such policy" : "NULL argument");
    }
    *out = NULL;
    ATH__TRY(chain_check(ctx, sinks, n));
    ATH__TRY(ath_sink_create_from(ctx, &chain_ops, NULL, out));
    chain_state *c = ath_sink_state(*out);
    c->ctx = ctx;
    c->policy = policy;
    const ath_status status = ath__alloc(ctx, (size_t)n, sizeof *c->sinks, &c->sinks);
    if (status != ATH_OK) {
        ath_sink_destroy(out);
        return status;
    }
    memcpy(c->sinks, sinks, (size_t)n * sizeof(*c->sinks));
    c->n = n;
    return ATH_OK;
}
