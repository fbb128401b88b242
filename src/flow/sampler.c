/* Samplers: systems from an array or from files, in order, with their identities.
 *
 * A sampler is a source (two functions) and, common to all sources, the look-ahead of one system,
 * the counters and the table of identities. The table is open addressing with linear probing over
 * entries of 24 bytes: 128 bits of hash and a count. Its keys are contents and ids, both SipHash,
 * so the low bits serve as the slot. It grows by doubling at 4/5.
 */
#include <athanor/sampler.h>

#include <string.h>

#include <athanor/extxyz.h>

#include "base/base.h"

enum { SAMPLER_FIRST_SLOTS = 64 };

typedef struct sampler_entry {
    ath_uid key; /* zero: free; that a hash is zero does not happen */
    uint64_t count;
} sampler_entry;

/* start:stop:step of one path, as given; bounds may be negative until `resolved`. */
typedef struct sampler_slice {
    char *path;
    bool single; /* path@N */
    bool has_start, has_stop;
    int64_t start, stop, step; /* frames start, start + step, ... below stop */
} sampler_slice;

struct ath_sampler {
    ath_context *ctx;
    ath_status (*fetch)(ath_sampler *sampler, ath_system **out);

    ath_system *const *systems; /* [n], borrowed */
    sampler_slice *slices;      /* [n] */
    int64_t n, at;              /* systems or slices; the present one */
    ath_extxyz_reader *reader;  /* of the present slice, NULL: not open */
    int64_t next_frame;         /* the next frame wanted of it */

    ath_system *fetched; /* without a uid as yet, NULL: none */
    ath_system *ahead;   /* the next one, NULL: none */
    char *file;          /* where the last one came from */
    int64_t frame;
    sampler_entry *entries; /* [n_slots] */
    size_t n_slots, n_entries;
    ath_sampler_counts counts;
};

/* ---- identities ---- */

static size_t sampler_slot(const sampler_entry *entries, size_t n_slots, ath_uid key)
{
    size_t slot = (size_t)key.lo & (n_slots - 1);
    while ((entries[slot].key.lo || entries[slot].key.hi) &&
           (entries[slot].key.lo != key.lo || entries[slot].key.hi != key.hi)) {
        slot = (slot + 1) & (n_slots - 1);
    }
    return slot;
}

static ath_status sampler_grow(ath_sampler *s)
{
    const size_t n_slots = s->n_slots ? 2 * s->n_slots : SAMPLER_FIRST_SLOTS;
    sampler_entry *entries;
    ATH__TRY(ath__alloc(s->ctx, n_slots, sizeof *entries, &entries));
    for (size_t i = 0; i < s->n_slots; i++) {
        if (s->entries[i].count) {
            entries[sampler_slot(entries, n_slots, s->entries[i].key)] = s->entries[i];
        }
    }
    ath__free(s->ctx, &s->entries, s->n_slots, sizeof *entries);
    s->entries = entries;
    s->n_slots = n_slots;
    return ATH_OK;
}

/* Counts one more of `key`; how often it came before to *before. */
static ath_status sampler_enter(ath_sampler *s, ath_uid key, uint64_t *before)
{
    if (5 * (s->n_entries + 1) > 4 * s->n_slots) {
        ATH__TRY(sampler_grow(s));
    }
    sampler_entry *entry = &s->entries[sampler_slot(s->entries, s->n_slots, key)];
    s->n_entries += entry->count == 0;
    entry->key = key;
    *before = entry->count++;
    return ATH_OK;
}

/* The text of the extra `id`, NULL if there is none. */
static const char *sampler_id(const ath_system *system)
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
static ath_status sampler_refuse_twice(const ath_sampler *s, ath_uid uid, const char *id)
{
    char shown[64] = "", text[33];
    for (size_t i = 0; id && id[i] && i < sizeof shown - 1; i++) {
        const unsigned char c = (unsigned char)id[i];
        shown[i] = c < 0x20 || c == 0x7f ? '?' : id[i];
    }
    ath_uid_format(uid, text);
    return ath__fail(s->ctx, ATH_E_FORMAT, "%s, frame %lld: id '%s' (uid %s) came before",
                     s->file ? s->file : "array", (long long)s->frame, shown, text);
}

static ath_status sampler_identify(ath_sampler *s, ath_system *system)
{
    const char *id = sampler_id(system);
    const ath_uid given = ath_system_uid(system);
    uint64_t before;
    if (given.lo || given.hi || id) {
        const ath_uid uid = given.lo || given.hi ? given : ath_uid_of_text(id);
        ATH__TRY(sampler_enter(s, uid, &before));
        ath_system_set_uid(system, uid);
        return before > 0 ? sampler_refuse_twice(s, uid, id) : ATH_OK;
    }
    ath_uid content;
    ATH__TRY(ath_system_content_hash(system, &content));
    ATH__TRY(sampler_enter(s, content, &before));
    ath_system_set_uid(system, ath_uid_of(content, before));
    s->counts.n_repeated += before > 0;
    return ATH_OK;
}

