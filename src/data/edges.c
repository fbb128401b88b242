/* Edges of one system: how many directed pairs lie within a cutoff, and the shortest distance.
 *
 * An edge is (i, j, S): |x_j - x_i + S h| <= cutoff, h the cell, S whole numbers along periodic
 * vectors, (i, i, 0) left out. Atoms are wrapped into the cell along periodic vectors and sorted
 * into boxes at least as wide as the cutoff; along a vector whose height is below the cutoff there
 * is one box, and the images within reach are gone through. Along open vectors boxes are counted
 * from the origin, so that a hash table of the boxes that hold atoms serves for any extent. Only
 * pairs j > i are visited: (j, i, -S) has the same distance to the last bit. Those of an atom with
 * its own images are visited in both directions.
 *
 * Wrapping decides where to look, never how far apart two atoms are: distances come from positions
 * as they are given. Boxes are wider than the cutoff by 1e-6, which is more than the rounding of a
 * coordinate of up to 2^20 boxes; atoms beyond share the last box.
 */
#include <math.h>

#include "data/cell.h"
#include "data/system_private.h"

#define EDGES_MARGIN 1e-6
enum {
    EDGES_BOXES = 1 << 20, /* along one axis, on either side of the origin */
    EDGES_TURNS = 1 << 20, /* cells that an atom may be away from home */
    EDGES_IMAGES = 1 << 24 /* boxes and images that an atom may have within reach */
};

typedef struct edges_atom {
    int32_t box[3], turn[3]; /* turn: cells from the home cell */
    int32_t next;            /* in the same box, ascending; -1: none */
} edges_atom;

typedef struct edges_box {
    uint64_t key; /* box[0..2], 21 bits each */
    int32_t first;
} edges_box;

typedef struct edges_search {
    ath_context *ctx;
    int32_t n;
    const double *x;     /* [n][3] */
    double h[9], g[9];   /* cell with unit normals along open vectors, columns of its inverse */
    int32_t n_boxes[3];  /* 0: open */
    int32_t reach[3];    /* boxes to look at on either side */
    double scale[3];     /* boxes per fractional unit */
    double limit, least; /* squares of the cutoff and of the shortest distance */
    int64_t found;
    edges_atom *atoms; /* [n] */
    edges_box *table;  /* [n_slots], a power of two */
    size_t n_slots;
} edges_search;

static bool edges_finite(const double *values, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        if (!isfinite(values[i])) {
            return false;
        }
    }
    return true;
}

/* The cell, and the boxes along each of its vectors. */
static ath_status edges_prepare(edges_search *s, const ath_system *system, double cutoff)
{
    static const double no_cell[9];
    static const int32_t open[3];
    const double *cell = ath_system_peek(system, ATH_FIELD_CELL);
    const int32_t *pbc = ath_system_peek(system, ATH_FIELD_PBC);
    const double width = cutoff * (1.0 + EDGES_MARGIN);
    double heights[3], images = 1.0;
    pbc = pbc ? pbc : open;
    if (!ath__cell_complete(cell ? cell : no_cell, pbc, s->h) ||
        !ath__cell_reciprocal(s->h, s->g) || !edges_finite(s->h, 9) || !edges_finite(s->g, 9)) {
        return ath__fail(s->ctx, ATH_E_RANGE, "the periodic cell has no volume");
    }
    ath__cell_heights(s->g, heights);
    for (int k = 0; k < 3; k++) {
        if (!pbc[k]) { /* a fractional unit is an angstrom */
            s->n_boxes[k] = 0;
            s->reach[k] = 1;
            s->scale[k] = 1.0 / width;
            continue;
        }
        const double fit = floor(heights[k] / width), reach = ceil(width / heights[k]);
        s->n_boxes[k] = fit < 1.0 ? 1 : fit < EDGES_BOXES ? (int32_t)fit : EDGES_BOXES;
        s->reach[k] = fit >= 1.0 ? 1 : reach < EDGES_IMAGES ? (int32_t)reach : EDGES_IMAGES;
        s->scale[k] = s->n_boxes[k];
        images *= 2.0 * s->reach[k] + 1.0;
    }
    if (!(images <= EDGES_IMAGES)) {
        return ath__fail(s->ctx, ATH_E_RANGE,
                         "the cell is too small: more than %d images within the cutoff",
                         (int)EDGES_IMAGES);
    }
    return ATH_OK;
}

static uint64_t edges_key(const int32_t box[3])
{
    const uint64_t bias = EDGES_BOXES;
    return ((uint64_t)box[0] + bias) << 42 | ((uint64_t)box[1] + bias) << 21 |
           ((uint64_t)box[2] + bias);
}

static edges_box *edges_slot(const edges_search *s, uint64_t key)
{
    uint64_t mixed = (key ^ key >> 31) * UINT64_C(0x9e3779b97f4a7c15);
    mixed ^= mixed >> 32;
    size_t slot = (size_t)mixed & (s->n_slots - 1);
    while (s->table[slot].first >= 0 && s->table[slot].key != key) {
        slot = (slot + 1) & (s->n_slots - 1);
    }
    return &s->table[slot];
}

