/* Samplers that hand out in the order of their input: an array, files, a function of the user.
 *
 * Such a sampler is a source (`fetch`) and a queue of one system. Identities are given here: the
 * table is open addressing with linear probing over entries of 24 bytes, 128 bits of hash and a
 * count. Its keys are contents and ids, both SipHash, so the low bits serve as the slot. It grows
 * by doubling at 4/5.
 */
#include <string.h>

#include <athanor/extxyz.h>

#include "data/bytes.h"
#include "data/system_private.h"
#include "flow/sampler_private.h"

enum { PLAIN_FIRST_SLOTS = 64 };

typedef struct plain_entry {
    ath_uid key; /* zero: free; that a hash is zero does not happen */
    uint64_t count;
} plain_entry;

/* start:stop:step of one path, as given; bounds may be negative until `resolved`. */
typedef struct plain_slice {
    char *path;
    bool single; /* path@N */
    bool has_start, has_stop;
    int64_t start, stop, step; /* frames start, start + step, ... below stop */
} plain_slice;

typedef struct plain_sampler {
    ath_sampler base;
    ath_status (*fetch)(struct plain_sampler *sampler, ath_system **out);

    ath_system *const *systems; /* [n], borrowed */
    plain_slice *slices;        /* [n] */
    int64_t n, at;              /* systems or slices; the present one. A function: calls so far */
    ath_extxyz_reader *reader;  /* of the present slice, NULL: not open */
    int64_t next_frame;         /* the next frame wanted of it */
    ath_status (*next)(void *user, ath_system **out);
    void *user;
    bool gave_up;      /* the function has failed */
    ath_system *given; /* by the function, not yet looked at */

    ath_system *fetched; /* without a uid as yet, NULL: none */
    ath_system *ahead;   /* the next one, NULL: none */
    bool ahead_repeated;
    plain_entry *entries; /* [n_slots] */
    size_t n_slots, n_entries;
} plain_sampler;

/* ---- identities ---- */

static size_t plain_slot(const plain_entry *entries, size_t n_slots, ath_uid key)
{
    size_t slot = (size_t)key.lo & (n_slots - 1);
    while ((entries[slot].key.lo || entries[slot].key.hi) &&
           (entries[slot].key.lo != key.lo || entries[slot].key.hi != key.hi)) {
        slot = (slot + 1) & (n_slots - 1);
    }
    return slot;
}

static ath_status plain_grow(plain_sampler *s)
{
    const size_t n_slots = s->n_slots ? 2 * s->n_slots : PLAIN_FIRST_SLOTS;
    plain_entry *entries;
    ATH__TRY(ath__alloc(s->base.ctx, n_slots, sizeof *entries, &entries));
    for (size_t i = 0; i < s->n_slots; i++) {
        if (s->entries[i].count) {
            entries[plain_slot(entries, n_slots, s->entries[i].key)] = s->entries[i];
        }
    }
    ath__free(s->base.ctx, &s->entries, s->n_slots, sizeof *entries);
    s->entries = entries;
    s->n_slots = n_slots;
    return ATH_OK;
}

/* Counts one more of `key`; how often it came before to *before. */
static ath_status plain_enter(plain_sampler *s, ath_uid key, uint64_t *before)
{
    if (5 * (s->n_entries + 1) > 4 * s->n_slots) {
        ATH__TRY(plain_grow(s));
    }
    plain_entry *entry = &s->entries[plain_slot(s->entries, s->n_slots, key)];
    s->n_entries += entry->count == 0;
    entry->key = key;
    *before = entry->count++;
    return ATH_OK;
}

/* The text of the extra `id`, NULL if there is none. */
static const char *plain_id(const ath_system *system)
{
    ath_extra extra;
    for (int32_t i = 0; i < ath_system_n_extras(system); i++) {
        if (ath_system_extra(system, i, &extra) == ATH_OK && extra.level == ATH_LEVEL_SYSTEM &&
            extra.type == ATH_EXTRA_STRING && extra.width == 1 && strcmp(extra.name, "id") == 0) {
            const char *text = *(const char *const *)extra.values;
            return *text ? text : NULL;
        }
    }
    return NULL;
}

