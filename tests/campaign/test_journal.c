/* The journal: what is put is there, once, and as it was; groups, segments, repeats, the sink, who
 * may open it, and what it says of what it has found.
 */
#include "campaign/journal_rig.h"

typedef struct fixture {
    disk d;
    failing memory;
    ath_context *ctx;
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    f->ctx = rig_context(&f->d, &f->memory);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    ath_context_destroy(&f->ctx);
    assert_int_equal(f->memory.n_blocks, 0);
    assert_int_equal(f->memory.n_wrong, 0);
    assert_int_equal(f->d.n_open, 0);
    disk_free(&f->d);
    free(f);
    return 0;
}

static ath_journal_state inspect(ath_journal *j)
{
    ath_journal_state s = {.size = sizeof s};
    assert_int_equal(ath_journal_inspect(j, &s), ATH_OK);
    return s;
}

/* Everything comes back from the segments alone, in the order of committing. */
static void test_round_trip(void **state)
{
    fixture *f = *state;
    ath_journal *j = NULL;
    bool has[RIG_RECORDS];
    rig_acks acked = {0};
    assert_int_equal(rig_fill(f->ctx, RIG_RECORDS, &acked), ATH_OK);
    assert_int_equal(acked.n, RIG_RECORDS);
    for (int write = 0; write < 2; write++) {
        assert_int_equal(rig_open(f->ctx, write, &j), ATH_OK);
        assert_int_equal(rig_known(j, f->ctx, has), RIG_RECORDS);
        for (int i = 0; i < RIG_RECORDS; i++) {
            ath_record r;
            assert_int_equal(ath_journal_record(j, i, &r), ATH_OK);
            const ath_uid uid = rig_uid(i);
            assert_memory_equal(&r.uid, &uid, sizeof uid);
            assert_int_equal(r.stage, i % 2);
            assert_int_equal(r.place, 1000 - i);
            assert_int_equal(r.n_atoms, i % 7 == 6 ? 0 : 1 + i % 5);
        }
        const ath_journal_state s = inspect(j);
        assert_true(s.n_segments > 1);
        assert_int_equal(s.n_groups, RIG_RECORDS / RIG_GROUP);
        assert_int_equal(s.n_repeats + s.n_damaged + s.n_cut + s.n_recovered, 0);
        assert_int_equal(s.counts[ATH_STATE_REJECTED], RIG_RECORDS / 7);
        assert_int_equal(s.counts[ATH_STATE_FINISHED], RIG_RECORDS - RIG_RECORDS / 7);
        ath_journal_close(&j);
    }
}

/* A key counts once; what is not committed does not count for who reads, and is lost. */
static void test_groups(void **state)
{
    fixture *f = *state;
    ath_journal *j = NULL, *reader = NULL;
    bool fresh;
    assert_int_equal(rig_open(f->ctx, true, &j), ATH_OK);
    for (int i = 0; i < RIG_GROUP + 2; i++) {
        assert_int_equal(rig_put(j, f->ctx, i, &fresh), ATH_OK);
        assert_true(fresh);
        assert_int_equal(rig_put(j, f->ctx, i, &fresh), ATH_OK);
        assert_false(fresh);
        assert_int_equal(ath_journal_length(j), i + 1 < RIG_GROUP ? 0 : RIG_GROUP);
        int64_t index = 7;
        assert_true(ath_journal_has(j, rig_uid(i), i % 2, &index));
        assert_int_equal(index, i == RIG_GROUP - 1 ? i : -1);
    }
    assert_false(ath_journal_has(j, rig_uid(0), 2, NULL));
    assert_int_equal(rig_open(f->ctx, false, &reader), ATH_OK); /* while it is being written */
    assert_int_equal(ath_journal_length(reader), RIG_GROUP);
    ath_journal_close(&reader);
    ath_journal_close(&j);
    assert_int_equal(rig_open(f->ctx, true, &j), ATH_OK);
    assert_int_equal(ath_journal_length(j), RIG_GROUP);
    assert_int_equal(rig_put(j, f->ctx, RIG_GROUP, &fresh), ATH_OK);
    assert_true(fresh);
    assert_int_equal(ath_journal_commit(j), ATH_OK);
    assert_int_equal(ath_journal_commit(j), ATH_OK);
    assert_int_equal(inspect(j).n_groups, 2);
    ath_journal_close(&j);
}

static ath_journal_glance look(fixture *f)
{
    ath_journal_glance g = {.size = sizeof g};
    assert_int_equal(ath_journal_look(f->ctx, RIG_PATH, &g), ATH_OK);
    return g;
}

