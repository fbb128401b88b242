/* Sinks: making one from a table, and the three steps by which systems go into it.
 *
 * Room is given, the system written, and at the end of a call one commit acknowledges what was
 * written. A failed write or commit is final: what the sink then holds beyond its last commit is
 * unknown, so that it takes nothing more and nothing of it is acknowledged. A refused room is not
 * final: what came before is committed, and the rest stays with the caller.
 *
 * An operation that fails without a message gets one here. What a kind of sink does with a system
 * is not here: sink_memory.c, sink_device.c, sink_file.c, sink_callback.c, sink_chain.c.
 */
#include "flow/sink_private.h"

#include <string.h>

#include "data/batch_private.h"
#include "data/system_private.h"
#include "device/device.h"

/* ---- making and destroying ---- */

static const ath_option sink_no_options[] = {{.type = ATH_OPTION_END}};

static const ath_option *sink_options(const ath_sink_ops *ops)
{
    return ops->options ? ops->options : sink_no_options;
}

static ath_status sink_check_ops(ath_context *ctx, const ath_sink_ops *ops)
{
    if (ops->abi != ATH_SINK_ABI) {
        return ath__fail(ctx, ATH_E_ABI, "sink: its table has ABI %u, this library %u",
                         (unsigned)ops->abi, (unsigned)ATH_SINK_ABI);
    }
    if (!ops->name || !ops->reserve || !ops->write || !ops->extent) {
        return ath__fail(ctx, ATH_E_ARGUMENT,
                         "sink '%s': its table lacks name, reserve, write or extent",
                         ops->name ? ops->name : "");
    }
    return ATH_OK;
}

static size_t sink_state_bytes(const ath_sink_ops *ops)
{
    return ops->state_size > 0 ? ops->state_size : 1;
}

/* Around an operation of the table: one that fails without a message gets one, and one that
 * succeeds leaves the message of the last failure as it was. */
static void sink_begin(ath_sink *sink)
{
    memcpy(sink->before, sink->ctx->message, strlen(sink->ctx->message) + 1);
    sink->ctx->message[0] = '\0';
}

static ath_status sink_end(ath_sink *sink, const char *what, ath_status status)
{
    if (status >= 0) {
        memcpy(sink->ctx->message, sink->before, strlen(sink->before) + 1);
    } else if (!sink->ctx->message[0]) {
        return ath__fail(sink->ctx, status, "sink '%s': %s: %s", sink->ops->name, what,
                         ath_status_text(status));
    }
    return status;
}

ath_status ath_sink_create_from(ath_context *ctx, const ath_sink_ops *ops, const char *options,
                                ath_sink **out)
{
    ath_sink *sink = NULL;
    if (!ctx || !ops || !out) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "ath_sink_create_from: NULL argument");
    }
    *out = NULL;
    ATH__TRY(sink_check_ops(ctx, ops));
    ATH__TRY(ath__alloc(ctx, 1, sizeof *sink, &sink));
    sink->ctx = ctx;
    sink->ops = ops;
    ath_status status = ath__alloc(ctx, sink_state_bytes(ops), 1, &sink->state);
    if (status == ATH_OK) {
        status = ath_options_parse(ctx, sink_options(ops), ops->name, options, sink->state);
    }
    if (status != ATH_OK) { /* nothing but the two blocks exists */
        ath__free(ctx, &sink->state, sink_state_bytes(ops), 1);
        ath__free(ctx, &sink, 1, sizeof *sink);
        return status;
    }
    if (ops->init) {
        sink_begin(sink);
        status = sink_end(sink, "init", ops->init(ctx, sink->state));
    }
    if (status < 0) {
        ath_sink_destroy(&sink);
        return status;
    }
    *out = sink;
    return ATH_OK;
}

void *ath_sink_state(ath_sink *sink)
{
    return sink ? sink->state : NULL;
}

void ath_sink_destroy(ath_sink **sink)
{
    if (!sink || !*sink) {
        return;
    }
    ath_sink *it = *sink;
    ath_context *ctx = it->ctx;
    if (it->ops->fini) {
        it->ops->fini(ctx, it->state);
    }
    ath_options_free(ctx, sink_options(it->ops), it->state);
    ath__free(ctx, &it->state, sink_state_bytes(it->ops), 1);
    ath__free(ctx, sink, 1, sizeof *it);
}

/* ---- what it says of itself ---- */

const char *ath_sink_name(const ath_sink *sink)
{
    return sink ? sink->ops->name : "";
}

int64_t ath_sink_length(const ath_sink *sink)
{
    int64_t length = 0, capacity = 0;
    if (sink) {
        sink->ops->extent(sink->state, &length, &capacity);
    }
    return length;
}

