/* Rows of a neighbour list, one atom at a time, its neighbours in lanes. Private to lj_kernel.c,
 * which includes this once for float64 and once for mixed precision, after lj_pairs.h and with its
 * macros.
 *
 * Row i is walked twice. First the separations r_ij are made (lj_images.h) and those within the
 * cutoff are kept, in their order. Then the kept ones are evaluated, neighbour number m in lane m
 * modulo LJ_LANES. Kept neighbours and their order are a function of the present positions, so the
 * bits do not depend on when the list was built or on what it holds beyond the cutoff. The list is
 * full: an atom needs its own row only, and energy and virial of a pair count one half from either
 * side.
 *
 * Mixed: a lane sums at most 32 floats before they are folded into float64.
 *
 * Sums over pairs of a system are taken over blocks of 256 atoms, added in the order of the blocks.
 */

enum {
    LJ(LJ_ROW_FOLD) = 32 * LJ_LANES, /* neighbours summed before a fold */
    LJ(LJ_ROW_PART) = 1024,          /* entries kept before they are evaluated; >= a fold */
    LJ(LJ_ROW_ROOM) = LJ(LJ_ROW_PART) + LJ(LJ_ROW_FOLD) + 2 * LJ_LANES,
    LJ(LJ_ROW_GROUP) = 32 /* atoms at most whose neighbours are kept together */
};

/* Neighbours within the cutoff, of one atom or several: those of the next atom begin at a multiple
 * of LJ_LANES, and zeros fill the lanes between. */
typedef struct LJ(lj_kept) {
    LJ_T d[3][LJ(LJ_ROW_ROOM)]; /* r_ij, angstrom; vectors may be stored behind the last one */
    int32_t kind[LJ(LJ_ROW_ROOM)];
} LJ(lj_kept);
ATH__STATIC_ASSERT(sizeof(LJ(lj_kept)) <= ATH__LJ_MEMBER_BYTES && sizeof(LJ(lj_kept)) % 64 == 0,
                   "memory of a member");

/* One system. */
typedef struct LJ(lj_walk) {
    lj_rows rows;
    const LJ(ath__lj_tables) * tables;
    LJ(lj_pair) pair; /* of the only kind */
    int scheme;
    int32_t n_kinds;
    LJ(lj_kept) * kept;
    lj_sums *sums;           /* of the present block */
    double (*block_sums)[7]; /* [blocks] energy and virial */
} LJ(lj_walk);

#if LJ_AVX512

/* Stores those of a mask behind the n kept ones, pressed together; returns how many there are then.
 */
#if LJ_MIXED
LJ_INLINE int32_t lj_keep_sixteen(const lj_rows *rows, const lj_sixteen *e, lj_kept_f *kept,
                                  int32_t n)
{
    const lj_vf x = (lj_vf)e->d[0], y = (lj_vf)e->d[1], z = (lj_vf)e->d[2];
    const __mmask16 near =
        lj_inside_f(e->lanes, (x * x + y * y) + z * z, lj_set_f(rows->cutoff2_f));
    for (int c = 0; c < 3; c++) {
        _mm512_storeu_ps(kept->d[c] + n, _mm512_maskz_compress_ps(near, e->d[c]));
    }
    if (rows->kind) {
        const __m512i kind =
            _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), near, e->j, rows->kind, 4);
        _mm512_storeu_si512(kept->kind + n, _mm512_maskz_compress_epi32(near, kind));
    }
    return n + __builtin_popcount(near);
}
#endif

LJ_INLINE int32_t LJ(lj_keep_eight)(const lj_rows *rows, const lj_eight *e, LJ(lj_kept) * kept,
                                    int32_t n)
{
    const lj_vd x = (lj_vd)e->d[0], y = (lj_vd)e->d[1], z = (lj_vd)e->d[2];
    const __mmask8 near = lj_inside_d(e->lanes, (x * x + y * y) + z * z, lj_set_d(rows->cutoff2));
    for (int c = 0; c < 3; c++) {
#if LJ_MIXED
        _mm256_storeu_ps(kept->d[c] + n, _mm256_maskz_compress_ps(near, _mm512_cvtpd_ps(e->d[c])));
#else
        _mm512_storeu_pd(kept->d[c] + n, _mm512_maskz_compress_pd(near, e->d[c]));
#endif
    }
    if (rows->kind) {
        const __m256i kind =
            _mm256_mmask_i32gather_epi32(_mm256_setzero_si256(), near, e->j, rows->kind, 4);
        _mm256_storeu_si256((__m256i *)(kept->kind + n), _mm256_maskz_compress_epi32(near, kind));
    }
    return n + __builtin_popcount(near);
}

