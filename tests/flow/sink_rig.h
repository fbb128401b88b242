/* What the tests of sinks share: a context whose allocations and i/o calls can be made to fail, a
 * sink from a table of our own that can be slow or fail, systems with a tag, and the kinds of sinks
 * that the checks run over.
 */
#ifndef TESTS_FLOW_SINK_RIG_H
#define TESTS_FLOW_SINK_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <athanor/extxyz.h>
#include <athanor/sink.h>

#include "base/failing.h"
#include "data/batch_private.h"
#include "data/kit.h"

enum { SINK_MAX = 64, SINK_UNDER = 8, SINK_MAX_ATOMS = 70, SINK_WHAT = 7 };

/* What goes wrong in the sinks of our own; operations count from 1, 0: never. */
typedef struct sink_faults {
    bool slow; /* every other reservation and every other write says ATH_AGAIN */
    int fail_write, fail_commit;
    int n_reserves, n_writes, n_commits;
    int64_t max_atoms; /* of all its systems together; 0: no limit */
} sink_faults;

/* The i/o calls of a context, one of which fails. */
typedef struct sink_io {
    ath_io real;
    int64_t n_calls, fail_at; /* from 1; 0: none */
    bool for_ever;            /* and all behind it */
    int n_open, n_syncs, n_directory_syncs;
} sink_io;

typedef struct sink_kind sink_kind;
typedef struct sink_rig {
    const sink_kind *kind;
    failing memory;
    sink_io io;
    ath_context *ctx;
    ath_device *host, *mock;
    ath_field_id user[KIT_FIELDS];
    uint64_t rng;
    sink_faults faults;
    ath_sink *sink;
    ath_sink *under[SINK_UNDER]; /* in the order in which they were made */
    int n_under;
    ath_system *seen[SINK_MAX]; /* what the callback took */
    int n_seen;
    char path[128];
} sink_rig;

struct sink_kind {
    const char *name;
    ath_status (*make)(sink_rig *rig, int32_t capacity); /* rig->sink, and those under it */
    bool readable;                                       /* and can be emptied */
    bool limited;                                        /* has a capacity */
    bool exact;      /* what is read carries no further fields */
    bool probed;     /* made of functions of ours, which can be slow and fail */
    bool alone;      /* a failure leaves nothing in it that was not acknowledged */
    ath_status full; /* what a full one says */
};

/* ---- i/o that fails ---- */

static bool sink_io_fails(sink_io *io)
{
    io->n_calls++;
    return io->fail_at > 0 &&
           (io->n_calls == io->fail_at || (io->for_ever && io->n_calls > io->fail_at));
}

static int sink_io_open(void *user, const char *path, int flags, int mode)
{
    sink_io *io = user;
    if (sink_io_fails(io)) {
        return -EIO;
    }
    const int fd = io->real.open(io->real.user, path, flags, mode);
    io->n_open += fd >= 0;
    return fd;
}

static int64_t sink_io_read(void *user, int fd, void *buffer, size_t bytes)
{
    sink_io *io = user;
    return sink_io_fails(io) ? -EIO : io->real.read(io->real.user, fd, buffer, bytes);
}

/* Half of it arrives before a failure. */
static int64_t sink_io_write(void *user, int fd, const void *buffer, size_t bytes)
{
    sink_io *io = user;
    if (sink_io_fails(io)) {
        (void)io->real.write(io->real.user, fd, buffer, bytes / 2);
        return -ENOSPC;
    }
    return io->real.write(io->real.user, fd, buffer, bytes);
}

static int sink_io_sync(void *user, int fd)
{
    sink_io *io = user;
    io->n_syncs++;
    return sink_io_fails(io) ? -EIO : io->real.sync(io->real.user, fd);
}

static int sink_io_close(void *user, int fd)
{
    sink_io *io = user;
    const int result = io->real.close(io->real.user, fd);
    io->n_open--;
    return sink_io_fails(io) ? -EIO : result;
}

static int sink_io_sync_directory(void *user, const char *path)
{
    sink_io *io = user;
    io->n_directory_syncs++;
    return sink_io_fails(io) ? -EIO : io->real.sync_directory(io->real.user, path);
}

/* ---- a sink of our own ---- */

