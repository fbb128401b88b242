/* The host device: device memory is host memory, kernels and copies run in place.
 *
 * Streams have no state, so launches from several threads need no lock. Kernels are compiled once
 * per instruction set; the option isa chooses the table, by default the best that the processor
 * has. All tables give the same bits. There is nothing to capture here: capture_begin is
 * ATH_E_UNSUPPORTED.
 */
#include "device/host.h"

#include <string.h>

#ifdef ATH__X86
#include <cpuid.h>
#endif

enum { HOST_ALIGN = 256 };

typedef struct host_state {
    int64_t isa; /* ATH__ISA_..., resolved by open */
} host_state;

static const ath_option host_options[] = {
    {.name = "isa",
     .type = ATH_OPTION_CHOICE,
     .unit = "",
     .fallback = "best",
     .choices = "best|base|v3|v4",
     .help = "instruction set: x86-64, AVX2 + FMA, AVX-512; same bits on all",
     .offset = offsetof(host_state, isa)},
    {.type = ATH_OPTION_END},
};

/* Named by table_kernel.c, one per instruction set. */
extern const ath__kernel_fn ath__kernel_table_base[ATH__N_KERNELS];

#ifdef ATH__X86
extern const ath__kernel_fn ath__kernel_table_v3[ATH__N_KERNELS];
extern const ath__kernel_fn ath__kernel_table_v4[ATH__N_KERNELS];

/* The level of the processor. __builtin_cpu_supports also asks whether the operating system saves
 * the wide registers; the three features that older compilers have no word for are read directly.
 */
static int64_t host_best_isa(void)
{
    unsigned a, b, c, d;
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") ||
        !__builtin_cpu_supports("bmi") || !__builtin_cpu_supports("bmi2")) {
        return ATH__ISA_BASE;
    }
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_MOVBE) || !(c & bit_F16C)) {
        return ATH__ISA_BASE;
    }
    if (!__get_cpuid(0x80000001, &a, &b, &c, &d) || !(c & bit_LZCNT)) {
        return ATH__ISA_BASE;
    }
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512cd") || !__builtin_cpu_supports("avx512dq") ||
        !__builtin_cpu_supports("avx512vl")) {
        return ATH__ISA_V3;
    }
    return ATH__ISA_V4;
}
#else
static int64_t host_best_isa(void)
{
    return ATH__ISA_BASE;
}
#endif

ath_status ath__host_table(ath_context *ctx, int64_t *isa, const ath__kernel_fn **table)
{
    const int64_t best = host_best_isa();
    if (*isa == ATH__ISA_BEST) {
        *isa = best;
    }
    if (*isa > best) {
#ifdef ATH__X86
        return ath__fail(ctx, ATH_E_DEVICE, "host: this processor has no %s",
                         *isa == ATH__ISA_V4 ? "AVX-512 (isa=v4)" : "AVX2 and FMA (isa=v3)");
#else
        return ath__fail(ctx, ATH_E_DEVICE, "host: isa=v3 and isa=v4 exist on x86-64 only");
#endif
    }
    *table = ath__kernel_table_base;
#ifdef ATH__X86
    if (*isa == ATH__ISA_V3) {
        *table = ath__kernel_table_v3;
    } else if (*isa == ATH__ISA_V4) {
        *table = ath__kernel_table_v4;
    }
#endif
    return ATH_OK;
}

static ath_status host_open(ath_device *device, int32_t index)
{
    host_state *state = device->state;
    (void)index; /* there is one host */
    ATH__TRY(ath__host_table(device->ctx, &state->isa, &device->table));
    device->immediate = true;
    device->shared = true;
    return ATH_OK;
}

static void host_close(ath_device *device)
{
    device->table = NULL;
}

/* The allocator gives 64-byte alignment; the block is moved up to 256 and what the allocator
 * returned is kept in the word before it. */
