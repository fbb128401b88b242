/* Devices: where the arrays of a batch live and where kernels run.
 *
 *   "host"      the processor; "host:isa=base|v3|v4" asks for one instruction set (x86-64, AVX2 and
 *               FMA, AVX-512); default the best that the machine has. Same bits on all.
 *   "mock"      the processor behaving like a GPU: device memory cannot be touched from outside a
 *               kernel or a copy, and everything runs late. For tests. "mock:kernels=cuda" has only
 *               the kernels that a GPU has
 *   "cuda:N"    an NVIDIA GPU, from the plug-in libathanor_cuda.so; "cuda" is number 0;
 *               "cuda:N,plugin=FILE" gives the plug-in's absolute path
 */
#ifndef ATHANOR_DEVICE_H
#define ATHANOR_DEVICE_H

#include <athanor/context.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ath_device ath_device;

/* Unknown words are ATH_E_UNKNOWN with the nearest name; a device that this machine or this build
 * lacks is ATH_E_DEVICE with what is missing. The device must be closed before the context. */
ATH_API ath_status ath_device_open(ath_context *ctx, const char *name, ath_device **out);
ATH_API void ath_device_close(ath_device **device);
/* "host:isa=v4", "mock", "cuda:0": a name that opens the same device again. */
ATH_API const char *ath_device_name(const ath_device *device);
/* Waits for everything enqueued on the device. Reports failures of earlier work. */
ATH_API ath_status ath_device_synchronize(ath_device *device);
/* One line on the device of this number (0, 1, ...): name and whether it can be opened, with the
 * reason if not. ATH_END past the last. */
ATH_API ath_status ath_device_list(ath_context *ctx, int32_t index, const char **name,
                                   const char **remark);

#ifdef __cplusplus
}
#endif
#endif
