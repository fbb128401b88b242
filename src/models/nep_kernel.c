/* NEP on the host: energy, forces and stress of the listed systems. Formulas: nep.h.
 *
 * Atom by atom: pairs are picked from the row, descriptors summed (nep_row.h), the network and its
 * derivatives evaluated (nep_atom.h), and, with the row still near at hand, f_ij = dU_i/dr_ij of
 * all pairs is added to F_i and taken from F_j.
 *
 * Order of sums: pair number m of a row goes to lane m mod 8 of F_i and of the stress, lanes are
 * added as a fixed tree; sums over functions and the descriptors run through pairs in the order of
 * the row. Energy and stress are summed over blocks of ATH__BLOCK atoms, blocks in their order.
 * What F_j gets from others is added up in the order of the i; for systems of more than
 * ATH__TEAM_ATOMS atoms, which a team shares, without an order: each f_ij is rounded to a multiple
 * of 2^-40 eV/A and added as a whole number. Where that could overflow, because a force is above
 * 2048 eV/A or not a number, or an atom has more than 4096 neighbours, one member does it all in
 * order. So everything depends on the present system alone.
 *
 * Not here: charges, float32.
 */
#include "data/cell.h"
#include "models/nep_atom.h"
#include "models/nep_few.h"

/* What the pairs of a row are gone through for: the descriptors, or forces, given to others in
 * order or as whole numbers. */
enum { NEP_DESCRIBE, NEP_GIVE, NEP_GIVE_GRID };

enum { NEP_MAX_GIFTS = 4096 };  /* 2^12 whole numbers below 2^51 do not overflow */
#define NEP_GRID 0x1p-40        /* eV/angstrom */
#define NEP_GRID_MAGIC 0x1.8p12 /* adding it rounds to the grid */
#define NEP_GRID_LIMIT2 0x1p22  /* square of what may be added, (eV/angstrom)^2 */

/* What an atom is given by others, eV/angstrom, or that in units of the grid. */
typedef union nep_given {
    double force[4]; /* the fourth number is not used */
    int64_t grid[4];
} nep_given;

typedef struct nep_system {
    const ath__nep_params *par;
    nep_geometry geometry;
    nep_row row;
    nep_given *given;    /* [n], by this member */
    double *forces;      /* [n][3] */
    double energy;       /* of a block of atoms, eV */
    double stress[6][8]; /* of a block: sum of r_ij f_ij^T, xx yy zz yz xz xy, eV */
    double off_grid[8];  /* not 0: some f_ij is too large for the grid */
    double (*blocks)[8]; /* for a team: energy and stress of each block */
    char *members;       /* where the memory of the members begins */
    int64_t begin, end;  /* atoms of this member */
    int want_stress;
} nep_system;

/* ---- a system ---- */

/* The wraps of atoms begin ... end - 1 in one number each, or `wide` if they are too far apart. */
static inline void nep_keys(nep_geometry *g, int64_t begin, int64_t end)
{
    int32_t low[3] = {INT32_MAX, INT32_MAX, INT32_MAX}, high[3] = {INT32_MIN, INT32_MIN, INT32_MIN};
    for (int64_t i = 0; i < g->n; i++) {
        for (int k = 0; k < 3; k++) {
            const int32_t w = g->wrap[3 * i + k];
            low[k] = w < low[k] ? w : low[k];
            high[k] = w > high[k] ? w : high[k];
        }
    }
    g->wide = 0;
    for (int k = 0; k < 3; k++) {
        g->wide |= (int64_t)high[k] - low[k] > NEP_WRAP_MAX;
    }
    for (int64_t i = begin; i < end && !g->wide; i++) {
        int32_t key = 0;
        for (int k = 2; k >= 0; k--) {
            key = key * (1 << NEP_WRAP_BITS) + (g->wrap[3 * i + k] - low[k]);
        }
        g->key[i] = key;
    }
}

