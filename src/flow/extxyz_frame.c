/* A system from one extended XYZ frame: what the keys of the comment line mean.
 *
 * Known keys, in any case: Lattice, pbc, Properties, energy, free_energy, stress, virial (stress =
 * -virial / volume), and name, id, uid, config_type, label, comment, which are always text. All
 * others become extras in their order; numbers under the name of a registered field of systems
 * are its value besides. A comment line that is not made of key=value and holds
 * neither Lattice nor Properties is that of plain XYZ: columns species and pos, the text as extra
 * `comment`.
 *
 * Refused: a key given twice, wrong counts, numbers that are not finite, a periodic cell without a
 * volume. Columns and rows: extxyz_rows.c. Rules and units in full: docs/formats.md.
 */
#include "flow/extxyz_private.h"

#include <math.h>
#include <string.h>

#include "data/cell.h"

#define FRAME_MAX_COORDINATE 1e6 /* angstrom */
#define FRAME_FLAT 1e-10         /* of |a||b||c|: a smaller volume means dependent vectors */

typedef enum frame_key {
    FRAME_LATTICE,
    FRAME_PBC,
    FRAME_PROPERTIES,
    FRAME_ENERGY,
    FRAME_FREE_ENERGY,
    FRAME_STRESS,
    FRAME_VIRIAL,
    FRAME_NAME, /* this and the following are text */
    FRAME_ID,
    FRAME_UID,
    FRAME_CONFIG_TYPE,
    FRAME_LABEL,
    FRAME_COMMENT,
    FRAME_N_KEYS /* none of them */
} frame_key;

static const char *const frame_key_names[FRAME_N_KEYS] = {
    "lattice", "pbc", "properties", "energy",      "free_energy", "stress", "virial",
    "name",    "id",  "uid",        "config_type", "label",       "comment"};

typedef struct frame_build {
    const ath__xyz_line *line; /* the comment */
    ath__xyz_scratch *scratch;
    ath_system *system;
    const ath__xyz_item *known[FRAME_N_KEYS]; /* NULL: not given */
} frame_build;

static frame_key frame_find_key(ath__xyz_span key)
{
    int i = 0;
    while (i < FRAME_N_KEYS && !ath__xyz_is(key, frame_key_names[i])) {
        i++;
    }
    return (frame_key)i;
}

ath__xyz_kind ath__xyz_kind_of(ath__xyz_span key)
{
    const frame_key known = frame_find_key(key);
    return known <= FRAME_PROPERTIES    ? ATH__XYZ_STRUCTURE
           : known <= FRAME_FREE_ENERGY ? ATH__XYZ_SCALAR
           : known <= FRAME_VIRIAL      ? ATH__XYZ_TENSOR
           : known < FRAME_N_KEYS       ? ATH__XYZ_TEXT
                                        : ATH__XYZ_OTHER;
}

/* ---- values of known keys ---- */

/* The numbers of an item into out[limit]; their count, which may be above limit, to *n. */
static ath_status frame_numbers(const frame_build *b, const ath__xyz_item *item, double *out,
                                int limit, int64_t *n)
{
    const char *p = item->value.at, *end = p + item->value.n;
    ath__xyz_span word;
    *n = 0;
    while (ath__xyz_next_word(&p, end, &word)) {
        double x;
        if (!ath__xyz_real(word.at, word.at + word.n, &x)) {
            return ath__xyz_expected(b->line, word.at, "a real number");
        }
        if (*n < limit) {
            out[*n] = x;
        }
        (*n)++;
    }
    return ATH_OK;
}

static ath_status frame_lattice(const frame_build *b, const ath__xyz_item *item)
{
    double x[9];
    int64_t n;
    void *rows;
    ATH__TRY(frame_numbers(b, item, x, 9, &n));
    if (n != 9 && n != 3) {
        return ath__xyz_refuse(b->line, item->at,
                               "Lattice needs 9 numbers (or 3 for a box), not %lld", (long long)n);
    }
    ATH__TRY(ath_system_field(b->system, ATH_FIELD_CELL, &rows));
    double *cell = rows;
    for (int i = 0; i < 9; i++) {
        cell[i] = n == 9 ? x[i] : i % 4 == 0 ? x[i / 4] : 0.0;
        if (!(fabs(cell[i]) <= FRAME_MAX_COORDINATE)) {
            return ath__xyz_refuse(b->line, item->at, "Lattice holds %g, more than 1e6 angstrom",
                                   cell[i]);
        }
    }
    return ATH_OK;
}

