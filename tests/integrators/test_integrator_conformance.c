/* The conformance suite of the integrator interface: what any integrator must do on any device,
 * whatever its physics. Every test runs over every registered integrator, and over some with
 * options that make others of them, on "host" and on "mock".
 */
#include "integrators/deform.h"
#include "integrators/rig.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const devices[] = {"host", "mock"};

/* Further options; those of the table below have results to compare with. */
static const char *const texts[] = {
    "fire:cell=full",
    "fire:cell=shape,form=unit,mask=110111",
    "fire2:cell=full,pressure=3,pressure_xy=1",
    "fire2:cell=iso,form=unit",
    "lbfgs:memory=3",
    "lbfgs:cell=full",
    "lbfgs:cell=shape,memory=2,max_strain=0.01",
};

/* Sizes around the widths of the kernels: lanes of 8, rows of 32, noise of 16, blocks of 256. */
static const rig_spec company[] = {
    {1, 11, 101, 0},  {0, 12, 102, 0},  {7, 13, 103, 0},   {8, 14, 104, 1},
    {40, 15, 105, 1}, {33, 16, 106, 0}, {300, 17, 107, 0}, {17, 18, 108, 1},
};
enum { COMPANY = sizeof company / sizeof *company };

/* Every registered integrator, and options of it that make it another one, with its results. They
 * hold for every instruction set and compiler, so a change of a
 * number here is a change of every trajectory: say so in the change log. */
static const struct {
    const char *integrator;
    uint64_t hash;
} golden[] = {
    {"nve", UINT64_C(0xe870bc1bf6adb342)},
    {"nve:grid=true", UINT64_C(0x875fe6e4ba78ed71)},
    {"langevin", UINT64_C(0xdb122780acd1e780)},
    {"nose_hoover", UINT64_C(0x814fda96e3e81eb0)},
    {"csvr", UINT64_C(0x8e77c61fea0dc804)},
    {"npt", UINT64_C(0xd75eaa160aaaf587)},
    {"npt:coupling=aniso", UINT64_C(0x6d91b89928d3aaee)},
    {"npt:coupling=triclinic,yoshida=7,chain=1", UINT64_C(0xac965d7aa0a94fce)},
    {"nph", UINT64_C(0xa2dbe03f66ced808)},
    {"nph:coupling=triclinic", UINT64_C(0xeaa58e2923f8201e)},
    {"crescale", UINT64_C(0x823bfdcf76e7af33)},
    {"crescale:coupling=triclinic,thermostat=langevin", UINT64_C(0x4c2e4d2e678817f8)},
    {"fire", UINT64_C(0x78fc677a05e191f5)},
    {"fire2", UINT64_C(0x50f8ccb95a889229)},
    {"lbfgs", UINT64_C(0x6a4a1731cf9cb609)},
    {"fire:cell=full", UINT64_C(0x02412ccdcb9b039b)},
    {"fire2:cell=shape,form=unit", UINT64_C(0xe6fe941cd682436e)},
    {"lbfgs:cell=full,pressure=2,memory=3", UINT64_C(0xa3b2cac57af8759d)},
};

/* One test body for one integrator on one device. */
typedef void (*check)(const char *device, const char *integrator);

static void every(check body)
{
    const char *name, *help;
    const ath_option *options;
    for (int32_t i = 0; ath_integrator_list(i, &name, &help, &options) == ATH_OK; i++) {
        size_t k = 0;
        while (k < sizeof golden / sizeof *golden && strcmp(golden[k].integrator, name)) {
            k++;
        }
        assert_true(k < sizeof golden / sizeof *golden); /* the table names it */
    }
    for (size_t d = 0; d < sizeof devices / sizeof *devices; d++) {
        for (size_t k = 0; k < sizeof golden / sizeof *golden; k++) {
            body(devices[d], golden[k].integrator);
        }
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
            body(devices[d], texts[i]);
        }
    }
}

/* A rig with the whole company, some way into a run. */
static void rig_company(test_rig *rig, const char *device, const char *integrator)
{
    rig_open(rig, device, integrator);
    rig_add(rig, company, COMPANY);
    rig_enter(rig);
    rig_forces(rig, rig_wells, NULL);
    rig_steps(rig, 3, rig_wells, NULL);
}

/* ---- only the listed systems change, and nothing but what is declared ---- */

