/* Sinks: the checks of sink_checks.h over every kind, then what only some have: rooms that depend
 * on size, chains, files that are there already, tables that are wrong; and every allocation and
 * every i/o call failing in turn.
 */
#include "flow/sink_checks.h"

#include "flow/extxyz_rig.h"

/* ---- every allocation ---- */

/* Uses all of a sink; what is acknowledged to `out`. */
static ath_status story_of_memory(sink_rig *rig, const ath_batch *batch, const ath_system *system,
                                  int64_t *n, int64_t out[SINK_MAX])
{
    uint8_t taken[3];
    ath_system *read = NULL;
    ath_batch *all = NULL;
    ath_status status = rig->kind->make(rig, 9);
    if (status != ATH_OK) {
        assert_null(rig->sink);
        return status;
    }
    status = ath_sink_put(rig->sink, system);
    if (status == ATH_OK) {
        out[(*n)++] = 77;
    }
    const ath_status written = ath_sink_write(rig->sink, batch, NULL, taken);
    for (int64_t i = 0; i < 3; i++) {
        if (taken[i]) {
            out[(*n)++] = i;
        }
    }
    status = status == ATH_OK ? written : status;
    if (status == ATH_OK && rig->kind->readable) {
        status = ath_sink_read(rig->sink, 1, &read);
        assert_int_equal(status == ATH_OK, read != NULL);
    }
    if (status == ATH_OK && rig->kind->readable) {
        status = ath_sink_read_all(rig->sink, rig->mock, &all);
        assert_int_equal(status == ATH_OK, all != NULL);
    }
    ath_system_destroy(&read);
    ath_batch_destroy(&all);
    return status;
}

static void test_allocations(void **state)
{
    sink_rig *rig = *state;
    ath_system *system = sink_tagged(rig, 40, 77);
    ath_batch *batch = sink_batch(rig, 3, 0, NULL);
    for (int64_t at = 1;; at++) {
        int64_t acknowledged[SINK_MAX], n = 0;
        rig->memory.n_calls = 0;
        rig->memory.fail_at = at;
        const ath_status status = story_of_memory(rig, batch, system, &n, acknowledged);
        const bool failed = rig->memory.n_calls >= at;
        rig->memory.fail_at = 0;
        if (rig->sink) {
            sink_expect_acknowledged(rig, n, acknowledged);
        }
        sink_shut(rig);
        if (!failed) {
            assert_int_equal(status, ATH_OK);
            assert_int_equal(n, 4);
            assert_true(at > 5);
            break;
        }
        assert_true(status == ATH_E_NO_MEMORY || status == ATH_E_STATE);
    }
    ath_batch_destroy(&batch);
    ath_system_destroy(&system);
}

/* ---- every i/o call, over files ---- */

static void test_io(void **state)
{
    static const char before[] = "1\nProperties=species:S:1:pos:R:3 tag=500\nH 0 0 0\n";
    sink_rig *rig = *state;
    for (int mode = 0; mode < 4; mode++) { /* bit 0: new or append; bit 1: once or for ever */
        for (int64_t at = 1;; at++) {
            int64_t acknowledged[SINK_MAX], n = 0, tags[SINK_MAX];
            const bool append = mode & 1;
            if (append) {
                rig_put_file(rig->path, before, sizeof before - 1);
            }
            rig->io.n_calls = 0;
            rig->io.fail_at = at;
            rig->io.for_ever = mode & 2;
            const ath_status status =
                ath_sink_file(rig->ctx, rig->path, SINK_WHAT, append, true, &rig->sink);
            bool good = status == ATH_OK;
            if (!good) {
                assert_null(rig->sink);
                assert_int_equal(status, ATH_E_IO);
                assert_non_null(strstr(ath_context_message(rig->ctx), "sink.xyz"));
            } else {
                good = sink_story(rig, &n, acknowledged);
                if (!good) {
                    assert_non_null(strstr(ath_context_message(rig->ctx), "sink.xyz"));
                    sink_expect_dead(rig);
                }
                assert_int_equal(ath_sink_length(rig->sink), n);
            }
            ath_sink_destroy(&rig->sink);
            const bool done = rig->io.n_calls < at;
            rig->io.fail_at = 0;
            /* What stood there and what was acknowledged stands at the front, in order. */
            const int64_t n_tags = access(rig->path, F_OK) == 0 ? sink_tags(rig, tags) : 0;
            assert_true(n_tags >= n + append);
            if (append) {
                assert_int_equal(tags[0], 500);
            }
            for (int64_t i = 0; i < n; i++) {
                assert_int_equal(tags[i + append], acknowledged[i]);
            }
            sink_shut(rig);
            if (done) {
                assert_true(good && at > 6);
                assert_int_equal(n_tags, 7 + append);
                break;
            }
        }
    }
}