static ath_status frame_pbc(const frame_build *b, const ath__xyz_item *item)
{
    uint8_t flags[3] = {1, 1, 1};
    int64_t n = 0;
    void *rows;
    const char *p = item->value.at, *end = p + item->value.n;
    ath__xyz_span word;
    for (; ath__xyz_next_word(&p, end, &word); n++) {
        bool digit = word.n == 1 && (*word.at == '0' || *word.at == '1');
        uint8_t flag = digit && *word.at == '1';
        if (!digit && !ath__xyz_bool(word.at, word.at + word.n, &flag)) {
            return ath__xyz_expected(b->line, word.at, "T, F, 1 or 0");
        }
        if (n < 3) {
            flags[n] = flag;
        }
    }
    if (n != 3 && n != 1 && item->quote != ATH__XYZ_ABSENT) {
        return ath__xyz_refuse(b->line, item->at, "pbc needs 3 logicals (or 1 for all), not %lld",
                               (long long)n);
    }
    ATH__TRY(ath_system_field(b->system, ATH_FIELD_PBC, &rows));
    int32_t *pbc = rows;
    for (int i = 0; i < 3; i++) {
        pbc[i] = flags[n == 1 ? 0 : i];
    }
    return ATH_OK;
}

static ath_status frame_number(const frame_build *b, const ath__xyz_item *item, double *out)
{
    int64_t n;
    ATH__TRY(frame_numbers(b, item, out, 1, &n));
    return n == 1 ? ATH_OK
                  : ath__xyz_refuse(b->line, item->at, "one number is needed here, not %lld",
                                    (long long)n);
}

static ath_status frame_energy(const frame_build *b, const ath__xyz_item *item)
{
    double x = 0.0;
    void *rows;
    ATH__TRY(frame_number(b, item, &x));
    ATH__TRY(ath_system_field(b->system, ATH_FIELD_ENERGY, &rows));
    *(double *)rows = x;
    return ATH_OK;
}

/* 9 numbers as they stand, or 6 in Voigt's order xx yy zz yz xz xy. */
static ath_status frame_tensor(const frame_build *b, const ath__xyz_item *item, double out[9])
{
    static const int voigt[9] = {0, 5, 4, 5, 1, 3, 4, 3, 2};
    double x[9];
    int64_t n;
    ATH__TRY(frame_numbers(b, item, x, 9, &n));
    if (n != 9 && n != 6) {
        return ath__xyz_refuse(b->line, item->at, "9 or 6 numbers are needed here, not %lld",
                               (long long)n);
    }
    for (int i = 0; i < 9; i++) {
        out[i] = n == 9 ? x[i] : x[voigt[i]];
    }
    return ATH_OK;
}

static ath_status frame_set_stress(const frame_build *b, const double x[9])
{
    void *rows;
    ATH__TRY(ath_system_field(b->system, ATH_FIELD_STRESS, &rows));
    memcpy(rows, x, 9 * sizeof *x);
    return ATH_OK;
}

static ath_status frame_stress(const frame_build *b, const ath__xyz_item *item)
{
    double x[9];
    ATH__TRY(frame_tensor(b, item, x));
    return frame_set_stress(b, x);
}

/* ---- extras ---- */

static ath_status frame_set_reals(const frame_build *b, const char *name, const double *x, int n)
{
    const ath_extra extra = {.name = name,
                             .level = ATH_LEVEL_SYSTEM,
                             .type = ATH_EXTRA_REAL,
                             .width = n,
                             .n_rows = n > 1,
                             .values = x};
    return ath_system_set_extra(b->system, &extra);
}

/* Numbers of a key that is the name of a field of systems go into the field as well. */
static ath_status frame_set_field(const frame_build *b, const ath__xyz_item *item,
                                  const ath_extra *extra)
{
    const ath_context *ctx = b->line->ctx;
    for (ath_field_id id = ATH_N_CORE_FIELDS; id < ath_field_count(ctx); id++) {
        const ath_field_info *info = ath_field_describe(ctx, id);
        void *rows = NULL;
        if (info->level != ATH_LEVEL_SYSTEM || info->dtype != ATH_F64 ||
            strcmp(info->name, extra->name) != 0) {
            continue;
        }
        const int32_t n = extra->width;
        const bool whole = extra->type == ATH_EXTRA_INT;
        if (n != info->width || (!whole && extra->type != ATH_EXTRA_REAL)) {
            return ath__xyz_expected(b->line, item->value.at, "%d number%s for the field '%s'",
                                     (int)info->width, info->width > 1 ? "s" : "", info->name);
        }
        ATH__TRY(ath_system_field(b->system, id, &rows));
        for (int32_t k = 0; k < n; k++) {
            ((double *)rows)[k] = whole ? (double)((const int64_t *)extra->values)[k]
                                        : ((const double *)extra->values)[k];
        }
    }
    return ATH_OK;
}

