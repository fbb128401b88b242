/* Columns and rows of an extended XYZ frame: what Properties names, and the atoms under it.
 *
 * Known columns become fields: species or Z (numbers), pos, momenta (amu angstrom / ASE time; v =
 * p/m), velo (ASE's unit), vel (angstrom/fs, as GPUMD writes it), forces, mass, move_mask (1:
 * free). A species is a symbol in any case or an atomic number; D and T are H with the mass of the
 * isotope; beside a column Z it is a label, kept if it is not the symbol. Other columns become
 * extras.
 *
 * Nothing is allocated that the text does not justify: a value takes two characters of a row. The
 * text is only read, so that a row that met an exhausted memory can be read again.
 */
#include "flow/extxyz_private.h"

#include <math.h>
#include <string.h>

#include <athanor/units.h>

#define ROWS_MAX_COORDINATE 1e6 /* angstrom */
#define ROWS_MAX_VALUE 1e12     /* forces in eV/angstrom, velocities as given */
#define ROWS_MAX_MOMENTUM 1e30  /* so that those of the velocities can be written */
#define ROWS_MIN_MASS 1e-6      /* amu */
#define ROWS_MAX_MASS 1e6
#define ROWS_DEUTERIUM                                                                             \
    2.01410177811 /* amu: AME2016, Wang et al., Chin. Phys. C 41 (2017) 030003                     \
                   */
#define ROWS_TRITIUM 3.01604928199

enum { ROWS_SHOWN = 40 }; /* characters of a column's name in a message */

/* ---- elements ---- */

enum { ROWS_D = 200, ROWS_T = 201 }; /* deuterium and tritium, in the table only */

static int rows_element_index(const char *symbol, size_t n)
{
    int first = n > 0 ? (unsigned char)symbol[0] | 32 : 0;
    int second = n > 1 ? (unsigned char)symbol[1] | 32 : 0;
    if (n > 2 || first < 'a' || first > 'z' || (n == 2 && (second < 'a' || second > 'z'))) {
        return -1;
    }
    return (first - 'a') * 27 + (n == 2 ? second - 'a' + 1 : 0);
}

void ath__xyz_elements(uint8_t table[ATH__XYZ_ELEMENTS])
{
    memset(table, 0, ATH__XYZ_ELEMENTS);
    for (int z = 1; z <= 118; z++) {
        const char *symbol = ath_element_symbol(z);
        int index = rows_element_index(symbol, strlen(symbol));
        if (index >= 0) {
            table[index] = (uint8_t)z;
        }
    }
    table[('d' - 'a') * 27] = ROWS_D;
    table[('t' - 'a') * 27] = ROWS_T;
}

/* 1 to 118, ROWS_D, ROWS_T, or 0 if it is none: a symbol in any case, or an atomic number. */
static int32_t rows_element(const uint8_t *elements, const char *at, const char *end)
{
    size_t n = (size_t)(end - at), used = 0;
    int index = rows_element_index(at, n);
    if (index >= 0) {
        return elements[index];
    }
    int64_t z = 0;
    bool number = ath__parse_int(at, n, &z, &used) == ATH_OK && used == n;
    return number && z >= 1 && z <= 118 ? (int32_t)z : 0;
}

/* ---- columns ---- */

typedef struct rows_known {
    const char *name; /* lower case */
    ath__xyz_role role;
    char type;
    int32_t width;
} rows_known;

static const rows_known rows_known_columns[] = {
    {"species", ATH__XYZ_SPECIES, 'S', 1},
    {"element", ATH__XYZ_SPECIES, 'S', 1},
    {"symbol", ATH__XYZ_SPECIES, 'S', 1},
    {"symbols", ATH__XYZ_SPECIES, 'S', 1},
    {"numbers", ATH__XYZ_NUMBERS, 'I', 1},
    {"atomic_numbers", ATH__XYZ_NUMBERS, 'I', 1},
    {"pos", ATH__XYZ_POSITIONS, 'R', 3},
    {"position", ATH__XYZ_POSITIONS, 'R', 3},
    {"positions", ATH__XYZ_POSITIONS, 'R', 3},
    {"momenta", ATH__XYZ_MOMENTA, 'R', 3},
    {"momentum", ATH__XYZ_MOMENTA, 'R', 3},
    {"velo", ATH__XYZ_VELOCITIES, 'R', 3},
    {"velocity", ATH__XYZ_VELOCITIES, 'R', 3},
    {"velocities", ATH__XYZ_VELOCITIES, 'R', 3},
    {"vel", ATH__XYZ_VELOCITIES_FS, 'R', 3},
    {"force", ATH__XYZ_FORCES, 'R', 3},
    {"forces", ATH__XYZ_FORCES, 'R', 3},
    {"mass", ATH__XYZ_MASSES, 'R', 1},
    {"masses", ATH__XYZ_MASSES, 'R', 1},
    {"move_mask", ATH__XYZ_MOVE_MASK, 'L', 3}, /* or I, or width 1 */
};

