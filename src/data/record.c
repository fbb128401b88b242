/* Records: the body of one system in a packet, written and read. docs/formats.md gives the layout.
 *
 * Fields go by name, with level, dtype, width, unit and default, so that a reader that has never
 * heard of one can register it and hand it on. The reader takes everything through a cursor that
 * knows how many bytes are left; a count is believed only if the bytes for it are there.
 */
#include <string.h>

#include "data/bytes.h"
#include "data/container.h"
#include "data/system_private.h"

enum {
    RECORD_TEXT = 256,
    /* widest row of a field, most state of an atom, where a system has no atoms to show that the
     * number is meant: a batch that it is put into makes room for as much */
    RECORD_BARE_WIDTH = 4096
};
#define RECORD_NO_TEXT UINT32_MAX

/* ---- writing ---- */

static ath_status record_put32(ath_context *ctx, ath__bytes *out, uint32_t value)
{
    uint8_t bytes[4];
    ath__le_put32(bytes, value);
    return ath__bytes_append(ctx, out, bytes, sizeof bytes);
}

static ath_status record_put64(ath_context *ctx, ath__bytes *out, uint64_t value)
{
    uint8_t bytes[8];
    ath__le_put64(bytes, value);
    return ath__bytes_append(ctx, out, bytes, sizeof bytes);
}

static ath_status record_put_text(ath_context *ctx, ath__bytes *out, const char *text)
{
    if (text == NULL) {
        return record_put32(ctx, out, RECORD_NO_TEXT);
    }
    const size_t n = strlen(text);
    if (n >= RECORD_NO_TEXT) {
        return ath__fail(ctx, ATH_E_RANGE, "a text of %zu bytes is too long for a packet", n);
    }
    ATH__TRY(record_put32(ctx, out, (uint32_t)n));
    return ath__bytes_append(ctx, out, text, n);
}

/* n values of `size` bytes each, from memory order. */
static ath_status record_put_values(ath_context *ctx, ath__bytes *out, const void *values, size_t n,
                                    size_t size)
{
    ATH__TRY(ath__bytes_reserve(ctx, out, n * size));
    if (n > 0) {
        ath__le_copy(out->data + out->size, values, n, size);
        out->size += n * size;
    }
    return ATH_OK;
}

static ath_status record_put_field(const ath_system *system, ath_field_id id, ath__bytes *out)
{
    ath_context *ctx = system->ctx;
    const ath_field_info *info = ath_field_describe(ctx, id);
    const char *unit = info->unit ? info->unit : "";
    const size_t n = ath__system_values(system, info);
    const size_t size = (size_t)ath_dtype_bytes(info->dtype);
    uint64_t fallback;
    if (strlen(unit) >= RECORD_TEXT) {
        return ath__fail(ctx, ATH_E_RANGE, "field '%s': its unit is too long for a packet",
                         info->name);
    }
    memcpy(&fallback, &info->fallback, sizeof fallback);
    ATH__TRY(record_put_text(ctx, out, info->name));
    ATH__TRY(record_put_text(ctx, out, unit));
    ATH__TRY(record_put32(ctx, out, (uint32_t)info->level));
    ATH__TRY(record_put32(ctx, out, (uint32_t)info->dtype));
    ATH__TRY(record_put32(ctx, out, (uint32_t)info->width));
    ATH__TRY(record_put64(ctx, out, fallback));
    ATH__TRY(record_put64(ctx, out, n * size));
    return record_put_values(ctx, out, system->fields[id], n, size);
}

static ath_status record_put_extra(ath_context *ctx, const ath__extra_item *item, ath__bytes *out)
{
    ATH__TRY(record_put_text(ctx, out, item->name));
    ATH__TRY(record_put32(ctx, out, (uint32_t)item->level));
    ATH__TRY(record_put32(ctx, out, (uint32_t)item->type));
    ATH__TRY(record_put32(ctx, out, (uint32_t)item->width));
    ATH__TRY(record_put32(ctx, out, (uint32_t)item->n_rows));
    if (item->type == ATH_EXTRA_STRING) {
        const char *const *texts = item->values;
        for (size_t i = 0; i < item->n_values; i++) {
            ATH__TRY(record_put_text(ctx, out, texts[i]));
        }
        return ATH_OK;
    }
    return record_put_values(ctx, out, item->values, item->n_values,
                             item->type == ATH_EXTRA_BOOL ? 1 : 8);
}

