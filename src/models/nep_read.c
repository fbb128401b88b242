/* The reader of NEP files (nep.txt): header, then one number per line.
 *
 *     nep4_zbl 3 Ba Ti O          tag, number of types, their symbols
 *     zbl 0.75 1.5 [factor]       with _zbl only; "zbl 0 0": flexible; a factor: type-wise
 *     cutoff 6 4 [86 26]          radial, angular; or a pair of cutoffs for each type; memory hints
 *     n_max 8 6
 *     basis_size 8 8
 *     l_max 4 2 1 [...]           L, then switches 222 1111 112 123 233 134: on unless 0
 *     ANN 40 0                    neurons
 *
 * The number of lines that follow is the only check of itself that the format has, so it must be
 * exact. NEP3, NEP4 and NEP5 are read; NEP2, models of dipoles, polarizabilities and temperature
 * and models with charges or dispersion are refused by name. Locale-free; no hex, inf or nan.
 */
#include <stdio.h>
#include <string.h>

#include <athanor/system.h>

#include "models/nep.h"

enum { NEP_WORDS = 2 * ATH__NEP_TYPES + 8, NEP_MESSAGE = 512, NEP_SHOWN = 40 };

typedef struct nep_word {
    const char *text;
    size_t n;
} nep_word;

typedef struct nep_text {
    ath_context *ctx;
    const char *path;
    const char *next, *end; /* what is not read yet */
    const char *begin;      /* of the present line */
    int64_t line;           /* from 1 */
    nep_word word[NEP_WORDS];
    int n_words;
} nep_text;

/* ---- messages ---- */

/* `at` is in the present line; NULL: the line as a whole. */
static ath_status nep_fail(const nep_text *t, ath_status status, const char *at, const char *format,
                           ...) __attribute__((format(printf, 4, 5)));

static ath_status nep_fail(const nep_text *t, ath_status status, const char *at, const char *format,
                           ...)
{
    char message[NEP_MESSAGE];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (!at) {
        return ath__fail(t->ctx, status, "%s:%lld: %s", t->path, (long long)t->line, message);
    }
    return ath__fail(t->ctx, status, "%s:%lld:%lld: %s", t->path, (long long)t->line,
                     (long long)(at - t->begin + 1), message);
}

/* How much of a word a message shows. */
static int nep_shown(const nep_word *w)
{
    return w->n < NEP_SHOWN ? (int)w->n : (int)NEP_SHOWN;
}

/* ---- lines and words ---- */

static bool nep_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

/* The end of the line that begins at `at`. */
static const char *nep_line_end(const char *at, const char *end)
{
    const char *newline = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
    return newline ? newline : end;
}

/* Splits the next line into words; ATH_E_FORMAT at the end of the file. */
static ath_status nep_next_line(nep_text *t, const char *what)
{
    t->begin = t->next;
    t->line++;
    t->n_words = 0;
    if (t->next >= t->end) {
        return nep_fail(t, ATH_E_FORMAT, NULL, "the file ends where %s was expected", what);
    }
    const char *const end = nep_line_end(t->next, t->end);
    t->next = end < t->end ? end + 1 : end;
    for (const char *at = t->begin; at < end;) {
        if (nep_blank(*at)) {
            at++;
            continue;
        }
        const char *const first = at;
        while (at < end && !nep_blank(*at)) {
            at++;
        }
        if (t->n_words == NEP_WORDS) {
            return nep_fail(t, ATH_E_FORMAT, first, "more than %d words in %s", NEP_WORDS, what);
        }
        t->word[t->n_words++] = (nep_word){first, (size_t)(at - first)};
    }
    return ATH_OK;
}

/* The next line must begin with `key` and have at least `least`, at most `most` words after it. */
static ath_status nep_key(nep_text *t, const char *key, int least, int most)
{
    ATH__TRY(nep_next_line(t, key));
    const nep_word *w = t->word;
    if (t->n_words == 0) {
        return nep_fail(t, ATH_E_FORMAT, NULL, "empty line; '%s' was expected", key);
    }
    if (w->n != strlen(key) || memcmp(w->text, key, w->n) != 0) {
        return nep_fail(t, ATH_E_FORMAT, w->text, "'%.*s'; '%s' was expected", nep_shown(w),
                        w->text, key);
    }
    if (t->n_words - 1 < least || t->n_words - 1 > most) {
        char range[48];
        snprintf(range, sizeof range, least == most ? "%d" : "%d to %d", least, most);
        return nep_fail(t, ATH_E_FORMAT, NULL, "%d values of '%s'; %s were expected",
                        t->n_words - 1, key, range);
    }
    return ATH_OK;
}

