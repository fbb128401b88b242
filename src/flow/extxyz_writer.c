/* Writing extended XYZ: one frame at a time, made in memory and given to the file whole.
 *
 * The first line is the count, the second Lattice (if there is a cell), Properties, pbc, then, if
 * asked for, energy and stress, then the extras in their order and the caller's keys; then the
 * rows. Real numbers have the fewest digits that read back to the same bits. In the comment line
 * they hold a point or an exponent, so that the type comes back as well; lists stand in quotes, as
 * ASE reads them, lists of one in brackets; matrices, lists of strings, and strings that would be
 * taken for something else stand behind _JSON. Momenta are mass x velocity: they lose a bit now and
 * then.
 *
 * Results that came with the input (free_energy, virial, ...) are left out beside those that are
 * written. Replacing a file atomically is the caller's business.
 */
#include "flow/extxyz_private.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "data/cell.h"

enum {
    WRITER_REAL_BYTES = 32, /* of one number with a blank */
    WRITER_KEPT_TEXT = 1 << 20
};

/* One column of the rows. */
typedef struct writer_column {
    const char *name;
    char
        type; /* R I S L; Z: atomic number as a symbol, N: as a number, M: 1 - value, P: momentum */
    int32_t width, stride; /* values written, values stored in a row */
    const void *rows;
} writer_column;

enum { WRITER_WRAPS = 3 }; /* rounding may leave an atom outside once, next to a face */

struct ath_writer {
    ath_context *ctx;
    ath__file file;
    bool standard;     /* standard output: not closed */
    ath_status status; /* of the frame being made; once bad, nothing more is added */
    ath__bytes text;   /* the frame */
    ath__bytes json;   /* one value */
    ath__bytes columns;
    ath__bytes wrapped;       /* positions inside the cell */
    ath__xyz_scratch scratch; /* items of the caller's keys */
    ath__xyz_scratch probe;   /* how a string would be read */
    const double *masses;     /* NULL: standard */
    const int32_t *numbers;
};

/* ---- opening and closing ---- */

ath_status ath__writer_open(ath_context *ctx, const char *path, ath__writer_mode mode,
                            ath_writer **out)
{
    ATH__TRY(ath__alloc(ctx, 1, sizeof **out, out));
    ath_writer *w = *out;
    w->ctx = ctx;
    w->standard = strcmp(path, "-") == 0;
    ath_status status;
    if (w->standard) {
        w->file.ctx = ctx;
        w->file.fd = STDOUT_FILENO;
        status = ath__strdup(ctx, "standard output", &w->file.path);
    } else if (mode == ATH__WRITER_APPEND) {
        status = ath__file_append(ctx, path, &w->file);
    } else {
        status = ath__file_create(ctx, path, mode == ATH__WRITER_NEW, &w->file);
    }
    if (status != ATH_OK) {
        ath__free(ctx, out, 1, sizeof *w);
    }
    return status;
}

ath_status ath_writer_open(ath_context *ctx, const char *path, ath_writer **out)
{
    if (!ctx || !path || !out) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "ath_writer_open: NULL argument");
    }
    return ath__writer_open(ctx, path, ATH__WRITER_REPLACE, out);
}

ath_status ath_writer_append(ath_context *ctx, const char *path, ath_writer **out)
{
    if (!ctx || !path || !out) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "ath_writer_append: NULL argument");
    }
    return ath__writer_open(ctx, path, ATH__WRITER_APPEND, out);
}

ath_status ath_writer_flush(ath_writer *writer, bool sync)
{
    return writer ? ath__file_flush(&writer->file, sync) : ATH_E_ARGUMENT;
}

int64_t ath_writer_length(const ath_writer *writer)
{
    return writer ? (int64_t)writer->file.length : 0;
}

void ath__writer_discard(ath_writer *writer)
{
    writer->file.buffer.size = 0;
}

