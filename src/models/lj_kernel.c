/* Lennard-Jones on the host: forces, energy and stress of the listed systems.
 *
 * The formulas stand in lj.h. A system takes one of two paths, as its present state and the model
 * alone say: all pairs (lj_pairs.h), if it is small and its cell allows that, else the rows of its
 * neighbour list (lj_rows.h). Each system is computed by itself, so nothing that is beside it in a
 * call can matter. Forces have the same bits whether or not energy and stress are wanted.
 *
 * A team divides the rows of a list in blocks of atoms; all pairs of a small system are not
 * divided.
 *
 * A position that is not a number gives forces that are not numbers. Two atoms at one point do,
 * too.
 */
#include "data/cell.h"
#include "models/lj.h"
#include "models/lj_images.h"
#include "models/lj_vector.h"

/* Cells, from the point of view of a separation. */
enum { LJ_OPEN, LJ_DIAGONAL, LJ_SKEWED };

enum {
    LJ_SMALL = 128,        /* atoms up to which the larger chunk fits into the first cache */
    LJ_BLOCK = ATH__BLOCK, /* atoms whose sums over pairs are added at once */
    LJ_ALIGN = 64
};

typedef struct lj_box {
    int shape;
    int32_t pbc[3];
    double h[9], g[9]; /* complete cell (ath__cell_complete), reciprocal rows */
    double volume;     /* 0 unless periodic along all three vectors */
} lj_box;

/* Sums over the pairs of a system, by lane: energy, then sum of f d d^T as xx yy zz yz xz xy. */
typedef struct lj_sums {
    double lane[7][16];
} lj_sums;

static const int lj_row[6] = {0, 1, 2, 1, 0, 0}, lj_column[6] = {0, 1, 2, 2, 2, 1};

/* What a path is compiled for. */
typedef struct lj_variant {
    int cell;    /* all pairs: shape of the cell; list: LJ_BY_SHIFT or LJ_NEAREST */
    int want;    /* energy and virial too */
    int general; /* many kinds, or a scheme beyond the plain formula */
} lj_variant;

/* Component c of atom i is x[i * step + c * stride]. */
typedef struct lj_points {
    const double *x;
    int32_t n, step, stride;
} lj_points;

typedef struct lj_system {
    const ath__lj_params *par;
    const double *positions; /* [n][3] */
    const int32_t *numbers;  /* [n] */
    int32_t n;
    int want;     /* energy or stress; both are made then */
    int general;  /* many kinds, or a scheme beyond the plain formula */
    bool nearest; /* a pair has at most one image within the cutoff, the nearest */
    lj_box box;
    lj_sums sums;    /* of a block of atoms, or of all */
    double total[7]; /* energy, then sum of f d d^T over pairs */
    double *forces;  /* [n][3] */
    const ath__share *share;
    int32_t begin, end; /* atoms of this member */
    /* the list, if there is one */
    const ath__neighbor *entries;
    const int32_t *row, *count; /* [n] */
    const int32_t *wrap;        /* [n][3] */
    bool far;                   /* the S of a pair may not fit into one number */
} lj_system;

/* Work memory, taken from its beginning for one system at a time. */
typedef struct lj_arena {
    unsigned char *at;
} lj_arena;

static inline void *lj_take(lj_arena *arena, size_t bytes)
{
    void *block = arena->at;
    arena->at += (bytes + LJ_ALIGN - 1) / LJ_ALIGN * LJ_ALIGN;
    return block;
}

static inline void *lj_take_zeros(lj_arena *arena, size_t bytes)
{
    void *block = lj_take(arena, bytes);
    memset(block, 0, bytes);
    return block;
}

static inline int32_t lj_round_up(int32_t n, int32_t multiple)
{
    return (n + multiple - 1) / multiple * multiple;
}

/* rows [n][3] to x [3][stride] */
static inline void lj_split_rows(const double *restrict rows, int32_t n, double *restrict x,
                                 int32_t stride)
{
    for (int32_t i = 0; i < n; i++) {
        x[i] = rows[3 * i];
        x[stride + i] = rows[3 * i + 1];
        x[2 * stride + i] = rows[3 * i + 2];
    }
}

/* x [3][stride] to rows [n][3] */
static inline void lj_join_rows(const double *restrict x, int32_t stride, int32_t n,
                                double *restrict rows)
{
    for (int32_t i = 0; i < n; i++) {
        rows[3 * i] = x[i];
        rows[3 * i + 1] = x[stride + i];
        rows[3 * i + 2] = x[2 * stride + i];
    }
}