/* A look at the end says what all of it says, while it is written and after. */
static void test_look(void **state)
{
    fixture *f = *state;
    ath_journal *j = NULL;
    const ath_journal_moment *moments = NULL;
    int64_t n = 0;
    ath_journal_glance g = {.size = sizeof g};
    assert_int_equal(ath_journal_look(f->ctx, RIG_PATH, &g), ATH_E_NOT_FOUND);
    g.size = 1;
    assert_int_equal(ath_journal_look(f->ctx, RIG_PATH, &g), ATH_E_ABI);
    assert_int_equal(ath_journal_look(f->ctx, NULL, &g), ATH_E_ARGUMENT);
    assert_int_equal(rig_open(f->ctx, true, &j), ATH_OK);
    for (int i = 0; i < RIG_RECORDS; i++) {
        assert_int_equal(rig_put(j, f->ctx, i, NULL), ATH_OK);
        if (ath_journal_length(j) > 0) {
            const ath_journal_state s = inspect(j);
            g = look(f);
            assert_true(g.writing);
            assert_int_equal(g.n_records, ath_journal_length(j));
            assert_memory_equal(g.counts, s.counts, sizeof g.counts);
            assert_memory_equal(g.reasons, s.reasons, sizeof g.reasons);
        }
    }
    assert_int_equal(ath_journal_moments(j, &moments, &n), ATH_OK);
    assert_int_equal(n, RIG_RECORDS / RIG_GROUP);
    const ath_journal_moment last = moments[n - 1];
    assert_int_equal(last.n_records, RIG_RECORDS);
    assert_memory_equal(&g.last, &last, sizeof last);
    ath_journal_close(&j);
    g = look(f);
    assert_false(g.writing);
    assert_int_equal(g.reasons[ATH_REASON_BAD_INPUT], RIG_RECORDS / 7);
    assert_true(g.first.time > 0 && g.first.time <= g.last.time);
    assert_true(g.first.n_records < g.last.n_records);
    assert_int_equal(rig_open(f->ctx, false, &j), ATH_OK); /* the moments are read again */
    assert_int_equal(ath_journal_moments(j, &moments, &n), ATH_OK);
    assert_int_equal(n, RIG_RECORDS / RIG_GROUP);
    assert_memory_equal(&moments[n - 1], &last, sizeof last);
    ath_journal_close(&j);
}

typedef struct leaning {
    ath_journal *j;
    int n;
    ath_status answer;
} leaning;

static ath_status be_ready(void *user)
{
    leaning *l = user;
    l->n++;
    return l->answer;
}

/* What records lean on comes before them, and can keep a group from being written. */
static void test_ready(void **state)
{
    fixture *f = *state;
    leaning l = {.answer = ATH_E_IO};
    ath_journal_config c = rig_config(true);
    c.ready = be_ready;
    c.user = &l;
    assert_int_equal(ath_journal_open(f->ctx, RIG_PATH, &c, &l.j), ATH_OK);
    for (int i = 0; i < RIG_GROUP; i++) {
        assert_int_equal(rig_put(l.j, f->ctx, i, NULL), i + 1 < RIG_GROUP ? ATH_OK : ATH_E_IO);
        assert_int_equal(l.n, i + 1 == RIG_GROUP);
    }
    assert_int_equal(ath_journal_length(l.j), 0);
    l.answer = ATH_OK;
    assert_int_equal(ath_journal_commit(l.j), ATH_OK);
    assert_int_equal(l.n, 2);
    assert_int_equal(ath_journal_length(l.j), RIG_GROUP);
    assert_int_equal(ath_journal_commit(l.j), ATH_OK); /* of nothing */
    assert_int_equal(l.n, 2);
    ath_journal_close(&l.j);
}

/* Systems that a sink takes are those that the journal gives back. */
static void test_sink(void **state)
{
    fixture *f = *state;
    ath_journal *j = NULL;
    ath_sink *sink = NULL;
    assert_int_equal(rig_open(f->ctx, true, &j), ATH_OK);
    assert_int_equal(ath_journal_sink(j, -1, &sink), ATH_E_RANGE);
    assert_int_equal(ath_journal_sink(j, 1, &sink), ATH_OK);
    for (int i = 0; i < 6; i++) {
        ath_system *s = rig_system(f->ctx, 2 * i);
        void *reason = NULL;
        assert_int_equal(ath_system_field(s, ATH_FIELD_REASON, &reason), ATH_OK);
        *(int32_t *)reason = i == 5 ? ATH_REASON_NON_FINITE : ATH_REASON_BUDGET;
        assert_int_equal(ath_sink_put(sink, s), ATH_OK);
        ath_system_destroy(&s);
    }
    assert_int_equal(ath_sink_length(sink), 6);
    assert_int_equal(ath_journal_length(j), RIG_GROUP);
    assert_int_equal(ath_journal_commit(j), ATH_OK);
    assert_int_equal(ath_journal_length(j), 6);
    for (int i = 0; i < 6; i++) {
        ath_record r;
        assert_int_equal(ath_journal_record(j, i, &r), ATH_OK);
        assert_int_equal(r.stage, 1);
        assert_int_equal(r.state, i == 5 ? ATH_STATE_QUARANTINED : ATH_STATE_FINISHED);
        assert_int_equal(r.reason, i == 5 ? ATH_REASON_NON_FINITE : ATH_REASON_BUDGET);
    }
    ath_sink_destroy(&sink);
    ath_journal_close(&j);
}

