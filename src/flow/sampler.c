/* Samplers: what they all share. Requests, batches that are filled from empty, counts; positions
 * are in sampler_position.c, samplers that keep the order of their input in sampler_plain.c, the
 * one that chooses by size in sampler_size.c.
 *
 * A request reads on as far as the sampler wants to look ahead, lets it choose, prepares everything
 * that can fail, and only then takes the system out of the queue: a failure loses nothing.
 */
#include "flow/sampler_private.h"

#include <string.h>

ath_status ath__sampler_create(ath_context *ctx, const ath__sampler_ops *ops, size_t bytes,
                               void *out)
{
    ath_sampler *s = NULL;
    ATH__TRY(ath__alloc(ctx, 1, bytes, &s));
    s->ctx = ctx;
    s->ops = ops;
    s->bytes = bytes;
    s->frame = -1;
    s->counts.size = sizeof(ath_sampler_counts);
    ath__hash_begin(&s->events, 0, 0);
    memcpy(out, &s, sizeof s);
    return ATH_OK;
}

void ath_sampler_destroy(ath_sampler **sampler)
{
    if (!sampler || !*sampler) {
        return;
    }
    ath_sampler *s = *sampler;
    s->ops->fini(s);
    ath__strfree(s->ctx, &s->file);
    ath__free(s->ctx, sampler, 1, s->bytes);
}

void ath__sampler_event(ath_sampler *s, ath_status status, ath_uid uid)
{
    const uint64_t words[3] = {(uint64_t)(int64_t)status, uid.lo, uid.hi};
    uint8_t bytes[sizeof words];
    for (int i = 0; i < 24; i++) {
        bytes[i] = (uint8_t)(words[i / 8] >> 8 * (i % 8));
    }
    ath__hash_update(&s->events, bytes, sizeof bytes);
    s->n_events++;
}

ath_status ath__sampler_place(ath_sampler *s, const char *file, int64_t frame)
{
    char *copy = NULL;
    if (!file || !s->file || strcmp(file, s->file) != 0) {
        if (file) {
            ATH__TRY(ath__strdup(s->ctx, file, &copy));
        }
        ath__strfree(s->ctx, &s->file);
        s->file = copy;
    }
    s->frame = frame;
    return ATH_OK;
}

void ath__sampler_defer(ath_sampler *s, ath_status status, bool refused)
{
    s->deferred = status;
    s->deferred_refusal = refused;
    memcpy(s->deferred_text, s->ctx->message, sizeof s->deferred_text);
}

/* ---- requests ---- */

/* Reads on until the sampler can choose. ATH_END: nothing left. */
static ath_status sampler_ready(ath_sampler *s)
{
    while (!s->ended && s->ops->wants(s)) {
        const ath_status status = s->ops->read(s);
        s->ended = status == ATH_END;
        if (status < 0) {
            return status;
        }
    }
    return s->ended && s->ops->n_queued(s) == 0 ? ATH_END : ATH_OK;
}

/* The same for those who have no way to report a failure: the next request does. */
static bool sampler_peek(ath_sampler *s)
{
    if (s->deferred || s->broken) {
        return true;
    }
    const int64_t n_refused = s->counts.n_refused;
    const ath_status status = sampler_ready(s);
    if (status < 0 && status != ATH_E_NO_MEMORY) {
        ath__sampler_defer(s, status, s->counts.n_refused > n_refused);
    }
    return status != ATH_END;
}

bool ath__sampler_refused(const ath_sampler *sampler)
{
    return sampler->refused;
}

ath_status ath__sampler_edge_field(ath_context *ctx, ath_field_id *out)
{
    const ath_field_info info = {.name = "n_edges",
                                 .level = ATH_LEVEL_SYSTEM,
                                 .dtype = ATH_I64,
                                 .width = 1,
                                 .unit = "",
                                 .help = "edges when it was handed out"};
    return ath_field_register(ctx, &info, out);
}

