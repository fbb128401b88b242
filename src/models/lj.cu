/* CUDA twin of the Lennard-Jones force kernel (lj_kernel.c): one block per system, one thread per
 * atom.
 *
 * Small systems whose cutoff allows it (ath__all_pairs_enough) take all pairs from shared memory,
 * others walk their row of the neighbour list; both in ascending j, so that a force is one sum in a
 * fixed order whatever the launch. Every pair is computed from both sides; no atomics. Mixed
 * precision as on the host: differences in float64, the pair in float32, partial sums of 32 terms
 * folded into float64.
 *
 * Bits are those of the device, not of the host, which adds in another order.
 */
#include "device/cuda.cuh"

extern "C" {
#include "data/cell.h"
#include "models/lj.h"
}

/* The formula in float32. */
ATH__LJ_PAIR(lj_pair_f, float);
#define LJ_POSITIVE_F(x) ((x) > 0.0f ? (x) : 0.0f)
ATH__LJ_FORMULA(__device__ static inline, lj_pair_terms_f, lj_pair_f, ath__lj_tables_f, float,
                float, sqrtf, LJ_POSITIVE_F)

namespace
{

enum { LJ_THREADS = 64, LJ_SHARED = 256 /* atoms held in shared memory */, LJ_FOLD = 32 };
static_assert((int)LJ_SHARED >= (int)ATH__LJ_ALL_PAIRS, "all pairs must fit");
static_assert((int)LJ_SHARED >= (int)ATH__LJ_ALL_PAIRS_MIXED, "all pairs must fit");

__device__ lj_pair_f lj_pair_at_f(const ath__lj_tables_f &t, int32_t index)
{
    const lj_pair_f p = {t.sigma2[index], t.c24[index], t.e4[index], t.shift[index],
                         t.slope[index]};
    return p;
}

/* What one atom gathers over its pairs. Energy and virial count every pair from both sides. */
struct lj_sum_d {
    double force[3], energy, stress[6];
};

/* A position: three doubles, or, where no image has to be found and pairs are float32, three sums
 * of two floats, which give differences as good as float64 does once they are rounded to float32.
 */
struct lj_place_d {
    typedef double real;
    double x[3];
    static __device__ lj_place_d from(const double *p)
    {
        return {{p[0], p[1], p[2]}};
    }
    __device__ void minus(const lj_place_d &o, double d[3]) const
    {
        for (int k = 0; k < 3; k++) {
            d[k] = x[k] - o.x[k];
        }
    }
};

struct __align__(16) lj_place_f
{
    typedef float real;
    float high[3], low[3], unused[2]; /* two wide loads */
    static __device__ lj_place_f from(const double *p)
    {
        lj_place_f s;
        for (int k = 0; k < 3; k++) {
            s.high[k] = (float)p[k];
            s.low[k] = (float)(p[k] - (double)s.high[k]);
        }
        return s;
    }
    __device__ void minus(const lj_place_f &o, float d[3]) const
    {
        const float4 a = *reinterpret_cast<const float4 *>(high);
        const float2 b = *reinterpret_cast<const float2 *>(low + 1);
        d[0] = (a.x - o.high[0]) + (a.w - o.low[0]);
        d[1] = (a.y - o.high[1]) + (b.x - o.low[1]);
        d[2] = (a.z - o.high[2]) + (b.y - o.low[2]);
    }
};

/* Shared memory of a block. */
template <typename P> struct lj_shared {
    P place[LJ_SHARED];
    int32_t kind[LJ_SHARED];
    double space[LJ_THREADS];
};

/* Which kernel a system belongs to: a function of the system alone. */
enum lj_path { LJ_OPEN, LJ_PERIODIC, LJ_LISTED };

template <bool mixed_and_open> struct lj_place_of {
    typedef lj_place_d type;
};
template <> struct lj_place_of<true> {
    typedef lj_place_f type;
};

/* Float64: every term goes straight into the sum. */
struct lj_double {
    static const bool mixed = false;
    template <lj_path path> using place = lj_place_d;
    typedef lj_sum_d sum;
    static __device__ void start(sum &)
    {
    }
    static __device__ void fold(sum &, lj_sum_d &)
    {
    }
    typedef ath__lj_pair_d pair;
    static __device__ pair at(const ath__lj_params &par, int32_t index)
    {
        return ath__lj_pair_at(&par.d, index);
    }
    template <uint32_t want>
    static __device__ void add(const ath__lj_params &par, int scheme, const pair &p,
                               const double d[3], double r2, lj_sum_d &total, sum &)
    {
        double f, e;
        ath__lj_pair_terms(&p, &par.d, scheme, want & ATH__WANT_ENERGY, r2, &f, &e);
        for (int k = 0; k < 3; k++) {
            total.force[k] = fma(-f, d[k], total.force[k]);
        }
        if (want & ATH__WANT_ENERGY) {
            total.energy += e;
        }
        if (want & ATH__WANT_STRESS) {
            total.stress[0] -= (f * d[0]) * d[0], total.stress[1] -= (f * d[1]) * d[1];
            total.stress[2] -= (f * d[2]) * d[2], total.stress[3] -= (f * d[1]) * d[2];
            total.stress[4] -= (f * d[0]) * d[2], total.stress[5] -= (f * d[0]) * d[1];
        }
    }
    static __device__ bool within(const ath__lj_params &par, double r2)
    {
        return r2 < par.d.cutoff2;
    }
};

/* Float32 pairs, folded after 32 terms. */
struct lj_mixed {
    static const bool mixed = true;
    template <lj_path path> using place = typename lj_place_of<path == LJ_OPEN>::type;
    struct sum {
        float force[3], energy, stress[6];
    };
    static __device__ void start(sum &s)
    {
        s = sum{};
    }
    static __device__ void fold(sum &s, lj_sum_d &total)
    {
        for (int k = 0; k < 3; k++) {
            total.force[k] += (double)s.force[k];
        }
        total.energy += (double)s.energy;
        for (int k = 0; k < 6; k++) {
            total.stress[k] += (double)s.stress[k];
        }
        s = sum{};
    }
    typedef lj_pair_f pair;
    static __device__ pair at(const ath__lj_params &par, int32_t index)
    {
        return lj_pair_at_f(par.f, index);
    }
    template <uint32_t want>
    static __device__ void add(const ath__lj_params &par, int scheme, const pair &p,
                               const float d[3], float r2, lj_sum_d &, sum &s)
    {
        float f, e;
        lj_pair_terms_f(&p, &par.f, scheme, want & ATH__WANT_ENERGY, r2, &f, &e);
        for (int k = 0; k < 3; k++) {
            s.force[k] = fmaf(-f, d[k], s.force[k]);
        }
        if (want & ATH__WANT_ENERGY) {
            s.energy += e;
        }
        if (want & ATH__WANT_STRESS) {
            s.stress[0] -= (f * d[0]) * d[0], s.stress[1] -= (f * d[1]) * d[1];
            s.stress[2] -= (f * d[2]) * d[2], s.stress[3] -= (f * d[1]) * d[2];
            s.stress[4] -= (f * d[0]) * d[2], s.stress[5] -= (f * d[0]) * d[1];
        }
    }
    static __device__ bool within(const ath__lj_params &par, float r2)
    {
        return r2 < par.f.cutoff2;
    }
};

template <typename M> struct lj_real {
    typedef double type;
};
template <> struct lj_real<lj_mixed> {
    typedef float type;
};

/* The system of a block. */
struct lj_system {
    int64_t first;
    int32_t n, slot;
    bool diagonal;
    int32_t pbc[3];
    double h[9], g[9];
};

__device__ bool lj_is_open(const ath__force_args &a, const ath__lj_params &par, int32_t slot)
{
    const int32_t *pbc = a.view.pbc + 3 * (int64_t)slot;
    return !(pbc[0] || pbc[1] || pbc[2]) && a.view.n_atoms[slot] <= par.all_pairs_max;
}

__device__ bool lj_needs_no_list(const ath__force_args &a, const ath__lj_params &par, int32_t slot)
{
    return ath__all_pairs_enough(a.view.n_atoms[slot], a.view.cell + 9 * (int64_t)slot,
                                 a.view.pbc + 3 * (int64_t)slot, par.cutoff, par.all_pairs_max);
}

template <lj_path path>
__device__ void lj_load(const ath__force_args &a, int32_t slot, lj_system *s)
{
    s->slot = slot;
    s->first = a.view.first[slot];
    s->n = a.view.n_atoms[slot];
    if constexpr (path != LJ_OPEN) {
        for (int k = 0; k < 3; k++) {
            s->pbc[k] = a.view.pbc[3 * (int64_t)slot + k] != 0;
        }
        ath__cell_complete(a.view.cell + 9 * (int64_t)slot, s->pbc, s->h);
        if (!ath__cell_reciprocal(s->h, s->g)) {
            for (int k = 0; k < 9; k++) {
                s->g[k] = 0.0;
            }
        }
        s->diagonal = s->h[1] == 0.0 && s->h[2] == 0.0 && s->h[3] == 0.0 && s->h[5] == 0.0 &&
                      s->h[6] == 0.0 && s->h[7] == 0.0;
    }
}

/* Moves d to its nearest image: d + S h with S from rounded fractional differences. */
__device__ void lj_nearest(const lj_system &s, double d[3])
{
    if (s.diagonal) {
        for (int k = 0; k < 3; k++) {
            if (s.pbc[k]) {
                d[k] = d[k] - rint(s.g[4 * k] * d[k]) * s.h[4 * k];
            }
        }
        return;
    }
    double image[3] = {0.0, 0.0, 0.0};
    for (int k = 0; k < 3; k++) {
        if (s.pbc[k]) {
            const double u =
                rint((s.g[3 * k] * d[0] + s.g[3 * k + 1] * d[1]) + s.g[3 * k + 2] * d[2]);
            for (int c = 0; c < 3; c++) {
                image[c] = image[c] - u * s.h[3 * k + c];
            }
        }
    }
    for (int c = 0; c < 3; c++) {
        d[c] = d[c] + image[c];
    }
}

template <typename M, uint32_t want, typename D>
__device__ void lj_add(const ath__lj_params &par, int scheme, const typename M::pair &p,
                       const D d[3], lj_sum_d &total, typename M::sum &part)
{
    typedef typename lj_real<M>::type real;
    const real r[3] = {(real)d[0], (real)d[1], (real)d[2]};
    const real r2 = fma(r[0], r[0], fma(r[1], r[1], r[2] * r[2]));
    if (M::within(par, r2) || r2 != r2) {
        M::template add<want>(par, scheme, p, r, r2, total, part);
    }
}

/* All pairs of atom i, from shared memory. `plain`: one kind of atoms and no smoothing. */
template <typename M, uint32_t want, lj_path path, bool plain, typename P>
__device__ void lj_all_pairs(const ath__lj_params &par, const lj_system &s, int32_t i,
                             const lj_shared<P> &shared, lj_sum_d &total)
{
    typename M::sum part;
    M::start(part);
    const P here = shared.place[i];
    const int32_t row = plain ? 0 : shared.kind[i] * par.n_kinds;
    const int scheme = plain ? (int)ATH__LJ_ENERGY_SHIFT : par.scheme;
    typename M::pair p = M::at(par, row);
    for (int32_t first = 0; first < s.n; first += LJ_FOLD) {
        const int32_t end = first + LJ_FOLD < s.n ? first + LJ_FOLD : s.n;
#pragma unroll 4
        for (int32_t j = first; j < end; j++) {
            typename P::real d[3];
            shared.place[j].minus(here, d);
            if constexpr (path == LJ_PERIODIC) {
                lj_nearest(s, d);
            }
            if (!plain) {
                p = M::at(par, row + shared.kind[j]);
            }
            if (j != i) {
                lj_add<M, want>(par, scheme, p, d, total, part);
            }
        }
        M::fold(part, total);
    }
}

/* The row of atom i in the neighbour list. */
template <typename M, uint32_t want>
__device__ void lj_listed(const ath__force_args &a, const ath__lj_params &par, const lj_system &s,
                          int32_t i, lj_sum_d &total)
{
    typename M::sum part;
    M::start(part);
    const double *x = a.view.positions + 3 * s.first;
    const int32_t *numbers = a.view.numbers + s.first, *wrap = a.list.wrap + 3 * s.first;
    const ath__neighbor *entry = a.list.entry + a.list.start[s.slot] + a.list.row[s.first + i];
    const int32_t row = ath__lj_kind(&par, numbers[i]) * par.n_kinds;
    int32_t terms = 0;
    for (int32_t m = 0; m < a.list.count[s.first + i]; m++) {
        const int32_t j = entry[m].atom;
        int32_t shift[3];
        double image[3];
        ath__shift_unpack(entry[m].shift, shift);
        for (int k = 0; k < 3; k++) {
            shift[k] += wrap[3 * i + k] - wrap[3 * j + k];
        }
        ath__image_vector(shift, s.h, image);
        const double d[3] = {(x[3 * j] - x[3 * i]) + image[0],
                             (x[3 * j + 1] - x[3 * i + 1]) + image[1],
                             (x[3 * j + 2] - x[3 * i + 2]) + image[2]};
        /* only pairs within the cutoff count as terms: the skin must not move a fold */
        const double r2 = (d[0] * d[0] + d[1] * d[1]) + d[2] * d[2];
        if (r2 < par.d.cutoff2 || r2 != r2) {
            const typename M::pair p = M::at(par, row + ath__lj_kind(&par, numbers[j]));
            lj_add<M, want>(par, par.scheme, p, d, total, part);
            if (++terms % LJ_FOLD == 0) {
                M::fold(part, total);
            }
        }
    }
    M::fold(part, total);
}

/* Sum over the block of one number per thread, as a fixed tree; valid in thread 0. */
__device__ double lj_block_sum(double value, double *space)
{
    space[threadIdx.x] = value;
    __syncthreads();
    for (int half = LJ_THREADS / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) {
            space[threadIdx.x] += space[threadIdx.x + half];
        }
        __syncthreads();
    }
    const double sum = space[0];
    __syncthreads();
    return sum;
}

