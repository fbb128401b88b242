/* JSON (RFC 8259) as a sequence of events, checked as it goes. Beyond the standard, strings may
 * hold bytes that are not UTF-8; short of it, they may not hold U+0000. Depth is limited; keys that
 * are given twice are both reported.
 */
#include <errno.h>
#include <string.h>

#include "json.h"

void cli_json_begin(cli *c, const char *data, size_t bytes, cli_json *out)
{
    *out = (cli_json){.c = c, .at = data, .end = data + bytes, .event = CLI_JSON_NULL, .line = 1};
}

void cli_json_free(cli_json *j)
{
    if (j->c) {
        cli_text_free(j->c, &j->text);
    }
    *j = (cli_json){0};
}

static cli_json_event json_fail(cli_json *j, const char *problem)
{
    j->problem = problem;
    return CLI_JSON_ERROR;
}

static void json_blanks(cli_json *j)
{
    while (j->at < j->end &&
           (*j->at == ' ' || *j->at == '\t' || *j->at == '\n' || *j->at == '\r')) {
        j->line += *j->at == '\n';
        j->at++;
    }
}

/* The next byte, or 0 at the end. */
static char json_peek(const cli_json *j)
{
    return j->at < j->end ? *j->at : '\0';
}

/* Four hexadecimal digits behind "\u"; -1: they are none. */
static int32_t json_hex(cli_json *j)
{
    int32_t value = 0;
    if (j->end - j->at < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        const char d = *j->at++;
        const int digit = d >= '0' && d <= '9'   ? d - '0'
                          : d >= 'a' && d <= 'f' ? d - 'a' + 10
                          : d >= 'A' && d <= 'F' ? d - 'A' + 10
                                                 : -1;
        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

static void json_utf8(cli_json *j, int32_t u)
{
    char out[4];
    size_t n = 0;
    if (u < 0x80) {
        out[n++] = (char)u;
    } else if (u < 0x800) {
        out[n++] = (char)(0xc0 | u >> 6);
        out[n++] = (char)(0x80 | (u & 0x3f));
    } else if (u < 0x10000) {
        out[n++] = (char)(0xe0 | u >> 12);
        out[n++] = (char)(0x80 | (u >> 6 & 0x3f));
        out[n++] = (char)(0x80 | (u & 0x3f));
    } else {
        out[n++] = (char)(0xf0 | u >> 18);
        out[n++] = (char)(0x80 | (u >> 12 & 0x3f));
        out[n++] = (char)(0x80 | (u >> 6 & 0x3f));
        out[n++] = (char)(0x80 | (u & 0x3f));
    }
    cli_text_add(j->c, &j->text, out, n);
}

/* Behind a backslash. */
static bool json_escape(cli_json *j)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char letter = json_peek(j);
    const char *known = letter ? strchr(from, letter) : NULL;
    j->at += j->at < j->end;
    if (known) {
        cli_text_add(j->c, &j->text, to + (known - from), 1);
        return true;
    }
    int32_t u = letter == 'u' ? json_hex(j) : -1;
    if (u >= 0xd800 && u < 0xdc00) { /* the first half of a pair */
        const bool pair = j->end - j->at >= 6 && j->at[0] == '\\' && j->at[1] == 'u';
        j->at += pair ? 2 : 0;
        const int32_t low = pair ? json_hex(j) : -1;
        u = low >= 0xdc00 && low < 0xe000 ? 0x10000 + ((u - 0xd800) << 10) + (low - 0xdc00) : -1;
    } else if (u >= 0xdc00 && u < 0xe000) {
        u = -1;
    }
    if (u > 0) {
        json_utf8(j, u);
    }
    return u > 0;
}

static cli_json_event json_string(cli_json *j, cli_json_event event)
{
    j->at++;
    j->text.size = 0;
    cli_text_add(j->c, &j->text, "", 0);
    for (;;) {
        const char *from = j->at;
        while (j->at < j->end && *j->at != '"' && *j->at != '\\' && (unsigned char)*j->at >= 0x20) {
            j->at++;
        }
        cli_text_add(j->c, &j->text, from, (size_t)(j->at - from));
        const char stop = json_peek(j);
        if (stop == '"') {
            j->at++;
            return j->text.failed ? json_fail(j, NULL) : event;
        }
        j->at += stop == '\\';
        if (stop != '\\') {
            return json_fail(j, j->at < j->end ? "a control character in a text"
                                               : "a text that does not end");
        }
        if (!json_escape(j)) {
            return json_fail(j, "a wrong escape in a text");
        }
    }
}

static bool json_digits(cli_json *j)
{
    const char *from = j->at;
    while (json_peek(j) >= '0' && json_peek(j) <= '9') {
        j->at++;
    }
    return j->at > from;
}

static cli_json_event json_number(cli_json *j)
{
    const char *from = j->at;
    j->at += *j->at == '-';
    const bool zero = json_peek(j) == '0';
    bool good = json_digits(j) && !(zero && j->at - from > 1 + (*from == '-'));
    if (good && json_peek(j) == '.') {
        j->at++;
        good = json_digits(j);
    }
    if (good && (json_peek(j) == 'e' || json_peek(j) == 'E')) {
        j->at++;
        j->at += json_peek(j) == '+' || json_peek(j) == '-';
        good = json_digits(j);
    }
    j->text.size = 0;
    cli_text_add(j->c, &j->text, from, (size_t)(j->at - from));
    return !good            ? json_fail(j, "a number that is none")
           : j->text.failed ? json_fail(j, NULL)
                            : CLI_JSON_NUMBER;
}

static cli_json_event json_word(cli_json *j, const char *word, cli_json_event event)
{
    const size_t n = strlen(word);
    if ((size_t)(j->end - j->at) < n || memcmp(j->at, word, n) != 0) {
        return json_fail(j, "a word that is no value");
    }
    j->at += n;
    return event;
}

static cli_json_event json_open(cli_json *j, bool object)
{
    if (j->depth == CLI_JSON_DEPTH) {
        return json_fail(j, "lists and objects too deep in one another");
    }
    j->object[j->depth++] = object;
    j->first = true;
    j->at++;
    return object ? CLI_JSON_OBJECT : CLI_JSON_ARRAY;
}

static cli_json_event json_value(cli_json *j)
{
    j->valued = false;
    j->started = true;
    j->first = false;
    switch (json_peek(j)) {
    case '{':
        return json_open(j, true);
    case '[':
        return json_open(j, false);
    case '"':
        return json_string(j, CLI_JSON_STRING);
    case 't':
        return json_word(j, "true", CLI_JSON_TRUE);
    case 'f':
        return json_word(j, "false", CLI_JSON_FALSE);
    case 'n':
        return json_word(j, "null", CLI_JSON_NULL);
    default:
        break;
    }
    const char c = json_peek(j);
    return c == '-' || (c >= '0' && c <= '9') ? json_number(j) : json_fail(j, "a value is missing");
}

static cli_json_event json_key(cli_json *j)
{
    if (json_peek(j) != '"') {
        return json_fail(j, "a key is missing");
    }
    const cli_json_event event = json_string(j, CLI_JSON_KEY);
    json_blanks(j);
    if (event == CLI_JSON_KEY && json_peek(j) != ':') {
        return json_fail(j, "a colon is missing behind a key");
    }
    j->at += event == CLI_JSON_KEY;
    j->first = false;
    j->valued = true;
    return event;
}

static cli_json_event json_step(cli_json *j)
{
    json_blanks(j);
    if (j->depth == 0) {
        if (!j->started) {
            return json_value(j);
        }
        return j->at == j->end ? CLI_JSON_END : json_fail(j, "something behind the end");
    }
    const bool object = j->object[j->depth - 1];
    if (j->valued) {
        return json_value(j);
    }
    if (json_peek(j) == (object ? '}' : ']')) {
        j->at++;
        j->depth--;
        j->first = false;
        return object ? CLI_JSON_OBJECT_END : CLI_JSON_ARRAY_END;
    }
    if (!j->first) {
        if (json_peek(j) != ',') {
            return json_fail(j, j->at == j->end ? "it ends too early" : "a comma is missing");
        }
        j->at++;
        json_blanks(j);
    }
    return object ? json_key(j) : json_value(j);
}

cli_json_event cli_json_next(cli_json *j)
{
    if (j->event != CLI_JSON_ERROR && j->event != CLI_JSON_END) {
        j->event = json_step(j);
    }
    return j->event;
}

bool cli_json_skip(cli_json *j)
{
    const int above = j->depth - (j->event == CLI_JSON_OBJECT || j->event == CLI_JSON_ARRAY);
    if (j->event == CLI_JSON_KEY) {
        (void)cli_json_next(j);
    }
    while (j->depth > above && j->event != CLI_JSON_ERROR) {
        (void)cli_json_next(j);
    }
    return j->event != CLI_JSON_ERROR;
}

int cli_slurp(cli *c, const char *path, size_t max_bytes, cli_text *out)
{
    char buffer[1 << 14];
    int64_t n = 0;
    const int fd = cli_open_read(c, path);
    *out = (cli_text){0};
    if (fd < 0) {
        return fd;
    }
    cli_text_add(c, out, "", 0);
    while (out->size <= max_bytes && !out->failed &&
           (n = cli_read(c, fd, buffer, sizeof buffer)) > 0) {
        cli_text_add(c, out, buffer, (size_t)n);
    }
    cli_close(c, fd);
    return n < 0 ? (int)n : out->failed ? -ENOMEM : out->size > max_bytes ? -EFBIG : 0;
}
