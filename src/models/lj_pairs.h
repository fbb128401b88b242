/* All pairs of a small system, the atoms in lanes. Private to lj_kernel.c, which includes this once
 * for float64 and once for mixed precision, with
 *
 *     LJ_MIXED     0 or 1
 *     LJ(x)        the name x with the ending _d or _f
 *     LJ_T, LJ_V, LJ_M    number, vector, mask
 *     LJ_WIDTH     lanes of a vector
 *     LJ_LANES     width of sums over pairs, whatever the machine: 8 or 16
 *
 * Pair (i, j) is taken as step k = 1 ... n/2 around the ring of atoms, j = i + k modulo n (for even
 * n, k = n/2 for i < n/2 only). For one k the pairs of eight consecutive i lie in eight lanes:
 * their coordinates are two unaligned loads, no gathers, and nothing is lost to small or odd n but
 * the last vector of a row. With the force t_k[i] of atom i on i + k,
 *
 *     f[a] = sum over k = n/2 ... 1 of t_k[a - k]   minus   sum over k = n/2 ... 1 of t_k[a]
 *
 * Both sums run in this order for every atom whatever the vector width. The second one stays in a
 * register; the first reads back a few rows t_k, which are extended to the left (t_k[a - k] for
 * a < k), so that no store is read back at another alignment before it has left for the cache.
 *
 * Separations. float64: atoms are first moved to the cell around the origin, so that the image of a
 * pair is found by comparison with half of the cell (or, for skewed cells, from whole numbers that
 * are -1, 0 or 1). Mixed: fractional coordinates are whole numbers of 32 bits, whose difference is
 * exact and wraps around by itself, and floats for what they leave; together these resolve a
 * coordinate to less than one part in 2^52 of the cell, as a difference in float64 would. An axis
 * without images gets a period of four times the extent of the atoms. Without any periodic axis a
 * coordinate is the sum of two floats.
 *
 * Sums of floats have at most 32 terms and are then folded into float64.
 */

enum {
/* Steps k whose forces are kept until they are added. A function of n alone: energies are folded
 * per chunk. */
#if LJ_MIXED
    LJ(LJ_CHUNK) = 16,
#else
    LJ(LJ_CHUNK) = 8,
#endif
    LJ(LJ_CHUNK_LARGE) = LJ(LJ_CHUNK) / 2, /* for n > LJ_SMALL, to stay in the first cache */
    LJ(LJ_FOLD) = 32                       /* terms of a sum of floats; a multiple of both */
};

ATH__LJ_PAIR(LJ(lj_pair), LJ_V);
ATH__LJ_FORMULA(LJ_INLINE, LJ(lj_terms), LJ(lj_pair), LJ(ath__lj_tables), LJ_V, LJ_T, LJ(lj_sqrt),
                LJ(lj_positive))

/* One system. Arrays over atoms have three rows, one per component: of n_wide, or `stride` where
 * they are extended by half of the ring. */
typedef struct LJ(lj_ring) {
    int32_t n, half; /* atoms, n / 2 */
    int32_t n_wide;  /* n rounded up to a vector */
    int32_t stride, stride_t, left;
    const LJ(ath__lj_tables) * tables;
    const int32_t *kind_i, *kind_j; /* [n_wide] times n_kinds, [stride]; many kinds only */
#if LJ_MIXED
    const uint32_t *x; /* [3][stride] fraction of the cell * 2^32; open: bits of the larger float */
    const float *low;  /* [3][stride] what x leaves, angstrom */
    double *sum;       /* [3][n_wide] folded forces */
#else
    const double *x; /* [3][stride] angstrom, in the cell around the origin */
    const double *s; /* [3][stride] fractions of the cell, in [-1/2, 1/2]; skewed cells only */
#endif
    LJ_T *plus, *minus; /* [3][n_wide] t_k[a - k], t_k[a] summed */
    LJ_T *t;            /* [chunk][3][stride_t] */
    LJ_V h[9];          /* cell; mixed: times 2^-32. Diagonal only where the cell is */
    LJ_V edge[3];       /* float64, diagonal: half of the cell */
    LJ_V cutoff2;
    LJ(lj_pair) pair; /* of the only kind */
    int scheme;
    lj_sums *sums;
} LJ(lj_ring);

