/* The contract of a sink, as checks that run over every kind of sink: room, order, partial
 * acceptance, reading, emptying, what comes back, and what holds when something fails.
 */
#ifndef TESTS_FLOW_SINK_CHECKS_H
#define TESTS_FLOW_SINK_CHECKS_H

#include "flow/sink_rig.h"

/* ---- room ---- */

static void check_empty(void **state)
{
    sink_rig *rig = *state;
    for (int32_t capacity = 0; capacity <= 2; capacity++) {
        ath_system *system = NULL;
        ath_batch *batch = NULL;
        sink_open(rig, capacity);
        assert_true(strlen(ath_sink_name(rig->sink)) > 0);
        assert_int_equal(ath_sink_length(rig->sink), 0);
        assert_int_equal(ath_sink_capacity(rig->sink), rig->kind->limited ? capacity : INT64_MAX);
        assert_int_equal(ath_sink_is_full(rig->sink), rig->kind->limited && capacity == 0);
        assert_int_equal(ath_sink_read(rig->sink, 0, &system),
                         rig->kind->readable ? ATH_E_STATE : ATH_E_UNSUPPORTED);
        assert_null(system);
        assert_int_equal(ath_sink_read_all(rig->sink, rig->mock, &batch),
                         rig->kind->readable ? ATH_OK : ATH_E_UNSUPPORTED);
        assert_int_equal(ath_batch_n_systems(batch), 0);
        ath_batch_destroy(&batch);
        assert_int_equal(ath_sink_drain(rig->sink, rig->host, &batch),
                         rig->kind->readable ? ATH_OK : ATH_E_UNSUPPORTED);
        ath_batch_destroy(&batch);
        assert_int_equal(ath_sink_zero(rig->sink),
                         rig->kind->readable ? ATH_OK : ATH_E_UNSUPPORTED);
        sink_shut(rig);
    }
}

static void check_full(void **state)
{
    static const int64_t tags[] = {100, 101, 102};
    sink_rig *rig = *state;
    for (int32_t capacity = 0; capacity <= 2; capacity++) {
        const int32_t n = rig->kind->limited ? capacity : 3;
        sink_open(rig, capacity);
        for (int32_t i = 0; i < n; i++) {
            assert_false(ath_sink_is_full(rig->sink));
            assert_int_equal(sink_put_tag(rig, tags[i]), ATH_OK);
            sink_expect(rig, i + 1, tags);
        }
        assert_int_equal(ath_sink_is_full(rig->sink), rig->kind->limited);
        for (int again = 0; again < 2 && rig->kind->limited; again++) {
            assert_int_equal(sink_put_tag(rig, 900), rig->kind->full);
            sink_expect(rig, n, tags);
        }
        if (rig->kind->limited) { /* a full one that was emptied has its room again */
            assert_int_equal(ath_sink_zero(rig->sink), ATH_OK);
            assert_int_equal(ath_sink_length(rig->sink), 0);
            assert_int_equal(sink_put_tag(rig, 7), capacity ? ATH_OK : rig->kind->full);
            sink_expect(rig, capacity ? 1 : 0, (const int64_t[]){7});
        }
        sink_shut(rig);
    }
}

/* Four systems for two places: the first two are taken; after room was made, the rest. */
static void check_partial(void **state)
{
    sink_rig *rig = *state;
    uint8_t taken[4] = {9, 9, 9, 9}, rest[4], all = 0;
    sink_open(rig, 2);
    ath_batch *batch = sink_batch(rig, 4, 10, NULL), *out = NULL;
    const ath_status status = ath_sink_write(rig->sink, batch, NULL, taken);
    assert_int_equal(status, rig->kind->limited ? rig->kind->full : ATH_OK);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(taken[i], i < 2 || !rig->kind->limited);
        rest[i] = !taken[i];
        all |= rest[i];
    }
    if (rig->kind->limited) {
        SINK_EXPECT(rig, 10, 11);
        assert_int_equal(ath_sink_write(rig->sink, batch, rest, taken), rig->kind->full);
        assert_memory_equal(taken, "\0\0\0\0", 4);
        SINK_EXPECT(rig, 10, 11);
        assert_int_equal(ath_sink_drain(rig->sink, rig->host, &out), ATH_OK);
        assert_int_equal(ath_batch_n_systems(out), 2);
        assert_int_equal(ath_sink_write(rig->sink, batch, rest, taken), ATH_OK);
        assert_memory_equal(taken, rest, 4);
        SINK_EXPECT(rig, 12, 13);
    } else {
        assert_false(all);
        SINK_EXPECT(rig, 10, 11, 12, 13);
    }
    ath_batch_destroy(&out);
    ath_batch_destroy(&batch);
}

