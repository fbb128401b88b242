/* Options: text to the members of a struct and back, by the table of an implementation.
 *
 *     text  = [item {"," item}]       item = name "=" value
 *     value = '"' characters '"'      with \" and \\ inside
 *           | "{" characters "}"      braces inside must pair; the outer pair is not part of the
 * value | characters up to the next comma
 *
 * Blanks around names and values do not count. A name may stand once. Every message begins with the
 * owner and names option, unit and what is allowed. Parsing fills a table of texts first and
 * converts in the order of the table, so that defaults go through the same checks as given values.
 */
#include "base/base.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* What one parse works on. */
typedef struct option_parse {
    ath_context *ctx;
    const ath_option *options;
    const char *owner;
    size_t n_options;
    char **values; /* [n_options], NULL: not given */
} option_parse;

static void *option_member(const ath_option *option, void *object)
{
    return (char *)object + option->offset;
}

static size_t option_count(const ath_option *options)
{
    size_t n = 0;
    while (options[n].type != ATH_OPTION_END) {
        n++;
    }
    return n;
}

/* ---- messages ---- */

static bool option_limited(const ath_option *option)
{
    return option->min != 0.0 || option->max != 0.0;
}

/* "1 to 5 fs", "at least 1 fs" */
static void option_range_text(const ath_option *option, char *out, size_t bytes)
{
    char min[32], max[32];
    ath__format_double(option->min, min);
    ath__format_double(option->max, max);
    const char *unit = option->unit ? option->unit : "", *blank = *unit ? " " : "";
    if (option->max >= DBL_MAX) {
        snprintf(out, bytes, "at least %s%s%s", min, blank, unit);
    } else if (option->min <= -DBL_MAX) {
        snprintf(out, bytes, "at most %s%s%s", max, blank, unit);
    } else {
        snprintf(out, bytes, "%s to %s%s%s", min, max, blank, unit);
    }
}

/* "a number in fs, 1 to 5 fs" */
static ath_status option_fail_value(const option_parse *p, const ath_option *option,
                                    const char *value)
{
    static const char *const kinds[] = {
        [ATH_OPTION_BOOL] = "true, false, yes, no, 1 or 0",
        [ATH_OPTION_INT] = "a whole number",
        [ATH_OPTION_REAL] = "a number",
    };
    if (option->type == ATH_OPTION_CHOICE) {
        return ath__fail(p->ctx, ATH_E_OPTION, "%s: option '%s' = '%s': must be one of %s",
                         p->owner, option->name, value, option->choices);
    }
    char range[128] = "";
    if (option_limited(option)) {
        option_range_text(option, range, sizeof range);
    }
    const char *unit = option->unit ? option->unit : "";
    return ath__fail(p->ctx, ATH_E_OPTION, "%s: option '%s' = '%s': must be %s%s%s%s%s", p->owner,
                     option->name, value, kinds[option->type], *unit ? " in " : "", unit,
                     *range ? ", " : "", range);
}

static ath_status option_fail_range(const option_parse *p, const ath_option *option,
                                    const char *value)
{
    char range[128] = "what a double can hold";
    if (option_limited(option)) {
        option_range_text(option, range, sizeof range);
    } else if (option->type == ATH_OPTION_INT) {
        snprintf(range, sizeof range, "what 64 bits can hold");
    }
    const char *unit = option->unit ? option->unit : "";
    return ath__fail(p->ctx, ATH_E_OPTION,
                     "%s: option '%s' = %s%s%s is out of range: allowed is %s", p->owner,
                     option->name, value, *unit ? " " : "", unit, range);
}

static ath_status option_fail_name(const option_parse *p, const char *name)
{
    const char **names = NULL;
    const char *near = NULL;
    /* Without memory there is no suggestion, but still an answer. */
    if (ath__alloc(p->ctx, p->n_options + 1, sizeof *names, &names) == ATH_OK) {
        for (size_t i = 0; i < p->n_options; i++) {
            names[i] = p->options[i].name;
        }
        near = ath__nearest(name, names);
        ath__free(p->ctx, &names, p->n_options + 1, sizeof *names);
    }
    if (near) {
        return ath__fail(p->ctx, ATH_E_OPTION, "%s: unknown option '%s'; did you mean '%s'?",
                         p->owner, name, near);
    }
    return ath__fail(p->ctx, ATH_E_OPTION, "%s: unknown option '%s'%s", p->owner, name,
                     p->n_options == 0 ? "; there are none" : "");
}

