/* lbfgs_kernel.c - host kernel of L-BFGS (lbfgs.h): one pass over the atoms for the inner products,
 * one for the direction and the longest displacement, one for the positions. The vectors of an atom
 * lie side by side, so loops over them are what vectorises. In a team the first member adds what
 * the others have found in their blocks, and decides.
 */
#include "integrators/deform_rows.h"
#include "integrators/lbfgs.h"

enum { LBFGS_FOLD = 8 };

/* What the members of a team share: the decision, and of each block its sums and square. */
typedef struct lbfgs_shared {
    _Alignas(64) ath__lbfgs_direction direction;
    double change[9]; /* of c X */
    double factor;
    _Alignas(64) double blocks[];
} lbfgs_shared;
ATH__STATIC_ASSERT(sizeof(lbfgs_shared) <= ATH__UPDATE_WORK, "work memory of lbfgs");

/* One system in one step, as a member sees it. */
typedef struct lbfgs_work {
    ath__rows rows; /* of this member */
    double *pairs;  /* atom cells of its first row */
    int64_t stride;
    double *cells; /* of the system */
    int32_t memory, head, pending;
    ath__deform deform;
} lbfgs_work;

/* Force on a free component of y or r, 0 on others. */
static inline void lbfgs_force(const lbfgs_work *w, int64_t i, double out[3])
{
    const double *f = w->rows.forces + 3 * i;
    const uint8_t *fixed = w->rows.fixed ? w->rows.fixed + 3 * i : NULL;
    double own[3];
    for (int c = 0; c < 3; c++) {
        own[c] = fixed && fixed[c] ? 0.0 : f[c];
        out[c] = own[c];
    }
    if (w->deform.moves) {
        ath__deform_row(own, w->deform.f, out);
        for (int c = 0; c < 3; c++) {
            out[c] = fixed && fixed[c] ? 0.0 : out[c];
        }
    }
}

/* ---- sums ---- */

static inline void lbfgs_zero(ath__lbfgs_sums *t, int32_t width)
{
    for (int32_t k = 0; k < width; k++) {
        t->f[k] = t->s[k] = t->y[k] = 0.0;
    }
    t->ff = 0.0;
}

static inline void lbfgs_add_sums(ath__lbfgs_sums *total, const ath__lbfgs_sums *t, int32_t width)
{
    for (int32_t k = 0; k < width; k++) {
        total->f[k] += t->f[k];
        total->s[k] += t->s[k];
        total->y[k] += t->y[k];
    }
    total->ff += t->ff;
}

/* Completes the newest y of one component, and adds the component to the sums. */
static inline void lbfgs_add(const lbfgs_work *w, double *restrict row, double force,
                             ath__lbfgs_sums *restrict t)
{
    const int32_t width = 2 * w->memory;
    t->ff += force * force;
    if (!w->pending) {
        return; /* nothing is remembered */
    }
    const double s = row[w->head], y = row[w->memory + w->head] - force;
    row[w->memory + w->head] = y;
    for (int32_t k = 0; k < width; k++) {
        t->f[k] += force * row[k];
        t->s[k] += s * row[k];
        t->y[k] += y * row[k];
    }
}

/* Sums of the block that begins at row i. */
static inline void lbfgs_block(const lbfgs_work *w, int64_t i, ath__lbfgs_sums *t)
{
    const int64_t end = i + ATH__BLOCK < w->rows.n ? i + ATH__BLOCK : w->rows.n;
    lbfgs_zero(t, 2 * w->memory);
    for (; i < end; i++) {
        double force[3];
        lbfgs_force(w, i, force);
        for (int c = 0; c < 3; c++) {
            lbfgs_add(w, w->pairs + i * w->stride + (int64_t)c * 2 * w->memory, force[c], t);
        }
    }
}

/* ---- direction ---- */

/* One component of d; the terms go to eight lanes, which are folded pairwise. */
static inline double lbfgs_component(const ath__lbfgs_direction *d, const double *row, int32_t n,
                                     double force)
{
    double s[LBFGS_FOLD] = {0.0};
    int32_t k = 0;
    if (!d->used) {
        return d->of_f * force;
    }
    for (; k + LBFGS_FOLD <= n; k += LBFGS_FOLD) {
        for (int l = 0; l < LBFGS_FOLD; l++) {
            s[l] += d->of[k + l] * row[k + l];
        }
    }
    for (int l = 0; k + l < n; l++) {
        s[l] += d->of[k + l] * row[k + l];
    }
    return d->of_f * force + (((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7])));
}