/* NULL for extras. Z counts as a capital letter only: z is more often a coordinate. */
static const rows_known *rows_find_known(ath__xyz_span name)
{
    static const rows_known z = {"Z", ATH__XYZ_NUMBERS, 'I', 1};
    if (name.n == 1 && *name.at == 'Z') {
        return &z;
    }
    for (size_t i = 0; i < sizeof rows_known_columns / sizeof *rows_known_columns; i++) {
        if (ath__xyz_is(name, rows_known_columns[i].name)) {
            return &rows_known_columns[i];
        }
    }
    return NULL;
}

bool ath__xyz_is_column(const char *name)
{
    return rows_find_known((ath__xyz_span){name, strlen(name)}) != NULL;
}

/* Momenta and both velocities are one thing that can be given once. */
static ath__xyz_role rows_group(ath__xyz_role role)
{
    return role == ATH__XYZ_MOMENTA || role == ATH__XYZ_VELOCITIES_FS ? ATH__XYZ_VELOCITIES : role;
}

static ath_status rows_check_column(const ath__xyz_line *line, const ath__xyz_columns *columns,
                                    const ath__xyz_column *column)
{
    const rows_known *known = rows_find_known(column->name);
    for (int32_t i = 0; i < columns->n; i++) {
        const ath__xyz_column *other = &columns->column[i];
        bool same = other->name.n == column->name.n &&
                    memcmp(other->name.at, column->name.at, column->name.n) == 0;
        if (same || (known && rows_group(other->role) == rows_group(known->role))) {
            return ath__xyz_expected(line, column->name.at,
                                     "a column that is not given by an earlier one");
        }
    }
    if (!known) {
        return ATH_OK;
    }
    if (known->role == ATH__XYZ_MOVE_MASK) {
        bool logical = column->type == 'L' || column->type == 'I';
        return logical && (column->width == 1 || column->width == 3)
                   ? ATH_OK
                   : ath__xyz_expected(line, column->name.at, "move_mask:L:1 or move_mask:L:3");
    }
    return column->type == known->type && column->width == known->width
               ? ATH_OK
               : ath__xyz_expected(line, column->name.at, "%s:%c:%d", known->name, known->type,
                                   known->width);
}

/* One name:type:width at *p. */
static ath_status rows_take_column(const ath__xyz_line *line, const char **p, const char *end,
                                   ath__xyz_column *column)
{
    const char *start = *p;
    ath__xyz_span part[3];
    for (int i = 0; i < 3; i++) {
        const char *at = *p;
        while (*p < end && **p != ':') {
            (*p)++;
        }
        part[i] = (ath__xyz_span){at, (size_t)(*p - at)};
        if (i < 2 && *p == end) {
            return ath__xyz_expected(line, start, "name:type:width");
        }
        *p += i < 2;
    }
    int64_t width = 0;
    size_t used = 0;
    for (size_t i = 0; i < part[0].n; i++) {
        if ((unsigned char)start[i] <= ' ') {
            part[0].n = 0;
        }
    }
    if (part[0].n == 0) {
        return ath__xyz_expected(line, start, "the name of a column");
    }
    if (part[1].n != 1 || !strchr("RISL", *part[1].at)) {
        return ath__xyz_expected(line, part[1].at, "R, I, S or L as type of a column");
    }
    if (ath__parse_int(part[2].at, part[2].n, &width, &used) != ATH_OK || used != part[2].n ||
        width < 1 || width > ATH__XYZ_MAX_LINE) {
        return ath__xyz_expected(line, part[2].at, "the number of values of a column");
    }
    *column = (ath__xyz_column){.name = part[0], .type = *part[1].at, .width = (int32_t)width};
    return ATH_OK;
}