/* Keeps what is near among some entries of row i behind the n kept ones; returns how many there are
 * then. */
LJ_INLINE int32_t LJ(lj_keep_near)(const LJ(lj_walk) * w, int how, int32_t i, lj_span span,
                                   int32_t n)
{
    const ath__neighbor *row = span.row;
    int32_t m = span.begin;
    const lj_rows rows = w->rows; /* a copy that no store can change */
    __m512i last = _mm512_set1_epi32(m > 0 ? row[m - 1].atom : -1);
    (void)last;
    if (how == LJ_BY_SHIFT) {
        for (; m < span.end; m += 8) {
            const lj_eight e = lj_eight_by_shift(&rows, i, row + m, span.end - m);
            n = LJ(lj_keep_eight)(&rows, &e, w->kept, n);
        }
        return n;
    }
#if LJ_MIXED
    for (; m < span.end; m += 16) {
        const lj_sixteen e = lj_sixteen_nearest(&rows, i, row + m, span.end - m, &last);
        n = lj_keep_sixteen(&rows, &e, w->kept, n);
    }
#else
    for (; m < span.end; m += 8) {
        const lj_eight e = lj_eight_nearest(&rows, i, row + m, span.end - m, &last);
        n = lj_keep_eight_d(&rows, &e, w->kept, n);
    }
#endif
    return n;
}

#else

#if LJ_AVX2

/* Entries of a row as they are measured, LJ_SOME at most. Here measuring and keeping are done one
 * after the other: where an entry is kept depends on all before it, and gathers wait for stores
 * whose address is not known yet. In float64 this takes 280 ns an atom instead of 450 (with AVX-512
 * it gains nothing). */
typedef struct LJ(lj_some) {
    LJ_T d[3][LJ_SOME]; /* r_ij */
    int32_t kind[LJ_SOME];
} LJ(lj_some);

/* The nearest images, four at a time. near: a bit for each entry. */
LJ_INLINE uint64_t LJ(lj_measure_nearest)(const lj_rows *rows, int32_t i, lj_span span,
                                          LJ(lj_some) * some)
{
    __m128i last = _mm_set1_epi32(span.begin > 0 ? span.row[span.begin - 1].atom : -1);
    uint64_t near = 0;
    for (int32_t m = span.begin; m < span.end; m += 4) {
        const int32_t at = m - span.begin;
        const lj_four e = lj_four_entries(i, span.row + m, span.end - m, &last);
        lj_four_d four;
        LJ(lj_four_nearest)(rows, i, &e, &four);
        near |= (uint64_t)(e.lanes & four.near) << at;
        for (int c = 0; c < 3; c++) {
#if LJ_MIXED
            _mm_storeu_ps(some->d[c] + at, four.f[c]);
#else
            _mm256_storeu_pd(some->d[c] + at, four.d[c]);
#endif
        }
        if (rows->kind) {
            _mm_storeu_si128((__m128i *)(some->kind + at), _mm_i32gather_epi32(rows->kind, e.j, 4));
        }
    }
    return near;
}