ath_status ath_writer_close(ath_writer **writer)
{
    if (!writer || !*writer) {
        return ATH_OK;
    }
    ath_writer *w = *writer;
    ath_context *ctx = w->ctx;
    ath_status status;
    if (w->standard) {
        status = ath__file_flush(&w->file, false);
        ath__bytes_free(ctx, &w->file.buffer);
        ath__strfree(ctx, &w->file.path);
    } else {
        status = ath__file_close(&w->file);
    }
    ath__bytes_free(ctx, &w->text);
    ath__bytes_free(ctx, &w->json);
    ath__bytes_free(ctx, &w->columns);
    ath__bytes_free(ctx, &w->wrapped);
    ath__xyz_scratch_free(ctx, &w->scratch);
    ath__xyz_scratch_free(ctx, &w->probe);
    ath__free(ctx, writer, 1, sizeof *w);
    return status;
}

/* ---- text ---- */

/* Room for more bytes of the frame; NULL once something has failed. */
static char *writer_room(ath_writer *w, ath__bytes *b, size_t bytes)
{
    if (w->status == ATH_OK) {
        w->status = ath__bytes_reserve(w->ctx, b, bytes);
    }
    return w->status == ATH_OK ? (char *)b->data + b->size : NULL;
}

static void writer_put(ath_writer *w, ath__bytes *b, const char *text, size_t n)
{
    char *to = writer_room(w, b, n);
    if (to && n > 0) {
        memcpy(to, text, n);
        b->size += n;
    }
}

static void writer_say(ath_writer *w, ath__bytes *b, const char *text)
{
    writer_put(w, b, text, strlen(text));
}

static char *writer_int(char *to, int64_t value)
{
    char digits[20];
    int n = 0;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[n++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0) {
        *to++ = '-';
    }
    while (n > 0) {
        *to++ = digits[--n];
    }
    return to;
}

static void writer_count(ath_writer *w, ath__bytes *b, int64_t value)
{
    char *to = writer_room(w, b, WRITER_REAL_BYTES);
    if (to) {
        b->size += (size_t)(writer_int(to, value) - to);
    }
}

/* A real number that cannot be taken for a whole one. */
static void writer_real(ath_writer *w, ath__bytes *b, double value)
{
    char *to = writer_room(w, b, WRITER_REAL_BYTES + 2);
    if (to) {
        int n = ath__format_double(value, to);
        to[n] = '\0';
        if (!strpbrk(to, ".en")) {
            memcpy(to + n, ".0", 2);
            n += 2;
        }
        b->size += (size_t)n;
    }
}

/* In double quotes, with escapes. */
static void writer_quote(ath_writer *w, ath__bytes *b, const char *text, size_t n)
{
    char *to = writer_room(w, b, 2 * n + 2);
    if (!to) {
        return;
    }
    const char *start = to;
    *to++ = '"';
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '"' || text[i] == '\\' || text[i] == '\n') {
            *to++ = '\\';
        }
        *to++ = text[i] == '\n' ? 'n' : text[i];
    }
    *to++ = '"';
    b->size += (size_t)(to - start);
}

/* Can stand without quotes. */
static bool writer_is_bare(const char *text)
{
    for (const char *p = text; *p; p++) {
        if (*p <= ' ' || *p >= 0x7f || strchr("=\"',{}[]\\", *p)) {
            return false;
        }
    }
    return *text != '\0';
}

static void writer_key(ath_writer *w, const char *name)
{
    writer_say(w, &w->text, " ");
    if (writer_is_bare(name)) {
        writer_say(w, &w->text, name);
    } else {
        writer_quote(w, &w->text, name, strlen(name));
    }
    writer_say(w, &w->text, "=");
}

/* ---- values of the comment line ---- */

static void writer_json_string(ath_writer *w, const char *text)
{
    static const char hex[] = "0123456789abcdef";
    const size_t n = strlen(text);
    char *to = writer_room(w, &w->json, 6 * n + 2);
    if (!to) {
        return;
    }
    const char *start = to;
    *to++ = '"';
    for (size_t i = 0; i < n; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c < 0x20) {
            memcpy(to, "\\u00", 4);
            to[4] = hex[c >> 4];
            to[5] = hex[c & 15];
            to += 6;
            continue;
        }
        if (c == '"' || c == '\\') {
            *to++ = '\\';
        }
        *to++ = (char)c;
    }
    *to++ = '"';
    w->json.size += (size_t)(to - start);
}

