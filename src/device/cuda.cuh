/* What the CUDA files share: the signature of a launcher and the shape of a grid. Private.
 *
 * A kernel NAME of kernels.def that runs on CUDA has a launcher ath__cuda_NAME in the .cu file
 * beside its host twin, and a line in cuda_kernels.def. Grids have a fixed size and walk over the
 * listed slots, whose number is read from device memory: a launch can be captured once and stay
 * right when systems come and go.
 */
#ifndef ATHANOR_DEVICE_CUDA_CUH
#define ATHANOR_DEVICE_CUDA_CUH

#include <cuda_runtime.h>

#include "device/kernel.h"

typedef cudaError_t (*ath__cuda_fn)(cudaStream_t stream, const void *args);

#define ATH__CUDA_KERNEL(name) cudaError_t ath__cuda_##name(cudaStream_t stream, const void *args);
#include "device/cuda_kernels.def"
#undef ATH__CUDA_KERNEL

/* Blocks of a grid: enough to fill a large GPU with heavy blocks, and with light ones. More than
 * there are systems cost little. */
enum { ATH__CUDA_BLOCKS = 132 * 16, ATH__CUDA_LIGHT_BLOCKS = 132 * 64 };

#ifdef __CUDACC__
/* Of the slots that are a block's (its number plus multiples of the grid), finds those that are
 * wanted, many at a time: latencies of reading about a system are then paid once, not once per
 * system. `mine` is shared memory, one int per thread; mine[t] becomes the slot or -1 for t < the
 * result. Call with all threads; synchronises before and after. `from` counts the slots looked at
 * so far. */
template <typename Wanted>
__device__ int32_t ath__cuda_pick(const int32_t *slots, int32_t n, int32_t from, int32_t *mine,
                                  const Wanted &wanted)
{
    const int64_t k = (int64_t)blockIdx.x + ((int64_t)from + threadIdx.x) * gridDim.x;
    __syncthreads();
    mine[threadIdx.x] = k < n && wanted(slots[k]) ? slots[k] : -1;
    __syncthreads();
    const int64_t left = ((int64_t)n - blockIdx.x + gridDim.x - 1) / gridDim.x - from;
    return left < 0 ? 0 : (int32_t)(left < blockDim.x ? left : blockDim.x);
}
#endif

#endif