static void test_who_may(void **state)
{
    fixture *f = *state;
    ath_journal *j = NULL, *other = NULL;
    ath_journal_config config = {.size = sizeof config, .write = true, .identity = {3, 4}};
    ath_record r = rig_record(0);
    assert_int_equal(rig_open(f->ctx, false, &j), ATH_E_NOT_FOUND);
    assert_int_equal(rig_open(f->ctx, true, &j), ATH_OK);
    assert_int_equal(rig_open(f->ctx, true, &other), ATH_E_STATE); /* locked */
    assert_null(other);
    assert_int_equal(rig_put(j, f->ctx, 0, NULL), ATH_OK);
    assert_int_equal(ath_journal_commit(j), ATH_OK);
    r.stage = -1;
    assert_int_equal(ath_journal_put(j, &r, NULL, NULL), ATH_E_RANGE);
    assert_int_equal(ath_journal_record(j, 1, &r), ATH_E_RANGE);
    ath_journal_close(&j);
    assert_int_equal(ath_journal_open(f->ctx, "j", &config, &j), ATH_E_EXISTS);
    config.identity = (ath_uid){0, 0}; /* any */
    assert_int_equal(ath_journal_open(f->ctx, "j", &config, &j), ATH_OK);
    ath_journal_close(&j);
    config.group = 5000;
    assert_int_equal(ath_journal_open(f->ctx, "j", &config, &j), ATH_E_RANGE);
    config.size = 1;
    assert_int_equal(ath_journal_open(f->ctx, "j", &config, &j), ATH_E_ABI);
    assert_int_equal(rig_open(f->ctx, false, &j), ATH_OK);
    r = rig_record(1);
    assert_int_equal(ath_journal_put(j, &r, NULL, NULL), ATH_E_STATE);
    assert_int_equal(ath_journal_commit(j), ATH_E_STATE);
    ath_journal_close(&j);
}

/* A section of a later version is no damage: the journal is refused as a whole. */
static void test_newer(void **state)
{
    fixture *f = *state;
    ath_journal *j = NULL;
    rig_acks acked = {0};
    assert_int_equal(rig_fill(f->ctx, 1, &acked), ATH_OK);
    disk_file *file = disk_find(&f->d, "j/00000001.journal");
    assert_non_null(file);
    const size_t at = ath__head_find(file->data, file->size, 0, ATH__MARK_SECTION);
    ath__head head;
    assert_true(ath__head_read(file->data + at, ATH__MARK_SECTION, &head));
    head.b = 2;
    ath__head_write(file->data + at, ATH__MARK_SECTION, &head);
    assert_int_equal(rig_open(f->ctx, true, &j), ATH_E_UNSUPPORTED);
    assert_int_equal(rig_open(f->ctx, false, &j), ATH_E_UNSUPPORTED);
}

/* A lost segment costs its records, not those behind it, and its number is not used again. */
static void test_lost_segment(void **state)
{
    fixture *f = *state;
    ath_journal *j = NULL;
    bool has[RIG_RECORDS];
    rig_acks acked = {0};
    assert_int_equal(rig_fill(f->ctx, RIG_RECORDS, &acked), ATH_OK);
    disk_find(&f->d, "j/00000001.journal")->name[0] = '\0';
    assert_int_equal(rig_open(f->ctx, true, &j), ATH_OK);
    assert_true(rig_known(j, f->ctx, has) > 0);
    assert_true(has[RIG_RECORDS - 1]);
    assert_true(inspect(j).n_damaged > 0);
    ath_journal_close(&j);
}

/* Segments as seeds for the fuzzer, whole and torn; the first byte says that checksums are as they
 * are, or to be made right. */
static int write_seeds(const char *folder)
{
    disk d = {0};
    failing memory = {0};
    rig_acks acked = {0};
    ath_context *ctx = rig_context(&d, &memory);
    int n = 0;
    (void)rig_fill(ctx, RIG_RECORDS, &acked);
    for (int k = 0; k < DISK_FILES; k++) {
        const disk_file *f = &d.files[k];
        for (int torn = 0; torn < 3 && strstr(f->name, ".journal"); torn++) {
            char path[512];
            snprintf(path, sizeof path, "%s/segment_%d", folder, n++);
            FILE *to = fopen(path, "wb");
            if (!to) {
                return 1;
            }
            fputc(torn % 2, to);
            fwrite(f->data, 1, torn == 2 ? f->size * 2 / 3 : f->size, to);
            fclose(to);
        }
    }
    ath_context_destroy(&ctx);
    disk_free(&d);
    return 0;
}

/* test_journal [--seeds FOLDER] */
int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "--seeds")) {
        return write_seeds(argv[2]);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_groups, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_look, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ready, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sink, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_who_may, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_newer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lost_segment, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