/* Correction of energy and pressure for what lies beyond the cutoff. */
__device__ void lj_tail(const ath__force_args &a, const ath__lj_params &par, const lj_system &s,
                        double volume, double *energy, double *pressure)
{
    int32_t n_of[ATH__LJ_KINDS];
    for (int32_t k = 0; k < par.n_kinds; k++) {
        n_of[k] = 0;
    }
    for (int32_t i = 0; i < s.n; i++) {
        n_of[ath__lj_kind(&par, a.view.numbers[s.first + i])]++;
    }
    *energy = *pressure = 0.0;
    for (int32_t p = 0; p < par.n_kinds; p++) {
        for (int32_t q = 0; q < par.n_kinds; q++) {
            const double pairs = (double)n_of[p] * (double)n_of[q];
            *energy += pairs * par.tail_energy[p * par.n_kinds + q] / volume;
            *pressure += pairs * par.tail_pressure[p * par.n_kinds + q] / (volume * volume);
        }
    }
}

/* Energy and stress of the system, from the sums of the threads. */
template <lj_path path>
__device__ void lj_finish(const ath__force_args &a, const ath__lj_params &par, const lj_system &s,
                          const lj_sum_d &sum, double *space)
{
    const bool full = path != LJ_OPEN && s.pbc[0] && s.pbc[1] && s.pbc[2];
    const double volume = full ? ath__cell_volume(s.h) : 1.0;
    double stress[6], energy = 0.5 * lj_block_sum(sum.energy, space);
    for (int k = 0; k < 6; k++) {
        stress[k] = -0.5 * lj_block_sum(sum.stress[k], space);
    }
    if (threadIdx.x != 0) {
        return;
    }
    double tail_energy = 0.0, tail_pressure = 0.0;
    if (par.tail && full) {
        lj_tail(a, par, s, volume, &tail_energy, &tail_pressure);
    }
    if (a.want & ATH__WANT_ENERGY) {
        a.view.energy[s.slot] = energy + tail_energy;
    }
    if (a.want & ATH__WANT_STRESS) {
        static const int at[9] = {0, 5, 4, 5, 1, 3, 4, 3, 2};
        for (int k = 0; k < 9; k++) {
            const double tail = k % 4 == 0 ? tail_pressure : 0.0;
            a.view.stress[9 * (int64_t)s.slot + k] = full ? -stress[at[k]] / volume - tail : 0.0;
        }
    }
}

