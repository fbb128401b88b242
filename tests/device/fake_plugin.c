/* A plug-in for tests: device number 0 is a piece of host memory, device 1 does not exist. It uses
 * no symbol of the library, like any plug-in. With FAKE_STALE it claims to be of another build.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/plugin.h"

typedef struct fake_state {
    int64_t depth;
    int64_t n_open;
} fake_state;

static const ath_option fake_options[] = {
    {.name = "depth",
     .type = ATH_OPTION_INT,
     .unit = "",
     .fallback = "3",
     .min = 1,
     .max = 9,
     .help = "a number",
     .offset = offsetof(fake_state, depth)},
    {.type = ATH_OPTION_END},
};

static ath_status fake_open(ath_device *device, int32_t index)
{
    if (index > 0) {
        snprintf(device->ctx->message, sizeof device->ctx->message, "cuda: there is no GPU %d",
                 index);
        return ATH_E_DEVICE;
    }
    return ATH_OK;
}

static void fake_close(ath_device *device)
{
    (void)device;
}

static ath_status fake_alloc(ath_device *device, size_t bytes, void **d_out)
{
    (void)device;
    *d_out = aligned_alloc(256, (bytes + 255) / 256 * 256);
    if (*d_out == NULL) {
        return ATH_E_NO_MEMORY;
    }
    memset(*d_out, 0, bytes);
    return ATH_OK;
}

static void fake_free(ath_device *device, void *d_block, size_t bytes)
{
    (void)device, (void)bytes;
    free(d_block);
}

static ath_status fake_stream_open(ath__stream *stream)
{
    ((fake_state *)stream->device->state)->n_open++;
    stream->handle = stream->device;
    return ATH_OK;
}

static void fake_stream_close(ath__stream *stream)
{
    ((fake_state *)stream->device->state)->n_open--;
}

static ath_status fake_copy(ath__stream *stream, enum ath__copy_kind kind, void *to,
                            const void *from, size_t bytes)
{
    (void)stream, (void)kind;
    memmove(to, from, bytes);
    return ATH_OK;
}

static ath_status fake_wait(ath__stream *stream)
{
    (void)stream;
    return ATH_OK;
}

static const ath__device_ops fake_ops = {
    .abi = ATH_ABI,
    .name = "cuda",
    .state_size = sizeof(fake_state),
    .options = fake_options,
    .open = fake_open,
    .close = fake_close,
    .alloc = fake_alloc,
    .free = fake_free,
    .stream_open = fake_stream_open,
    .stream_close = fake_stream_close,
    .copy = fake_copy,
    .wait = fake_wait,
};

static const struct ath_plugin fake_plugin = {
    .abi = ATH_ABI,
    .name = "cuda",
    .ops = &fake_ops,
#ifdef FAKE_STALE
    .kernels = "OTHER:1;",
#else
    .kernels = ath__kernel_signature,
#endif
};

ATH_API const struct ath_plugin *ath_cuda_plugin(uint32_t abi);

const struct ath_plugin *ath_cuda_plugin(uint32_t abi)
{
    return abi == ATH_ABI ? &fake_plugin : NULL;
}