/* Writes the number of edges into the system, for who keeps the account of a batch. */
static ath_status sampler_mark(ath_sampler *s, const ath__sampler_pick *pick)
{
    ath_field_id field = -1;
    void *row = NULL;
    ATH__TRY(ath__sampler_edge_field(s->ctx, &field));
    ATH__TRY(ath_system_field(pick->system, field, &row));
    memcpy(row, &pick->n_edges, sizeof pick->n_edges);
    return ATH_OK;
}

/* Chooses a system and gives it its label. It stays in the queue until sampler_commit. */
static ath_status sampler_choose(ath_sampler *s, const ath_sampler_room *room,
                                 ath__sampler_pick *pick)
{
    if (s->broken) {
        return ath__fail(s->ctx, ATH_E_STATE, "the position of this sampler could not be loaded");
    }
    if (s->deferred) {
        const ath_status status = s->deferred;
        s->refused = s->deferred_refusal;
        s->deferred = ATH_OK;
        return ath__fail(s->ctx, status, "%s", s->deferred_text);
    }
    const int64_t n_refused = s->counts.n_refused;
    ath_status status = sampler_ready(s);
    s->refused = s->counts.n_refused > n_refused;
    if (status == ATH_OK) {
        status = room->n_systems == 0 ? ATH_AGAIN : s->ops->choose(s, room, pick);
    }
    if (status != ATH_OK) {
        s->counts.n_deferred += status == ATH_AGAIN;
        return status;
    }
    void *label = NULL;
    ATH__TRY(ath_system_field(pick->system, ATH_FIELD_SYSTEM_ID, &label));
    if (s->max_edges > 0) {
        ATH__TRY(sampler_mark(s, pick));
    }
    ATH__TRY(ath__sampler_place(s, pick->file, pick->frame));
    memcpy(label, &s->counts.n_systems, sizeof s->counts.n_systems);
    return ATH_OK;
}

static void sampler_commit(ath_sampler *s, const ath__sampler_pick *pick)
{
    s->counts.n_systems++;
    s->counts.n_atoms += ath_system_n_atoms(pick->system);
    s->counts.n_repeated += pick->repeated;
    s->ops->take(s);
}

/* Less room by one system. */
static void sampler_use(ath_sampler_room *room, const ath__sampler_pick *pick)
{
    const int64_t n_atoms = ath_system_n_atoms(pick->system);
    room->n_systems -= room->n_systems > 0;
    room->n_atoms -= room->n_atoms >= 0 ? n_atoms : 0;
    room->n_edges -= room->n_edges >= 0 ? pick->n_edges : 0;
}

ath_status ath_sampler_request(ath_sampler *sampler, const ath_sampler_room *room, ath_system **out)
{
    ath__sampler_pick pick;
    if (!sampler || !room || !out) {
        return ath__fail(sampler ? sampler->ctx : NULL, ATH_E_ARGUMENT,
                         "ath_sampler_request: NULL argument");
    }
    *out = NULL;
    const ath_status status = sampler_choose(sampler, room, &pick);
    if (status == ATH_OK) {
        sampler_commit(sampler, &pick);
        *out = pick.system;
    }
    return status;
}

ath_status ath_sampler_next(ath_sampler *sampler, int64_t max_atoms, ath_system **out)
{
    if (!sampler || !out) {
        return ath__fail(sampler ? sampler->ctx : NULL, ATH_E_ARGUMENT,
                         "ath_sampler_next: NULL argument");
    }
    const ath_sampler_room room = {.n_systems = -1, .n_atoms = max_atoms, .n_edges = -1};
    return ath_sampler_request(sampler, &room, out);
}

ath_status ath_sampler_request_all(ath_sampler *sampler, const ath_sampler_room *room,
                                   ath_system **out, int32_t max, int32_t *n)
{
    if (!sampler || !room || !n || max < 0 || (!out && max > 0)) {
        return ath__fail(sampler ? sampler->ctx : NULL, ATH_E_ARGUMENT,
                         "ath_sampler_request_all: bad argument");
    }
    ath_sampler_room left = *room;
    ath_status status = ATH_OK;
    left.initial = false;
    *n = 0;
    while (*n < max) {
        ath__sampler_pick pick;
        status = sampler_choose(sampler, &left, &pick);
        if (status != ATH_OK) {
            break;
        }
        sampler_use(&left, &pick);
        sampler_commit(sampler, &pick);
        out[(*n)++] = pick.system;
    }
    return status > 0 && *n > 0 ? ATH_OK : status;
}