/* ---- an array ---- */

static ath_status sampler_place(ath_sampler *s, const char *file, int64_t frame)
{
    char *copy = NULL;
    if (file && s->file && strcmp(file, s->file) == 0) {
        s->frame = frame;
        return ATH_OK;
    }
    if (file) {
        ATH__TRY(ath__strdup(s->ctx, file, &copy));
    }
    ath__strfree(s->ctx, &s->file);
    s->file = copy;
    s->frame = frame;
    return ATH_OK;
}

static ath_status sampler_fetch_system(ath_sampler *s, ath_system **out)
{
    if (s->at == s->n) {
        return ATH_END;
    }
    int64_t frame = -1;
    const char *file = ath_system_source(s->systems[s->at], &frame);
    ATH__TRY(sampler_place(s, file, file ? frame : s->at));
    ATH__TRY(ath_system_clone(s->systems[s->at], out));
    s->at++;
    return ATH_OK;
}

/* ---- files ---- */

/* A whole number with a sign, or nothing; *p is behind it. */
static bool sampler_bound(const char **p, bool *given, int64_t *out)
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

static ath_status sampler_parse_slice(ath_context *ctx, const char *text, sampler_slice *slice)
{
    const char *at = strrchr(text, '@');
    size_t length = strlen(text);
    slice->step = 1;
    if (at && at > text && at[1] != '\0' && at[1 + strspn(at + 1, "+-0123456789:")] == '\0') {
        const char *p = at + 1;
        bool has_step = false;
        bool good = sampler_bound(&p, &slice->has_start, &slice->start);
        slice->single = good && *p == '\0';
        if (good && *p == ':') {
            p++;
            good = sampler_bound(&p, &slice->has_stop, &slice->stop);
        }
        if (good && *p == ':') {
            p++;
            good = sampler_bound(&p, &has_step, &slice->step);
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
static ath_status sampler_count_frames(ath_sampler *s, const char *path, int64_t *out)
{
    ath_extxyz_reader *reader;
    ATH__TRY(ath_extxyz_open(s->ctx, path, &reader));
    ath_status status;
    do {
        status = ath_extxyz_skip(reader);
    } while (status == ATH_OK || status == ATH_E_FORMAT);
    *out = ath_extxyz_frame(reader) + 1;
    ath_extxyz_close(&reader);
    return status == ATH_END ? ATH_OK : status;
}

/* Opens the file of a slice; bounds become frames from 0. */
static ath_status sampler_open(ath_sampler *s, sampler_slice *slice)
{
    if (slice->start < 0 || slice->stop < 0) {
        int64_t n = 0;
        ATH__TRY(sampler_count_frames(s, slice->path, &n));
        if (slice->single && slice->start < -n) {
            return ath__fail(s->ctx, ATH_E_RANGE, "'%s' has %lld frames: there is no frame %lld",
                             slice->path, (long long)n, (long long)slice->start);
        }
        slice->start = slice->start >= 0 ? slice->start : slice->start < -n ? 0 : slice->start + n;
        slice->stop = slice->stop >= 0 ? slice->stop : slice->stop < -n ? 0 : slice->stop + n;
    }
    ATH__TRY(ath_extxyz_open(s->ctx, slice->path, &s->reader));
    s->next_frame = slice->start;
    return ATH_OK;
}

/* The next frame of the present slice; ATH_END behind its last. */
static ath_status sampler_fetch_frame(ath_sampler *s, const sampler_slice *slice, ath_system **out)
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
        ATH__TRY(sampler_place(s, slice->path, s->next_frame));
        status = ath_extxyz_next(s->reader, out);
    }
    if (status == ATH_OK || status == ATH_E_FORMAT) {
        if (__builtin_add_overflow(s->next_frame, slice->step, &s->next_frame)) {
            s->next_frame = INT64_MAX;
        }
    }
    if (status == ATH_END && slice->single) {
        return ath__fail(s->ctx, ATH_E_RANGE, "'%s' has %lld frames: there is no frame %lld",
                         slice->path, (long long)ath_extxyz_frame(s->reader) + 1,
                         (long long)slice->start);
    }
    return status;
}

static ath_status sampler_fetch_file(ath_sampler *s, ath_system **out)
{
    while (s->at < s->n) {
        sampler_slice *slice = &s->slices[s->at];
        ath_status status = s->reader ? ATH_OK : sampler_open(s, slice);
        if (status == ATH_OK) {
            status = sampler_fetch_frame(s, slice, out);
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

/* ---- the interface ---- */

static ath_status sampler_create(ath_context *ctx, int64_t n, ath_sampler **out)
{
    ATH__TRY(ath__alloc(ctx, 1, sizeof **out, out));
    (*out)->ctx = ctx;
    (*out)->n = n;
    (*out)->frame = -1;
    (*out)->counts.size = sizeof(ath_sampler_counts);
    return ATH_OK;
}

ath_status ath_sampler_from_systems(ath_context *ctx, ath_system *const *systems, int64_t n,
                                    ath_sampler **out)
{
    if (!ctx || !out || n < 0 || (!systems && n > 0)) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "ath_sampler_from_systems: bad argument");
    }
    *out = NULL;
    for (int64_t i = 0; i < n; i++) {
        if (!systems[i]) {
            return ath__fail(ctx, ATH_E_ARGUMENT, "system %lld is NULL", (long long)i);
        }
    }
    ATH__TRY(sampler_create(ctx, n, out));
    (*out)->systems = systems;
    (*out)->fetch = sampler_fetch_system;
    return ATH_OK;
}

ath_status ath_sampler_from_files(ath_context *ctx, const char *const *paths, int64_t n_paths,
                                  ath_sampler **out)
{
    if (!ctx || !out || n_paths < 0 || (!paths && n_paths > 0)) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "ath_sampler_from_files: bad argument");
    }
    *out = NULL;
    ATH__TRY(sampler_create(ctx, n_paths, out));
    (*out)->fetch = sampler_fetch_file;
    ath_status status = ath__alloc(ctx, (size_t)n_paths, sizeof *(*out)->slices, &(*out)->slices);
    for (int64_t i = 0; i < n_paths && status == ATH_OK; i++) {
        status = paths[i] ? sampler_parse_slice(ctx, paths[i], &(*out)->slices[i])
                          : ath__fail(ctx, ATH_E_ARGUMENT, "path %lld is NULL", (long long)i);
    }
    if (status != ATH_OK) {
        ath_sampler_destroy(out);
    }
    return status;
}