/* Writes d and F into the place of the new pair; returns the largest square of a displacement. */
static inline double lbfgs_directions(const lbfgs_work *w, const ath__lbfgs_direction *d)
{
    const int32_t width = 2 * w->memory;
    double largest = 0.0;
    for (int64_t i = 0; i < w->rows.n; i++) {
        double force[3], square = 0.0;
        lbfgs_force(w, i, force);
        for (int c = 0; c < 3; c++) {
            double *row = w->pairs + i * w->stride + (int64_t)c * width;
            const double x = lbfgs_component(d, row, width, force[c]);
            row[d->place] = x;
            row[w->memory + d->place] = force[c];
            square += x * x;
        }
        largest = square <= largest ? largest : square;
    }
    return largest;
}

/* ---- positions ---- */

static inline void lbfgs_positions(const lbfgs_work *w, int32_t place, double factor)
{
    for (int64_t i = 0; i < w->rows.n; i++) {
        double *row = w->pairs + i * w->stride + place, *r = w->rows.positions + 3 * i;
        double s[3], riding[3], own[3];
        for (int c = 0; c < 3; c++) {
            s[c] = factor * row[(int64_t)c * 2 * w->memory];
            row[(int64_t)c * 2 * w->memory] = s[c];
        }
        if (w->deform.moves) {
            ath__deform_row(r, w->deform.ride, riding);
            ath__deform_row(s, w->deform.next_f, own);
            for (int c = 0; c < 3; c++) {
                r[c] = riding[c] + own[c];
            }
        } else {
            for (int c = 0; c < 3; c++) {
                r[c] += s[c];
            }
        }
    }
}

/* ---- one system ---- */

/* Decides from the sums of the atoms: one member only. */
static void lbfgs_decide(const ath__lbfgs_args *a, const lbfgs_work *w, ath__lbfgs_sums *total,
                         ath__lbfgs_direction *d, double change[9])
{
    double *pairs = w->cells + ATH__LBFGS_CELL_PAIRS;
    const int32_t width = 2 * w->memory;
    for (int k = 0; w->deform.moves && k < 9; k++) {
        lbfgs_add(w, pairs + (int64_t)k * width, w->deform.force[k], total);
    }
    ath__lbfgs_control(&a->parameters, total, w->cells, d);
    for (int k = 0; w->deform.moves && k < 9; k++) {
        double *row = pairs + (int64_t)k * width;
        change[k] = lbfgs_component(d, row, width, w->deform.force[k]);
        row[w->memory + d->place] = w->deform.force[k];
    }
}

/* Alone: all passes but the last; returns the factor of all displacements. */
static double lbfgs_alone(const ath__lbfgs_args *a, const lbfgs_work *w, ath__lbfgs_direction *d,
                          double change[9])
{
    ath__lbfgs_sums total, t;
    lbfgs_zero(&total, 2 * w->memory);
    for (int64_t i = 0; i < w->rows.n; i += ATH__BLOCK) {
        lbfgs_block(w, i, &t);
        lbfgs_add_sums(&total, &t, 2 * w->memory);
    }
    lbfgs_decide(a, w, &total, d, change);
    return ath__lbfgs_shorten(a, d, lbfgs_directions(w, d), &w->deform, change, w->cells);
}

/* Where a block leaves its sums. */
static inline double *lbfgs_left(const ath__lbfgs_args *a, int64_t block)
{
    lbfgs_shared *shared = a->update.work;
    return shared->blocks + (size_t)block * ath__lbfgs_block(a->parameters.memory);
}

/* The sums that all blocks of n atoms have left. */
static void lbfgs_gather(const ath__lbfgs_args *a, int64_t n, ath__lbfgs_sums *total)
{
    const int32_t width = 2 * a->parameters.memory;
    lbfgs_zero(total, width);
    for (int64_t b = 0; b * ATH__BLOCK < n; b++) {
        const double *left = lbfgs_left(a, b);
        for (int32_t k = 0; k < width; k++) {
            total->f[k] += left[k];
            total->s[k] += left[width + k];
            total->y[k] += left[2 * width + k];
        }
        total->ff += left[3 * width];
    }
}