/* Atoms i of a vector. */
typedef struct LJ(lj_atoms) {
#if LJ_MIXED
    lj_vu x[3];
    lj_vf low[3];
#else
    lj_vd x[3], s[3];
#endif
} LJ(lj_atoms);

#if LJ_MIXED

LJ_INLINE lj_atoms_f lj_at_f(const lj_ring_f *w, int shape, int32_t i)
{
    lj_atoms_f at;
    (void)shape;
    for (int c = 0; c < 3; c++) {
        at.x[c] = lj_load_u(w->x + c * w->stride + i);
        at.low[c] = lj_load_f(w->low + c * w->stride + i);
    }
    return at;
}

/* d = r_ij for the atoms i of `at` and the atoms from j on. */
LJ_INLINE void lj_separation_f(const lj_ring_f *w, int shape, const lj_atoms_f *at, int32_t j,
                               lj_vf d[3])
{
    lj_vf u[3], low[3];
    for (int c = 0; c < 3; c++) {
        const lj_vu x = lj_load_u(w->x + c * w->stride + j);
        low[c] = lj_load_f(w->low + c * w->stride + j) - at->low[c];
        u[c] = shape == LJ_OPEN ? (lj_vf)x - (lj_vf)at->x[c] : lj_difference_f(x, at->x[c]);
    }
    for (int c = 0; c < 3; c++) {
        if (shape == LJ_OPEN) {
            d[c] = u[c] + low[c];
        } else if (shape == LJ_DIAGONAL) {
            d[c] = u[c] * w->h[4 * c] + low[c];
        } else {
            d[c] = ((u[0] * w->h[c] + u[1] * w->h[3 + c]) + u[2] * w->h[6 + c]) + low[c];
        }
    }
}

#else

LJ_INLINE lj_atoms_d lj_at_d(const lj_ring_d *w, int shape, int32_t i)
{
    lj_atoms_d at;
    for (int c = 0; c < 3; c++) {
        at.x[c] = lj_load_d(w->x + c * w->stride + i);
        at.s[c] = shape == LJ_SKEWED ? lj_load_d(w->s + c * w->stride + i) : at.x[c];
    }
    return at;
}

LJ_INLINE void lj_separation_d(const lj_ring_d *w, int shape, const lj_atoms_d *at, int32_t j,
                               lj_vd d[3])
{
    for (int c = 0; c < 3; c++) {
        d[c] = lj_load_d(w->x + c * w->stride + j) - at->x[c];
        if (shape == LJ_DIAGONAL) {
            d[c] = lj_image_d(d[c], w->edge[c], w->h[4 * c]);
        }
    }
    if (shape == LJ_SKEWED) {
        for (int k = 0; k < 3; k++) {
            const lj_vd u = lj_load_d(w->s + k * w->stride + j) - at->s[k];
            const lj_vd image = (u + LJ_ROUND) - LJ_ROUND;
            for (int c = 0; c < 3; c++) {
                d[c] = lj_minus_d(d[c], image, w->h[3 * k + c]);
            }
        }
    }
}

#endif

/* Parameters of pairs of kinds, one place of the tables for each lane. */
LJ_INLINE LJ(lj_pair)
    LJ(lj_look_up)(const LJ(ath__lj_tables) * t, int scheme, const int32_t *index, int want)
{
    LJ(lj_pair) p;
    p.sigma2 = LJ(lj_gather)(t->sigma2, index);
    p.c24 = LJ(lj_gather)(t->c24, index);
    p.e4 = p.shift = p.slope = p.c24; /* replaced wherever they are used */
    if (want || scheme == ATH__LJ_SWITCH) {
        p.e4 = LJ(lj_gather)(t->e4, index);
        p.shift = LJ(lj_gather)(t->shift, index);
    }
    if (scheme == ATH__LJ_FORCE_SHIFT) {
        p.slope = LJ(lj_gather)(t->slope, index);
    }
    return p;
}

/* Adds the sums of the lanes of a vector of atoms from i on to those of the system. */
LJ_INLINE void LJ(lj_gather_sums)(lj_sums *sums, int32_t i, const LJ_V sum[7])
{
    for (int q = 0; q < 7; q++) {
        LJ(lj_add_lanes)(sums->lane[q], LJ_LANES, i, sum[q]);
    }
}