typedef struct probe_state {
    int64_t capacity;
    sink_faults *faults;
    ath_system *systems[SINK_MAX];
    int64_t n, n_written, n_reserved;
    int64_t n_atoms, n_atoms_reserved;
} probe_state;

static const ath_option probe_options[] = {
    {"capacity", ATH_OPTION_INT, 0, "", "0", 0, SINK_MAX, NULL, "systems",
     offsetof(probe_state, capacity)},
    {.type = ATH_OPTION_END},
};

static ath_status probe_reserve(void *state, int64_t n_atoms)
{
    probe_state *p = state;
    if ((p->faults->slow && p->faults->n_reserves++ % 2 == 0) ||
        p->n_written + p->n_reserved >= p->capacity ||
        (p->faults->max_atoms > 0 &&
         p->n_atoms + p->n_atoms_reserved + n_atoms > p->faults->max_atoms)) {
        return ATH_AGAIN;
    }
    p->n_reserved++;
    p->n_atoms_reserved += n_atoms;
    return ATH_OK;
}

static ath_status probe_write(void *state, const ath_system *system)
{
    probe_state *p = state;
    assert_true(p->n_reserved > 0);
    if (++p->faults->n_writes == p->faults->fail_write) {
        return ATH_E_IO;
    }
    if (p->faults->slow && p->faults->n_writes % 2 == 0) {
        return ATH_AGAIN;
    }
    ATH__TRY(ath_system_clone(system, &p->systems[p->n_written]));
    p->n_written++;
    p->n_reserved--;
    p->n_atoms += ath_system_n_atoms(system);
    p->n_atoms_reserved -= ath_system_n_atoms(system);
    return ATH_OK;
}

static ath_status probe_commit(void *state)
{
    probe_state *p = state;
    if (++p->faults->n_commits == p->faults->fail_commit) {
        return ATH_E_IO;
    }
    p->n = p->n_written;
    p->n_reserved = p->n_atoms_reserved = 0;
    return ATH_OK;
}

static ath_status probe_read(void *state, int64_t index, ath_system **out)
{
    const probe_state *p = state;
    assert_in_range(index, 0, p->n - 1);
    return ath_system_clone(p->systems[index], out);
}

static ath_status probe_zero(void *state)
{
    probe_state *p = state;
    for (int64_t i = 0; i < p->n_written; i++) {
        ath_system_destroy(&p->systems[i]);
    }
    p->n = p->n_written = p->n_reserved = p->n_atoms = p->n_atoms_reserved = 0;
    return ATH_OK;
}

static void probe_extent(const void *state, int64_t *length, int64_t *capacity)
{
    const probe_state *p = state;
    *length = p->n;
    *capacity = p->capacity;
}

static void probe_fini(ath_context *ctx, void *state)
{
    (void)ctx;
    probe_zero(state);
}

static const ath_sink_ops probe_ops = {
    .abi = ATH_SINK_ABI,
    .name = "probe",
    .state_size = sizeof(probe_state),
    .options = probe_options,
    .fini = probe_fini,
    .reserve = probe_reserve,
    .write = probe_write,
    .commit = probe_commit,
    .read = probe_read,
    .zero = probe_zero,
    .extent = probe_extent,
};

static ath_status probe_make(sink_rig *rig, int32_t capacity, ath_sink **out)
{
    char options[32];
    snprintf(options, sizeof options, "capacity=%d", capacity);
    const ath_status status = ath_sink_create_from(rig->ctx, &probe_ops, options, out);
    if (status == ATH_OK) {
        ((probe_state *)ath_sink_state(*out))->faults = &rig->faults;
    }
    return status;
}

/* ---- the kinds ---- */

static ath_status sink_seen(void *user, const ath_system *system)
{
    sink_rig *rig = user;
    if (++rig->faults.n_writes == rig->faults.fail_write) {
        return ATH_E_IO;
    }
    if (rig->faults.slow && rig->faults.n_writes % 2 == 0) {
        return ATH_AGAIN;
    }
    assert_true(rig->n_seen < SINK_MAX);
    ATH__TRY(ath_system_clone(system, &rig->seen[rig->n_seen]));
    rig->n_seen++;
    return ATH_OK;
}

static ath_status sink_make_memory(sink_rig *rig, int32_t capacity)
{
    return ath_sink_memory(rig->ctx, capacity, &rig->sink);
}