/* In a team: each member the sums of its blocks and its directions; one decides, twice. */
static double lbfgs_together(const ath__lbfgs_args *a, const lbfgs_work *w, int64_t n,
                             const ath__share *share)
{
    lbfgs_shared *shared = a->update.work;
    const int32_t width = 2 * w->memory;
    ath__lbfgs_sums t;
    for (int64_t i = 0; i < w->rows.n; i += ATH__BLOCK) {
        double *left = lbfgs_left(a, (w->rows.first + i) / ATH__BLOCK);
        lbfgs_block(w, i, &t);
        for (int32_t k = 0; k < width; k++) {
            left[k] = t.f[k];
            left[width + k] = t.s[k];
            left[2 * width + k] = t.y[k];
        }
        left[3 * width] = t.ff;
    }
    ath__meet(share);
    if (share->member == 0) {
        lbfgs_gather(a, n, &t);
        lbfgs_decide(a, w, &t, &shared->direction, shared->change);
    }
    ath__meet(share);
    const double square = lbfgs_directions(w, &shared->direction);
    for (int64_t i = 0; i < w->rows.n; i += ATH__BLOCK) { /* the same for all blocks of a member */
        lbfgs_left(a, (w->rows.first + i) / ATH__BLOCK)[3 * width + 1] = square;
    }
    ath__meet(share);
    if (share->member == 0) {
        double largest = 0.0;
        for (int64_t b = 0; b * ATH__BLOCK < n; b++) {
            const double own = lbfgs_left(a, b)[3 * width + 1];
            largest = own <= largest ? largest : own;
        }
        shared->factor = ath__lbfgs_shorten(a, &shared->direction, largest, &w->deform,
                                            shared->change, w->cells);
    }
    ath__meet(share);
    return shared->factor;
}

/* What a step needs to know; read before any member of a team meets. */
static inline void lbfgs_look(const ath__lbfgs_args *a, int32_t slot, const ath__rows *rows,
                              lbfgs_work *w)
{
    const ath__update_args *u = &a->update;
    w->rows = *rows;
    w->stride = u->n_atom_state;
    w->pairs = u->view.atom_state + (u->view.first[slot] + rows->first) * w->stride;
    w->cells = u->view.system_state + (int64_t)slot * u->n_system_state;
    w->memory = a->parameters.memory;
    w->head = (int32_t)w->cells[ATH__LBFGS_HEAD];
    w->pending = w->cells[ATH__LBFGS_PENDING] != 0.0;
    ath__deform_begin(&a->deform, &u->view, slot, w->cells, &w->deform);
}

/* The last pass, and what is left to write of the cell. */
static void lbfgs_move(const ath__lbfgs_args *a, int32_t slot, lbfgs_work *w, int32_t place,
                       double factor, const double change[9], const ath__share *share)
{
    double own[9];
    if (w->deform.moves) {
        ath__m3_scale(factor, change, own);
        ath__deform_move(&a->deform, own, &w->deform);
    }
    lbfgs_positions(w, place, factor);
    if (w->deform.moves && share->member == 0) {
        for (int k = 0; k < 9; k++) {
            w->cells[ATH__LBFGS_CELL_PAIRS + k * 2 * w->memory + place] = own[k];
        }
        ath__deform_end(&a->deform, &a->update.view, slot, w->cells, &w->deform);
    }
}

/* The args of one system: its own where it may not use all of the longest step. */
static inline const ath__lbfgs_args *lbfgs_args_of(const ath__lbfgs_args *a, const double *cells,
                                                   ath__lbfgs_args *own)
{
    const double leeway = ath__leeway(cells[a->parameters.leeway]);
    if (leeway == 1.0) {
        return a;
    }
    *own = *a;
    own->parameters.max_step *= leeway;
    own->deform.max_strain *= leeway;
    return own;
}

void ATH__HOST_KERNEL(lbfgs_pre)(const void *args, const ath__share *share)
{
    const ath__lbfgs_args *a = args;
    const ath__update_args *u = &a->update;
    for (int32_t i = 0; i < *u->n_slots; i++) {
        int32_t slot = u->slots[i];
        if (u->view.flags[slot] & ATH__PRE_SKIPS) {
            continue;
        }
        const ath__rows all = ath__rows_of(&u->view, slot), rows = ath__rows_share(&all, share);
        const double *cells = u->view.system_state + (int64_t)slot * u->n_system_state;
        ath__lbfgs_args own;
        const ath__lbfgs_args *of = lbfgs_args_of(a, cells, &own);
        lbfgs_work work;
        lbfgs_look(of, slot, &rows, &work);
        if (share->size > 1) {
            const double factor = lbfgs_together(of, &work, all.n, share);
            const lbfgs_shared *shared = u->work;
            lbfgs_move(of, slot, &work, shared->direction.place, factor, shared->change, share);
        } else {
            ath__lbfgs_direction d;
            double change[9];
            const double factor = lbfgs_alone(of, &work, &d, change);
            lbfgs_move(of, slot, &work, d.place, factor, change, share);
        }
        ath__rows_moved(&u->view, slot, share);
    }
}