/* The uid came before; `id` is its text, or NULL for one that the system brought along. */
static ath_status plain_refuse_twice(const plain_sampler *s, ath_uid uid, const char *id)
{
    char shown[64] = "", text[33];
    for (size_t i = 0; id && id[i] && i < sizeof shown - 1; i++) {
        const unsigned char c = (unsigned char)id[i];
        shown[i] = c < 0x20 || c == 0x7f ? '?' : id[i];
    }
    ath_uid_format(uid, text);
    return ath__fail(s->base.ctx, ATH_E_FORMAT, "%s, frame %lld: id '%s' (uid %s) came before",
                     s->base.file ? s->base.file : "array", (long long)s->base.frame, shown, text);
}

static ath_status plain_identify(plain_sampler *s, ath_system *system)
{
    const char *id = plain_id(system);
    const ath_uid given = ath_system_uid(system);
    uint64_t before;
    s->ahead_repeated = false;
    if (given.lo || given.hi || id) {
        const ath_uid uid = given.lo || given.hi ? given : ath_uid_of_text(id);
        ATH__TRY(plain_enter(s, uid, &before));
        ath_system_set_uid(system, uid);
        return before > 0 ? plain_refuse_twice(s, uid, id) : ATH_OK;
    }
    ath_uid content;
    ATH__TRY(ath_system_content_hash(system, &content));
    ATH__TRY(plain_enter(s, content, &before));
    ath_system_set_uid(system, ath_uid_of(content, before));
    s->ahead_repeated = before > 0;
    return ATH_OK;
}

/* ---- an array ---- */

static ath_status plain_fetch_system(plain_sampler *s, ath_system **out)
{
    if (s->at == s->n) {
        return ATH_END;
    }
    int64_t frame = -1;
    const char *file = ath_system_source(s->systems[s->at], &frame);
    ATH__TRY(ath__sampler_place(&s->base, file, file ? frame : s->at));
    ATH__TRY(ath_system_clone(s->systems[s->at], out));
    s->at++;
    return ATH_OK;
}

/* ---- files ---- */

/* A whole number with a sign, or nothing; *p is behind it. */
static bool plain_bound(const char **p, bool *given, int64_t *out)
{
    size_t used = 0;
    *given = **p != ':' && **p != '\0';
    if (!*given) {
        return true;
    }
    const bool good = ath__parse_int(*p, strlen(*p), out, &used) == ATH_OK;
    *p += used;
    return good && (**p == ':' || **p == '\0');
}

static ath_status plain_parse_slice(ath_context *ctx, const char *text, plain_slice *slice)
{
    const char *at = strrchr(text, '@');
    size_t length = strlen(text);
    slice->step = 1;
    if (at && at > text && at[1] != '\0' && at[1 + strspn(at + 1, "+-0123456789:")] == '\0') {
        const char *p = at + 1;
        bool has_step = false;
        bool good = plain_bound(&p, &slice->has_start, &slice->start);
        slice->single = good && *p == '\0';
        if (good && *p == ':') {
            p++;
            good = plain_bound(&p, &slice->has_stop, &slice->stop);
        }
        if (good && *p == ':') {
            p++;
            good = plain_bound(&p, &has_step, &slice->step);
            slice->step = has_step ? slice->step : 1;
        }
        if (!good || *p != '\0' || slice->step < 1) {
            return ath__fail(ctx, ATH_E_ARGUMENT,
                             "'%s': a slice is N or START:STOP:STEP with STEP above 0", text);
        }
        length = (size_t)(at - text);
        if (length == 1 && *text == '-' && (slice->start < 0 || slice->stop < 0)) {
            return ath__fail(ctx, ATH_E_UNSUPPORTED,
                             "'%s': standard input cannot be counted from its end", text);
        }
    }
    ATH__TRY(ath__alloc(ctx, length + 1, 1, &slice->path));
    memcpy(slice->path, text, length);
    return ATH_OK;
}