/* ---- which systems, in which order ---- */

static void check_masks(void **state)
{
    static const uint8_t none[4] = {0}, some[4] = {0, 1, 0, 5}, all[4] = {1, 1, 1, 1};
    sink_rig *rig = *state;
    uint8_t taken[4];
    sink_open(rig, 20);
    ath_batch *batch = sink_batch(rig, 4, 20, NULL), *empty = sink_batch(rig, 0, 0, NULL);
    ath_system *before = NULL, *after = NULL;
    assert_int_equal(ath_batch_get(batch, 3, &before), ATH_OK);
    assert_int_equal(ath_sink_write(rig->sink, batch, none, taken), ATH_OK);
    assert_memory_equal(taken, none, 4);
    sink_expect(rig, 0, NULL);
    assert_int_equal(ath_sink_write(rig->sink, batch, some, taken), ATH_OK);
    assert_memory_equal(taken, "\0\1\0\1", 4);
    SINK_EXPECT(rig, 21, 23);
    assert_int_equal(ath_sink_write(rig->sink, batch, all, NULL), ATH_OK);
    SINK_EXPECT(rig, 21, 23, 20, 21, 22, 23);
    assert_int_equal(ath_sink_write(rig->sink, empty, NULL, NULL), ATH_OK);
    assert_int_equal(ath_sink_write(rig->sink, empty, none, taken), ATH_OK);
    assert_int_equal(sink_put_tag(rig, 5), ATH_OK);
    assert_int_equal(ath_sink_write(rig->sink, batch, NULL, taken), ATH_OK);
    assert_memory_equal(taken, all, 4);
    SINK_EXPECT(rig, 21, 23, 20, 21, 22, 23, 5, 20, 21, 22, 23);
    assert_int_equal(ath_batch_n_systems(batch), 4); /* the batch is only read */
    assert_int_equal(ath_batch_get(batch, 3, &after), ATH_OK);
    kit_same(before, after, true);
    kit_same_life(before, after);
    ath_system_destroy(&before);
    ath_system_destroy(&after);
    ath_batch_destroy(&empty);
    ath_batch_destroy(&batch);
}

static void sink_expect_batch(const ath_batch *batch, int32_t n, const int64_t *tags)
{
    assert_int_equal(ath_batch_n_systems(batch), n);
    for (int32_t i = 0; i < n; i++) {
        ath_system *system = NULL;
        assert_int_equal(ath_batch_get(batch, i, &system), ATH_OK);
        assert_int_equal(sink_tag(system), tags[i]);
        ath_system_destroy(&system);
    }
}

static void check_reading(void **state)
{
    static const int64_t tags[] = {30, 31, 32, 33};
    sink_rig *rig = *state;
    ath_system *system = NULL;
    ath_batch *out = NULL;
    sink_open(rig, 9);
    ath_batch *batch = sink_batch(rig, 3, 30, NULL);
    assert_int_equal(ath_sink_write(rig->sink, batch, NULL, NULL), ATH_OK);
    assert_int_equal(sink_put_tag(rig, 33), ATH_OK);
    for (int again = 0; again < 3; again++) {
        ath_device *device = again ? rig->mock : rig->host;
        sink_expect(rig, 4, tags);
        assert_int_equal(ath_sink_read(rig->sink, -1, &system),
                         rig->kind->readable ? ATH_E_RANGE : ATH_E_UNSUPPORTED);
        assert_int_equal(ath_sink_read(rig->sink, 4, &system),
                         rig->kind->readable ? ATH_E_RANGE : ATH_E_UNSUPPORTED);
        assert_null(system);
        if (rig->kind->readable) {
            assert_int_equal(ath_sink_read(rig->sink, 2, &system), ATH_OK);
            assert_int_equal(sink_tag(system), 32);
            ath_system_destroy(&system);
            assert_int_equal(ath_sink_read_all(rig->sink, device, &out), ATH_OK);
            assert_ptr_equal(ath_batch_device(out), device);
            sink_expect_batch(out, 4, tags);
            ath_batch_destroy(&out);
        } else {
            assert_int_equal(ath_sink_read_all(rig->sink, device, &out), ATH_E_UNSUPPORTED);
            assert_null(out);
        }
    }
    ath_batch_destroy(&batch);
}

