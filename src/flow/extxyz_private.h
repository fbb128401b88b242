/* What the files of the extended XYZ reader and writer share. Private to src/flow.
 *
 * The reader (extxyz_reader.c) finds the lines of one frame in its window; extxyz_comment.c splits
 * the comment line into items and gives values their types; extxyz_frame.c makes a system of both.
 * None of them writes to the text: a frame that met an exhausted memory can be read again.
 */
#ifndef ATHANOR_FLOW_EXTXYZ_PRIVATE_H
#define ATHANOR_FLOW_EXTXYZ_PRIVATE_H

#include <athanor/extxyz.h>

#include "base/base.h"

/* Limits of one frame. With them, and with counts that the text must justify, the peak memory of
 * reading stays below 4 x the input + 16 MiB. */
enum {
    ATH__XYZ_MAX_LINE = 1 << 21,   /* characters in a line */
    ATH__XYZ_MAX_KEYS = 1024,      /* items in a comment line */
    ATH__XYZ_MAX_OTHERS = 1000,    /* of these, keys that are not known */
    ATH__XYZ_MAX_COLUMNS = 256,    /* entries in Properties */
    ATH__XYZ_MAX_EXTRAS = 248,     /* of these, columns that are not known */
    ATH__XYZ_MAX_STRINGS = 1 << 16 /* strings in a list; longer lists are kept as text */
};

typedef struct ath__xyz_span {
    const char *at;
    size_t n;
} ath__xyz_span;

/* One line of the file, without its newline, for parsing and for messages. */
typedef struct ath__xyz_line {
    ath_context *ctx;
    const char *file;
    int64_t number; /* from 1 */
    const char *begin, *end;
} ath__xyz_line;

typedef enum ath__xyz_quote {
    ATH__XYZ_ABSENT, /* key without a value */
    ATH__XYZ_BARE,
    ATH__XYZ_QUOTED,  /* "..." or '...' */
    ATH__XYZ_BRACE,   /* {...} */
    ATH__XYZ_BRACKET, /* [...] */
    ATH__XYZ_JSON     /* text after _JSON, which ASE writes inside quotes */
} ath__xyz_quote;

/* key=value. The value is as in the line, without its outer quotes or brackets. */
typedef struct ath__xyz_item {
    const char *at;    /* where the key begins in the line */
    ath__xyz_span key; /* without quotes and escapes */
    ath__xyz_span value;
    ath__xyz_quote quote;
    bool key_escaped, value_escaped;
} ath__xyz_item;

/* Memory that a reader keeps from frame to frame. */
typedef struct ath__xyz_scratch {
    ath__xyz_item *items; /* [max_items] */
    size_t n_items, max_items;
    ath__bytes keys;    /* keys that had escapes */
    ath__bytes name;    /* a key with a NUL */
    ath__bytes text;    /* a value, decoded */
    ath__bytes values;  /* the numbers of a list, or pointers to strings */
    ath__bytes strings; /* what those pointers point to */
} ath__xyz_scratch;

/* One frame as found: the comment line and n_atoms lines after it, all in the window. */
typedef struct ath__xyz_frame {
    ath__xyz_line comment;
    const char *rows, *rows_end;
    int64_t n_atoms;
} ath__xyz_frame;

static inline bool ath__xyz_blank(char c)
{
    return c == ' ' || (unsigned char)(c - '\t') < 5;
}

static inline const char *ath__xyz_skip_blanks(const char *p, const char *end)
{
    while (p < end && ath__xyz_blank(*p)) {
        p++;
    }
    return p;
}

static inline const char *ath__xyz_token_end(const char *p, const char *end)
{
    while (p < end && !ath__xyz_blank(*p)) {
        p++;
    }
    return p;
}

/* ASCII, without the locale. */
static inline char ath__xyz_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* text is lower case and ends with NUL; the case of the span does not count. */
bool ath__xyz_is(ath__xyz_span span, const char *text);

/* Records "FILE:LINE:COLUMN: expected WHAT, found 'TOKEN'"; `what` is printf style. */
ath_status ath__xyz_expected(const ath__xyz_line *line, const char *at, const char *what, ...)
    __attribute__((format(printf, 3, 4)));
