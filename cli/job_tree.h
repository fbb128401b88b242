/* What the reader of job files shares: the file as a tree of nodes, and its problems. */
#ifndef ATHANOR_CLI_JOB_TREE_H
#define ATHANOR_CLI_JOB_TREE_H

#include "job.h"

/* ---- problems (job_problem.c) ---- */

typedef struct job_place {
    const struct job_place *parent;
    const char *key; /* NULL: an entry of a list */
    size_t index;
} job_place;

typedef struct job_problem {
    int line, column; /* from 1 */
    cli_text text;
} job_problem;

typedef struct job_problems {
    cli *c;
    const char *path;
    job_problem list[CLI_JOB_PROBLEMS];
    int n;        /* kept */
    int64_t more; /* beyond those */
} job_problems;

/* Takes note of "what (key place): ..."; place may be NULL. Where memory fails, the text has. */
void job_problem_add(job_problems *p, int line, int column, const job_place *place,
                     const char *what, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
/* Says them in the order of the file, and frees them. CLI_OK if there is none, else `code`. */
int job_problems_report(job_problems *p, int code);
/* A text of the file as it is shown: at most 40 bytes, nothing that acts on a terminal. */
enum { JOB_SHOWN_BYTES = 48 };
const char *job_shown(const char *text, char out[JOB_SHOWN_BYTES]);
/* The nearest of n names: at most a third of the letters wrong. NULL: none is near. */
const char *job_nearest(const char *word, const char *const *names, size_t n);
/* The position of the first byte that is not UTF-8, `bytes` if all is. */
size_t job_utf8_fault(const char *text, size_t bytes);
/* The character at text[0 .. bytes - 1] and its length; 0: not UTF-8. */
size_t job_utf8_next(const char *text, size_t bytes, uint32_t *character);

/* ---- tree (job_tree.c) ---- */

enum job_node_type { JOB_SCALAR, JOB_SEQUENCE, JOB_MAPPING, JOB_BROKEN };

typedef struct job_node {
    enum job_node_type type; /* JOB_BROKEN: reported already */
    bool plain;              /* a scalar without quotes */
    bool faulty;             /* an entry of a list with problems in it */
    int line, column;        /* from 1 */
    size_t text;             /* of a scalar, in tree->texts */
    int32_t first, next;     /* children and siblings, -1: none; keys and values take turns */
    int32_t n;               /* children */
} job_node;

typedef struct job_tree {
    job_node *nodes; /* [n_nodes], 0 is the document */
    int32_t n_nodes, max_nodes;
    cli_text texts;
    bool whole; /* read to its end */
} job_tree;

/* YAML to a tree. Problems are added; CLI_OK also with problems. Anything else: out of memory, and
 * it has been said. */
int job_tree_parse(cli *c, const char *text, size_t bytes, job_problems *problems, job_tree *out);
void job_tree_free(cli *c, job_tree *tree);
const char *job_tree_text(const job_tree *tree, const job_node *node);
/* The value of a key of a mapping (the first, if it is there twice) and the key itself; NULL: none.
 */
const job_node *job_tree_find(const job_tree *tree, const job_node *mapping, const char *name,
                              const job_node **key);

/* ---- reading (job_read.c, job_check.c) ---- */

typedef struct job_reader {
    cli *c;
    job_problems problems;
    job_tree tree;
    int64_t n_broken; /* values that were passed over, since they had been reported */
    int code;         /* out of memory: said, and nothing goes on */
} job_reader;

/* Fills *job from the whole tree, and adds what single values have wrong. */
void job_read_tree(job_reader *r, cli_job *job);
/* Adds what values have wrong in view of one another, and fills in the defaults that depend on
 * others. Passes over entries of lists that are faulty by themselves. */
void job_check(job_reader *r, cli_job *job);
/* A copy of a text in *out, whose old one is freed. False: out of memory, nothing has changed. */
bool job_set_text(cli *c, char **out, const char *text);

#endif