static ath_status nep_real(const nep_text *t, const nep_word *w, double *out)
{
    size_t used = 0;
    const ath_status status = ath__parse_double(w->text, w->n, out, &used);
    if (status == ATH_E_RANGE) {
        return nep_fail(t, ATH_E_FORMAT, w->text, "'%.*s' is too large", nep_shown(w), w->text);
    }
    if (status != ATH_OK || used != w->n) {
        return nep_fail(t, ATH_E_FORMAT, w->text, "'%.*s' is not a number", nep_shown(w), w->text);
    }
    return ATH_OK;
}

/* A cutoff, in (0, 100] angstrom. */
static ath_status nep_length(const nep_text *t, const nep_word *w, double *out)
{
    ATH__TRY(nep_real(t, w, out));
    if (!(*out > 0.0 && *out <= 100.0)) {
        return nep_fail(t, ATH_E_FORMAT, w->text, "'%.*s': a cutoff lies in (0, 100] angstrom",
                        nep_shown(w), w->text);
    }
    return ATH_OK;
}

static ath_status nep_int(const nep_text *t, const nep_word *w, int32_t least, int32_t most,
                          int32_t *out)
{
    size_t used = 0;
    int64_t value = 0;
    const ath_status status = ath__parse_int(w->text, w->n, &value, &used);
    if (status != ATH_OK || used != w->n) {
        return nep_fail(t, ATH_E_FORMAT, w->text, "'%.*s' is not a whole number", nep_shown(w),
                        w->text);
    }
    if (value < least || value > most) {
        return nep_fail(t, ATH_E_FORMAT, w->text, "'%.*s' is not in %d ... %d", nep_shown(w),
                        w->text, (int)least, (int)most);
    }
    *out = (int32_t)value;
    return ATH_OK;
}

/* ---- the first line ---- */

/* What a part of the tag after the version asks for; NULL: nothing known. */
static const char *nep_meaning(const char *part, size_t n)
{
    static const char *const known[][2] = {
        {"charge", "a model with charges"},
        {"charge1", "a model with charges"},
        {"charge2", "a model with charges"},
        {"charge3", "a model with charges"},
        {"vdw", "a model with dispersion charges"},
        {"dipole", "a model of dipoles, not a potential"},
        {"polarizability", "a model of polarizabilities, not a potential"},
        {"temperature", "a model with a temperature"},
    };
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        if (n == strlen(known[k][0]) && !memcmp(part, known[k][0], n)) {
            return known[k][1];
        }
    }
    return NULL;
}

static ath_status nep_tag(const nep_text *t, ath__nep_file *f)
{
    const nep_word *w = t->word;
    const char *const end = w->text + w->n;
    const char *part = w->text + (w->n < 3 ? 0 : 3);
    if (w->n < 3 || memcmp(w->text, "nep", 3) != 0 ||
        (part < end && *part != '_' && (*part < '0' || *part > '9'))) {
        return nep_fail(t, ATH_E_FORMAT, w->text,
                        "'%.*s' begins no NEP file; nep3, nep4 or nep5 was expected", nep_shown(w),
                        w->text);
    }
    if (part < end && part[0] >= '3' && part[0] <= '5' && (part + 1 == end || part[1] == '_')) {
        f->version = *part++ - '0';
    } else {
        return nep_fail(t, ATH_E_UNSUPPORTED, w->text,
                        "'%.*s': only NEP3, NEP4 and NEP5 are supported", nep_shown(w), w->text);
    }
    while (part < end) { /* at a '_' */
        const char *const name = part + 1;
        const char *const next = memchr(name, '_', (size_t)(end - name));
        part = next ? next : end;
        const size_t n = (size_t)(part - name);
        if (n == 3 && !memcmp(name, "zbl", 3) && f->zbl == ATH__NEP_NO_ZBL) {
            f->zbl = ATH__NEP_UNIVERSAL;
            continue;
        }
        const char *const meaning = nep_meaning(name, n);
        return nep_fail(t, ATH_E_UNSUPPORTED, name, "'%.*s' is %s; that is not supported",
                        nep_shown(w), w->text, meaning ? meaning : "an unknown variant of NEP");
    }
    return ATH_OK;
}

