/* Edges of a system against brute force over images, and every allocation failing in turn. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/failing.h"
#include "data/cell.h"
#include "data/kit.h"

static int set_up(void **state)
{
    ath_context *ctx = NULL;
    const int bad = ath_context_create(NULL, &ctx) != ATH_OK;
    *state = ctx;
    return bad;
}

static int tear_down(void **state)
{
    ath_context *ctx = *state;
    ath_context_destroy(&ctx);
    return 0;
}

static double *positions(ath_system *system)
{
    void *rows = NULL;
    assert_int_equal(ath_system_field(system, ATH_FIELD_POSITIONS, &rows), ATH_OK);
    return rows;
}

static void set_cell(ath_system *system, const double cell[9], const int32_t pbc[3])
{
    void *rows = NULL;
    assert_int_equal(ath_system_field(system, ATH_FIELD_CELL, &rows), ATH_OK);
    memcpy(rows, cell, 9 * sizeof(double));
    assert_int_equal(ath_system_field(system, ATH_FIELD_PBC, &rows), ATH_OK);
    memcpy(rows, pbc, 3 * sizeof(int32_t));
}

/* All pairs over all images that can be within the cutoff, atom i and image S in any order. */
static int64_t brute_force(const ath_system *system, double cutoff, double *shortest)
{
    static const double no_cell[9];
    static const int32_t open[3];
    const double *x = ath_system_peek(system, ATH_FIELD_POSITIONS);
    const double *cell = ath_system_peek(system, ATH_FIELD_CELL);
    const int32_t *pbc = ath_system_peek(system, ATH_FIELD_PBC);
    const int32_t n = ath_system_n_atoms(system);
    double h[9], g[9], heights[3], least = INFINITY;
    int64_t found = 0;
    pbc = pbc ? pbc : open;
    assert_true(ath__cell_complete(cell ? cell : no_cell, pbc, h));
    assert_true(ath__cell_reciprocal(h, g));
    ath__cell_heights(g, heights);
    for (int32_t i = 0; i < n; i++) {
        for (int32_t j = 0; j < n; j++) {
            int32_t lo[3], hi[3];
            for (int k = 0; k < 3; k++) {
                /* |f + S| heights <= cutoff, f the fractional difference */
                double f = 0.0;
                for (int m = 0; m < 3; m++) {
                    f += g[3 * k + m] * (x[3 * j + m] - x[3 * i + m]);
                }
                lo[k] = pbc[k] ? (int32_t)floor(-cutoff / heights[k] - f - 0.01) : 0;
                hi[k] = pbc[k] ? (int32_t)ceil(cutoff / heights[k] - f + 0.01) : 0;
            }
            for (int32_t a = lo[0]; a <= hi[0]; a++) {
                for (int32_t b = lo[1]; b <= hi[1]; b++) {
                    for (int32_t c = lo[2]; c <= hi[2]; c++) {
                        double d2 = 0.0;
                        for (int k = 0; k < 3; k++) {
                            const double d = (x[3 * j + k] - x[3 * i + k]) +
                                             (a * h[k] + b * h[3 + k] + c * h[6 + k]);
                            d2 += d * d;
                        }
                        if (d2 <= cutoff * cutoff && (i != j || a || b || c)) {
                            found++;
                            least = d2 < least ? d2 : least;
                        }
                    }
                }
            }
        }
    }
    *shortest = sqrt(least);
    return found;
}

static void check(const ath_system *system, double cutoff, const char *what)
{
    double shortest = -1.0, expected_shortest = -1.0;
    int64_t n = -1;
    assert_int_equal(ath_system_edges(system, cutoff, &n, &shortest), ATH_OK);
    const int64_t expected = brute_force(system, cutoff, &expected_shortest);
    if (n != expected || memcmp(&shortest, &expected_shortest, sizeof shortest) != 0) {
        fail_msg("%s: %d atoms, cutoff %g: %lld edges, shortest %.17g; expected %lld, %.17g", what,
                 (int)ath_system_n_atoms(system), cutoff, (long long)n, shortest,
                 (long long)expected, expected_shortest);
    }
    assert_int_equal(ath_system_edges(system, cutoff, &n, NULL), ATH_OK);
    assert_int_equal(n, expected);
}