/* Value i of an extra; in JSON or in our own spelling. */
static void writer_element(ath_writer *w, ath__bytes *b, const ath_extra *extra, int32_t i,
                           bool json)
{
    switch (extra->type) {
    case ATH_EXTRA_REAL:
        writer_real(w, b, ((const double *)extra->values)[i]);
        break;
    case ATH_EXTRA_INT:
        writer_count(w, b, ((const int64_t *)extra->values)[i]);
        break;
    case ATH_EXTRA_BOOL:
        if (json) {
            writer_say(w, b, ((const uint8_t *)extra->values)[i] ? "true" : "false");
        } else {
            writer_say(w, b, ((const uint8_t *)extra->values)[i] ? "T" : "F");
        }
        break;
    case ATH_EXTRA_STRING:
        writer_json_string(w, ((const char *const *)extra->values)[i]);
        break;
    }
}

/* "_JSON ..." in quotes: a scalar, a list or a matrix of any type. */
static void writer_json(ath_writer *w, const ath_extra *extra)
{
    const int32_t n_rows = extra->n_rows > 1 ? extra->n_rows : 1, row = extra->width / n_rows;
    const bool scalar = extra->n_rows == 0 && extra->width == 1;
    w->json.size = 0;
    writer_say(w, &w->json, "_JSON ");
    writer_say(w, &w->json, scalar ? "" : n_rows > 1 ? "[[" : "[");
    for (int32_t i = 0; i < extra->width; i++) {
        if (i > 0) {
            writer_say(w, &w->json, i % row == 0 ? "], [" : ", ");
        }
        writer_element(w, &w->json, extra, i, true);
    }
    writer_say(w, &w->json, scalar ? "" : n_rows > 1 ? "]]" : "]");
    writer_quote(w, &w->text, (const char *)w->json.data, w->json.size);
}

/* True if the reader takes the quoted text for this one string. */
static bool writer_reads_as_text(ath_writer *w, const char *text)
{
    const ath__xyz_item item = {.value = {text, strlen(text)}, .quote = ATH__XYZ_QUOTED};
    ath_extra extra = {0};
    for (const char *p = text; *p; p++) {
        if (*p == '\n' || *p == '\r') {
            return false; /* not all readers know escapes for them */
        }
    }
    if (w->status == ATH_OK) {
        w->status = ath__xyz_value(w->ctx, &item, false, &w->probe, &extra);
    }
    return w->status == ATH_OK && extra.type == ATH_EXTRA_STRING && extra.width == 1 &&
           extra.n_rows == 0 && strcmp(*(const char *const *)extra.values, text) == 0;
}

static void writer_text_value(ath_writer *w, const ath_extra *extra, bool verbatim)
{
    const char *text = *(const char *const *)extra->values;
    if (!verbatim && !writer_reads_as_text(w, text)) {
        writer_json(w, extra);
    } else if (writer_is_bare(text)) {
        writer_say(w, &w->text, text);
    } else {
        writer_quote(w, &w->text, text, strlen(text));
    }
}

static void writer_extra(ath_writer *w, const ath_extra *extra)
{
    const ath__xyz_span key = {extra->name, strlen(extra->name)};
    const bool scalar = extra->n_rows == 0 && extra->width == 1;
    writer_key(w, extra->name);
    if (extra->type == ATH_EXTRA_STRING && scalar) {
        writer_text_value(w, extra, ath__xyz_kind_of(key) == ATH__XYZ_TEXT);
        return;
    }
    if (extra->n_rows > 1 || extra->type == ATH_EXTRA_STRING) {
        writer_json(w, extra);
        return;
    }
    writer_say(w, &w->text, scalar ? "" : extra->width == 1 ? "[" : "\"");
    for (int32_t i = 0; i < extra->width; i++) {
        if (i > 0) {
            writer_say(w, &w->text, " ");
        }
        writer_element(w, &w->text, extra, i, false);
    }
    writer_say(w, &w->text, scalar ? "" : extra->width == 1 ? "]" : "\"");
}