static bool rows_have(const ath__xyz_columns *columns, ath__xyz_role role)
{
    for (int32_t i = 0; i < columns->n; i++) {
        if (columns->column[i].role == role) {
            return true;
        }
    }
    return false;
}

ath_status ath__xyz_read_columns(const ath__xyz_line *line, const ath__xyz_item *item,
                                 ath__xyz_columns *out)
{
    static const char plain[] = "species:S:1:pos:R:3";
    const char *p = plain, *end = plain + sizeof plain - 1;
    out->n = 0;
    out->n_values = 0;
    out->plain = !item;
    out->has_numbers = false;
    if (item) {
        p = ath__xyz_skip_blanks(item->value.at, item->value.at + item->value.n);
        end = item->value.at + item->value.n;
        while (end > p && ath__xyz_blank(end[-1])) {
            end--;
        }
    }
    const char *start = p;
    int n_extras = 0;
    for (;; p++) {
        ath__xyz_column *column = &out->column[out->n];
        ATH__TRY(rows_take_column(line, &p, end, column));
        ATH__TRY(rows_check_column(line, out, column));
        const rows_known *known = rows_find_known(column->name);
        column->role = known ? known->role : ATH__XYZ_EXTRA;
        n_extras += !known;
        if (n_extras > ATH__XYZ_MAX_EXTRAS) {
            return ath__xyz_refuse(line, column->name.at, "more than %d columns",
                                   ATH__XYZ_MAX_EXTRAS);
        }
        out->has_numbers = out->has_numbers || column->role == ATH__XYZ_NUMBERS;
        out->n_values += column->width;
        out->n++;
        if (p == end) {
            break;
        }
    }
    if (!rows_have(out, ATH__XYZ_POSITIONS)) {
        return ath__xyz_refuse(line, start, "Properties names no column 'pos'");
    }
    if (!out->has_numbers && !rows_have(out, ATH__XYZ_SPECIES)) {
        return ath__xyz_refuse(line, start, "Properties names neither 'species' nor 'Z'");
    }
    return ATH_OK;
}

/* ---- rows ---- */

/* The row at *p, which then is at the next one. */
static void rows_next_line(const ath__xyz_frame *frame, const char **p, ath__xyz_line *line)
{
    const char *newline = memchr(*p, '\n', (size_t)(frame->rows_end - *p));
    line->begin = *p;
    line->end = newline ? newline : frame->rows_end;
    line->number++;
    *p = newline ? newline + 1 : frame->rows_end;
}

ath_status ath__xyz_check_rows(const ath__xyz_frame *frame, const ath__xyz_columns *columns)
{
    const uint64_t n_bytes = (uint64_t)(frame->rows_end - frame->rows) + 1;
    uint64_t need; /* each value and the character behind it */
    bool fits =
        !__builtin_mul_overflow((uint64_t)frame->n_atoms, 2 * (uint64_t)columns->n_values, &need) &&
        need <= n_bytes;
    ath__xyz_line line = frame->comment;
    const char *p = frame->rows;
    for (int64_t i = 0; i < frame->n_atoms && !fits; i++) {
        rows_next_line(frame, &p, &line);
        const char *q = ath__xyz_skip_blanks(line.begin, line.end);
        int64_t n = 0;
        for (; q < line.end && n < columns->n_values; n++) {
            q = ath__xyz_skip_blanks(ath__xyz_token_end(q, line.end), line.end);
        }
        if (n < columns->n_values) {
            return ath__xyz_expected(&line, q, "%lld values in this row",
                                     (long long)columns->n_values);
        }
    }
    return ATH_OK;
}

typedef struct rows_build {
    ath_context *ctx;
    const ath__xyz_frame *frame;
    ath__xyz_columns *columns;
    const uint8_t *elements;
    ath_system *system;
    int32_t *numbers; /* [n] */
    size_t n;         /* atoms */
    size_t isotopes;  /* D and T among them */
} rows_build;