static ath_status record_put_fixed(const ath_system *system, ath__bytes *out)
{
    ath_context *ctx = system->ctx;
    const ath__life *life = &system->life;
    uint32_t n_fields = 0;
    for (ath_field_id id = 0; id < ATH_MAX_FIELDS; id++) {
        n_fields += system->fields[id] != NULL;
    }
    ATH__TRY(record_put64(ctx, out, system->uid.lo));
    ATH__TRY(record_put64(ctx, out, system->uid.hi));
    ATH__TRY(record_put32(ctx, out, (uint32_t)system->n_atoms));
    ATH__TRY(record_put32(ctx, out, n_fields));
    ATH__TRY(record_put32(ctx, out, (uint32_t)system->bag.n_extras));
    ATH__TRY(record_put32(ctx, out, life->present));
    ATH__TRY(record_put32(ctx, out, (uint32_t)life->flags));
    ATH__TRY(record_put32(ctx, out, (uint32_t)life->n_system_state));
    ATH__TRY(record_put32(ctx, out, (uint32_t)life->n_atom_state));
    ATH__TRY(record_put32(ctx, out, 0));
    ATH__TRY(record_put64(ctx, out, (uint64_t)life->target));
    return record_put64(ctx, out, (uint64_t)system->bag.frame);
}

ath_status ath__packet_encode(const ath_system *system, ath__bytes *out)
{
    ath_context *ctx = system->ctx;
    const ath__life *life = &system->life;
    const size_t n_atoms = (size_t)system->n_atoms;
    ATH__TRY(record_put_fixed(system, out));
    ATH__TRY(record_put_text(ctx, out, system->bag.source));
    for (ath_field_id id = 0; id < ATH_MAX_FIELDS; id++) {
        if (system->fields[id]) {
            ATH__TRY(record_put_field(system, id, out));
        }
    }
    ATH__TRY(record_put_values(ctx, out, life->system_state, (size_t)life->n_system_state, 8));
    ATH__TRY(
        record_put_values(ctx, out, life->atom_state, (size_t)life->n_atom_state * n_atoms, 8));
    for (int32_t i = 0; i < system->bag.n_extras; i++) {
        ATH__TRY(record_put_extra(ctx, &system->bag.extras[i], out));
    }
    return ATH_OK;
}

/* ---- reading ---- */

typedef struct record_cursor {
    ath_context *ctx;
    const uint8_t *at;
    size_t left;
    bool bad; /* something was not there or made no sense; what was read since is zero */
} record_cursor;

static const uint8_t *record_take(record_cursor *c, size_t n)
{
    if (c->bad || n > c->left) {
        c->bad = true;
        return NULL;
    }
    const uint8_t *at = c->at;
    c->at += n;
    c->left -= n;
    return at;
}

static uint32_t record_get32(record_cursor *c)
{
    const uint8_t *at = record_take(c, 4);
    return at ? ath__le_get32(at) : 0;
}

static uint64_t record_get64(record_cursor *c)
{
    const uint8_t *at = record_take(c, 8);
    return at ? ath__le_get64(at) : 0;
}

/* A text inside the record, not terminated; NULL if there is none. No byte of it is zero. */
static const char *record_get_text(record_cursor *c, size_t *n)
{
    *n = record_get32(c);
    if (c->bad || *n == RECORD_NO_TEXT) {
        *n = 0;
        return NULL;
    }
    const char *text = (const char *)record_take(c, *n);
    if (text && *n > 0 && memchr(text, '\0', *n)) {
        c->bad = true;
        return NULL;
    }
    return text;
}

/* A text that must be there and short. */
static void record_get_short(record_cursor *c, char out[RECORD_TEXT])
{
    size_t n;
    const char *text = record_get_text(c, &n);
    if (text == NULL || n >= RECORD_TEXT) {
        c->bad = true;
        n = 0;
    }
    if (n > 0) {
        memcpy(out, text, n);
    }
    out[n] = '\0';
}

static ath_status record_bad(ath_context *ctx, const char *what)
{
    return ath__fail(ctx, ATH_E_FORMAT, "the record of a system makes no sense: %s", what);
}

/* What a record says of a field; the texts of `info` are these. */
typedef struct record_field {
    char name[RECORD_TEXT], unit[RECORD_TEXT];
    ath_field_info info;
} record_field;

static ath_status record_get_declaration(record_cursor *c, record_field *out)
{
    record_get_short(c, out->name);
    record_get_short(c, out->unit);
    const uint32_t level = record_get32(c), dtype = record_get32(c), width = record_get32(c);
    const uint64_t fallback = record_get64(c);
    if (c->bad || (level != ATH_LEVEL_ATOM && level != ATH_LEVEL_SYSTEM) || dtype >= ATH_N_DTYPES ||
        width < 1 || width > INT32_MAX) {
        return record_bad(c->ctx, "declaration of a field");
    }
    out->info = (ath_field_info){.name = out->name,
                                 .level = (ath_level)level,
                                 .dtype = (ath_dtype)dtype,
                                 .width = (int32_t)width,
                                 .unit = out->unit,
                                 .help = ""};
    memcpy(&out->info.fallback, &fallback, sizeof fallback);
    return ATH_OK;
}