/* name: NULL for the key as it is written. */
static ath_status frame_set_extra(const frame_build *b, const ath__xyz_item *item, const char *name,
                                  bool verbatim)
{
    ath_context *ctx = b->line->ctx;
    ath_extra extra;
    ATH__TRY(ath__xyz_value(ctx, item, verbatim, b->scratch, &extra));
    if (name) {
        extra.name = name;
    } else {
        ATH__TRY(ath__xyz_key(ctx, item, b->scratch, &extra.name));
        ATH__TRY(frame_set_field(b, item, &extra));
    }
    return ath_system_set_extra(b->system, &extra);
}

/* The energy if there is no other; else it is kept as an extra. */
static ath_status frame_free_energy(const frame_build *b, const ath__xyz_item *item)
{
    double x = 0.0;
    if (!b->known[FRAME_ENERGY]) {
        return frame_energy(b, item);
    }
    ATH__TRY(frame_number(b, item, &x));
    return frame_set_reals(b, "free_energy", &x, 1);
}

/* Stress from the virial; the virial is kept as an extra beside a stress or without a volume. */
static ath_status frame_virial(const frame_build *b, const ath__xyz_item *item)
{
    const double *cell = ath_system_peek(b->system, ATH_FIELD_CELL);
    const double volume = cell ? ath__cell_volume(cell) : 0.0;
    double x[9];
    ATH__TRY(frame_tensor(b, item, x));
    if (b->known[FRAME_STRESS] || !(volume > 0.0)) {
        return frame_set_reals(b, "virial", x, 9);
    }
    for (int i = 0; i < 9; i++) {
        /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): nine were read */
        x[i] = -x[i] / volume;
        if (!isfinite(x[i])) {
            return ath__xyz_refuse(b->line, item->at, "virial / volume is not finite");
        }
    }
    return frame_set_stress(b, x);
}

static ath_status frame_take_item(const frame_build *b, const ath__xyz_item *item)
{
    const frame_key key = frame_find_key(item->key);
    switch (key) {
    case FRAME_LATTICE: /* done before the others */
    case FRAME_PBC:
    case FRAME_PROPERTIES:
        return ATH_OK;
    case FRAME_ENERGY:
        return frame_energy(b, item);
    case FRAME_FREE_ENERGY:
        return frame_free_energy(b, item);
    case FRAME_STRESS:
        return frame_stress(b, item);
    case FRAME_VIRIAL:
        return frame_virial(b, item);
    case FRAME_N_KEYS:
        return frame_set_extra(b, item, NULL, false);
    default:
        return frame_set_extra(b, item, frame_key_names[key], true);
    }
}

/* ---- keys as a whole ---- */

enum { FRAME_SLOTS = 2048 }; /* above twice ATH__XYZ_MAX_KEYS */

/* Finds the known keys and refuses what is given twice. Known keys count without their case. */
static ath_status frame_index_keys(frame_build *b)
{
    const ath__xyz_item *items = b->scratch->items;
    uint16_t slots[FRAME_SLOTS] = {0}; /* number of an item, from 1 */
    int n_others = 0;
    for (size_t i = 0; i < b->scratch->n_items; i++) {
        const ath__xyz_span key = items[i].key;
        const frame_key known = frame_find_key(key);
        bool twice = false;
        if (known < FRAME_N_KEYS) {
            twice = b->known[known] != NULL;
            b->known[known] = &items[i];
        } else {
            uint32_t hash = 2166136261u; /* FNV-1a */
            for (size_t k = 0; k < key.n; k++) {
                hash = (hash ^ (unsigned char)key.at[k]) * 16777619u;
            }
            uint32_t slot = (hash ^ hash >> 15) % FRAME_SLOTS;
            for (; slots[slot] && !twice; slot = (slot + 1) % FRAME_SLOTS) {
                const ath__xyz_span other = items[slots[slot] - 1].key;
                twice = other.n == key.n && memcmp(other.at, key.at, key.n) == 0;
            }
            slots[slot] = (uint16_t)(i + 1);
            n_others++;
        }
        if (n_others > ATH__XYZ_MAX_OTHERS) {
            return ath__xyz_refuse(b->line, items[i].at, "more than %d keys", ATH__XYZ_MAX_OTHERS);
        }
        if (twice) {
            return ath__xyz_expected(b->line, items[i].at, "a key that is not yet given");
        }
    }
    return ATH_OK;
}

/* Cell and periodicity; periodic vectors must be independent. Without pbc, a Lattice is periodic.
 */
