/* Wrap: moves atoms by whole lattice vectors into the cell, direction by direction.
 *
 * The fractional coordinate along a lattice vector is f = g r, with g the reciprocal row. Taking
 * floor(f) vectors away leaves a rounding error, and so can put an atom on the wrong side of a face
 * again, so it is looked at again until all coordinates are inside; one that stays below 0 by
 * rounding alone is put inside by the smallest step that does it.
 */
#include "dynamics/hooks/hook_rows.h"

#include <math.h>

#include "data/cell.h"

enum { WRAP_POSITIONS, WRAP_IMAGES, WRAP_SPACES };
enum { WRAP_ROUNDS = 4, WRAP_NUDGES = 40 };

typedef struct wrap {
    ath_context *ctx;
    ath_field_id images; /* -1: not kept */
    ath__hook_space spaces[WRAP_SPACES];
} wrap;

typedef struct wrap_cell {
    double h[9], g[9];
    int32_t pbc[3];
} wrap_cell;

static double wrap_fraction(const wrap_cell *c, int k, const double r[3])
{
    return c->g[3 * k] * r[0] + c->g[3 * k + 1] * r[1] + c->g[3 * k + 2] * r[2];
}

static bool wrap_inside(const wrap_cell *c, const double r[3])
{
    for (int k = 0; k < 3; k++) {
        const double f = c->pbc[k] ? wrap_fraction(c, k, r) : 0.0;
        if (!(f >= 0.0 && f < 1.0)) {
            return false;
        }
    }
    return true;
}

/* Whether the atom can be wrapped at all. */
static bool wrap_sensible(const wrap_cell *c, const double r[3])
{
    for (int k = 0; k < 3; k++) {
        if (c->pbc[k] && !(fabs(wrap_fraction(c, k, r)) < 2147483647.0)) {
            return false;
        }
    }
    return true;
}

/* One round: along each periodic direction what is outside is taken in. */
static void wrap_round(const wrap_cell *c, int round, double r[3], int64_t images[3])
{
    for (int k = 0; k < 3; k++) {
        const double f = c->pbc[k] ? wrap_fraction(c, k, r) : 0.0, whole = floor(f);
        double step = -whole;
        if (whole == 0.0) {
            continue;
        }
        if (round >= WRAP_ROUNDS && f < 0.0) { /* by rounding */
            step = ldexp(1.0, round - WRAP_ROUNDS - 60);
        } else {
            images[k] += (int64_t)whole;
        }
        for (int m = 0; m < 3; m++) {
            r[m] += step * c->h[3 * k + m];
        }
    }
}

/* False: the atom is left as it is. */
static bool wrap_atom(const wrap_cell *c, double r[3], int32_t counts[3])
{
    double to[3] = {r[0], r[1], r[2]};
    int64_t images[3] = {counts[0], counts[1], counts[2]};
    for (int round = 0; round < WRAP_ROUNDS + WRAP_NUDGES && !wrap_inside(c, to); round++) {
        wrap_round(c, round, to, images);
    }
    for (int k = 0; k < 3; k++) {
        if (images[k] < INT32_MIN || images[k] > INT32_MAX) {
            return false;
        }
    }
    for (int k = 0; k < 3; k++) {
        r[k] = to[k];
        counts[k] = (int32_t)images[k];
    }
    return true;
}

/* False: there is nothing to wrap into. */
static ath_status wrap_cell_of(const ath_batch *batch, int32_t index, wrap_cell *c, bool *any)
{
    double cell[9];
    ATH__TRY(ath_batch_read(batch, ATH_FIELD_CELL, index, cell));
    ATH__TRY(ath_batch_read(batch, ATH_FIELD_PBC, index, c->pbc));
    *any = (c->pbc[0] || c->pbc[1] || c->pbc[2]) && ath__cell_complete(cell, c->pbc, c->h) &&
           ath__cell_reciprocal(c->h, c->g);
    return ATH_OK;
}

