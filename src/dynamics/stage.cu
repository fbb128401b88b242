/* CUDA twins of the kernels that keep the books of a dynamics (stage_kernel.c), by the same rules
 * (stage_rules.h): a warp per system to assess and to enter, one block that compacts the lists of
 * slots in order.
 */
#include "device/cuda.cuh"
#include "dynamics/stage_rules.h"

enum { STAGE_WARPS = 4, STAGE_THREADS = 32 * STAGE_WARPS, STAGE_SCHEDULE_THREADS = 1024 };

/* Largest |F|^2 of a free atom, infinity if any force is not finite; the same in every lane. A
 * maximum does not depend on order. */
__device__ double stage_max_force2(const ath__view &v, int32_t slot, int lane)
{
    const double *f = v.forces + 3 * v.first[slot];
    const uint8_t *fixed =
        v.flags[slot] & ATH__SLOT_HAS_FIXED ? v.fixed + 3 * v.first[slot] : nullptr;
    double best = 0.0;
    for (int32_t i = lane; i < v.n_atoms[slot]; i += 32) {
        double c[3];
        for (int k = 0; k < 3; k++) {
            c[k] = fixed && fixed[3 * i + k] ? 0.0 : f[3 * i + k];
        }
        const double f2 = c[0] * c[0] + c[1] * c[1] + c[2] * c[2];
        best = f2 <= best ? best : (f2 < INFINITY ? f2 : INFINITY);
    }
    for (int step = 16; step > 0; step /= 2) {
        const double other = __shfl_xor_sync(0xffffffffu, best, step);
        best = other <= best ? best : other;
    }
    return best;
}

/* sum m v^2 in the order of guard.h; the same in every lane. */
__device__ double stage_heat_of(const ath__view &v, int32_t slot, int lane)
{
    const int64_t first = v.first[slot];
    const uint8_t *fixed = v.flags[slot] & ATH__SLOT_HAS_FIXED ? v.fixed + 3 * first : nullptr;
    double sum = 0.0;
    for (int32_t i = lane; i < v.n_atoms[slot]; i += ATH__GUARD_LANES) {
        sum += ath__guard_heat(&v, first + i, fixed ? fixed + 3 * (int64_t)i : nullptr);
    }
    for (int step = ATH__GUARD_LANES / 2; step > 0; step /= 2) {
        sum += __shfl_xor_sync(0xffffffffu, sum, step);
    }
    return sum;
}

/* Square of the least distance, where that matters; 0 where it cannot be told. */
__device__ double stage_nearest_of(const ath__stage_args &a, int32_t slot,
                                   const ath__stage_params *p, int lane)
{
    const ath__guard_cell c = ath__guard_look(&a, slot, p->min_distance);
    double best = c.usable ? INFINITY : 0.0;
    for (int32_t i = lane; c.usable && i < a.view.n_atoms[slot]; i += 32) {
        best = c.rows ? ath__guard_row(&a, slot, i, &c, best)
                      : ath__guard_pairs(&a, slot, i, &c, best);
    }
    for (int step = 16; step > 0; step /= 2) {
        const double other = __shfl_xor_sync(0xffffffffu, best, step);
        best = other < best ? other : best;
    }
    __syncwarp();
    if (lane == 0) {
        ath__guard_looked(&a, slot, p, best, c.reach);
    }
    return best;
}

/* What the assessment of a system needs to know of its atoms; the same in every lane. */
__device__ ath__measured stage_measure(const ath__stage_args &a, int32_t slot, int32_t mode,
                                       int lane)
{
    const ath__stage_params *p = ath__stage_of(&a, slot);
    ath__measured m = {stage_max_force2(a.view, slot, lane), 0.0, INFINITY};
    if (p && p->max_temperature > 0.0) {
        m.heat = stage_heat_of(a.view, slot, lane);
    }
    if (p && p->min_distance > 0.0 && m.f2 < INFINITY && !ath__guard_is_far(&a, slot, p, mode)) {
        m.nearest = stage_nearest_of(a, slot, p, lane);
    }
    return m;
}

/* What lane 0 has decided, for the atoms. */
__device__ void stage_keep(const ath__stage_args &a, int32_t slot, int32_t what, int lane)
{
    what = __shfl_sync(0xffffffffu, what, 0);
    for (int32_t i = lane; what != ATH__KEEP_NOTHING && i < a.view.n_atoms[slot]; i += 32) {
        ath__keep_atom(&a, a.view.first[slot] + i, what == ATH__KEEP_BACK);
    }
}

__global__ void stage_assess_kernel(const ath__stage_args a)
{
    const int lane = threadIdx.x % 32;
    const int32_t n = *a.n_slots;
    const ath__measured none = {0.0, 0.0, INFINITY};
    for (int32_t i = blockIdx.x * STAGE_WARPS + threadIdx.x / 32; i < n;
         i += gridDim.x * STAGE_WARPS) {
        const int32_t slot = a.slots[i];
        const ath__measured m =
            a.mode < ATH__ASSESS_FLAGS ? stage_measure(a, slot, a.mode, lane) : none;
        int32_t what = ATH__KEEP_NOTHING;
        __syncwarp();
        if (lane == 0 && a.mode == ATH__ASSESS_REWIND) {
            ath__keep_back(&a, slot);
            what = ATH__KEEP_BACK;
        } else if (lane == 0 && ath__stage_computed(&a, slot) && a.mode < ATH__ASSESS_FLAGS) {
            what = ath__stage_assess(&a, slot, &m, a.mode);
        }
        stage_keep(a, slot, what, lane);
        __syncwarp();
    }
}