static void test_append(void **state)
{
    sink_rig *rig = *state;
    sink_open(rig, 0);
    assert_int_equal(sink_put_tag(rig, 1), ATH_OK);
    ath_sink_destroy(&rig->sink);
    assert_int_equal(ath_sink_file(rig->ctx, rig->path, SINK_WHAT, false, false, &rig->sink),
                     ATH_E_EXISTS);
    assert_null(rig->sink);
    for (int64_t tag = 2; tag < 4; tag++) {
        int64_t tags[SINK_MAX];
        assert_int_equal(ath_sink_file(rig->ctx, rig->path, SINK_WHAT, true, false, &rig->sink),
                         ATH_OK);
        assert_int_equal(sink_put_tag(rig, tag), ATH_OK);
        assert_int_equal(ath_sink_length(rig->sink), 1); /* those of before do not count */
        assert_int_equal(sink_tags(rig, tags), tag);
        assert_int_equal(tags[tag - 1], tag);
        ath_sink_destroy(&rig->sink);
    }
    size_t n = 0, n_after = 0;
    char *text = rig_get_file(rig->path, &n);
    rig_put_file(rig->path, text, n - 1); /* without its last newline */
    assert_int_equal(ath_sink_file(rig->ctx, rig->path, SINK_WHAT, true, false, &rig->sink),
                     ATH_E_FORMAT);
    assert_non_null(strstr(ath_context_message(rig->ctx), rig->path));
    assert_null(rig->sink);
    char *after = rig_get_file(rig->path, &n_after);
    assert_int_equal(n_after, n - 1);
    assert_memory_equal(after, text, n - 1);
    free(text);
    free(after);
    unlink(rig->path); /* none at all is as good as an empty one */
    assert_int_equal(ath_sink_file(rig->ctx, rig->path, SINK_WHAT, true, true, &rig->sink), ATH_OK);
    assert_int_equal(sink_put_tag(rig, 9), ATH_OK);
    SINK_EXPECT(rig, 9);
    assert_int_equal(rig->io.n_syncs, 1); /* of the file; none of it without `sync` */
    assert_int_equal(rig->io.n_directory_syncs, 1);
    ath_sink_destroy(&rig->sink);
    assert_int_equal(
        ath_sink_file(rig->ctx, "/no/such/folder/x", SINK_WHAT, false, false, &rig->sink),
        ATH_E_NOT_FOUND);
    assert_int_equal(ath_sink_file(rig->ctx, rig->path, 64, true, false, &rig->sink),
                     ATH_E_ARGUMENT);
    assert_int_equal(ath_sink_file(rig->ctx, "-", SINK_WHAT, false, true, &rig->sink),
                     ATH_E_UNSUPPORTED);
}

/* A commit puts its frames into the file; a system that no frame can hold ends the sink, and what
 * came before it in the same call is not written, not even when the sink is destroyed. */