/* The name of a column for a message: printable, short. */
static const char *rows_name(const ath__xyz_column *column, char out[ROWS_SHOWN + 1])
{
    size_t n = column->name.n < ROWS_SHOWN ? column->name.n : ROWS_SHOWN;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)column->name.at[i];
        out[i] = c < 0x20 || c >= 0x7f ? '?' : (char)c;
    }
    out[n] = '\0';
    return out;
}

static ath_status rows_expected(const ath__xyz_line *line, const char *at,
                                const ath__xyz_column *column, const char *what)
{
    char name[ROWS_SHOWN + 1];
    return ath__xyz_expected(line, at, "%s for '%s'", what, rows_name(column, name));
}

/* The next real number of a row; *p is behind it, or at what is none. */
static inline bool rows_real(const char **p, const char *end, double *out)
{
    const char *q = ath__xyz_skip_blanks(*p, end);
    size_t used = 0;
    ath_status status = ath__parse_double(q, (size_t)(end - q), out, &used);
    *p = q + used;
    if (status == ATH_OK && (*p == end || ath__xyz_blank(**p))) {
        return true;
    }
    const char *stop = ath__xyz_token_end(q, end);
    bool good = ath__xyz_real(q, stop, out);
    *p = good ? stop : q;
    return good;
}

static ath_status rows_take_reals(const ath__xyz_line *line, const char **p,
                                  const ath__xyz_column *column, size_t row)
{
    double *x = (double *)column->rows + row * (size_t)column->width;
    const ath__xyz_role role = column->role;
    const double limit = role == ATH__XYZ_POSITIONS ? ROWS_MAX_COORDINATE
                         : role == ATH__XYZ_MASSES  ? ROWS_MAX_MASS
                         : role == ATH__XYZ_MOMENTA ? ROWS_MAX_MOMENTUM
                         : role == ATH__XYZ_EXTRA   ? HUGE_VAL
                                                    : ROWS_MAX_VALUE;
    for (int32_t k = 0; k < column->width; k++) {
        const char *before = *p;
        if (!rows_real(p, line->end, &x[k])) {
            return rows_expected(line, *p, column, "a real number");
        }
        if (!(fabs(x[k]) <= limit) || (role == ATH__XYZ_MASSES && !(x[k] >= ROWS_MIN_MASS))) {
            const char *what = role == ATH__XYZ_POSITIONS ? "at most 1e6 angstrom"
                               : role == ATH__XYZ_MASSES  ? "1e-6 to 1e6 amu"
                               : role == ATH__XYZ_MOMENTA ? "at most 1e30"
                                                          : "at most 1e12";
            return rows_expected(line, ath__xyz_skip_blanks(before, line->end), column, what);
        }
    }
    return ATH_OK;
}

static ath_status rows_take_ints(const ath__xyz_line *line, const char **p,
                                 const ath__xyz_column *column, size_t row)
{
    int64_t *x = (int64_t *)column->rows + row * (size_t)column->width;
    for (int32_t k = 0; k < column->width; k++) {
        const char *q = ath__xyz_skip_blanks(*p, line->end);
        const char *stop = ath__xyz_token_end(q, line->end);
        size_t used = 0;
        if (ath__parse_int(q, (size_t)(stop - q), &x[k], &used) != ATH_OK || q + used != stop) {
            return rows_expected(line, q, column, "a whole number");
        }
        *p = stop;
    }
    return ATH_OK;
}

static ath_status rows_take_bools(const ath__xyz_line *line, const char **p,
                                  const ath__xyz_column *column, size_t row)
{
    uint8_t *x = (uint8_t *)column->rows + row * (size_t)column->width;
    for (int32_t k = 0; k < column->width; k++) {
        const char *q = ath__xyz_skip_blanks(*p, line->end);
        const char *stop = ath__xyz_token_end(q, line->end);
        if (stop - q == 1 && (*q == '0' || *q == '1')) {
            x[k] = *q == '1';
        } else if (!ath__xyz_bool(q, stop, &x[k])) {
            return rows_expected(line, q, column, "T or F");
        }
        *p = stop;
    }
    return ATH_OK;
}