/* Steps k1 down to k0 for the atoms i of one vector. */
LJ_INLINE void LJ(lj_block)(const LJ(lj_ring) * ring, int32_t i, int32_t k1, int32_t k0,
                            lj_variant v)
{
    const LJ(lj_ring) w = *ring; /* a copy that no store can change */
    const LJ(lj_atoms) at = LJ(lj_at)(&w, v.cell, i);
    const LJ_M all = LJ(lj_first)(w.n - i), some = LJ(lj_first)(w.half - i);
    const int32_t middle = 2 * w.half == w.n ? w.half : 0;
    const int wraps = i + LJ_WIDTH > w.n - k1;
    LJ_T *t = w.t + w.left + i;
    LJ_V minus[3], sum[7];
    for (int c = 0; c < 3; c++) {
        minus[c] = LJ(lj_load)(w.minus + c * w.n_wide + i);
    }
    for (int q = 0; q < 7; q++) {
        sum[q] = LJ(lj_set)((LJ_T)0);
    }
    for (int32_t k = k1; k >= k0; k--, t += 3 * w.stride_t) {
        LJ_V d[3], f, e;
        LJ(lj_separation)(&w, v.cell, &at, i + k, d);
        const LJ_V r2 = (d[0] * d[0] + d[1] * d[1]) + d[2] * d[2];
        const LJ_M inside = LJ(lj_inside)(k == middle ? some : all, r2, w.cutoff2);
        if (v.general) {
            LJ(lj_pair) p = w.pair;
            if (w.kind_i) {
                int32_t index[LJ_WIDTH];
                lj_add_index(w.kind_i + i, w.kind_j + i + k, LJ_WIDTH, index);
                p = LJ(lj_look_up)(w.tables, w.scheme, index, v.want);
            }
            LJ(lj_terms)(&p, w.tables, w.scheme, v.want, r2, &f, &e);
        } else {
            LJ(lj_terms)(&w.pair, w.tables, ATH__LJ_TRUNCATION, v.want, r2, &f, &e);
        }
        f = LJ(lj_keep)(inside, f);
        LJ_V force[3];
        for (int c = 0; c < 3; c++) {
            force[c] = f * d[c];
            minus[c] = minus[c] + force[c];
            if (wraps) {
                LJ(lj_store)(t + c * w.stride_t - w.n, force[c]);
            }
            LJ(lj_store)(t + c * w.stride_t, force[c]);
        }
        if (v.want) {
            sum[0] = sum[0] + LJ(lj_keep)(inside, e);
            for (int q = 0; q < 6; q++) {
                sum[q + 1] = sum[q + 1] + force[lj_row[q]] * d[lj_column[q]];
            }
        }
    }
    for (int c = 0; c < 3; c++) {
        LJ(lj_store)(w.minus + c * w.n_wide + i, minus[c]);
    }
    if (v.want) {
        LJ(lj_gather_sums)(w.sums, i, sum);
    }
}

/* Adds rows k1 down to k0 of t to `plus`. */
LJ_INLINE void LJ(lj_add_rows)(const LJ(lj_ring) * ring, int32_t k1, int32_t k0)
{
    const LJ(lj_ring) w = *ring;
    for (int32_t a = 0; a < w.n_wide; a += LJ_WIDTH) {
        LJ_V plus[3];
        const LJ_T *t = w.t + w.left + a - k1;
        for (int c = 0; c < 3; c++) {
            plus[c] = LJ(lj_load)(w.plus + c * w.n_wide + a);
        }
        for (int32_t k = k1; k >= k0; k--, t += 3 * w.stride_t + 1) {
            for (int c = 0; c < 3; c++) {
                plus[c] = plus[c] + LJ(lj_load)(t + c * w.stride_t);
            }
        }
        for (int c = 0; c < 3; c++) {
            LJ(lj_store)(w.plus + c * w.n_wide + a, plus[c]);
        }
    }
}