/* Frames of a file, bad ones included. */
static ath_status plain_count_frames(plain_sampler *s, const char *path, int64_t *out)
{
    ath_extxyz_reader *reader;
    ATH__TRY(ath_extxyz_open(s->base.ctx, path, &reader));
    ath_status status;
    do {
        status = ath_extxyz_skip(reader);
    } while (status == ATH_OK || status == ATH_E_FORMAT);
    *out = ath_extxyz_frame(reader) + 1;
    ath_extxyz_close(&reader);
    return status == ATH_END ? ATH_OK : status;
}

/* Opens the file of a slice; bounds become frames from 0. */
static ath_status plain_open(plain_sampler *s, plain_slice *slice)
{
    if (slice->start < 0 || slice->stop < 0) {
        int64_t n = 0;
        ATH__TRY(plain_count_frames(s, slice->path, &n));
        if (slice->single && slice->start < -n) {
            return ath__fail(s->base.ctx, ATH_E_RANGE,
                             "'%s' has %lld frames: there is no frame %lld", slice->path,
                             (long long)n, (long long)slice->start);
        }
        slice->start = slice->start >= 0 ? slice->start : slice->start < -n ? 0 : slice->start + n;
        slice->stop = slice->stop >= 0 ? slice->stop : slice->stop < -n ? 0 : slice->stop + n;
    }
    ATH__TRY(ath_extxyz_open(s->base.ctx, slice->path, &s->reader));
    s->next_frame = slice->start;
    return ATH_OK;
}

/* The next frame of the present slice; ATH_END behind its last. */
static ath_status plain_fetch_frame(plain_sampler *s, const plain_slice *slice, ath_system **out)
{
    ath_status status = ATH_OK;
    if ((slice->has_stop && s->next_frame >= slice->stop) ||
        (slice->single && s->next_frame > slice->start)) {
        return ATH_END;
    }
    while (ath_extxyz_frame(s->reader) + 1 < s->next_frame) {
        status = ath_extxyz_skip(s->reader);
        if (status != ATH_OK && status != ATH_E_FORMAT) {
            break;
        }
    }
    if (status == ATH_OK || status == ATH_E_FORMAT) {
        ATH__TRY(ath__sampler_place(&s->base, slice->path, s->next_frame));
        status = ath_extxyz_next(s->reader, out);
    }
    if (status == ATH_OK || status == ATH_E_FORMAT) {
        if (__builtin_add_overflow(s->next_frame, slice->step, &s->next_frame)) {
            s->next_frame = INT64_MAX;
        }
    }
    if (status == ATH_END && slice->single) {
        return ath__fail(s->base.ctx, ATH_E_RANGE, "'%s' has %lld frames: there is no frame %lld",
                         slice->path, (long long)ath_extxyz_frame(s->reader) + 1,
                         (long long)slice->start);
    }
    return status;
}

static ath_status plain_fetch_file(plain_sampler *s, ath_system **out)
{
    while (s->at < s->n) {
        plain_slice *slice = &s->slices[s->at];
        ath_status status = s->reader ? ATH_OK : plain_open(s, slice);
        if (status == ATH_OK) {
            status = plain_fetch_frame(s, slice, out);
        }
        if (status == ATH_OK || status == ATH_E_FORMAT || status == ATH_E_NO_MEMORY) {
            return status;
        }
        ath_extxyz_close(&s->reader);
        s->at++;
        if (status != ATH_END) {
            return status;
        }
    }
    return ATH_END;
}
/* ---- a function of the user ---- */