static ath_status sink_make_host(sink_rig *rig, int32_t capacity)
{
    return ath_sink_device(rig->ctx, rig->host, capacity, SINK_MAX_ATOMS, &rig->sink);
}

static ath_status sink_make_mock(sink_rig *rig, int32_t capacity)
{
    return ath_sink_device(rig->ctx, rig->mock, capacity, SINK_MAX_ATOMS, &rig->sink);
}

static ath_status sink_make_file(sink_rig *rig, int32_t capacity)
{
    (void)capacity;
    return ath_sink_file(rig->ctx, rig->path, SINK_WHAT, false, false, &rig->sink);
}

static ath_status sink_make_callback(sink_rig *rig, int32_t capacity)
{
    (void)capacity;
    return ath_sink_callback(rig->ctx, sink_seen, rig, &rig->sink);
}

static ath_status sink_make_own(sink_rig *rig, int32_t capacity)
{
    return probe_make(rig, capacity, &rig->sink);
}

/* A chain over all that stand under it from `first` on; it takes their place there. */
static ath_status sink_make_chain(sink_rig *rig, int first, ath_sink_policy policy, ath_sink **out)
{
    return ath_sink_chain(rig->ctx, rig->under + first, rig->n_under - first, policy, out);
}

static ath_status sink_add_memory(sink_rig *rig, int32_t capacity)
{
    const ath_status status = ath_sink_memory(rig->ctx, capacity, &rig->under[rig->n_under]);
    rig->n_under += status == ATH_OK;
    return status;
}

static ath_status sink_add_mock(sink_rig *rig, int32_t capacity)
{
    const ath_status status =
        ath_sink_device(rig->ctx, rig->mock, capacity, SINK_MAX_ATOMS, &rig->under[rig->n_under]);
    rig->n_under += status == ATH_OK;
    return status;
}

static ath_status sink_add_own(sink_rig *rig, int32_t capacity)
{
    const ath_status status = probe_make(rig, capacity, &rig->under[rig->n_under]);
    rig->n_under += status == ATH_OK;
    return status;
}

static ath_status sink_make_block(sink_rig *rig, int32_t capacity)
{
    ATH__TRY(sink_add_memory(rig, capacity));
    ATH__TRY(sink_add_memory(rig, 2)); /* never reached */
    return sink_make_chain(rig, 0, ATH_SINK_BLOCK, &rig->sink);
}

static ath_status sink_make_spill(sink_rig *rig, int32_t capacity)
{
    ATH__TRY(sink_add_memory(rig, capacity / 2));
    ATH__TRY(sink_add_mock(rig, capacity - capacity / 2));
    return sink_make_chain(rig, 0, ATH_SINK_SPILL, &rig->sink);
}

static ath_status sink_make_fail(sink_rig *rig, int32_t capacity)
{
    ATH__TRY(sink_add_mock(rig, capacity));
    ATH__TRY(sink_add_memory(rig, 2)); /* never reached */
    return sink_make_chain(rig, 0, ATH_SINK_FAIL, &rig->sink);
}

static ath_status sink_make_own_block(sink_rig *rig, int32_t capacity)
{
    ATH__TRY(sink_add_own(rig, capacity));
    return sink_make_chain(rig, 0, ATH_SINK_BLOCK, &rig->sink);
}

static ath_status sink_make_own_spill(sink_rig *rig, int32_t capacity)
{
    ATH__TRY(sink_add_own(rig, capacity / 2));
    ATH__TRY(sink_add_own(rig, capacity - capacity / 2));
    return sink_make_chain(rig, 0, ATH_SINK_SPILL, &rig->sink);
}

/* spill: block of one of our own, then spill of one of our own and host memory */
static ath_status sink_make_nested(sink_rig *rig, int32_t capacity)
{
    ath_sink *chains[2];
    ATH__TRY(sink_add_own(rig, capacity / 3));
    ATH__TRY(sink_make_chain(rig, 0, ATH_SINK_BLOCK, &rig->under[1]));
    chains[0] = rig->under[rig->n_under++];
    ATH__TRY(sink_add_own(rig, capacity / 3));
    ATH__TRY(sink_add_memory(rig, capacity - 2 * (capacity / 3)));
    ATH__TRY(sink_make_chain(rig, 2, ATH_SINK_SPILL, &rig->under[4]));
    chains[1] = rig->under[rig->n_under++];
    return ath_sink_chain(rig->ctx, chains, 2, ATH_SINK_SPILL, &rig->sink);
}

