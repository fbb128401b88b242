/* CUDA twin of the kernel that keeps neighbour lists (neighbors_kernel.c): one block per system,
 * one thread per atom, every pair tried with the range of images that its geometry allows. Rows
 * come out in canonical order because a thread walks through j and S in that order. Right for
 * systems of a few hundred atoms; time grows with the square of the number of atoms.
 */
#include <cmath>

#include "device/cuda.cuh"

extern "C" {
#include <athanor/status.h>

#include "data/cell.h"
#include "neighbors/neighbors.h"
#include "neighbors/strain.h"
}

enum { NEIGHBORS_THREADS = 64, NEIGHBORS_MAX_IMAGE = 510 };

/* One system, as its block sees it. */
struct neighbors_frame {
    const double *x; /* [n][3] */
    int32_t *wrap;   /* [n][3] */
    int32_t n, pbc[3];
    double h[9], g[9], heights[3];
    double reach;
};

__device__ bool neighbors_frame_of(const ath__neighbors_args &a, int32_t slot, neighbors_frame *f)
{
    f->x = a.view.positions + 3 * a.view.first[slot];
    f->wrap = a.list.wrap + 3 * a.view.first[slot];
    f->n = a.view.n_atoms[slot];
    f->reach = a.cutoff + a.skin;
    for (int k = 0; k < 3; k++) {
        f->pbc[k] = a.view.pbc[3 * (int64_t)slot + k] != 0;
    }
    if (!ath__cell_complete(a.view.cell + 9 * (int64_t)slot, f->pbc, f->h) ||
        !ath__cell_reciprocal(f->h, f->g)) {
        return false;
    }
    ath__cell_heights(f->g, f->heights);
    for (int k = 0; k < 3; k++) {
        if (f->pbc[k] && !(f->reach < NEIGHBORS_MAX_IMAGE * f->heights[k])) {
            return false;
        }
    }
    return true;
}

/* Counts the neighbours of atom i, and writes them if `to` is not NULL. */
__device__ int64_t neighbors_row(const neighbors_frame &f, int32_t i, ath__neighbor *to)
{
    int64_t found = 0;
    for (int32_t j = 0; j < f.n; j++) {
        const double d[3] = {f.x[3 * j] - f.x[3 * i], f.x[3 * j + 1] - f.x[3 * i + 1],
                             f.x[3 * j + 2] - f.x[3 * i + 2]};
        int32_t lo[3] = {0, 0, 0}, hi[3] = {0, 0, 0};
        for (int k = 0; k < 3; k++) {
            if (f.pbc[k]) {
                const double u = f.g[3 * k] * d[0] + f.g[3 * k + 1] * d[1] + f.g[3 * k + 2] * d[2];
                const double range = f.reach / f.heights[k] * (1.0 + 1e-9) + 1e-9;
                lo[k] = (int32_t)ceil(-u - range);
                hi[k] = (int32_t)floor(-u + range);
            }
        }
        int32_t s[3];
        for (s[0] = lo[0]; s[0] <= hi[0]; s[0]++) {
            for (s[1] = lo[1]; s[1] <= hi[1]; s[1]++) {
                for (s[2] = lo[2]; s[2] <= hi[2]; s[2]++) {
                    double image[3];
                    ath__image_vector(s, f.h, image);
                    const double x = d[0] + image[0], y = d[1] + image[1], z = d[2] + image[2];
                    const bool itself = i == j && s[0] == 0 && s[1] == 0 && s[2] == 0;
                    if (itself || !(x * x + y * y + z * z < f.reach * f.reach)) {
                        continue;
                    }
                    if (to) {
                        to[found].atom = j;
                        to[found].shift =
                            ath__shift_pack(s[0] + f.wrap[3 * j] - f.wrap[3 * i],
                                            s[1] + f.wrap[3 * j + 1] - f.wrap[3 * i + 1],
                                            s[2] + f.wrap[3 * j + 2] - f.wrap[3 * i + 2]);
                    }
                    found++;
                }
            }
        }
    }
    return found;
}