/* One call. A failure other than a refusal is the last event. */
static ath_status plain_call(plain_sampler *s)
{
    ath_context *ctx = s->base.ctx;
    ath_system *system = NULL;
    ctx->message[0] = '\0'; /* an older message would be taken for that of the function */
    const ath_status status = s->next(s->user, &system);
    if (status == ATH_OK && system && system->ctx == ctx) {
        s->given = system;
        return ATH_OK;
    }
    if (status == ATH_E_NO_MEMORY || status == ATH_END) {
        return status;
    }
    s->gave_up = status != ATH_E_FORMAT;
    if (status < 0) {
        return ctx->message[0] ? status
                               : ath__fail(ctx, status, "the function that gives systems: %s",
                                           ath_status_text(status));
    }
    const char *what = status != ATH_OK ? "an unknown status"
                       : system         ? "a system of another context"
                                        : "no system";
    if (status == ATH_OK) {
        ath_system_destroy(&system);
    }
    return ath__fail(ctx, ATH_E_ARGUMENT, "the function that gives systems gave %s", what);
}

static ath_status plain_fetch_given(plain_sampler *s, ath_system **out)
{
    if (s->gave_up) {
        return ATH_END;
    }
    ath_status status = s->given ? ATH_OK : plain_call(s);
    if (status == ATH_OK) {
        int64_t frame = -1;
        const char *file = ath_system_source(s->given, &frame);
        ATH__TRY(ath__sampler_place(&s->base, file, file ? frame : s->at));
        *out = s->given;
        s->given = NULL;
    } else if (status < 0 && status != ATH_E_NO_MEMORY) {
        (void)ath__sampler_place(&s->base, NULL, s->at); /* allocates nothing */
    }
    s->at += status == ATH_OK || status == ATH_E_FORMAT;
    return status;
}

/* ---- as a sampler ---- */

static plain_sampler *plain_of(const ath_sampler *sampler)
{
    return (plain_sampler *)sampler; /* base comes first */
}

static bool plain_wants(const ath_sampler *sampler)
{
    return !plain_of(sampler)->ahead;
}

/* What was fetched when memory ran out is named by the next call. */
static ath_status plain_read(ath_sampler *sampler)
{
    plain_sampler *s = plain_of(sampler);
    ath_status status = s->fetched ? ATH_OK : s->fetch(s, &s->fetched);
    if (status == ATH_OK) {
        status = plain_identify(s, s->fetched);
    }
    if (status == ATH_OK) {
        ath__sampler_event(sampler, ATH_OK, ath_system_uid(s->fetched));
        s->ahead = s->fetched;
        s->fetched = NULL;
    } else if (status < 0 && status != ATH_E_NO_MEMORY) {
        ath__sampler_event(sampler, status, (ath_uid){0});
        sampler->counts.n_refused += status == ATH_E_FORMAT;
        ath_system_destroy(&s->fetched);
    }
    return status;
}

static ath_status plain_choose(ath_sampler *sampler, const ath_sampler_room *room,
                               ath__sampler_pick *out)
{
    plain_sampler *s = plain_of(sampler);
    if (room->n_atoms >= 0 && ath_system_n_atoms(s->ahead) > room->n_atoms) {
        return ATH_AGAIN;
    }
    *out = (ath__sampler_pick){.system = s->ahead,
                               .frame = sampler->frame,
                               .file = sampler->file,
                               .repeated = s->ahead_repeated};
    return ATH_OK;
}

static void plain_take(ath_sampler *sampler)
{
    plain_of(sampler)->ahead = NULL;
}

static int64_t plain_n_queued(const ath_sampler *sampler)
{
    return plain_of(sampler)->ahead != NULL;
}

static void plain_extent(const ath_sampler *sampler, int64_t *n_read, int64_t *n_left)
{
    const plain_sampler *s = plain_of(sampler);
    *n_read = (s->ahead != NULL) + (s->fetched != NULL) + (s->given != NULL);
    *n_left = *n_read + (s->systems ? s->n - s->at : 0);
}