/* Stores those of `near` behind the n kept ones; returns how many there are then. */
LJ_INLINE int32_t LJ(lj_keep_some)(const LJ(lj_some) * some, uint64_t near, bool kinds, int32_t n,
                                   LJ(lj_kept) * kept)
{
    for (int32_t m = 0; near; m += 4, near >>= 4) {
        const unsigned lanes = (unsigned)near & 15U;
        const __m128i press = lj_press_lanes(lanes);
#if !LJ_MIXED
        const __m256i halves = lj_press_halves(press);
#endif
        for (int c = 0; c < 3; c++) {
#if LJ_MIXED
            _mm_storeu_ps(kept->d[c] + n, _mm_permutevar_ps(_mm_loadu_ps(some->d[c] + m), press));
#else
            _mm256_storeu_pd(kept->d[c] + n, lj_press_pd(some->d[c] + m, halves));
#endif
        }
        if (kinds) {
            lj_press_kinds(kept->kind + n, some->kind + m, press);
        }
        n += __builtin_popcount(lanes);
    }
    return n;
}

LJ_INLINE int32_t LJ(lj_keep_nearest)(const LJ(lj_walk) * w, int32_t i, lj_span span, int32_t n)
{
    const lj_rows rows = w->rows; /* a copy that no store can change */
    for (int32_t m = span.begin; m < span.end; m += LJ_SOME) {
        LJ(lj_some) some;
        const lj_span part = {span.row, m, span.end - m < LJ_SOME ? span.end : m + LJ_SOME};
        const uint64_t near = LJ(lj_measure_nearest)(&rows, i, part, &some);
        n = LJ(lj_keep_some)(&some, near, rows.kind != NULL, n, w->kept);
    }
    return n;
}

#endif

LJ_INLINE int32_t LJ(lj_keep_near)(const LJ(lj_walk) * w, int how, int32_t i, lj_span span,
                                   int32_t n)
{
    const ath__neighbor *row = span.row;
    int32_t m = span.begin;
    LJ(lj_kept) *kept = w->kept;
    const lj_rows rows = w->rows;
#if LJ_AVX2
    if (how == LJ_NEAREST) {
        return LJ(lj_keep_nearest)(w, i, span, n);
    }
#endif
    int32_t last = m > 0 ? row[m - 1].atom : -1;
    for (; m < span.end; m++) {
        const int32_t j = row[m].atom;
        int near;
        LJ_T d[3];
        if (how == LJ_NEAREST) {
            LJ(lj_nearest)(&rows, i, j, d);
            near = (j != last) & (j != i) &
                   !((d[0] * d[0] + d[1] * d[1]) + d[2] * d[2] >= rows.LJ_CUTOFF2);
            last = j;
        } else {
            double r[3];
            lj_by_shift(&rows, i, row[m], r);
            near = !((r[0] * r[0] + r[1] * r[1]) + r[2] * r[2] >= rows.cutoff2);
            d[0] = (LJ_T)r[0], d[1] = (LJ_T)r[1], d[2] = (LJ_T)r[2];
        }
        for (int c = 0; c < 3; c++) {
            kept->d[c][n] = d[c];
        }
        if (rows.kind) {
            kept->kind[n] = rows.kind[j];
        }
        n += near; /* no branch: which of them are near cannot be guessed */
    }
    return n;
}

#endif

/* Zeros behind the n kept ones: lanes there are computed, too, and must be finite. */
LJ_INLINE void LJ(lj_close_row)(LJ(lj_kept) * kept, int32_t n)
{
    for (int c = 0; c < 3; c++) {
        memset(kept->d[c] + n, 0, LJ_LANES * sizeof(LJ_T));
    }
    memset(kept->kind + n, 0, LJ_LANES * sizeof(int32_t));
}

/* Adds kept neighbours m ... m + LJ_WIDTH - 1, as far as they come before `end`, to the sums:
 * force, energy, virial. index: where the parameters of the atom begin in the tables. */