template <typename M, uint32_t want, lj_path path, typename P>
__device__ void lj_one(const ath__force_args &a, const ath__lj_params &par, int32_t slot,
                       lj_shared<P> &shared)
{
    lj_system s;
    lj_load<path>(a, slot, &s);
    lj_sum_d sum = {};
    if (path != LJ_LISTED) {
        for (int32_t i = threadIdx.x; i < s.n; i += LJ_THREADS) {
            shared.place[i] = P::from(a.view.positions + 3 * (s.first + i));
            shared.kind[i] = ath__lj_kind(&par, a.view.numbers[s.first + i]);
        }
        __syncthreads();
    }
    const bool plain = par.n_kinds == 1 && par.scheme <= ATH__LJ_ENERGY_SHIFT;
    for (int32_t i = threadIdx.x; i < s.n; i += LJ_THREADS) {
        sum.force[0] = sum.force[1] = sum.force[2] = 0.0;
        if constexpr (path == LJ_LISTED) {
            lj_listed<M, want>(a, par, s, i, sum);
        } else if (plain) {
            lj_all_pairs<M, want, path, true>(par, s, i, shared, sum);
        } else {
            lj_all_pairs<M, want, path, false>(par, s, i, shared, sum);
        }
        for (int k = 0; k < 3; k++) {
            a.view.forces[3 * (s.first + i) + k] = sum.force[k];
        }
    }
    if (want & (ATH__WANT_ENERGY | ATH__WANT_STRESS)) {
        __syncthreads();
        lj_finish<path>(a, par, s, sum, shared.space);
    }
}

