/* The sampler by size: order, room, limits, batches. Rows of the
 * table of behaviours that a check stands for are named as J1 ... J33.
 */
#include "flow/sampler_rig.h"

#include <math.h>

#include <athanor/device.h>

/* A batch that is filled from empty, and what is in it. */
typedef struct filled {
    ath_status status;
    int32_t n;
    int64_t n_atoms;
    int32_t sizes[32];
} filled;

static filled fill(ath_context *ctx, ath_sampler *sampler)
{
    filled f = {0};
    ath_device *device = NULL;
    ath_batch *batch = NULL;
    const int64_t n_before = rig_counts(sampler).n_systems;
    assert_int_equal(ath_device_open(ctx, "host", &device), ATH_OK);
    f.status = ath_sampler_initial_batch(sampler, device, &batch);
    if (batch) {
        f.n = ath_batch_n_systems(batch);
        f.n_atoms = ath_batch_n_atoms(batch);
        for (int32_t i = 0; i < f.n && i < 32; i++) {
            int32_t code = -1;
            int64_t label = -1;
            f.sizes[i] = ath_batch_n_atoms_of(batch, i);
            assert_int_equal(ath_batch_read(batch, ATH_FIELD_STATUS, i, &code), ATH_OK);
            assert_int_equal(code, 0); /* J14 */
            assert_int_equal(ath_batch_read(batch, ATH_FIELD_SYSTEM_ID, i, &label), ATH_OK);
            assert_int_equal(label, n_before + i);
        }
    }
    ath_batch_destroy(&batch);
    ath_device_close(&device);
    return f;
}

static bool has_size(const filled *f, int32_t size)
{
    for (int32_t i = 0; i < f->n; i++) {
        if (f->sizes[i] == size) {
            return true;
        }
    }
    return false;
}

/* ---- arguments and limits ---- */

static void test_arguments(void **state)
{
    static const struct {
        ath_sampler_size_config config;
        const char *message;
    } rows[] = {
        {{.max_systems = -1}, "must not be negative"},                 /* J4 */
        {{.max_systems = 0}, "at least one of"},                       /* J4 */
        {{.max_edges = 5, .edge_cutoff = 1}, "at least one of"},       /* J4 */
        {{.max_systems = 1, .max_atoms = -1}, "must not be negative"}, /* J4 */
        {{.max_systems = 1, .max_edges = -1}, "must not be negative"}, /* J4 */
        {{.max_systems = 1, .bin_width = -1}, "bin_width"},            /* J5 */
        {{.max_systems = 1, .patience = -1}, "patience"},
        {{.max_systems = 1, .edge_cutoff = -1}, "edge_cutoff"},
        {{.max_systems = 1, .edge_cutoff = NAN}, "edge_cutoff"},
        {{.max_systems = 1, .max_edges = 9}, "max_edges needs an edge_cutoff"},
        {{.max_systems = 1, .prefetch = true}, "another context"},
    };
    ath_context *ctx = *state;
    ath_sampler *source = NULL, *sampler = NULL;
    assert_int_equal(ath_sampler_from_systems(ctx, NULL, 0, &source), ATH_OK);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ath_sampler_size_config config = rows[i].config;
        config.size = sizeof config;
        config.source = source;
        assert_int_equal(ath_sampler_by_size(ctx, &config, &sampler), ATH_E_ARGUMENT);
        assert_null(sampler);
        assert_non_null(strstr(ath_context_message(ctx), rows[i].message));
    }
    ath_sampler_size_config config = {.size = sizeof config, .max_systems = 1};
    assert_int_equal(ath_sampler_by_size(ctx, &config, &sampler), ATH_E_ARGUMENT); /* J7 */
    assert_non_null(strstr(ath_context_message(ctx), "source"));
    config.source = source;
    config.size--;
    assert_int_equal(ath_sampler_by_size(ctx, &config, &sampler), ATH_E_ABI);
    assert_int_equal(ath_sampler_by_size(ctx, NULL, &sampler), ATH_E_ARGUMENT);
    assert_int_equal(ath_sampler_from_callback(ctx, NULL, NULL, &sampler), ATH_E_ARGUMENT); /* J7 */
    assert_int_equal(ath_sampler_request(source, NULL, NULL), ATH_E_ARGUMENT);
    assert_int_equal(ath_sampler_request_all(source, NULL, NULL, 0, NULL), ATH_E_ARGUMENT);
    assert_int_equal(ath_sampler_initial_batch(source, NULL, NULL), ATH_E_ARGUMENT);
    assert_int_equal(ath_sampler_save(source, NULL, NULL), ATH_E_ARGUMENT);
    assert_int_equal(ath_sampler_load(source, NULL, 0), ATH_E_ARGUMENT);
    assert_int_equal(ath_sampler_max_atoms(NULL), 0);
    assert_int_equal(ath_sampler_length(NULL), 0);
    assert_true(ath_sampler_exhausted(NULL));
    assert_true(ath_sampler_exhausted(source));
    ath_sampler_destroy(&source);
}

