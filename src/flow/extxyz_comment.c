/* The comment line of extended XYZ: items of key=value, and what type a value has.
 *
 * Grammar (ASE's, with the lists of libAtoms): items are separated by blanks, blanks may stand
 * around
 * '='. A key or value in "..." or '...' may hold blanks and escapes (\" \\, \n is a newline); a
 * value may also stand in {...} or [...], or be bare; a key without a value is true. Words of a
 * value are separated by blanks or commas. If all are whole numbers, real numbers or logicals, the
 * value is a scalar (one word), a list, or, from nested brackets, a matrix of that type; else it is
 * one string, or from [...] a list of strings. Numbers with leading zeros, too large for their
 * type, nan and inf stay strings, so that nothing is lost. Text after _JSON (ASE) is read as JSON.
 *
 * What has no type here (ragged, mixed or deeper lists, JSON objects) is kept as text, unchanged.
 * Meaning of keys: extxyz_frame.c.
 */
#include "flow/extxyz_private.h"

#include <stdio.h>
#include <string.h>

/* ---- messages ---- */

enum { COMMENT_SHOWN = 24 }; /* characters of a token in a message */

/* The token at `at`, printable and short, in quotes; "the end of the line". */
static void comment_show(const ath__xyz_line *line, const char *at, char *out, size_t size)
{
    const char *end = ath__xyz_token_end(at, line->end);
    if (at >= line->end || end == at) {
        snprintf(out, size, "the end of the line");
        return;
    }
    size_t n = 0;
    out[n++] = '\'';
    const char *p = at;
    for (; p < end && p - at < COMMENT_SHOWN; p++) {
        unsigned char c = (unsigned char)*p;
        if (c < 0x20 || c >= 0x7f) {
            n += (size_t)snprintf(out + n, size - n, "\\x%02x", c);
        } else {
            out[n++] = (char)c;
        }
    }
    snprintf(out + n, size - n, "%s'", p < end ? "..." : "");
}

static void comment_place(const ath__xyz_line *line, const char *at, const char *text, bool found)
{
    char token[4 * COMMENT_SHOWN + 8] = "";
    if (found) {
        comment_show(line, at, token, sizeof token);
    }
    ath__message(line->ctx, ATH_E_FORMAT, "%s:%lld:%lld: %s%s%s%s", line->file,
                 (long long)line->number, (long long)(at - line->begin) + 1,
                 found ? "expected " : "", text, found ? ", found " : "", token);
}

ath_status ath__xyz_expected(const ath__xyz_line *line, const char *at, const char *what, ...)
{
    char text[256];
    va_list args;
    va_start(args, what);
    vsnprintf(text, sizeof text, what, args);
    va_end(args);
    comment_place(line, at, text, true);
    return ATH_E_FORMAT;
}

ath_status ath__xyz_refuse(const ath__xyz_line *line, const char *at, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    comment_place(line, at, text, false);
    return ATH_E_FORMAT;
}

/* ---- words ---- */

bool ath__xyz_is(ath__xyz_span span, const char *text)
{
    size_t i = 0;
    for (; i < span.n && text[i]; i++) {
        if (ath__xyz_lower(span.at[i]) != text[i]) {
            return false;
        }
    }
    return i == span.n && !text[i];
}

bool ath__xyz_real(const char *at, const char *end, double *out)
{
    size_t n = (size_t)(end - at), used = 0;
    if (n == 0) {
        return false;
    }
    if (ath__parse_double(at, n, out, &used) == ATH_OK && used == n) {
        return true;
    }
    char copy[512]; /* with Fortran's exponent letter replaced */
    if (used >= n || n >= sizeof copy || (at[used] != 'd' && at[used] != 'D')) {
        return false;
    }
    memcpy(copy, at, n);
    copy[used] = 'e';
    return ath__parse_double(copy, n, out, &used) == ATH_OK && used == n;
}