/* ---- a batch ---- */

/* Adds what fits to an empty batch. ATH_OK once nothing more does. */
static ath_status sampler_fill(ath_sampler *s, ath_batch *batch)
{
    ath_sampler_room room = {.n_systems = s->max_systems ? s->max_systems : -1,
                             .n_atoms = s->max_atoms ? s->max_atoms : -1,
                             .n_edges = s->max_edges ? s->max_edges : -1,
                             .initial = true};
    for (;;) {
        const int64_t n_refused = s->counts.n_refused;
        const bool refusal = s->deferred && s->deferred_refusal;
        ath__sampler_pick pick;
        ath_status status = sampler_choose(s, &room, &pick);
        if (status < 0 && (refusal || s->counts.n_refused > n_refused)) {
            continue;
        }
        if (status != ATH_OK) {
            return status > 0 ? ATH_OK : status;
        }
        void *code = NULL;
        ATH__TRY(ath_system_field(pick.system, ATH_FIELD_STATUS, &code));
        memset(code, 0, sizeof(int32_t));
        ATH__TRY(ath_batch_add(batch, pick.system));
        sampler_use(&room, &pick);
        sampler_commit(s, &pick);
        ath_system_destroy(&pick.system);
    }
}

ath_status ath_sampler_initial_batch(ath_sampler *sampler, ath_device *device, ath_batch **out)
{
    if (!sampler || !device || !out) {
        return ath__fail(sampler ? sampler->ctx : NULL, ATH_E_ARGUMENT,
                         "ath_sampler_initial_batch: NULL argument");
    }
    const ath_batch_config config = {.size = sizeof config, .device = device};
    *out = NULL;
    ATH__TRY(ath_batch_create(sampler->ctx, &config, out));
    ath_status status = sampler_fill(sampler, *out);
    if (ath_batch_n_systems(*out) == 0) {
        ath_batch_destroy(out);
        if (status == ATH_OK) {
            status =
                ath__fail(sampler->ctx, ATH_E_STATE, "no batch can be filled: %s in the sampler",
                          sampler->ops->n_queued(sampler) ? "nothing fits" : "nothing left");
        }
    }
    return status;
}

/* ---- what it says about itself ---- */

const char *ath_sampler_where(const ath_sampler *sampler, int64_t *frame)
{
    if (frame) {
        *frame = sampler ? sampler->frame : -1;
    }
    return sampler ? sampler->file : NULL;
}

int64_t ath_sampler_max_atoms(const ath_sampler *sampler)
{
    return sampler ? sampler->max_atoms : 0;
}

int64_t ath_sampler_max_edges(const ath_sampler *sampler)
{
    return sampler ? sampler->max_edges : 0;
}

int32_t ath_sampler_max_systems(const ath_sampler *sampler)
{
    return sampler ? sampler->max_systems : 0;
}

int64_t ath_sampler_length(ath_sampler *sampler)
{
    int64_t n_read = 0, n_left = 0;
    if (sampler) {
        (void)sampler_peek(sampler);
        sampler->ops->extent(sampler, &n_read, &n_left);
    }
    return n_left;
}

bool ath_sampler_exhausted(ath_sampler *sampler)
{
    return !sampler || (sampler->ops->n_queued(sampler) == 0 && !sampler_peek(sampler));
}

ath_status ath_sampler_count(const ath_sampler *sampler, ath_sampler_counts *counts)
{
    int64_t n_left = 0;
    if (!sampler || !counts) {
        return ATH_E_ARGUMENT;
    }
    if (counts->size != sizeof *counts) {
        return ath__fail(sampler->ctx, ATH_E_ABI, "ath_sampler_counts of another version");
    }
    *counts = sampler->counts;
    sampler->ops->extent(sampler, &counts->n_queued, &n_left);
    return ATH_OK;
}