static void test_unwritable(void **state)
{
    static const char *const word[] = {"two words"};
    sink_rig *rig = *state;
    uint8_t taken[3];
    sink_open(rig, 0);
    assert_int_equal(sink_put_tag(rig, 1), ATH_OK);
    SINK_EXPECT(rig, 1);
    ath_batch *batch = sink_batch(rig, 2, 2, NULL);
    ath_system *bad = sink_tagged(rig, 1, 4);
    const ath_extra extra = {"label", ATH_LEVEL_ATOM, ATH_EXTRA_STRING, 1, 0, word};
    assert_int_equal(ath_system_set_extra(bad, &extra), ATH_OK);
    assert_int_equal(ath_batch_add(batch, bad), ATH_OK);
    assert_int_equal(ath_sink_write(rig->sink, batch, NULL, taken), ATH_E_ARGUMENT);
    assert_int_equal(taken[0] + taken[1] + taken[2], 0);
    sink_expect_dead(rig);
    SINK_EXPECT(rig, 1);
    ath_sink_destroy(&rig->sink);
    int64_t tags[SINK_MAX];
    assert_int_equal(sink_tags(rig, tags), 1);
    ath_system_destroy(&bad);
    ath_batch_destroy(&batch);
}

/* ---- devices ---- */

static void test_device(void **state)
{
    sink_rig *rig = *state;
    uint8_t taken[4];
    const int32_t sizes[4] = {SINK_MAX_ATOMS, 1, SINK_MAX_ATOMS, SINK_MAX_ATOMS};
    sink_open(rig, 4);
    ath_system *large = sink_tagged(rig, SINK_MAX_ATOMS + 1, 1);
    ath_batch *batch = sink_batch(rig, 4, 0, sizes);
    assert_int_equal(ath_sink_put(rig->sink, large), ATH_E_RANGE);
    assert_int_equal(ath_sink_put(rig->sink, large), ATH_E_RANGE);
    assert_non_null(strstr(ath_context_message(rig->ctx), "71 atoms"));
    const size_t bytes = rig->memory.bytes;
    for (int round = 0; round < 3; round++) { /* the rows for the largest are there, and stay */
        assert_int_equal(ath_sink_write(rig->sink, batch, NULL, taken), ATH_OK);
        assert_true(ath_sink_is_full(rig->sink));
        assert_int_equal(ath_sink_zero(rig->sink), ATH_OK);
        assert_true(rig->memory.bytes < bytes + 100000); /* staging of one system */
    }
    const size_t full = rig->memory.bytes;
    assert_int_equal(ath_sink_write(rig->sink, batch, NULL, taken), ATH_OK);
    assert_int_equal(ath_sink_zero(rig->sink), ATH_OK);
    assert_int_equal(rig->memory.bytes, full);
    /* one that is too large ends the call; what came before it is acknowledged */
    assert_int_equal(ath_batch_add(batch, large), ATH_OK);
    const uint8_t mask[5] = {0, 1, 0, 0, 1};
    uint8_t five[5];
    assert_int_equal(ath_sink_write(rig->sink, batch, mask, five), ATH_E_RANGE);
    assert_memory_equal(five, "\0\1\0\0\0", 5);
    SINK_EXPECT(rig, 1);
    assert_int_equal(sink_put_tag(rig, 5), ATH_OK);
    ath_sink *sink = NULL;
    assert_int_equal(ath_sink_device(rig->ctx, rig->host, -1, 1, &sink), ATH_E_ARGUMENT);
    assert_int_equal(ath_sink_device(rig->ctx, rig->host, 1, -1, &sink), ATH_E_ARGUMENT);
    assert_int_equal(ath_sink_device(rig->ctx, rig->host, 1 << 30, 1 << 30, &sink), ATH_E_RANGE);
    assert_int_equal(ath_sink_device(rig->ctx, rig->host, 1, INT64_MAX, &sink), ATH_E_RANGE);
    assert_int_equal(ath_sink_memory(rig->ctx, -1, &sink), ATH_E_ARGUMENT);
    assert_null(sink);
    ath_system_destroy(&large);
    ath_batch_destroy(&batch);
}

/* ---- rooms that depend on size, callbacks ---- */