bool ath__xyz_bool(const char *at, const char *end, uint8_t *out)
{
    static const char *const words[] = {"T", "True",  "true",  "TRUE",
                                        "F", "False", "false", "FALSE"};
    for (int i = 0; i < 8; i++) {
        if ((size_t)(end - at) == strlen(words[i]) &&
            memcmp(at, words[i], (size_t)(end - at)) == 0) {
            *out = i < 4;
            return true;
        }
    }
    return false;
}

/* Digits after a leading zero: an identifier rather than a number. */
static bool comment_zeros(ath__xyz_span word)
{
    size_t sign = word.n > 0 && (word.at[0] == '-' || word.at[0] == '+');
    return word.n > sign + 1 && word.at[sign] == '0' && word.at[sign + 1] >= '0' &&
           word.at[sign + 1] <= '9';
}

static bool comment_int(ath__xyz_span word, int64_t *out)
{
    size_t used = 0;
    return !comment_zeros(word) && ath__parse_int(word.at, word.n, out, &used) == ATH_OK &&
           used == word.n;
}

/* A whole number that is too large for an integer would lose digits: it is none here. */
static bool comment_real(ath__xyz_span word, double *out)
{
    int64_t i;
    size_t used = 0;
    bool large = ath__parse_int(word.at, word.n, &i, &used) == ATH_E_RANGE && used == word.n;
    return !large && !comment_zeros(word) && ath__xyz_real(word.at, word.at + word.n, out);
}

bool ath__xyz_next_word(const char **p, const char *end, ath__xyz_span *out)
{
    const char *q = *p;
    while (q < end && (ath__xyz_blank(*q) || *q == ',' || *q == '[' || *q == ']')) {
        q++;
    }
    out->at = q;
    while (q < end && !ath__xyz_blank(*q) && *q != ',' && *q != '[' && *q != ']') {
        q++;
    }
    out->n = (size_t)(q - out->at);
    *p = q;
    return out->n > 0;
}

/* ---- lexing of values ---- */

typedef enum comment_token {
    COMMENT_END,
    COMMENT_OPEN,  /* [ */
    COMMENT_CLOSE, /* ] */
    COMMENT_WORD,
    COMMENT_TEXT,  /* in quotes */
    COMMENT_BROKEN /* quote without an end */
} comment_token;

typedef struct comment_lexer {
    const char *p, *end;
    bool flat; /* brackets and quotes are plain characters */
} comment_lexer;

/* Behind the quote that closes the one at p; NULL if there is none. */
static const char *comment_closing(const char *p, const char *end, bool *escaped)
{
    char quote = *p++;
    for (; p < end; p++) {
        if (*p == '\\') {
            *escaped = true;
            p++;
        } else if (*p == quote) {
            return p + 1;
        }
    }
    return NULL;
}

static comment_token comment_next(comment_lexer *lexer, ath__xyz_span *out)
{
    const char *p = lexer->p, *end = lexer->end;
    while (p < end && (ath__xyz_blank(*p) || *p == ',')) {
        p++;
    }
    out->at = p;
    out->n = 0;
    lexer->p = p;
    if (p == end) {
        return COMMENT_END;
    }
    if (!lexer->flat && (*p == '[' || *p == ']')) {
        lexer->p = p + 1;
        return *p == '[' ? COMMENT_OPEN : COMMENT_CLOSE;
    }
    if (!lexer->flat && (*p == '"' || *p == '\'')) {
        bool escaped = false;
        const char *close = comment_closing(p, end, &escaped);
        lexer->p = close ? close : end;
        out->at = p + 1;
        out->n = close ? (size_t)(close - p) - 2 : 0;
        return close ? COMMENT_TEXT : COMMENT_BROKEN;
    }
    while (p < end && !ath__xyz_blank(*p) && *p != ',' &&
           (lexer->flat || (*p != '[' && *p != ']'))) {
        p++;
    }
    lexer->p = p;
    out->n = (size_t)(p - out->at);
    return COMMENT_WORD;
}

/* ---- splitting ---- */

