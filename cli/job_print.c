/* A job as YAML that is read to the same job, by the tables of job_schema.c: the record of a run.
 * Every text stands in double quotes, with whatever YAML or a terminal could take for something
 * else escaped.
 */
#include <string.h>

#include "job_tree.h"

static void print_indent(cli *c, cli_text *t, int indent)
{
    cli_text_print(c, t, "%*s", indent, "");
}

/* Characters that libyaml would not take as they are, or would take for the end of a line. */
static bool print_escaped(uint32_t character)
{
    return character < 0x20 || (character >= 0x7f && character < 0xa0) || character == 0x2028 ||
           character == 0x2029 || character == 0xfeff || character == 0xfffe || character == 0xffff;
}

static void print_text(cli *c, cli_text *t, const char *text)
{
    size_t bytes = strlen(text);
    cli_text_add(c, t, "\"", 1);
    while (bytes > 0) {
        uint32_t character = 0;
        const size_t n = job_utf8_next(text, bytes, &character);
        if (n == 0) {
            break; /* cannot be: texts are looked at when they come in */
        }
        if (character == '"' || character == '\\') {
            cli_text_print(c, t, "\\%c", (int)character);
        } else if (print_escaped(character)) {
            cli_text_print(c, t, "\\U%08x", (unsigned)character);
        } else {
            cli_text_add(c, t, text, n);
        }
        text += n;
        bytes -= n;
    }
    cli_text_add(c, t, "\"", 1);
}

/* Whether an optional value is there. */
static bool print_is_set(const ath_option *o, const void *object)
{
    const char *at = (const char *)object + o->offset, *text = NULL;
    int64_t whole = 0;
    double real = 0.0;
    if (o->type == ATH_OPTION_TEXT) {
        memcpy(&text, at, sizeof text);
        return text != NULL;
    }
    if (o->type == ATH_OPTION_REAL) {
        memcpy(&real, at, sizeof real);
        return real != CLI_UNSET_REAL || o->min < 0.0;
    }
    memcpy(&whole, at, sizeof whole);
    return whole != CLI_UNSET;
}

static void print_scalar(cli *c, cli_text *t, const ath_option *o, const void *object)
{
    const char *at = (const char *)object + o->offset, *text = NULL;
    int64_t whole = 0;
    double real = 0.0;
    if (o->type == ATH_OPTION_TEXT) {
        memcpy(&text, at, sizeof text);
        print_text(c, t, text);
        return;
    }
    if (o->type == ATH_OPTION_REAL) {
        memcpy(&real, at, sizeof real);
        cli_text_double(c, t, real);
        return;
    }
    memcpy(&whole, at, sizeof whole);
    if (o->type == ATH_OPTION_BOOL) {
        cli_text_print(c, t, whole ? "true" : "false");
    } else if (o->type == ATH_OPTION_INT) {
        cli_text_print(c, t, "%lld", (long long)whole);
    } else {
        text = o->choices;
        for (; whole > 0; whole--) {
            text = strchr(text, '|') + 1;
        }
        cli_text_print(c, t, "%.*s", (int)strcspn(text, "|"), text);
    }
}

static void print_key(cli *c, cli_text *t, const cli_job_key *key, const void *object, int indent);

static void print_keys(cli *c, cli_text *t, const cli_job_key *keys, const void *object, int indent)
{
    for (; keys->option.name; keys++) {
        print_key(c, t, keys, object, indent);
    }
}

/* The lines of a struct; a variant begins with its type. */
static void print_struct(cli *c, cli_text *t, const cli_job_table *table, const void *object,
                         int indent)
{
    int64_t type = 0;
    if (table->variants) {
        memcpy(&type, object, sizeof type);
        table = table->variants[type];
        print_indent(c, t, indent);
        cli_text_print(c, t, "type: %s\n", table->name);
    }
    print_keys(c, t, table->keys, object, indent);
}

static void print_list(cli *c, cli_text *t, const cli_job_key *key, const void *object, int indent)
{
    const char *items = NULL;
    size_t n = 0;
    memcpy(&items, (const char *)object + key->option.offset, sizeof items);
    memcpy(&n, (const char *)object + key->offset_n, sizeof n);
    print_indent(c, t, indent);
    cli_text_print(c, t, "%s:%s\n", key->option.name, n ? "" : " []");
    for (size_t i = 0; i < n; i++) {
        const char *item = items + i * key->table->bytes;
        const size_t begin = t->size;
        print_struct(c, t, key->table, item, indent + 4);
        if (!t->failed) {
            t->data[begin + (size_t)indent + 2] = '-';
        }
    }
}

static void print_texts(cli *c, cli_text *t, const cli_job_key *key, const void *object, int indent)
{
    char *const *texts = NULL;
    size_t n = 0;
    memcpy(&texts, (const char *)object + key->option.offset, sizeof texts);
    memcpy(&n, (const char *)object + key->offset_n, sizeof n);
    if (n == 0) {
        return;
    }
    print_indent(c, t, indent);
    cli_text_print(c, t, "%s:\n", key->option.name);
    for (size_t i = 0; i < n; i++) {
        print_indent(c, t, indent + 2);
        cli_text_add(c, t, "- ", 2);
        print_text(c, t, texts[i]);
        cli_text_add(c, t, "\n", 1);
    }
}

static void print_mapping(cli *c, cli_text *t, const cli_job_key *key, const void *object,
                          int indent)
{
    cli_text inner = {0};
    print_struct(c, &inner, key->table, (const char *)object + key->option.offset, indent + 2);
    t->failed = t->failed || inner.failed;
    if (inner.size > 0 && !inner.failed) { /* without a criterion there is no `until` */
        print_indent(c, t, indent);
        cli_text_print(c, t, "%s:\n", key->option.name);
        cli_text_add(c, t, inner.data, inner.size);
    }
    cli_text_free(c, &inner);
}

static void print_key(cli *c, cli_text *t, const cli_job_key *key, const void *object, int indent)
{
    switch (key->kind) {
    case CLI_JOB_VALUE:
    case CLI_JOB_NAMED:
        if (print_is_set(&key->option, object)) {
            print_indent(c, t, indent);
            cli_text_print(c, t, "%s: ", key->option.name);
            print_scalar(c, t, &key->option, object);
            cli_text_add(c, t, "\n", 1);
        }
        break;
    case CLI_JOB_TEXTS:
        print_texts(c, t, key, object, indent);
        break;
    case CLI_JOB_CRITERIA:
    case CLI_JOB_MAPPING:
    case CLI_JOB_VARIANT:
        print_mapping(c, t, key, object, indent);
        break;
    case CLI_JOB_LIST:
        print_list(c, t, key, object, indent);
        break;
    }
}

void cli_job_print(cli *c, const cli_job *job, cli_text *out)
{
    print_keys(c, out, cli_job_schema.keys, job, 0);
}

void cli_job_print_key(cli *c, const cli_job_key *keys, const char *name, const void *object,
                       cli_text *out)
{
    for (; keys->option.name; keys++) {
        if (strcmp(keys->option.name, name) == 0) {
            print_key(c, out, keys, object, 2);
        }
    }
}
