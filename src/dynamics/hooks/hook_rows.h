/* What the built-in hooks share: reading the rows of a system, and making a record. Private to
 * src/dynamics/hooks.
 *
 * Rows are read where they lie if the host can, else from a copy. They are written through
 * ath_batch_write alone, so that a device makes no difference to what follows from a write.
 */
#ifndef ATHANOR_DYNAMICS_HOOK_ROWS_H
#define ATHANOR_DYNAMICS_HOOK_ROWS_H

#include <athanor/hooks.h>

#include "base/base.h"

/* Rows of one system and field: `rows` are not to be written. The space is kept from one system to
 * the next. */
typedef struct ath__hook_space {
    ath__bytes bytes;
    const void *rows;
} ath__hook_space;

/* Where the rows lie, or a copy of them. */
ath_status ath__hook_look(ath_context *ctx, ath__hook_space *space, const ath_batch *batch,
                          ath_field_id field, int32_t index);
/* A copy in any case, in *out (void ** through any object pointer), to be changed and written. */
ath_status ath__hook_copy(ath_context *ctx, ath__hook_space *space, const ath_batch *batch,
                          ath_field_id field, int32_t index, void *out);
/* Room for the rows of this system, zeroed. */
ath_status ath__hook_zeros(ath_context *ctx, ath__hook_space *space, const ath_batch *batch,
                           ath_field_id field, int32_t index, void *out);
void ath__hook_release(ath_context *ctx, ath__hook_space *spaces, int32_t n);
/* Makes the user field part of the batch and fills the row of this system with the default. */
ath_status ath__hook_reset(ath_context *ctx, ath_batch *batch, ath_field_id field, int32_t index);
/* Looks at the arguments that all have, and clears the record. */
static inline ath_status ath__hook_begin(ath_context *ctx, const char *name, ath_hook *out)
{
    if (!out) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "%s: no place for the hook", name);
    }
    *out = (ath_hook){0};
    return ctx ? ATH_OK : ATH_E_ARGUMENT;
}
/* The state of a hook (zeroed, in *state) and its record: AFTER_STEP, frequency 1. */
ath_status ath__hook_make(ath_context *ctx, const char *name, size_t bytes, void *state,
                          ath_hook *out);

/* m v^2 / 2 of all atoms, eV. */
double ath__hook_kinetic(int32_t n, const double *masses, const double *velocities);

#endif