/* Whether the list has to be made anew; the same in every thread. */
__device__ bool neighbors_stale(const ath__neighbors_args &a, int32_t slot)
{
    const int64_t first = a.view.first[slot];
    const int32_t n = a.view.n_atoms[slot];
    const double *x = a.view.positions + 3 * first, *built = a.list.built_positions + 3 * first;
    const double half = 0.5 * a.skin, limit = half * half * (1.0 - 9.5367431640625e-07);
    int stale = a.list.valid[slot] != 1;
    int32_t bits = 0;
    for (int k = 0; k < 3; k++) {
        bits |= (a.view.pbc[3 * (int64_t)slot + k] != 0) << k;
    }
    stale |= bits * ATH__PATH_PBC != (a.list.path[slot] & 7 * ATH__PATH_PBC);
    const double *cell = a.view.cell + 9 * (int64_t)slot,
                 *built_cell = a.list.built_cell + 9 * (int64_t)slot;
    bool same_cell = true;
    for (int k = 0; k < 9; k++) {
        same_cell =
            same_cell && __double_as_longlong(cell[k]) == __double_as_longlong(built_cell[k]);
    }
    ath__strain strain;
    stale |= !same_cell &&
             !(half > 0.0 && ath__strain_of(built_cell, cell, a.view.pbc + 3 * (int64_t)slot,
                                            a.cutoff, a.skin, &strain));
    for (int32_t i = threadIdx.x; i < n && !stale; i += NEIGHBORS_THREADS) {
        const double dx = x[3 * i] - built[3 * i], dy = x[3 * i + 1] - built[3 * i + 1],
                     dz = x[3 * i + 2] - built[3 * i + 2], d2 = dx * dx + dy * dy + dz * dz;
        if (same_cell) {
            stale |= half > 0.0 ? !(d2 <= limit) : !(d2 == 0.0);
        } else {
            stale |= !ath__strain_keeps(&strain, built + 3 * i, x + 3 * i);
        }
    }
    return __syncthreads_or(stale) != 0;
}

/* Wraps the atoms of the thread; false if one is not finite or too far away. */
__device__ bool neighbors_wrap(const neighbors_frame &f)
{
    bool good = true;
    for (int32_t i = threadIdx.x; i < f.n; i += NEIGHBORS_THREADS) {
        const double *p = f.x + 3 * i;
        for (int k = 0; k < 3; k++) {
            const double u = f.g[3 * k] * p[0] + f.g[3 * k + 1] * p[1] + f.g[3 * k + 2] * p[2];
            good = good && fabs(p[k]) <= 1099511627776.0 && (!f.pbc[k] || fabs(u) <= 1048576.0);
            f.wrap[3 * i + k] = good && f.pbc[k] ? (int32_t)floor(u) : 0;
        }
    }
    return good;
}

/* Length of every row, then where each begins; the number of entries in all. */
__device__ int64_t neighbors_measure(const ath__neighbors_args &a, int32_t slot,
                                     const neighbors_frame &f)
{
    __shared__ long long total;
    int32_t *row = a.list.row + a.view.first[slot], *count = a.list.count + a.view.first[slot];
    for (int32_t i = threadIdx.x; i < f.n; i += NEIGHBORS_THREADS) {
        count[i] = (int32_t)neighbors_row(f, i, nullptr);
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        long long sum = 0;
        for (int32_t i = 0; i < f.n; i++) {
            row[i] = (int32_t)sum;
            sum += count[i];
        }
        total = sum;
    }
    __syncthreads();
    return total;
}