static void check_only_listed(const char *device, const char *integrator)
{
    const int32_t listed[] = {6, 2, 3};
    uint64_t before[COMPANY];
    for (int second = 0; second < 2; second++) {
        test_rig rig;
        rig_company(&rig, device, integrator);
        for (int32_t i = 0; i < COMPANY; i++) {
            before[i] = rig_hash(&rig, i);
        }
        rig_half(&rig, second, listed, 3);
        for (int32_t i = 0; i < COMPANY; i++) {
            const bool is_listed = i == 6 || i == 2 || i == 3;
            const bool acts = !second || rig.integrator->ops->post_update;
            assert_true((rig_hash(&rig, i) != before[i]) == (is_listed && acts));
        }
        double cells[RIG_MAX_CELLS];
        rig_cells(&rig, 6, cells);
        assert_true(cells[rig.n_system - 1] == 12345.0); /* not of this integrator */
        rig_close(&rig);
    }
}

static void test_only_listed(void **state)
{
    (void)state;
    every(check_only_listed);
}

/* Fields that an integrator does not declare keep their bytes, in listed systems, too. */
static void check_declared(const char *device, const char *integrator)
{
    static double before[ATH_N_CORE_FIELDS][900], after[900];
    const int32_t listed[] = {6};
    test_rig rig;
    rig_company(&rig, device, integrator);
    for (ath_field_id f = 0; f < ATH_N_CORE_FIELDS; f++) {
        if (ath_batch_has_field(rig.batch, f)) {
            rig_read(&rig, f, 6, before[f]);
        }
    }
    rig_half(&rig, false, listed, 1);
    rig_half(&rig, true, listed, 1);
    for (ath_field_id f = 0; f < ATH_N_CORE_FIELDS; f++) {
        bool declared = false;
        for (const ath_field_id *p = rig.integrator->ops->provides; *p >= 0; p++) {
            declared = declared || *p == f;
        }
        if (ath_batch_has_field(rig.batch, f)) {
            const ath_field_info *info = ath_field_describe(rig.ctx, f);
            const size_t rows = info->level == ATH_LEVEL_ATOM ? 300 : 1;
            rig_read(&rig, f, 6, after);
            const size_t bytes = rows * (size_t)info->width * (size_t)ath_dtype_bytes(info->dtype);
            assert_true((memcmp(before[f], after, bytes) != 0) == declared);
        }
    }
    rig_close(&rig);
}

static void test_declared(void **state)
{
    (void)state;
    every(check_declared);
}

/* Rows behind a system's last atom are not its own, even where they are only padding. */
static void check_padding(const char *device, const char *integrator)
{
    const int32_t listed[] = {2};
    double wild[3 * 25], now[3 * 25];
    for (int k = 0; k < 3 * 25; k++) {
        wild[k] = k % 3 ? 1e300 * (k + 1) : (double)NAN;
    }
    test_rig rig;
    ath__view view;
    rig_company(&rig, device, integrator);
    ath__batch_view(rig.batch, &view);
    const int32_t slot = ath__batch_slot(rig.batch, 2);
    const int64_t end = ath__batch_first_row(rig.batch, slot) + 7;
    assert_int_equal(ath__batch_slot_rows(rig.batch, slot), 32);
    double *const fields[] = {view.positions, view.velocities, view.forces};
    uint64_t clean[2];
    for (int pass = 0; pass < 2; pass++) { /* the second time with wild padding */
        for (int f = 0; pass && f < 3; f++) {
            RIG_OK(&rig, ath__device_upload(rig.device, fields[f] + 3 * end, wild, sizeof wild));
        }
        int64_t n = 0;
        double *saved = rig_save(&rig, 2, &n);
        rig_half(&rig, false, listed, 1);
        rig_half(&rig, true, listed, 1);
        clean[pass] = rig_hash_motion(&rig, 2);
        rig_restore(&rig, 2, saved);
    }
    assert_int_equal(clean[0], clean[1]);
    for (int f = 0; f < 3; f++) {
        RIG_OK(&rig, ath__device_download(rig.device, now, fields[f] + 3 * end, sizeof now));
        assert_memory_equal(now, wild, sizeof now);
    }
    rig_close(&rig);
}

static void test_padding(void **state)
{
    (void)state;
    every(check_padding);
}

/* ---- bits do not depend on company, slot, order of the list, device or instruction set ---- */

enum { STEPS = 20 };