static void check_draining(void **state)
{
    sink_rig *rig = *state;
    ath_batch *out = NULL;
    sink_open(rig, 2);
    for (int64_t round = 0; round < 3; round++) {
        const int64_t tags[] = {40 + round, 50 + round};
        assert_int_equal(sink_put_tag(rig, tags[0]), ATH_OK);
        assert_int_equal(sink_put_tag(rig, tags[1]), ATH_OK);
        const ath_status status = ath_sink_drain(rig->sink, round ? rig->mock : rig->host, &out);
        if (!rig->kind->readable) {
            assert_int_equal(status, ATH_E_UNSUPPORTED);
            assert_null(out);
            SINK_EXPECT(rig, 40, 50); /* nothing is gone */
            return;
        }
        assert_int_equal(status, ATH_OK);
        sink_expect_batch(out, 2, tags);
        sink_expect(rig, 0, NULL);
        ath_batch_destroy(&out);
    }
}

/* ---- what comes back ---- */

/* Everything that a system can carry and the file can hold, exactly. */
static ath_system *sink_plain(sink_rig *rig, int32_t n_atoms, int64_t tag)
{
    static const ath_field fields[] = {ATH_FIELD_VELOCITIES, ATH_FIELD_FORCES, ATH_FIELD_CELL,
                                       ATH_FIELD_ENERGY,     ATH_FIELD_STRESS, ATH_FIELD_FIXED};
    static const double matrix[6] = {1, 2, 3.5, -4, 1e-300, 0.1};
    static const char *const words[2] = {"two words", ""};
    ath_system *system = sink_tagged(rig, n_atoms, tag);
    void *rows = NULL;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        kit_fill(system, fields[i], &rig->rng);
    }
    assert_int_equal(ath_system_field(system, ATH_FIELD_NUMBERS, &rows), ATH_OK);
    for (int32_t i = 0; i < n_atoms; i++) {
        ((int32_t *)rows)[i] = 1 + kit_below(&rig->rng, 118);
    }
    assert_int_equal(ath_system_field(system, ATH_FIELD_MASSES, &rows), ATH_OK);
    for (int32_t i = 0; i < n_atoms; i++) {
        ((double *)rows)[i] = 1.0; /* so that momenta are velocities */
    }
    assert_int_equal(ath_system_field(system, ATH_FIELD_PBC, &rows), ATH_OK);
    ((int32_t *)rows)[1] = 1;
    assert_int_equal(ath_system_field(system, ATH_FIELD_FIXED, &rows), ATH_OK);
    ((uint8_t *)rows)[0] = 1; /* else there is no column */
    const ath_extra extras[] = {{"matrix", ATH_LEVEL_SYSTEM, ATH_EXTRA_REAL, 6, 2, matrix},
                                {"words", ATH_LEVEL_SYSTEM, ATH_EXTRA_STRING, 2, 1, words},
                                {"yes", ATH_LEVEL_SYSTEM, ATH_EXTRA_BOOL, 1, 0, "\1"},
                                {"charge", ATH_LEVEL_ATOM, ATH_EXTRA_REAL, 1, 0,
                                 ath_system_peek(system, ATH_FIELD_VELOCITIES)}};
    for (size_t i = 0; i < sizeof extras / sizeof *extras; i++) {
        assert_int_equal(ath_system_set_extra(system, &extras[i]), ATH_OK);
    }
    assert_int_equal(ath_system_set_source(system, rig->path, tag), ATH_OK);
    return system;
}

static void sink_same(const sink_rig *rig, const ath_system *a, const ath_system *b)
{
    kit_same(a, b, rig->kind->exact);
    if (strcmp(rig->kind->name, "file") != 0) { /* the frame of a file gets its uid anew */
        assert_int_equal(ath_system_uid(a).lo, ath_system_uid(b).lo);
        assert_int_equal(ath_system_uid(a).hi, ath_system_uid(b).hi);
        if (a->life.present) {
            kit_same_life(a, b);
        }
    }
}