/* Random cells, from cubes to needles, all periodicities, atoms in the cell, outside and on top of
 * one another, cutoffs from less than a bond to several cells. */
static void test_random(void **state)
{
    uint64_t rng = 11;
    for (int run = 0; run < 1500; run++) {
        const int32_t n = 1 + kit_below(&rng, run % 10 == 0 ? 60 : 12);
        const double spread = run % 3 == 0 ? 1.0 : run % 3 == 1 ? 3.0 : 40.0;
        const double size = 1.0 + fabs(kit_real(&rng)) * (run % 4 == 0 ? 0.5 : 2.0);
        const int32_t pbc[3] = {run & 1, run >> 1 & 1, run >> 2 & 1};
        double cell[9] = {0}, volume;
        ath_system *system = NULL;
        do {
            for (int k = 0; k < 9; k++) {
                cell[k] = k % 4 == 0 ? size * (1.0 + 0.1 * kit_real(&rng))
                                     : 0.2 * size * (run % 5 == 0 ? 0.0 : kit_real(&rng));
            }
            volume = fabs(ath__cell_det(cell));
        } while (volume < 0.2 * size * size * size);
        if (run % 7 == 0) { /* left-handed */
            for (int k = 0; k < 3; k++) {
                cell[k] = -cell[k];
            }
        }
        assert_int_equal(ath_system_create(*state, n, &system), ATH_OK);
        double *x = positions(system);
        for (int32_t i = 0; i < 3 * n; i++) {
            x[i] = spread * kit_real(&rng);
        }
        if (n > 2 && run % 6 == 0) { /* two atoms in one place: distance 0 */
            memcpy(x + 3, x, 3 * sizeof *x);
        }
        set_cell(system, cell, pbc);
        check(system, 0.3 * size, "short");
        check(system, size, "one cell");
        if (n < 8) {
            check(system, 2.7 * size, "several cells");
        }
        if (!(pbc[0] || pbc[1] || pbc[2])) {
            check(system, 30.0 * spread, "all");
        }
        ath_system_destroy(&system);
    }
}

/* A grid on which many pairs lie exactly at the cutoff and on the borders of boxes. */
static void test_grid(void **state)
{
    static const int32_t pbcs[4][3] = {{0, 0, 0}, {1, 1, 1}, {1, 0, 1}, {0, 0, 1}};
    const double cell[9] = {6, 0, 0, 0, 6, 0, 0, 0, 6};
    for (int run = 0; run < 4; run++) {
        ath_system *system = NULL;
        double shortest;
        int64_t n;
        assert_int_equal(ath_system_create(*state, 216, &system), ATH_OK);
        double *x = positions(system);
        for (int i = 0; i < 216; i++) {
            x[3 * i] = i % 6 - 2;
            x[3 * i + 1] = i / 6 % 6 + 7;
            x[3 * i + 2] = i / 36 - 300;
        }
        set_cell(system, cell, pbcs[run]);
        check(system, 1.0, "grid");
        check(system, 2.0, "grid");
        check(system, 3.0, "grid");
        check(system, 6.0, "grid");
        if (run == 1) { /* by hand: 6 and 6 + 12 + 8 + 6 neighbours */
            assert_int_equal(ath_system_edges(system, 1.0, &n, &shortest), ATH_OK);
            assert_int_equal(n, 216 * 6);
            assert_true(shortest == 1.0);
            assert_int_equal(ath_system_edges(system, 2.0, &n, &shortest), ATH_OK);
            assert_int_equal(n, 216 * 32);
        }
        ath_system_destroy(&system);
    }
}

