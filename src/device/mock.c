/* The mock device: the processor behaving like a GPU, to keep the device path honest without one.
 *
 * Memory. Each block is a memfd mapped twice: the first mapping, whose addresses are the device
 * pointers, allows no access; kernels and copies use the second. So a host dereference of a device
 * pointer is a segmentation fault. A block ends (to 256 bytes) where its pages end, and an unmapped
 * page follows: a kernel that leaves its array faults as well. Freed memory is unmapped.
 *
 * Time. Launches, copies and fills are put into the queue of their stream and run late, in order,
 * when somebody waits for the stream or the device, or asks an event for the second time (the first
 * query after a record says ATH_AGAIN, as a busy GPU would). Args are copied at the launch; host
 * memory of a copy is read or written when the copy runs, and so must stay as it is until then, as
 * with a truly asynchronous copy. Streams are not ordered against one another.
 *
 * Checks. When a kernel runs, each of the leading pointers of its args (kernels.def) must be NULL
 * or lie in a block, and so must both ends of device ranges of copies; otherwise the stream's queue
 * is dropped and the wait is ATH_E_DEVICE, naming kernel and pointer. While a stream is captured,
 * nothing of it may be waited for.
 *
 * Kernels are the host's, of the best instruction set. Not here: time measured, several devices,
 * threads (a mock device serves the thread of its context).
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "device/host.h"

enum { MOCK_ALIGN = 256, MOCK_ARGS_ALIGN = 16 };

/* One block. Device addresses are [device, device + bytes). */
typedef struct mock_arena {
    uint8_t *device; /* of the block, in the mapping that allows no access */
    uint8_t *shadow; /* the same bytes, where they can be used */
    size_t bytes;    /* asked for */
    size_t mapped;   /* bytes of each mapping, whole pages */
} mock_arena;

typedef enum mock_kind { MOCK_LAUNCH, MOCK_COPY, MOCK_FILL, MOCK_MARK } mock_kind;

typedef struct mock_op {
    mock_kind kind;
    int32_t detail; /* kernel, direction of a copy, or byte of a fill */
    void *to;
    const void *from;
    size_t bytes; /* of the copy, the fill or the args */
    size_t args;  /* launch: offset of the args */
    uint64_t tag; /* mark: number of the event's record */
} mock_op;

struct ath__graph {
    mock_op *ops;
    size_t n_ops, max_ops;
    ath__bytes args;
};

typedef struct mock_queue {
    struct ath__graph work;     /* enqueued, not yet run */
    struct ath__graph *capture; /* where new work goes instead, if not NULL */
    uint64_t n_recorded, n_passed;
    struct mock_queue *next;
} mock_queue;

struct ath__event {
    uint64_t tag;
    bool asked;
};

typedef struct mock_state {
    int64_t kernels;    /* 1: only those that have a CUDA twin */
    mock_arena *arenas; /* by ascending device address */
    size_t n_arenas, max_arenas;
    mock_queue *queues; /* open streams */
    size_t page;
} mock_state;

static const int mock_n_pointers[ATH__N_KERNELS] = {
#define ATH__KERNEL(id, name, n_pointers, who) [ATH_K_##id] = (n_pointers),
#include "device/kernels.def"
#undef ATH__KERNEL
};
static const char *const mock_twins[] = {
#define ATH__CUDA_KERNEL(name) #name,
#include "device/cuda_kernels.def"
#undef ATH__CUDA_KERNEL
};

static const ath_option mock_options[] = {
    {.name = "kernels",
     .type = ATH_OPTION_CHOICE,
     .unit = "",
     .fallback = "all",
     .choices = "all|cuda",
     .help = "which kernels it has: all, or those that have a CUDA twin",
     .offset = offsetof(mock_state, kernels)},
    {.type = ATH_OPTION_END},
};

/* ---- memory ---- */

/* Index of the first arena whose base lies beyond the address. */
static size_t mock_above(const mock_state *state, const void *address)
{
    size_t lo = 0, hi = state->n_arenas;
    while (lo < hi) {
        const size_t mid = lo + (hi - lo) / 2;
        if ((uintptr_t)state->arenas[mid].device > (uintptr_t)address) {
            hi = mid;
        } else {
            lo = mid + 1;
        }
    }
    return lo;
}