/* Every field of every type, extras, uid and source, of systems of all sizes, to the last bit. */
static void check_round_trip(void **state)
{
    static const int32_t sizes[] = {1, 2, 31, 32, 33, 64, SINK_MAX_ATOMS, 1, 5, 17, 3, 40};
    enum { N = sizeof sizes / sizeof *sizes };
    sink_rig *rig = *state;
    const bool file = !strcmp(rig->kind->name, "file");
    ath_system *systems[N], *read[SINK_MAX];
    sink_open(rig, 2 * N);
    for (int i = 0; i < N; i++) {
        systems[i] = file
                         ? sink_plain(rig, sizes[i], i)
                         : kit_system(rig->ctx, i ? sizes[i] : 0, rig->user, KIT_FIELDS, &rig->rng);
        if (!file) {
            ath_system_set_uid(systems[i], kit_uid(&rig->rng));
        }
        assert_int_equal(ath_sink_put(rig->sink, systems[i]), ATH_OK);
    }
    assert_int_equal(sink_look(rig, read), N);
    for (int i = 0; i < N; i++) {
        sink_same(rig, systems[i], read[i]);
        ath_system_destroy(&read[i]);
    }
    if (rig->kind->readable) {
        ath_batch *out = NULL;
        assert_int_equal(ath_sink_read_all(rig->sink, rig->mock, &out), ATH_OK);
        for (int i = 0; i < N; i++) {
            assert_int_equal(ath_batch_get(out, i, &read[i]), ATH_OK);
            kit_same(systems[i], read[i], false);
            ath_system_destroy(&read[i]);
        }
        ath_batch_destroy(&out);
    }
    for (int i = 0; i < N; i++) {
        ath_system_destroy(&systems[i]);
    }
}

/* Fills the life of a system as a dynamics might leave it. */
static void sink_give_life(sink_rig *rig, ath_system *system, int32_t n_system, int32_t n_atom)
{
    assert_int_equal(ath__system_set_life(system, n_system, n_atom), ATH_OK);
    system->life.flags = kit_below(&rig->rng, 2) ? 0 : ATH__SLOT_STALE;
    system->life.target = 1 + kit_below(&rig->rng, 1000);
    for (int32_t i = 0; i < n_system; i++) {
        system->life.system_state[i] = kit_next(&rig->rng);
    }
    for (int32_t i = 0; i < n_atom * system->n_atoms; i++) {
        system->life.atom_state[i] = kit_next(&rig->rng);
    }
}

/* The state of the integrator goes along, out of a batch, through the sink and into another one;
 * also when a system of another width was there before. */
static void check_life(void **state)
{
    static const int32_t widths[][2] = {{2, 3}, {2, 3}, {5, 3}, {5, 4}};
    enum { N = sizeof widths / sizeof *widths };
    sink_rig *rig = *state;
    ath_system *systems[N], *read[SINK_MAX];
    sink_open(rig, 2 * N);
    for (int i = 0; i < N; i++) {
        ath_system *first = sink_tagged(rig, 1 + 20 * i, i);
        ath_batch *batch = sink_batch(rig, 0, 0, NULL);
        sink_give_life(rig, first, widths[i][0], widths[i][1]);
        assert_int_equal(ath__batch_import(batch, first, true, true), ATH_OK);
        assert_int_equal(ath_batch_get(batch, 0, &systems[i]), ATH_OK);
        kit_same_life(first, systems[i]);
        assert_int_equal(ath_sink_write(rig->sink, batch, NULL, NULL), ATH_OK);
        ath_system_destroy(&first);
        ath_batch_destroy(&batch);
    }
    assert_int_equal(sink_look(rig, read), N);
    for (int i = 0; i < N; i++) {
        const ath__life *a = &systems[i]->life, *b = &read[i]->life;
        kit_same(systems[i], read[i], false);
        assert_int_equal(a->flags, b->flags);
        assert_int_equal(a->target, b->target);
        assert_true(b->n_system_state >= a->n_system_state && b->n_atom_state >= a->n_atom_state);
        if (rig->kind->exact) {
            kit_same_life(systems[i], read[i]);
        }
        for (int32_t k = 0; k < b->n_system_state; k++) {
            assert_int_equal(b->system_state[k], k < a->n_system_state ? a->system_state[k] : 0);
        }
        for (int32_t k = 0; k < b->n_atom_state * read[i]->n_atoms; k++) {
            const int32_t row = k / b->n_atom_state, column = k % b->n_atom_state;
            assert_int_equal(b->atom_state[k], column < a->n_atom_state
                                                   ? a->atom_state[row * a->n_atom_state + column]
                                                   : 0);
        }
    }
    if (rig->kind->readable) {
        ath_batch *out = NULL;
        assert_int_equal(ath_sink_read_all(rig->sink, rig->host, &out), ATH_OK);
        assert_int_equal(ath__batch_n_system_state(out), 5);
        assert_int_equal(ath__batch_n_atom_state(out), 4);
        for (int i = 0; i < N; i++) {
            ath_system *system = NULL;
            assert_int_equal(ath_batch_get(out, i, &system), ATH_OK);
            assert_int_equal(system->life.target, systems[i]->life.target);
            assert_memory_equal(system->life.system_state, systems[i]->life.system_state, 16);
            ath_system_destroy(&system);
        }
        ath_batch_destroy(&out);
    }
    for (int i = 0; i < N; i++) {
        ath_system_destroy(&systems[i]);
        ath_system_destroy(&read[i]);
    }
}

