/* From the tree of a job file to its struct, by the tables of job_schema.c. Numbers, truth values
 * and choices are read by the library's own reader of options, so that they are written as on the
 * command line and in a model's text, whatever YAML makes of them: 1e6 is a whole number; 0x10, 010
 * and .inf are none. What stands in quotes is a text and nothing else.
 */
#include <string.h>

#include "job_tree.h"

enum { READ_WORD_BYTES = 64, READ_ITEMS = 64, READ_TEXT_BYTES = 400 };

bool job_set_text(cli *c, char **out, const char *text)
{
    char *copy = NULL;
    const size_t bytes = strlen(text) + 1;
    if (!cli_resize(c, &copy, 0, bytes)) {
        return false;
    }
    memcpy(copy, text, bytes);
    if (*out) {
        (void)cli_resize(c, out, strlen(*out) + 1, 0);
    }
    *out = copy;
    return true;
}

static void read_no_memory(job_reader *r)
{
    if (!r->code) {
        r->code = cli_fail(r->c, CLI_INTERNAL, "out of memory");
    }
}

/* ---- what is expected, what was found ---- */

/* " from 0 to 4096" */
static void read_range(cli *c, cli_text *t, const ath_option *o)
{
    if (o->min == 0.0 && o->max == 0.0) {
        return;
    }
    cli_text_print(c, t, o->max < 1e15 || o->min < 0.0 ? " from " : ", at least ");
    cli_text_double(c, t, o->min);
    if (o->max < 1e15 || o->min < 0.0) {
        cli_text_print(c, t, " to ");
        cli_text_double(c, t, o->max);
    }
}

static void read_expected(cli *c, cli_text *t, const cli_job_key *key)
{
    static const char *const kinds[] = {
        [CLI_JOB_TEXTS] = "a text or a list of texts",
        [CLI_JOB_NAMED] = "a text or a mapping with the key 'name'",
        [CLI_JOB_CRITERIA] = "a mapping of criteria or a text 'fmax=0.05'",
        [CLI_JOB_MAPPING] = "a mapping",
        [CLI_JOB_LIST] = "a list of mappings",
        [CLI_JOB_VARIANT] = "a mapping with the key 'type' or the name of a file",
    };
    const ath_option *o = &key->option;
    if (key->kind != CLI_JOB_VALUE) {
        cli_text_print(c, t, "%s", kinds[key->kind]);
        return;
    }
    switch (o->type) {
    case ATH_OPTION_BOOL:
        cli_text_print(c, t, "true or false");
        break;
    case ATH_OPTION_INT:
    case ATH_OPTION_REAL:
        cli_text_print(c, t, o->type == ATH_OPTION_INT ? "a whole number" : "a number");
        read_range(c, t, o);
        if (o->unit && *o->unit) {
            cli_text_print(c, t, " (%s)", o->unit);
        }
        break;
    case ATH_OPTION_CHOICE:
        cli_text_print(c, t, "one of %s", o->choices);
        break;
    default:
        cli_text_print(c, t, "a text");
        break;
    }
}

static bool read_is_null(const char *text)
{
    return strcmp(text, "null") == 0 || strcmp(text, "~") == 0 || strcmp(text, "Null") == 0 ||
           strcmp(text, "NULL") == 0;
}

static void read_found(cli *c, cli_text *t, const job_tree *tree, const job_node *node)
{
    char shown[JOB_SHOWN_BYTES];
    if (node->type != JOB_SCALAR) {
        cli_text_print(c, t, node->type == JOB_SEQUENCE ? "a list" : "a mapping");
        return;
    }
    const char *text = job_tree_text(tree, node);
    if (node->plain && *text == '\0') {
        cli_text_print(c, t, "nothing");
    } else if (node->plain && read_is_null(text)) {
        cli_text_print(c, t, "%s (leave the key out for its default)", text);
    } else {
        cli_text_print(c, t, "%s'%s'", node->plain ? "" : "the text ", job_shown(text, shown));
    }
}