/* Open systems have a kernel of their own, which is small; a second one takes all others. */
template <typename M, uint32_t want, bool open>
__global__ void __launch_bounds__(LJ_THREADS, open ? 16 : 8) lj_kernel(const ath__force_args a)
{
    __shared__ lj_shared<typename M::template place<open ? LJ_OPEN : LJ_PERIODIC>> shared;
    __shared__ int32_t mine[LJ_THREADS];
    const ath__lj_params &par = *static_cast<const ath__lj_params *>(a.params);
    const int32_t n_slots = *a.n_slots;
    int32_t n = 0;
    if ((par.mixed != 0) != M::mixed) {
        return;
    }
    for (int32_t from = 0;; from += n) {
        n = ath__cuda_pick(a.slots, n_slots, from, mine, [&a, &par](int32_t slot) {
            return !(a.view.flags[slot] & ATH__SLOT_STALLED) && lj_is_open(a, par, slot) == open;
        });
        for (int32_t t = 0; t < n; t++) {
            const int32_t slot = mine[t];
            if (slot < 0) {
                continue;
            }
            if constexpr (open) {
                lj_one<M, want, LJ_OPEN>(a, par, slot, shared);
            } else if (lj_needs_no_list(a, par, slot)) {
                lj_one<M, want, LJ_PERIODIC>(a, par, slot, shared);
            } else {
                lj_one<M, want, LJ_LISTED>(a, par, slot, shared);
            }
            __syncthreads();
        }
        if (n < LJ_THREADS) {
            return;
        }
    }
}