/* A field is made known to the context only once its bytes are there: a declaration that is wrong
 * would stand in the way of right ones. */
static ath_status record_get_field(record_cursor *c, ath_system *system, uint64_t *seen)
{
    record_field field;
    ath_field_id id = -1;
    void *rows;
    size_t n, bytes;
    ATH__TRY(record_get_declaration(c, &field));
    const size_t n_rows = field.info.level == ATH_LEVEL_ATOM ? (size_t)system->n_atoms : 1;
    const size_t width = (size_t)field.info.width;
    const size_t size = (size_t)ath_dtype_bytes(field.info.dtype);
    const uint64_t told = record_get64(c);
    if (c->bad || ath__mul(n_rows, width, &n) || ath__mul(n, size, &bytes) || told != bytes ||
        bytes > c->left) {
        return record_bad(c->ctx, "size of a field");
    }
    if (n_rows == 0 && width > RECORD_BARE_WIDTH &&
        ath_field_find(c->ctx, field.name, &id) != ATH_OK) {
        return ATH_OK; /* nothing is lost with it */
    }
    const ath_status s = ath_field_register(c->ctx, &field.info, &id);
    if (s != ATH_OK) {
        return s == ATH_E_ARGUMENT ? ATH_E_FORMAT : s; /* the message says what is wrong with it */
    }
    if (*seen >> id & 1) {
        return record_bad(c->ctx, "a field twice");
    }
    *seen |= UINT64_C(1) << id;
    ATH__TRY(ath_system_field(system, id, &rows));
    if (n > 0) {
        ath__le_copy(rows, record_take(c, bytes), n, size);
    }
    return ATH_OK;
}

static ath_status record_get_life(record_cursor *c, ath_system *system, const ath__life *told)
{
    const size_t ns = (size_t)told->n_system_state;
    size_t na, bytes, total;
    if (!told->present) {
        return ns == 0 && told->n_atom_state == 0
                   ? ATH_OK
                   : record_bad(c->ctx, "state of a system that was in no batch");
    }
    if (ath__mul((size_t)told->n_atom_state, (size_t)system->n_atoms, &na) ||
        ath__add(ns, na, &total) || ath__mul(total, 8, &bytes) || bytes > c->left ||
        (system->n_atoms == 0 && told->n_atom_state > RECORD_BARE_WIDTH)) {
        return record_bad(c->ctx, "size of the integrator state");
    }
    ATH__TRY(ath__system_set_life(system, told->n_system_state, told->n_atom_state));
    system->life.flags = told->flags;
    system->life.target = told->target;
    if (ns > 0) {
        ath__le_copy(system->life.system_state, record_take(c, ns * 8), ns, 8);
    }
    if (na > 0) {
        ath__le_copy(system->life.atom_state, record_take(c, na * 8), na, 8);
    }
    return ATH_OK;
}

/* n texts as an array of pointers and the characters behind it, in one block of *bytes. */
static ath_status record_get_texts(record_cursor *c, size_t n, char ***out, size_t *bytes)
{
    record_cursor ahead = *c;
    size_t length;
    if (n > c->left / 4) {
        return record_bad(c->ctx, "number of texts");
    }
    *bytes = n * sizeof **out + n;
    if (n == 0) {
        return ATH_OK;
    }
    for (size_t i = 0; i < n; i++) {
        if (record_get_text(&ahead, &length) == NULL) {
            return record_bad(c->ctx, "text of an extra");
        }
        *bytes += length; /* no overflow: the texts are there */
    }
    ATH__TRY(ath__alloc(c->ctx, *bytes, 1, out));
    char *to = (char *)(*out + n);
    for (size_t i = 0; i < n; i++) {
        const char *text = record_get_text(c, &length);
        (*out)[i] = to;
        memcpy(to, text, length);
        to[length] = '\0';
        to += length + 1;
    }
    return ATH_OK;
}

static ath_status record_get_extra_values(record_cursor *c, ath_system *system, ath_extra *extra)
{
    const size_t rows = extra->level == ATH_LEVEL_ATOM ? (size_t)system->n_atoms : 1;
    const size_t size = extra->type == ATH_EXTRA_BOOL ? 1 : 8;
    size_t n, bytes = 0;
    void *values = NULL;
    if (ath__mul(rows, (size_t)extra->width, &n)) {
        return record_bad(c->ctx, "size of an extra");
    }
    if (extra->type == ATH_EXTRA_STRING) {
        char **texts = NULL;
        ATH__TRY(record_get_texts(c, n, &texts, &bytes));
        values = texts;
    } else {
        if (ath__mul(n, size, &bytes) || bytes > c->left) {
            return record_bad(c->ctx, "size of an extra");
        }
        ATH__TRY(ath__alloc(c->ctx, n, size, &values));
        if (n > 0) {
            ath__le_copy(values, record_take(c, bytes), n, size);
        }
    }
    extra->values = values;
    const ath_status s = ath_system_set_extra(system, extra);
    ath__free(c->ctx, &values, bytes, 1);
    return s == ATH_E_ARGUMENT ? ATH_E_FORMAT : s;
}