static void test_limits(void **state)
{
    /* J1, J25: all there, not exhausted; J33: limits are readable */
    rig_sizes r = rig_by_size(*state, SIZES(10, 15, 8, 12, 5), 1,
                              CONFIG(.max_atoms = 100, .max_edges = 200, .max_systems = 10));
    assert_int_equal(ath_sampler_length(r.sampler), 5);
    assert_false(ath_sampler_exhausted(r.sampler));
    assert_int_equal(ath_sampler_max_atoms(r.sampler), 100);
    assert_int_equal(ath_sampler_max_edges(r.sampler), 200);
    assert_int_equal(ath_sampler_max_systems(r.sampler), 10);
    assert_int_equal(ath_sampler_max_atoms(r.source), 0);
    rig_by_size_end(&r);

    /* J3: without a limit nothing is too large */
    r = rig_by_size(*state, SIZES(500, 5), 1, CONFIG(.max_systems = 10));
    assert_int_equal(rig_request(r.sampler, -1, -1, false), 500);
    rig_by_size_end(&r);
    r = rig_by_size(*state, SIZES(50, 5), 9, CONFIG(.max_atoms = 50, .edge_cutoff = RIG_CUTOFF));
    assert_int_equal(rig_request(r.sampler, -1, -1, false), 50);
    rig_by_size_end(&r);
}

/* J2: what can never fit is refused once, with the numbers, and is gone. */
static void test_too_large(void **state)
{
    ath_context *ctx = *state;
    rig_sizes r = rig_by_size(ctx, SIZES(5, 100, 7), 1, CONFIG(.max_atoms = 50));
    int64_t frame = -1;
    assert_int_equal(rig_request(r.sampler, -1, -1, false), RIG_FAILED + ATH_E_RANGE);
    assert_non_null(strstr(ath_context_message(ctx), "100 atoms"));
    assert_non_null(strstr(ath_context_message(ctx), "50 at most: this system can never fit"));
    assert_null(ath_sampler_where(r.sampler, &frame));
    assert_int_equal(frame, 1);
    assert_int_equal(rig_counts(r.sampler).n_refused, 1);
    assert_int_equal(rig_request(r.sampler, -1, -1, false), 7);
    assert_null(ath_sampler_where(r.sampler, &frame));
    assert_int_equal(frame, 2);
    assert_int_equal(rig_request(r.sampler, -1, -1, false), 5);
    assert_int_equal(rig_request(r.sampler, -1, -1, false), END);
    rig_by_size_end(&r);
    r = rig_by_size(ctx, SIZES(100, 7), 1, CONFIG(.max_systems = 5, .max_edges = 100));
    assert_int_equal(rig_request(r.sampler, -1, -1, false), RIG_FAILED + ATH_E_RANGE);
    assert_non_null(strstr(ath_context_message(ctx), "200 edges"));
    assert_non_null(strstr(ath_context_message(ctx), "100 at most"));
    assert_int_equal(rig_request(r.sampler, -1, -1, false), 7);
    rig_by_size_end(&r);
    /* nobody asked: length and exhausted meet it, the next request reports it */
    r = rig_by_size(ctx, SIZES(100), 1, CONFIG(.max_atoms = 50));
    assert_false(ath_sampler_exhausted(r.sampler));
    assert_int_equal(ath_sampler_length(r.sampler), 0);
    ath_system *none = NULL;
    assert_int_equal(ath_system_create(ctx, -1, &none), ATH_E_RANGE); /* another message */
    assert_int_equal(rig_request(r.sampler, -1, -1, false), RIG_FAILED + ATH_E_RANGE);
    assert_non_null(strstr(ath_context_message(ctx), "100 atoms"));
    assert_true(ath_sampler_exhausted(r.sampler));
    assert_int_equal(rig_request(r.sampler, -1, -1, false), END);
    rig_by_size_end(&r);
}