LJ_INLINE void LJ(lj_row_vector)(const LJ(lj_walk) * w, int32_t index, int32_t m, int32_t end,
                                 lj_variant v, LJ_V sum[10])
{
    const LJ(lj_kept) *kept = w->kept;
    LJ_V d[3], f, e;
    for (int c = 0; c < 3; c++) {
        d[c] = LJ(lj_load)(kept->d[c] + m);
    }
    const LJ_V r2 = (d[0] * d[0] + d[1] * d[1]) + d[2] * d[2];
    LJ(lj_pair) p = w->pair;
    if (v.general && w->rows.kind) {
        int32_t at[LJ_WIDTH];
        for (int l = 0; l < LJ_WIDTH; l++) {
            at[l] = index + kept->kind[m + l];
        }
        p = LJ(lj_look_up)(w->tables, w->scheme, at, v.want);
    }
    LJ(lj_terms)(&p, w->tables, v.general ? w->scheme : ATH__LJ_TRUNCATION, v.want, r2, &f, &e);
    const LJ_M there = LJ(lj_first)(end - m);
    f = LJ(lj_keep)(there, f);
    LJ_V force[3];
    for (int c = 0; c < 3; c++) {
        force[c] = f * d[c];
        sum[c] = sum[c] + force[c];
    }
    if (v.want) {
        sum[3] = sum[3] + LJ(lj_keep)(there, e);
        for (int q = 0; q < 6; q++) {
            sum[q + 4] = sum[q + 4] + force[lj_row[q]] * d[lj_column[q]];
        }
    }
}

/* Kept neighbours m ... end - 1 of one atom, at most one fold of them. force: [3][8] lanes. */
LJ_INLINE void LJ(lj_row_fold)(const LJ(lj_walk) * walk, int32_t index, int32_t m, int32_t end,
                               lj_variant v, double force[3][8])
{
    const LJ(lj_walk) w = *walk;
    /* a vector of the machine is a part of the lanes; the parts do not meet */
    for (int32_t part = 0; part < LJ_LANES; part += LJ_WIDTH) {
        LJ_V sum[10];
        for (int q = 0; q < 10; q++) {
            sum[q] = LJ(lj_set)((LJ_T)0);
        }
        for (int32_t at = m; at < end; at += LJ_LANES) {
            LJ(lj_row_vector)(&w, index, at + part, end, v, sum);
        }
        for (int c = 0; c < 3; c++) {
            LJ(lj_add_lanes)(force[c], 8, part, sum[c]);
        }
        if (v.want) {
            LJ(lj_gather_sums)(w.sums, part, sum + 3);
        }
    }
}

/* Kept neighbours begin ... end - 1 of one atom. */
LJ_INLINE void LJ(lj_row_folds)(const LJ(lj_walk) * w, int32_t i, int32_t begin, int32_t end,
                                lj_variant v, double force[3][8])
{
    const int32_t index = v.general && w->rows.kind ? w->rows.kind[i] * w->n_kinds : 0;
    for (int32_t m = begin; m < end; m += LJ(LJ_ROW_FOLD)) {
        const int32_t stop = end - m < LJ(LJ_ROW_FOLD) ? end : m + LJ(LJ_ROW_FOLD);
        LJ(lj_row_fold)(w, index, m, stop, v, force);
    }
}

/* What an atom gets. */
LJ_INLINE void LJ(lj_store_force)(lj_system *system, int32_t i, double lanes[3][8])
{
    for (int c = 0; c < 3; c++) {
        system->forces[3 * (int64_t)i + c] = 0.0 - lj_tree(lanes[c]);
    }
}

/* A row that is too long to be kept: whole folds are evaluated while there is more to come, and
 * what is left goes to the front. */
LJ_INLINE void LJ(lj_long_row)(const LJ(lj_walk) * w, lj_system *system, int32_t i, lj_variant v)
{
    double lanes[3][8] = {{0.0}};
    LJ(lj_kept) *kept = w->kept;
    const ath__neighbor *row = system->entries + system->row[i];
    const int32_t count = system->count[i];
    int32_t n = 0;
    for (int32_t m = 0; m < count; m += LJ(LJ_ROW_PART)) {
        const bool last = count - m <= LJ(LJ_ROW_PART);
        const lj_span span = {row, m, last ? count : m + LJ(LJ_ROW_PART)};
        n = LJ(lj_keep_near)(w, v.cell, i, span, n);
        LJ(lj_close_row)(kept, n);
        const int32_t stop = last ? n : n / LJ(LJ_ROW_FOLD) * LJ(LJ_ROW_FOLD);
        LJ(lj_row_folds)(w, i, 0, stop, v, lanes);
        n -= stop;
        for (int c = 0; c < 3; c++) {
            memmove(kept->d[c], kept->d[c] + stop, (size_t)n * sizeof(LJ_T));
        }
        memmove(kept->kind, kept->kind + stop, (size_t)n * sizeof(int32_t));
    }
    LJ(lj_store_force)(system, i, lanes);
}