/* Behind the bracket that closes the one at p; NULL if there is none. */
static const char *comment_bracket_end(const char *p, const char *end)
{
    comment_lexer lexer = {p, end, false};
    ath__xyz_span token;
    int64_t depth = 0;
    do {
        comment_token kind = comment_next(&lexer, &token);
        if (kind == COMMENT_END || kind == COMMENT_BROKEN) {
            return NULL;
        }
        depth += (kind == COMMENT_OPEN) - (kind == COMMENT_CLOSE);
    } while (depth > 0);
    return lexer.p;
}

static const char *comment_brace_end(const char *p, const char *end, bool *escaped)
{
    int64_t depth = 0;
    for (; p < end; p++) {
        if (*p == '\\') {
            *escaped = true;
            p++;
            continue;
        }
        depth += (*p == '{') - (*p == '}');
        if (depth == 0) {
            return p + 1;
        }
    }
    return NULL;
}

/* Key at p; *next is behind it. */
static ath_status comment_split_key(const ath__xyz_line *line, const char *p, ath__xyz_item *item,
                                    const char **next)
{
    const char *end = line->end;
    if (*p == '"' || *p == '\'') {
        const char *close = comment_closing(p, end, &item->key_escaped);
        if (!close) {
            return ath__xyz_expected(line, p, "a closing quote after this key");
        }
        item->key = (ath__xyz_span){p + 1, (size_t)(close - p) - 2};
        *next = close;
    } else {
        const char *q = p;
        for (; q < end && !ath__xyz_blank(*q) && *q != '='; q++) {
            if (strchr("\"'[]{},", *q)) {
                return ath__xyz_expected(line, q, "a key or '='");
            }
            if (*q == '\\' && q + 1 < end) {
                item->key_escaped = true;
                q++;
            }
        }
        item->key = (ath__xyz_span){p, (size_t)(q - p)};
        *next = q;
    }
    return item->key.n > 0 ? ATH_OK : ath__xyz_expected(line, p, "a key");
}

/* Value at p, behind '=' and blanks; *next is behind it. */
static ath_status comment_split_value(const ath__xyz_line *line, const char *p, ath__xyz_item *item,
                                      const char **next)
{
    const char *end = line->end, *close = NULL;
    char first = '\0';
    if (p < end) {
        first = *p;
    }
    if (first == '"' || first == '\'') {
        item->quote = ATH__XYZ_QUOTED;
        close = comment_closing(p, end, &item->value_escaped);
    } else if (first == '[') {
        item->quote = ATH__XYZ_BRACKET;
        close = comment_bracket_end(p, end);
    } else if (first == '{') {
        item->quote = ATH__XYZ_BRACE;
        close = comment_brace_end(p, end, &item->value_escaped);
    } else {
        const char *q = p;
        for (; q < end && !ath__xyz_blank(*q); q++) {
            if (*q == '\\' && q + 1 < end) {
                item->value_escaped = true;
                q++;
            }
        }
        item->quote = ATH__XYZ_BARE;
        item->value = (ath__xyz_span){p, (size_t)(q - p)};
        *next = q;
        return ATH_OK;
    }
    if (!close) {
        return ath__xyz_refuse(line, p, "%c is not closed on this line", first);
    }
    if (close < end && !ath__xyz_blank(*close)) {
        return ath__xyz_expected(line, close, "a blank after the value");
    }
    item->value = (ath__xyz_span){p + 1, (size_t)(close - p) - 2};
    *next = close;
    return ATH_OK;
}

static ath_status comment_push(const ath__xyz_line *line, ath__xyz_scratch *scratch,
                               const ath__xyz_item *item)
{
    if (scratch->n_items == ATH__XYZ_MAX_KEYS) {
        return ath__xyz_refuse(line, item->at, "more than %d keys", ATH__XYZ_MAX_KEYS);
    }
    if (scratch->n_items == scratch->max_items) {
        size_t more = scratch->max_items > 0 ? 2 * scratch->max_items : 32;
        ATH__TRY(ath__resize(line->ctx, &scratch->items, scratch->max_items, more, sizeof *item));
        scratch->max_items = more;
    }
    scratch->items[scratch->n_items++] = *item;
    return ATH_OK;
}

/* ---- decoding ---- */