/* ---- the comment line ---- */

static bool writer_given(const ath_writer *w, const char *name)
{
    for (size_t i = 0; i < w->scratch.n_items; i++) {
        const ath__xyz_span key = w->scratch.items[i].key;
        if (key.n == strlen(name) && memcmp(key.at, name, key.n) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether an extra of the system belongs into the comment line. */
static bool writer_wants(const ath_writer *w, const ath_extra *extra, bool results)
{
    if (extra->level != ATH_LEVEL_SYSTEM || writer_given(w, extra->name)) {
        return false;
    }
    const bool numeric = extra->type == ATH_EXTRA_REAL || extra->type == ATH_EXTRA_INT;
    switch (ath__xyz_kind_of((ath__xyz_span){extra->name, strlen(extra->name)})) {
    case ATH__XYZ_STRUCTURE:
        return false;
    case ATH__XYZ_SCALAR:
        return !results && numeric && extra->width == 1;
    case ATH__XYZ_TENSOR:
        return !results && numeric && (extra->width == 6 || extra->width == 9);
    default:
        return true;
    }
}

static void writer_reals(ath_writer *w, const char *name, const double *values, int n)
{
    const ath_extra extra = {
        .name = name, .type = ATH_EXTRA_REAL, .width = n, .n_rows = n > 1, .values = values};
    if (!writer_given(w, name)) {
        writer_extra(w, &extra);
    }
}

static const double *writer_cell(const ath_system *system)
{
    const double *cell = ath_system_peek(system, ATH_FIELD_CELL);
    for (int i = 0; cell && i < 9; i++) {
        if (cell[i] != 0.0) {
            return cell;
        }
    }
    return NULL;
}

static void writer_lattice(ath_writer *w, const double *cell)
{
    writer_say(w, &w->text, "Lattice=\"");
    for (int i = 0; i < 9; i++) {
        writer_say(w, &w->text, i ? " " : "");
        writer_real(w, &w->text, cell[i]);
    }
    writer_say(w, &w->text, "\" ");
}

static void writer_properties(ath_writer *w, const writer_column *columns, size_t n)
{
    writer_say(w, &w->text, "Properties=");
    for (size_t c = 0; c < n; c++) {
        const char type = columns[c].type;
        const char shown = type == 'Z' ? 'S' : type == 'N' ? 'I' : type == 'M' ? 'L' : type;
        writer_say(w, &w->text, c ? ":" : "");
        writer_say(w, &w->text, columns[c].name);
        writer_put(w, &w->text, (const char[]){':', shown == 'P' ? 'R' : shown, ':'}, 3);
        writer_count(w, &w->text, columns[c].width);
    }
}

static ath_status writer_comment(ath_writer *w, const ath_system *system, unsigned what,
                                 const char *keys)
{
    const double *cell = writer_cell(system);
    const bool results = what & ATH_EXTXYZ_FORCES;
    const int32_t *pbc = ath_system_peek(system, ATH_FIELD_PBC);
    const double *energy = ath_system_peek(system, ATH_FIELD_ENERGY);
    const double *stress = ath_system_peek(system, ATH_FIELD_STRESS);
    char flags[] = " pbc=\"F F F\"";
    if (cell) {
        writer_lattice(w, cell);
    }
    writer_properties(w, (const writer_column *)(const void *)w->columns.data,
                      w->columns.size / sizeof(writer_column));
    for (int i = 0; pbc && i < 3; i++) {
        flags[6 + 2 * i] = pbc[i] ? 'T' : 'F';
    }
    writer_say(w, &w->text, flags);
    if (results && energy) {
        writer_reals(w, "energy", energy, 1);
    }
    if (results && stress && cell) {
        writer_reals(w, "stress", stress, 9);
    }
    for (int32_t i = 0; i < ath_system_n_extras(system); i++) {
        ath_extra extra;
        ATH__TRY(ath_system_extra(system, i, &extra));
        if (writer_wants(w, &extra, results)) {
            writer_extra(w, &extra);
        }
    }
    if (keys && *keys) {
        writer_say(w, &w->text, " ");
        writer_say(w, &w->text, keys);
    }
    writer_say(w, &w->text, "\n");
    return w->status;
}

/* ---- columns ---- */

static ath_status writer_add(ath_writer *w, const char *name, char type, int32_t width,
                             const void *rows)
{
    const writer_column column = {name, type, width, width, rows};
    return ath__bytes_append(w->ctx, &w->columns, &column, sizeof column);
}

static ath_status writer_add_extra(ath_writer *w, const ath_extra *extra)
{
    static const char types[] = {[ATH_EXTRA_REAL] = 'R',
                                 [ATH_EXTRA_INT] = 'I',
                                 [ATH_EXTRA_BOOL] = 'L',
                                 [ATH_EXTRA_STRING] = 'S'};
    for (const char *p = extra->name; *p; p++) {
        if ((unsigned char)*p <= ' ' || *p == ':') {
            return ath__fail(w->ctx, ATH_E_ARGUMENT, "'%s' cannot be the name of a column",
                             extra->name);
        }
    }
    return writer_add(w, extra->name, types[extra->type], extra->width, extra->values);
}

/* One column if the components of each atom are alike. */
static ath_status writer_add_mask(ath_writer *w, const uint8_t *fixed, size_t n)
{
    bool any = false, alike = true;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *f = fixed + 3 * i;
        any = any || f[0] || f[1] || f[2];
        alike = alike && !f[0] == !f[1] && !f[0] == !f[2];
    }
    const writer_column column = {"move_mask", 'M', alike ? 1 : 3, 3, fixed};
    return any ? ath__bytes_append(w->ctx, &w->columns, &column, sizeof column) : ATH_OK;
}

static bool writer_standard_masses(const double *masses, const int32_t *numbers, size_t n)
{
    for (size_t i = 0; masses && i < n; i++) {
        if (!(masses[i] == ath_element_mass(numbers[i]))) {
            return false;
        }
    }
    return true;
}

static bool writer_is_labels(const ath_extra *extra)
{
    return extra->level == ATH_LEVEL_ATOM && extra->type == ATH_EXTRA_STRING && extra->width == 1 &&
           strcmp(extra->name, "species") == 0;
}

/* Labels that are not the symbols stand as species, with the atomic numbers beside them. */
static ath_status writer_add_species(ath_writer *w, const ath_system *system)
{
    for (int32_t i = 0; i < ath_system_n_extras(system); i++) {
        ath_extra extra;
        ATH__TRY(ath_system_extra(system, i, &extra));
        if (writer_is_labels(&extra)) {
            ATH__TRY(writer_add(w, "species", 'S', 1, extra.values));
            return writer_add(w, "Z", 'N', 1, w->numbers);
        }
    }
    return writer_add(w, "species", 'Z', 1, w->numbers);
}

/* An atom moved into the cell; what is not finite or absurdly far away stays. */
static void writer_wrap_atom(const double h[9], const double g[9], const int32_t pbc[3],
                             double r[3])
{
    for (int round = 0; round < WRITER_WRAPS; round++) {
        for (int k = 0; k < 3; k++) {
            const double f = g[3 * k] * r[0] + g[3 * k + 1] * r[1] + g[3 * k + 2] * r[2];
            const double cells = pbc[k] && fabs(f) < 0x1p52 ? floor(f) : 0.0;
            for (int c = 0; c < 3; c++) {
                r[c] -= cells * h[3 * k + c];
            }
        }
    }
}

/* Positions inside the cell, in w->wrapped; those of a system without a cell as they are. */
static ath_status writer_wrap(ath_writer *w, const ath_system *system, const double **out)
{
    static const double none[9] = {0.0};
    static const int32_t free_space[3] = {0, 0, 0};
    const double *cell = ath_system_peek(system, ATH_FIELD_CELL);
    const int32_t *pbc = ath_system_peek(system, ATH_FIELD_PBC);
    const double *positions = ath_system_peek(system, ATH_FIELD_POSITIONS);
    const size_t bytes = 3 * (size_t)ath_system_n_atoms(system) * sizeof *positions;
    double h[9], g[9];
    w->wrapped.size = 0;
    ATH__TRY(ath__bytes_append(w->ctx, &w->wrapped, positions, bytes));
    double *r = (double *)(void *)w->wrapped.data;
    cell = cell ? cell : none;
    pbc = pbc ? pbc : free_space;
    if ((pbc[0] || pbc[1] || pbc[2]) && ath__cell_complete(cell, pbc, h) &&
        ath__cell_reciprocal(h, g)) {
        for (int64_t i = 0; i < ath_system_n_atoms(system); i++) {
            writer_wrap_atom(h, g, pbc, r + 3 * i);
        }
    }
    *out = r;
    return ATH_OK;
}

static ath_status writer_collect(ath_writer *w, const ath_system *system, unsigned what)
{
    const size_t n = (size_t)ath_system_n_atoms(system);
    const double *velocities = ath_system_peek(system, ATH_FIELD_VELOCITIES);
    const double *forces = ath_system_peek(system, ATH_FIELD_FORCES);
    const uint8_t *fixed = ath_system_peek(system, ATH_FIELD_FIXED);
    w->numbers = ath_system_peek(system, ATH_FIELD_NUMBERS);
    w->masses = ath_system_peek(system, ATH_FIELD_MASSES);
    const double *positions = ath_system_peek(system, ATH_FIELD_POSITIONS), *shown = positions;
    if (what & ATH_EXTXYZ_WRAPPED) {
        ATH__TRY(writer_wrap(w, system, &shown));
    }
    w->columns.size = 0;
    ATH__TRY(writer_add_species(w, system));
    ATH__TRY(writer_add(w, "pos", 'R', 3, shown));
    if (what & ATH_EXTXYZ_UNWRAPPED) {
        ATH__TRY(writer_add(w, "unwrapped", 'R', 3, positions));
    }
    if (!writer_standard_masses(w->masses, w->numbers, n)) {
        ATH__TRY(writer_add(w, "masses", 'R', 1, w->masses));
    }
    if ((what & ATH_EXTXYZ_VELOCITIES) && velocities) {
        ATH__TRY(writer_add(w, "momenta", 'P', 3, velocities));
    }
    if ((what & ATH_EXTXYZ_FIXED) && fixed) {
        ATH__TRY(writer_add_mask(w, fixed, n));
    }
    if ((what & ATH_EXTXYZ_FORCES) && forces) {
        ATH__TRY(writer_add(w, "forces", 'R', 3, forces));
    }
    for (int32_t i = 0; i < ath_system_n_extras(system); i++) {
        ath_extra extra;
        ATH__TRY(ath_system_extra(system, i, &extra));
        const bool taken = (what & ATH_EXTXYZ_UNWRAPPED) && strcmp(extra.name, "unwrapped") == 0;
        if (extra.level == ATH_LEVEL_ATOM && !taken && !ath__xyz_is_column(extra.name)) {
            ATH__TRY(writer_add_extra(w, &extra));
        }
    }
    return ATH_OK;
}

/* ---- rows ---- */

/* A word of a row cannot be empty or hold blanks. */
static ath_status writer_word(ath_writer *w, const writer_column *column, const char *word)
{
    size_t n = 0;
    while (word[n] && !ath__xyz_blank(word[n]) && word[n] != '\n') {
        n++;
    }
    if (n == 0 || word[n]) {
        return ath__fail(w->ctx, ATH_E_ARGUMENT, "column '%s': '%.40s' is not one word",
                         column->name, word);
    }
    writer_put(w, &w->text, word, n);
    writer_put(w, &w->text, " ", 1);
    return w->status;
}

/* One value that is a number, a symbol or a logical; returns the end of its text. */
static char *writer_cell_value(const ath_writer *w, const writer_column *column, size_t row,
                               size_t k, char *to)
{
    const size_t i = row * (size_t)column->stride + k;
    switch (column->type) {
    case 'R':
        return to + ath__format_double(((const double *)column->rows)[i], to);
    case 'P': {
        const double mass = w->masses ? w->masses[row] : ath_element_mass(w->numbers[row]);
        return to + ath__format_double(mass * ((const double *)column->rows)[i], to);
    }
    case 'I':
        return writer_int(to, ((const int64_t *)column->rows)[i]);
    case 'N':
        return writer_int(to, ((const int32_t *)column->rows)[i]);
    case 'Z':
        for (const char *p = ath_element_symbol(((const int32_t *)column->rows)[i]); *p; p++) {
            *to++ = *p;
        }
        return to;
    default: /* L and M */
        *to = (((const uint8_t *)column->rows)[i] != 0) != (column->type == 'M') ? 'T' : 'F';
        return to + 1;
    }
}

static ath_status writer_row(ath_writer *w, size_t row)
{
    const writer_column *columns = (const writer_column *)(const void *)w->columns.data;
    const size_t n = w->columns.size / sizeof *columns;
    for (size_t c = 0; c < n; c++) {
        const writer_column *column = &columns[c];
        const size_t width = (size_t)column->width;
        if (column->type == 'S') {
            const char *const *words = (const char *const *)column->rows + row * width;
            for (size_t k = 0; k < width; k++) {
                ATH__TRY(writer_word(w, column, words[k]));
            }
            continue;
        }
        char *to = writer_room(w, &w->text, width * WRITER_REAL_BYTES);
        if (!to) {
            return w->status;
        }
        const char *start = to;
        for (size_t k = 0; k < width; k++) {
            to = writer_cell_value(w, column, row, k, to);
            *to++ = ' ';
        }
        w->text.size += (size_t)(to - start);
    }
    w->text.data[w->text.size - 1] = '\n'; /* in place of the last blank */
    return ATH_OK;
}

/* ---- a frame ---- */

static ath_status writer_keys(ath_writer *w, const char *keys)
{
    w->scratch.n_items = 0;
    if (!keys) {
        return ATH_OK;
    }
    const size_t n = strlen(keys);
    const ath__xyz_line line = {w->ctx, "keys", 1, keys, keys + n};
    if (memchr(keys, '\n', n)) {
        return ath__fail(w->ctx, ATH_E_ARGUMENT, "keys of a comment line hold a newline");
    }
    const ath_status status = ath__xyz_split(&line, &w->scratch);
    return status == ATH_E_FORMAT ? ATH_E_ARGUMENT : status;
}

static ath_status writer_make(ath_writer *w, const ath_system *system, unsigned what,
                              const char *keys)
{
    const size_t n = (size_t)ath_system_n_atoms(system);
    w->text.size = 0;
    w->status = ATH_OK;
    ATH__TRY(writer_keys(w, keys));
    ATH__TRY(writer_collect(w, system, what));
    writer_count(w, &w->text, (int64_t)n);
    writer_say(w, &w->text, "\n");
    ATH__TRY(writer_comment(w, system, what, keys));
    for (size_t i = 0; i < n; i++) {
        ATH__TRY(writer_row(w, i));
    }
    return w->status;
}

ath_status ath_extxyz_write(ath_writer *writer, const ath_system *system, unsigned what,
                            const char *keys)
{
    if (!writer || !system) {
        return ath__fail(writer ? writer->ctx : NULL, ATH_E_ARGUMENT,
                         "ath_extxyz_write: NULL argument");
    }
    ATH__TRY(writer_make(writer, system, what, keys));
    const ath_status status = ath__file_write(&writer->file, writer->text.data, writer->text.size);
    if (writer->text.capacity > WRITER_KEPT_TEXT) {
        ath__bytes_free(writer->ctx, &writer->text);
    }
    return status;
}