/* The rows from i on that can be kept together, at least one; returns the first one after them. All
 * are kept before any is evaluated: a vector that was stored in pieces cannot be loaded before all
 * of them have left for the cache. */
LJ_INLINE int32_t LJ(lj_row_group)(const LJ(lj_walk) * w, lj_system *system, int32_t i, int32_t end,
                                   lj_variant v)
{
    int32_t begin[LJ(LJ_ROW_GROUP)], stop[LJ(LJ_ROW_GROUP)], n_rows = 0, n = 0;
    for (; n_rows < LJ(LJ_ROW_GROUP) && i + n_rows < end; n_rows++) {
        const int32_t a = i + n_rows, count = system->count[a];
        if (n + count > LJ(LJ_ROW_PART)) {
            break;
        }
        begin[n_rows] = n;
        const lj_span span = {system->entries + system->row[a], 0, count};
        n = LJ(lj_keep_near)(w, v.cell, a, span, n);
        LJ(lj_close_row)(w->kept, n);
        stop[n_rows] = n;
        n = lj_round_up(n, LJ_LANES);
    }
    if (n_rows == 0) {
        LJ(lj_long_row)(w, system, i, v);
        return i + 1;
    }
    for (int32_t k = 0; k < n_rows; k++) {
        double lanes[3][8] = {{0.0}};
        LJ(lj_row_folds)(w, i + k, begin[k], stop[k], v, lanes);
        LJ(lj_store_force)(system, i + k, lanes);
    }
    return i + n_rows;
}

/* All rows of this member. */
LJ_INLINE void LJ(lj_all_rows)(const LJ(lj_walk) * w, lj_system *system, lj_variant v)
{
    for (int32_t block = system->begin; block < system->end; block += LJ_BLOCK) {
        const int32_t end = system->end - block < LJ_BLOCK ? system->end : block + LJ_BLOCK;
        if (v.want) {
            memset(w->sums, 0, sizeof *w->sums);
        }
        for (int32_t i = block; i < end;) {
            i = LJ(lj_row_group)(w, system, i, end, v);
        }
        if (v.want) {
            double *sums = w->block_sums[block / LJ_BLOCK];
            memset(sums, 0, sizeof *w->block_sums);
            lj_add_sums(w->sums, 0.5, sums);
        }
    }
}

