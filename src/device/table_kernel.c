/* The table of host kernels of one instruction set, in the order of kernels.def. Compiled once per
 * instruction set like every kernel file; holds addresses only, no code.
 */
#include "device/kernel.h"

#define ATH__TABLE ATH__PASTE3(ath__kernel_, table, ATH__ISA)

extern const ath__kernel_fn ATH__TABLE[ATH__N_KERNELS];

#define ATH__KERNEL(id, name, n_pointers, who) [ATH_K_##id] = ATH__HOST_KERNEL(name),
const ath__kernel_fn ATH__TABLE[ATH__N_KERNELS] = {
#include "device/kernels.def"
};
#undef ATH__KERNEL
