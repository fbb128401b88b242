/* What a system is made of, for the parts of data that copy it whole. Private to the library. */
#ifndef ATHANOR_DATA_SYSTEM_PRIVATE_H
#define ATHANOR_DATA_SYSTEM_PRIVATE_H

#include <athanor/system.h>

#include "base/base.h"

enum { ATH__MAX_EXTRAS = 4096 };

/* One extra; name and values are owned. Text values are an array of pointers into the same block.
 */
typedef struct ath__extra_item {
    char *name;
    ath_level level;
    ath_extra_type type;
    int32_t width, n_rows;
    size_t n_values;
    void *values;
    size_t bytes; /* of the block of values */
} ath__extra_item;

/* What a system carries besides numbers in rows: it stays in host memory wherever the rows go. */
typedef struct ath__baggage {
    ath__extra_item *extras; /* [n_extras], order of first setting */
    int32_t n_extras, max_extras;
    char *source; /* NULL: unknown */
    int64_t frame;
} ath__baggage;

/* Sets or replaces an extra of a system of n_atoms atoms; on failure nothing has changed. */
ath_status ath__extra_set(ath_context *ctx, ath__baggage *bag, int32_t n_atoms,
                          const ath_extra *extra);
void ath__extra_describe(const ath__extra_item *item, ath_extra *out);
ath_status ath__baggage_clone(ath_context *ctx, const ath__baggage *from, ath__baggage *out);
void ath__baggage_free(ath_context *ctx, ath__baggage *bag);

/* The life of a system in a batch, which a packet carries on: see view.h. Without it a system that
 * comes into a batch is fresh. */
typedef struct ath__life {
    bool present;
    int32_t flags; /* ATH__SLOT_... */
    int64_t target;
    int32_t n_system_state, n_atom_state; /* cells of 8 bytes */
    uint64_t *system_state;               /* [n_system_state] */
    uint64_t *atom_state;                 /* [n_atoms][n_atom_state] */
} ath__life;

struct ath_system {
    ath_context *ctx;
    int32_t n_atoms;
    ath_uid uid;
    void *fields[ATH_MAX_FIELDS]; /* NULL: not carried; else ath__system_values of it */
    ath__baggage bag;
    ath__life life;
};

/* Values of a field. */
static inline size_t ath__system_values(const ath_system *system, const ath_field_info *info)
{
    return (info->level == ATH_LEVEL_ATOM ? (size_t)system->n_atoms : 1) * (size_t)info->width;
}
/* Values allocated for it: never none, so that a field that is carried has an address. */
static inline size_t ath__system_room(const ath_system *system, const ath_field_info *info)
{
    const size_t n = ath__system_values(system, info);
    return n > 0 ? n : 1;
}
/* Makes room for state cells; sets `present`. */
ath_status ath__system_set_life(ath_system *system, int32_t n_system_state, int32_t n_atom_state);
/* Writes `n` values of the default of a field. */
void ath__field_fill(const ath_field_info *info, void *to, size_t n);

#endif