/* Lays out the work memory: what members share, then that of each. */
static inline void nep_layout(nep_system *s, const ath__force_args *a, const ath__share *share)
{
    nep_geometry *g = &s->geometry;
    const int64_t rows = ((int64_t)g->n + 7) / 8 * 8;
    char *at = a->work;
    g->x = nep_take_doubles(&at, rows);
    g->y = nep_take_doubles(&at, rows);
    g->z = nep_take_doubles(&at, rows);
    g->key = nep_take(&at, 4 * rows);
    g->type = nep_take(&at, 4 * rows);
    s->blocks = nep_take(&at, (g->n / ATH__BLOCK + 1) * (int64_t)sizeof *s->blocks);
    s->members = at;
    at += share->member * ath__nep_member(s->par, g->n);
    s->given = nep_take(&at, (g->n + 8) * (int64_t)sizeof *s->given);
    nep_row_layout(s->par, at, &s->row);
}

/* What a member has given; row n of it is its off_grid. */
static inline nep_given *nep_given_by(const nep_system *s, int32_t member)
{
    return (nep_given *)(s->members + member * ath__nep_member(s->par, s->geometry.n));
}

static inline void nep_load_system(nep_system *s, const ath__force_args *a, int32_t slot)
{
    const int64_t first = a->view.first[slot];
    const double *positions = a->view.positions + 3 * first;
    const int32_t *numbers = a->view.numbers + first;
    nep_geometry *g = &s->geometry;
    s->forces = a->view.forces + 3 * first;
    g->cutoff2 = s->par->cutoff2;
    g->row = a->list.row + first;
    g->count = a->list.count + first;
    g->wrap = a->list.wrap + 3 * first;
    g->entry = a->list.entry + a->list.start[slot];
    ath__cell_complete(a->view.cell + 9 * (int64_t)slot, a->view.pbc + 3 * (int64_t)slot, g->h);
    for (int64_t i = s->begin; i < s->end; i++) {
        const int32_t z = numbers[i];
        const int32_t type = z >= 0 && z < ATH__NEP_NUMBERS ? s->par->type[z] : 0;
        g->x[i] = positions[3 * i];
        g->y[i] = positions[3 * i + 1];
        g->z[i] = positions[3 * i + 2];
        g->type[i] = type < 0 ? 0 : type;
    }
    nep_keys(g, s->begin, s->end);
    s->row.n_few = nep_few_types(s->par, numbers, g->n, s->row.few);
}

/* ---- one atom ---- */

/* Adds the forces of the first n pairs to the lanes of F_i and of the stress. */
static inline void nep_deliver(nep_system *s, int32_t n, double lanes[3][8])
{
    static const int of[6] = {0, 1, 2, 1, 0, 0}, along[6] = {0, 1, 2, 2, 2, 1};
    const nep_row *row = &s->row;
    for (int32_t m = n; m % 8 != 0; m++) { /* lanes without a pair */
        row->force[0][m] = row->force[1][m] = row->force[2][m] = 0.0;
    }
    for (int32_t m = 0; m < n; m += NEP_WIDTH) {
        const int h = m % 8;
        const nep_v f[3] = {nep_load(row->force[0] + m), nep_load(row->force[1] + m),
                            nep_load(row->force[2] + m)};
        for (int k = 0; k < 3; k++) {
            nep_store(lanes[k] + h, nep_load(lanes[k] + h) + f[k]);
        }
        if (s->want_stress) {
            const nep_v d[3] = {nep_load(row->d.x + m), nep_load(row->d.y + m),
                                nep_load(row->d.z + m)};
            for (int k = 0; k < 6; k++) {
                double *to = s->stress[k] + h;
                nep_store(to, nep_fma(f[of[k]], d[along[k]], nep_load(to)));
            }
        }
    }
}

/* Takes f_ij of the first n pairs from F_j. */
static inline void nep_give(nep_system *s, int32_t n)
{
    const nep_row *row = &s->row;
    for (int32_t m = 0; m < n; m++) {
        double *to = s->given[row->d.atom[m]].force;
        to[0] -= row->force[0][m];
        to[1] -= row->force[1][m];
        to[2] -= row->force[2][m];
    }
}