/* Records "FILE:LINE:COLUMN: TEXT". */
ath_status ath__xyz_refuse(const ath__xyz_line *line, const char *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The whole token as a real number; Fortran's D exponent is accepted. */
bool ath__xyz_real(const char *at, const char *end, double *out);
/* T, F, True, true, TRUE, False, false, FALSE. */
bool ath__xyz_bool(const char *at, const char *end, uint8_t *out);

/* Makes room for `bytes` bytes; the old content is lost. */
ath_status ath__xyz_room(ath_context *ctx, ath__bytes *b, size_t bytes);

/* ---- extxyz_comment.c ---- */

/* Splits a line of key=value into scratch->items. */
ath_status ath__xyz_split(const ath__xyz_line *line, ath__xyz_scratch *scratch);
/* The key with a NUL, in scratch->name. */
ath_status ath__xyz_key(ath_context *ctx, const ath__xyz_item *item, ath__xyz_scratch *scratch,
                        const char **out);
/* Type, shape and values of an item; values lie in the scratch. `verbatim`: always one string. */
ath_status ath__xyz_value(ath_context *ctx, const ath__xyz_item *item, bool verbatim,
                          ath__xyz_scratch *scratch, ath_extra *out);
/* Next number or word of a value, where blanks, commas and square brackets separate; false at the
 * end. */
bool ath__xyz_next_word(const char **p, const char *end, ath__xyz_span *out);
void ath__xyz_scratch_free(ath_context *ctx, ath__xyz_scratch *scratch);

/* ---- extxyz_rows.c ---- */

typedef enum ath__xyz_role {
    ATH__XYZ_EXTRA,
    ATH__XYZ_SPECIES,
    ATH__XYZ_NUMBERS,
    ATH__XYZ_POSITIONS,
    ATH__XYZ_MOMENTA,
    ATH__XYZ_VELOCITIES,    /* sqrt(eV/amu) */
    ATH__XYZ_VELOCITIES_FS, /* angstrom/fs */
    ATH__XYZ_FORCES,
    ATH__XYZ_MASSES,
    ATH__XYZ_MOVE_MASK
} ath__xyz_role;

/* One name:type:width of Properties. */
typedef struct ath__xyz_column {
    ath__xyz_span name;
    ath__xyz_role role;
    char type; /* R I S L */
    int32_t width;
    void *rows; /* [n_atoms][width] of double, int64_t, const char * (into the text) or uint8_t */
    bool owned; /* rows are ours, not the system's */
} ath__xyz_column;

typedef struct ath__xyz_columns {
    ath__xyz_column column[ATH__XYZ_MAX_COLUMNS];
    int32_t n;
    int64_t n_values; /* in a row */
    bool plain;       /* no Properties: further words of a row are ignored */
    bool has_numbers; /* there is a column Z: species are labels only */
} ath__xyz_columns;

/* The columns that `item`, the key Properties, names; those of plain XYZ if it is NULL. */
ath_status ath__xyz_read_columns(const ath__xyz_line *line, const ath__xyz_item *item,
                                 ath__xyz_columns *out);
/* ATH_OK if the rows are long enough to hold that many values; else the first short row's error. */
ath_status ath__xyz_check_rows(const ath__xyz_frame *frame, const ath__xyz_columns *columns);
/* Fields and extras of the atoms. */
ath_status ath__xyz_read_rows(const ath__xyz_frame *frame, ath__xyz_columns *columns,
                              const uint8_t *elements, ath_system *system);
/* True for names of columns that are fields, not extras. */
bool ath__xyz_is_column(const char *name);
enum { ATH__XYZ_ELEMENTS = 26 * 27 };
/* Fills the table from the two letters of a symbol to its atomic number. */
void ath__xyz_elements(uint8_t table[ATH__XYZ_ELEMENTS]);

/* ---- extxyz_frame.c ---- */

typedef enum ath__xyz_kind {
    ATH__XYZ_OTHER,     /* an extra of any type */
    ATH__XYZ_TEXT,      /* always one string: name, id, ... */
    ATH__XYZ_STRUCTURE, /* Lattice, pbc, Properties */
    ATH__XYZ_SCALAR,    /* energy, free_energy */
    ATH__XYZ_TENSOR     /* stress, virial */
} ath__xyz_kind;
/* What a key of the comment line is, in any case. */
ath__xyz_kind ath__xyz_kind_of(ath__xyz_span key);

ath_status ath__xyz_build(const ath__xyz_frame *frame, const uint8_t *elements,
                          ath__xyz_scratch *scratch, ath_system **out);

/* ---- extxyz_writer.c ---- */

typedef enum ath__writer_mode {
    ATH__WRITER_REPLACE, /* an old file is cut to nothing */
    ATH__WRITER_NEW,     /* an old file is ATH_E_EXISTS */
    ATH__WRITER_APPEND   /* goes on behind an old file, which must end with a newline */
} ath__writer_mode;
ath_status ath__writer_open(ath_context *ctx, const char *path, ath__writer_mode mode,
                            ath_writer **out);
/* Everything written so far to the file; sync: and to the disk. */
/* Forgets the frames that have not reached the file yet. */
void ath__writer_discard(ath_writer *writer);

#endif