static void test_sizes(void **state)
{
    static const int32_t sizes[] = {4, 3, 1, 1};
    sink_rig *rig = *state;
    uint8_t taken[4];
    sink_open(rig, 9);
    rig->faults.max_atoms = 5;
    ath_batch *batch = sink_batch(rig, 4, 0, sizes);
    assert_int_equal(ath_sink_write(rig->sink, batch, NULL, taken), ATH_AGAIN);
    assert_memory_equal(taken, "\1\0\1\0", 4); /* 3 waits, the first 1 fits, the second does not */
    SINK_EXPECT(rig, 0, 2);
    ath_batch_destroy(&batch);
}

/* What a function has taken is taken, whatever happens to those behind. */
static void test_callback(void **state)
{
    sink_rig *rig = *state;
    uint8_t taken[3];
    sink_open(rig, 0);
    rig->faults.fail_write = 3;
    ath_batch *batch = sink_batch(rig, 3, 0, NULL);
    assert_int_equal(ath_sink_write(rig->sink, batch, NULL, taken), ATH_E_IO);
    assert_memory_equal(taken, "\1\1\0", 3);
    assert_non_null(strstr(ath_context_message(rig->ctx), "callback"));
    SINK_EXPECT(rig, 0, 1);
    sink_expect_dead(rig);
    assert_int_equal(ath_sink_callback(rig->ctx, NULL, NULL, &rig->under[0]), ATH_E_ARGUMENT);
    ath_batch_destroy(&batch);
}

/* ---- chains ---- */

static ath_sink *under(sink_rig *rig, ath_status status)
{
    assert_int_equal(status, ATH_OK);
    return rig->under[rig->n_under - 1];
}

static void test_chain_arguments(void **state)
{
    sink_rig *rig = *state;
    ath_sink *a = under(rig, sink_add_memory(rig, 1)), *b = under(rig, sink_add_memory(rig, 1));
    ath_sink *twice[] = {a, b, a}, *nested[] = {NULL, b}, *pair[] = {a, b}, *none[] = {a, NULL};
    ath_sink *chain = NULL;
    ath_context *other = NULL;
    assert_int_equal(ath_sink_chain(rig->ctx, twice, 3, ATH_SINK_SPILL, &chain), ATH_E_ARGUMENT);
    assert_int_equal(ath_sink_chain(rig->ctx, none, 2, ATH_SINK_SPILL, &chain), ATH_E_ARGUMENT);
    assert_int_equal(ath_sink_chain(rig->ctx, pair, 0, ATH_SINK_SPILL, &chain), ATH_E_ARGUMENT);
    assert_int_equal(ath_sink_chain(rig->ctx, pair, 2, (ath_sink_policy)7, &chain), ATH_E_ARGUMENT);
    assert_null(chain);
    assert_int_equal(ath_context_create(NULL, &other), ATH_OK);
    assert_int_equal(ath_sink_chain(other, pair, 2, ATH_SINK_SPILL, &chain), ATH_E_ARGUMENT);
    ath_context_destroy(&other);
    /* also inside a chain that is a link */
    assert_int_equal(ath_sink_chain(rig->ctx, pair, 2, ATH_SINK_BLOCK, &rig->sink), ATH_OK);
    nested[0] = rig->sink;
    assert_int_equal(ath_sink_chain(rig->ctx, nested, 2, ATH_SINK_SPILL, &chain), ATH_E_ARGUMENT);
    nested[0] = b, nested[1] = rig->sink;
    assert_int_equal(ath_sink_chain(rig->ctx, nested, 2, ATH_SINK_SPILL, &chain), ATH_E_ARGUMENT);
    assert_non_null(strstr(ath_context_message(rig->ctx), "in common"));
    assert_null(chain);
}

