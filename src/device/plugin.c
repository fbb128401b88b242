/* Looks a device plug-in up, loads it and checks that it belongs to this build.
 *
 * The places are, in this order: an explicit absolute path, which then is the only one; the folder
 * of the library (or of the program that it was linked into); the folder that the library was
 * configured to be installed in. The working directory and the loader's search path are never used:
 * what runs inside a process must not depend on where it was started.
 */
#include "device/plugin.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifndef ATH__LIBDIR
#define ATH__LIBDIR "/usr/local/lib" /* the build gives its own */
#endif

/* The folder that holds this code, without a trailing slash; false if it cannot be told. */
static bool plugin_own_folder(char *out, size_t bytes)
{
    Dl_info info;
    void *self;
    ath_status (*open)(ath_context *, const char *, ath_device **) = ath_device_open;
    memcpy(&self, &open, sizeof self);
    if (!dladdr(self, &info) || info.dli_fname == NULL) {
        return false;
    }
    if (info.dli_fname[0] == '/') {
        if ((size_t)snprintf(out, bytes, "%s", info.dli_fname) >= bytes) {
            return false;
        }
    } else {
        /* Linked into a program: the name is what it was called by, the kernel knows where it is.
         */
        const ssize_t n = readlink("/proc/self/exe", out, bytes - 1);
        if (n <= 0) {
            return false;
        }
        out[n] = '\0';
    }
    char *slash = strrchr(out, '/');
    if (slash == NULL) {
        return false;
    }
    *slash = '\0';
    return true;
}

/* Loads the file and checks the table behind its one symbol. */
static ath_status plugin_open(ath_context *ctx, const char *name, const char *path, void **handle,
                              const ath__device_ops **ops)
{
    char symbol[64];
    ath__plugin_fn entry;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (library == NULL) {
        const char *why = dlerror();
        return ath__fail(ctx, ATH_E_DEVICE, "%s: the plug-in cannot be loaded: %s", name,
                         why ? why : path);
    }
    snprintf(symbol, sizeof symbol, "ath_%s_plugin", name);
    void *address = dlsym(library, symbol);
    if (address == NULL) {
        dlclose(library);
        return ath__fail(ctx, ATH_E_ABI, "%s: %s is no plug-in: it has no %s", name, path, symbol);
    }
    memcpy(&entry, &address, sizeof entry);
    const struct ath_plugin *plugin = entry(ATH_ABI);
    if (plugin == NULL || plugin->abi != ATH_ABI || plugin->ops == NULL ||
        plugin->ops->abi != ATH_ABI || plugin->kernels == NULL ||
        strcmp(plugin->kernels, ath__kernel_signature) != 0) {
        dlclose(library);
        return ath__fail(ctx, ATH_E_ABI, "%s: %s belongs to another build of the library", name,
                         path);
    }
    *handle = library;
    *ops = plugin->ops;
    return ATH_OK;
}

ath_status ath__plugin_load(ath_context *ctx, const char *name, const char *path, void **handle,
                            const ath__device_ops **ops)
{
    char own[PATH_MAX], full[PATH_MAX + 64];
    if (path) {
        if (path[0] != '/') {
            return ath__fail(ctx, ATH_E_OPTION, "%s: plugin=%s must be an absolute path", name,
                             path);
        }
        if (access(path, F_OK) != 0) {
            return ath__fail(ctx, ATH_E_DEVICE, "%s: there is no plug-in %s", name, path);
        }
        return plugin_open(ctx, name, path, handle, ops);
    }
    if (!plugin_own_folder(own, sizeof own)) {
        snprintf(own, sizeof own, "%s", ATH__LIBDIR);
    }
    const char *folders[] = {own, ATH__LIBDIR};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        const int n = snprintf(full, sizeof full, "%s/libathanor_%s.so", folders[i], name);
        if (n > 0 && (size_t)n < sizeof full && access(full, F_OK) == 0) {
            return plugin_open(ctx, name, full, handle, ops);
        }
    }
    return ath__fail(ctx, ATH_E_DEVICE,
                     "%s: the plug-in libathanor_%s.so is missing; it is neither in %s nor in %s",
                     name, name, own, ATH__LIBDIR);
}

void ath__plugin_unload(void **handle)
{
    if (*handle) {
        dlclose(*handle);
        *handle = NULL;
    }
}
