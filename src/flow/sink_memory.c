/* Systems in host memory: an array of clones that grows by doubling up to the capacity. Those
 * behind the last commit are written, but not yet shown. */
#include "flow/sink_private.h"

enum { MEMORY_FIRST = 16 };

typedef struct memory_state {
    ath_context *ctx;
    int64_t capacity;
    ath_system **systems; /* [n_room], first n_written used */
    int64_t n_room;
    int64_t n_written, n_reserved; /* the latter without those written */
    int64_t n;                     /* committed */
} memory_state;

static ath_status memory_reserve(void *state, int64_t n_atoms)
{
    memory_state *m = state;
    (void)n_atoms;
    const int64_t used = m->n_written + m->n_reserved;
    if (used >= m->capacity) {
        return ATH_AGAIN;
    }
    if (used == m->n_room) {
        int64_t room = m->n_room ? 2 * m->n_room : MEMORY_FIRST;
        room = room > m->capacity ? m->capacity : room;
        ATH__TRY(
            ath__resize(m->ctx, &m->systems, (size_t)m->n_room, (size_t)room, sizeof *m->systems));
        m->n_room = room;
    }
    m->n_reserved++;
    return ATH_OK;
}

static ath_status memory_write(void *state, const ath_system *system)
{
    memory_state *m = state;
    ATH__TRY(ath_system_clone(system, &m->systems[m->n_written]));
    m->n_written++;
    m->n_reserved--;
    return ATH_OK;
}

static ath_status memory_commit(void *state)
{
    memory_state *m = state;
    m->n = m->n_written;
    m->n_reserved = 0;
    return ATH_OK;
}

static ath_status memory_read(void *state, int64_t index, ath_system **out)
{
    const memory_state *m = state;
    return ath_system_clone(m->systems[index], out);
}

static ath_status memory_zero(void *state)
{
    memory_state *m = state;
    for (int64_t i = 0; i < m->n_written; i++) {
        ath_system_destroy(&m->systems[i]);
    }
    m->n = m->n_written = m->n_reserved = 0;
    return ATH_OK;
}

static void memory_extent(const void *state, int64_t *length, int64_t *capacity)
{
    const memory_state *m = state;
    *length = m->n;
    *capacity = m->capacity;
}

static void memory_fini(ath_context *ctx, void *state)
{
    memory_state *m = state;
    memory_zero(m);
    ath__free(ctx, &m->systems, (size_t)m->n_room, sizeof *m->systems);
}

static const ath_sink_ops memory_ops = {
    .abi = ATH_SINK_ABI,
    .name = "memory",
    .state_size = sizeof(memory_state),
    .fini = memory_fini,
    .reserve = memory_reserve,
    .write = memory_write,
    .commit = memory_commit,
    .read = memory_read,
    .zero = memory_zero,
    .extent = memory_extent,
};

ath_status ath_sink_memory(ath_context *ctx, int64_t capacity, ath_sink **out)
{
    if (!ctx || !out) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "ath_sink_memory: NULL argument");
    }
    *out = NULL;
    if (capacity < 0) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "sink 'memory': a capacity of %lld systems",
                         (long long)capacity);
    }
    ATH__TRY(ath_sink_create_from(ctx, &memory_ops, NULL, out));
    memory_state *m = ath_sink_state(*out);
    m->ctx = ctx;
    m->capacity = capacity;
    return ATH_OK;
}