static ath_status record_get_extra(record_cursor *c, ath_system *system)
{
    size_t length;
    char *name = NULL;
    const char *text = record_get_text(c, &length);
    const uint32_t level = record_get32(c), type = record_get32(c);
    const uint32_t width = record_get32(c), n_rows = record_get32(c);
    if (c->bad || text == NULL || (level != ATH_LEVEL_ATOM && level != ATH_LEVEL_SYSTEM) ||
        type > ATH_EXTRA_STRING || width < 1 || width > INT32_MAX || n_rows > INT32_MAX) {
        return record_bad(c->ctx, "declaration of an extra");
    }
    ATH__TRY(ath__alloc(c->ctx, length + 1, 1, &name));
    memcpy(name, text, length);
    ath_extra extra = {.name = name,
                       .level = (ath_level)level,
                       .type = (ath_extra_type)type,
                       .width = (int32_t)width,
                       .n_rows = (int32_t)n_rows};
    const ath_status s = record_get_extra_values(c, system, &extra);
    ath__free(c->ctx, &name, length + 1, 1);
    return s;
}

static ath_status record_get_source(record_cursor *c, ath_system *system, int64_t frame)
{
    size_t length;
    char *name = NULL;
    const char *text = record_get_text(c, &length);
    if (c->bad) {
        return record_bad(c->ctx, "source");
    }
    if (text == NULL) {
        return ath_system_set_source(system, NULL, frame);
    }
    ATH__TRY(ath__alloc(c->ctx, length + 1, 1, &name));
    memcpy(name, text, length);
    const ath_status s = ath_system_set_source(system, name, frame);
    ath__free(c->ctx, &name, length + 1, 1);
    return s;
}

/* Everything behind the fixed part, into a system of the right size. */
static ath_status record_get_rest(record_cursor *c, ath_system *system, const ath__life *told,
                                  const uint32_t counts[2])
{
    const uint64_t needed = UINT64_C(1) << ATH_FIELD_POSITIONS | UINT64_C(1) << ATH_FIELD_NUMBERS;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < counts[0]; i++) {
        ATH__TRY(record_get_field(c, system, &seen));
    }
    if ((seen & needed) != needed) {
        return record_bad(c->ctx, "no positions or no numbers");
    }
    ATH__TRY(record_get_life(c, system, told));
    for (uint32_t i = 0; i < counts[1]; i++) {
        ATH__TRY(record_get_extra(c, system));
    }
    return c->left == 0 ? ATH_OK : record_bad(c->ctx, "bytes are left over");
}

_Static_assert(ATH_MAX_FIELDS <= 64, "seen has a bit per field");

ath_status ath__packet_decode(ath_context *ctx, const uint8_t *body, size_t bytes, ath_system **out)
{
    record_cursor c = {.ctx = ctx, .at = body, .left = bytes};
    ath__life told = {0};
    *out = NULL;
    const uint64_t lo = record_get64(&c), hi = record_get64(&c);
    const uint32_t n_atoms = record_get32(&c);
    uint32_t counts[2]; /* one after the other: an initialiser list has no order */
    counts[0] = record_get32(&c);
    counts[1] = record_get32(&c);
    const uint32_t present = record_get32(&c), flags = record_get32(&c);
    const uint32_t ns = record_get32(&c), na = record_get32(&c), zero = record_get32(&c);
    told.target = (int64_t)record_get64(&c);
    const int64_t frame = (int64_t)record_get64(&c);
    /* positions and numbers are always there: 28 bytes an atom */
    if (c.bad || n_atoms > INT32_MAX || n_atoms > c.left / 28 || counts[0] > ATH_MAX_FIELDS ||
        counts[1] > ATH__MAX_EXTRAS || present > 1 || ns > INT32_MAX || na > INT32_MAX ||
        zero != 0) {
        return record_bad(ctx, "its first bytes");
    }
    told.present = present == 1;
    told.flags = (int32_t)flags;
    told.n_system_state = (int32_t)ns;
    told.n_atom_state = (int32_t)na;
    ATH__TRY(ath_system_create(ctx, n_atoms, out));
    (*out)->uid = (ath_uid){.lo = lo, .hi = hi};
    ath_status s = record_get_source(&c, *out, frame);
    s = s == ATH_OK ? record_get_rest(&c, *out, &told, counts) : s;
    if (s != ATH_OK) {
        ath_system_destroy(out);
    }
    return s;
}
