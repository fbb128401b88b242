/* The CUDA device: memory, streams, events and graphs of one NVIDIA GPU, as a plug-in (plugin.h).
 *
 * The CUDA runtime is linked statically. Every call puts the caller's current device back. Streams
 * are made not to wait for the legacy default stream. Nothing of the library is called: messages go
 * into the context, host memory comes from its allocator. A kernel without a CUDA twin is refused
 * by name: has_kernel says so beforehand, a launch then.
 */
#include "device/cuda.cuh"

#include <cstdio>
#include <cstring>

extern "C" {
#include "device/plugin.h"
}

struct cuda_state {
    int32_t index;
};

struct ath__event {
    cudaEvent_t event;
};

struct ath__graph {
    cudaGraphExec_t exec;
};

namespace
{

const char *const cuda_names[ATH__N_KERNELS] = {
#define ATH__KERNEL(id, name, n_pointers, who) #name,
#include "device/kernels.def"
#undef ATH__KERNEL
};

struct cuda_entry {
    const char *name;
    ath__cuda_fn launch;
};

const cuda_entry cuda_entries[] = {
#define ATH__CUDA_KERNEL(name) {#name, ath__cuda_##name},
#include "device/cuda_kernels.def"
#undef ATH__CUDA_KERNEL
};

/* Makes the device current while it lives, and then the one that was. */
class cuda_guard
{
  public:
    explicit cuda_guard(const ath_device *device)
    {
        status = cudaGetDevice(&before);
        if (status == cudaSuccess) {
            status = cudaSetDevice(static_cast<cuda_state *>(device->state)->index);
        }
    }
    ~cuda_guard()
    {
        cudaSetDevice(before);
    }
    cudaError_t status;

  private:
    int before = 0;
};

ath_status cuda_report(ath_device *device, cudaError_t error, const char *what)
{
    if (error == cudaSuccess) {
        return ATH_OK;
    }
    snprintf(device->ctx->message, sizeof device->ctx->message, "%s: %s: %s", device->name, what,
             cudaGetErrorString(error));
    return error == cudaErrorMemoryAllocation ? ATH_E_NO_MEMORY : ATH_E_DEVICE;
}

cudaStream_t cuda_stream(const ath__stream *stream)
{
    return static_cast<cudaStream_t>(stream->handle);
}

/* A small block of host memory from the context. */
template <typename T> T *cuda_new(ath_device *device)
{
    const ath_allocator *a = &device->ctx->config.allocator;
    T *object = static_cast<T *>(a->resize(a->user, nullptr, 0, sizeof(T)));
    if (object) {
        memset(static_cast<void *>(object), 0, sizeof(T));
    }
    return object;
}

template <typename T> void cuda_delete(ath_device *device, T *object)
{
    const ath_allocator *a = &device->ctx->config.allocator;
    if (object) {
        a->resize(a->user, object, sizeof(T), 0);
    }
}

ath_status cuda_open(ath_device *device, int32_t index)
{
    int n = 0;
    cudaError_t error = cudaGetDeviceCount(&n);
    if (error != cudaSuccess) {
        snprintf(device->ctx->message, sizeof device->ctx->message,
                 "cuda: no usable driver or GPU: %s", cudaGetErrorString(error));
        return ATH_E_DEVICE;
    }
    if (index < 0 || index >= n) {
        snprintf(device->ctx->message, sizeof device->ctx->message,
                 "cuda:%d: this machine has %d CUDA devices", index, n);
        return ATH_E_DEVICE;
    }
    static_cast<cuda_state *>(device->state)->index = index;
    cuda_guard guard(device);
    device->immediate = false;
    device->shared = false;
    return cuda_report(device, guard.status, "open");
}

void cuda_close(ath_device *)
{
}

ath_status cuda_alloc(ath_device *device, size_t bytes, void **d_out)
{
    cuda_guard guard(device);
    cudaError_t error = cudaMalloc(d_out, bytes);
    if (error == cudaSuccess) {
        error = cudaMemset(*d_out, 0, bytes);
    }
    if (error == cudaSuccess) {
        error = cudaDeviceSynchronize(); /* other streams do not wait for the fill */
    }
    return cuda_report(device, error, "allocation");
}

void cuda_free(ath_device *device, void *d_block, size_t)
{
    cuda_guard guard(device);
    cudaFree(d_block);
}

ath_status cuda_stream_open(ath__stream *stream)
{
    cuda_guard guard(stream->device);
    cudaStream_t made = nullptr;
    const cudaError_t error = cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking);
    stream->handle = made;
    return cuda_report(stream->device, error, "stream");
}

void cuda_stream_close(ath__stream *stream)
{
    cuda_guard guard(stream->device);
    cudaStreamDestroy(cuda_stream(stream));
}

ath_status cuda_copy(ath__stream *stream, enum ath__copy_kind kind, void *to, const void *from,
                     size_t bytes)
{
    static const cudaMemcpyKind kinds[] = {cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost,
                                           cudaMemcpyDeviceToDevice};
    cuda_guard guard(stream->device);
    return cuda_report(stream->device,
                       cudaMemcpyAsync(to, from, bytes, kinds[kind], cuda_stream(stream)), "copy");
}

