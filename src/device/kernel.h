/* What a kernel file needs: ids, the calling convention and the name of a kernel. Private; shared
 * by .c and .cu files.
 *
 * A kernel is a function of one args struct: device pointers first (a view counts as pointers),
 * then scalars. kernels.def lists every kernel with its number of pointers; the header that
 * declares an args struct asserts that number with ATH__CHECK_ARGS. Files named *_kernel.c are
 * compiled once per instruction set; a kernel in them is defined as
 *
 *     void ATH__HOST_KERNEL(lj_force)(const void *args, const ath__share *share)
 *
 * A system of more than ATH__TEAM_ATOMS atoms is computed by all members of a team at once: each of
 * them calls the kernel with the same args and a share of its own. What a member does is then
 * whole blocks of ATH__BLOCK atoms (ath__share_range), results of blocks are combined in the order
 * of the blocks, and ath__meet stands wherever one member reads what another one wrote. All of
 * this gives the same bits for every number of members, also one.
 *
 * Kernels do not allocate, do not fail and keep nothing: bad physics is a reason code in the batch.
 */
#ifndef ATHANOR_DEVICE_KERNEL_H
#define ATHANOR_DEVICE_KERNEL_H

#include <stddef.h>
#include <stdint.h>

enum { ATH__VIEW_POINTERS = 30, ATH__LIST_POINTERS = 12, ATH__STAGE_POINTERS = 43 };

typedef enum ath__kernel {
#define ATH__KERNEL(id, name, n_pointers, who) ATH_K_##id,
#include "device/kernels.def"
#undef ATH__KERNEL
    ATH__N_KERNELS
} ath__kernel;

enum {
#define ATH__KERNEL(id, name, n_pointers, who) ATH__POINTERS_##id = (n_pointers),
#include "device/kernels.def"
#undef ATH__KERNEL
};

#ifdef __cplusplus
#define ATH__STATIC_ASSERT static_assert
#else
#define ATH__STATIC_ASSERT _Static_assert
#endif

#define ATH__CHECK_ARGS(id, type, first_scalar)                                                    \
    ATH__STATIC_ASSERT(offsetof(type, first_scalar) == ATH__POINTERS_##id * sizeof(void *),        \
                       "kernels.def: number of pointers of " #id)

enum { ATH__ALONE, ATH__TOGETHER }; /* kernels.def */
enum {
    ATH__BLOCK = 256,       /* atoms */
    ATH__TEAM_ATOMS = 20000 /* systems with more get a whole team, where there is one */
};

/* What one caller of a kernel is to do: the part `member` of `size`. */
typedef struct ath__share {
    int32_t member, size;
    void (*meet)(void *team);
    void *team;
} ath__share;

extern const ath__share ath__alone; /* all of it */

/* Returns when all members have called it. */
static inline void ath__meet(const ath__share *share)
{
    if (share->size > 1) {
        share->meet(share->team);
    }
}

/* The share of n atoms: begin ... end - 1, whole blocks but for the last one of the system. */
static inline void ath__share_range(const ath__share *share, int64_t n, int64_t *begin,
                                    int64_t *end)
{
    const int64_t blocks = (n + ATH__BLOCK - 1) / ATH__BLOCK;
    const int64_t last = blocks * (share->member + 1) / share->size * ATH__BLOCK;
    *begin = blocks * share->member / share->size * ATH__BLOCK;
    *end = last < n ? last : n;
}

typedef void (*ath__kernel_fn)(const void *args, const ath__share *share);

/* Instruction set of the present compilation: base, v3 (AVX2 + FMA) or v4 (AVX-512). */
#ifndef ATH__ISA
#define ATH__ISA base
#endif
#define ATH__PASTE3_(a, b, c) a##b##_##c
#define ATH__PASTE3(a, b, c) ATH__PASTE3_(a, b, c)
#define ATH__HOST_KERNEL(name) ATH__PASTE3(ath__k_, name, ATH__ISA)

#ifndef __CUDACC__
#define ATH__KERNEL(id, name, n_pointers, who)                                                     \
    void ATH__HOST_KERNEL(name)(const void *args, const ath__share *share);
#include "device/kernels.def"
#undef ATH__KERNEL
#endif

#endif
