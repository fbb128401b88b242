/* The reader of Stillinger-Weber parameter files, in the format of LAMMPS' pair_style sw:
 *
 *     # comment, up to the end of the line
 *     Si Si Si  2.1683 2.0951 1.80 21.0 1.20 -0.333333333333
 *               7.049556277 0.6022245584 4.0 0.0 0.0
 *
 * An entry begins on a line of its own, goes on over as many lines as it needs, and has 14 words:
 * three elements, then epsilon (eV), sigma (angstrom), a, lambda, gamma, cos theta0, A, B, p, q,
 * tol. Every three of the elements that are used need exactly one entry, in every order. As in
 * LAMMPS, the first line may say "UNITS: real", and epsilon is in kcal/mol then.
 *
 * Locale-free; no hex, inf or nan; time is linear in the size of the file.
 */
#include <stdio.h>
#include <string.h>

#include <athanor/system.h>

#include "base/base.h"
#include "models/sw.h"

enum {
    SW_VALUES = 11,
    SW_WORDS = 3 + SW_VALUES,
    SW_MESSAGE = 512,
    SW_SHOWN = 40,
    SW_FILE_BYTES = 64 << 20
};

typedef struct sw_word {
    const char *text;
    size_t n;
    int64_t line, column; /* from 1 */
    bool first;           /* on its line */
} sw_word;

/* An element that is used, and what the file calls it. */
typedef struct sw_name {
    const char *text;
    size_t n;
    int32_t number;
} sw_name;

typedef struct sw_text {
    ath_context *ctx;
    const char *path;
    const char *at, *end; /* what is not read yet */
    const char *begin;    /* of the present line */
    int64_t line;         /* from 1 */
    bool first;           /* nothing was read on this line yet */
    bool chosen;          /* names are those of the option, others are passed over */
    double energy;        /* of the unit of the file, eV */
    sw_name name[ATH__SW_KINDS];
    int32_t n_names;
} sw_text;

/* ---- messages ---- */