static void check_company(const char *device, const char *integrator)
{
    uint64_t together[COMPANY];
    test_rig all;
    rig_open(&all, device, integrator);
    rig_add(&all, company, COMPANY);
    rig_enter(&all);
    rig_forces(&all, rig_wells, NULL);
    rig_steps(&all, STEPS, rig_wells, NULL);
    for (int32_t i = 0; i < COMPANY; i++) {
        together[i] = rig_hash_motion(&all, i);
    }
    rig_close(&all);
    for (int32_t i = 0; i < COMPANY; i++) { /* alone, behind a stranger, so in another slot */
        const rig_spec stranger = {i % 5, 99, 999, i % 2};
        test_rig one;
        rig_open(&one, device, integrator);
        if (i % 2) {
            rig_add(&one, &stranger, 1);
        }
        const int32_t at = rig_add(&one, &company[i], 1);
        rig_enter(&one);
        rig_forces(&one, rig_wells, NULL);
        rig_steps(&one, STEPS, rig_wells, NULL);
        assert_int_equal(rig_hash_motion(&one, at), together[i]);
        rig_close(&one);
    }
}

static void test_company(void **state)
{
    (void)state;
    every(check_company);
}

static void check_order(const char *device, const char *integrator)
{
    const int32_t orders[][COMPANY] = {{0, 1, 2, 3, 4, 5, 6, 7}, {7, 3, 5, 1, 6, 0, 2, 4}};
    uint64_t bits[2][COMPANY];
    for (int k = 0; k < 2; k++) {
        test_rig rig;
        rig_company(&rig, device, integrator);
        rig_half(&rig, false, orders[k], COMPANY);
        rig_half(&rig, true, orders[k], COMPANY / 2); /* and in two calls */
        rig_half(&rig, true, orders[k] + COMPANY / 2, COMPANY - COMPANY / 2);
        for (int32_t i = 0; i < COMPANY; i++) {
            bits[k][i] = rig_hash(&rig, i);
        }
        rig_close(&rig);
    }
    assert_memory_equal(bits[0], bits[1], sizeof bits[0]);
}

static void test_order(void **state)
{
    (void)state;
    every(check_order);
}

/* Hash over the company after some steps. */
static uint64_t company_hash(const char *device, const char *integrator)
{
    test_rig rig;
    ath__hash h;
    uint64_t out[2];
    rig_open(&rig, device, integrator);
    rig_add(&rig, company, COMPANY);
    rig_enter(&rig);
    rig_forces(&rig, rig_wells, NULL);
    rig_steps(&rig, STEPS, rig_wells, NULL);
    ath__hash_begin(&h, 5, 6);
    for (int32_t i = 0; i < COMPANY; i++) {
        const uint64_t motion = rig_hash_motion(&rig, i);
        ath__hash_update(&h, &motion, sizeof motion);
    }
    ath__hash_end(&h, out);
    rig_close(&rig);
    return out[0];
}

static void test_bits(void **state)
{
    (void)state;
    static const char *const kinds[] = {"host", "host:isa=base", "host:isa=v3", "host:isa=v4",
                                        "mock"};
    ath_context *ctx = NULL;
    int wrong = 0;
    assert_int_equal(ath_context_create(NULL, &ctx), ATH_OK);
    for (size_t d = 0; d < sizeof kinds / sizeof *kinds; d++) {
        ath_device *device = NULL;
        if (ath_device_open(ctx, kinds[d], &device) != ATH_OK) {
            print_message("%s: %s\n", kinds[d], ath_context_message(ctx));
            assert_true(d == 2 || d == 3); /* only these may be missing */
            continue;
        }
        ath_device_close(&device);
        for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
            const uint64_t hash = company_hash(kinds[d], golden[i].integrator);
            if (hash != golden[i].hash) {
                print_error("%s on %s: 0x%016llx\n", golden[i].integrator, kinds[d],
                            (unsigned long long)hash);
            }
            wrong += hash != golden[i].hash;
        }
    }
    assert_int_equal(wrong, 0);
    ath_context_destroy(&ctx);
}

/* ---- fixed components ---- */

/* Whether the table says so. */
static bool provides(const test_rig *rig, ath_field_id field)
{
    for (const ath_field_id *p = rig->integrator->ops->provides; *p >= 0; p++) {
        if (*p == field) {
            return true;
        }
    }
    return false;
}

/* Positions as they would be in the cell h0: what is fixed rides with the cell. */
static void in_cell(const test_rig *rig, int32_t index, const double h0[9], double *r, int32_t n)
{
    double h[9], inverse[9], m[9], row[3];
    rig_read(rig, ATH_FIELD_CELL, index, h);
    ath__m3_inverse(h, inverse);
    ath__m3_mul(inverse, h0, m);
    for (int32_t k = 0; k < n; k += 3) {
        ath__deform_row(r + k, m, row);
        for (int c = 0; c < 3; c++) {
            r[k + c] = row[c];
        }
    }
}

