/* Align: turns a system so that its cell is lower triangular.
 *
 *     e1 = a1 / |a1|,  e3 = a1 x a2 / |a1 x a2|,  e2 = e3 x e1
 *     r <- (r.e1, r.e2, r.e3) for lattice vectors, positions, velocities and forces
 *     s <- E s E^T with the rows e1, e2, e3 of E, for the stress
 *
 * which is the form H' with lengths a, b, c and angles of the cell kept: H' = [[a, 0, 0],
 * [b cos(gamma), b sin(gamma), 0], [c cos(beta), ., sqrt(.)]]. The zeros are exact.
 */
#include "dynamics/hooks/hook_rows.h"

#include <math.h>

#include "data/cell.h"

enum { ALIGN_CHECK, ALIGN_ROWS, ALIGN_SPACES };

typedef struct align {
    ath_context *ctx;
    ath__hook_space spaces[ALIGN_SPACES];
} align;

static double align_dot(const double a[3], const double b[3])
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

static void align_cross(const double a[3], const double b[3], double out[3])
{
    out[0] = a[1] * b[2] - a[2] * b[1];
    out[1] = a[2] * b[0] - a[0] * b[2];
    out[2] = a[0] * b[1] - a[1] * b[0];
}

static bool align_is_aligned(const double h[9])
{
    return h[1] == 0.0 && h[2] == 0.0 && h[5] == 0.0 && h[0] > 0.0 && h[4] > 0.0 && h[8] > 0.0;
}

static bool align_normalise(double a[3])
{
    const double norm = sqrt(align_dot(a, a));
    for (int k = 0; k < 3; k++) {
        a[k] /= norm;
    }
    return norm > 0.0 && norm < (double)INFINITY;
}

static void align_turn(const double e[9], double r[3])
{
    const double x = align_dot(e, r), y = align_dot(e + 3, r), z = align_dot(e + 6, r);
    r[0] = x, r[1] = y, r[2] = z;
}

/* The rows of the rotation, and the turned cell; false if there is none that is proper. */
static bool align_rotation(const double h[9], double e[9], double turned[9])
{
    const double det = ath__cell_det(h);
    if (!(det > 0.0 && det < (double)INFINITY)) {
        return false;
    }
    for (int k = 0; k < 9; k++) {
        e[k] = turned[k] = h[k];
    }
    bool sound = align_normalise(e);
    align_cross(e, h + 3, e + 6);
    sound = align_normalise(e + 6) && sound;
    align_cross(e + 6, e, e + 3);
    for (int k = 0; k < 3; k++) {
        align_turn(e, turned + 3 * k);
    }
    turned[1] = turned[2] = turned[5] = 0.0;
    return sound && align_is_aligned(turned);
}

static void align_turn_stress(const double e[9], double s[9])
{
    double half[9];
    for (int i = 0; i < 3; i++) { /* E s */
        for (int k = 0; k < 3; k++) {
            half[3 * i + k] = e[3 * i] * s[k] + e[3 * i + 1] * s[3 + k] + e[3 * i + 2] * s[6 + k];
        }
    }
    for (int i = 0; i < 3; i++) { /* (E s) E^T */
        for (int k = 0; k < 3; k++) {
            s[3 * i + k] = align_dot(half + 3 * i, e + 3 * k);
        }
    }
}

/* Whether some atom has fixed and free components. */
static ath_status align_is_held(align *it, const ath_batch *batch, int32_t index, bool *held)
{
    ath__hook_space *space = &it->spaces[ALIGN_CHECK];
    *held = false;
    ATH__TRY(ath__hook_look(it->ctx, space, batch, ATH_FIELD_FIXED, index));
    const uint8_t *fixed = space->rows;
    for (int64_t i = 0; i < ath_batch_n_atoms_of(batch, index); i++) {
        const int n = !!fixed[3 * i] + !!fixed[3 * i + 1] + !!fixed[3 * i + 2];
        *held = *held || (n > 0 && n < 3);
    }
    return ATH_OK;
}

static ath_status align_atoms(align *it, ath_batch *batch, int32_t index, const double e[9])
{
    static const ath_field_id fields[] = {ATH_FIELD_POSITIONS, ATH_FIELD_VELOCITIES,
                                          ATH_FIELD_FORCES};
    for (int f = 0; f < 3; f++) {
        double *rows = NULL;
        ATH__TRY(ath__hook_copy(it->ctx, &it->spaces[ALIGN_ROWS], batch, fields[f], index, &rows));
        for (int64_t i = 0; i < ath_batch_n_atoms_of(batch, index); i++) {
            align_turn(e, rows + 3 * i);
        }
        ATH__TRY(ath_batch_write(batch, fields[f], index, rows));
    }
    return ATH_OK;
}

static ath_status align_system(align *it, ath_batch *batch, int32_t index)
{
    double cell[9], e[9], turned[9], stress[9];
    int32_t pbc[3];
    bool held = false;
    ATH__TRY(ath_batch_read(batch, ATH_FIELD_CELL, index, cell));
    ATH__TRY(ath_batch_read(batch, ATH_FIELD_PBC, index, pbc));
    if (!(pbc[0] || pbc[1] || pbc[2]) || align_is_aligned(cell) ||
        !align_rotation(cell, e, turned)) {
        return ATH_OK;
    }
    ATH__TRY(align_is_held(it, batch, index, &held));
    if (held) {
        return ATH_OK;
    }
    ATH__TRY(align_atoms(it, batch, index, e));
    ATH__TRY(ath_batch_read(batch, ATH_FIELD_STRESS, index, stress));
    align_turn_stress(e, stress);
    ATH__TRY(ath_batch_write(batch, ATH_FIELD_STRESS, index, stress));
    return ath_batch_write(batch, ATH_FIELD_CELL, index, turned);
}

static ath_status align_call(void *user, const ath_hook_context *context)
{
    for (int32_t i = 0; context->n_masked && i < ath_batch_n_systems(context->batch); i++) {
        ATH__TRY(context->mask[i] ? align_system(user, context->batch, i) : ATH_OK);
    }
    return ATH_OK;
}

static void align_destroy(void *user)
{
    align *it = user;
    ath__hook_release(it->ctx, it->spaces, ALIGN_SPACES);
    ath__free(it->ctx, &it, 1, sizeof *it);
}

ath_status ath_hook_align_cell(ath_context *ctx, ath_hook *out)
{
    align *it = NULL;
    ATH__TRY(ath__hook_begin(ctx, "align_cell", out));
    ATH__TRY(ath__hook_make(ctx, "align_cell", sizeof *it, &it, out));
    it->ctx = ctx;
    out->stage = ATH_STAGE_BEFORE_STEP;
    out->access = ATH_HOOK_WRITES | ATH_HOOK_OWN_STEPS;
    out->call = align_call;
    out->destroy = align_destroy;
    return ATH_OK;
}