/* "a number" where `node` stands; a node that is broken has been reported. */
static void read_mismatch(job_reader *r, const job_node *node, const job_place *place,
                          const char *expected)
{
    cli *c = r->c;
    cli_text found = {0};
    if (node->type == JOB_BROKEN) {
        r->n_broken++;
        return;
    }
    read_found(c, &found, &r->tree, node);
    if (found.failed) {
        read_no_memory(r);
    } else {
        job_problem_add(&r->problems, node->line, node->column, place, "wrong value",
                        "expected %s, found %s", expected, found.data);
    }
    cli_text_free(c, &found);
}

static void read_unexpected(job_reader *r, const job_node *node, const job_place *place,
                            const cli_job_key *key)
{
    cli_text expected = {0};
    read_expected(r->c, &expected, key);
    if (expected.failed) {
        read_no_memory(r);
    } else {
        read_mismatch(r, node, place, expected.data);
    }
    cli_text_free(r->c, &expected);
}

/* ---- scalars ---- */

/* The text of a scalar that stands for one; NULL: it is none, or empty. */
static const char *read_text(const job_reader *r, const job_node *node)
{
    if (node->type != JOB_SCALAR) {
        return NULL;
    }
    const char *text = job_tree_text(&r->tree, node);
    return *text == '\0' || (node->plain && read_is_null(text)) ? NULL : text;
}

/* Digits behind a leading zero would be octal to some. */
static bool read_leads_with_zero(const char *text)
{
    text += *text == '-' || *text == '+';
    return text[0] == '0' && text[1] >= '0' && text[1] <= '9';
}

/* Reads a number, truth value or choice into the object. False: it is none. */
static bool read_word(job_reader *r, const ath_option *option, const char *text, void *object)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.";
    char pair[2 * READ_WORD_BYTES];
    const ath_option one[2] = {*option, {.type = ATH_OPTION_END}};
    const size_t bytes = strlen(text);
    const bool number = option->type == ATH_OPTION_INT || option->type == ATH_OPTION_REAL;
    if (bytes == 0 || bytes >= READ_WORD_BYTES || text[strspn(text, letters)] != '\0' ||
        (number && read_leads_with_zero(text))) {
        return false;
    }
    snprintf(pair, sizeof pair, "%s=%s", option->name, text);
    const ath_status status = ath_options_parse(r->c->ctx, one, "job", pair, object);
    if (status == ATH_E_NO_MEMORY) {
        read_no_memory(r);
        return true;
    }
    return status >= 0;
}

static char **read_text_at(const ath_option *option, void *object)
{
    return (char **)(void *)((char *)object + option->offset);
}

/* Text to the value of a row. False: the text does not fit it. */
static bool read_scalar(job_reader *r, const ath_option *option, const char *text, void *object)
{
    if (option->type != ATH_OPTION_TEXT) {
        return read_word(r, option, text, object);
    }
    if (!job_set_text(r->c, read_text_at(option, object), text)) {
        read_no_memory(r);
    }
    return true;
}

/* "; did you mean 'csv'?" or nothing. */
static const char *read_suggest(const char *text, const char *const *names, size_t n,
                                char out[READ_WORD_BYTES])
{
    const char *near = job_nearest(text, names, n);
    out[0] = '\0';
    if (near) {
        snprintf(out, READ_WORD_BYTES, "; did you mean '%s'?", near);
    }
    return out;
}

static void read_value(job_reader *r, const cli_job_key *key, const job_node *node,
                       const job_place *place, void *object)
{
    const ath_option *option = &key->option;
    const char *text = read_text(r, node);
    const bool quotable = option->type == ATH_OPTION_TEXT || option->type == ATH_OPTION_CHOICE;
    if (!text || (!node->plain && !quotable) || !read_scalar(r, option, text, object)) {
        read_unexpected(r, node, place, key);
    }
}