#if LJ_MIXED
/* Moves the sums of floats into those of doubles. */
static void lj_fold_f(const lj_ring_f *w)
{
    for (int32_t a = 0; a < 3 * w->n_wide; a++) {
        w->sum[a] = (w->sum[a] + (double)w->plus[a]) - (double)w->minus[a];
        w->plus[a] = 0.0F;
        w->minus[a] = 0.0F;
    }
}
#endif

LJ_INLINE void LJ(lj_all_steps)(const LJ(lj_ring) * w, lj_variant v)
{
    const int32_t chunk = w->n <= LJ_SMALL ? LJ(LJ_CHUNK) : LJ(LJ_CHUNK_LARGE);
    for (int32_t k1 = w->half; k1 > 0; k1 -= chunk) {
        const int32_t k0 = k1 > chunk ? k1 - chunk + 1 : 1;
        /* downwards: the copy to the left of the last vector must not outlast the first vector */
        for (int32_t i = w->n_wide - LJ_WIDTH; i >= 0; i -= LJ_WIDTH) {
            LJ(lj_block)(w, i, k1, k0, v);
        }
        LJ(lj_add_rows)(w, k1, k0);
#if LJ_MIXED
        if ((w->half - k0 + 1) % LJ_FOLD_f == 0 || k0 == 1) {
            lj_fold_f(w);
        }
#endif
    }
}

/* The hot paths are compiled each for itself; everything else shares one, which asks at each pair.
 */