static ath_status nep_first_line(nep_text *t, ath__nep_file *f)
{
    ATH__TRY(nep_next_line(t, "the tag of a NEP file"));
    if (t->n_words == 0) {
        return nep_fail(t, ATH_E_FORMAT, NULL, "empty line; the tag of a NEP file was expected");
    }
    ATH__TRY(nep_tag(t, f));
    if (t->n_words < 2) {
        return nep_fail(t, ATH_E_FORMAT, NULL, "the number of types is missing");
    }
    ATH__TRY(nep_int(t, &t->word[1], 1, ATH__NEP_TYPES, &f->n_types));
    if (t->n_words - 2 != f->n_types) {
        return nep_fail(t, ATH_E_FORMAT, NULL, "%d symbols for %d types", t->n_words - 2,
                        (int)f->n_types);
    }
    for (int32_t k = 0; k < f->n_types; k++) {
        const nep_word *w = &t->word[2 + k];
        char symbol[4] = {0};
        memcpy(symbol, w->text, w->n < sizeof symbol ? w->n : sizeof symbol - 1);
        f->numbers[k] = w->n < sizeof symbol ? ath_element_number(symbol) : 0;
        if (f->numbers[k] == 0) {
            return nep_fail(t, ATH_E_FORMAT, w->text, "'%.*s' is not an element", nep_shown(w),
                            w->text);
        }
        for (int32_t m = 0; m < k; m++) {
            if (f->numbers[m] == f->numbers[k]) {
                return nep_fail(t, ATH_E_FORMAT, w->text, "%s is named twice", symbol);
            }
        }
    }
    return ATH_OK;
}

/* ---- the other lines of the header ---- */

static ath_status nep_zbl_line(nep_text *t, ath__nep_file *f)
{
    ATH__TRY(nep_key(t, "zbl", 2, 3));
    ATH__TRY(nep_real(t, &t->word[1], &f->zbl_inner));
    ATH__TRY(nep_real(t, &t->word[2], &f->zbl_outer));
    if (t->n_words == 4) {
        ATH__TRY(nep_real(t, &t->word[3], &f->zbl_factor));
        if (!(f->zbl_factor > 0.0)) {
            return nep_fail(t, ATH_E_FORMAT, t->word[3].text, "a factor is larger than 0");
        }
        for (int32_t k = 0; k < f->n_types; k++) {
            if (f->numbers[k] > 94) {
                return nep_fail(t, ATH_E_UNSUPPORTED, NULL, "type-wise ZBL has no radius for %s",
                                ath_element_symbol(f->numbers[k]));
            }
        }
        f->zbl = ATH__NEP_TYPEWISE;
    } else if (f->zbl_inner == 0.0 && f->zbl_outer == 0.0) {
        f->zbl = ATH__NEP_FLEXIBLE;
        return ATH_OK;
    }
    if (!(f->zbl_inner >= 0.0 && f->zbl_inner < f->zbl_outer && f->zbl_outer <= 100.0)) {
        return nep_fail(t, ATH_E_FORMAT, t->word[1].text,
                        "the inner cutoff of ZBL is at least 0 and less than the outer one");
    }
    return ATH_OK;
}

static ath_status nep_cutoff_line(nep_text *t, ath__nep_file *f)
{
    ATH__TRY(nep_key(t, "cutoff", 2, NEP_WORDS));
    const int n = t->n_words - 1, each = 2 * f->n_types + 2;
    if (n != 2 && n != 4 && n != each) {
        return nep_fail(t, ATH_E_FORMAT, NULL, "%d values of 'cutoff'; 2, 4 or %d were expected", n,
                        each);
    }
    for (int32_t k = 0; k < f->n_types; k++) {
        for (int a = 0; a < 2; a++) {
            const nep_word *w = &t->word[1 + (n == each ? 2 * k : 0) + a];
            ATH__TRY(nep_length(t, w, &f->cutoff[a][k]));
        }
    }
    for (int k = n == 2 ? n : n - 2; k < n; k++) { /* memory hints: numbers, but of no use here */
        double hint;
        ATH__TRY(nep_real(t, &t->word[1 + k], &hint));
    }
    return ATH_OK;
}

static ath_status nep_l_max_line(nep_text *t, ath__nep_file *f)
{
    static const int32_t top[ATH__NEP_BODIES] = {2, 1, 2, 3, 3, 4};
    ATH__TRY(nep_key(t, "l_max", 1, 1 + ATH__NEP_BODIES));
    ATH__TRY(nep_int(t, &t->word[1], 0, ATH__NEP_MAX_L, &f->l_max));
    f->l_top = f->l_max;
    f->n_blocks = f->l_max;
    for (int b = 0; b < t->n_words - 2; b++) {
        int32_t value = 0;
        ATH__TRY(nep_int(t, &t->word[2 + b], 0, 9, &value));
        f->body[b] = value != 0;
        f->n_blocks += f->body[b];
        f->l_top = f->body[b] && top[b] > f->l_top ? top[b] : f->l_top;
    }
    return ATH_OK;
}