static ath_status rows_take_words(const ath__xyz_line *line, const char **p,
                                  const ath__xyz_column *column, size_t row)
{
    const char **x = (const char **)column->rows + row * (size_t)column->width;
    for (int32_t k = 0; k < column->width; k++) {
        const char *q = ath__xyz_skip_blanks(*p, line->end);
        const char *stop = ath__xyz_token_end(q, line->end);
        if (q == stop) {
            return rows_expected(line, q, column, "a word");
        }
        if (memchr(q, '\0', (size_t)(stop - q))) {
            return rows_expected(line, q, column, "a word without NUL");
        }
        x[k] = q;
        *p = stop;
    }
    return ATH_OK;
}

static ath_status rows_take_species(rows_build *b, const ath__xyz_line *line, const char **p,
                                    size_t row)
{
    const char *q = ath__xyz_skip_blanks(*p, line->end);
    const char *stop = ath__xyz_token_end(q, line->end);
    int32_t z = rows_element(b->elements, q, stop);
    if (z == 0) {
        return ath__xyz_expected(line, q, "the symbol of an element");
    }
    b->isotopes += z >= ROWS_D;
    b->numbers[row] = z;
    *p = stop;
    return ATH_OK;
}

static ath_status rows_take_number(rows_build *b, const ath__xyz_line *line, const char **p,
                                   size_t row)
{
    const char *q = ath__xyz_skip_blanks(*p, line->end);
    const char *stop = ath__xyz_token_end(q, line->end);
    int64_t z = 0;
    size_t used = 0;
    if (ath__parse_int(q, (size_t)(stop - q), &z, &used) != ATH_OK || q + used != stop || z < 1 ||
        z > 118) {
        return ath__xyz_expected(line, q, "an atomic number from 1 to 118");
    }
    b->numbers[row] = (int32_t)z;
    *p = stop;
    return ATH_OK;
}

static ath_status rows_take_row(rows_build *b, const ath__xyz_line *line, size_t row)
{
    const char *p = line->begin;
    for (int32_t c = 0; c < b->columns->n; c++) {
        const ath__xyz_column *column = &b->columns->column[c];
        ath_status status;
        if (column->role == ATH__XYZ_NUMBERS) {
            status = rows_take_number(b, line, &p, row);
        } else if (column->role == ATH__XYZ_SPECIES && !b->columns->has_numbers) {
            status = rows_take_species(b, line, &p, row);
        } else if (column->type == 'R') {
            status = rows_take_reals(line, &p, column, row);
        } else if (column->type == 'S') {
            status = rows_take_words(line, &p, column, row);
        } else if (column->type == 'L' || column->role == ATH__XYZ_MOVE_MASK) {
            status = rows_take_bools(line, &p, column, row);
        } else {
            status = rows_take_ints(line, &p, column, row);
        }
        if (status != ATH_OK) {
            return status;
        }
    }
    p = ath__xyz_skip_blanks(p, line->end);
    if (p < line->end && !b->columns->plain) {
        return ath__xyz_expected(line, p, "the end of the row after %lld values",
                                 (long long)b->columns->n_values);
    }
    return ATH_OK;
}

/* ---- storage ---- */

static size_t rows_value_bytes(const ath__xyz_column *column)
{
    if (column->type == 'L' || column->role == ATH__XYZ_MOVE_MASK) {
        return 1;
    }
    return column->type == 'S' ? sizeof(const char *) : 8;
}

/* Rows to parse into: those of a field, or our own for what is worked on afterwards. */
static ath_status rows_open_column(rows_build *b, ath__xyz_column *column)
{
    switch (column->role) {
    case ATH__XYZ_POSITIONS:
        return ath_system_field(b->system, ATH_FIELD_POSITIONS, &column->rows);
    case ATH__XYZ_FORCES:
        return ath_system_field(b->system, ATH_FIELD_FORCES, &column->rows);
    case ATH__XYZ_MOMENTA:
    case ATH__XYZ_VELOCITIES:
    case ATH__XYZ_VELOCITIES_FS:
        return ath_system_field(b->system, ATH_FIELD_VELOCITIES, &column->rows);
    case ATH__XYZ_NUMBERS:
        return ATH_OK;
    case ATH__XYZ_SPECIES:
        if (!b->columns->has_numbers) {
            return ATH_OK;
        }
        break;
    default:
        break;
    }
    size_t n_values;
    if (ath__mul(b->n, (size_t)column->width, &n_values)) {
        return ath__fail(b->ctx, ATH_E_NO_MEMORY, "column is too large");
    }
    column->owned = true;
    return ath__alloc(b->ctx, n_values, rows_value_bytes(column), &column->rows);
}