int64_t ath_sink_capacity(const ath_sink *sink)
{
    int64_t length = 0, capacity = 0;
    if (sink) {
        sink->ops->extent(sink->state, &length, &capacity);
    }
    return capacity;
}

bool ath_sink_is_full(const ath_sink *sink)
{
    return ath_sink_length(sink) >= ath_sink_capacity(sink);
}

/* ---- the three steps ---- */

static ath_status sink_check_alive(const ath_sink *sink)
{
    return sink->dead ? ath__fail(sink->ctx, ATH_E_STATE,
                                  "sink '%s' takes no more after a failed write or commit",
                                  sink->ops->name)
                      : ATH_OK;
}

ath_status ath__sink_reserve(ath_sink *sink, int64_t n_atoms)
{
    ATH__TRY(sink_check_alive(sink));
    sink_begin(sink);
    const ath_status status = sink_end(sink, "reserve", sink->ops->reserve(sink->state, n_atoms));
    sink->open = sink->open || status == ATH_OK;
    return status > 0 ? ath__sink_full(sink) : status;
}

ath_status ath__sink_take(ath_sink *sink, const ath_system *system)
{
    ATH__TRY(sink_check_alive(sink));
    sink_begin(sink);
    const ath_status status = sink_end(sink, "write", sink->ops->write(sink->state, system));
    sink->dead = status < 0;
    sink->n_pending += status == ATH_OK && sink->ops->commit;
    return status > 0 ? ath__sink_full(sink) : status;
}

ath_status ath__sink_commit(ath_sink *sink)
{
    ATH__TRY(sink_check_alive(sink));
    const bool open = sink->open;
    sink->open = false;
    sink->n_pending = 0;
    if (!open || !sink->ops->commit) {
        return ATH_OK;
    }
    sink_begin(sink);
    const ath_status status = sink_end(sink, "commit", sink->ops->commit(sink->state));
    sink->dead = status != ATH_OK;
    return status > 0 ? ath__fail(sink->ctx, ATH_E_INTERNAL, "sink '%s': commit: '%s' is no answer",
                                  sink->ops->name, ath_status_text(status))
                      : status;
}

/* ---- putting ---- */

static ath_status sink_check_put(const ath_sink *sink, const ath_context *ctx, const char *what)
{
    if (sink->ctx != ctx) {
        return ath__fail(sink->ctx, ATH_E_ARGUMENT, "%s: sink and systems belong to two contexts",
                         what);
    }
    return sink_check_alive(sink);
}

ath_status ath_sink_put(ath_sink *sink, const ath_system *system)
{
    if (!sink || !system) {
        return ath__fail(sink ? sink->ctx : NULL, ATH_E_ARGUMENT, "ath_sink_put: NULL argument");
    }
    ATH__TRY(sink_check_put(sink, system->ctx, "ath_sink_put"));
    ath_status status = ath__sink_reserve(sink, system->n_atoms);
    if (status == ATH_OK) {
        status = ath__sink_take(sink, system);
    }
    if (sink->dead) {
        return status;
    }
    const ath_status committed = ath__sink_commit(sink); /* also gives room back */
    return committed == ATH_OK ? status : committed;
}

/* Room first: a system that finds none costs no copy. */
static ath_status sink_write_one(ath_sink *sink, const ath_batch *batch, int32_t index)
{
    ath_system *system = NULL;
    ath_status status = ath__sink_reserve(sink, ath_batch_n_atoms_of(batch, index));
    if (status == ATH_OK) {
        status = ath_batch_get(batch, index, &system);
    }
    if (status == ATH_OK) {
        status = ath__sink_take(sink, system);
    }
    ath_system_destroy(&system);
    return status;
}

ath_status ath_sink_write(ath_sink *sink, const ath_batch *batch, const uint8_t *mask,
                          uint8_t *taken)
{
    if (!sink || !batch) {
        return ath__fail(sink ? sink->ctx : NULL, ATH_E_ARGUMENT, "ath_sink_write: NULL argument");
    }
    const int32_t n = ath_batch_n_systems(batch);
    if (taken && n > 0) {
        memset(taken, 0, (size_t)n);
    }
    ATH__TRY(sink_check_put(sink, ath_batch_device(batch)->ctx, "ath_sink_write"));
    ath_status status = ATH_OK;
    bool again = false;
    for (int32_t i = 0; i < n && status >= 0; i++) {
        if (mask && !mask[i]) {
            continue;
        }
        status = sink_write_one(sink, batch, i);
        again = again || status == ATH_AGAIN;
        if (taken) {
            taken[i] = status == ATH_OK;
        }
    }
    if (!sink->dead) {
        const ath_status committed = ath__sink_commit(sink);
        status = committed != ATH_OK ? committed : status;
    }
    if (sink->dead && sink->ops->commit && taken) { /* without commit each write was one */
        memset(taken, 0, (size_t)n);
    }
    return status < 0 ? status : again ? ATH_AGAIN : ATH_OK;
}