static const sink_kind sink_kinds[] = {
    {"memory", sink_make_memory, true, true, true, false, true, ATH_AGAIN},
    {"device on host", sink_make_host, true, true, false, false, true, ATH_AGAIN},
    {"device on mock", sink_make_mock, true, true, false, false, true, ATH_AGAIN},
    {"file", sink_make_file, false, false, false, false, true, ATH_AGAIN},
    {"callback", sink_make_callback, false, false, true, true, true, ATH_AGAIN},
    {"block", sink_make_block, true, true, true, false, true, ATH_AGAIN},
    {"spill", sink_make_spill, true, true, false, false, true, ATH_AGAIN},
    {"fail", sink_make_fail, true, true, false, false, true, ATH_E_STATE},
    {"own", sink_make_own, true, true, true, true, true, ATH_AGAIN},
    {"own block", sink_make_own_block, true, true, true, true, true, ATH_AGAIN},
    {"own spill", sink_make_own_spill, true, true, true, true, false, ATH_AGAIN},
    {"nested", sink_make_nested, true, true, true, true, false, ATH_AGAIN},
};
enum { SINK_KINDS = sizeof sink_kinds / sizeof *sink_kinds };

/* ---- setting up ---- */

/* state comes as the kind. */
static int sink_set_up(void **state)
{
    sink_rig *rig = calloc(1, sizeof *rig);
    if (!rig) {
        return -1;
    }
    rig->kind = *state;
    *state = rig;
    rig->rng = 11;
    ath_context_config config = failing_config(&rig->memory);
    if (ath_context_create(&config, &rig->ctx) != ATH_OK ||
        ath_device_open(rig->ctx, "host", &rig->host) != ATH_OK ||
        ath_device_open(rig->ctx, "mock", &rig->mock) != ATH_OK) {
        return -1;
    }
    rig->io.real = rig->ctx->config.io;
    ath_io *io = &rig->ctx->config.io;
    io->user = &rig->io;
    io->open = sink_io_open;
    io->read = sink_io_read;
    io->write = sink_io_write;
    io->sync = sink_io_sync;
    io->close = sink_io_close;
    io->sync_directory = sink_io_sync_directory;
    kit_register(rig->ctx, rig->user);
    snprintf(rig->path, sizeof rig->path, "/tmp/athanor_%ld_sink.xyz", (long)getpid());
    return 0;
}

/* The sink, those under it and what it left. */
static void sink_shut(sink_rig *rig)
{
    ath_sink_destroy(&rig->sink);
    while (rig->n_under > 0) {
        ath_sink_destroy(&rig->under[--rig->n_under]);
    }
    while (rig->n_seen > 0) {
        ath_system_destroy(&rig->seen[--rig->n_seen]);
    }
    unlink(rig->path);
    memset(&rig->faults, 0, sizeof rig->faults);
}

static int sink_tear_down(void **state)
{
    sink_rig *rig = *state;
    sink_shut(rig);
    ath_device_close(&rig->mock);
    ath_device_close(&rig->host);
    rig->ctx->config.io = rig->io.real;
    ath_context_destroy(&rig->ctx);
    const bool clean = rig->memory.n_blocks == 0 && rig->memory.n_wrong == 0 && rig->io.n_open == 0;
    free(rig);
    return clean ? 0 : -1;
}

static void sink_open(sink_rig *rig, int32_t capacity)
{
    assert_int_equal(rig->kind->make(rig, capacity), ATH_OK);
    assert_non_null(rig->sink);
}

/* ---- systems with a tag ---- */