static void check_fixed(const char *device, const char *integrator)
{
    double r[2][120], v[120], cell[9];
    uint8_t fixed[120];
    test_rig rig;
    rig_open(&rig, device, integrator);
    const int32_t at = rig_add(&rig, &company[4], 1), n = 3 * company[4].n;
    rig_enter(&rig);
    rig_read(&rig, ATH_FIELD_POSITIONS, at, r[0]);
    rig_read(&rig, ATH_FIELD_FIXED, at, fixed);
    rig_read(&rig, ATH_FIELD_CELL, at, cell);
    if (rig.integrator->ops->moves_cell) {
        in_cell(&rig, at, cell, r[0], n);
    }
    rig_forces(&rig, rig_wells, NULL);
    rig_steps(&rig, STEPS, rig_wells, NULL);
    rig_read(&rig, ATH_FIELD_POSITIONS, at, r[1]);
    rig_read(&rig, ATH_FIELD_VELOCITIES, at, v);
    if (rig.integrator->ops->moves_cell) {
        in_cell(&rig, at, cell, r[1], n);
    }
    int held = 0, moved = 0;
    for (int32_t k = 0; k < n; k++) {
        const bool same = rig.integrator->ops->moves_cell
                              ? fabs(r[0][k] - r[1][k]) < 5e-11
                              : memcmp(&r[0][k], &r[1][k], sizeof r[0][k]) == 0;
        /* in dynamics a component rides where its atom is: the place counts if all of it is held */
        const bool whole = fixed[k / 3 * 3] && fixed[k / 3 * 3 + 1] && fixed[k / 3 * 3 + 2];
        const bool rides = rig.integrator->ops->moves_cell && !rig.integrator->ops->is_optimizer;
        assert_true(same || !fixed[k] || (rides && !whole));
        assert_true(v[k] == 0.0 || !fixed[k] || !provides(&rig, ATH_FIELD_VELOCITIES));
        held += fixed[k];
        moved += !same;
    }
    assert_true(held > 20);
    assert_true(moved >= n - held - 3); /* a massless atom need not move */
    rig_close(&rig);
}

static void test_fixed(void **state)
{
    (void)state;
    every(check_fixed);
}

/* Forces on fixed components and the path that looks at them make no difference. */
static void check_fixed_paths(const char *device, const char *integrator)
{
    uint64_t bits[2];
    for (int flagged = 0; flagged < 2; flagged++) { /* nothing is fixed; the flag says otherwise */
        test_rig rig;
        rig_open(&rig, device, integrator);
        rig_add(&rig, &company[6], 1);
        rig_enter(&rig);
        if (flagged) {
            rig_set_flags(&rig, 0, rig_flags(&rig, 0) | ATH__SLOT_HAS_FIXED);
        }
        rig_forces(&rig, rig_wells, NULL);
        rig_steps(&rig, STEPS, rig_wells, NULL);
        assert_true(!flagged == !(rig_flags(&rig, 0) & ATH__SLOT_HAS_FIXED));
        bits[flagged] = rig_hash_motion(&rig, 0);
        rig_close(&rig);
    }
    assert_int_equal(bits[0], bits[1]);
    for (int wild = 0; wild < 2; wild++) { /* infinite forces and speeds where nothing may move */
        double f[120], v[120];
        uint8_t fixed[120];
        test_rig rig;
        rig_open(&rig, device, integrator);
        rig_add(&rig, &company[4], 1);
        rig_enter(&rig);
        rig_forces(&rig, rig_wells, NULL);
        rig_read(&rig, ATH_FIELD_FORCES, 0, f);
        rig_read(&rig, ATH_FIELD_VELOCITIES, 0, v);
        rig_read(&rig, ATH_FIELD_FIXED, 0, fixed);
        for (int32_t k = 0; wild && k < 3 * company[4].n; k++) {
            f[k] = fixed[k] ? (double)INFINITY : f[k];
            v[k] = fixed[k] && provides(&rig, ATH_FIELD_VELOCITIES) ? 1e308 : v[k];
        }
        rig_write(&rig, ATH_FIELD_FORCES, 0, f);
        rig_write(&rig, ATH_FIELD_VELOCITIES, 0, v);
        rig_half(&rig, false, (int32_t[]){0}, 1);
        rig_half(&rig, true, (int32_t[]){0}, 1);
        bits[wild] = rig_hash_motion(&rig, 0);
        rig_close(&rig);
    }
    assert_int_equal(bits[0], bits[1]);
}

