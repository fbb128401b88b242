/* CUDA twin of the kernel of the guard of displacements (guard_kernel.c): a warp per system. */
#include "device/cuda.cuh"
#include "dynamics/guard.h"

enum { GUARD_WARPS = 4, GUARD_THREADS = 32 * GUARD_WARPS };

__global__ void guard_kernel(const ath__guard_args a)
{
    const int lane = threadIdx.x % 32;
    const int32_t n = *a.n_slots;
    const ath__view &v = a.view;
    for (int32_t i = blockIdx.x * GUARD_WARPS + threadIdx.x / 32; i < n;
         i += gridDim.x * GUARD_WARPS) {
        const int32_t slot = a.slots[i];
        double best = 0.0;
        if (v.flags[slot] & a.skips) {
            continue;
        }
        for (int32_t k = lane; k < v.n_atoms[slot]; k += 32) {
            const int64_t row = v.first[slot] + k;
            if (a.mode == ATH__GUARD_NOTE) {
                ath__guard_note(&a, row);
            } else {
                const double way2 = ath__guard_way2(&a, row);
                best = way2 > best ? way2 : best;
            }
        }
        for (int step = 16; step > 0; step /= 2) {
            const double other = __shfl_xor_sync(0xffffffffu, best, step);
            best = other > best ? other : best;
        }
        if (lane == 0 && a.mode == ATH__GUARD_MOVED) {
            ath__guard_moved(&a, slot, best);
        }
    }
}

cudaError_t ath__cuda_guard(cudaStream_t stream, const void *args)
{
    guard_kernel<<<ATH__CUDA_LIGHT_BLOCKS / GUARD_WARPS, GUARD_THREADS, 0, stream>>>(
        *static_cast<const ath__guard_args *>(args));
    return cudaGetLastError();
}