/* Edges that cannot be counted. */
static void test_no_edges(void **state)
{
    ath_context *ctx = *state;
    void *rows = NULL;
    ath_system *systems[3] = {rig_ring(ctx, 4, 1, 0), rig_ring(ctx, 4, 1, 1),
                              rig_ring(ctx, 3, 1, 2)};
    ath_sampler *source = NULL, *sampler = NULL;
    assert_int_equal(ath_system_field(systems[1], ATH_FIELD_POSITIONS, &rows), ATH_OK);
    ((double *)rows)[5] = NAN;
    assert_int_equal(ath_sampler_from_systems(ctx, systems, 3, &source), ATH_OK);
    const ath_sampler_size_config config = {
        .size = sizeof config, .source = source, .max_systems = 9, .edge_cutoff = RIG_CUTOFF};
    assert_int_equal(ath_sampler_by_size(ctx, &config, &sampler), ATH_OK);
    int64_t frame = -1;
    assert_int_equal(rig_request(sampler, -1, -1, false), RIG_FAILED + ATH_E_RANGE);
    assert_non_null(strstr(ath_context_message(ctx), "position of atom 1 is not finite"));
    (void)ath_sampler_where(sampler, &frame);
    assert_int_equal(frame, 1);
    assert_int_equal(rig_request(sampler, -1, 7, false), 3);
    assert_int_equal(rig_request(sampler, -1, 7, false), AGAIN);
    assert_int_equal(rig_request(sampler, -1, 8, false), 4);
    assert_int_equal(rig_request(sampler, -1, 8, false), END);
    assert_int_equal(rig_counts(sampler).n_refused, 1);
    ath_sampler_destroy(&sampler);
    ath_sampler_destroy(&source);
    for (int i = 0; i < 3; i++) {
        ath_system_destroy(&systems[i]);
    }
}

/* ---- batches from empty ---- */