/* The same as whole numbers. Those that are too large are garbage, and leave a mark. */
static inline void nep_give_grid(nep_system *s, int32_t n)
{
    const nep_row *row = &s->row;
    const nep_v magic = nep_set(NEP_GRID_MAGIC), limit2 = nep_set(NEP_GRID_LIMIT2);
    const uint64_t zero = ath__bits(NEP_GRID_MAGIC);
    for (int32_t m = 0; m < n; m += 8) {
        const int32_t live = n - m < 8 ? n - m : 8;
        double f[3][8];
        for (int h = 0; h < 8; h += NEP_WIDTH) {
            nep_v off = nep_load(s->off_grid + h);
            for (int k = 0; k < 3; k++) {
                const nep_v v = nep_load(row->force[k] + m + h);
                off = off + nep_below(limit2, v * v, nep_set(1.0));
                nep_store(f[k] + h, v + magic);
            }
            nep_store(s->off_grid + h, off);
        }
        for (int32_t l = 0; l < live; l++) {
            int64_t *to = s->given[row->d.atom[m + l]].grid;
            for (int k = 0; k < 3; k++) { /* modulo 2^64: a sum that overflows is not used */
                to[k] = (int64_t)((uint64_t)to[k] - (ath__bits(f[k][l]) - zero));
            }
        }
    }
}

/* Forces of the first n pairs of the window, whose functions are there. */
NEP_INLINE void nep_window_forces(nep_system *s, int32_t n, int32_t close, int step,
                                  double lanes[3][8])
{
    const ath__nep_params *p = s->par;
    if (s->row.n_few > 0) {
        nep_few_force(p, &s->row, n);
    } else {
        nep_radial_force(p, &s->row, n);
    }
    if (p->n_places > 0) {
        nep_angular_force(p, &s->row);
    }
    if (close > 0) {
        nep_zbl(p, &s->row, n);
    }
    nep_deliver(s, n, lanes);
    if (step == NEP_GIVE_GRID) {
        nep_give_grid(s, n);
    } else {
        nep_give(s, n);
    }
}

/* Pairs that do not fill a vector go to the front of the next window: pair m stays in lane m mod 8.
 */
static inline int32_t nep_hold(nep_row *row, int32_t n)
{
    const int32_t held = row->n - n;
    for (int32_t m = 0; m < held; m++) {
        row->d.x[m] = row->d.x[n + m];
        row->d.y[m] = row->d.y[n + m];
        row->d.z[m] = row->d.z[n + m];
        row->d.atom[m] = row->d.atom[n + m];
        row->kind[m] = row->kind[n + m];
    }
    return held;
}

/* Goes through the windows of row i. Returns how many pairs of the last one may feel ZBL. */
NEP_INLINE int32_t nep_windows(nep_system *s, int32_t i, int step, double lanes[3][8])
{
    const ath__nep_params *p = s->par;
    nep_row *row = &s->row;
    int64_t at = s->geometry.row[i];
    const int64_t end = at + s->geometry.count[i];
    int64_t pairs = 0;
    int32_t held = 0, close = 0;
    for (int last = 0; !last;) {
        const int64_t to = end - at < ATH__NEP_WINDOW ? end : at + ATH__NEP_WINDOW;
        last = to == end;
        nep_read(p, &s->geometry, row, i, at, to, held);
        const int32_t n = last ? row->n : row->n / 8 * 8;
        close = nep_select(p, row, n);
        if (row->n_few > 0) {
            nep_few_radial(p, row, n, step == NEP_DESCRIBE);
        } else {
            nep_radial(p, row, n, step == NEP_DESCRIBE);
        }
        if (p->n_places > 0) {
            nep_angular(p, row, step == NEP_DESCRIBE);
        }
        if (step != NEP_DESCRIBE) {
            nep_window_forces(s, n, close, step, lanes);
        }
        held = last ? 0 : nep_hold(row, n);
        at = to;
        pairs += n;
    }
    s->off_grid[0] += pairs > NEP_MAX_GIFTS ? 1.0 : 0.0; /* as many are given to the atom */
    return close;
}