/* Where the bytes at a device address can be used; NULL if they do not all lie in one block. */
static void *mock_translate(const mock_state *state, const void *address, size_t bytes)
{
    const size_t above = mock_above(state, address);
    if (above == 0) {
        return NULL;
    }
    const mock_arena *arena = &state->arenas[above - 1];
    const size_t offset = (uintptr_t)address - (uintptr_t)arena->device;
    if (offset >= arena->bytes || bytes > arena->bytes - offset) {
        return NULL;
    }
    return arena->shadow + offset;
}

/* Reserves pages with one more on either side that stays out of reach, and maps the file into the
 * middle. */
static uint8_t *mock_map(int fd, size_t mapped, size_t page, int protection)
{
    uint8_t *base = mmap(NULL, mapped + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) {
        return NULL;
    }
    if (mmap(base + page, mapped, protection, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED) {
        munmap(base, mapped + 2 * page);
        return NULL;
    }
    return base + page;
}

static void mock_unmap(uint8_t *mapping, size_t mapped, size_t page)
{
    if (mapping) {
        munmap(mapping - page, mapped + 2 * page);
    }
}

/* Makes the two mappings of one block; the block stands at their end. */
static ath_status mock_arena_open(ath_context *ctx, size_t bytes, size_t page, mock_arena *arena)
{
    size_t rounded;
    if (ath__add(bytes, page + MOCK_ALIGN, &rounded) || rounded > SIZE_MAX / 4) {
        return ath__fail(ctx, ATH_E_NO_MEMORY, "mock: %zu bytes are too many", bytes);
    }
    const size_t whole = (bytes + MOCK_ALIGN - 1) / MOCK_ALIGN * MOCK_ALIGN;
    const size_t mapped = (whole + page - 1) / page * page;
    const int fd = memfd_create("athanor-mock", MFD_CLOEXEC);
    uint8_t *device = NULL, *shadow = NULL;
    if (fd >= 0 && ftruncate(fd, (off_t)mapped) == 0) {
        device = mock_map(fd, mapped, page, PROT_NONE);
        shadow = device ? mock_map(fd, mapped, page, PROT_READ | PROT_WRITE) : NULL;
    }
    if (fd >= 0) {
        close(fd);
    }
    if (shadow == NULL) {
        mock_unmap(device, mapped, page);
        return ath__fail(ctx, ATH_E_NO_MEMORY, "mock: no room for %zu bytes", bytes);
    }
    *arena = (mock_arena){.device = device + (mapped - whole),
                          .shadow = shadow + (mapped - whole),
                          .bytes = bytes,
                          .mapped = mapped};
    return ATH_OK;
}

static void mock_arena_close(const mock_arena *arena, size_t page)
{
    const size_t whole = (arena->bytes + MOCK_ALIGN - 1) / MOCK_ALIGN * MOCK_ALIGN;
    mock_unmap(arena->device - (arena->mapped - whole), arena->mapped, page);
    mock_unmap(arena->shadow - (arena->mapped - whole), arena->mapped, page);
}

static ath_status mock_alloc(ath_device *device, size_t bytes, void **d_out)
{
    mock_state *state = device->state;
    mock_arena arena;
    void *budget = NULL;
    /* The blocks themselves come from the kernel; asking the allocator as well lets it say no. */
    ATH__TRY(ath__alloc(device->ctx, 1, 1, &budget));
    ath__free(device->ctx, &budget, 1, 1);
    if (state->n_arenas == state->max_arenas) {
        const size_t more = state->max_arenas ? 2 * state->max_arenas : 64;
        ATH__TRY(ath__resize(device->ctx, &state->arenas, state->max_arenas, more, sizeof arena));
        state->max_arenas = more;
    }
    ATH__TRY(mock_arena_open(device->ctx, bytes, state->page, &arena));
    const size_t at = mock_above(state, arena.device);
    memmove(state->arenas + at + 1, state->arenas + at, (state->n_arenas - at) * sizeof arena);
    state->arenas[at] = arena;
    state->n_arenas++;
    *d_out = arena.device;
    return ATH_OK;
}

static void mock_free(ath_device *device, void *d_block, size_t bytes)
{
    mock_state *state = device->state;
    const size_t above = mock_above(state, d_block);
    (void)bytes;
    if (above == 0 || state->arenas[above - 1].device != d_block) {
        ath__log(device->ctx, ATH_LOG_ERROR, "device", "mock: free of %p, which is no block",
                 d_block);
        return;
    }
    mock_arena_close(&state->arenas[above - 1], state->page);
    memmove(state->arenas + above - 1, state->arenas + above,
            (state->n_arenas - above) * sizeof state->arenas[0]);
    state->n_arenas--;
}

/* ---- running ---- */

static ath_status mock_run_launch(ath_device *device, const mock_op *op, uint8_t *args)
{
    const mock_state *state = device->state;
    const int n = mock_n_pointers[op->detail];
    for (int i = 0; i < n; i++) {
        void *pointer;
        memcpy(&pointer, args + (size_t)i * sizeof pointer, sizeof pointer);
        if (pointer == NULL) {
            continue;
        }
        void *shadow = mock_translate(state, pointer, 1);
        if (shadow == NULL) {
            return ath__fail(device->ctx, ATH_E_DEVICE,
                             "mock: kernel %s: pointer %d of its args (%p) is not device memory",
                             ath__kernel_name((ath__kernel)op->detail), i, pointer);
        }
        memcpy(args + (size_t)i * sizeof pointer, &shadow, sizeof shadow);
    }
    device->table[op->detail](args, &ath__alone);
    return ATH_OK;
}

static ath_status mock_run_copy(ath_device *device, const mock_op *op)
{
    const mock_state *state = device->state;
    void *to = op->to;
    const void *from = op->from;
    if (op->detail != ATH__TO_HOST) {
        to = mock_translate(state, op->to, op->bytes);
    }
    if (op->detail != ATH__TO_DEVICE) {
        from = mock_translate(state, op->from, op->bytes);
    }
    if (to == NULL || from == NULL) {
        return ath__fail(device->ctx, ATH_E_DEVICE,
                         "mock: copy of %zu bytes %s %p, which do not lie in device memory",
                         op->bytes, to == NULL ? "to" : "from", to == NULL ? op->to : op->from);
    }
    memmove(to, from, op->bytes);
    return ATH_OK;
}

static ath_status mock_run_fill(ath_device *device, const mock_op *op)
{
    void *to = mock_translate(device->state, op->to, op->bytes);
    if (to == NULL) {
        return ath__fail(device->ctx, ATH_E_DEVICE,
                         "mock: fill of %zu bytes at %p, which do not lie in device memory",
                         op->bytes, op->to);
    }
    memset(to, op->detail, op->bytes);
    return ATH_OK;
}

/* Runs all that is enqueued. After a failure the rest is dropped; the queue is empty in any case.
 */
static ath_status mock_run(ath_device *device, mock_queue *queue)
{
    ath_status s = ATH_OK;
    for (size_t i = 0; i < queue->work.n_ops && s == ATH_OK; i++) {
        const mock_op *op = &queue->work.ops[i];
        switch (op->kind) {
        case MOCK_LAUNCH:
            s = mock_run_launch(device, op, queue->work.args.data + op->args);
            break;
        case MOCK_COPY:
            s = mock_run_copy(device, op);
            break;
        case MOCK_FILL:
            s = mock_run_fill(device, op);
            break;
        case MOCK_MARK:
            break;
        }
    }
    queue->n_passed = queue->n_recorded;
    queue->work.n_ops = 0;
    queue->work.args.size = 0;
    return s;
}

/* ---- enqueuing ---- */

static ath_status mock_push(ath_context *ctx, struct ath__graph *work, const mock_op *op,
                            const void *args)
{
    mock_op stored = *op;
    if (work->n_ops == work->max_ops) {
        const size_t more = work->max_ops ? 2 * work->max_ops : 64;
        ATH__TRY(ath__resize(ctx, &work->ops, work->max_ops, more, sizeof *work->ops));
        work->max_ops = more;
    }
    if (op->kind == MOCK_LAUNCH) {
        static const uint8_t padding[MOCK_ARGS_ALIGN];
        const size_t rest = work->args.size % MOCK_ARGS_ALIGN;
        ATH__TRY(ath__bytes_reserve(ctx, &work->args, op->bytes + MOCK_ARGS_ALIGN));
        ATH__TRY(ath__bytes_append(ctx, &work->args, padding, rest ? MOCK_ARGS_ALIGN - rest : 0));
        stored.args = work->args.size;
        ATH__TRY(ath__bytes_append(ctx, &work->args, args, op->bytes));
    }
    work->ops[work->n_ops++] = stored;
    return ATH_OK;
}

static ath_status mock_enqueue(ath__stream *stream, const mock_op *op, const void *args)
{
    mock_queue *queue = stream->handle;
    return mock_push(stream->device->ctx, queue->capture ? queue->capture : &queue->work, op, args);
}

static ath_status mock_copy(ath__stream *stream, enum ath__copy_kind kind, void *to,
                            const void *from, size_t bytes)
{
    const mock_op op = {
        .kind = MOCK_COPY, .detail = (int32_t)kind, .to = to, .from = from, .bytes = bytes};
    return bytes ? mock_enqueue(stream, &op, NULL) : ATH_OK;
}

static ath_status mock_fill(ath__stream *stream, void *d_to, int value, size_t bytes)
{
    const mock_op op = {.kind = MOCK_FILL, .detail = value, .to = d_to, .bytes = bytes};
    return bytes ? mock_enqueue(stream, &op, NULL) : ATH_OK;
}

static bool mock_has_kernel(const ath_device *device, ath__kernel kernel)
{
    const mock_state *state = device->state;
    bool found = state->kernels == 0;
    for (size_t i = 0; i < sizeof mock_twins / sizeof *mock_twins && !found; i++) {
        found = strcmp(mock_twins[i], ath__kernel_name(kernel)) == 0;
    }
    return found;
}

static ath_status mock_launch(ath__stream *stream, ath__kernel kernel, const void *args,
                              size_t bytes)
{
    const mock_op op = {.kind = MOCK_LAUNCH, .detail = (int32_t)kernel, .bytes = bytes};
    if ((uint32_t)kernel >= ATH__N_KERNELS ||
        bytes < (size_t)mock_n_pointers[kernel] * sizeof(void *)) {
        return ath__fail(stream->device->ctx, ATH_E_DEVICE,
                         "mock: launch of kernel %d with %zu bytes of args", (int)kernel, bytes);
    }
    if (!mock_has_kernel(stream->device, kernel)) {
        return ath__fail(stream->device->ctx, ATH_E_UNSUPPORTED, "%s: kernel '%s' has no CUDA twin",
                         stream->device->name, ath__kernel_name(kernel));
    }
    return mock_enqueue(stream, &op, args);
}

static ath_status mock_refuse_capture(ath__stream *stream, const char *what)
{
    const mock_queue *queue = stream->handle;
    if (queue->capture) {
        return ath__fail(stream->device->ctx, ATH_E_DEVICE, "mock: %s while the stream is captured",
                         what);
    }
    return ATH_OK;
}

static ath_status mock_wait(ath__stream *stream)
{
    mock_state *state = stream->device->state;
    ath_status first = ATH_OK;
    if (stream->handle) {
        ATH__TRY(mock_refuse_capture(stream, "wait"));
        return mock_run(stream->device, stream->handle);
    }
    for (mock_queue *queue = state->queues; queue; queue = queue->next) {
        const ath_status s = mock_run(stream->device, queue);
        first = first == ATH_OK ? s : first;
    }
    return first;
}

/* ---- streams, events, graphs ---- */

static ath_status mock_stream_open(ath__stream *stream)
{
    mock_state *state = stream->device->state;
    mock_queue *queue = NULL;
    ATH__TRY(ath__alloc(stream->device->ctx, 1, sizeof *queue, &queue));
    queue->next = state->queues;
    state->queues = queue;
    stream->handle = queue;
    stream->table = NULL;
    return ATH_OK;
}

static void mock_graph_clear(ath_context *ctx, struct ath__graph *graph)
{
    ath__free(ctx, &graph->ops, graph->max_ops, sizeof *graph->ops);
    ath__bytes_free(ctx, &graph->args);
    *graph = (struct ath__graph){0};
}

static void mock_graph_free(ath_device *device, ath__graph **graph)
{
    if (*graph) {
        mock_graph_clear(device->ctx, *graph);
        ath__free(device->ctx, graph, 1, sizeof **graph);
    }
}

/* Work that nobody has waited for is run, as on a GPU, where closing waits. */
static void mock_stream_close(ath__stream *stream)
{
    mock_state *state = stream->device->state;
    ath_context *ctx = stream->device->ctx;
    mock_queue *queue = stream->handle;
    mock_queue **link = &state->queues;
    if (mock_run(stream->device, queue) != ATH_OK) {
        ath__log(ctx, ATH_LOG_ERROR, "device", "%s", ath_context_message(ctx));
    }
    while (*link != queue) {
        link = &(*link)->next;
    }
    *link = queue->next;
    mock_graph_free(stream->device, &queue->capture);
    mock_graph_clear(ctx, &queue->work);
    ath__free(ctx, &queue, 1, sizeof *queue);
    stream->handle = NULL;
}

static ath_status mock_record(ath__stream *stream, ath__event **event)
{
    mock_queue *queue = stream->handle;
    const mock_op op = {.kind = MOCK_MARK, .tag = queue->n_recorded + 1};
    ATH__TRY(mock_refuse_capture(stream, "record of an event"));
    ATH__TRY(mock_push(stream->device->ctx, &queue->work, &op, NULL));
    if (*event == NULL) {
        const ath_status s = ath__alloc(stream->device->ctx, 1, sizeof **event, event);
        if (s != ATH_OK) {
            queue->work.n_ops--;
            return s;
        }
    }
    queue->n_recorded++;
    **event = (struct ath__event){.tag = op.tag};
    return ATH_OK;
}

static ath_status mock_query(ath__stream *stream, ath__event *event)
{
    mock_queue *queue = stream->handle;
    ATH__TRY(mock_refuse_capture(stream, "query"));
    if (event->tag <= queue->n_passed) {
        return ATH_OK;
    }
    if (!event->asked) {
        event->asked = true;
        return ATH_AGAIN;
    }
    return mock_run(stream->device, queue);
}

static void mock_event_free(ath_device *device, ath__event **event)
{
    ath__free(device->ctx, event, 1, sizeof **event);
}

static ath_status mock_capture_begin(ath__stream *stream)
{
    mock_queue *queue = stream->handle;
    ATH__TRY(mock_refuse_capture(stream, "begin of a capture"));
    return ath__alloc(stream->device->ctx, 1, sizeof *queue->capture, &queue->capture);
}

static ath_status mock_capture_end(ath__stream *stream, ath__graph **graph)
{
    mock_queue *queue = stream->handle;
    *graph = queue->capture;
    queue->capture = NULL;
    if (*graph == NULL) {
        return ath__fail(stream->device->ctx, ATH_E_DEVICE, "mock: end of a capture not begun");
    }
    return ATH_OK;
}

static ath_status mock_graph_launch(ath__stream *stream, ath__graph *graph)
{
    mock_queue *queue = stream->handle;
    const size_t n_ops = queue->work.n_ops, n_args = queue->work.args.size;
    ATH__TRY(mock_refuse_capture(stream, "launch of a graph"));
    for (size_t i = 0; i < graph->n_ops; i++) {
        const mock_op *op = &graph->ops[i];
        const void *args = op->kind == MOCK_LAUNCH ? graph->args.data + op->args : NULL;
        const ath_status s = mock_push(stream->device->ctx, &queue->work, op, args);
        if (s != ATH_OK) { /* all or nothing */
            queue->work.n_ops = n_ops;
            queue->work.args.size = n_args;
            return s;
        }
    }
    return ATH_OK;
}

/* ---- the device ---- */

static ath_status mock_open(ath_device *device, int32_t index)
{
    mock_state *state = device->state;
    int64_t isa = ATH__ISA_BEST;
    (void)index; /* every mock is a device of its own */
    state->page = (size_t)sysconf(_SC_PAGESIZE);
    return ath__host_table(device->ctx, &isa, &device->table);
}

static void mock_close(ath_device *device)
{
    mock_state *state = device->state;
    while (state->n_arenas > 0) {
        mock_arena_close(&state->arenas[--state->n_arenas], state->page);
    }
    ath__free(device->ctx, &state->arenas, state->max_arenas, sizeof *state->arenas);
}

const ath__device_ops ath__device_mock = {
    .abi = ATH_ABI,
    .name = "mock",
    .state_size = sizeof(mock_state),
    .options = mock_options,
    .open = mock_open,
    .close = mock_close,
    .alloc = mock_alloc,
    .free = mock_free,
    .stream_open = mock_stream_open,
    .stream_close = mock_stream_close,
    .copy = mock_copy,
    .fill = mock_fill,
    .launch = mock_launch,
    .wait = mock_wait,
    .record = mock_record,
    .query = mock_query,
    .event_free = mock_event_free,
    .capture_begin = mock_capture_begin,
    .capture_end = mock_capture_end,
    .graph_launch = mock_graph_launch,
    .graph_free = mock_graph_free,
    .has_kernel = mock_has_kernel,
};
