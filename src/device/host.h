/* The devices that are always there, and the tables of host kernels. Private to the library. */
#ifndef ATHANOR_DEVICE_HOST_H
#define ATHANOR_DEVICE_HOST_H

#include "device/device.h"

extern const ath__device_ops ath__device_host;
extern const ath__device_ops ath__device_mock;

/* Instruction sets of the host kernels, as the option isa numbers them. */
enum { ATH__ISA_BEST, ATH__ISA_BASE, ATH__ISA_V3, ATH__ISA_V4 };

/* Table of kernels for *isa; ATH__ISA_BEST is replaced by the best that this machine has.
 * ATH_E_DEVICE if the machine or the build lacks it. */
ath_status ath__host_table(ath_context *ctx, int64_t *isa, const ath__kernel_fn **table);

#endif