static ath_status frame_cell(const frame_build *b)
{
    const ath__xyz_item *lattice = b->known[FRAME_LATTICE], *periodic = b->known[FRAME_PBC];
    static const double no_cell[9] = {0};
    const double *cell = no_cell;
    double h[9], norms = 1.0;
    void *rows;
    ATH__TRY(ath_system_field(b->system, ATH_FIELD_PBC, &rows));
    int32_t *pbc = rows;
    if (lattice) {
        ATH__TRY(frame_lattice(b, lattice));
        cell = ath_system_peek(b->system, ATH_FIELD_CELL);
        pbc[0] = pbc[1] = pbc[2] = 1;
    }
    if (periodic) {
        ATH__TRY(frame_pbc(b, periodic));
    }
    if (!(pbc[0] || pbc[1] || pbc[2])) {
        return ATH_OK;
    }
    bool good = ath__cell_complete(cell, pbc, h);
    for (int i = 0; i < 3; i++) {
        const double *v = h + 3 * i;
        norms *= sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
    }
    if (good && fabs(ath__cell_det(h)) > FRAME_FLAT * norms) {
        return ATH_OK;
    }
    /* one of the two was given, or nothing would be periodic; NOLINTNEXTLINE */
    return ath__xyz_refuse(b->line, lattice ? lattice->at : periodic->at,
                           lattice ? "Lattice vectors along periodic axes are dependent"
                                   : "pbc without a Lattice");
}

/* True if the line holds Lattice= or Properties=, in any case. */
static bool frame_is_extended(const ath__xyz_line *line)
{
    const char *p = line->begin, *end = line->end;
    while ((p = memchr(p, '=', (size_t)(end - p)))) {
        const char *stop = p++;
        while (stop > line->begin && ath__xyz_blank(stop[-1])) {
            stop--;
        }
        const char *start = stop;
        while (start > line->begin && stop - start < 11 && !ath__xyz_blank(start[-1])) {
            start--;
        }
        const ath__xyz_span key = {start, (size_t)(stop - start)};
        if (ath__xyz_is(key, "lattice") || ath__xyz_is(key, "properties")) {
            return true;
        }
    }
    return false;
}

/* Splits the comment line; *plain if it is the free text of plain XYZ. */
static ath_status frame_split(const ath__xyz_line *line, ath__xyz_scratch *scratch, bool *plain)
{
    *plain = false;
    const ath_status status = ath__xyz_split(line, scratch);
    if (status != ATH_E_FORMAT && status != ATH_OK) {
        return status;
    }
    if (memchr(line->begin, '\0', (size_t)(line->end - line->begin)) || frame_is_extended(line)) {
        return status;
    }
    *plain = status != ATH_OK;
    for (size_t i = 0; i < scratch->n_items && !*plain; i++) {
        *plain = scratch->items[i].quote == ATH__XYZ_ABSENT;
    }
    if (*plain) {
        scratch->n_items = 0;
    }
    return ATH_OK;
}

static ath_status frame_set_comment(const frame_build *b)
{
    const char *p = ath__xyz_skip_blanks(b->line->begin, b->line->end), *end = b->line->end;
    while (end > p && ath__xyz_blank(end[-1])) {
        end--;
    }
    const ath__xyz_item item = {.value = {p, (size_t)(end - p)}, .quote = ATH__XYZ_BARE};
    return p < end ? frame_set_extra(b, &item, "comment", true) : ATH_OK;
}

static ath_status frame_fill(frame_build *b, const ath__xyz_frame *frame, ath__xyz_columns *columns,
                             const uint8_t *elements, bool plain)
{
    ATH__TRY(frame_cell(b));
    if (plain) {
        ATH__TRY(frame_set_comment(b));
    }
    for (size_t i = 0; i < b->scratch->n_items; i++) {
        ATH__TRY(frame_take_item(b, &b->scratch->items[i]));
    }
    return ath__xyz_read_rows(frame, columns, elements, b->system);
}

ath_status ath__xyz_build(const ath__xyz_frame *frame, const uint8_t *elements,
                          ath__xyz_scratch *scratch, ath_system **out)
{
    frame_build b = {.line = &frame->comment, .scratch = scratch};
    ath__xyz_columns columns;
    bool plain;
    *out = NULL;
    ATH__TRY(frame_split(b.line, scratch, &plain));
    ATH__TRY(frame_index_keys(&b));
    ATH__TRY(ath__xyz_read_columns(b.line, b.known[FRAME_PROPERTIES], &columns));
    ATH__TRY(ath__xyz_check_rows(frame, &columns));
    ATH__TRY(ath_system_create(b.line->ctx, frame->n_atoms, &b.system));
    const ath_status status = frame_fill(&b, frame, &columns, elements, plain);
    if (status != ATH_OK) {
        ath_system_destroy(&b.system);
        return status;
    }
    *out = b.system;
    return ATH_OK;
}
