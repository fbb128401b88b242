/* What a kernel file needs: ids, the calling convention and the name of a kernel. Private; shared
 * by .c and .cu files.
 *
 * A kernel is a function of one args struct: device pointers first (a view counts as pointers),
 * then scalars. kernels.def lists every kernel with its number of pointers; the header that
 * declares an args struct asserts that number with ATH__CHECK_ARGS. Files named *_kernel.c are
 * compiled once per instruction set; a kernel in them is defined as
 *
 *     void ATH__HOST_KERNEL(lj_force)(const void *args) { const ath__lj_args *a = args; ... }
 *
 * Kernels do not allocate, do not fail and keep nothing: bad physics is a reason code in the batch.
 */
#ifndef ATHANOR_DEVICE_KERNEL_H
#define ATHANOR_DEVICE_KERNEL_H

#include <stddef.h>
#include <stdint.h>

enum { ATH__VIEW_POINTERS = 24, ATH__LIST_POINTERS = 12 };

typedef enum ath__kernel {
#define ATH__KERNEL(id, name, n_pointers) ATH_K_##id,
#include "device/kernels.def"
#undef ATH__KERNEL
    ATH__N_KERNELS
} ath__kernel;

enum {
#define ATH__KERNEL(id, name, n_pointers) ATH__POINTERS_##id = (n_pointers),
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

typedef void (*ath__kernel_fn)(const void *args);

/* Instruction set of the present compilation: base, v3 (AVX2 + FMA) or v4 (AVX-512). */
#ifndef ATH__ISA
#define ATH__ISA base
#endif
#define ATH__PASTE3_(a, b, c) a##b##_##c
#define ATH__PASTE3(a, b, c) ATH__PASTE3_(a, b, c)
#define ATH__HOST_KERNEL(name) ATH__PASTE3(ath__k_, name, ATH__ISA)

#ifndef __CUDACC__
#define ATH__KERNEL(id, name, n_pointers) void ATH__HOST_KERNEL(name)(const void *args);
#include "device/kernels.def"
#undef ATH__KERNEL
#endif

#endif