/* ---- misuse ---- */

static void check_misuse(void **state)
{
    sink_rig *rig = *state;
    ath_context *other = NULL;
    ath_device *device = NULL;
    ath_system *foreign = NULL;
    ath_batch *batch = NULL;
    uint8_t taken[1] = {9};
    sink_open(rig, 2);
    assert_int_equal(ath_context_create(NULL, &other), ATH_OK);
    assert_int_equal(ath_device_open(other, "host", &device), ATH_OK);
    assert_int_equal(ath_system_create(other, 1, &foreign), ATH_OK);
    assert_int_equal(ath_batch_from_systems(other, device, &foreign, 1, &batch), ATH_OK);
    assert_int_equal(ath_sink_put(rig->sink, foreign), ATH_E_ARGUMENT);
    assert_int_equal(ath_sink_write(rig->sink, batch, NULL, taken), ATH_E_ARGUMENT);
    assert_int_equal(taken[0], 0);
    assert_int_equal(ath_sink_put(NULL, foreign), ATH_E_ARGUMENT);
    assert_int_equal(ath_sink_put(rig->sink, NULL), ATH_E_ARGUMENT);
    assert_int_equal(ath_sink_write(rig->sink, NULL, NULL, NULL), ATH_E_ARGUMENT);
    assert_int_equal(ath_sink_write(NULL, batch, NULL, NULL), ATH_E_ARGUMENT);
    assert_int_equal(ath_sink_read(rig->sink, 0, NULL), ATH_E_ARGUMENT);
    assert_int_equal(ath_sink_read_all(rig->sink, rig->host, NULL), ATH_E_ARGUMENT);
    assert_int_equal(ath_sink_drain(NULL, rig->host, &batch), ATH_E_ARGUMENT);
    assert_int_equal(ath_sink_zero(NULL), ATH_E_ARGUMENT);
    assert_int_equal(sink_put_tag(rig, 1), ATH_OK); /* none of it was a failure of the sink */
    SINK_EXPECT(rig, 1);
    ath_batch_destroy(&batch);
    ath_system_destroy(&foreign);
    ath_device_close(&device);
    ath_context_destroy(&other);
}

/* ---- slow and failing ones ---- */

/* Everything is taken in the end, each system once. */
static void check_slow(void **state)
{
    enum { N = 7 };
    sink_rig *rig = *state;
    uint8_t wanted[N], taken[N];
    int64_t tags[SINK_MAX];
    int n_left = N, n_calls = 0, n_again = 0, count[N] = {0};
    sink_open(rig, 3 * N);
    rig->faults.slow = true;
    ath_batch *batch = sink_batch(rig, N, 0, NULL);
    memset(wanted, 1, N);
    while (n_left > 0) {
        assert_true(++n_calls < 100);
        const ath_status status = ath_sink_write(rig->sink, batch, wanted, taken);
        assert_true(status == ATH_OK || status == ATH_AGAIN);
        n_again += status == ATH_AGAIN;
        for (int i = 0; i < N; i++) {
            assert_true(!taken[i] || wanted[i]);
            wanted[i] = (uint8_t)(wanted[i] - taken[i]);
            n_left -= taken[i];
        }
        assert_int_equal(status == ATH_AGAIN, n_left > 0);
        assert_int_equal(ath_sink_length(rig->sink), N - n_left);
    }
    assert_true(n_again > 0 || !strcmp(rig->kind->name, "nested")); /* its memory never waits */
    for (int i = 0; i < 20 && sink_put_tag(rig, N - 1) != ATH_OK; i++) {
    }
    const int64_t n = sink_tags(rig, tags);
    assert_int_equal(n, N + 1);
    for (int64_t i = 0; i < n; i++) {
        count[tags[i]]++;
    }
    for (int i = 0; i < N; i++) {
        assert_int_equal(count[i], i == N - 1 ? 2 : 1);
    }
    ath_batch_destroy(&batch);
}