/* The box with an image vector for each axis: an axis without images gets one that is four times as
 * long as the atoms extend, so that no difference of theirs is near half of it. */
static void lj_periods(const lj_box *box, lj_points p, double *h, double *g)
{
    memcpy(h, box->h, sizeof box->h);
    memcpy(g, box->g, sizeof box->g);
    for (int k = 0; k < 3; k++) {
        double low = DBL_MAX, high = -DBL_MAX, period = 1.0;
        for (int64_t i = 0; i < p.n && !box->pbc[k]; i++) {
            const double *r = p.x + i * p.step;
            const double s =
                (g[3 * k] * r[0] + g[3 * k + 1] * r[p.stride]) + g[3 * k + 2] * r[2 * p.stride];
            low = s < low ? s : low;
            high = s > high ? s : high;
        }
        while (!box->pbc[k] && period < 4.0 * (high - low) && period < 0x1p100) {
            period *= 2.0; /* a power of two: scaling by it does not round */
        }
        for (int c = 0; c < 3; c++) {
            h[3 * k + c] *= period;
            g[3 * k + c] /= period;
        }
    }
}

/* total[q] += weight * the sum over lanes */
static void lj_add_sums(const lj_sums *sums, double weight, double total[7])
{
    for (int q = 0; q < 7; q++) {
        const double *v = sums->lane[q];
        double w[8];
        for (int l = 0; l < 8; l++) {
            w[l] = v[l] + v[l + 8];
        }
        total[q] += weight * lj_tree(w);
    }
}

static uint32_t *lj_wrap_numbers(const lj_system *system, lj_arena *arena)
{
    uint32_t *wrap = lj_take(arena, (size_t)system->n * sizeof *wrap);
    for (int32_t i = system->begin; i < system->end; i++) {
        wrap[i] = lj_wrap_number(system->wrap + 3 * (int64_t)i);
    }
    return wrap;
}

static int32_t *lj_kinds(const lj_system *system, lj_arena *arena)
{
    int32_t *kind = lj_take(arena, (size_t)system->n * sizeof *kind);
    for (int32_t i = system->begin; i < system->end; i++) {
        kind[i] = ath__lj_kind(system->par, system->numbers[i]);
    }
    return kind;
}

#define LJ_MIXED 0
#define LJ(x) x##_d
#define LJ_T double
#define LJ_V lj_vd
#define LJ_M lj_md
#define LJ_WIDTH LJ_WIDTH_D
#define LJ_LANES 8
#define LJ_TABLES_OF d
#define LJ_CUTOFF2 cutoff2
#include "models/lj_pairs.h"
#include "models/lj_rows.h"
#undef LJ_MIXED
#undef LJ
#undef LJ_T
#undef LJ_V
#undef LJ_M
#undef LJ_WIDTH
#undef LJ_LANES
#undef LJ_TABLES_OF
#undef LJ_CUTOFF2
#undef LJ_EXTEND

#define LJ_MIXED 1
#define LJ(x) x##_f
#define LJ_T float
#define LJ_V lj_vf
#define LJ_M lj_mf
#define LJ_WIDTH LJ_WIDTH_F
#define LJ_LANES 16
#define LJ_TABLES_OF f
#define LJ_CUTOFF2 cutoff2_f
#include "models/lj_pairs.h"
#include "models/lj_rows.h"

/* The cell as the paths see it. A cell that cannot be used gives a list without entries. */
static void lj_look_at_cell(lj_box *box, const double cell[9], const int32_t pbc[3])
{
    const double *h = box->h;
    for (int k = 0; k < 3; k++) {
        box->pbc[k] = pbc[k] != 0;
    }
    const bool sound = ath__cell_complete(cell, pbc, box->h);
    const bool regular = sound && ath__cell_reciprocal(box->h, box->g);
    const bool diagonal =
        h[1] == 0.0 && h[2] == 0.0 && h[3] == 0.0 && h[5] == 0.0 && h[6] == 0.0 && h[7] == 0.0;
    box->shape = !(pbc[0] || pbc[1] || pbc[2]) ? LJ_OPEN : diagonal ? LJ_DIAGONAL : LJ_SKEWED;
    box->volume = regular && pbc[0] && pbc[1] && pbc[2] ? ath__cell_volume(h) : 0.0;
}