/* Cells of one atom: its own images, by hand; a lone atom and an empty system have none. */
static void test_few(void **state)
{
    static const int32_t all[3] = {1, 1, 1}, none[3], one[3] = {0, 1, 0};
    const double cell[9] = {2, 0, 0, 0, 2, 0, 0, 0, 2};
    ath_system *system = NULL;
    double shortest = 0.0;
    int64_t n = -1;
    assert_int_equal(ath_system_create(*state, 1, &system), ATH_OK);
    assert_int_equal(ath_system_edges(system, 5.0, &n, &shortest), ATH_OK);
    assert_int_equal(n, 0);
    assert_true(isinf(shortest) && shortest > 0.0);
    set_cell(system, cell, all);
    assert_int_equal(ath_system_edges(system, 1.9, &n, &shortest), ATH_OK);
    assert_int_equal(n, 0);
    assert_int_equal(ath_system_edges(system, 2.0, &n, &shortest), ATH_OK);
    assert_int_equal(n, 6);
    assert_true(shortest == 2.0);
    assert_int_equal(ath_system_edges(system, 2.9, &n, &shortest), ATH_OK);
    assert_int_equal(n, 18);
    set_cell(system, cell, one);
    assert_int_equal(ath_system_edges(system, 6.5, &n, &shortest), ATH_OK);
    assert_int_equal(n, 6);
    ath_system_destroy(&system);
    assert_int_equal(ath_system_create(*state, 0, &system), ATH_OK);
    set_cell(system, cell, all);
    assert_int_equal(ath_system_edges(system, 6.5, &n, &shortest), ATH_OK);
    assert_int_equal(n, 0);
    ath_system_destroy(&system);
    assert_int_equal(ath_system_create(*state, 2, &system), ATH_OK); /* both in the origin */
    set_cell(system, cell, none);
    assert_int_equal(ath_system_edges(system, 0.1, &n, &shortest), ATH_OK);
    assert_int_equal(n, 2);
    assert_true(shortest == 0.0);
    ath_system_destroy(&system);
}

/* A large crystal with a few atoms astronomically far away: counted by the number per atom. */
static void test_large(void **state)
{
    enum { SIDE = 30, N = SIDE * SIDE * SIDE };
    ath_system *system = NULL;
    double shortest;
    int64_t n;
    assert_int_equal(ath_system_create(*state, N + 3, &system), ATH_OK);
    double *x = positions(system);
    for (int i = 0; i < N; i++) {
        x[3 * i] = i % SIDE;
        x[3 * i + 1] = i / SIDE % SIDE;
        x[3 * i + 2] = i / SIDE / SIDE;
    }
    for (int k = 0; k < 3; k++) {
        x[3 * N + k] = 1e30;
        x[3 * N + 3 + k] = 1e30;
        x[3 * N + 6 + k] = -1e300;
    }
    assert_int_equal(ath_system_edges(system, 1.2, &n, &shortest), ATH_OK);
    assert_int_equal(n, 6 * SIDE * SIDE * (SIDE - 1) + 2);
    assert_true(shortest == 0.0); /* the two at 1e30 */
    ath_system_destroy(&system);
}