/* Priorities, capacity and length of a spilling chain, with one that has no limit at the end. */
static void test_spill(void **state)
{
    sink_rig *rig = *state;
    ath_sink *a = under(rig, sink_add_own(rig, 2)), *b = under(rig, sink_add_memory(rig, 1));
    assert_int_equal(ath_sink_callback(rig->ctx, sink_seen, rig, &rig->under[2]), ATH_OK);
    ath_sink *c = rig->under[rig->n_under++];
    ath_batch *batch = sink_batch(rig, 5, 0, NULL), *out = NULL;
    assert_int_equal(sink_make_chain(rig, 0, ATH_SINK_SPILL, &rig->sink), ATH_OK);
    assert_int_equal(ath_sink_capacity(rig->sink), INT64_MAX);
    rig->faults.max_atoms = 3; /* 1 and 2 to the first, 3 to the second, the rest to the third */
    assert_int_equal(ath_sink_write(rig->sink, batch, NULL, NULL), ATH_OK);
    assert_int_equal(ath_sink_length(a), 2);
    assert_int_equal(ath_sink_length(b), 1);
    assert_int_equal(ath_sink_length(c), 2);
    assert_int_equal(ath_sink_length(rig->sink), 5);
    assert_int_equal(sink_tag(rig->seen[0]), 3);
    /* it cannot be emptied as a whole, so that nothing of it is */
    assert_int_equal(ath_sink_zero(rig->sink), ATH_E_UNSUPPORTED);
    assert_int_equal(ath_sink_drain(rig->sink, rig->host, &out), ATH_E_UNSUPPORTED);
    assert_int_equal(ath_sink_read_all(rig->sink, rig->host, &out), ATH_E_UNSUPPORTED);
    assert_null(out);
    assert_int_equal(ath_sink_length(rig->sink), 5);
    assert_int_equal(ath_sink_zero(a), ATH_OK); /* the first has room again, and comes first */
    assert_int_equal(sink_put_tag(rig, 8), ATH_OK);
    assert_int_equal(ath_sink_length(a), 1);
    ath_batch_destroy(&batch);
}

/* One that is too small for a system is passed over; if all are, the system is refused. */
static void test_spill_sizes(void **state)
{
    sink_rig *rig = *state;
    ath_system *large = sink_tagged(rig, 50, 1), *larger = sink_tagged(rig, 90, 2);
    assert_int_equal(ath_sink_device(rig->ctx, rig->host, 2, 40, &rig->under[0]), ATH_OK);
    assert_int_equal(ath_sink_device(rig->ctx, rig->mock, 1, 60, &rig->under[1]), ATH_OK);
    rig->n_under = 2;
    assert_int_equal(sink_make_chain(rig, 0, ATH_SINK_SPILL, &rig->sink), ATH_OK);
    assert_int_equal(ath_sink_put(rig->sink, large), ATH_OK);
    assert_int_equal(ath_sink_length(rig->under[0]), 0);
    assert_int_equal(ath_sink_length(rig->under[1]), 1);
    assert_int_equal(ath_sink_put(rig->sink, large),
                     ATH_AGAIN); /* the second may have room later */
    assert_int_equal(sink_put_tag(rig, 3), ATH_OK);
    assert_int_equal(ath_sink_zero(rig->under[1]), ATH_OK);
    assert_int_equal(ath_sink_put(rig->sink, larger), ATH_E_RANGE);
    assert_int_equal(ath_sink_put(rig->sink, large), ATH_OK);
    ath_system_destroy(&large);
    ath_system_destroy(&larger);
}

/* A link that was given room but says "not now" when it is written to: the next one is asked. */
static void test_spill_slow(void **state)
{
    sink_rig *rig = *state;
    ath_batch *batch = sink_batch(rig, 4, 0, NULL);
    assert_int_equal(ath_sink_callback(rig->ctx, sink_seen, rig, &rig->under[0]), ATH_OK);
    rig->n_under = 1;
    ath_sink *memory = under(rig, sink_add_memory(rig, 1));
    uint8_t taken[4];
    assert_int_equal(sink_make_chain(rig, 0, ATH_SINK_SPILL, &rig->sink), ATH_OK);
    rig->faults.slow = true; /* 0 and 2 to the function, 1 to memory, nobody has room for 3 */
    assert_int_equal(ath_sink_write(rig->sink, batch, NULL, taken), ATH_AGAIN);
    assert_memory_equal(taken, "\1\1\1\0", 4);
    assert_int_equal(rig->n_seen, 2);
    assert_int_equal(sink_tag(rig->seen[1]), 2);
    assert_int_equal(ath_sink_length(memory), 1);
    ath_batch_destroy(&batch);
    sink_shut(rig);
    /* one behind it for which the system is too large changes nothing: it waits for the first */
    assert_int_equal(ath_sink_callback(rig->ctx, sink_seen, rig, &rig->under[0]), ATH_OK);
    assert_int_equal(ath_sink_device(rig->ctx, rig->host, 1, 1, &rig->under[1]), ATH_OK);
    rig->n_under = 2;
    assert_int_equal(sink_make_chain(rig, 0, ATH_SINK_SPILL, &rig->sink), ATH_OK);
    rig->faults.slow = true;
    const ath_status expected[] = {ATH_OK, ATH_AGAIN, ATH_OK, ATH_AGAIN};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(sink_put_tag(rig, i), expected[i]);
    }
    assert_int_equal(rig->n_seen, 2);
}