static void rows_close_column(rows_build *b, ath__xyz_column *column)
{
    if (column->owned) {
        ath__free(b->ctx, &column->rows, b->n * (size_t)column->width, rows_value_bytes(column));
    }
    column->rows = NULL;
    column->owned = false;
}

/* Masses: the column's where it differs from the standard weights, else those of D and T. */
static ath_status rows_store_masses(rows_build *b, const ath__xyz_column *column)
{
    bool standard = true;
    void *rows;
    const double *given = column ? column->rows : NULL;
    for (size_t i = 0; given && i < b->n; i++) {
        standard = standard && given[i] == ath_element_mass(b->numbers[i]);
    }
    if (standard && (given || b->isotopes == 0)) {
        return ATH_OK;
    }
    ATH__TRY(ath_system_field(b->system, ATH_FIELD_MASSES, &rows));
    double *masses = rows;
    for (size_t i = 0; i < b->n; i++) {
        masses[i] = given                     ? given[i]
                    : b->numbers[i] == ROWS_D ? ROWS_DEUTERIUM
                    : b->numbers[i] == ROWS_T ? ROWS_TRITIUM
                                              : ath_element_mass(b->numbers[i]);
    }
    return ATH_OK;
}

static void rows_store_velocities(rows_build *b, const ath__xyz_column *column)
{
    double *v = column->rows;
    const double *masses = ath_system_peek(b->system, ATH_FIELD_MASSES);
    if (column->role == ATH__XYZ_VELOCITIES) {
        return;
    }
    for (size_t i = 0; i < b->n; i++) {
        const double mass = masses ? masses[i] : ath_element_mass(b->numbers[i]);
        for (size_t k = 3 * i; k < 3 * i + 3; k++) {
            v[k] = column->role == ATH__XYZ_MOMENTA ? v[k] / mass : v[k] * ATH_FS_PER_TIME;
        }
    }
}

static ath_status rows_store_mask(rows_build *b, const ath__xyz_column *column)
{
    void *rows;
    const uint8_t *free_ = column->rows;
    const size_t width = (size_t)column->width;
    if (b->n == 0 || !memchr(free_, 0, b->n * width)) {
        return ATH_OK; /* all free */
    }
    ATH__TRY(ath_system_field(b->system, ATH_FIELD_FIXED, &rows));
    uint8_t *fixed = rows;
    for (size_t i = 0; i < 3 * b->n; i++) {
        fixed[i] = !free_[width == 3 ? i : i / 3];
    }
    return ATH_OK;
}

static ath_status rows_set_extra(rows_build *b, const ath__xyz_column *column, ath_extra_type type)
{
    char *name;
    ATH__TRY(ath__alloc(b->ctx, column->name.n + 1, 1, &name));
    memcpy(name, column->name.at, column->name.n);
    const ath_extra extra = {.name = name,
                             .level = ATH_LEVEL_ATOM,
                             .type = type,
                             .width = column->width,
                             .values = column->rows};
    ath_status status = ath_system_set_extra(b->system, &extra);
    ath__free(b->ctx, &name, column->name.n + 1, 1);
    return status;
}

/* Words get a copy with NULs; the pointers in the column then lead there. */
static ath_status rows_store_words(rows_build *b, ath__xyz_column *column)
{
    const char **words = column->rows;
    const size_t n = b->n * (size_t)column->width;
    const char *end = b->frame->rows_end;
    size_t bytes = 0;
    char *text;
    for (size_t i = 0; i < n; i++) {
        bytes += (size_t)(ath__xyz_token_end(words[i], end) - words[i]) + 1; /* below the file's */
    }
    ATH__TRY(ath__alloc(b->ctx, bytes, 1, &text));
    char *to = text;
    for (size_t i = 0; i < n; i++) {
        size_t length = (size_t)(ath__xyz_token_end(words[i], end) - words[i]);
        memcpy(to, words[i], length);
        words[i] = to;
        to += length + 1;
    }
    ath_status status = rows_set_extra(b, column, ATH_EXTRA_STRING);
    ath__free(b->ctx, &text, bytes, 1);
    return status;
}