/* As with all pairs, the hot paths are compiled each for itself. */
#define LJ_WALK(how, want)                                                                         \
    static void LJ(lj_walk_##how##want)(const LJ(lj_walk) * w, lj_system * system)                 \
    {                                                                                              \
        LJ(lj_all_rows)(w, system, (lj_variant){how, want, 0});                                    \
    }
LJ_WALK(0, 0)
LJ_WALK(0, 1)
LJ_WALK(1, 0)
LJ_WALK(1, 1)
#undef LJ_WALK

static void LJ(lj_walk_general)(const LJ(lj_walk) * w, lj_system *system, int how)
{
    LJ(lj_all_rows)(w, system, (lj_variant){how, system->want, 1});
}

typedef void LJ(lj_walk_fn)(const LJ(lj_walk) * w, lj_system *system);

/* [how][want] */
static LJ(lj_walk_fn) *const
    LJ(lj_walks)[2][2] = {{LJ(lj_walk_00), LJ(lj_walk_01)}, {LJ(lj_walk_10), LJ(lj_walk_11)}};

#if LJ_MIXED

/* Fractions of the cell, for the nearest image. */
static void lj_place_rows_f(lj_rows *rows, const lj_system *system, lj_arena *arena)
{
    const double *x = system->positions;
    double h[9], g[9], longest = 0.0;
    uint32_t *fixed = lj_take(arena, 4 * (size_t)system->n * sizeof *fixed);
    lj_periods(&system->box, (lj_points){x, system->n, 3, 1}, h, g);
    for (int k = 0; k < 9; k++) {
        longest = fabs(h[k]) > longest ? fabs(h[k]) : longest;
        rows->unit[k] = (float)(h[k] * 0x1p-32);
    }
    /* 2^-33 of this is less than float32 makes of the nearest separations that there are */
    const bool coarse = longest > 512.0;
    float *low = coarse ? lj_take(arena, 4 * (size_t)system->n * sizeof *low) : NULL;
    x += 3 * (int64_t)system->begin;
    for (int32_t i = system->begin; i < system->end; i++, x += 3) {
        double rest[3];
        for (int k = 0; k < 3; k++) {
            const double s = (g[3 * k] * x[0] + g[3 * k + 1] * x[1]) + g[3 * k + 2] * x[2];
            fixed[4 * i + k] = lj_fixed(s - ((s + LJ_ROUND) - LJ_ROUND), &rest[k]);
        }
        for (int c = 0; c < 3 && coarse; c++) {
            low[4 * i + c] =
                (float)(((rest[0] * h[c] + rest[1] * h[3 + c]) + rest[2] * h[6 + c]) * 0x1p-32);
        }
    }
    rows->fixed = fixed;
    rows->low = low;
    rows->diagonal = system->box.shape != LJ_SKEWED;
}

#else

/* Positions in the cell around the origin, for the nearest image. */
static void lj_place_rows_d(lj_rows *rows, const lj_system *system, lj_arena *arena)
{
    const lj_box *box = &system->box;
    double *moved = lj_take(arena, 4 * (size_t)system->n * sizeof *moved);
    double per_cell[3];
    for (int c = 0; c < 3; c++) {
        rows->length[c] = box->pbc[c] ? fabs(box->h[4 * c]) : 0.0;
        rows->edge[c] = box->pbc[c] ? 0.5 * rows->length[c] : DBL_MAX;
        per_cell[c] = box->pbc[c] ? 1.0 / rows->length[c] : 0.0;
    }
    for (int32_t i = system->begin; i < system->end; i++) {
        for (int c = 0; c < 3; c++) {
            const double x = system->positions[3 * (int64_t)i + c], s = x * per_cell[c];
            moved[4 * (int64_t)i + c] = x - ((s + LJ_ROUND) - LJ_ROUND) * rows->length[c];
        }
    }
    rows->moved = moved;
}

#endif

static void LJ(lj_list)(lj_system *system, lj_arena *arena)
{
    const ath__lj_params *par = system->par;
    LJ(lj_walk) w;
    const int how =
        system->nearest && (LJ_MIXED || system->box.shape != LJ_SKEWED) ? LJ_NEAREST : LJ_BY_SHIFT;
    w.rows.positions = system->positions;
    w.rows.kind = par->n_kinds > 1 ? lj_kinds(system, arena) : NULL;
    w.rows.cutoff2 = par->d.cutoff2;
    w.rows.cutoff2_f = par->f.cutoff2;
    if (how == LJ_NEAREST) {
        LJ(lj_place_rows)(&w.rows, system, arena);
    } else {
        w.rows.wrap = system->far ? NULL : lj_wrap_numbers(system, arena);
        w.rows.far = system->wrap;
        w.rows.h = system->box.h;
    }
    w.tables = &par->LJ_TABLES_OF;
    w.pair = LJ(lj_only_pair)(w.tables);
    w.scheme = par->scheme;
    w.n_kinds = par->n_kinds;
    const int32_t n_blocks = (system->n + LJ_BLOCK - 1) / LJ_BLOCK;
    w.block_sums = lj_take(arena, (size_t)n_blocks * sizeof *w.block_sums);
    w.kept = (LJ(lj_kept) *)lj_take(arena, 0) + system->share->member;
    w.sums = &system->sums;
    ath__meet(system->share);
    if (system->general) {
        LJ(lj_walk_general)(&w, system, how);
    } else {
        LJ(lj_walks)[how][system->want](&w, system);
    }
    ath__meet(system->share);
    for (int32_t b = 0; system->want && b < n_blocks; b++) {
        for (int q = 0; q < 7; q++) {
            system->total[q] += w.block_sums[b][q];
        }
    }
}
