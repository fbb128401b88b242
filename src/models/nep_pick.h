/* The pairs of one atom for the NEP kernel: from a row of the neighbour list to dense arrays of the
 * pairs within the cutoff, in the order of the row. Private to nep_kernel.c.
 *
 * What is picked, and at which place, is a function of the present positions and cell alone. All
 * variants compute d = (x_j - x_i) + S h with the operations of ath__image_vector. Distances that
 * are NaN are kept, so that they reach the forces.
 */
#ifndef ATHANOR_MODELS_NEP_PICK_H
#define ATHANOR_MODELS_NEP_PICK_H

#include "models/nep.h"
#include "models/nep_lanes.h"

enum {
    NEP_WRAP_BITS = 10, /* of each component of a wrap in a key */
    NEP_WRAP_MAX = (1 << NEP_WRAP_BITS) - 1
};

/* One system, as its pairs need it. Per atom: positions by component, the three wraps (above the
 * least of the system) in one number. `wide`: the wraps do not fit, take them from the list. */
typedef struct nep_geometry {
    int32_t n;
    int wide;
    double cutoff2;
    double h[9];                /* as ath__cell_complete gives it */
    double *x, *y, *z;          /* [n] angstrom */
    int32_t *key, *type;        /* [n] */
    const int32_t *wrap;        /* [n][3] */
    const int32_t *row, *count; /* [n] */
    const ath__neighbor *entry; /* of the system */
} nep_geometry;

/* Room for pairs: r_ij and the atom j. */
typedef struct nep_picked {
    double *x, *y, *z;
    int32_t *atom;
} nep_picked;

/* Entries from ... to - 1 of the system's list, one by one; returns the number of pairs. */
NEP_INLINE int64_t nep_pick_scalar(const nep_geometry *g, int32_t i, int64_t from, int64_t to,
                                   const nep_picked *p, int64_t at)
{
    const double xi = g->x[i], yi = g->y[i], zi = g->z[i];
    for (; from < to; from++) {
        const int32_t j = g->entry[from].atom;
        int32_t s[3];
        double t[3];
        ath__shift_unpack(g->entry[from].shift, s);
        for (int k = 0; k < 3; k++) {
            s[k] += g->wrap[3 * (int64_t)i + k] - g->wrap[3 * (int64_t)j + k];
        }
        ath__image_vector(s, g->h, t);
        const double dx = (g->x[j] - xi) + t[0], dy = (g->y[j] - yi) + t[1],
                     dz = (g->z[j] - zi) + t[2];
        const double r2 = ath__fma(dz, dz, ath__fma(dy, dy, dx * dx));
        p->x[at] = dx;
        p->y[at] = dy;
        p->z[at] = dz;
        p->atom[at] = j;
        at += !(r2 >= g->cutoff2);
    }
    return at;
}

#if NEP_WIDTH == 8

/* Component k of the image of each pair, as numbers; wi is that component of the wrap of i. */
NEP_INLINE __m512d nep_image(__m256i shift, __m256i key, __m256i wi, int k)
{
    const __m256i mask = _mm256_set1_epi32(NEP_WRAP_MAX);
    const __m256i s = _mm256_srai_epi32(_mm256_slli_epi32(shift, 22 - 10 * k), 22);
    const __m256i wj = _mm256_and_si256(_mm256_srli_epi32(key, NEP_WRAP_BITS * k), mask);
    return _mm512_cvtepi32_pd(_mm256_add_epi32(s, _mm256_sub_epi32(wi, wj)));
}

/* One component of d; h: that column of the cell. */
NEP_INLINE __m512d nep_distance(const double *x, __m512d xi, __m256i j, const __m512d s[3],
                                const __m512d h[3])
{
    const __m512d xj = _mm512_mask_i32gather_pd(_mm512_setzero_pd(), 0xff, j, x, 8);
    return (xj - xi) + ((s[0] * h[0] + s[1] * h[1]) + s[2] * h[2]);
}

NEP_INLINE int64_t nep_pick(const nep_geometry *g, int32_t i, int64_t from, int64_t to,
                            const nep_picked *p, int64_t at)
{
    if (g->wide) {
        return nep_pick_scalar(g, i, from, to, p, at);
    }
    const nep_picked out = *p;
    const double *const x = g->x, *const y = g->y, *const z = g->z;
    const int32_t *const keys = g->key;
    const ath__neighbor *const entry = g->entry;
    const __m512d xi = nep_set(x[i]), yi = nep_set(y[i]), zi = nep_set(z[i]);
    const __m512d hx[3] = {nep_set(g->h[0]), nep_set(g->h[3]), nep_set(g->h[6])},
                  hy[3] = {nep_set(g->h[1]), nep_set(g->h[4]), nep_set(g->h[7])},
                  hz[3] = {nep_set(g->h[2]), nep_set(g->h[5]), nep_set(g->h[8])};
    const __m512d cutoff2 = nep_set(g->cutoff2);
    __m256i w[3];
    for (int k = 0; k < 3; k++) {
        w[k] = _mm256_set1_epi32((keys[i] >> (NEP_WRAP_BITS * k)) & NEP_WRAP_MAX);
    }
    for (; from < to; from += 8) {
        const uint32_t left = (uint32_t)(to - from < 8 ? to - from : 8);
        const __mmask8 live = (__mmask8)_bzhi_u32(0xff, left);
        const __m512i e = _mm512_maskz_loadu_epi64(live, entry + from);
        const __m256i j = _mm512_cvtepi64_epi32(e);
        const __m256i shift = _mm512_cvtepi64_epi32(_mm512_srli_epi64(e, 32));
        const __m256i key = _mm256_mmask_i32gather_epi32(_mm256_setzero_si256(), 0xff, j, keys, 4);
        const __m512d s[3] = {nep_image(shift, key, w[0], 0), nep_image(shift, key, w[1], 1),
                              nep_image(shift, key, w[2], 2)};
        const __m512d dx = nep_distance(x, xi, j, s, hx), dy = nep_distance(y, yi, j, s, hy),
                      dz = nep_distance(z, zi, j, s, hz);
        const __m512d r2 = nep_fma(dz, dz, nep_fma(dy, dy, dx * dx));
        const __mmask8 near = _mm512_mask_cmp_pd_mask(live, r2, cutoff2, _CMP_NGE_UQ);
        nep_store(out.x + at, _mm512_maskz_compress_pd(near, dx));
        nep_store(out.y + at, _mm512_maskz_compress_pd(near, dy));
        nep_store(out.z + at, _mm512_maskz_compress_pd(near, dz));
        _mm256_storeu_si256((__m256i *)(out.atom + at), _mm256_maskz_compress_epi32(near, j));
        at += __builtin_popcount(near);
    }
    return at;
}

#else

NEP_INLINE int64_t nep_pick(const nep_geometry *g, int32_t i, int64_t from, int64_t to,
                            const nep_picked *p, int64_t at)
{
    return nep_pick_scalar(g, i, from, to, p, at);
}

#endif
#endif