#define LJ_STEPS(shape, want)                                                                      \
    static void LJ(lj_steps_##shape##want)(const LJ(lj_ring) * w)                                  \
    {                                                                                              \
        LJ(lj_all_steps)(w, (lj_variant){shape, want, 0});                                         \
    }
LJ_STEPS(0, 0)
LJ_STEPS(0, 1)
LJ_STEPS(1, 0)
LJ_STEPS(1, 1)
LJ_STEPS(2, 0)
LJ_STEPS(2, 1)
#undef LJ_STEPS

static void LJ(lj_steps_general)(const LJ(lj_ring) * w, int shape, int want)
{
    LJ(lj_all_steps)(w, (lj_variant){shape, want, 1});
}

typedef void LJ(lj_step_fn)(const LJ(lj_ring) * w);

/* [shape][want] */
static LJ(lj_step_fn) *const LJ(lj_steps)[3][2] = {{LJ(lj_steps_00), LJ(lj_steps_01)},
                                                   {LJ(lj_steps_10), LJ(lj_steps_11)},
                                                   {LJ(lj_steps_20), LJ(lj_steps_21)}};

/* ---- positions ---- */

/* What stands behind the last atom: the first ones again, as far as half of the ring, then zeros.
 */
#define LJ_EXTEND(array, w)                                                                        \
    do {                                                                                           \
        memcpy((array) + (w)->n, (array), (size_t)(w)->half * sizeof *(array));                    \
        for (int32_t lj_e = (w)->n + (w)->half; lj_e < (w)->stride; lj_e++) {                      \
            (array)[lj_e] = 0;                                                                     \
        }                                                                                          \
    } while (0)

#if LJ_MIXED

/* Whole numbers of 2^-32 of u in [-1/2, 1/2], and what they leave in the same unit. */
LJ_INLINE uint32_t lj_fixed(double u, double *rest)
{
    const double scaled = u * 4294967296.0, biased = scaled + LJ_ROUND;
    uint64_t bits;
    memcpy(&bits, &biased, sizeof bits);
    *rest = scaled - (biased - LJ_ROUND);
    return (uint32_t)bits;
}

/* One component, x [n] in angstrom, without images. */
static void lj_place_open_f(int32_t n, const double *restrict x, uint32_t *restrict high,
                            float *restrict low)
{
    for (int32_t i = 0; i < n; i++) {
        const float h = (float)x[i];
        memcpy(&high[i], &h, sizeof h);
        low[i] = (float)(x[i] - (double)h);
    }
}

/* One component along an axis of length 1 / per_cell = unit * 2^32. */
static void lj_place_diagonal_f(int32_t n, const double *restrict x, double per_cell, double unit,
                                uint32_t *restrict high, float *restrict low)
{
    for (int32_t i = 0; i < n; i++) {
        const double s = x[i] * per_cell;
        double rest;
        high[i] = lj_fixed(s - ((s + LJ_ROUND) - LJ_ROUND), &rest);
        low[i] = (float)(rest * unit);
    }
}

static void lj_place_skewed_f(lj_ring_f *w, const double *h, const double *g, const double *x,
                              uint32_t *high, float *low)
{
    const int32_t y = w->stride, z = 2 * w->stride;
    for (int q = 0; q < 9; q++) {
        w->h[q] = lj_set_f((float)(h[q] * 0x1p-32));
    }
    for (int32_t i = 0; i < w->n; i++) {
        double rest[3];
        for (int k = 0; k < 3; k++) {
            const double s = (g[3 * k] * x[i] + g[3 * k + 1] * x[y + i]) + g[3 * k + 2] * x[z + i];
            high[k * w->stride + i] = lj_fixed(s - ((s + LJ_ROUND) - LJ_ROUND), &rest[k]);
        }
        for (int c = 0; c < 3; c++) {
            low[c * w->stride + i] =
                (float)(((rest[0] * h[c] + rest[1] * h[3 + c]) + rest[2] * h[6 + c]) * 0x1p-32);
        }
    }
}

static void lj_place_f(lj_ring_f *w, const lj_box *box, lj_arena *arena, const double *x)
{
    uint32_t *high = lj_take(arena, 3 * (size_t)w->stride * sizeof *high);
    float *low = lj_take(arena, 3 * (size_t)w->stride * sizeof *low);
    double h[9], g[9];
    if (box->shape != LJ_OPEN) {
        lj_periods(box, (lj_points){x, w->n, 1, w->stride}, h, g);
    }
    if (box->shape == LJ_SKEWED) {
        lj_place_skewed_f(w, h, g, x, high, low);
    }
    for (int c = 0; c < 3; c++) {
        const int32_t row = c * w->stride;
        if (box->shape == LJ_OPEN) {
            lj_place_open_f(w->n, x + row, high + row, low + row);
        } else if (box->shape == LJ_DIAGONAL) {
            w->h[4 * c] = lj_set_f((float)(h[4 * c] * 0x1p-32));
            lj_place_diagonal_f(w->n, x + row, g[4 * c], h[4 * c] * 0x1p-32, high + row, low + row);
        }
        LJ_EXTEND(high + row, w);
        LJ_EXTEND(low + row, w);
    }
    w->x = high;
    w->low = low;
}

#else

/* One component, moved to the cell around the origin in place. */
static void lj_place_diagonal_d(int32_t n, double *x, double per_cell, double length)
{
    for (int32_t i = 0; i < n; i++) {
        const double s = x[i] * per_cell;
        x[i] = x[i] - ((s + LJ_ROUND) - LJ_ROUND) * length;
    }
}

/* x, s: [3][stride]. */
static void lj_place_skewed_d(lj_ring_d *w, const lj_box *box, double *x, double *s)
{
    const double *h = box->h;
    const int32_t y = w->stride, z = 2 * w->stride;
    for (int q = 0; q < 9; q++) {
        w->h[q] = lj_set_d(h[q]);
    }
    for (int32_t i = 0; i < w->n; i++) {
        double image[3];
        for (int k = 0; k < 3; k++) {
            const double *g = box->g + 3 * k;
            const double u = box->pbc[k] ? (g[0] * x[i] + g[1] * x[y + i]) + g[2] * x[z + i] : 0.0;
            image[k] = (u + LJ_ROUND) - LJ_ROUND;
            s[k * w->stride + i] = u - image[k];
        }
        for (int c = 0; c < 3; c++) {
            double *at = x + c * w->stride + i;
            *at = *at - ((image[0] * h[c] + image[1] * h[3 + c]) + image[2] * h[6 + c]);
        }
    }
}

static void lj_place_d(lj_ring_d *w, const lj_box *box, lj_arena *arena, double *x)
{
    double *s = x;
    if (box->shape == LJ_SKEWED) {
        s = lj_take(arena, 3 * (size_t)w->stride * sizeof *s);
        lj_place_skewed_d(w, box, x, s);
    }
    for (int c = 0; c < 3; c++) {
        if (box->shape == LJ_DIAGONAL) {
            const double length = box->pbc[c] ? fabs(box->h[4 * c]) : 0.0;
            w->h[4 * c] = lj_set_d(length);
            w->edge[c] = lj_set_d(box->pbc[c] ? 0.5 * length : DBL_MAX);
            lj_place_diagonal_d(w->n, x + c * w->stride, box->pbc[c] ? 1.0 / length : 0.0, length);
        }
        LJ_EXTEND(x + c * w->stride, w);
        if (s != x) {
            LJ_EXTEND(s + c * w->stride, w);
        }
    }
    w->x = x;
    w->s = s;
}

#endif

/* Kinds of the atoms, as parts of the index into the tables. */
static void LJ(lj_place_kinds)(LJ(lj_ring) * w, const lj_system *system, lj_arena *arena)
{
    int32_t *kind_j = lj_take(arena, (size_t)w->stride * sizeof *kind_j);
    int32_t *kind_i = lj_take(arena, (size_t)w->n_wide * sizeof *kind_i);
    for (int32_t i = 0; i < w->n; i++) {
        kind_j[i] = ath__lj_kind(system->par, system->numbers[i]);
        kind_i[i] = kind_j[i] * system->par->n_kinds;
    }
    for (int32_t i = w->n; i < w->n_wide; i++) {
        kind_i[i] = 0;
    }
    LJ_EXTEND(kind_j, w);
    w->kind_i = kind_i;
    w->kind_j = kind_j;
}

/* The parameters of the first pair of kinds in all lanes. */
LJ_INLINE LJ(lj_pair) LJ(lj_only_pair)(const LJ(ath__lj_tables) * t)
{
    const LJ(lj_pair) p = {LJ(lj_set)(t->sigma2[0]), LJ(lj_set)(t->c24[0]), LJ(lj_set)(t->e4[0]),
                           LJ(lj_set)(t->shift[0]), LJ(lj_set)(t->slope[0])};
    return p;
}

/* All pairs of one system. */
static void LJ(lj_all_pairs)(lj_system *system, lj_arena *arena)
{
    const int32_t n = system->n;
    const ath__lj_params *par = system->par;
    LJ(lj_ring) w; /* not cleared: it is long, and a system may be small */
    w.n = n;
    w.half = n / 2;
    w.n_wide = lj_round_up(n, LJ_WIDTH);
    w.tables = &par->LJ_TABLES_OF;
    w.scheme = par->scheme;
    w.sums = &system->sums;
    w.kind_i = NULL;
    w.stride = lj_round_up(w.n_wide + w.half, LJ_WIDTH);
    w.left = lj_round_up(w.half, LJ_WIDTH) + LJ_WIDTH;
    w.stride_t = w.left + w.n_wide;
    w.cutoff2 = LJ(lj_set)(w.tables->cutoff2);
    w.pair = LJ(lj_only_pair)(w.tables);
    double *x = lj_take(arena, 3 * (size_t)w.stride * sizeof *x);
    lj_split_rows(system->positions, n, x, w.stride);
    LJ(lj_place)(&w, &system->box, arena, x);
    if (par->n_kinds > 1) {
        LJ(lj_place_kinds)(&w, system, arena);
    }
    w.plus = lj_take_zeros(arena, 3 * (size_t)w.n_wide * sizeof *w.plus);
    w.minus = lj_take_zeros(arena, 3 * (size_t)w.n_wide * sizeof *w.minus);
    w.t = lj_take(arena, (size_t)LJ(LJ_CHUNK) * 3 * (size_t)w.stride_t * sizeof *w.t);
#if LJ_MIXED
    w.sum = lj_take_zeros(arena, 3 * (size_t)w.n_wide * sizeof *w.sum);
#endif
    if (system->general) {
        LJ(lj_steps_general)(&w, system->box.shape, system->want);
    } else {
        LJ(lj_steps)[system->box.shape][system->want](&w);
    }
#if LJ_MIXED
    lj_join_rows(w.sum, w.n_wide, n, system->forces);
#else
    for (int32_t a = 0; a < 3 * w.n_wide; a++) {
        x[a] = w.plus[a] - w.minus[a];
    }
    lj_join_rows(x, w.n_wide, n, system->forces);
#endif
    if (system->want) {
        lj_add_sums(&system->sums, 1.0, system->total);
    }
}
