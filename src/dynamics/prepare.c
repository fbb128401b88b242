/* Thermal velocities by hand, for systems of a batch: the same draw as on entry to a stage
 * (velocities.h), made on the host whatever the device of the batch.
 */
#include <math.h>

#include "data/batch_private.h"
#include "dynamics/velocities.h"

#include <athanor/dynamics.h>

/* Rows of one system on the host, in one block. */
typedef struct prepare_rows {
    double *doubles; /* [7 n]: velocities, positions, masses */
    uint8_t *fixed;  /* [3 n] */
    size_t n;
} prepare_rows;

ath_velocities_config ath_velocities_defaults(void)
{
    return (ath_velocities_config){
        .size = sizeof(ath_velocities_config), .remove_momentum = true, .exact_temperature = true};
}

static bool prepare_chosen(const ath_velocities_config *c, int32_t index)
{
    return !c->mask || c->mask[index];
}

static double prepare_temperature(const ath_velocities_config *c, int32_t index)
{
    return c->temperatures ? c->temperatures[index] : c->temperature;
}

static ath_status prepare_check(ath_context *ctx, const ath_batch *batch,
                                const ath_velocities_config *c)
{
    if (!ctx || !batch || !c) {
        return ath__fail(ctx, ATH_E_ARGUMENT,
                         "velocities: context, batch or configuration is "
                         "NULL");
    }
    if (c->size != sizeof *c) {
        return ath__fail(ctx, ATH_E_ABI, "velocities: configuration of another version");
    }
    for (int32_t i = 0; i < ath_batch_n_systems(batch); i++) {
        const double kelvin = prepare_temperature(c, i);
        if (prepare_chosen(c, i) && !(kelvin >= 0.0 && isfinite(kelvin))) {
            return ath__fail(ctx, ATH_E_ARGUMENT,
                             "velocities: the temperature of system %d is %g, but must be a number "
                             "and not negative",
                             (int)i, kelvin);
        }
    }
    return ATH_OK;
}

static ath_status prepare_read(const ath_batch *batch, int32_t index, const prepare_rows *rows,
                               ath__motion *m)
{
    int32_t pbc[3];
    double *velocities = rows->doubles, *positions = velocities + 3 * rows->n;
    double *masses = positions + 3 * rows->n;
    ATH__TRY(ath_batch_read(batch, ATH_FIELD_POSITIONS, index, positions));
    ATH__TRY(ath_batch_read(batch, ATH_FIELD_MASSES, index, masses));
    ATH__TRY(ath_batch_read(batch, ATH_FIELD_FIXED, index, rows->fixed));
    ATH__TRY(ath_batch_read(batch, ATH_FIELD_PBC, index, pbc));
    *m = (ath__motion){.velocities = velocities,
                       .positions = positions,
                       .masses = masses,
                       .fixed = rows->fixed,
                       .n = (int64_t)rows->n,
                       .periodic = pbc[0] || pbc[1] || pbc[2]};
    return ATH_OK;
}

static ath_status prepare_system(ath_batch *batch, int32_t index, const prepare_rows *rows,
                                 const ath_velocities_config *c)
{
    const ath_uid uid = ath_batch_uid(batch, index);
    const uint64_t key[2] = {uid.lo, uid.hi};
    const ath__thermal thermal = {
        .uid = key, .seed = c->seed, .temperature = prepare_temperature(c, index)};
    ath__motion m;
    ATH__TRY(prepare_read(batch, index, rows, &m));
    m.rules = ATH__MOTION_CONSERVES | (c->remove_momentum ? ATH__MOTION_NO_MOMENTUM : 0) |
              (c->remove_rotation ? ATH__MOTION_NO_ROTATION : 0) |
              (c->exact_temperature ? ATH__MOTION_EXACT : 0);
    const double dof = ath__thermal_velocities(&m, &thermal);
    ATH__TRY(ath_batch_write(batch, ATH_FIELD_VELOCITIES, index, m.velocities));
    return ath_batch_write(batch, ATH_FIELD_DOF, index, &dof);
}

ath_status ath_velocities_draw(ath_context *ctx, ath_batch *batch,
                               const ath_velocities_config *config)
{
    prepare_rows rows = {0};
    ATH__TRY(prepare_check(ctx, batch, config));
    size_t max = 0;
    for (int32_t i = 0; i < ath_batch_n_systems(batch); i++) {
        const size_t n = (size_t)ath_batch_n_atoms_of(batch, i);
        max = prepare_chosen(config, i) && n > max ? n : max;
    }
    ath_status status = ath__alloc(ctx, max, 7 * sizeof *rows.doubles, &rows.doubles);
    status = status < 0 ? status : ath__alloc(ctx, max, 3, &rows.fixed);
    for (int32_t i = 0; i < ath_batch_n_systems(batch) && status >= 0; i++) {
        rows.n = (size_t)ath_batch_n_atoms_of(batch, i);
        if (prepare_chosen(config, i)) {
            status = prepare_system(batch, i, &rows, config);
        }
    }
    ath__free(ctx, &rows.fixed, max, 3);
    ath__free(ctx, &rows.doubles, max, 7 * sizeof *rows.doubles);
    return status;
}
