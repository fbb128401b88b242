/* A system: one structure in host memory, as files and programs make it and get it back.
 *
 * It holds fields (positions, numbers, cell, ... and registered user fields) and extras: further
 * named values that a file carried and that are given back unchanged. Positions and numbers always
 * exist; any other field exists once it has been asked for or set.
 *
 * Functions fail with ATH_E_NO_MEMORY, and as said. None synchronises.
 */
#ifndef ATHANOR_SYSTEM_H
#define ATHANOR_SYSTEM_H

#include <athanor/field.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ath_system ath_system;

/* Identity: 128-bit hash of the canonical content and of the occurrence number among equal
 * contents, or of an explicit id. It keys random numbers, records and resumption; nothing else
 * does. */
typedef struct ath_uid {
    uint64_t lo, hi;
} ath_uid;

/* n_atoms >= 0; ATH_E_RANGE above 2^31 - 1. Positions and numbers are zero. */
ATH_API ath_status ath_system_create(ath_context *ctx, int64_t n_atoms, ath_system **out);
ATH_API void ath_system_destroy(ath_system **system);
ATH_API ath_status ath_system_clone(const ath_system *system, ath_system **out);

ATH_API int32_t ath_system_n_atoms(const ath_system *system);
/* Storage of a field, in *out: n_atoms rows for an atom field, one row for a system field, with the
 * type and width of the field. Creates it with its default (masses: of the elements) if absent.
 * The pointer is owned by the system and lives until it is destroyed. */
ATH_API ath_status ath_system_field(ath_system *system, ath_field_id field, void **out);
/* The same without creating: NULL if the system does not carry the field. */
ATH_API const void *ath_system_peek(const ath_system *system, ath_field_id field);

/* Extras. level ATOM: n_atoms rows of `width` values; level SYSTEM: `width` values, arranged as
 * n_rows x (width / n_rows) (n_rows 0: a scalar or a plain list; see ath_extra). Text values are
 * kept as strings. Values are copied in. Setting an existing name and level replaces it in place;
 * the order of first setting is kept. A system holds at most 4096 extras (ATH_E_RANGE). */
typedef enum ath_extra_type {
    ATH_EXTRA_REAL,  /* double */
    ATH_EXTRA_INT,   /* int64_t */
    ATH_EXTRA_BOOL,  /* uint8_t */
    ATH_EXTRA_STRING /* const char * */
} ath_extra_type;

typedef struct ath_extra {
    const char *name;
    ath_level level;
    ath_extra_type type;
    int32_t width;  /* values per row (atom level) or in all (system level), >= 1 */
    int32_t n_rows; /* system level: 0 scalar, 1 list, else rows of a matrix; atom level: ignored */
    const void *values;
} ath_extra;

ATH_API ath_status ath_system_set_extra(ath_system *system, const ath_extra *extra);
ATH_API int32_t ath_system_n_extras(const ath_system *system);
/* index from 0; ATH_E_RANGE outside. Pointers in *out belong to the system, until the next set. */
ATH_API ath_status ath_system_extra(const ath_system *system, int32_t index, ath_extra *out);
/* ATH_E_NOT_FOUND if there is none of that name and level. */
ATH_API ath_status ath_system_find_extra(const ath_system *system, ath_level level,
                                         const char *name, ath_extra *out);

/* Hash of the canonical content: numbers, positions, cell, pbc, masses that are not those of the
 * elements, velocities that are not zero, fixed components. Other fields, extras and provenance do
 * not count. docs/formats.md gives the bytes. */
ATH_API ath_status ath_system_content_hash(const ath_system *system, ath_uid *out);
/* uid of the occurrence-th system (from 0) with this content, or of an explicit text id. */
ATH_API ath_uid ath_uid_of(ath_uid content, uint64_t occurrence);
ATH_API ath_uid ath_uid_of_text(const char *id);
ATH_API void ath_system_set_uid(ath_system *system, ath_uid uid);
/* All zero until set; putting a system without a uid into a batch gives it occurrence 0. */
ATH_API ath_uid ath_system_uid(const ath_system *system);
/* 32 lower-case hexadecimal digits and a NUL. */
ATH_API void ath_uid_format(ath_uid uid, char out[33]);
ATH_API ath_status ath_uid_parse(const char *text, ath_uid *out);

/* Where it came from; provenance only, never a key. file is copied, may be NULL; frame from 0. */
ATH_API ath_status ath_system_set_source(ath_system *system, const char *file, int64_t frame);
ATH_API const char *ath_system_source(const ath_system *system, int64_t *frame);

/* Edges: directed pairs (i, j, image) at most `cutoff` angstrom apart, periodic images included,
 * also those of an atom itself; and the shortest distance of two atoms or images (INFINITY if none
 * is within the cutoff; may be NULL). Time grows with atoms and pairs, memory with atoms.
 * ATH_E_ARGUMENT unless the cutoff is positive; ATH_E_RANGE without a finite position, with a
 * periodic cell of no volume, for an atom 2^20 cells away from home, or if the cell is so small
 * that an atom has 2^24 images within reach. */
ATH_API ath_status ath_system_edges(const ath_system *system, double cutoff, int64_t *n_edges,
                                    double *shortest);

/* Elements: symbol of an atomic number ("X" for 0 or unknown), number of a symbol (0 if unknown),
 * standard atomic weight in amu (IUPAC 2016; mass number of the longest-lived isotope otherwise; 1
 * for 0 or unknown). */
ATH_API const char *ath_element_symbol(int32_t number);
ATH_API int32_t ath_element_number(const char *symbol);
ATH_API double ath_element_mass(int32_t number);

#ifdef __cplusplus
}
#endif
#endif