/* Adds what pairs beyond the cutoff give to the energy, and their pressure. */
static void lj_add_tail(const lj_system *system, double *energy, double *pressure)
{
    const ath__lj_params *par = system->par;
    double count[ATH__LJ_KINDS] = {0};
    double sum_energy = 0.0, sum_pressure = 0.0;
    for (int32_t i = 0; i < system->n; i++) {
        count[ath__lj_kind(par, system->numbers[i])] += 1.0;
    }
    for (int32_t a = 0; a < par->n_kinds; a++) {
        for (int32_t b = 0; b < par->n_kinds; b++) {
            const double pairs = count[a] * count[b];
            sum_energy += pairs * par->tail_energy[a * par->n_kinds + b];
            sum_pressure += pairs * par->tail_pressure[a * par->n_kinds + b];
        }
    }
    *energy += sum_energy / system->box.volume;
    *pressure = sum_pressure / (system->box.volume * system->box.volume);
}

/* Energy and stress from the sums over lanes. */
static void lj_report(const lj_system *system, uint32_t want, double *energy, double *stress)
{
    double sum[7], pressure = 0.0;
    memcpy(sum, system->total, sizeof sum);
    const double volume = system->box.volume;
    if (system->par->tail && volume > 0.0) {
        lj_add_tail(system, &sum[0], &pressure);
    }
    if (want & ATH__WANT_ENERGY) {
        *energy = sum[0];
    }
    if (want & ATH__WANT_STRESS) {
        for (int q = 0; q < 6; q++) {
            const double s = volume > 0.0 ? -sum[q + 1] / volume - (q < 3 ? pressure : 0.0) : 0.0;
            stress[3 * lj_row[q] + lj_column[q]] = s;
            stress[3 * lj_column[q] + lj_row[q]] = s;
        }
    }
}

/* The atoms of this member, all of them where the system is not divided; whether there are any. */
static bool lj_divide(lj_system *system, bool all_pairs)
{
    int64_t begin = 0, end = system->n;
    if (!all_pairs) {
        ath__share_range(system->share, system->n, &begin, &end);
    }
    system->begin = (int32_t)begin;
    system->end = (int32_t)end;
    return !all_pairs || system->share->member == 0;
}

static void lj_compute_slot(const ath__force_args *a, int32_t slot, const ath__share *share)
{
    const ath__lj_params *par = a->params;
    const ath__view *v = &a->view;
    const int64_t first = v->first[slot];
    const double *cell = v->cell + 9 * (int64_t)slot;
    const int32_t *pbc = v->pbc + 3 * (int64_t)slot;
    lj_arena arena = {a->work};
    lj_system system; /* not cleared: it is long, and a system may be small */
    system.par = par;
    system.positions = v->positions + 3 * first;
    system.numbers = v->numbers + first;
    system.forces = v->forces + 3 * first;
    system.n = v->n_atoms[slot];
    system.share = share;
    system.want = (a->want & (ATH__WANT_ENERGY | ATH__WANT_STRESS)) != 0;
    system.general = par->n_kinds > 1 || par->scheme >= ATH__LJ_FORCE_SHIFT;
    if (system.want) {
        memset(&system.sums, 0, sizeof system.sums);
        memset(system.total, 0, sizeof system.total);
    }
    lj_look_at_cell(&system.box, cell, pbc);
    system.nearest = ath__all_pairs_enough(0, cell, pbc, par->cutoff, 0);
    const bool all_pairs = system.nearest && system.n <= par->all_pairs_max;
    if (!lj_divide(&system, all_pairs)) {
        return;
    }
    if (all_pairs) {
        (par->mixed ? lj_all_pairs_f : lj_all_pairs_d)(&system, &arena);
    } else {
        ath__meet(share); /* until now the work memory may have been that of another system */
        system.entries = a->list.entry + a->list.start[slot];
        system.row = a->list.row + first;
        system.count = a->list.count + first;
        system.wrap = a->list.wrap + 3 * first;
        system.far = (a->list.path[slot] & ATH__PATH_FAR) != 0;
        (par->mixed ? lj_list_f : lj_list_d)(&system, &arena);
    }
    for (int32_t k = 3 * system.begin; k < 3 * system.end; k++) { /* NaN must not be lost */
        system.forces[k] += system.positions[k] - system.positions[k];
    }
    if (system.want && share->member == 0) {
        lj_report(&system, a->want, &v->energy[slot], v->stress + 9 * (int64_t)slot);
    }
}

void ATH__HOST_KERNEL(lj_force)(const void *args, const ath__share *share)
{
    const ath__force_args *a = args;
    for (int32_t k = 0; k < *a->n_slots; k++) {
        if (!(a->view.flags[a->slots[k]] & ATH__SLOT_STALLED)) {
            lj_compute_slot(a, a->slots[k], share);
        }
    }
}