ath_status cuda_fill(ath__stream *stream, void *d_to, int value, size_t bytes)
{
    cuda_guard guard(stream->device);
    return cuda_report(stream->device, cudaMemsetAsync(d_to, value, bytes, cuda_stream(stream)),
                       "fill");
}

/* NULL: there is none. */
const cuda_entry *cuda_find(ath__kernel kernel)
{
    for (const cuda_entry &entry : cuda_entries) {
        if (strcmp(entry.name, cuda_names[kernel]) == 0) {
            return &entry;
        }
    }
    return nullptr;
}

bool cuda_has_kernel(const ath_device *, ath__kernel kernel)
{
    return cuda_find(kernel) != nullptr;
}

ath_status cuda_launch(ath__stream *stream, ath__kernel kernel, const void *args, size_t)
{
    cuda_guard guard(stream->device);
    const cuda_entry *entry = cuda_find(kernel);
    if (entry) {
        return cuda_report(stream->device, entry->launch(cuda_stream(stream), args), entry->name);
    }
    snprintf(stream->device->ctx->message, sizeof stream->device->ctx->message,
             "%s: kernel '%s' has no CUDA version", stream->device->name, cuda_names[kernel]);
    return ATH_E_UNSUPPORTED;
}

ath_status cuda_wait(ath__stream *stream)
{
    cuda_guard guard(stream->device);
    const cudaError_t error = stream->handle ? cudaStreamSynchronize(cuda_stream(stream))
                                             : cudaDeviceSynchronize(); /* of the whole device */
    return cuda_report(stream->device, error, "wait");
}

ath_status cuda_record(ath__stream *stream, ath__event **event)
{
    cuda_guard guard(stream->device);
    if (!*event) {
        *event = cuda_new<ath__event>(stream->device);
        if (!*event) {
            return ATH_E_NO_MEMORY;
        }
        const cudaError_t error =
            cudaEventCreateWithFlags(&(*event)->event, cudaEventDisableTiming);
        if (error != cudaSuccess) {
            cuda_delete(stream->device, *event);
            *event = nullptr;
            return cuda_report(stream->device, error, "event");
        }
    }
    return cuda_report(stream->device, cudaEventRecord((*event)->event, cuda_stream(stream)),
                       "event");
}

ath_status cuda_query(ath__stream *stream, ath__event *event)
{
    cuda_guard guard(stream->device);
    const cudaError_t error = cudaEventQuery(event->event);
    return error == cudaErrorNotReady ? ATH_AGAIN : cuda_report(stream->device, error, "query");
}

void cuda_event_free(ath_device *device, ath__event **event)
{
    cuda_guard guard(device);
    if (*event) {
        cudaEventDestroy((*event)->event);
        cuda_delete(device, *event);
        *event = nullptr;
    }
}

ath_status cuda_capture_begin(ath__stream *stream)
{
    cuda_guard guard(stream->device);
    return cuda_report(
        stream->device,
        cudaStreamBeginCapture(cuda_stream(stream), cudaStreamCaptureModeThreadLocal), "capture");
}

ath_status cuda_capture_end(ath__stream *stream, ath__graph **graph)
{
    cuda_guard guard(stream->device);
    cudaGraph_t captured = nullptr;
    *graph = nullptr;
    cudaError_t error = cudaStreamEndCapture(cuda_stream(stream), &captured);
    if (error == cudaSuccess) {
        *graph = cuda_new<ath__graph>(stream->device);
        error =
            *graph ? cudaGraphInstantiate(&(*graph)->exec, captured, 0) : cudaErrorMemoryAllocation;
    }
    if (captured) {
        cudaGraphDestroy(captured);
    }
    if (error != cudaSuccess) {
        cuda_delete(stream->device, *graph);
        *graph = nullptr;
    }
    return cuda_report(stream->device, error, "graph");
}

ath_status cuda_graph_launch(ath__stream *stream, ath__graph *graph)
{
    cuda_guard guard(stream->device);
    return cuda_report(stream->device, cudaGraphLaunch(graph->exec, cuda_stream(stream)), "graph");
}

void cuda_graph_free(ath_device *device, ath__graph **graph)
{
    cuda_guard guard(device);
    if (*graph) {
        cudaGraphExecDestroy((*graph)->exec);
        cuda_delete(device, *graph);
        *graph = nullptr;
    }
}

const ath_option cuda_options[] = {{}};

const ath__device_ops cuda_ops = {
    ATH_ABI,         "cuda",          sizeof(cuda_state), cuda_options,     cuda_open,
    cuda_close,      cuda_alloc,      cuda_free,          cuda_stream_open, cuda_stream_close,
    cuda_copy,       cuda_fill,       cuda_launch,        cuda_wait,        cuda_record,
    cuda_query,      cuda_event_free, cuda_capture_begin, cuda_capture_end, cuda_graph_launch,
    cuda_graph_free, cuda_has_kernel,
};

const ath_plugin cuda_plugin = {ATH_ABI, "cuda", &cuda_ops, ath__kernel_signature};

} // namespace

extern "C" __attribute__((visibility("default"))) const struct ath_plugin *
ath_cuda_plugin(uint32_t abi)
{
    return abi == ATH_ABI ? &cuda_plugin : nullptr;
}