static void test_initial(void **state)
{
    static const struct {
        ath_sampler_size_config config;
        int32_t n, sizes[8];
        int32_t most, n_out, out[8];
    } rows[] = {
        /* J9, J12 */
        {{.max_systems = 3}, 5, {5, 5, 5, 5, 5}, 3, 3, {5, 5, 5}},
        {{.max_atoms = 20}, 5, {5, 5, 5, 5, 5}, 20, 4, {5, 5, 5, 5}},
        /* J10 */
        {{.max_atoms = 55}, 5, {10, 20, 30, 40, 50}, 55, 2, {10, 20}},
        /* J11: 2 edges an atom */
        {{.max_systems = 9, .max_edges = 55}, 3, {10, 20, 25}, 55, 1, {10}},
        /* J13 */
        {{.max_atoms = 30, .max_edges = 60, .max_systems = 2}, 4, {5, 10, 15, 20}, 30, 2, {5, 10}},
        /* J16: the bins take turns */
        {{.max_systems = 99}, 6, {15, 12, 5, 5, 5, 12}, 99, 6, {5, 12, 15, 5, 12, 5}},
        /* J17 */
        {{.max_atoms = 20}, 5, {5, 5, 5, 12, 15}, 20, 2, {5, 12}},
        /* J22, J27: wide bins, in each the order of the source */
        {{.max_systems = 1, .bin_width = 10}, 4, {30, 25, 15, 5}, 99, 1, {5}},
        {{.max_systems = 5, .bin_width = 100}, 5, {3, 1, 2, 5, 4}, 99, 5, {3, 1, 2, 5, 4}},
        /* the first of the bin that fits */
        {{.max_atoms = 16, .bin_width = 10}, 4, {9, 8, 5, 2}, 16, 3, {9, 5, 2}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rig_sizes r = rig_by_size(*state, rows[i].sizes, rows[i].n, 1, rows[i].config);
        const filled f = fill(*state, r.sampler);
        assert_int_equal(f.status, ATH_OK);
        assert_int_equal(f.n, rows[i].n_out);
        assert_memory_equal(f.sizes, rows[i].out, (size_t)f.n * sizeof *f.sizes);
        assert_true(!rows[i].config.max_atoms || f.n_atoms <= rows[i].config.max_atoms);
        assert_int_equal(ath_sampler_length(r.sampler), rows[i].n - f.n); /* J15, J26 */
        rig_by_size_end(&r);
    }
    rig_sizes r = rig_by_size(*state, SIZES(5, 5, 5, 12, 15), 1, CONFIG(.max_atoms = 20));
    filled f = fill(*state, r.sampler);
    assert_true(has_size(&f, 5) && has_size(&f, 12)); /* J17 */
    f = fill(*state, r.sampler);                      /* the turns begin anew */
    assert_true(f.n == 2 && f.sizes[0] == 5 && f.sizes[1] == 15);
    f = fill(*state, r.sampler);
    assert_true(f.n == 1 && f.sizes[0] == 5);
    f = fill(*state, r.sampler); /* J18 */
    assert_int_equal(f.status, ATH_E_STATE);
    assert_non_null(strstr(ath_context_message(*state), "nothing left"));
    rig_by_size_end(&r);
    /* refused ones are passed over and counted */
    r = rig_by_size(*state, SIZES(99, 5, 98, 4, 97), 1, CONFIG(.max_atoms = 20));
    assert_int_equal(ath_sampler_length(r.sampler), 4); /* meets the first */
    f = fill(*state, r.sampler);
    assert_int_equal(f.status, ATH_OK);
    assert_true(f.n == 2 && f.sizes[0] == 4 && f.sizes[1] == 5);
    assert_int_equal(rig_counts(r.sampler).n_refused, 3);
    assert_true(ath_sampler_exhausted(r.sampler));
    rig_by_size_end(&r);
    /* a sampler without limits: all that is left; a status that systems bring along is reset */
    void *code;
    r = rig_by_size(*state, SIZES(3, 2, 1), 1, CONFIG(.max_atoms = 20));
    assert_int_equal(ath_system_field(r.systems[1], ATH_FIELD_STATUS, &code), ATH_OK);
    *(int32_t *)code = 7;
    f = fill(*state, r.source);
    assert_true(f.n == 3 && f.sizes[0] == 3 && f.sizes[1] == 2 && f.sizes[2] == 1);
    rig_by_size_end(&r);
}

/* ---- replacements ---- */

static void test_replacements(void **state)
{
    rig_sizes r = rig_by_size(*state, SIZES(10, 15, 8, 12, 20), 1,
                              CONFIG(.max_atoms = 100, .max_edges = 200));
    assert_int_equal(rig_request(r.sampler, 15, 30, false), 15); /* J19, J24: equal is accepted */
    assert_int_equal(rig_request(r.sampler, 15, 30, false), 12);
    assert_int_equal(rig_request(r.sampler, 100, 18, false), 8);   /* edges decide */
    assert_int_equal(ath_sampler_length(r.sampler), 2);            /* J23 */
    assert_int_equal(rig_request(r.sampler, 5, 10, false), AGAIN); /* J21 */
    assert_int_equal(rig_request(r.sampler, 100, 19, false), AGAIN);
    assert_int_equal(rig_request(r.sampler, 9, 1000, false), AGAIN);
    const ath_sampler_room none = {.n_systems = 0, .n_atoms = -1, .n_edges = -1};
    ath_system *system = NULL;
    assert_int_equal(ath_sampler_request(r.sampler, &none, &system), ATH_AGAIN);
    assert_int_equal(rig_request(r.sampler, 10, -1, false), 10);
    assert_int_equal(ath_sampler_length(r.sampler), 1); /* J23 */
    assert_false(ath_sampler_exhausted(r.sampler));     /* J25 */
    assert_int_equal(rig_request(r.sampler, -1, -1, false), 20);
    assert_int_equal(ath_sampler_length(r.sampler), 0);           /* J23 */
    assert_true(ath_sampler_exhausted(r.sampler));                /* J23, J25 */
    assert_int_equal(rig_request(r.sampler, 15, 30, false), END); /* J20 */
    assert_int_equal(rig_counts(r.sampler).n_deferred, 4);
    rig_by_size_end(&r);
    /* J22 */
    r = rig_by_size(*state, SIZES(30, 25, 15, 5), 1,
                    CONFIG(.max_systems = 1, .max_edges = 90, .bin_width = 10));
    assert_int_equal(fill(*state, r.sampler).sizes[0], 5);
    assert_int_equal(rig_request(r.sampler, 20, 40, false), 15);
    rig_by_size_end(&r);
    /* J27 */
    r = rig_by_size(*state, SIZES(5, 15, 25), 1, CONFIG(.max_systems = 1, .bin_width = 10));
    assert_int_equal(fill(*state, r.sampler).sizes[0], 5);
    assert_int_equal(rig_request(r.sampler, 20, 40, false), 15);
    rig_by_size_end(&r);
    r = rig_by_size(*state, SIZES(1, 2, 3, 4, 5), 1, CONFIG(.max_systems = 1));
    assert_int_equal(fill(*state, r.sampler).sizes[0], 1);
    for (int n = 2; n <= 5; n++) {
        assert_int_equal(rig_request(r.sampler, n, 2 * n, false), n);
    }
    rig_by_size_end(&r);
    /* J25: three of ten */
    r = rig_by_size(*state, SIZES(1, 2, 3, 4, 5, 6, 7, 8, 9, 10), 1, CONFIG(.max_systems = 3));
    assert_int_equal(fill(*state, r.sampler).n, 3);
    assert_false(ath_sampler_exhausted(r.sampler));
    assert_int_equal(ath_sampler_length(r.sampler), 7); /* J26 */
    assert_int_equal(rig_request(r.sampler, -1, -1, false), 10);
    assert_int_equal(ath_sampler_length(r.sampler), 6); /* J26 */
    rig_by_size_end(&r);
    /* ath_sampler_next */
    r = rig_by_size(*state, SIZES(1, 2, 3), 1, CONFIG(.max_systems = 3));
    assert_int_equal(ath_sampler_next(r.sampler, 2, &system), ATH_OK);
    assert_int_equal(ath_system_n_atoms(system), 2);
    ath_system_destroy(&system);
    assert_int_equal(ath_sampler_next(r.sampler, 0, &system), ATH_AGAIN);
    rig_by_size_end(&r);
}

/* Atoms of what request_all gives. */
static int32_t take_all(ath_sampler *sampler, int64_t n_atoms, int64_t n_edges, int32_t max,
                        int32_t sizes[32])
{
    ath_system *systems[32] = {0};
    int32_t n = -1;
    const ath_sampler_room room = {.n_systems = -1, .n_atoms = n_atoms, .n_edges = n_edges};
    const ath_status status = ath_sampler_request_all(sampler, &room, systems, max, &n);
    for (int32_t i = 0; i < n; i++) {
        sizes[i] = ath_system_n_atoms(systems[i]);
        ath_system_destroy(&systems[i]);
    }
    return n > 0 || max == 0 ? n : -(int32_t)status;
}

static void test_request_all(void **state)
{
    int32_t sizes[32];
    rig_sizes r = rig_by_size(*state, SIZES(5, 10, 20, 50), 1, CONFIG(.max_atoms = 100));
    assert_int_equal(take_all(r.sampler, 60, -1, 5, sizes), 2); /* J29 */
    assert_true(sizes[0] == 50 && sizes[1] == 10);
    assert_int_equal(take_all(r.sampler, 60, -1, 0, sizes), 0);
    assert_int_equal(take_all(r.sampler, 4, -1, 5, sizes), AGAIN);
    assert_int_equal(take_all(r.sampler, 60, -1, 5, sizes), 2);
    assert_int_equal(take_all(r.sampler, 60, -1, 5, sizes), END);
    rig_by_size_end(&r);
    r = rig_by_size(*state, SIZES(5, 5, 5, 5, 5), 1, CONFIG(.max_atoms = 100));
    assert_int_equal(take_all(r.sampler, -1, -1, 3, sizes), 3); /* J30 */
    const ath_sampler_room one = {.n_systems = 1, .n_atoms = -1, .n_edges = -1};
    ath_system *two[2];
    int32_t n = 0;
    assert_int_equal(ath_sampler_request_all(r.sampler, &one, two, 2, &n), ATH_OK);
    assert_int_equal(n, 1); /* room for one system */
    ath_system_destroy(&two[0]);
    rig_by_size_end(&r);
    r = rig_by_size(*state, SIZES(10, 10, 10, 10, 10, 10, 10, 10, 10, 10), 1,
                    CONFIG(.max_atoms = 100, .max_edges = 200));
    assert_int_equal(take_all(r.sampler, 35, -1, 9, sizes), 3); /* J31 */
    assert_int_equal(take_all(r.sampler, -1, 45, 9, sizes), 2); /* edges are shared, too */
    rig_by_size_end(&r);
    r = rig_by_size(*state, SIZES(50, 5), 1, CONFIG(.max_atoms = 100));
    assert_int_equal(take_all(r.sampler, 55, -1, 9, sizes), 2); /* J32 */
    assert_int_equal(sizes[0], 50);
    rig_by_size_end(&r);
    /* a refusal ends it, with what came before */
    r = rig_by_size(*state, SIZES(5, 4, 99, 3), 1, CONFIG(.max_atoms = 10, .window = 1));
    ath_system *systems[4];
    const ath_sampler_room room = {.n_systems = -1, .n_atoms = -1, .n_edges = -1};
    assert_int_equal(ath_sampler_request_all(r.sampler, &room, systems, 4, &n), ATH_E_RANGE);
    assert_int_equal(n, 2);
    ath_system_destroy(&systems[0]);
    ath_system_destroy(&systems[1]);
    assert_int_equal(ath_sampler_request_all(r.sampler, &room, systems, 4, &n), ATH_OK);
    assert_int_equal(n, 1);
    ath_system_destroy(&systems[0]);
    rig_by_size_end(&r);
    /* of a sampler that does not look ahead: in its order */
    r = rig_by_size(*state, SIZES(2, 30, 1), 1, CONFIG(.max_atoms = 10));
    assert_int_equal(take_all(r.source, 10, -1, 9, sizes), 1);
    assert_int_equal(take_all(r.source, 40, -1, 9, sizes), 2);
    assert_true(sizes[0] == 30 && sizes[1] == 1);
    rig_by_size_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments),   cmocka_unit_test(test_limits),
        cmocka_unit_test(test_too_large),   cmocka_unit_test(test_no_edges),
        cmocka_unit_test(test_initial),     cmocka_unit_test(test_replacements),
        cmocka_unit_test(test_request_all),
    };
    return cmocka_run_group_tests(tests, rig_set_up, rig_tear_down);
}
