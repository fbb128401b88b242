/* What a device plug-in and the library agree on. Private; the plug-in includes it too.
 *
 * A plug-in is a shared object, libathanor_NAME.so, that exports one symbol, ath_NAME_plugin. It
 * uses no symbol of the library: messages go into device->ctx->message, memory comes from
 * device->ctx->config.allocator, options have been written into device->state before open is
 * called. Plug-in and library are built from the same tree; the signature of the kernel table says
 * so.
 */
#ifndef ATHANOR_DEVICE_PLUGIN_H
#define ATHANOR_DEVICE_PLUGIN_H

#include "device/device.h"

/* Text that changes whenever kernels.def does, and with the number of calls in ath__device_ops. */
#define ATH__KERNEL(id, name, n_pointers, who) #id ":" #n_pointers ";"
static const char ath__kernel_signature[] = "18 calls;"
#include "device/kernels.def"
    ;
#undef ATH__KERNEL

struct ath_plugin {
    uint32_t abi;     /* ATH_ABI */
    const char *name; /* "cuda" */
    const ath__device_ops *ops;
    const char *kernels; /* ath__kernel_signature as the plug-in saw it */
};

/* The one symbol. NULL if the plug-in does not know this abi. */
typedef const struct ath_plugin *(*ath__plugin_fn)(uint32_t abi);

/* Finds, loads and checks the plug-in of that name. `path`, if not NULL, is the absolute path of
 * the file and the only place looked at; else beside the library, then its install folder, never
 * the working directory. *handle is for dlclose. ATH_E_DEVICE if it is missing or cannot be loaded,
 * ATH_E_ABI if it is of another build. */
ath_status ath__plugin_load(ath_context *ctx, const char *name, const char *path, void **handle,
                            const ath__device_ops **ops);
void ath__plugin_unload(void **handle);

#endif