static ath_status host_alloc(ath_device *device, size_t bytes, void **d_out)
{
    uint8_t *raw = NULL;
    size_t total;
    if (ath__add(bytes, HOST_ALIGN, &total)) {
        return ath__fail(device->ctx, ATH_E_NO_MEMORY, "host: %zu bytes are too many", bytes);
    }
    ATH__TRY(ath__alloc(device->ctx, total, 1, &raw));
    uint8_t *block = raw + HOST_ALIGN - (uintptr_t)raw % HOST_ALIGN;
    memcpy(block - sizeof raw, &raw, sizeof raw);
    *d_out = block;
    return ATH_OK;
}

static void host_free(ath_device *device, void *d_block, size_t bytes)
{
    uint8_t *raw;
    memcpy(&raw, (uint8_t *)d_block - sizeof raw, sizeof raw);
    ath__free(device->ctx, &raw, bytes + HOST_ALIGN, 1);
}

static ath_status host_stream_open(ath__stream *stream)
{
    stream->table = stream->device->table;
    stream->handle = stream->device->state; /* any value but NULL */
    return ATH_OK;
}

static void host_stream_close(ath__stream *stream)
{
    stream->handle = NULL;
}

static ath_status host_copy(ath__stream *stream, enum ath__copy_kind kind, void *to,
                            const void *from, size_t bytes)
{
    (void)stream, (void)kind;
    if (bytes > 0) {
        memmove(to, from, bytes);
    }
    return ATH_OK;
}

static ath_status host_fill(ath__stream *stream, void *d_to, int value, size_t bytes)
{
    (void)stream;
    if (bytes > 0) {
        memset(d_to, value, bytes);
    }
    return ATH_OK;
}

static ath_status host_launch(ath__stream *stream, ath__kernel kernel, const void *args,
                              size_t bytes)
{
    (void)bytes;
    stream->device->table[kernel](args, &ath__alone);
    return ATH_OK;
}

static ath_status host_wait(ath__stream *stream)
{
    (void)stream;
    return ATH_OK;
}

/* Everything has run when record is called, so that the event itself carries nothing. */
static ath_status host_record(ath__stream *stream, ath__event **event)
{
    if (*event == NULL) {
        char *mark = NULL;
        ATH__TRY(ath__alloc(stream->device->ctx, 1, 1, &mark));
        *event = (ath__event *)(void *)mark;
    }
    return ATH_OK;
}

static ath_status host_query(ath__stream *stream, ath__event *event)
{
    (void)stream, (void)event;
    return ATH_OK;
}

static void host_event_free(ath_device *device, ath__event **event)
{
    ath__free(device->ctx, event, 1, 1);
}

static ath_status host_capture_begin(ath__stream *stream)
{
    return ath__fail(stream->device->ctx, ATH_E_UNSUPPORTED,
                     "host: work runs at once, there is nothing to capture");
}

static ath_status host_capture_end(ath__stream *stream, ath__graph **graph)
{
    *graph = NULL;
    return host_capture_begin(stream);
}

static ath_status host_graph_launch(ath__stream *stream, ath__graph *graph)
{
    (void)graph;
    return host_capture_begin(stream);
}

static void host_graph_free(ath_device *device, ath__graph **graph)
{
    (void)device;
    *graph = NULL;
}

const ath__device_ops ath__device_host = {
    .abi = ATH_ABI,
    .name = "host",
    .state_size = sizeof(host_state),
    .options = host_options,
    .open = host_open,
    .close = host_close,
    .alloc = host_alloc,
    .free = host_free,
    .stream_open = host_stream_open,
    .stream_close = host_stream_close,
    .copy = host_copy,
    .fill = host_fill,
    .launch = host_launch,
    .wait = host_wait,
    .record = host_record,
    .query = host_query,
    .event_free = host_event_free,
    .capture_begin = host_capture_begin,
    .capture_end = host_capture_end,
    .graph_launch = host_graph_launch,
    .graph_free = host_graph_free,
};