/* "Not now" is a failure to who asked for that, but the sink goes on; a chain around it sees a full
 * sink. */
static void test_fail_slow(void **state)
{
    sink_rig *rig = *state;
    const ath_status expected[] = {ATH_OK, ATH_E_STATE, ATH_OK, ATH_E_STATE};
    ath_sink *pair[2] = {NULL, NULL};
    assert_int_equal(ath_sink_callback(rig->ctx, sink_seen, rig, &rig->under[0]), ATH_OK);
    rig->n_under = 1;
    assert_int_equal(sink_make_chain(rig, 0, ATH_SINK_FAIL, &rig->sink), ATH_OK);
    rig->faults.slow = true;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(sink_put_tag(rig, i), expected[i]);
    }
    assert_non_null(strstr(ath_context_message(rig->ctx), "'callback' is full"));
    assert_int_equal(rig->n_seen, 2);
    pair[0] = rig->under[rig->n_under++] = rig->sink;
    pair[1] = under(rig, sink_add_memory(rig, 1));
    assert_int_equal(ath_sink_chain(rig->ctx, pair, 2, ATH_SINK_SPILL, &rig->sink), ATH_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sink_put_tag(rig, 10 + i), ATH_OK);
    }
    assert_int_equal(rig->n_seen, 4);
    assert_int_equal(ath_sink_length(pair[1]), 1);
    assert_int_equal(sink_put_tag(rig, 13), ATH_AGAIN); /* nobody */
    assert_int_equal(sink_put_tag(rig, 14), ATH_OK);
}

/* The second link fails: what the first had been given in the same call never shows up in it, also
 * when the first is inside a chain. */
static void test_chain_failing(void **state)
{
    sink_rig *rig = *state;
    for (int mode = 0; mode < 4; mode++) {
        const bool commit = mode & 1, nested = mode & 2;
        uint8_t taken[3];
        ath_sink *a = under(rig, sink_add_own(rig, 3)), *b = under(rig, sink_add_own(rig, 3));
        ath_sink *c = under(rig, sink_add_memory(rig, 3)), *links[] = {a, b, c};
        ath_batch *batch = sink_batch(rig, 3, 0, NULL);
        if (nested) {
            assert_int_equal(
                ath_sink_chain(rig->ctx, &a, 1, ATH_SINK_BLOCK, &rig->under[rig->n_under]), ATH_OK);
            links[0] = rig->under[rig->n_under++];
        }
        assert_int_equal(ath_sink_chain(rig->ctx, links, 3, ATH_SINK_SPILL, &rig->sink), ATH_OK);
        assert_int_equal(sink_put_tag(rig, 50), ATH_OK);
        assert_int_equal(sink_put_tag(rig, 51), ATH_OK);
        rig->faults.n_writes = rig->faults.n_commits = 0;
        rig->faults.fail_write = commit ? 0 : 2;
        rig->faults.fail_commit = commit ? 1 : 0;
        assert_int_equal(ath_sink_write(rig->sink, batch, NULL, taken), ATH_E_IO);
        assert_int_equal(taken[0] + taken[1] + taken[2], 0);
        sink_expect_dead(rig);
        assert_int_equal(ath_sink_length(a), 2);
        assert_int_equal(ath_sink_length(b), 0);
        ath_system *system = sink_tagged(rig, 1, 60);
        assert_int_equal(ath_sink_put(a, system), ATH_E_STATE);
        assert_int_equal(ath_sink_put(b, system), ATH_E_STATE);
        assert_int_equal(ath_sink_put(c, system), ATH_OK); /* had no part in it */
        assert_int_equal(ath_sink_length(a), 2);
        ath_system_destroy(&system);
        assert_int_equal(ath_sink_read(rig->sink, 1, &system), ATH_OK); /* what it has, it has */
        assert_int_equal(sink_tag(system), 51);
        ath_system_destroy(&system);
        ath_batch_destroy(&batch);
        sink_shut(rig);
    }
}