static void test_fixed_paths(void **state)
{
    (void)state;
    every(check_fixed_paths);
}

/* ---- flags ---- */

static void check_flags(const char *device, const char *integrator)
{
    const int32_t one[] = {5};
    test_rig rig;
    rig_company(&rig, device, integrator);
    const int32_t plain = rig_flags(&rig, 5) & ~ATH__SLOT_STALE;
    const int32_t skips[] = {ATH__SLOT_STALLED, ATH__SLOT_RESUME,
                             ATH__SLOT_STALLED | ATH__SLOT_RESUME};
    for (size_t i = 0; i < sizeof skips / sizeof *skips; i++) {
        rig_set_flags(&rig, 5, plain | skips[i]);
        const uint64_t before = rig_hash(&rig, 5);
        rig_half(&rig, false, one, 1);
        assert_int_equal(rig_hash(&rig, 5), before);
        rig_half(&rig, true, one, 1);
        const bool acts = rig.integrator->ops->post_update && !(skips[i] & ATH__SLOT_STALLED);
        assert_true((rig_hash(&rig, 5) != before) == acts);
    }
    rig_set_flags(&rig, 5, plain);
    rig_half(&rig, true, one, 1);
    assert_int_equal(rig_flags(&rig, 5), plain); /* the second half moves no positions */
    rig_half(&rig, false, one, 1);
    assert_int_equal(rig_flags(&rig, 5), plain | ATH__SLOT_STALE);
    rig_close(&rig);
}

static void test_flags(void **state)
{
    (void)state;
    every(check_flags);
}

/* ---- nothing to do, and bad numbers ---- */

static void check_empty(const char *device, const char *integrator)
{
    test_rig rig;
    rig_open(&rig, device, integrator);
    rig_enter(&rig);
    rig_half(&rig, false, NULL, 0); /* a batch without systems */
    rig_half(&rig, true, NULL, 0);
    rig_close(&rig);
    rig_company(&rig, device, integrator);
    uint64_t before[COMPANY];
    for (int32_t i = 0; i < COMPANY; i++) {
        before[i] = rig_hash(&rig, i);
    }
    rig_half(&rig, false, NULL, 0);
    rig_half(&rig, true, NULL, 0);
    for (int32_t i = 0; i < COMPANY; i++) {
        assert_int_equal(rig_hash(&rig, i), before[i]);
    }
    rig_half(&rig, false, (int32_t[]){1}, 1); /* a system without atoms */
    rig_half(&rig, true, (int32_t[]){1}, 1);
    assert_true(rig_flags(&rig, 1) & ATH__SLOT_STALE);
    rig_close(&rig);
}

static void test_empty(void **state)
{
    (void)state;
    every(check_empty);
}

/* A system with NaN forces goes its own way. */
static void check_nan(const char *device, const char *integrator)
{
    uint64_t bits[2][COMPANY];
    for (int broken = 0; broken < 2; broken++) {
        int32_t all[COMPANY];
        double f[120];
        test_rig rig;
        rig_company(&rig, device, integrator);
        rig_read(&rig, ATH_FIELD_FORCES, 4, f);
        for (int k = 0; broken && k < 120; k++) {
            f[k] = (double)NAN;
        }
        rig_write(&rig, ATH_FIELD_FORCES, 4, f);
        for (int32_t i = 0; i < COMPANY; i++) {
            all[i] = i;
        }
        rig_half(&rig, false, all, COMPANY);
        rig_half(&rig, true, all, COMPANY);
        for (int32_t i = 0; i < COMPANY; i++) {
            bits[broken][i] = rig_hash(&rig, i);
        }
        rig_close(&rig);
    }
    for (int32_t i = 0; i < COMPANY; i++) {
        assert_true((bits[0][i] != bits[1][i]) == (i == 4));
    }
}

static void test_nan(void **state)
{
    (void)state;
    every(check_nan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_listed), cmocka_unit_test(test_declared),
        cmocka_unit_test(test_padding),     cmocka_unit_test(test_company),
        cmocka_unit_test(test_order),       cmocka_unit_test(test_bits),
        cmocka_unit_test(test_fixed),       cmocka_unit_test(test_fixed_paths),
        cmocka_unit_test(test_flags),       cmocka_unit_test(test_empty),
        cmocka_unit_test(test_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
