/* Clamps forces: F <- F max / |F| where |F| > max, atom by atom. */
#include "dynamics/hooks/hook_rows.h"

#include <math.h>

typedef struct clamp {
    ath_context *ctx;
    double max_force; /* eV/angstrom */
    ath__hook_space forces;
} clamp;

/* |f|, without overflow of the squares; infinity if a component is not finite. */
static double clamp_norm(const double f[3])
{
    const double x = fabs(f[0]), y = fabs(f[1]), z = fabs(f[2]);
    const double big = x > y ? (x > z ? x : z) : y > z ? y : z;
    if (!isfinite(x) || !isfinite(y) || !isfinite(z)) {
        return INFINITY;
    }
    if (big < 1e150) {
        return sqrt(x * x + y * y + z * z);
    }
    const double a = x / big, b = y / big, c = z / big;
    return big * sqrt(a * a + b * b + c * c); /* may overflow: then it is larger than any limit */
}

static bool clamp_exceeds(const clamp *it, const double f[3])
{
    return isfinite(f[0]) && isfinite(f[1]) && isfinite(f[2]) && clamp_norm(f) > it->max_force;
}

static void clamp_scale(const clamp *it, double f[3])
{
    const double half[3] = {0.5 * f[0], 0.5 * f[1], 0.5 * f[2]};
    const double norm = clamp_norm(f);
    const double scale = it->max_force / (isfinite(norm) ? norm : clamp_norm(half));
    for (int k = 0; k < 3; k++) {
        f[k] = scale * (isfinite(norm) ? f[k] : half[k]);
    }
}

static ath_status clamp_system(clamp *it, ath_batch *batch, int32_t index)
{
    const int32_t n = ath_batch_n_atoms_of(batch, index);
    double *changed = NULL;
    ATH__TRY(ath__hook_look(it->ctx, &it->forces, batch, ATH_FIELD_FORCES, index));
    for (int32_t i = 0; i < n; i++) {
        const double *f = (const double *)it->forces.rows + 3 * (int64_t)i;
        if (!clamp_exceeds(it, f)) {
            continue;
        }
        if (!changed) {
            ATH__TRY(
                ath__hook_copy(it->ctx, &it->forces, batch, ATH_FIELD_FORCES, index, &changed));
        }
        clamp_scale(it, changed + 3 * (int64_t)i);
    }
    return changed ? ath_batch_write(batch, ATH_FIELD_FORCES, index, changed) : ATH_OK;
}

static ath_status clamp_call(void *user, const ath_hook_context *context)
{
    for (int32_t i = 0; context->n_masked && i < ath_batch_n_systems(context->batch); i++) {
        ATH__TRY(context->mask[i] ? clamp_system(user, context->batch, i) : ATH_OK);
    }
    return ATH_OK;
}

static void clamp_destroy(void *user)
{
    clamp *it = user;
    ath__hook_release(it->ctx, &it->forces, 1);
    ath__free(it->ctx, &it, 1, sizeof *it);
}

ath_status ath_hook_clamp_forces(ath_context *ctx, double max_force, ath_hook *out)
{
    clamp *it = NULL;
    ATH__TRY(ath__hook_begin(ctx, "clamp_forces", out));
    if (!(max_force > 0.0) || !isfinite(max_force)) {
        return ath__fail(ctx, ATH_E_ARGUMENT,
                         "clamp_forces: max_force must be a positive, finite number");
    }
    ATH__TRY(ath__hook_make(ctx, "clamp_forces", sizeof *it, &it, out));
    it->ctx = ctx;
    it->max_force = max_force;
    out->stage = ATH_STAGE_AFTER_COMPUTE;
    out->access = ATH_HOOK_WRITES;
    out->call = clamp_call;
    out->destroy = clamp_destroy;
    return ATH_OK;
}