void ath_sampler_destroy(ath_sampler **sampler)
{
    if (!sampler || !*sampler) {
        return;
    }
    ath_sampler *s = *sampler;
    ath_context *ctx = s->ctx;
    for (int64_t i = 0; s->slices && i < s->n; i++) {
        ath__strfree(ctx, &s->slices[i].path);
    }
    ath__free(ctx, &s->slices, (size_t)s->n, sizeof *s->slices);
    ath_extxyz_close(&s->reader);
    ath_system_destroy(&s->fetched);
    ath_system_destroy(&s->ahead);
    ath__strfree(ctx, &s->file);
    ath__free(ctx, &s->entries, s->n_slots, sizeof *s->entries);
    ath__free(ctx, sampler, 1, sizeof *s);
}

/* Fills the look-ahead. What was fetched when memory ran out is named by the next call. */
static ath_status sampler_look_ahead(ath_sampler *s)
{
    ath_status status = s->fetched ? ATH_OK : s->fetch(s, &s->fetched);
    if (status == ATH_OK) {
        status = sampler_identify(s, s->fetched);
    }
    s->counts.n_refused += status == ATH_E_FORMAT;
    if (status == ATH_OK) {
        s->ahead = s->fetched;
        s->fetched = NULL;
    } else if (status != ATH_E_NO_MEMORY) {
        ath_system_destroy(&s->fetched);
    }
    return status;
}

ath_status ath_sampler_next(ath_sampler *sampler, int64_t max_atoms, ath_system **out)
{
    if (!sampler || !out) {
        return ath__fail(sampler ? sampler->ctx : NULL, ATH_E_ARGUMENT,
                         "ath_sampler_next: NULL argument");
    }
    *out = NULL;
    if (!sampler->ahead) {
        const ath_status status = sampler_look_ahead(sampler);
        if (status != ATH_OK) {
            return status;
        }
    }
    const int32_t n_atoms = ath_system_n_atoms(sampler->ahead);
    if (max_atoms >= 0 && n_atoms > max_atoms) {
        sampler->counts.n_deferred++;
        return ATH_AGAIN;
    }
    void *label = NULL; /* a failure leaves the system where it is */
    ATH__TRY(ath_system_field(sampler->ahead, ATH_FIELD_SYSTEM_ID, &label));
    memcpy(label, &sampler->counts.n_systems, sizeof sampler->counts.n_systems);
    void *id;
    ATH__TRY(ath_system_field(sampler->ahead, ATH_FIELD_SYSTEM_ID, &id));
    *(int64_t *)id = sampler->counts.n_systems++;
    sampler->counts.n_atoms += n_atoms;
    *out = sampler->ahead;
    sampler->ahead = NULL;
    return ATH_OK;
}

const char *ath_sampler_where(const ath_sampler *sampler, int64_t *frame)
{
    if (frame) {
        *frame = sampler ? sampler->frame : -1;
    }
    return sampler ? sampler->file : NULL;
}

ath_status ath_sampler_count(const ath_sampler *sampler, ath_sampler_counts *counts)
{
    if (!sampler || !counts) {
        return ATH_E_ARGUMENT;
    }
    if (counts->size != sizeof *counts) {
        return ath__fail(sampler->ctx, ATH_E_ABI, "ath_sampler_counts of another version");
    }
    *counts = sampler->counts;
    return ATH_OK;
}