/* ---- reading ---- */

static ath_status sink_check_read(const ath_sink *sink)
{
    return sink->ops->read ? ATH_OK
                           : ath__fail(sink->ctx, ATH_E_UNSUPPORTED, "sink '%s' cannot be read",
                                       sink->ops->name);
}

ath_status ath_sink_read(ath_sink *sink, int64_t index, ath_system **out)
{
    if (!sink || !out) {
        return ath__fail(sink ? sink->ctx : NULL, ATH_E_ARGUMENT, "ath_sink_read: NULL argument");
    }
    *out = NULL;
    ATH__TRY(sink_check_read(sink));
    const int64_t length = ath_sink_length(sink);
    if (length == 0) {
        return ath__fail(sink->ctx, ATH_E_STATE, "sink '%s' is empty", sink->ops->name);
    }
    if (index < 0 || index >= length) {
        return ath__fail(sink->ctx, ATH_E_RANGE, "sink '%s' holds %lld systems: there is no %lld",
                         sink->ops->name, (long long)length, (long long)index);
    }
    sink_begin(sink);
    const ath_status status = sink_end(sink, "read", sink->ops->read(sink->state, index, out));
    if (status == ATH_OK && *out) {
        return ATH_OK;
    }
    *out = NULL;
    return status < 0 ? status
                      : ath__fail(sink->ctx, ATH_E_INTERNAL, "sink '%s': read gave no system",
                                  sink->ops->name);
}

ath_status ath_sink_read_all(ath_sink *sink, ath_device *device, ath_batch **out)
{
    if (!sink || !out) {
        return ath__fail(sink ? sink->ctx : NULL, ATH_E_ARGUMENT,
                         "ath_sink_read_all: NULL argument");
    }
    *out = NULL;
    ATH__TRY(sink_check_read(sink));
    const int64_t n = ath_sink_length(sink);
    if (n > INT32_MAX) {
        return ath__fail(sink->ctx, ATH_E_RANGE, "%lld systems are too many for a batch",
                         (long long)n);
    }
    const ath_batch_config config = {
        .size = sizeof config, .device = device, .n_systems = (int32_t)n};
    ATH__TRY(ath_batch_create(sink->ctx, &config, out));
    ath_status status = ATH_OK;
    for (int64_t i = 0; i < n && status == ATH_OK; i++) {
        ath_system *system = NULL;
        status = ath_sink_read(sink, i, &system);
        if (status == ATH_OK) {
            status = ath__sink_widen(out, system);
        }
        if (status == ATH_OK) {
            status = ath__batch_import(*out, system, true, true);
        }
        ath_system_destroy(&system);
    }
    if (status != ATH_OK) {
        ath_batch_destroy(out);
    }
    return status;
}

/* ---- emptying ---- */

ath_status ath__sink_check_zero(const ath_sink *sink)
{
    int32_t n = 0;
    ath_sink *const *links = ath__sink_links(sink, true, &n);
    for (int32_t i = 0; i < n; i++) {
        ATH__TRY(ath__sink_check_zero(links[i]));
    }
    ATH__TRY(sink_check_alive(sink));
    return sink->ops->zero ? ATH_OK
                           : ath__fail(sink->ctx, ATH_E_UNSUPPORTED, "sink '%s' cannot be emptied",
                                       sink->ops->name);
}

ath_status ath_sink_zero(ath_sink *sink)
{
    if (!sink) {
        return ATH_E_ARGUMENT;
    }
    ATH__TRY(ath__sink_check_zero(sink));
    sink_begin(sink);
    const ath_status status = sink_end(sink, "zero", sink->ops->zero(sink->state));
    return status < 0 ? status : ATH_OK;
}

ath_status ath_sink_drain(ath_sink *sink, ath_device *device, ath_batch **out)
{
    if (!sink || !out) {
        return ath__fail(sink ? sink->ctx : NULL, ATH_E_ARGUMENT, "ath_sink_drain: NULL argument");
    }
    *out = NULL;
    ATH__TRY(ath__sink_check_zero(sink));
    ATH__TRY(ath_sink_read_all(sink, device, out));
    return ath_sink_zero(sink);
}
