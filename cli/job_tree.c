/* YAML text to a tree, by libyaml's events. What a job file cannot have is refused here, with its
 * place: bytes that are not UTF-8, control characters, tabs as indentation, anchors, aliases, tags,
 * merge keys, keys that are no texts, several documents, more than the limits allow.
 *
 * Values are not interpreted: a scalar stays the text that it is, so that an element is called No.
 *
 * libyaml takes its memory from malloc and cannot be told otherwise. What it needs is bounded by
 * the size of the text; where it finds none it says so, and that is passed on. All else here comes
 * from the allocator of the host.
 */
#include <string.h>

#include <yaml.h>

#include "job_tree.h"

const char *job_tree_text(const job_tree *tree, const job_node *node)
{
    return tree->texts.data + node->text;
}

const job_node *job_tree_find(const job_tree *tree, const job_node *mapping, const char *name,
                              const job_node **key)
{
    for (int32_t i = mapping->first; i >= 0; i = tree->nodes[tree->nodes[i].next].next) {
        const job_node *word = &tree->nodes[i];
        if (word->type == JOB_SCALAR && strcmp(job_tree_text(tree, word), name) == 0) {
            if (key) {
                *key = word;
            }
            return &tree->nodes[word->next];
        }
    }
    return NULL;
}

void job_tree_free(cli *c, job_tree *tree)
{
    (void)cli_resize(c, &tree->nodes, (size_t)tree->max_nodes * sizeof *tree->nodes, 0);
    cli_text_free(c, &tree->texts);
    *tree = (job_tree){0};
}

/* ---- bytes ---- */

/* What YAML lets a file consist of. */
static bool tree_is_printable(uint32_t c)
{
    return c == '\t' || c == '\n' || c == '\r' || (c >= 0x20 && c < 0x7f) || c == 0x85 ||
           (c >= 0xa0 && c != 0xfeff && c != 0xfffe && c != 0xffff);
}

/* Looks over the text before libyaml does: its own messages about bytes have no place. False: a
 * problem. Tabs in front of a line are found here, too, since libyaml says only that a character
 * "cannot start any token". */
static bool tree_check_bytes(const char *text, size_t bytes, job_problems *p)
{
    int line = 1, column = 1;
    bool margin = true, tab = false;
    for (size_t at = 0; at < bytes;) {
        uint32_t character = 0;
        const size_t n = job_utf8_next(text + at, bytes - at, &character);
        if (n == 0 || !tree_is_printable(character)) {
            job_problem_add(p, line, column, NULL, "not a text file",
                            "byte 0x%02x is %s; a job file is UTF-8 text", (unsigned char)text[at],
                            n == 0 ? "not UTF-8" : "(or begins) a control character");
            return false;
        }
        const bool end = character == '\n' || character == '\r';
        if (margin && !end && character == '\t') {
            tab = true;
        } else if (margin && !end && character != ' ') {
            if (tab) {
                job_problem_add(p, line, 1, NULL, "tab",
                                "a tab in front of a line; YAML is indented with blanks");
                return false;
            }
            margin = false;
        }
        if (character == '\n' || (character == '\r' && (at + 1 >= bytes || text[at + 1] != '\n'))) {
            line++;
            column = 0;
            margin = true;
            tab = false;
        }
        column++;
        at += n;
    }
    return true;
}

/* ---- nodes ---- */

enum { TREE_KEYS = 128 }; /* of a mapping, so that looking for one takes no time */

typedef struct tree_level {
    int32_t node, last; /* the list or mapping, its last child */
} tree_level;

typedef struct tree_builder {
    cli *c;
    job_tree *tree;
    job_problems *problems;
    tree_level levels[CLI_JOB_MAX_DEPTH];
    int depth;
    int n_documents;
    bool stopped; /* a limit is exceeded, or the stream has ended */
    int code;
} tree_builder;

static int tree_line(yaml_mark_t mark)
{
    return (int)(mark.line < 1u << 30 ? mark.line : 1u << 30) + 1;
}

static int tree_column(yaml_mark_t mark)
{
    return (int)(mark.column < 1u << 30 ? mark.column : 1u << 30) + 1;
}