static ath_status wrap_open_images(wrap *it, ath_batch *batch, int32_t index, int32_t **images)
{
    if (it->images < 0) {
        return ATH_OK;
    }
    ATH__TRY(ath_batch_add_field(batch, it->images));
    return ath__hook_copy(it->ctx, &it->spaces[WRAP_IMAGES], batch, it->images, index, images);
}

static ath_status wrap_system(wrap *it, ath_batch *batch, int32_t index)
{
    const int32_t n = ath_batch_n_atoms_of(batch, index);
    ath__hook_space *space = &it->spaces[WRAP_POSITIONS];
    wrap_cell cell;
    bool any = false, moved = false;
    double *r = NULL;
    int32_t *images = NULL;
    ATH__TRY(wrap_cell_of(batch, index, &cell, &any));
    ATH__TRY(any ? ath__hook_look(it->ctx, space, batch, ATH_FIELD_POSITIONS, index) : ATH_OK);
    for (int32_t i = 0; any && i < n; i++) {
        const double *at = (const double *)space->rows + 3 * (int64_t)i;
        int32_t none[3] = {0, 0, 0};
        if (wrap_inside(&cell, at) || !wrap_sensible(&cell, at)) {
            continue;
        }
        if (!r) {
            ATH__TRY(ath__hook_copy(it->ctx, space, batch, ATH_FIELD_POSITIONS, index, &r));
            ATH__TRY(wrap_open_images(it, batch, index, &images));
        }
        moved =
            wrap_atom(&cell, r + 3 * (int64_t)i, images ? images + 3 * (int64_t)i : none) || moved;
    }
    if (!moved) {
        return ATH_OK;
    }
    ATH__TRY(images ? ath_batch_write(batch, it->images, index, images) : ATH_OK);
    return ath_batch_write(batch, ATH_FIELD_POSITIONS, index, r);
}

static ath_status wrap_call(void *user, const ath_hook_context *context)
{
    for (int32_t i = 0; context->n_masked && i < ath_batch_n_systems(context->batch); i++) {
        ATH__TRY(context->mask[i] ? wrap_system(user, context->batch, i) : ATH_OK);
    }
    return ATH_OK;
}

/* So that every system carries the counts, wrapped or not. */
static ath_status wrap_admit(void *user, ath_dynamics *dynamics, ath_batch *batch, int32_t index)
{
    const wrap *it = user;
    (void)dynamics;
    (void)index;
    return it->images < 0 ? ATH_OK : ath_batch_add_field(batch, it->images);
}

static void wrap_destroy(void *user)
{
    wrap *it = user;
    ath__hook_release(it->ctx, it->spaces, WRAP_SPACES);
    ath__free(it->ctx, &it, 1, sizeof *it);
}

ath_status ath_hook_wrap(ath_context *ctx, bool keep_images, ath_hook *out)
{
    static const ath_field_info info = {.name = "image_counts",
                                        .level = ATH_LEVEL_ATOM,
                                        .dtype = ATH_I32,
                                        .width = 3,
                                        .unit = "",
                                        .help = "lattice vectors taken away by wrapping"};
    wrap *it = NULL;
    ATH__TRY(ath__hook_begin(ctx, "wrap", out));
    ATH__TRY(ath__hook_make(ctx, "wrap", sizeof *it, &it, out));
    *it = (wrap){.ctx = ctx, .images = -1};
    out->stage = ATH_STAGE_AFTER_PRE_UPDATE;
    out->access = ATH_HOOK_WRITES | ATH_HOOK_OWN_STEPS;
    out->call = wrap_call;
    out->admit = wrap_admit;
    out->destroy = wrap_destroy;
    const ath_status status = keep_images ? ath_field_register(ctx, &info, &it->images) : ATH_OK;
    if (status < 0) {
        ath_hook_free(out);
    }
    return status;
}