static ath_status sw_fail(const sw_text *t, const sw_word *w, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static ath_status sw_fail(const sw_text *t, const sw_word *w, const char *format, ...)
{
    char message[SW_MESSAGE];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return ath__fail(t->ctx, ATH_E_FORMAT, "%s:%lld:%lld: %s", t->path, (long long)w->line,
                     (long long)w->column, message);
}

/* How much of a word a message shows. */
static int sw_shown(const sw_word *w)
{
    return w->n < SW_SHOWN ? (int)w->n : (int)SW_SHOWN;
}

/* ---- words ---- */

static bool sw_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

/* The next word; at the end of the file false, and the place of the end. */
static bool sw_next(sw_text *t, sw_word *w)
{
    while (t->at < t->end && (sw_blank(*t->at) || *t->at == '\n' || *t->at == '#')) {
        if (*t->at == '#') {
            const char *newline = memchr(t->at, '\n', (size_t)(t->end - t->at));
            t->at = newline ? newline : t->end;
        } else if (*t->at++ == '\n') {
            t->begin = t->at;
            t->line++;
            t->first = true;
        }
    }
    *w = (sw_word){t->at, 0, t->line, t->at - t->begin + 1, t->first};
    while (t->at < t->end && !sw_blank(*t->at) && *t->at != '\n' && *t->at != '#') {
        t->at++;
        w->n++;
    }
    t->first = false;
    return w->n > 0;
}

/* Atomic number of a symbol; 0 if there is none. */
static int32_t sw_element(const char *text, size_t n)
{
    char symbol[4] = {0};
    memcpy(symbol, text, n < sizeof symbol ? n : sizeof symbol - 1);
    return n < sizeof symbol ? ath_element_number(symbol) : 0;
}

/* Kind of the element of a word, a new one if all are used; -1: not used. */
static ath_status sw_kind(sw_text *t, const sw_word *w, int32_t *out)
{
    for (int32_t k = 0; k < t->n_names; k++) {
        if (w->n == t->name[k].n && !memcmp(w->text, t->name[k].text, w->n)) {
            *out = k;
            return ATH_OK;
        }
    }
    *out = -1;
    if (t->chosen) {
        return ATH_OK;
    }
    const int32_t number = sw_element(w->text, w->n);
    if (number == 0) {
        return sw_fail(t, w,
                       "'%.*s' is not an element; elements=O:%.*s makes it oxygen, for example",
                       sw_shown(w), w->text, sw_shown(w), w->text);
    }
    if (t->n_names == ATH__SW_KINDS) {
        return sw_fail(t, w, "more than %d elements; choose with elements=", ATH__SW_KINDS);
    }
    *out = t->n_names;
    t->name[t->n_names++] = (sw_name){w->text, w->n, number};
    return ATH_OK;
}

/* ---- an entry ---- */

static const struct {
    const char *name;
    double least, most;
} sw_limits[SW_VALUES] = {{"epsilon", 0.0, 1e6}, {"sigma", 0.0, 1e3}, {"a", 0.0, 1e3},
                          {"lambda", 0.0, 1e6},  {"gamma", 0.0, 1e3}, {"cos theta0", -1.0, 1.0},
                          {"A", 0.0, 1e9},       {"B", 0.0, 1e9},     {"p", 0.0, 100.0},
                          {"q", 0.0, 100.0},     {"tol", 0.0, 1.0}};

static ath_status sw_value(const sw_text *t, const sw_word *w, int which, double *out)
{
    size_t used = 0;
    const char *name = sw_limits[which].name;
    const ath_status status = ath__parse_double(w->text, w->n, out, &used);
    if (status == ATH_E_RANGE) {
        return sw_fail(t, w, "%s: '%.*s' is too large", name, sw_shown(w), w->text);
    }
    if (status != ATH_OK || used != w->n) {
        return sw_fail(t, w, "%s: '%.*s' is not a number", name, sw_shown(w), w->text);
    }
    if (!(*out >= sw_limits[which].least && *out <= sw_limits[which].most)) {
        return sw_fail(t, w, "%s: '%.*s' is not in %g ... %g", name, sw_shown(w), w->text,
                       sw_limits[which].least, sw_limits[which].most);
    }
    return ATH_OK;
}

/* The entry whose first word is `first`. */
static ath_status sw_entry(sw_text *t, const sw_word *first, ath__sw_table *table)
{
    sw_word w = *first;
    int32_t kind[3];
    double v[SW_VALUES];
    if (!w.first) {
        return sw_fail(t, &w,
                       "'%.*s': the entry is complete before; another one begins on a line "
                       "of its own",
                       sw_shown(&w), w.text);
    }
    for (int k = 0; k < SW_WORDS; k++) {
        if (k > 0 && !sw_next(t, &w)) {
            return sw_fail(t, &w, "the file ends inside an entry, after %d of %d words", k,
                           SW_WORDS);
        }
        ATH__TRY(k < 3 ? sw_kind(t, &w, &kind[k]) : sw_value(t, &w, k - 3, &v[k - 3]));
    }
    if (kind[0] < 0 || kind[1] < 0 || kind[2] < 0) {
        return ATH_OK;
    }
    if (v[1] * v[2] > 1e3) {
        return sw_fail(t, first, "a sigma is more than 1000 angstrom");
    }
    /* 0: no pair; what lies between is no length of atoms, and quotients of it overflow */
    if (v[1] > 0.0 && v[1] < 1e-3) {
        return sw_fail(t, first, "sigma is neither 0 nor at least 0.001 angstrom");
    }
    const int32_t at = ath__sw_at(kind[0], kind[1], kind[2]);
    if (table->line[at] != 0) {
        return sw_fail(t, first, "an entry for the same elements stands in line %d",
                       (int)table->line[at]);
    }
    table->line[at] = (int32_t)first->line;
    table->angle[at] = (ath__sw_angle){
        v[0] * t->energy, v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10]};
    return ATH_OK;
}

/* ---- the file ---- */