/* ---- defaults ---- */

static void read_defaults(job_reader *r, const cli_job_key *keys, void *object)
{
    const int64_t unset = CLI_UNSET;
    const double unset_real = CLI_UNSET_REAL;
    for (const cli_job_key *key = keys; key->option.name && !r->code; key++) {
        const ath_option *o = &key->option;
        char *at = (char *)object + o->offset;
        if (key->table && !key->table->variants && key->kind != CLI_JOB_LIST) {
            read_defaults(r, key->table->keys, at);
        } else if (key->kind == CLI_JOB_VALUE && o->fallback) {
            (void)read_scalar(r, o, o->fallback, object);
        } else if (key->kind == CLI_JOB_VALUE && o->type == ATH_OPTION_REAL) {
            memcpy(at, &unset_real, sizeof unset_real);
        } else if (key->kind == CLI_JOB_VALUE && o->type != ATH_OPTION_TEXT) {
            memcpy(at, &unset, sizeof unset);
        }
    }
}

/* ---- texts with options ---- */

/* A value of an option behind "key=": in quotes where it needs them. */
static void read_option_value(cli *c, cli_text *t, const char *text)
{
    if (*text && !strpbrk(text, ",\"{}\\= ;'")) {
        cli_text_add(c, t, text, strlen(text));
        return;
    }
    cli_text_add(c, t, "\"", 1);
    for (; *text; text++) {
        cli_text_print(c, t, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
    }
    cli_text_add(c, t, "\"", 1);
}

/* One key of {name: lj, epsilon: 0.01}: adds ":epsilon=0.01" or ",epsilon=0.01". */
static void read_option(job_reader *r, const job_node *mapping, const job_node *key,
                        const job_place *place, cli_text *t)
{
    const job_node *value = &r->tree.nodes[key->next], *first = NULL;
    const char *word = read_text(r, key);
    char shown[JOB_SHOWN_BYTES];
    if (key->type != JOB_SCALAR) {
        return; /* reported */
    }
    const job_place here = {place, job_tree_text(&r->tree, key), 0};
    if (!word || strpbrk(word, "=,\"{}: ")) {
        job_problem_add(&r->problems, key->line, key->column, place, "wrong key",
                        "'%s' cannot be the name of an option", job_shown(here.key, shown));
        return;
    }
    (void)job_tree_find(&r->tree, mapping, word, &first);
    if (first != key) {
        job_problem_add(&r->problems, key->line, key->column, &here, "key given twice",
                        "it stands in line %d already", first->line);
        return;
    }
    const char *text = value->type == JOB_SCALAR ? job_tree_text(&r->tree, value) : NULL;
    if (!text || (value->plain && !read_text(r, value))) {
        read_mismatch(r, value, &here, "a text or a number");
    } else if (strcmp(word, "name") != 0) {
        cli_text_print(r->c, t, "%c%s=", strchr(t->data ? t->data : "", ':') ? ',' : ':', word);
        read_option_value(r->c, t, text);
    }
}

static void read_named_mapping(job_reader *r, const job_node *node, const job_place *place,
                               cli_text *t)
{
    const job_node *name = job_tree_find(&r->tree, node, "name", NULL);
    const char *text = name ? read_text(r, name) : NULL;
    const job_place here = {place, "name", 0};
    if (!name) {
        job_problem_add(&r->problems, node->line, node->column, place, "missing key",
                        "a mapping here needs 'name'");
    } else if (!text || (strchr(text, ':') && node->n > 2)) {
        read_mismatch(r, name, &here, "a name without options");
    } else {
        cli_text_print(r->c, t, "%s", text);
        for (int32_t i = node->first; i >= 0; i = r->tree.nodes[r->tree.nodes[i].next].next) {
            read_option(r, node, &r->tree.nodes[i], place, t);
        }
    }
}

static void read_named(job_reader *r, const cli_job_key *key, const job_node *node,
                       const job_place *place, void *object)
{
    cli_text t = {0};
    const char *text = read_text(r, node);
    if (node->type == JOB_MAPPING) {
        read_named_mapping(r, node, place, &t);
        text = t.data;
    } else if (!text) {
        read_unexpected(r, node, place, key);
    }
    if (t.failed || (text && !job_set_text(r->c, read_text_at(&key->option, object), text))) {
        read_no_memory(r);
    }
    cli_text_free(r->c, &t);
}

/* ---- lists of texts ---- */

static void read_texts(job_reader *r, const cli_job_key *key, const job_node *node,
                       const job_place *place, void *object)
{
    const bool list = node->type == JOB_SEQUENCE;
    const size_t n = list ? (size_t)node->n : 1;
    char **texts = NULL;
    size_t i = 0;
    if (n == 0 || (!list && !read_text(r, node))) {
        read_unexpected(r, node, place, key);
        return;
    }
    if (!cli_resize(r->c, &texts, 0, n * sizeof *texts)) {
        read_no_memory(r);
        return;
    }
    memset(texts, 0, n * sizeof *texts);
    memcpy((char *)object + key->option.offset, &texts, sizeof texts);
    memcpy((char *)object + key->offset_n, &n, sizeof n);
    const job_node *item = list ? &r->tree.nodes[node->first] : node;
    for (; i < n && !r->code; i++) {
        const job_place here = {place, NULL, i};
        const char *text = read_text(r, item);
        if (!text) {
            read_mismatch(r, item, &here, "a text");
        } else if (!job_set_text(r->c, &texts[i], text)) {
            read_no_memory(r);
        }
        item = item->next >= 0 ? &r->tree.nodes[item->next] : item;
    }
}

/* ---- mappings ---- */

static void read_any(job_reader *r, const cli_job_key *key, const job_node *node,
                     const job_place *place, void *object);

static const cli_job_key *read_find_key(const cli_job_key *keys, const char *name)
{
    for (; keys->option.name; keys++) {
        if (strcmp(keys->option.name, name) == 0) {
            return keys;
        }
    }
    return NULL;
}

static void read_unknown(job_reader *r, const cli_job_key *keys, bool variant, const job_node *at,
                         const job_place *place, const char *name)
{
    const char *names[READ_ITEMS];
    char near[READ_WORD_BYTES];
    size_t n = 0;
    const job_place here = {place, name, 0};
    for (; keys->option.name && n < READ_ITEMS - 1; keys++) {
        names[n++] = keys->option.name;
    }
    if (variant) {
        names[n++] = "type";
    }
    if (r->problems.n < CLI_JOB_PROBLEMS) {
        (void)read_suggest(name, names, n, near);
    } else {
        near[0] = '\0'; /* only counted */
    }
    job_problem_add(&r->problems, at->line, at->column, &here, "unknown key", "%s",
                    *near ? near + 2 : "there is none of this name");
}

/* The pairs of a mapping, by the rows of its table, into an object that holds the defaults. */
static void read_pairs(job_reader *r, const cli_job_key *keys, bool variant, const job_node *node,
                       const job_place *place, void *object)
{
    const job_tree *t = &r->tree;
    for (int32_t i = node->first; i >= 0 && !r->code; i = t->nodes[t->nodes[i].next].next) {
        const job_node *word = &t->nodes[i], *first = NULL;
        if (word->type != JOB_SCALAR) {
            continue; /* reported */
        }
        const char *name = job_tree_text(t, word);
        const cli_job_key *key = read_find_key(keys, name);
        const bool is_type = variant && strcmp(name, "type") == 0;
        const job_place here = {place, name, 0};
        if (!key && !is_type) {
            read_unknown(r, keys, variant, word, place, name);
            continue;
        }
        (void)job_tree_find(t, node, name, &first);
        if (first != word) {
            job_problem_add(&r->problems, word->line, word->column, &here, "key given twice",
                            "it stands in line %d already", first->line);
        } else if (key) {
            read_any(r, key, &t->nodes[word->next], &here, object);
        }
    }
    for (const cli_job_key *key = keys; key->option.name; key++) {
        if (key->required && !job_tree_find(t, node, key->option.name, NULL)) {
            const job_place here = {place, key->option.name, 0};
            job_problem_add(&r->problems, node->line, node->column, &here, "missing key",
                            "it has to be given: %s", key->option.help);
        }
    }
}

/* {type: WORD, ...} into a zeroed object. */
static void read_variant(job_reader *r, const cli_job_table *table, const job_node *node,
                         const job_place *place, void *object)
{
    const char *names[READ_ITEMS] = {NULL};
    char near[READ_WORD_BYTES];
    int64_t type = 0, n = 0;
    const job_node *word = job_tree_find(&r->tree, node, "type", NULL);
    const char *text = word ? read_text(r, word) : NULL;
    cli_text known = {0};
    const job_place here = {place, "type", 0};
    for (; table->variants[n]; n++) {
        names[n] = table->variants[n]->name;
        cli_text_print(r->c, &known, "%s%s", n ? "|" : "one of ", names[n]);
    }
    while (type < n && (!text || strcmp(text, names[type]) != 0)) {
        type++;
    }
    if (known.failed) {
        read_no_memory(r);
    } else if (!word) {
        job_problem_add(&r->problems, node->line, node->column, &here, "missing key",
                        "a %s needs it: %s", table->name, known.data);
    } else if (type == n) {
        cli_text_print(r->c, &known, "%s", read_suggest(text ? text : "", names, (size_t)n, near));
        read_mismatch(r, word, &here, known.failed ? "another type" : known.data);
    } else {
        memcpy(object, &type, sizeof type);
        read_defaults(r, table->variants[type]->keys, object);
        read_pairs(r, table->variants[type]->keys, true, node, place, object);
    }
    cli_text_free(r->c, &known);
}

/* A mapping as a struct of `table`. */
static void read_struct(job_reader *r, const cli_job_table *table, const job_node *node,
                        const job_place *place, void *object)
{
    if (node->type != JOB_MAPPING) {
        read_mismatch(r, node, place, "a mapping");
    } else if (table->variants) {
        read_variant(r, table, node, place, object);
    } else {
        read_defaults(r, table->keys, object);
        read_pairs(r, table->keys, false, node, place, object);
    }
}

static int64_t read_faults(const job_reader *r)
{
    return r->problems.n + r->problems.more + r->n_broken;
}

static void read_list(job_reader *r, const cli_job_key *key, const job_node *node,
                      const job_place *place, void *object)
{
    const cli_job_table *table = key->table;
    const size_t n = (size_t)node->n;
    char *items = NULL;
    if (node->type != JOB_SEQUENCE || (n == 0 && key->required)) {
        read_unexpected(r, node, place, key);
        return;
    }
    if (n == 0) {
        return;
    }
    if (!cli_resize(r->c, &items, 0, n * table->bytes)) {
        read_no_memory(r);
        return;
    }
    memset(items, 0, n * table->bytes);
    memcpy((char *)object + key->option.offset, &items, sizeof items);
    memcpy((char *)object + key->offset_n, &n, sizeof n);
    int32_t id = node->first;
    for (size_t i = 0; i < n && !r->code; i++) {
        const job_place here = {place, NULL, i};
        const int64_t before = read_faults(r);
        read_struct(r, table, &r->tree.nodes[id], &here, items + i * table->bytes);
        r->tree.nodes[id].faulty = read_faults(r) != before;
        id = r->tree.nodes[id].next;
    }
}

/* ---- criteria ---- */

/* One item "fmax=0.05". */
static void read_criterion(job_reader *r, const cli_job_key *keys, const job_node *node,
                           const job_place *place, char *item, void *object)
{
    char *value = strchr(item, '=');
    if (!value) {
        read_mismatch(r, node, place, "criteria 'name=value,...'");
        return;
    }
    *value++ = '\0';
    value += strspn(value, " ");
    for (size_t n = strlen(value); n > 0 && value[n - 1] == ' '; n--) {
        value[n - 1] = '\0';
    }
    for (size_t n = strlen(item); n > 0 && item[n - 1] == ' '; n--) {
        item[n - 1] = '\0';
    }
    const cli_job_key *key = read_find_key(keys, item);
    const job_place here = {place, item, 0};
    double before = 0.0;
    if (!key) {
        read_unknown(r, keys, false, node, place, item);
        return;
    }
    memcpy(&before, (char *)object + key->option.offset, sizeof before);
    if (before >= 0.0) {
        job_problem_add(&r->problems, node->line, node->column, &here, "key given twice",
                        "a criterion may stand once");
    } else if (!read_scalar(r, &key->option, value, object)) {
        read_unexpected(r, node, &here, key);
    }
}

static void read_criteria(job_reader *r, const cli_job_key *key, const job_node *node,
                          const job_place *place, void *object)
{
    char text[READ_TEXT_BYTES];
    char *at = (char *)object + key->option.offset, *rest = NULL;
    const char *given = read_text(r, node);
    if (node->type == JOB_MAPPING && node->n > 0) {
        read_pairs(r, key->table->keys, false, node, place, at);
        return;
    }
    if (!given || strlen(given) >= sizeof text) {
        read_unexpected(r, node, place, key);
        return;
    }
    memcpy(text, given, strlen(given) + 1);
    /* an empty item counts: strsep, not strtok */
    for (char *item = (rest = text, strsep(&rest, ",")); item; item = strsep(&rest, ",")) {
        read_criterion(r, key->table->keys, node, place, item + strspn(item, " "), at);
    }
}

/* ---- all of it ---- */

/* The name of a file is short for {type: file, path: NAME}. */
static void read_file_or_variant(job_reader *r, const cli_job_key *key, const job_node *node,
                                 const job_place *place, void *object)
{
    const char *text = read_text(r, node);
    char *at = (char *)object + key->option.offset;
    if (node->type == JOB_MAPPING) {
        read_variant(r, key->table, node, place, at);
    } else if (!text) {
        read_unexpected(r, node, place, key);
    } else {
        const cli_job_key *keys = key->table->variants[CLI_JOB_SINK_FILE]->keys;
        read_defaults(r, keys, at);
        (void)read_scalar(r, &read_find_key(keys, "path")->option, text, at);
    }
}

static void read_any(job_reader *r, const cli_job_key *key, const job_node *node,
                     const job_place *place, void *object)
{
    switch (key->kind) {
    case CLI_JOB_VALUE:
        read_value(r, key, node, place, object);
        break;
    case CLI_JOB_TEXTS:
        read_texts(r, key, node, place, object);
        break;
    case CLI_JOB_NAMED:
        read_named(r, key, node, place, object);
        break;
    case CLI_JOB_CRITERIA:
        read_criteria(r, key, node, place, object);
        break;
    case CLI_JOB_MAPPING:
        if (node->type != JOB_MAPPING) {
            read_unexpected(r, node, place, key);
        } else {
            read_pairs(r, key->table->keys, false, node, place,
                       (char *)object + key->option.offset);
        }
        break;
    case CLI_JOB_LIST:
        read_list(r, key, node, place, object);
        break;
    case CLI_JOB_VARIANT:
        read_file_or_variant(r, key, node, place, object);
        break;
    }
}

void job_read_tree(job_reader *r, cli_job *job)
{
    const job_node *root = r->tree.nodes;
    if (root->type != JOB_MAPPING) {
        read_mismatch(r, root, NULL, "a mapping (key: value)");
        return;
    }
    read_struct(r, &cli_job_schema, root, NULL, job);
}