/* ---- values ---- */

static bool option_read_bool(const char *value, int64_t *out)
{
    static const char *const words[] = {"false", "true", "no", "yes", "0", "1"};
    for (int i = 0; i < 6; i++) {
        if (strcmp(value, words[i]) == 0) {
            *out = i % 2;
            return true;
        }
    }
    return false;
}

static bool option_read_choice(const char *choices, const char *value, int64_t *out)
{
    size_t n = strlen(value);
    for (int64_t i = 0; choices; i++) {
        const char *bar = strchr(choices, '|');
        size_t m = bar ? (size_t)(bar - choices) : strlen(choices);
        if (m == n && memcmp(choices, value, n) == 0) {
            *out = i;
            return true;
        }
        choices = bar ? bar + 1 : NULL;
    }
    return false;
}

/* A whole number, also written as a real: 1e6, 2.0. */
static ath_status option_read_int(const char *value, int64_t *out)
{
    size_t n = strlen(value), used;
    ath_status status = ath__parse_int(value, n, out, &used);
    if (used == n) {
        return status;
    }
    double real;
    status = ath__parse_double(value, n, &real, &used);
    if (used != n || used == 0) {
        return ATH_E_FORMAT;
    }
    if (status == ATH_OK) {
        if (real != floor(real)) {
            return ATH_E_FORMAT;
        }
        if (fabs(real) > 0x1p53) {
            return ATH_E_RANGE;
        }
        *out = (int64_t)real;
    }
    return status;
}

static ath_status option_read_real(const char *value, double *out)
{
    size_t n = strlen(value), used;
    ath_status status = ath__parse_double(value, n, out, &used);
    return used != n ? ATH_E_FORMAT : status;
}

static ath_status option_set_number(const option_parse *p, const ath_option *option,
                                    const char *value, void *member)
{
    int64_t whole = 0;
    double real = 0.0;
    ath_status status;
    if (option->type == ATH_OPTION_INT) {
        status = option_read_int(value, &whole);
        real = (double)whole;
    } else {
        status = option_read_real(value, &real);
    }
    if (status == ATH_E_FORMAT) {
        return option_fail_value(p, option, value);
    }
    if (status != ATH_OK ||
        (option_limited(option) && !(real >= option->min && real <= option->max))) {
        return option_fail_range(p, option, value);
    }
    if (option->type == ATH_OPTION_INT) {
        memcpy(member, &whole, sizeof whole);
    } else {
        memcpy(member, &real, sizeof real);
    }
    return ATH_OK;
}

static ath_status option_set(const option_parse *p, const ath_option *option, const char *value,
                             void *member)
{
    int64_t whole = 0;
    char *text;
    switch (option->type) {
    case ATH_OPTION_INT:
    case ATH_OPTION_REAL:
        return option_set_number(p, option, value, member);
    case ATH_OPTION_BOOL:
    case ATH_OPTION_CHOICE:
        if (option->type == ATH_OPTION_BOOL ? !option_read_bool(value, &whole)
                                            : !option_read_choice(option->choices, value, &whole)) {
            return option_fail_value(p, option, value);
        }
        memcpy(member, &whole, sizeof whole);
        return ATH_OK;
    case ATH_OPTION_TEXT:
        ATH__TRY(ath__strdup(p->ctx, value, &text));
        memcpy(member, &text, sizeof text);
        return ATH_OK;
    default:
        return ath__fail(p->ctx, ATH_E_INTERNAL, "%s: option '%s' has an unknown type", p->owner,
                         option->name);
    }
}

/* ---- items ---- */

static bool option_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static const char *option_skip_blanks(const char *s)
{
    while (option_blank(*s)) {
        s++;
    }
    return s;
}

/* Copies a quoted value at s (behind the quote) to out; returns what follows, NULL if unterminated.
 */
static const char *option_scan_quoted(const char *s, char *out)
{
    for (; *s != '"'; s++) {
        if (*s == '\\' && (s[1] == '"' || s[1] == '\\')) {
            s++;
        }
        if (*s == '\0') {
            return NULL;
        }
        *out++ = *s;
    }
    *out = '\0';
    return s + 1;
}