/* The precision stands in the parameters, in device memory: of two launches one returns at once. */
template <uint32_t want> void lj_launch(cudaStream_t stream, const ath__force_args &a)
{
    lj_kernel<lj_double, want, true><<<ATH__CUDA_LIGHT_BLOCKS, LJ_THREADS, 0, stream>>>(a);
    lj_kernel<lj_mixed, want, true><<<ATH__CUDA_LIGHT_BLOCKS, LJ_THREADS, 0, stream>>>(a);
    lj_kernel<lj_double, want, false><<<ATH__CUDA_BLOCKS, LJ_THREADS, 0, stream>>>(a);
    lj_kernel<lj_mixed, want, false><<<ATH__CUDA_BLOCKS, LJ_THREADS, 0, stream>>>(a);
}

} // namespace

cudaError_t ath__cuda_lj_force(cudaStream_t stream, const void *args)
{
    const ath__force_args &a = *static_cast<const ath__force_args *>(args);
    if (a.want & (ATH__WANT_ENERGY | ATH__WANT_STRESS)) {
        lj_launch<ATH__WANT_FORCES | ATH__WANT_ENERGY | ATH__WANT_STRESS>(stream, a);
    } else {
        lj_launch<ATH__WANT_FORCES>(stream, a);
    }
    return cudaGetLastError();
}