/* Descriptors, network and derivatives of atom i. Returns as nep_windows does. */
static inline int32_t nep_describe(nep_system *s, int32_t i)
{
    const ath__nep_params *p = s->par;
    nep_row *row = &s->row;
    for (int k = 0; k < p->wide[0]; k++) {
        row->q[k] = 0.0;
    }
    for (int64_t k = 0; k < (int64_t)p->places * p->wide[1]; k++) {
        row->a[k] = 0.0;
    }
    for (int k = 0; k < 8 * row->n_few * p->k[0]; k++) {
        row->sums[k] = 0.0;
    }
    const int32_t close = nep_windows(s, i, NEP_DESCRIBE, NULL);
    nep_few_descriptors(p, row);
    nep_invariants(p, row);
    s->energy += nep_network(p, row);
    nep_few_weights(p, row);
    nep_slopes(p, row);
    return close;
}

/* Energy of atom i and f_ij of its pairs, added to F_i and taken from F_j. */
NEP_INLINE void nep_atom(nep_system *s, int32_t i, int step)
{
    double lanes[3][8] = {{0.0}};
    const int32_t close = nep_describe(s, i);
    s->row.energy = 0.0;
    if (s->geometry.count[i] <= ATH__NEP_WINDOW) { /* all of the row is still there */
        nep_window_forces(s, s->row.n, close, step, lanes);
    } else {
        nep_windows(s, i, step, lanes);
    }
    for (int k = 0; k < 3; k++) {
        s->forces[3 * (int64_t)i + k] = nep_sum8(lanes[k]);
    }
    s->energy += s->row.energy;
}

/* ---- all atoms ---- */

/* The atoms of a block; its energy and stress are left in sum. */
static void nep_block(nep_system *s, int64_t block, int step, double sum[7])
{
    const int64_t end = s->end - block < ATH__BLOCK ? s->end : block + ATH__BLOCK;
    s->energy = 0.0;
    for (int k = 0; k < 48; k++) {
        s->stress[k / 8][k % 8] = 0.0;
    }
    for (int64_t i = block; i < end; i++) {
        if (step == NEP_GIVE_GRID) {
            nep_atom(s, (int32_t)i, NEP_GIVE_GRID);
        } else {
            nep_atom(s, (int32_t)i, NEP_GIVE);
        }
    }
    sum[0] = s->energy;
    for (int k = 0; k < 6; k++) {
        sum[k + 1] = nep_sum8(s->stress[k]);
    }
}

/* Stress of a system that is periodic along all three vectors; zero otherwise. */
static inline void nep_write_stress(const double sum[6], const ath__force_args *a, int32_t slot)
{
    static const int at[9] = {0, 5, 4, 5, 1, 3, 4, 3, 2};
    const int32_t *pbc = a->view.pbc + 3 * (int64_t)slot;
    double *stress = a->view.stress + 9 * (int64_t)slot;
    const int periodic = pbc[0] && pbc[1] && pbc[2];
    const double volume = ath__cell_volume(a->view.cell + 9 * (int64_t)slot);
    for (int k = 0; k < 9; k++) {
        stress[k] = periodic ? sum[at[k]] / volume : 0.0;
    }
}

static inline void nep_write_sums(const double sum[7], const ath__force_args *a, int32_t slot)
{
    if (a->want & ATH__WANT_ENERGY) {
        a->view.energy[slot] = sum[0];
    }
    if (a->want & ATH__WANT_STRESS) {
        nep_write_stress(sum + 1, a, slot);
    }
}