static ath_status nep_header(nep_text *t, ath__nep_file *f)
{
    int32_t layers = 0;
    ATH__TRY(nep_first_line(t, f));
    if (f->zbl != ATH__NEP_NO_ZBL) {
        ATH__TRY(nep_zbl_line(t, f));
    }
    ATH__TRY(nep_cutoff_line(t, f));
    ATH__TRY(nep_key(t, "n_max", 2, 2));
    for (int a = 0; a < 2; a++) {
        ATH__TRY(nep_int(t, &t->word[1 + a], 0, ATH__NEP_FUNCTIONS - 1, &f->n[a]));
        f->n[a]++;
    }
    ATH__TRY(nep_key(t, "basis_size", 2, 2));
    for (int a = 0; a < 2; a++) {
        ATH__TRY(nep_int(t, &t->word[1 + a], 0, ATH__NEP_FUNCTIONS - 1, &f->k[a]));
        f->k[a]++;
    }
    ATH__TRY(nep_l_max_line(t, f));
    ATH__TRY(nep_key(t, "ANN", 2, 2));
    ATH__TRY(nep_int(t, &t->word[1], 1, ATH__NEP_NEURONS, &f->neurons));
    ATH__TRY(nep_int(t, &t->word[2], 0, ATH__NEP_NEURONS, &layers));
    if (layers != 0) {
        return nep_fail(t, ATH_E_UNSUPPORTED, t->word[2].text,
                        "a second hidden layer is not supported");
    }
    return ATH_OK;
}

/* How many numbers the header promises. The limits of nep.h keep all of this below 2^31. */
static void nep_count(ath__nep_file *f)
{
    const int64_t types = f->n_types, hidden = f->neurons;
    f->dimension = f->n[0] + f->n[1] * f->n_blocks;
    f->network = (f->dimension + 2) * hidden + (f->version == 5);
    f->n_networks = f->version == 3 ? 1 : types;
    f->n_parameters = f->n_networks * f->network + 1 +
                      types * types * ((int64_t)f->n[0] * f->k[0] + (int64_t)f->n[1] * f->k[1]);
    f->n_values = f->n_parameters + f->dimension +
                  (f->zbl == ATH__NEP_FLEXIBLE ? 10 * (types * (types + 1) / 2) : 0);
}

/* ---- the numbers ---- */

/* Lines up to the last one that is not blank. */
static int64_t nep_lines_left(const nep_text *t)
{
    int64_t n = 0, used = 0;
    for (const char *at = t->next; at < t->end;) {
        const char *const end = nep_line_end(at, t->end);
        n++;
        for (; at < end; at++) {
            if (!nep_blank(*at)) {
                used = n;
                break;
            }
        }
        at = end < t->end ? end + 1 : end;
    }
    return used;
}

static ath_status nep_numbers(nep_text *t, ath__nep_file *f)
{
    const int64_t n = nep_lines_left(t);
    if (n != f->n_values) {
        t->line += n;
        return nep_fail(
            t, ATH_E_FORMAT, NULL,
            "%lld numbers follow the header; %lld were expected: %lld parameters, %d scalers, "
            "%lld of ZBL",
            (long long)n, (long long)f->n_values, (long long)f->n_parameters, (int)f->dimension,
            (long long)(f->n_values - f->n_parameters - f->dimension));
    }
    ATH__TRY(ath__alloc(t->ctx, (size_t)n, sizeof *f->values, &f->values));
    for (int64_t k = 0; k < n; k++) {
        ATH__TRY(nep_next_line(t, "a number"));
        if (t->n_words != 1) {
            return nep_fail(t, ATH_E_FORMAT, t->n_words > 1 ? t->word[1].text : NULL,
                            "%d words; one number was expected", t->n_words);
        }
        ATH__TRY(nep_real(t, t->word, &f->values[k]));
    }
    return ATH_OK;
}

ath_status ath__nep_parse(ath_context *ctx, const char *path, const char *text, size_t bytes,
                          ath__nep_file *out)
{
    *out = (ath__nep_file){0};
    nep_text t = {.ctx = ctx, .path = path, .next = text, .end = text + bytes, .begin = text};
    ath_status status = nep_header(&t, out);
    if (status == ATH_OK) {
        nep_count(out);
        status = nep_numbers(&t, out);
    }
    if (status != ATH_OK) {
        ath__nep_free(ctx, out);
    }
    return status;
}

ath_status ath__nep_read(ath_context *ctx, const char *path, ath__nep_file *out)
{
    ath__bytes bytes = {0};
    *out = (ath__nep_file){0};
    ATH__TRY(ath__file_read(ctx, path, 0, &bytes));
    const ath_status status = ath__nep_parse(ctx, path, (const char *)bytes.data, bytes.size, out);
    ath__bytes_free(ctx, &bytes);
    return status;
}

bool ath__nep_begins(const char *head, size_t n)
{
    return n > 3 && !memcmp(head, "nep", 3) &&
           (nep_blank(head[3]) || head[3] == '_' || (head[3] >= '0' && head[3] <= '9'));
}

void ath__nep_free(ath_context *ctx, ath__nep_file *file)
{
    ath__free(ctx, &file->values, (size_t)file->n_values, sizeof *file->values);
    *file = (ath__nep_file){0};
}