/* ---- tables ---- */

static ath_status init_fails(ath_context *ctx, void *state)
{
    (void)ctx, (void)state;
    return ATH_E_DEVICE;
}

static int n_fini;
static void count_fini(ath_context *ctx, void *state)
{
    (void)ctx, (void)state;
    n_fini++;
}

static ath_status read_nothing(void *state, int64_t index, ath_system **out)
{
    (void)state, (void)index, (void)out;
    return ATH_OK;
}

static ath_status commit_oddly(void *state)
{
    (void)state;
    return ATH_AGAIN;
}

static void extent_one(const void *state, int64_t *length, int64_t *capacity)
{
    (void)state;
    *length = *capacity = 1;
}

static void test_tables(void **state)
{
    sink_rig *rig = *state;
    static ath_sink_ops ops; /* a table lives as long as its sinks */
    ath_sink *sink = NULL;
    ath_system *system = NULL;
    ops = probe_ops;
    ops.abi = ATH_SINK_ABI + 1;
    assert_int_equal(ath_sink_create_from(rig->ctx, &ops, NULL, &sink), ATH_E_ABI);
    ops = probe_ops;
    ops.extent = NULL;
    assert_int_equal(ath_sink_create_from(rig->ctx, &ops, NULL, &sink), ATH_E_ARGUMENT);
    assert_int_equal(ath_sink_create_from(rig->ctx, &probe_ops, "capacty=1", &sink), ATH_E_OPTION);
    assert_non_null(strstr(ath_context_message(rig->ctx), "probe"));
    ops = probe_ops;
    ops.init = init_fails;
    ops.fini = count_fini;
    assert_int_equal(ath_sink_create_from(rig->ctx, &ops, NULL, &sink), ATH_E_DEVICE);
    assert_int_equal(n_fini, 1);
    assert_null(sink);
    ops.init = NULL;
    ops.options = NULL;
    ops.state_size = 0;
    ops.commit = commit_oddly;
    ops.read = read_nothing;
    ops.extent = extent_one;
    assert_int_equal(ath_sink_create_from(rig->ctx, &ops, "a=1", &sink), ATH_E_OPTION);
    assert_int_equal(ath_sink_create_from(rig->ctx, &ops, "", &sink), ATH_OK);
    assert_int_equal(ath_sink_read(sink, 0, &system), ATH_E_INTERNAL);
    ath_sink_destroy(&sink);
    assert_int_equal(n_fini, 2);
    ath_sink_destroy(&sink);
    ath_sink_destroy(NULL);
    ops = probe_ops; /* a commit that does not say whether */
    ops.commit = commit_oddly;
    assert_int_equal(ath_sink_create_from(rig->ctx, &ops, "capacity=4", &rig->sink), ATH_OK);
    ((probe_state *)ath_sink_state(rig->sink))->faults = &rig->faults;
    assert_int_equal(sink_put_tag(rig, 1), ATH_E_INTERNAL);
    sink_expect_dead(rig);
}