/* The units, of which the first line may speak. */
static ath_status sw_units(sw_text *t)
{
    static const char key[] = "UNITS:";
    t->energy = 1.0;
    const char *newline = t->at < t->end ? memchr(t->at, '\n', (size_t)(t->end - t->at)) : NULL;
    const char *const end = newline ? newline : t->end;
    for (const char *at = t->at; end - at >= (ptrdiff_t)sizeof key - 1; at++) {
        if (memcmp(at, key, sizeof key - 1) != 0) {
            continue;
        }
        sw_word w = {at + sizeof key - 1, 0, 1, 0, false};
        while (w.text < end && sw_blank(*w.text)) {
            w.text++;
        }
        w.column = w.text - t->at + 1;
        while (w.text + w.n < end && !sw_blank(w.text[w.n])) {
            w.n++;
        }
        if (w.n == 4 && !memcmp(w.text, "real", 4)) {
            t->energy = ATH__SW_KCAL;
        } else if (w.n != 5 || memcmp(w.text, "metal", 5) != 0) {
            return sw_fail(t, &w, "units '%.*s'; metal or real were expected", sw_shown(&w),
                           w.text);
        }
        return ATH_OK;
    }
    return ATH_OK;
}

/* The option `elements`: "Si;O:mW". */
static ath_status sw_choose(sw_text *t, const char *elements)
{
    for (const char *at = elements; *at;) {
        const size_t n = strcspn(at, ";");
        const char *colon = memchr(at, ':', n);
        const size_t n_symbol = colon ? (size_t)(colon - at) : n;
        sw_name name = {colon ? colon + 1 : at, colon ? n - n_symbol - 1 : n,
                        sw_element(at, n_symbol)};
        if (name.number == 0 || name.n == 0 || t->n_names == ATH__SW_KINDS) {
            return ath__fail(t->ctx, ATH_E_OPTION,
                             "sw: elements: expected at most %d of ELEMENT or ELEMENT:NAME, "
                             "separated by semicolons, at '%.40s'",
                             ATH__SW_KINDS, at);
        }
        for (int32_t k = 0; k < t->n_names; k++) {
            if (t->name[k].number == name.number ||
                (t->name[k].n == name.n && !memcmp(t->name[k].text, name.text, name.n))) {
                return ath__fail(t->ctx, ATH_E_OPTION, "sw: elements: '%.*s' is given twice",
                                 n < SW_SHOWN ? (int)n : (int)SW_SHOWN, at);
            }
        }
        t->name[t->n_names++] = name;
        at += n + (at[n] == ';');
    }
    t->chosen = t->n_names > 0;
    return ATH_OK;
}

static ath_status sw_complete(const sw_text *t, const ath__sw_table *table)
{
    const int32_t n = t->n_names;
    if (n == 0) {
        return ath__fail(t->ctx, ATH_E_FORMAT, "%s: no entries", t->path);
    }
    for (int32_t ijk = 0; ijk < n * n * n; ijk++) {
        const int32_t i = ijk / (n * n), j = ijk / n % n, k = ijk % n;
        if (table->line[ath__sw_at(i, j, k)] == 0) {
            return ath__fail(
                t->ctx, ATH_E_FORMAT, "%s: no entry for %s %s %s%s", t->path,
                ath_element_symbol(t->name[i].number), ath_element_symbol(t->name[j].number),
                ath_element_symbol(t->name[k].number),
                t->chosen || n == 1 ? "" : "; choose with elements= if not all are needed");
        }
    }
    return ATH_OK;
}

ath_status ath__sw_parse(ath_context *ctx, const char *path, const char *text, size_t bytes,
                         const char *elements, ath__sw_table *out)
{
    sw_text t = {.ctx = ctx,
                 .path = path,
                 .at = text,
                 .end = text + bytes,
                 .begin = text,
                 .line = 1,
                 .first = true};
    sw_word w;
    memset(out, 0, sizeof *out);
    ATH__TRY(sw_choose(&t, elements));
    ATH__TRY(sw_units(&t));
    while (sw_next(&t, &w)) {
        ATH__TRY(sw_entry(&t, &w, out));
    }
    ATH__TRY(sw_complete(&t, out));
    out->n_kinds = t.n_names;
    for (int32_t k = 0; k < t.n_names; k++) {
        out->number[k] = t.name[k].number;
    }
    return ATH_OK;
}

ath_status ath__sw_read(ath_context *ctx, const char *path, const char *elements,
                        ath__sw_table *out)
{
    ath__bytes bytes = {0};
    ATH__TRY(ath__file_read(ctx, path, SW_FILE_BYTES, &bytes));
    const ath_status status =
        ath__sw_parse(ctx, path, (const char *)bytes.data, bytes.size, elements, out);
    ath__bytes_free(ctx, &bytes);
    return status;
}