ath_status ath__xyz_room(ath_context *ctx, ath__bytes *b, size_t bytes)
{
    if (b->capacity < bytes) {
        ath__bytes_free(ctx, b);
        ATH__TRY(ath__alloc(ctx, bytes, 1, &b->data));
        b->capacity = bytes;
    }
    b->size = 0;
    return ATH_OK;
}

static int comment_hex(const char *p, const char *end, uint32_t *out)
{
    if (end - p < 4) {
        return 0;
    }
    *out = 0;
    for (int i = 0; i < 4; i++) {
        char c = ath__xyz_lower(p[i]);
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return 0;
        }
        *out = *out * 16 + (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return 4;
}

/* The code point of \uXXXX (p is behind the u) or of a surrogate pair as UTF-8. Returns what was
 * read of the text, 0 if it is none; *written bytes of out are set. */
static int comment_unicode(const char *p, const char *end, char *out, size_t *written)
{
    uint32_t code = 0, low = 0;
    int used = comment_hex(p, end, &code);
    if (used == 0 || code == 0 || (code >= 0xdc00 && code < 0xe000)) {
        return 0;
    }
    if (code >= 0xd800 && code < 0xdc00) {
        if (end - p < 10 || p[4] != '\\' || p[5] != 'u' || !comment_hex(p + 6, end, &low) ||
            low < 0xdc00 || low >= 0xe000) {
            return 0;
        }
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        used = 10;
    }
    static const uint8_t lead[5] = {0, 0, 0xc0, 0xe0, 0xf0};
    int n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (int i = n - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    out[0] = (char)(lead[n] | code);
    *written = (size_t)n;
    return used;
}

/* Removes escapes; out has room for span.n + 1 bytes. Length of the result, which ends with a NUL;
 * SIZE_MAX if an escape is not JSON's although it should be. */
static size_t comment_decode(ath__xyz_span span, bool json, char *out)
{
    const char *p = span.at, *end = p + span.n;
    size_t n = 0;
    while (p < end) {
        if (*p != '\\' || p + 1 == end) {
            out[n++] = *p++;
            continue;
        }
        char c = p[1];
        p += 2;
        if (!json) {
            out[n++] = c == 'n' ? '\n' : c;
        } else if (c == 'u') {
            size_t written = 0;
            int used = comment_unicode(p, end, out + n, &written);
            if (used == 0) {
                return SIZE_MAX;
            }
            p += used;
            n += written;
        } else {
            const char *from = "\"\\/bfnrt", *which = strchr(from, c);
            if (!which) {
                return SIZE_MAX;
            }
            out[n++] = "\"\\/\b\f\n\r\t"[which - from];
        }
    }
    out[n] = '\0';
    return n;
}

/* Keys with escapes move to scratch->keys, without them. */
static ath_status comment_decode_keys(ath_context *ctx, ath__xyz_scratch *scratch)
{
    size_t bytes = 0;
    for (size_t i = 0; i < scratch->n_items; i++) {
        bytes += scratch->items[i].key_escaped ? scratch->items[i].key.n + 1 : 0;
    }
    ATH__TRY(ath__xyz_room(ctx, &scratch->keys, bytes));
    char *to = (char *)scratch->keys.data;
    for (size_t i = 0; i < scratch->n_items; i++) {
        ath__xyz_item *item = &scratch->items[i];
        if (item->key_escaped) {
            item->key.n = comment_decode(item->key, false, to);
            item->key.at = to;
            to += item->key.n + 1;
        }
    }
    return ATH_OK;
}

ath_status ath__xyz_split(const ath__xyz_line *line, ath__xyz_scratch *scratch)
{
    scratch->n_items = 0;
    const char *end = line->end;
    const char *nul = memchr(line->begin, '\0', (size_t)(end - line->begin));
    if (nul) {
        return ath__xyz_refuse(line, nul, "NUL character");
    }
    const char *p = ath__xyz_skip_blanks(line->begin, end);
    while (p < end) {
        ath__xyz_item item = {.at = p};
        ATH__TRY(comment_split_key(line, p, &item, &p));
        item.value.at = p;
        const char *q = ath__xyz_skip_blanks(p, end);
        if (q < end && *q == '=') {
            ATH__TRY(comment_split_value(line, ath__xyz_skip_blanks(q + 1, end), &item, &p));
        } else if (q == p && q < end) {
            return ath__xyz_expected(line, p, "'=' or a blank after the key");
        }
        ATH__TRY(comment_push(line, scratch, &item));
        p = ath__xyz_skip_blanks(p, end);
    }
    return comment_decode_keys(line->ctx, scratch);
}

ath_status ath__xyz_key(ath_context *ctx, const ath__xyz_item *item, ath__xyz_scratch *scratch,
                        const char **out)
{
    ATH__TRY(ath__xyz_room(ctx, &scratch->name, item->key.n + 1));
    char *name = (char *)scratch->name.data;
    memcpy(name, item->key.at, item->key.n);
    name[item->key.n] = '\0';
    *out = name;
    return ATH_OK;
}

/* ---- types and shapes ---- */

typedef struct comment_shape {
    size_t n;      /* words */
    size_t n_rows; /* 0: not nested */
    size_t bytes;  /* of the words as strings, NULs included */
    bool regular;  /* a list or a matrix */
    bool all_int, all_real, all_bool, any_text, any_word;
} comment_shape;

static void comment_classify(comment_shape *shape, comment_token kind, ath__xyz_span word)
{
    int64_t i;
    double x;
    uint8_t b;
    shape->n++;
    shape->bytes += word.n + 1;
    if (kind == COMMENT_TEXT) {
        shape->any_text = true;
        shape->all_int = shape->all_real = shape->all_bool = false;
        return;
    }
    shape->any_word = true;
    shape->all_int = shape->all_int && comment_int(word, &i);
    shape->all_real = shape->all_real && (shape->all_int || comment_real(word, &x));
    shape->all_bool = shape->all_bool && ath__xyz_bool(word.at, word.at + word.n, &b);
}

/* First pass over the words of a value. */
static comment_shape comment_survey(comment_lexer lexer)
{
    comment_shape shape = {.regular = true, .all_int = true, .all_real = true, .all_bool = true};
    size_t row = 0, width = 0;
    bool inside = false;
    ath__xyz_span word;
    for (;;) {
        comment_token kind = comment_next(&lexer, &word);
        if (kind == COMMENT_END) {
            break;
        }
        if (kind == COMMENT_OPEN) {
            shape.regular = shape.regular && !inside && (shape.n_rows > 0 || shape.n == 0);
            inside = true;
            row = shape.n;
        } else if (kind == COMMENT_CLOSE) {
            shape.regular = shape.regular && inside && shape.n > row &&
                            (shape.n_rows == 0 || shape.n - row == width);
            width = shape.n - row;
            shape.n_rows++;
            inside = false;
        } else if (kind == COMMENT_BROKEN) {
            shape.regular = false;
        } else {
            shape.regular = shape.regular && (inside || shape.n_rows == 0);
            comment_classify(&shape, kind, word);
        }
        if (!shape.regular) {
            return shape;
        }
    }
    shape.regular = shape.regular && !inside && shape.n > 0;
    return shape;
}

static ath_status comment_text_value(ath_context *ctx, ath__xyz_span text, bool escaped,
                                     ath__xyz_scratch *scratch, ath_extra *out)
{
    const size_t pointer = sizeof(const char *);
    ATH__TRY(ath__xyz_room(ctx, &scratch->strings, text.n + 1));
    ATH__TRY(ath__xyz_room(ctx, &scratch->values, pointer));
    char *copy = (char *)scratch->strings.data;
    if (escaped) {
        comment_decode(text, false, copy);
    } else if (text.n > 0) {
        memcpy(copy, text.at, text.n);
        copy[text.n] = '\0';
    } else {
        copy[0] = '\0';
    }
    memcpy(scratch->values.data, &copy, pointer);
    out->type = ATH_EXTRA_STRING;
    out->width = 1;
    out->n_rows = 0;
    out->values = scratch->values.data;
    return ATH_OK;
}

/* Second pass: numbers or logicals into scratch->values. */
static ath_status comment_fill_numbers(ath_context *ctx, comment_lexer lexer, size_t n,
                                       ath__xyz_scratch *scratch, ath_extra *out)
{
    size_t size = out->type == ATH_EXTRA_BOOL ? 1 : 8;
    ATH__TRY(ath__xyz_room(ctx, &scratch->values, n * size));
    uint8_t *values = scratch->values.data;
    ath__xyz_span word;
    for (size_t i = 0; i < n;) {
        if (comment_next(&lexer, &word) != COMMENT_WORD) {
            continue; /* a bracket */
        }
        if (out->type == ATH_EXTRA_INT) {
            comment_int(word, (int64_t *)(void *)values + i);
        } else if (out->type == ATH_EXTRA_REAL) {
            comment_real(word, (double *)(void *)values + i);
        } else {
            ath__xyz_bool(word.at, word.at + word.n, values + i);
        }
        i++;
    }
    out->values = values;
    return ATH_OK;
}

/* Second pass: strings. *valid is false if one of them is not JSON although it should be. */
static ath_status comment_fill_strings(ath_context *ctx, comment_lexer lexer,
                                       const comment_shape *shape, bool json,
                                       ath__xyz_scratch *scratch, bool *valid)
{
    ATH__TRY(ath__xyz_room(ctx, &scratch->values, shape->n * sizeof(const char *)));
    ATH__TRY(ath__xyz_room(ctx, &scratch->strings, shape->bytes));
    const char **values = (const char **)(void *)scratch->values.data;
    char *text = (char *)scratch->strings.data;
    ath__xyz_span word;
    *valid = true;
    for (size_t i = 0; i < shape->n;) {
        comment_token kind = comment_next(&lexer, &word);
        if (kind != COMMENT_WORD && kind != COMMENT_TEXT) {
            continue;
        }
        size_t length = comment_decode(word, json, text);
        if (length == SIZE_MAX) {
            *valid = false;
            return ATH_OK;
        }
        values[i++] = text;
        text += length + 1;
    }
    return ATH_OK;
}

/* A list in brackets, or any JSON value; *done is false if it has no type here. */
static ath_status comment_list_value(ath_context *ctx, ath__xyz_span text, bool json,
                                     ath__xyz_scratch *scratch, ath_extra *out, bool *done)
{
    comment_lexer lexer = {text.at, text.at + text.n, false};
    comment_shape shape = comment_survey(lexer);
    *done = false;
    if (!shape.regular) {
        return ATH_OK;
    }
    out->width = (int32_t)shape.n;
    out->n_rows = shape.n_rows > 0 ? (int32_t)shape.n_rows : 1;
    if (shape.all_real || shape.all_bool) {
        out->type = shape.all_int    ? ATH_EXTRA_INT
                    : shape.all_real ? ATH_EXTRA_REAL
                                     : ATH_EXTRA_BOOL;
        *done = true;
        return comment_fill_numbers(ctx, lexer, shape.n, scratch, out);
    }
    if ((json && shape.any_word) || shape.n > ATH__XYZ_MAX_STRINGS) {
        return ATH_OK;
    }
    out->type = ATH_EXTRA_STRING;
    ATH__TRY(comment_fill_strings(ctx, lexer, &shape, json, scratch, done));
    out->values = scratch->values.data;
    return ATH_OK;
}

/* What stands behind _JSON: a list in one pair of brackets, or one word or string. */
static ath_status comment_json_value(ath_context *ctx, ath__xyz_span text,
                                     ath__xyz_scratch *scratch, ath_extra *out, bool *done)
{
    const char *p = ath__xyz_skip_blanks(text.at, text.at + text.n), *end = text.at + text.n;
    *done = false;
    while (end > p && ath__xyz_blank(end[-1])) {
        end--;
    }
    if (p == end || *p == '\'') {
        return ATH_OK;
    }
    if (*p == '[') {
        if (comment_bracket_end(p, end) != end) {
            return ATH_OK;
        }
        ath__xyz_span inner = {p + 1, (size_t)(end - p) - 2};
        return comment_list_value(ctx, inner, true, scratch, out, done);
    }
    comment_lexer lexer = {p, end, false};
    ath__xyz_span word;
    comment_next(&lexer, &word);
    if (lexer.p != end) {
        return ATH_OK;
    }
    ATH__TRY(
        comment_list_value(ctx, (ath__xyz_span){p, (size_t)(end - p)}, true, scratch, out, done));
    out->n_rows = 0;
    return ATH_OK;
}

/* Words without nesting: numbers, logicals, or one string. */
static ath_status comment_flat_value(ath_context *ctx, ath__xyz_span text, bool escaped,
                                     ath__xyz_scratch *scratch, ath_extra *out)
{
    comment_lexer lexer = {text.at, text.at + text.n, true};
    comment_shape shape = comment_survey(lexer);
    if (escaped || shape.n == 0 || !(shape.all_real || shape.all_bool)) {
        return comment_text_value(ctx, text, escaped, scratch, out);
    }
    out->type = shape.all_int ? ATH_EXTRA_INT : shape.all_real ? ATH_EXTRA_REAL : ATH_EXTRA_BOOL;
    out->width = (int32_t)shape.n;
    out->n_rows = shape.n > 1;
    return comment_fill_numbers(ctx, lexer, shape.n, scratch, out);
}

static ath_status comment_quoted_value(ath_context *ctx, const ath__xyz_item *item,
                                       ath__xyz_scratch *scratch, ath_extra *out)
{
    ath__xyz_span text = item->value;
    if (item->value_escaped) {
        ATH__TRY(ath__xyz_room(ctx, &scratch->text, text.n + 1));
        char *copy = (char *)scratch->text.data;
        text.n = comment_decode(text, false, copy);
        text.at = copy;
    }
    if (text.n >= 6 && memcmp(text.at, "_JSON ", 6) == 0) {
        bool done;
        ath__xyz_span json = {text.at + 6, text.n - 6};
        ATH__TRY(comment_json_value(ctx, json, scratch, out, &done));
        return done ? ATH_OK : comment_text_value(ctx, text, false, scratch, out);
    }
    return comment_flat_value(ctx, text, false, scratch, out);
}

ath_status ath__xyz_value(ath_context *ctx, const ath__xyz_item *item, bool verbatim,
                          ath__xyz_scratch *scratch, ath_extra *out)
{
    static const uint8_t yes = 1;
    *out = (ath_extra){.level = ATH_LEVEL_SYSTEM};
    if (verbatim) {
        return comment_text_value(ctx, item->value, item->value_escaped, scratch, out);
    }
    if (item->quote == ATH__XYZ_ABSENT) {
        out->type = ATH_EXTRA_BOOL;
        out->width = 1;
        out->values = &yes;
        return ATH_OK;
    }
    if (item->quote == ATH__XYZ_BARE) {
        return comment_flat_value(ctx, item->value, item->value_escaped, scratch, out);
    }
    if (item->quote != ATH__XYZ_BRACKET) {
        return comment_quoted_value(ctx, item, scratch, out);
    }
    bool done;
    ATH__TRY(comment_list_value(ctx, item->value, false, scratch, out, &done));
    if (done) {
        return ATH_OK;
    }
    ath__xyz_span raw = {item->value.at - 1, item->value.n + 2};
    return comment_text_value(ctx, raw, false, scratch, out);
}

void ath__xyz_scratch_free(ath_context *ctx, ath__xyz_scratch *scratch)
{
    ath__free(ctx, &scratch->items, scratch->max_items, sizeof *scratch->items);
    ath__bytes_free(ctx, &scratch->keys);
    ath__bytes_free(ctx, &scratch->name);
    ath__bytes_free(ctx, &scratch->text);
    ath__bytes_free(ctx, &scratch->values);
    ath__bytes_free(ctx, &scratch->strings);
    *scratch = (ath__xyz_scratch){0};
}
