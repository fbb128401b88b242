/* CUDA twins of the velocity-Verlet kernels (nve_kernel.c): one block per system, its threads walk
 * over the 3 N components. The formulas are those of nve.h, so the bits are the host's.
 */
#include "device/cuda.cuh"
#include "integrators/nve.h"

extern "C" {
#include "integrators/integrator.h"
}

enum { NVE_THREADS = 64 };

template <bool first_half, bool grid> __global__ void nve_kernel(const ath__update_args a)
{
    const int32_t n = *a.n_slots;
    const ath__view &v = a.view;
    for (int32_t i = blockIdx.x; i < n; i += gridDim.x) {
        const int32_t slot = a.slots[i], flags = v.flags[slot];
        if (flags & (first_half ? ATH__PRE_SKIPS : ATH__POST_SKIPS)) {
            continue;
        }
        const double dt = v.system_state[(int64_t)slot * a.n_system_state + ATH__NVE_DT];
        const int64_t first = v.first[slot];
        const bool has_fixed = (flags & ATH__SLOT_HAS_FIXED) != 0;
        for (int32_t k = threadIdx.x; k < 3 * v.n_atoms[slot]; k += NVE_THREADS) {
            const int64_t at = 3 * first + k;
            const double w = ath__inverse_mass(v.masses[first + k / 3]);
            double velocity = v.velocities[at];
            if (grid && first_half) {
                velocity = ath__grid_round(velocity, ATH__GRID_VELOCITY);
            }
            velocity = grid ? ath__grid_kick(velocity, v.forces[at], w, 0.5 * dt)
                            : ath__kick(velocity, v.forces[at], w, 0.5 * dt);
            const bool fixed = has_fixed && v.fixed[at];
            if (first_half && !fixed) {
                const double r = v.positions[at];
                v.positions[at] =
                    grid ? ath__grid_drift(ath__grid_round(r, ATH__GRID_POSITION), velocity, dt)
                         : ath__drift(r, velocity, dt);
            }
            v.velocities[at] = fixed ? 0.0 : velocity;
        }
        if (first_half && threadIdx.x == 0) {
            v.flags[slot] = flags | ATH__SLOT_STALE;
        }
    }
}

cudaError_t ath__cuda_nve_pre(cudaStream_t stream, const void *args)
{
    nve_kernel<true, false><<<ATH__CUDA_LIGHT_BLOCKS, NVE_THREADS, 0, stream>>>(
        *static_cast<const ath__update_args *>(args));
    return cudaGetLastError();
}

cudaError_t ath__cuda_nve_post(cudaStream_t stream, const void *args)
{
    nve_kernel<false, false><<<ATH__CUDA_LIGHT_BLOCKS, NVE_THREADS, 0, stream>>>(
        *static_cast<const ath__update_args *>(args));
    return cudaGetLastError();
}

cudaError_t ath__cuda_nve_grid_pre(cudaStream_t stream, const void *args)
{
    nve_kernel<true, true><<<ATH__CUDA_LIGHT_BLOCKS, NVE_THREADS, 0, stream>>>(
        *static_cast<const ath__update_args *>(args));
    return cudaGetLastError();
}

cudaError_t ath__cuda_nve_grid_post(cudaStream_t stream, const void *args)
{
    nve_kernel<false, true><<<ATH__CUDA_LIGHT_BLOCKS, NVE_THREADS, 0, stream>>>(
        *static_cast<const ath__update_args *>(args));
    return cudaGetLastError();
}