static ath_system *sink_tagged(sink_rig *rig, int32_t n_atoms, int64_t tag)
{
    ath_system *system = NULL;
    void *rows = NULL;
    char id[32];
    const ath_extra extra = {"tag", ATH_LEVEL_SYSTEM, ATH_EXTRA_INT, 1, 0, &tag};
    assert_int_equal(ath_system_create(rig->ctx, n_atoms, &system), ATH_OK);
    assert_int_equal(ath_system_field(system, ATH_FIELD_POSITIONS, &rows), ATH_OK);
    for (int32_t i = 0; i < 3 * n_atoms; i++) {
        ((double *)rows)[i] = kit_real(&rig->rng);
    }
    assert_int_equal(ath_system_field(system, ATH_FIELD_NUMBERS, &rows), ATH_OK);
    for (int32_t i = 0; i < n_atoms; i++) {
        ((int32_t *)rows)[i] = 29;
    }
    assert_int_equal(ath_system_set_extra(system, &extra), ATH_OK);
    snprintf(id, sizeof id, "%lld", (long long)tag);
    ath_system_set_uid(system, ath_uid_of_text(id));
    return system;
}

static int64_t sink_tag(const ath_system *system)
{
    ath_extra extra;
    assert_int_equal(ath_system_find_extra(system, ATH_LEVEL_SYSTEM, "tag", &extra), ATH_OK);
    assert_int_equal(extra.type, ATH_EXTRA_INT);
    return *(const int64_t *)extra.values;
}

/* Systems with the tags first, first + 1, ...; sizes NULL: 1, 2, ... atoms. */
static ath_batch *sink_batch(sink_rig *rig, int32_t n, int64_t first, const int32_t *sizes)
{
    ath_batch *batch = NULL;
    const ath_batch_config config = {.size = sizeof config, .device = rig->host};
    assert_int_equal(ath_batch_create(rig->ctx, &config, &batch), ATH_OK);
    for (int32_t i = 0; i < n; i++) {
        ath_system *system = sink_tagged(rig, sizes ? sizes[i] : 1 + i, first + i);
        assert_int_equal(ath_batch_add(batch, system), ATH_OK);
        ath_system_destroy(&system);
    }
    return batch;
}

static ath_status sink_put_tag(sink_rig *rig, int64_t tag)
{
    ath_system *system = sink_tagged(rig, 2, tag);
    const ath_status status = ath_sink_put(rig->sink, system);
    ath_system_destroy(&system);
    return status;
}

/* ---- looking into it ---- */

/* Frames of the file. */
static int64_t sink_frames(const sink_rig *rig, ath_system **systems)
{
    ath_extxyz_reader *reader = NULL;
    int64_t n = 0;
    ath_status status = ath_extxyz_open(rig->ctx, rig->path, &reader);
    assert_int_equal(status, ATH_OK);
    for (;;) {
        ath_system *system = NULL;
        status = ath_extxyz_next(reader, &system);
        if (status != ATH_OK) {
            break; /* the end, or a frame torn by a failure */
        }
        assert_true(n < SINK_MAX);
        systems[n++] = system;
    }
    ath_extxyz_close(&reader);
    return n;
}

/* Copies of everything in it, in order; to be destroyed by the caller. */
static int64_t sink_look(const sink_rig *rig, ath_system *systems[SINK_MAX])
{
    if (!strcmp(rig->kind->name, "file")) {
        return sink_frames(rig, systems);
    }
    int64_t n = rig->kind->readable ? ath_sink_length(rig->sink) : rig->n_seen;
    for (int64_t i = 0; i < n; i++) {
        systems[i] = NULL;
        assert_int_equal(rig->kind->readable ? ath_sink_read(rig->sink, i, &systems[i])
                                             : ath_system_clone(rig->seen[i], &systems[i]),
                         ATH_OK);
    }
    return n;
}

/* The tags of everything in it. */
static int64_t sink_tags(const sink_rig *rig, int64_t tags[SINK_MAX])
{
    ath_system *systems[SINK_MAX];
    const int64_t n = sink_look(rig, systems);
    for (int64_t i = 0; i < n; i++) {
        tags[i] = sink_tag(systems[i]);
        ath_system_destroy(&systems[i]);
    }
    return n;
}

static void sink_expect(const sink_rig *rig, int64_t n, const int64_t *expected)
{
    int64_t tags[SINK_MAX];
    assert_int_equal(sink_tags(rig, tags), n);
    for (int64_t i = 0; i < n; i++) {
        assert_int_equal(tags[i], expected[i]);
    }
    assert_int_equal(ath_sink_length(rig->sink), n);
}

#define SINK_EXPECT(rig, ...)                                                                      \
    sink_expect(rig, (int64_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),                \
                (int64_t[]){__VA_ARGS__})

#endif