/* Which box an atom is in, and how many cells from home. */
static ath_status edges_place(edges_search *s, int32_t i)
{
    const double *x = s->x + 3 * (size_t)i;
    edges_atom *atom = &s->atoms[i];
    if (!edges_finite(x, 3)) {
        return ath__fail(s->ctx, ATH_E_RANGE, "the position of atom %d is not finite", (int)i);
    }
    for (int k = 0; k < 3; k++) {
        double f = s->g[3 * k] * x[0] + s->g[3 * k + 1] * x[1] + s->g[3 * k + 2] * x[2];
        const int32_t most = s->n_boxes[k] ? s->n_boxes[k] - 1 : EDGES_BOXES - 2;
        const double least = s->n_boxes[k] ? 0.0 : -(double)most;
        if (s->n_boxes[k]) {
            const double turn = floor(f);
            if (!(fabs(turn) < EDGES_TURNS)) {
                return ath__fail(s->ctx, ATH_E_RANGE, "atom %d is more than %d cells away", (int)i,
                                 (int)EDGES_TURNS);
            }
            atom->turn[k] = (int32_t)turn;
            f -= turn;
        }
        const double box = floor(f * s->scale[k]);
        atom->box[k] = box > most ? most : box > least ? (int32_t)box : (int32_t)least;
    }
    return ATH_OK;
}

/* Sorts the atoms into boxes. */
static ath_status edges_sort(edges_search *s)
{
    s->n_slots = 16;
    while (s->n_slots < 2 * (size_t)s->n) {
        s->n_slots *= 2;
    }
    ATH__TRY(ath__alloc(s->ctx, (size_t)s->n, sizeof *s->atoms, &s->atoms));
    ATH__TRY(ath__alloc(s->ctx, s->n_slots, sizeof *s->table, &s->table));
    for (size_t i = 0; i < s->n_slots; i++) {
        s->table[i].first = -1;
    }
    for (int32_t i = s->n - 1; i >= 0; i--) { /* so that each list ascends */
        ATH__TRY(edges_place(s, i));
        const uint64_t key = edges_key(s->atoms[i].box);
        edges_box *box = edges_slot(s, key);
        s->atoms[i].next = box->first;
        box->key = key;
        box->first = i;
    }
    return ATH_OK;
}

/* Pairs of atom i with the atoms of one box, which stands `image` cells away. */
static void edges_of_box(edges_search *s, int32_t i, const edges_box *box, const int32_t image[3])
{
    const double *xi = s->x + 3 * (size_t)i;
    const edges_atom *a = &s->atoms[i];
    const bool moved = image[0] || image[1] || image[2];
    for (int32_t j = box->first; j >= 0; j = s->atoms[j].next) {
        if (j < i || (j == i && !moved)) {
            continue;
        }
        const edges_atom *b = &s->atoms[j];
        const double *xj = s->x + 3 * (size_t)j;
        double t[3], d2 = 0.0;
        for (int k = 0; k < 3; k++) {
            t[k] = (double)image[k] + (double)a->turn[k] - (double)b->turn[k];
        }
        for (int k = 0; k < 3; k++) {
            const double d =
                (xj[k] - xi[k]) + (t[0] * s->h[k] + t[1] * s->h[3 + k] + t[2] * s->h[6 + k]);
            d2 += d * d;
        }
        if (d2 <= s->limit) {
            s->found += j == i ? 1 : 2;
            s->least = d2 < s->least ? d2 : s->least;
        }
    }
}

/* The box `step` boxes from `box` along axis k, and the image that it belongs to. */
static int32_t edges_step(const edges_search *s, int k, int32_t box, int32_t step, int32_t *image)
{
    const int32_t n = s->n_boxes[k], to = box + step;
    if (n == 0) {
        *image = 0;
        return to;
    }
    *image = to >= 0 ? to / n : -((n - 1 - to) / n);
    return to - *image * n;
}

static void edges_of_atom(edges_search *s, int32_t i)
{
    const edges_atom *atom = &s->atoms[i];
    int32_t box[3], image[3];
    for (int32_t u = -s->reach[0]; u <= s->reach[0]; u++) {
        box[0] = edges_step(s, 0, atom->box[0], u, &image[0]);
        for (int32_t v = -s->reach[1]; v <= s->reach[1]; v++) {
            box[1] = edges_step(s, 1, atom->box[1], v, &image[1]);
            for (int32_t w = -s->reach[2]; w <= s->reach[2]; w++) {
                box[2] = edges_step(s, 2, atom->box[2], w, &image[2]);
                const edges_box *found = edges_slot(s, edges_key(box));
                if (found->first >= 0) {
                    edges_of_box(s, i, found, image);
                }
            }
        }
    }
}

ath_status ath_system_edges(const ath_system *system, double cutoff, int64_t *n_edges,
                            double *shortest)
{
    if (!system || !n_edges) {
        return ath__fail(system ? system->ctx : NULL, ATH_E_ARGUMENT,
                         "ath_system_edges: NULL argument");
    }
    if (!(cutoff > 0.0) || !isfinite(cutoff)) {
        return ath__fail(system->ctx, ATH_E_ARGUMENT,
                         "ath_system_edges: the cutoff is a positive number of angstrom");
    }
    edges_search s = {.ctx = system->ctx,
                      .n = system->n_atoms,
                      .x = ath_system_peek(system, ATH_FIELD_POSITIONS),
                      .limit = cutoff * cutoff,
                      .least = INFINITY};
    ath_status status = edges_prepare(&s, system, cutoff);
    status = status < 0 ? status : edges_sort(&s);
    for (int32_t i = 0; i < s.n && status >= 0; i++) {
        edges_of_atom(&s, i);
    }
    ath__free(s.ctx, &s.atoms, (size_t)s.n, sizeof *s.atoms);
    ath__free(s.ctx, &s.table, s.n_slots, sizeof *s.table);
    if (status >= 0) {
        *n_edges = s.found;
        if (shortest) {
            *shortest = sqrt(s.least);
        }
    }
    return status;
}