/* All atoms, which are loaded, by one member. */
static void nep_alone(nep_system *s, const ath__force_args *a, int32_t slot)
{
    const int64_t n = s->geometry.n;
    double sum[7] = {0.0}, of[7];
    s->begin = 0;
    s->end = n;
    for (int64_t i = 0; i < n; i++) {
        s->given[i].force[0] = s->given[i].force[1] = s->given[i].force[2] = 0.0;
    }
    for (int64_t block = 0; block < n; block += ATH__BLOCK) {
        nep_block(s, block, NEP_GIVE, of);
        for (int k = 0; k < 7; k++) {
            sum[k] += of[k];
        }
    }
    for (int64_t i = 0; i < n; i++) {
        for (int k = 0; k < 3; k++) {
            s->forces[3 * i + k] += s->given[i].force[k];
        }
    }
    nep_write_sums(sum, a, slot);
}

/* Adds what all members have given to the forces on this member's atoms. */
static inline void nep_collect(nep_system *s, int32_t n_members)
{
    for (int32_t m = 1; m < n_members; m++) {
        const nep_given *from = nep_given_by(s, m);
        nep_given *to = nep_given_by(s, 0);
        for (int64_t i = s->begin; i < s->end; i++) {
            for (int k = 0; k < 3; k++) {
                to[i].grid[k] += from[i].grid[k];
            }
        }
    }
    const nep_given *from = nep_given_by(s, 0);
    for (int64_t i = s->begin; i < s->end; i++) {
        for (int k = 0; k < 3; k++) {
            s->forces[3 * i + k] += NEP_GRID * (double)from[i].grid[k];
        }
    }
}

/* A large system: blocks of atoms by all members. */
static void nep_together(nep_system *s, const ath__force_args *a, int32_t slot,
                         const ath__share *share)
{
    const int64_t n = s->geometry.n;
    double off = 0.0, sum[7] = {0.0};
    for (int64_t i = 0; i <= n; i++) {
        s->given[i].grid[0] = s->given[i].grid[1] = s->given[i].grid[2] = 0;
    }
    for (int64_t block = s->begin; block < s->end; block += ATH__BLOCK) {
        nep_block(s, block, NEP_GIVE_GRID, s->blocks[block / ATH__BLOCK]);
    }
    s->given[n].force[0] = nep_sum8(s->off_grid);
    ath__meet(share);
    for (int32_t m = 0; m < share->size; m++) {
        off += nep_given_by(s, m)[n].force[0];
    }
    ath__meet(share);
    if (off > 0.0) {
        if (share->member == 0) {
            nep_alone(s, a, slot);
        }
        return;
    }
    nep_collect(s, share->size);
    for (int64_t block = 0; block < n && share->member == 0; block += ATH__BLOCK) {
        for (int k = 0; k < 7; k++) {
            sum[k] += s->blocks[block / ATH__BLOCK][k];
        }
    }
    if (share->member == 0) {
        nep_write_sums(sum, a, slot);
    }
}

static inline void nep_compute(const ath__force_args *a, int32_t slot, const ath__share *share)
{
    nep_system s;
    s.par = a->params;
    s.want_stress = (a->want & ATH__WANT_STRESS) != 0;
    s.geometry.n = a->view.n_atoms[slot];
    for (int l = 0; l < 8; l++) {
        s.off_grid[l] = 0.0;
    }
    nep_layout(&s, a, share);
    if (s.geometry.n > ATH__TEAM_ATOMS) {
        ath__share_range(share, s.geometry.n, &s.begin, &s.end);
        ath__meet(share); /* the work memory may still serve the system before */
        nep_load_system(&s, a, slot);
        ath__meet(share);
        nep_together(&s, a, slot, share);
    } else if (share->member == 0) {
        s.begin = 0;
        s.end = s.geometry.n;
        nep_load_system(&s, a, slot);
        nep_alone(&s, a, slot);
    }
}

void ATH__HOST_KERNEL(nep_force)(const void *args, const ath__share *share)
{
    const ath__force_args *a = args;
    for (int32_t k = 0; k < *a->n_slots; k++) {
        if (!(a->view.flags[a->slots[k]] & ATH__SLOT_STALLED)) {
            nep_compute(a, a->slots[k], share);
        }
    }
}