__global__ void stage_enter_kernel(const ath__stage_args a)
{
    const int lane = threadIdx.x % 32;
    const int32_t n = *a.n_slots;
    const ath__view &v = a.view;
    for (int32_t i = blockIdx.x * STAGE_WARPS + threadIdx.x / 32; i < n;
         i += gridDim.x * STAGE_WARPS) {
        const int32_t slot = a.slots[i];
        const int32_t part = ath__part_of(v.status[slot], a.n_parts, a.plain_exit);
        if (part < 0 || !(v.flags[slot] & ATH__SLOT_ENTER)) {
            continue;
        }
        int32_t begun = 0, what = ATH__KEEP_NOTHING;
        if (lane == 0) {
            begun = ath__stage_begin(&a, slot, part) && !(v.flags[slot] & ATH__SLOT_FRESH);
        }
        begun = __shfl_sync(0xffffffffu, begun, 0);
        __syncwarp();
        if (begun) { /* with the velocities that it has now */
            const ath__measured m = stage_measure(a, slot, ATH__ASSESS_ENTRY, lane);
            __syncwarp();
            if (lane == 0) {
                what = ath__stage_assess(&a, slot, &m, ATH__ASSESS_ENTRY);
            }
            stage_keep(a, slot, what, lane);
        }
        __syncwarp();
    }
}

/* Empties a list after its kernel has read the length. */
__global__ void stage_clear_kernel(int32_t *count)
{
    *count = 0;
}

/* Appends the slots of the threads with `mine` set, in the order of the threads. */
__device__ void stage_append(int32_t *list, int32_t *length, bool mine, int32_t slot, int32_t *sums)
{
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const unsigned votes = __ballot_sync(0xffffffffu, mine);
    if (lane == 0) {
        sums[warp] = __popc(votes);
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        int32_t sum = *length;
        for (int w = 0; w < STAGE_SCHEDULE_THREADS / 32; w++) {
            const int32_t count = sums[w];
            sums[w] = sum;
            sum += count;
        }
        *length = sum;
    }
    __syncthreads();
    if (mine) {
        list[sums[warp] + __popc(votes & ((1u << lane) - 1u))] = slot;
    }
    __syncthreads();
}

__global__ void stage_schedule_kernel(const ath__stage_args a)
{
    __shared__ int32_t sums[STAGE_SCHEDULE_THREADS / 32];
    const int32_t n = *a.n_slots, n_lists = a.n_parts + ATH__N_LISTS;
    int32_t *changed = a.counts + n_lists + ATH__COUNT_CHANGED;
    if (a.mode == ATH__SCHEDULE_CHANGED && !*changed) {
        return;
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        *changed = 0;
        for (int32_t k = 0; k < n_lists; k++) {
            a.counts[k] = 0;
        }
    }
    __syncthreads();
    for (int32_t i0 = 0; i0 < n; i0 += STAGE_SCHEDULE_THREADS) {
        const int32_t i = i0 + threadIdx.x;
        const int32_t slot = i < n ? a.slots[i] : -1;
        const int32_t part = slot >= 0 ? ath__stage_prepare(&a, slot) : -1;
        const unsigned lists = slot >= 0 ? ath__stage_lists(&a, slot, part) : 0u;
        for (int32_t k = 0; k < ATH__N_LISTS; k++) {
            const int32_t list = a.n_parts + k;
            stage_append(a.lists + (int64_t)list * a.stride, a.counts + list, lists >> k & 1u, slot,
                         sums);
        }
        for (int32_t p = 0; p < a.n_parts; p++) {
            stage_append(a.lists + (int64_t)p * a.stride, a.counts + p,
                         part == p && (lists >> ATH__LIST_ACTIVE & 1u), slot, sums);
        }
    }
}

cudaError_t ath__cuda_assess(cudaStream_t stream, const void *args)
{
    stage_assess_kernel<<<ATH__CUDA_LIGHT_BLOCKS / STAGE_WARPS, STAGE_THREADS, 0, stream>>>(
        *static_cast<const ath__stage_args *>(args));
    return cudaGetLastError();
}

cudaError_t ath__cuda_enter(cudaStream_t stream, const void *args)
{
    const ath__stage_args *a = static_cast<const ath__stage_args *>(args);
    stage_enter_kernel<<<ATH__CUDA_BLOCKS, STAGE_THREADS, 0, stream>>>(*a);
    stage_clear_kernel<<<1, 1, 0, stream>>>(a->n_slots);
    return cudaGetLastError();
}

cudaError_t ath__cuda_schedule(cudaStream_t stream, const void *args)
{
    stage_schedule_kernel<<<1, STAGE_SCHEDULE_THREADS, 0, stream>>>(
        *static_cast<const ath__stage_args *>(args));
    return cudaGetLastError();
}