/* What was acknowledged is in it, exactly once; where a failure leaves nothing behind, there is
 * nothing else. */
static void sink_expect_acknowledged(const sink_rig *rig, int64_t n, const int64_t *acknowledged)
{
    int64_t tags[SINK_MAX];
    const int64_t n_tags = sink_tags(rig, tags);
    if (rig->kind->alone) {
        assert_int_equal(n_tags, n);
    }
    for (int64_t i = 0; i < n; i++) {
        int count = 0;
        for (int64_t k = 0; k < n_tags; k++) {
            count += tags[k] == acknowledged[i];
        }
        assert_int_equal(count, 1);
    }
}

static void sink_expect_dead(sink_rig *rig)
{
    uint8_t taken[2] = {9, 9};
    ath_batch *batch = sink_batch(rig, 2, 990, NULL), *out = NULL;
    assert_int_equal(sink_put_tag(rig, 999), ATH_E_STATE);
    assert_non_null(strstr(ath_context_message(rig->ctx), "takes no more"));
    assert_int_equal(ath_sink_write(rig->sink, batch, NULL, taken), ATH_E_STATE);
    assert_int_equal(taken[0] + taken[1], 0);
    assert_int_equal(ath_sink_zero(rig->sink), ATH_E_STATE);
    assert_int_equal(ath_sink_drain(rig->sink, rig->host, &out), ATH_E_STATE);
    assert_null(out);
    ath_batch_destroy(&batch);
}

/* Two batches and a single system; tags of what was acknowledged to `out`. False after a failure.
 */
static bool sink_story(sink_rig *rig, int64_t *n, int64_t out[SINK_MAX])
{
    bool good = true;
    for (int64_t round = 0; round < 3 && good; round++) {
        uint8_t taken[3] = {9, 9, 9};
        ath_status status;
        if (round == 1) {
            status = sink_put_tag(rig, 10);
            taken[0] = status == ATH_OK;
            taken[1] = taken[2] = 0;
        } else {
            ath_batch *batch = sink_batch(rig, 3, 10 * round, NULL);
            status = ath_sink_write(rig->sink, batch, NULL, taken);
            ath_batch_destroy(&batch);
        }
        for (int64_t i = 0; i < 3; i++) {
            if (taken[i]) {
                out[(*n)++] = 10 * round + i;
            }
        }
        good = status == ATH_OK;
        if (!good) {
            assert_int_equal(status, ATH_E_IO);
            assert_true(!strcmp(rig->kind->name, "callback") ||
                        taken[0] + taken[1] + taken[2] == 0);
            assert_true(strlen(ath_context_message(rig->ctx)) > 0);
        }
    }
    return good;
}

/* Each write and each commit fails in turn. */
static void check_failing(void **state)
{
    sink_rig *rig = *state;
    for (int commit = 0; commit < 2; commit++) {
        for (int at = 1;; at++) {
            int64_t acknowledged[SINK_MAX], n = 0;
            sink_open(rig, 9);
            *(commit ? &rig->faults.fail_commit : &rig->faults.fail_write) = at;
            const bool good = sink_story(rig, &n, acknowledged);
            if (!good) {
                sink_expect_dead(rig);
            }
            sink_expect_acknowledged(rig, n, acknowledged);
            sink_shut(rig);
            if (good) {
                assert_int_equal(n, 7);
                assert_true(at > (commit ? 3 : 6) || (commit && !rig->kind->readable));
                break;
            }
        }
    }
}

#endif
