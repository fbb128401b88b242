/* What the built-in hooks share: reading the rows of a system, and making a record. */
#include "dynamics/hooks/hook_rows.h"

#include <string.h>

#include "device/device.h"

static size_t rows_bytes(const ath_context *ctx, const ath_batch *batch, ath_field_id field,
                         int32_t index)
{
    const ath_field_info *info = ath_field_describe(ctx, field);
    const int32_t n = info->level == ATH_LEVEL_ATOM ? ath_batch_n_atoms_of(batch, index) : 1;
    return (size_t)n * (size_t)info->width * (size_t)ath_dtype_bytes(info->dtype);
}

static ath_status rows_room(ath_context *ctx, ath__hook_space *space, size_t bytes)
{
    space->bytes.size = 0;
    return ath__bytes_reserve(ctx, &space->bytes, bytes);
}

ath_status ath__hook_look(ath_context *ctx, ath__hook_space *space, const ath_batch *batch,
                          ath_field_id field, int32_t index)
{
    void *rows = NULL;
    if (ath_batch_device(batch)->shared) {
        ATH__TRY(ath_batch_rows(batch, field, index, &rows));
        space->rows = rows;
        return ATH_OK;
    }
    return ath__hook_copy(ctx, space, batch, field, index, &rows);
}

ath_status ath__hook_copy(ath_context *ctx, ath__hook_space *space, const ath_batch *batch,
                          ath_field_id field, int32_t index, void *out)
{
    ATH__TRY(rows_room(ctx, space, rows_bytes(ctx, batch, field, index)));
    ATH__TRY(ath_batch_read(batch, field, index, space->bytes.data));
    space->rows = space->bytes.data;
    memcpy(out, &space->bytes.data, sizeof space->bytes.data);
    return ATH_OK;
}

ath_status ath__hook_zeros(ath_context *ctx, ath__hook_space *space, const ath_batch *batch,
                           ath_field_id field, int32_t index, void *out)
{
    const size_t bytes = rows_bytes(ctx, batch, field, index);
    ATH__TRY(rows_room(ctx, space, bytes));
    if (bytes > 0) {
        memset(space->bytes.data, 0, bytes);
    }
    space->rows = space->bytes.data;
    memcpy(out, &space->bytes.data, sizeof space->bytes.data);
    return ATH_OK;
}

void ath__hook_release(ath_context *ctx, ath__hook_space *spaces, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        ath__bytes_free(ctx, &spaces[i].bytes);
    }
}

ath_status ath__hook_reset(ath_context *ctx, ath_batch *batch, ath_field_id field, int32_t index)
{
    ath__hook_space space = {0};
    void *rows = NULL;
    ATH__TRY(ath_batch_add_field(batch, field));
    ath_status status = ath__hook_zeros(ctx, &space, batch, field, index, &rows);
    status = status < 0 ? status : ath_batch_write(batch, field, index, rows);
    ath__hook_release(ctx, &space, 1);
    return status;
}

ath_status ath__hook_make(ath_context *ctx, const char *name, size_t bytes, void *state,
                          ath_hook *out)
{
    void *block = NULL;
    ATH__TRY(ath__alloc(ctx, bytes, 1, &block));
    memcpy(state, &block, sizeof block);
    *out = (ath_hook){.size = sizeof *out,
                      .name = name,
                      .stage = ATH_STAGE_AFTER_STEP,
                      .frequency = 1,
                      .user = block};
    return ATH_OK;
}

double ath__hook_kinetic(int32_t n, const double *masses, const double *velocities)
{
    double sum = 0.0;
    for (int32_t i = 0; i < n; i++) {
        const double *v = velocities + 3 * (int64_t)i;
        sum += masses[i] * (v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
    }
    return 0.5 * sum;
}