static void tree_refuse(tree_builder *b, yaml_mark_t mark, const char *what, const char *why)
{
    job_problem_add(b->problems, tree_line(mark), tree_column(mark), NULL, what, "%s", why);
}

/* A new node behind the last one of its level; -1: the builder has stopped. */
static int32_t tree_add(tree_builder *b, enum job_node_type type, yaml_mark_t mark)
{
    job_tree *t = b->tree;
    if (t->n_nodes == CLI_JOB_MAX_NODES) {
        tree_refuse(b, mark, "too large", "a job file has at most 100000 keys and values");
        b->stopped = true;
        return -1;
    }
    if (t->n_nodes == t->max_nodes) {
        const int32_t n = t->max_nodes ? 2 * t->max_nodes : 64;
        if (!cli_resize(b->c, &t->nodes, (size_t)t->max_nodes * sizeof *t->nodes,
                        (size_t)n * sizeof *t->nodes)) {
            b->code = cli_fail(b->c, CLI_INTERNAL, "out of memory");
            return -1;
        }
        t->max_nodes = n;
    }
    const int32_t id = t->n_nodes++;
    t->nodes[id] = (job_node){.type = type,
                              .line = tree_line(mark),
                              .column = tree_column(mark),
                              .first = -1,
                              .next = -1};
    if (b->depth > 0) {
        tree_level *level = &b->levels[b->depth - 1];
        if (level->last < 0) {
            t->nodes[level->node].first = id;
        } else {
            t->nodes[level->last].next = id;
        }
        level->last = id;
        job_node *parent = &t->nodes[level->node];
        if (++parent->n > 2 * TREE_KEYS && parent->type == JOB_MAPPING) {
            tree_refuse(b, mark, "too large", "a mapping has at most 128 keys");
            b->stopped = true;
        }
    }
    return id;
}

/* Whether the next node is a key of a mapping. */
static bool tree_at_key(const tree_builder *b)
{
    const job_node *nodes = b->tree->nodes;
    return b->depth > 0 && nodes[b->levels[b->depth - 1].node].type == JOB_MAPPING &&
           nodes[b->levels[b->depth - 1].node].n % 2 == 0;
}

static void tree_scalar(tree_builder *b, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    const size_t bytes = event->data.scalar.length;
    const bool key = tree_at_key(b);
    const int32_t id = tree_add(b, JOB_SCALAR, event->start_mark);
    if (id < 0) {
        return;
    }
    job_node *node = &b->tree->nodes[id];
    node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    node->text = b->tree->texts.size;
    if (key && node->plain && strcmp(text, "<<") == 0) {
        tree_refuse(b, event->start_mark, "merge key", "a job file has no '<<'");
        node->type = JOB_BROKEN;
    }
    for (size_t i = 0; i < bytes; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
            tree_refuse(b, event->start_mark, "wrong text",
                        "it has a line break or a control character in it");
            node->type = JOB_BROKEN;
            break;
        }
    }
    cli_text_add(b->c, &b->tree->texts, text, strlen(text) + 1);
    if (b->tree->texts.failed) {
        b->code = cli_fail(b->c, CLI_INTERNAL, "out of memory");
    }
}

static void tree_open(tree_builder *b, enum job_node_type type, yaml_mark_t mark)
{
    const bool key = tree_at_key(b);
    const int32_t id = tree_add(b, type, mark);
    if (id < 0) {
        return;
    }
    if (key) {
        tree_refuse(b, mark, "wrong key", "a key is a text, not a list or a mapping");
    }
    if (b->depth == CLI_JOB_MAX_DEPTH) {
        tree_refuse(b, mark, "too deep", "lists and mappings stand 16 deep at most");
        b->stopped = true;
        return;
    }
    b->levels[b->depth++] = (tree_level){.node = id, .last = -1};
}

/* Names that YAML could give to a value, or take from its schema. */
static void tree_check_properties(tree_builder *b, yaml_mark_t mark, const yaml_char_t *anchor,
                                  const yaml_char_t *tag)
{
    if (anchor) {
        tree_refuse(b, mark, "anchor",
                    "a job file has no anchors ('&'); put a text that begins with & in quotes");
    }
    if (tag) {
        tree_refuse(b, mark, "tag",
                    "a job file has no tags ('!'); put a text that begins with ! in quotes");
    }
}

