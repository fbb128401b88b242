/* Memory and growing text of the program, over the allocator of the host. Numbers are written in
 * the "C" locale, which the program never leaves.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

bool cli_resize(cli *c, void *block, size_t old_bytes, size_t new_bytes)
{
    const ath_allocator *a = &c->host.allocator;
    void *old = NULL, *new = NULL;
    memcpy(&old, block, sizeof old);
    if (!old && new_bytes == 0) {
        return true;
    }
    new = a->resize(a->user, old, old ? old_bytes : 0, new_bytes);
    if (!new &&new_bytes > 0) {
        return false;
    }
    memcpy(block, &new, sizeof new);
    return true;
}

/* Room for `more` bytes and a NUL. */
static bool text_reserve(cli *c, cli_text *t, size_t more)
{
    size_t need = 0, capacity = t->capacity ? t->capacity : 64;
    if (t->failed || __builtin_add_overflow(t->size, more, &need) ||
        __builtin_add_overflow(need, 1, &need)) {
        t->failed = true;
        return false;
    }
    while (capacity < need) {
        if (__builtin_mul_overflow(capacity, 2, &capacity)) {
            t->failed = true;
            return false;
        }
    }
    if (capacity != t->capacity) {
        if (!cli_resize(c, &t->data, t->capacity, capacity)) {
            t->failed = true;
            return false;
        }
        t->capacity = capacity;
    }
    return true;
}

void cli_text_add(cli *c, cli_text *t, const char *data, size_t bytes)
{
    if (text_reserve(c, t, bytes)) {
        memcpy(t->data + t->size, data, bytes);
        t->size += bytes;
        t->data[t->size] = '\0';
    }
}

void cli_text_print(cli *c, cli_text *t, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    const int n = vsnprintf(NULL, 0, format, args);
    if (n < 0) {
        t->failed = true;
    } else if (text_reserve(c, t, (size_t)n)) {
        vsnprintf(t->data + t->size, (size_t)n + 1, format, again);
        t->size += (size_t)n;
    }
    va_end(again);
    va_end(args);
}

void cli_text_double(cli *c, cli_text *t, double value)
{
    char digits[40];
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (precision == 17 || strtod(digits, NULL) == value || value != value) {
            break;
        }
    }
    cli_text_add(c, t, digits, strlen(digits));
}

void cli_text_csv(cli *c, cli_text *t, const char *value)
{
    if (!strpbrk(value, ",\"\n\r")) {
        cli_text_add(c, t, value, strlen(value));
        return;
    }
    cli_text_add(c, t, "\"", 1);
    for (; *value; value++) {
        cli_text_add(c, t, *value == '"' ? "\"\"" : value, *value == '"' ? 2 : 1);
    }
    cli_text_add(c, t, "\"", 1);
}

void cli_text_json(cli *c, cli_text *t, const char *value)
{
    cli_text_add(c, t, "\"", 1);
    for (; *value; value++) {
        const unsigned char byte = (unsigned char)*value;
        if (byte == '"' || byte == '\\') {
            cli_text_print(c, t, "\\%c", byte);
        } else if (byte < 0x20) {
            cli_text_print(c, t, "\\u%04x", byte);
        } else {
            cli_text_add(c, t, value, 1);
        }
    }
    cli_text_add(c, t, "\"", 1);
}

void cli_text_free(cli *c, cli_text *t)
{
    (void)cli_resize(c, &t->data, t->capacity, 0);
    *t = (cli_text){0};
}

int cli_text_check(cli *c, const cli_text *t)
{
    return t->failed ? cli_fail(c, CLI_INTERNAL, "out of memory") : CLI_OK;
}