static void test_refused(void **state)
{
    static const int32_t all[3] = {1, 1, 1}, none[3], two[3] = {1, 1, 0};
    const double cube[9] = {4, 0, 0, 0, 4, 0, 0, 0, 4};
    const double flat[9] = {4, 0, 0, 0, 4, 0, 4, 4, 0};
    const double line[9] = {4, 0, 0, 8, 0, 0, 0, 0, 4};
    const double tiny[9] = {1e-9, 0, 0, 0, 1e-9, 0, 0, 0, 1e-9};
    const double wild[9] = {INFINITY, 0, 0, 0, 4, 0, 0, 0, 4};
    const double less[9] = {1e-200, 0, 0, 0, 1e-200, 0, 0, 0, 4};
    ath_context *ctx = *state;
    ath_system *system = NULL;
    int64_t n = 0;
    assert_int_equal(ath_system_create(ctx, 2, &system), ATH_OK);
    double *x = positions(system);
    x[0] = 1.5;
    assert_int_equal(ath_system_edges(NULL, 1.0, &n, NULL), ATH_E_ARGUMENT);
    assert_int_equal(ath_system_edges(system, 1.0, NULL, NULL), ATH_E_ARGUMENT);
    assert_int_equal(ath_system_edges(system, 0.0, &n, NULL), ATH_E_ARGUMENT);
    assert_int_equal(ath_system_edges(system, -1.0, &n, NULL), ATH_E_ARGUMENT);
    assert_int_equal(ath_system_edges(system, NAN, &n, NULL), ATH_E_ARGUMENT);
    assert_int_equal(ath_system_edges(system, INFINITY, &n, NULL), ATH_E_ARGUMENT);
    set_cell(system, flat, all);
    assert_int_equal(ath_system_edges(system, 3.0, &n, NULL), ATH_E_RANGE);
    assert_non_null(strstr(ath_context_message(ctx), "no volume"));
    set_cell(system, flat, two); /* the third vector means nothing */
    assert_int_equal(ath_system_edges(system, 3.0, &n, NULL), ATH_OK);
    set_cell(system, line, two);
    assert_int_equal(ath_system_edges(system, 3.0, &n, NULL), ATH_E_RANGE);
    set_cell(system, wild, all);
    assert_int_equal(ath_system_edges(system, 3.0, &n, NULL), ATH_E_RANGE);
    set_cell(system, less, all);
    assert_int_equal(ath_system_edges(system, 3.0, &n, NULL), ATH_E_RANGE);
    set_cell(system, tiny, all);
    assert_int_equal(ath_system_edges(system, 3.0, &n, NULL), ATH_E_RANGE);
    assert_non_null(strstr(ath_context_message(ctx), "too small"));
    set_cell(system, cube, all);
    x[4] = 1e30;
    assert_int_equal(ath_system_edges(system, 3.0, &n, NULL), ATH_E_RANGE);
    assert_non_null(strstr(ath_context_message(ctx), "atom 1 is more than"));
    set_cell(system, cube, none);
    assert_int_equal(ath_system_edges(system, 3.0, &n, NULL), ATH_OK);
    x[4] = NAN;
    n = 77;
    assert_int_equal(ath_system_edges(system, 3.0, &n, NULL), ATH_E_RANGE);
    assert_non_null(strstr(ath_context_message(ctx), "position of atom 1 is not finite"));
    assert_int_equal(n, 77);
    ath_system_destroy(&system);
}

static void test_every_allocation(void **state)
{
    (void)state;
    failing f = {0};
    ath_context_config config = failing_config(&f);
    ath_context *ctx = NULL;
    ath_system *system = NULL;
    uint64_t rng = 5;
    int failures = 0;
    assert_int_equal(ath_context_create(&config, &ctx), ATH_OK);
    assert_int_equal(ath_system_create(ctx, 50, &system), ATH_OK);
    kit_fill(system, ATH_FIELD_POSITIONS, &rng);
    const int64_t n_blocks = f.n_blocks;
    for (int k = 1;; k++) {
        int64_t n = 0;
        f.fail_at = f.n_calls + k;
        const ath_status status = ath_system_edges(system, 1.5, &n, NULL);
        assert_int_equal(f.n_blocks, n_blocks);
        if (status == ATH_OK) {
            break;
        }
        assert_int_equal(status, ATH_E_NO_MEMORY);
        failures++;
    }
    assert_int_equal(failures, 2);
    f.fail_at = 0;
    check(system, 1.5, "after failures");
    ath_system_destroy(&system);
    ath_context_destroy(&ctx);
    assert_int_equal(f.n_blocks, 0);
    assert_int_equal(f.n_wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),  cmocka_unit_test(test_grid),
        cmocka_unit_test(test_few),     cmocka_unit_test(test_large),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_every_allocation),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