/* Species beside Z: D and T are isotopes, and labels that are not the symbols are kept. */
static ath_status rows_store_labels(rows_build *b, ath__xyz_column *column)
{
    const char *const *words = column->rows;
    bool plain = true;
    for (size_t i = 0; i < b->n; i++) {
        const char *stop = ath__xyz_token_end(words[i], b->frame->rows_end);
        const char *symbol = ath_element_symbol(b->numbers[i]);
        const size_t n = (size_t)(stop - words[i]);
        plain = plain && n == strlen(symbol) && memcmp(words[i], symbol, n) == 0;
        int32_t z = n == 1 ? rows_element(b->elements, words[i], stop) : 0;
        if (b->numbers[i] == 1 && z >= ROWS_D) {
            b->numbers[i] = z;
            b->isotopes++;
        }
    }
    if (plain) {
        return ATH_OK;
    }
    column->name = (ath__xyz_span){"species", 7};
    return rows_store_words(b, column);
}

static ath_status rows_store_extra(rows_build *b, ath__xyz_column *column)
{
    switch (column->type) {
    case 'S':
        return rows_store_words(b, column);
    case 'R':
        return rows_set_extra(b, column, ATH_EXTRA_REAL);
    case 'I':
        return rows_set_extra(b, column, ATH_EXTRA_INT);
    default:
        return rows_set_extra(b, column, ATH_EXTRA_BOOL);
    }
}

static ath__xyz_column *rows_find_role(const rows_build *b, ath__xyz_role role)
{
    for (int32_t c = 0; c < b->columns->n; c++) {
        if (rows_group(b->columns->column[c].role) == role) {
            return &b->columns->column[c];
        }
    }
    return NULL;
}

/* What needs more than its own column, in the order of need: numbers, masses, velocities. */
static ath_status rows_store(rows_build *b)
{
    ath__xyz_column *labels = rows_find_role(b, ATH__XYZ_SPECIES);
    if (labels && b->columns->has_numbers) {
        ATH__TRY(rows_store_labels(b, labels));
        rows_close_column(b, labels);
    }
    ATH__TRY(rows_store_masses(b, rows_find_role(b, ATH__XYZ_MASSES)));
    for (size_t i = 0; i < b->n && b->isotopes > 0; i++) {
        b->numbers[i] = b->numbers[i] >= ROWS_D ? 1 : b->numbers[i];
    }
    ath__xyz_column *velocities = rows_find_role(b, ATH__XYZ_VELOCITIES);
    if (velocities) {
        rows_store_velocities(b, velocities);
    }
    for (int32_t c = 0; c < b->columns->n; c++) {
        ath__xyz_column *column = &b->columns->column[c];
        if (column->role == ATH__XYZ_MOVE_MASK) {
            ATH__TRY(rows_store_mask(b, column));
        } else if (column->role == ATH__XYZ_EXTRA) {
            ATH__TRY(rows_store_extra(b, column));
        }
        rows_close_column(b, column);
    }
    return ATH_OK;
}

static ath_status rows_parse(rows_build *b)
{
    ath__xyz_line line = b->frame->comment;
    const char *p = b->frame->rows;
    for (size_t i = 0; i < b->n; i++) {
        rows_next_line(b->frame, &p, &line);
        ATH__TRY(rows_take_row(b, &line, i));
    }
    return ATH_OK;
}

ath_status ath__xyz_read_rows(const ath__xyz_frame *frame, ath__xyz_columns *columns,
                              const uint8_t *elements, ath_system *system)
{
    rows_build b = {.ctx = frame->comment.ctx,
                    .frame = frame,
                    .columns = columns,
                    .elements = elements,
                    .system = system,
                    .n = (size_t)frame->n_atoms};
    void *rows;
    ath_status status = ath_system_field(system, ATH_FIELD_NUMBERS, &rows);
    b.numbers = rows;
    for (int32_t c = 0; c < columns->n && status == ATH_OK; c++) {
        status = rows_open_column(&b, &columns->column[c]);
    }
    if (status == ATH_OK) {
        status = rows_parse(&b);
    }
    if (status == ATH_OK) {
        status = rows_store(&b);
    }
    for (int32_t c = 0; c < columns->n; c++) {
        rows_close_column(&b, &columns->column[c]);
    }
    return status;
}