static void plain_queue(const ath_sampler *sampler, uint8_t *to)
{
    if (plain_of(sampler)->ahead) {
        ath__le_put64(to, (uint64_t)sampler->n_events - 1); /* nothing is read behind it */
        ath__le_put64(to + 8, 0);
    }
}

static void plain_settle(ath_sampler *sampler, int64_t passes)
{
    if (passes < 0) {
        ath_system_destroy(&plain_of(sampler)->ahead);
    }
}

static void plain_fini(ath_sampler *sampler)
{
    plain_sampler *s = plain_of(sampler);
    ath_context *ctx = sampler->ctx;
    for (int64_t i = 0; s->slices && i < s->n; i++) {
        ath__strfree(ctx, &s->slices[i].path);
    }
    ath__free(ctx, &s->slices, (size_t)s->n, sizeof *s->slices);
    ath_extxyz_close(&s->reader);
    ath_system_destroy(&s->given);
    ath_system_destroy(&s->fetched);
    ath_system_destroy(&s->ahead);
    ath__free(ctx, &s->entries, s->n_slots, sizeof *s->entries);
}

static const ath__sampler_ops plain_ops = {.wants = plain_wants,
                                           .read = plain_read,
                                           .choose = plain_choose,
                                           .take = plain_take,
                                           .n_queued = plain_n_queued,
                                           .extent = plain_extent,
                                           .fini = plain_fini,
                                           .queue = plain_queue,
                                           .settle = plain_settle};

/* ---- the interface ---- */

static ath_status plain_create(ath_context *ctx, int64_t n, plain_sampler **out)
{
    ATH__TRY(ath__sampler_create(ctx, &plain_ops, sizeof **out, out));
    (*out)->n = n;
    return ATH_OK;
}

ath_status ath_sampler_from_systems(ath_context *ctx, ath_system *const *systems, int64_t n,
                                    ath_sampler **out)
{
    plain_sampler *s = NULL;
    if (!ctx || !out || n < 0 || (!systems && n > 0)) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "ath_sampler_from_systems: bad argument");
    }
    *out = NULL;
    for (int64_t i = 0; i < n; i++) {
        if (!systems[i]) {
            return ath__fail(ctx, ATH_E_ARGUMENT, "system %lld is NULL", (long long)i);
        }
    }
    ATH__TRY(plain_create(ctx, n, &s));
    s->systems = systems;
    s->fetch = plain_fetch_system;
    *out = &s->base;
    return ATH_OK;
}

ath_status ath_sampler_from_files(ath_context *ctx, const char *const *paths, int64_t n_paths,
                                  ath_sampler **out)
{
    plain_sampler *s = NULL;
    if (!ctx || !out || n_paths < 0 || (!paths && n_paths > 0)) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "ath_sampler_from_files: bad argument");
    }
    *out = NULL;
    ATH__TRY(plain_create(ctx, n_paths, &s));
    s->fetch = plain_fetch_file;
    ath_status status = ath__alloc(ctx, (size_t)n_paths, sizeof *s->slices, &s->slices);
    for (int64_t i = 0; i < n_paths && status == ATH_OK; i++) {
        status = paths[i] ? plain_parse_slice(ctx, paths[i], &s->slices[i])
                          : ath__fail(ctx, ATH_E_ARGUMENT, "path %lld is NULL", (long long)i);
    }
    *out = &s->base;
    if (status != ATH_OK) {
        ath_sampler_destroy(out);
    }
    return status;
}

ath_status ath_sampler_from_callback(ath_context *ctx,
                                     ath_status (*next)(void *user, ath_system **out), void *user,
                                     ath_sampler **out)
{
    plain_sampler *s = NULL;
    if (!ctx || !next || !out) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "ath_sampler_from_callback: NULL argument");
    }
    *out = NULL;
    ATH__TRY(plain_create(ctx, 0, &s));
    s->fetch = plain_fetch_given;
    s->next = next;
    s->user = user;
    *out = &s->base;
    return ATH_OK;
}