/* The same for a value in braces. */
static const char *option_scan_braced(const char *s, char *out)
{
    for (int depth = 1;; s++) {
        depth += *s == '{' ? 1 : *s == '}' ? -1 : 0;
        if (depth == 0) {
            *out = '\0';
            return s + 1;
        }
        if (*s == '\0') {
            return NULL;
        }
        *out++ = *s;
    }
}

/* The same for a bare value, which ends at a comma; blanks at its end do not count. */
static const char *option_scan_bare(const char *s, char *out)
{
    const char *end = s + strcspn(s, ",");
    const char *last = end;
    while (last > s && option_blank(last[-1])) {
        last--;
    }
    memcpy(out, s, (size_t)(last - s));
    out[last - s] = '\0';
    return end;
}

/* Reads name=value at *s into `scratch`, as two strings; *s goes behind it. */
static ath_status option_scan_item(const option_parse *p, const char **s, char *scratch,
                                   char **value)
{
    const char *begin = option_skip_blanks(*s);
    size_t n = strcspn(begin, "=,\"{}");
    const char *after = begin + n;
    while (n > 0 && option_blank(begin[n - 1])) {
        n--;
    }
    memcpy(scratch, begin, n);
    scratch[n] = '\0';
    if (*after != '=' || n == 0) {
        return ath__fail(p->ctx, ATH_E_OPTION, "%s: expected name=value at '%.40s'", p->owner,
                         begin);
    }
    *value = scratch + n + 1;
    after = option_skip_blanks(after + 1);
    if (*after == '"') {
        after = option_scan_quoted(after + 1, *value);
    } else if (*after == '{') {
        after = option_scan_braced(after + 1, *value);
    } else {
        after = option_scan_bare(after, *value);
    }
    if (!after) {
        return ath__fail(p->ctx, ATH_E_OPTION, "%s: option '%s': no end of the quoted value",
                         p->owner, scratch);
    }
    after = option_skip_blanks(after);
    if (*after != ',' && *after != '\0') {
        return ath__fail(p->ctx, ATH_E_OPTION, "%s: option '%s': expected a comma at '%.40s'",
                         p->owner, scratch, after);
    }
    for (const char *c = *value; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            return ath__fail(p->ctx, ATH_E_OPTION,
                             "%s: option '%s': control character in its value", p->owner, scratch);
        }
    }
    *s = after;
    return ATH_OK;
}

/* Fills p->values from the text; scratch has room for the text and two NULs. */
static ath_status option_scan(option_parse *p, const char *text, char *scratch)
{
    const char *s = option_skip_blanks(text);
    while (*s) {
        char *value = scratch;
        ATH__TRY(option_scan_item(p, &s, scratch, &value));
        size_t i = 0;
        while (i < p->n_options && strcmp(p->options[i].name, scratch) != 0) {
            i++;
        }
        if (i == p->n_options) {
            return option_fail_name(p, scratch);
        }
        if (p->values[i]) {
            return ath__fail(p->ctx, ATH_E_OPTION, "%s: option '%s' is given twice", p->owner,
                             scratch);
        }
        ATH__TRY(ath__strdup(p->ctx, value, &p->values[i]));
        if (*s == ',') {
            s = option_skip_blanks(s + 1);
            if (*s == '\0') {
                return ath__fail(p->ctx, ATH_E_OPTION,
                                 "%s: expected name=value after the last comma", p->owner);
            }
        }
    }
    return ATH_OK;
}

static ath_status option_convert(const option_parse *p, void *object)
{
    for (size_t i = 0; i < p->n_options; i++) {
        const ath_option *option = &p->options[i];
        const char *value = p->values[i] ? p->values[i] : option->fallback;
        if (!value) {
            const char *unit = option->unit ? option->unit : "";
            return ath__fail(p->ctx, ATH_E_OPTION, "%s: option '%s'%s%s%s must be given", p->owner,
                             option->name, *unit ? " (" : "", unit, *unit ? ")" : "");
        }
        ATH__TRY(option_set(p, option, value, option_member(option, object)));
    }
    return ATH_OK;
}

