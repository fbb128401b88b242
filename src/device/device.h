/* device: memory, streams and kernels of one device. Private to the library.
 *
 * A pointer into device memory may be used by kernels and copies only. Everything on a stream runs
 * in order; on the host device it runs at once, elsewhere later. Host code launches kernels by id
 * with an args struct whose device pointers come first (kernels.def); args are copied at the
 * launch.
 */
#ifndef ATHANOR_DEVICE_DEVICE_H
#define ATHANOR_DEVICE_DEVICE_H

#include <athanor/device.h>

#include "base/base.h"
#include "base/team.h"

#include "device/kernel.h"

enum ath__copy_kind { ATH__TO_DEVICE, ATH__TO_HOST, ATH__ON_DEVICE };

typedef struct ath__stream {
    ath_device *device;
    const ath__kernel_fn *table; /* host: kernels called in place; else NULL */
    ath__team *team; /* host: divides the work of a launch; NULL: the caller does all of it */
    void *handle;
} ath__stream;

typedef struct ath__event ath__event;
typedef struct ath__graph ath__graph;

/* One table per device. All return ATH_E_DEVICE with a message for failures of the device. */
typedef struct ath__device_ops {
    uint32_t abi;
    const char *name;
    size_t state_size;
    const ath_option *options; /* of "name:key=value" */
    ath_status (*open)(ath_device *device, int32_t index);
    void (*close)(ath_device *device);
    ath_status (*alloc)(ath_device *device, size_t bytes, void **d_out); /* zeroed, 256-aligned */
    void (*free)(ath_device *device, void *d_block, size_t bytes);
    ath_status (*stream_open)(ath__stream *stream);
    void (*stream_close)(ath__stream *stream);
    /* host memory must stay valid, and as it is, until the stream is waited for */
    ath_status (*copy)(ath__stream *stream, enum ath__copy_kind kind, void *to, const void *from,
                       size_t bytes);
    ath_status (*fill)(ath__stream *stream, void *d_to, int value, size_t bytes);
    ath_status (*launch)(ath__stream *stream, ath__kernel kernel, const void *args, size_t bytes);
    ath_status (*wait)(ath__stream *stream); /* all work enqueued so far has run; a stream whose
                                                handle is NULL stands for all of the device */
    ath_status (*record)(ath__stream *stream, ath__event **event); /* makes *event if NULL */
    ath_status (*query)(ath__stream *stream, ath__event *event);   /* ATH_OK done, ATH_AGAIN not:
                                                                      ask again later */
    void (*event_free)(ath_device *device, ath__event **event);
    ath_status (*capture_begin)(ath__stream *stream);
    ath_status (*capture_end)(ath__stream *stream, ath__graph **graph);
    ath_status (*graph_launch)(ath__stream *stream, ath__graph *graph); /* all of it, again */
    void (*graph_free)(ath_device *device, ath__graph **graph);
    bool (*has_kernel)(const ath_device *device, ath__kernel kernel); /* NULL: has all. The launch
                                                of one that it lacks is ATH_E_UNSUPPORTED */
} ath__device_ops;

struct ath_device {
    const ath__device_ops *ops;
    ath_context *ctx;
    void *state;
    void *plugin; /* dlopen handle or NULL */
    char *name;
    bool is_open;     /* ops->open has succeeded */
    bool has_options; /* the options in state are to be freed */
    bool immediate;   /* kernels and copies have run when the call returns (host) */
    bool shared;      /* device memory can be read by the host (host) */
    const ath__kernel_fn *table;
    ath__stream stream; /* the default stream, for copies outside a run */
};

/* The name in kernels.def. */
const char *ath__kernel_name(ath__kernel kernel);
static inline bool ath__device_has(const ath_device *device, ath__kernel kernel)
{
    return !device->ops->has_kernel || device->ops->has_kernel(device, kernel);
}

ath_status ath__device_alloc(ath_device *device, size_t n, size_t size, void *d_out);
void ath__device_free(ath_device *device, void *d_block, size_t n, size_t size);
/* alloc of 0 bytes gives NULL; free of NULL is allowed, frees at once, and must not be called while
 * enqueued work still uses the block. The copies are synchronous: they go to the default stream and
 * wait for it. Work on other streams is not waited for. */
ath_status ath__device_upload(ath_device *device, void *d_to, const void *from, size_t bytes);
ath_status ath__device_download(ath_device *device, void *to, const void *d_from, size_t bytes);
ath_status ath__device_move(ath_device *device, void *d_to, const void *d_from, size_t bytes);
ath_status ath__stream_open(ath_device *device, ath__stream *out);
void ath__stream_close(ath__stream *stream);

/* Calls a host kernel on every member of stream->team, if it is one that can be divided. */
void ath__launch_together(const ath__stream *stream, ath__kernel kernel, const void *args);

/* Launches a kernel; `args` points to its args struct. */
#define ath__launch(stream, kernel, args)                                                          \
    ath__launch_sized((stream), (kernel), (args), sizeof(*(args)))

static inline ath_status ath__launch_sized(ath__stream *stream, ath__kernel kernel,
                                           const void *args, size_t bytes)
{
    if (stream->table && !stream->team) {
        stream->table[kernel](args, &ath__alone);
        return ATH_OK;
    }
    if (stream->table) {
        ath__launch_together(stream, kernel, args);
        return ATH_OK;
    }
    return stream->device->ops->launch(stream, kernel, args, bytes);
}

#endif