/* A system that cannot be copied out of the batch for want of memory is no failure of the sink. */
static void test_export(void **state)
{
    sink_rig *rig = *state;
    uint8_t taken[2];
    sink_open(rig, 1);
    ath_batch *batch = sink_batch(rig, 2, 0, NULL);
    assert_int_equal(sink_put_tag(rig, 1), ATH_OK); /* so that room costs no memory any more */
    assert_int_equal(ath_sink_zero(rig->sink), ATH_OK);
    rig->memory.n_calls = 0;
    rig->memory.fail_at = 1;
    assert_int_equal(ath_sink_write(rig->sink, batch, NULL, taken), ATH_E_NO_MEMORY);
    rig->memory.fail_at = 0;
    assert_int_equal(taken[0] + taken[1], 0);
    assert_int_equal(sink_put_tag(rig, 3), ATH_OK); /* and its room was given back */
    SINK_EXPECT(rig, 3);
    ath_batch_destroy(&batch);
}

/* ---- all of them ---- */

typedef struct named_check {
    const char *name;
    void (*run)(void **state);
    bool for_probed, not_for_file;
} named_check;

static const named_check checks[] = {
    {"empty", check_empty, false, false},
    {"full", check_full, false, false},
    {"partial", check_partial, false, false},
    {"masks", check_masks, false, false},
    {"reading", check_reading, false, false},
    {"draining", check_draining, false, false},
    {"round trip", check_round_trip, false, false},
    {"life", check_life, false, true}, /* a frame has none */
    {"misuse", check_misuse, false, false},
    {"every allocation", test_allocations, false, false},
    {"slow", check_slow, true, false},
    {"failing", check_failing, true, false}, /* the others: allocations and i/o */
};
enum { N_CHECKS = sizeof checks / sizeof *checks };

/* Every check over every kind that it is for; returns their number. */
static size_t fill_matrix(struct CMUnitTest matrix[SINK_KINDS * N_CHECKS])
{
    static char names[SINK_KINDS * N_CHECKS][64];
    size_t n = 0;
    for (size_t i = 0; i < SINK_KINDS * N_CHECKS; i++) {
        const sink_kind *kind = &sink_kinds[i / N_CHECKS];
        const named_check *check = &checks[i % N_CHECKS];
        if ((check->for_probed && !kind->probed) ||
            (check->not_for_file && !strcmp(kind->name, "file"))) {
            continue;
        }
        snprintf(names[n], sizeof names[n], "%s: %s", kind->name, check->name);
        matrix[n] = (struct CMUnitTest){names[n], check->run, sink_set_up, sink_tear_down,
                                        (void *)(uintptr_t)kind};
        n++;
    }
    return n;
}

#define SINK_TEST(test, kind)                                                                      \
    {                                                                                              \
#test, test, sink_set_up, sink_tear_down, (void *)&sink_kinds[kind]                        \
    }

int main(void)
{
    enum { MEMORY = 0, HOST = 1, MOCK = 2, FILE_ = 3, CALLBACK = 4, OWN = 8, OWN_BLOCK = 9 };
    static struct CMUnitTest matrix[SINK_KINDS * N_CHECKS];
    const struct CMUnitTest tests[] = {
        SINK_TEST(test_io, FILE_),          SINK_TEST(test_append, FILE_),
        SINK_TEST(test_unwritable, FILE_),  SINK_TEST(test_device, HOST),
        SINK_TEST(test_device, MOCK),       SINK_TEST(test_sizes, OWN),
        SINK_TEST(test_sizes, OWN_BLOCK),   SINK_TEST(test_callback, CALLBACK),
        SINK_TEST(test_chain_arguments, 0), SINK_TEST(test_spill, 0),
        SINK_TEST(test_spill_sizes, 0),     SINK_TEST(test_spill_slow, 0),
        SINK_TEST(test_fail_slow, 0),       SINK_TEST(test_chain_failing, 0),
        SINK_TEST(test_tables, OWN),        SINK_TEST(test_export, MEMORY),
        SINK_TEST(test_export, MOCK),       SINK_TEST(test_export, OWN_BLOCK),
    };
    const size_t n = fill_matrix(matrix);
    const int bad = _cmocka_run_group_tests("sinks: every kind", matrix, n, NULL, NULL);
    return bad + cmocka_run_group_tests_name("sinks", tests, NULL, NULL);
}