__device__ void neighbors_empty(const ath__neighbors_args &a, int32_t slot)
{
    for (int32_t i = threadIdx.x; i < a.view.n_atoms[slot]; i += NEIGHBORS_THREADS) {
        a.list.row[a.view.first[slot] + i] = 0;
        a.list.count[a.view.first[slot] + i] = 0;
    }
    if (threadIdx.x == 0) {
        a.list.valid[slot] = 0;
    }
}

__device__ void neighbors_build(const ath__neighbors_args &a, int32_t slot)
{
    neighbors_frame f;
    const int64_t first = a.view.first[slot];
    int32_t reason = ATH_REASON_NONE;
    int64_t needed = 0;
    if (!neighbors_frame_of(a, slot, &f)) {
        reason = ATH_REASON_CELL_COLLAPSED;
    } else if (!__syncthreads_and(neighbors_wrap(f))) {
        reason = ATH_REASON_NON_FINITE;
    } else {
        needed = neighbors_measure(a, slot, f);
        reason = needed > INT32_MAX ? ATH_REASON_TOO_LARGE : ATH_REASON_NONE;
    }
    const bool overflow = needed > a.list.room[slot];
    if (reason != ATH_REASON_NONE || overflow) {
        neighbors_empty(a, slot);
        if (threadIdx.x == 0) {
            a.list.needed[slot] = reason != ATH_REASON_NONE ? 0 : needed;
            if (reason != ATH_REASON_NONE && a.view.reason[slot] == ATH_REASON_NONE) {
                a.view.reason[slot] = reason;
            } else if (reason == ATH_REASON_NONE) {
                a.view.flags[slot] |= ATH__SLOT_STALLED;
            }
        }
        return;
    }
    ath__neighbor *entry = a.list.entry + a.list.start[slot];
    for (int32_t i = threadIdx.x; i < f.n; i += NEIGHBORS_THREADS) {
        neighbors_row(f, i, entry + a.list.row[first + i]);
        for (int k = 0; k < 3; k++) {
            a.list.built_positions[3 * (first + i) + k] = f.x[3 * i + k];
        }
    }
    for (int k = threadIdx.x; k < 9; k += NEIGHBORS_THREADS) {
        a.list.built_cell[9 * (int64_t)slot + k] = a.view.cell[9 * (int64_t)slot + k];
    }
    if (threadIdx.x == 0) {
        a.list.needed[slot] = needed;
        a.list.path[slot] =
            ATH__PATH_IMAGES + ATH__PATH_PBC * (f.pbc[0] + 2 * f.pbc[1] + 4 * f.pbc[2]);
        a.list.builds[slot]++;
        a.list.valid[slot] = 1;
    }
}

__global__ void neighbors_kernel(const ath__neighbors_args a)
{
    __shared__ int32_t mine[NEIGHBORS_THREADS];
    const int32_t n_slots = *a.n_slots;
    int32_t n = 0;
    for (int32_t from = 0;; from += n) {
        n = ath__cuda_pick(a.slots, n_slots, from, mine, [&a](int32_t slot) {
            if (a.view.flags[slot] & ATH__SLOT_STALLED) {
                return false;
            }
            if (ath__all_pairs_enough(a.view.n_atoms[slot], a.view.cell + 9 * (int64_t)slot,
                                      a.view.pbc + 3 * (int64_t)slot, a.cutoff, a.all_pairs_max)) {
                a.list.valid[slot] = 0;
                return false;
            }
            return true;
        });
        for (int32_t t = 0; t < n; t++) {
            const int32_t slot = mine[t];
            if (slot >= 0 && neighbors_stale(a, slot)) {
                neighbors_build(a, slot);
            }
        }
        if (n < NEIGHBORS_THREADS) {
            return;
        }
    }
}

cudaError_t ath__cuda_neighbors_update(cudaStream_t stream, const void *args)
{
    neighbors_kernel<<<ATH__CUDA_BLOCKS, NEIGHBORS_THREADS, 0, stream>>>(
        *static_cast<const ath__neighbors_args *>(args));
    return cudaGetLastError();
}