static void tree_event(tree_builder *b, const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (++b->n_documents > 1) {
            tree_refuse(b, e->start_mark, "several documents", "a job file is one document");
            b->stopped = true;
            b->tree->whole = true; /* the first one is */
        }
        break;
    case YAML_ALIAS_EVENT:
        tree_refuse(b, e->start_mark, "alias",
                    "a job file has no aliases ('*'); put a text that begins with * in quotes");
        (void)tree_add(b, JOB_BROKEN, e->start_mark);
        break;
    case YAML_SCALAR_EVENT:
        tree_check_properties(b, e->start_mark, e->data.scalar.anchor, e->data.scalar.tag);
        tree_scalar(b, e);
        break;
    case YAML_SEQUENCE_START_EVENT:
        tree_check_properties(b, e->start_mark, e->data.sequence_start.anchor,
                              e->data.sequence_start.tag);
        tree_open(b, JOB_SEQUENCE, e->start_mark);
        break;
    case YAML_MAPPING_START_EVENT:
        tree_check_properties(b, e->start_mark, e->data.mapping_start.anchor,
                              e->data.mapping_start.tag);
        tree_open(b, JOB_MAPPING, e->start_mark);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        b->depth--;
        break;
    case YAML_STREAM_END_EVENT:
        b->stopped = true;
        b->tree->whole = true;
        break;
    default:
        break;
    }
}

/* What libyaml has found, in one line with its place. */
static int tree_fail(const tree_builder *b, const yaml_parser_t *parser)
{
    if (parser->error == YAML_MEMORY_ERROR) {
        return cli_fail(b->c, CLI_INTERNAL, "out of memory");
    }
    const bool marked = parser->error != YAML_READER_ERROR;
    const char *problem = parser->problem ? parser->problem : "it cannot be understood";
    const yaml_mark_t mark = marked ? parser->problem_mark : parser->mark;
    /* `input: *.xyz` is what people write */
    const bool quotes = strstr(problem, "cannot start any token") ||
                        (parser->context && strstr(parser->context, "an alias"));
    const char *hint = quotes ? "; a text that begins like this needs quotes" : "";
    if (marked && parser->context) {
        job_problem_add(b->problems, tree_line(mark), tree_column(mark), NULL, "not YAML",
                        "%s, %s that begins at line %d%s", problem, parser->context,
                        tree_line(parser->context_mark), hint);
    } else {
        job_problem_add(b->problems, tree_line(mark), tree_column(mark), NULL, "not YAML", "%s%s",
                        problem, hint);
    }
    return CLI_OK;
}

static int tree_build(tree_builder *b, yaml_parser_t *parser)
{
    while (!b->stopped && !b->code) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) {
            return tree_fail(b, parser);
        }
        tree_event(b, &event);
        yaml_event_delete(&event);
    }
    return b->code;
}

int job_tree_parse(cli *c, const char *text, size_t bytes, job_problems *problems, job_tree *out)
{
    tree_builder b = {.c = c, .tree = out, .problems = problems};
    yaml_parser_t parser;
    *out = (job_tree){0};
    if (bytes >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0)) {
        job_problem_add(problems, 1, 1, NULL, "not a text file",
                        "it is UTF-16; a job file is UTF-8 text");
        return CLI_OK;
    }
    if (bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* a mark that some editors leave */
        text += 3;
        bytes -= 3;
    }
    if (!tree_check_bytes(text, bytes, problems)) {
        return CLI_OK;
    }
    if (!yaml_parser_initialize(&parser)) {
        return cli_fail(c, CLI_INTERNAL, "out of memory");
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, bytes);
    const int code = tree_build(&b, &parser);
    yaml_parser_delete(&parser);
    if (!code && problems->n == 0 && out->n_nodes == 0) {
        job_problem_add(problems, 1, 1, NULL, "empty", "there is nothing in it");
    }
    return code;
}
