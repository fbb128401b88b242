/* CUDA twin of the kernel that holds centres of mass (centre.h): a warp per system. The sums are
 * folded as on the host, so the bits are the same.
 */
#include "device/cuda.cuh"
#include "dynamics/centre.h"

enum { CENTRE_WARPS = 4, CENTRE_THREADS = 32 * CENTRE_WARPS };

/* The same in every lane: a sum of two does not depend on their order. */
__device__ ath__centre centre_sums(const ath__view &v, int32_t slot, int lane)
{
    const uint8_t *fixed = ath__centre_fixed(&v, slot);
    ath__centre c = {{0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0}, 0};
    for (int32_t i = lane; i < v.n_atoms[slot]; i += 32) {
        ath__centre_add(&v, v.first[slot] + i, fixed ? fixed + 3 * i : nullptr, &c);
    }
    for (int step = 16; step > 0; step /= 2) {
        for (int k = 0; k < 7; k++) {
            c.s[k] += __shfl_xor_sync(0xffffffffu, c.s[k], step);
        }
        c.anchored |= __shfl_xor_sync(0xffffffffu, c.anchored, step);
    }
    return c;
}

__global__ void centre_kernel(const ath__centre_args a)
{
    const int lane = threadIdx.x % 32;
    const int32_t n = *a.n_slots;
    const ath__view &v = a.view;
    for (int32_t i = blockIdx.x * CENTRE_WARPS + threadIdx.x / 32; i < n;
         i += gridDim.x * CENTRE_WARPS) {
        const int32_t slot = a.slots[i];
        if (v.flags[slot] & a.skips) {
            continue;
        }
        const ath__centre c = centre_sums(v, slot, lane);
        ath__centre_shift shift = {};
        if (lane == 0 && a.mode == ATH__CENTRE_NOTE) {
            ath__centre_note(&a, slot, &c);
        } else if (lane == 0) {
            shift = ath__centre_decide(&a, slot, &c);
        }
        for (int k = 0; k < 3; k++) {
            shift.r[k] = __shfl_sync(0xffffffffu, shift.r[k], 0);
            shift.v[k] = __shfl_sync(0xffffffffu, shift.v[k], 0);
        }
        shift.held = __shfl_sync(0xffffffffu, shift.held, 0);
        for (int32_t k = lane; k < v.n_atoms[slot] && a.mode != ATH__CENTRE_NOTE; k += 32) {
            ath__centre_apply(&v, v.first[slot] + k, &shift, a.mode == ATH__CENTRE_FIRST);
        }
    }
}

cudaError_t ath__cuda_centre(cudaStream_t stream, const void *args)
{
    centre_kernel<<<ATH__CUDA_LIGHT_BLOCKS / CENTRE_WARPS, CENTRE_THREADS, 0, stream>>>(
        *static_cast<const ath__centre_args *>(args));
    return cudaGetLastError();
}