ath_status ath_options_parse(ath_context *ctx, const ath_option *options, const char *owner,
                             const char *text, void *object)
{
    if (!ctx || !options || !owner || !object) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "ath_options_parse: NULL argument");
    }
    option_parse p = {.ctx = ctx, .options = options, .owner = owner};
    p.n_options = option_count(options);
    for (size_t i = 0; i < p.n_options; i++) {
        if (options[i].type == ATH_OPTION_TEXT) {
            memset(option_member(&options[i], object), 0, sizeof(char *));
        }
    }
    char *scratch = NULL;
    size_t scratch_bytes = 0;
    ath_status status = ath__alloc(ctx, p.n_options, sizeof *p.values, &p.values);
    if (status == ATH_OK && text) {
        scratch_bytes = strlen(text) + 2;
        status = ath__alloc(ctx, scratch_bytes, 1, &scratch);
        if (status == ATH_OK) {
            status = option_scan(&p, text, scratch);
        }
    }
    if (status == ATH_OK) {
        status = option_convert(&p, object);
    }
    if (status != ATH_OK) {
        ath_options_free(ctx, options, object);
    }
    for (size_t i = 0; p.values && i < p.n_options; i++) {
        ath__strfree(ctx, &p.values[i]);
    }
    ath__free(ctx, &p.values, p.n_options, sizeof *p.values);
    ath__free(ctx, &scratch, scratch_bytes, 1);
    return status;
}

void ath_options_free(ath_context *ctx, const ath_option *options, void *object)
{
    if (!ctx || !options || !object) {
        return;
    }
    for (; options->type != ATH_OPTION_END; options++) {
        if (options->type == ATH_OPTION_TEXT) {
            char *text;
            memcpy(&text, option_member(options, object), sizeof text);
            ath__strfree(ctx, &text);
            memset(option_member(options, object), 0, sizeof text);
        }
    }
}

/* ---- printing ---- */

/* A buffer that counts what it cannot hold. */
typedef struct option_printer {
    char *buffer;
    size_t bytes, length;
} option_printer;

static void option_put(option_printer *o, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++, o->length++) {
        if (o->length + 1 < o->bytes) {
            o->buffer[o->length] = text[i];
        }
    }
}

/* Quoted if it would not be read back as it is. */
static void option_put_text(option_printer *o, const char *text)
{
    size_t n = strlen(text);
    bool bare = n > 0 && text[0] != '"' && text[0] != '{' && !strchr(text, ',') &&
                !option_blank(text[0]) && !option_blank(text[n - 1]);
    if (bare) {
        option_put(o, text, n);
        return;
    }
    option_put(o, "\"", 1);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') {
            option_put(o, "\\", 1);
        }
        option_put(o, text, 1);
    }
    option_put(o, "\"", 1);
}

static void option_put_value(option_printer *o, const ath_option *option, const void *member)
{
    int64_t whole = 0;
    double real;
    const char *text;
    char digits[32];
    switch (option->type) {
    case ATH_OPTION_REAL:
        memcpy(&real, member, sizeof real);
        option_put(o, digits, (size_t)ath__format_double(real, digits));
        break;
    case ATH_OPTION_TEXT:
        memcpy(&text, member, sizeof text);
        option_put_text(o, text ? text : "");
        break;
    case ATH_OPTION_CHOICE:
        memcpy(&whole, member, sizeof whole);
        text = option->choices;
        for (; whole > 0 && strchr(text, '|'); whole--) {
            text = strchr(text, '|') + 1;
        }
        option_put(o, text, strcspn(text, "|"));
        break;
    case ATH_OPTION_BOOL:
        memcpy(&whole, member, sizeof whole);
        option_put(o, whole ? "true" : "false", whole ? 4 : 5);
        break;
    default:
        memcpy(&whole, member, sizeof whole);
        option_put(o, digits, (size_t)snprintf(digits, sizeof digits, "%lld", (long long)whole));
        break;
    }
}

int ath_options_print(const ath_option *options, const void *object, char *buffer, size_t bytes)
{
    option_printer o = {.buffer = buffer, .bytes = bytes};
    for (const ath_option *option = options; option->type != ATH_OPTION_END; option++) {
        if (option != options) {
            option_put(&o, ",", 1);
        }
        option_put(&o, option->name, strlen(option->name));
        option_put(&o, "=", 1);
        option_put_value(&o, option, (const char *)object + option->offset);
    }
    if (bytes > 0) {
        buffer[o.length < bytes ? o.length : bytes - 1] = '\0';
    }
    return o.length < INT32_MAX ? (int)o.length : -1;
}
