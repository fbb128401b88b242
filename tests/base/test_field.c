/* The registry of fields: core constants, registration, limits, failures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/failing.h"

static failing field_failing;

static int field_setup(void **state)
{
    field_failing = (failing){0};
    ath_context_config config = failing_config(&field_failing);
    return ath_context_create(&config, (ath_context **)state);
}

static int field_teardown(void **state)
{
    ath_context_destroy((ath_context **)state);
    return field_failing.n_blocks != 0 || field_failing.n_wrong != 0;
}

static ath_field_info field_charge(void)
{
    return (ath_field_info){.name = "charge",
                            .level = ATH_LEVEL_ATOM,
                            .dtype = ATH_F64,
                            .width = 1,
                            .unit = "e",
                            .fallback = 0.5,
                            .help = "partial charge"};
}

static void test_core_fields(void **state)
{
    ath_context *ctx = *state;
    assert_int_equal(ath_field_count(ctx), ATH_N_CORE_FIELDS);
    const ath_field_info *cell = ath_field_describe(ctx, ATH_FIELD_CELL);
    assert_string_equal(cell->name, "cell");
    assert_int_equal(cell->level, ATH_LEVEL_SYSTEM);
    assert_int_equal(cell->dtype, ATH_F64);
    assert_int_equal(cell->width, 9);
    assert_true(ath_field_describe(ctx, ATH_FIELD_SYSTEM_ID)->fallback == -1.0);
    for (int32_t i = 0; i < ATH_N_CORE_FIELDS; i++) {
        ath_field_id id;
        assert_int_equal(ath_field_find(ctx, ath_field_describe(ctx, i)->name, &id), ATH_OK);
        assert_int_equal(id, i);
    }
    assert_null(ath_field_describe(ctx, -1));
    assert_null(ath_field_describe(ctx, ATH_N_CORE_FIELDS));
    ath_field_id id;
    assert_int_equal(ath_field_find(ctx, "velocites", &id), ATH_E_UNKNOWN);
    assert_non_null(strstr(ath_context_message(ctx), "'velocities'"));
    assert_int_equal(ath_dtype_bytes(ATH_F64), 8);
    assert_int_equal(ath_dtype_bytes(ATH_U8), 1);
    assert_int_equal(ath_dtype_bytes(ATH_N_DTYPES), 0);
}

static void test_register(void **state)
{
    ath_context *ctx = *state;
    char name[] = "charge";
    ath_field_info info = field_charge();
    info.name = name;
    ath_field_id id = -7, again = -7;
    assert_int_equal(ath_field_register(ctx, &info, &id), ATH_OK);
    assert_int_equal(id, ATH_N_CORE_FIELDS);
    name[0] = 'X'; /* copied, so this changes nothing */
    const ath_field_info *mine = ath_field_describe(ctx, id);
    assert_string_equal(mine->name, "charge");
    assert_string_equal(mine->unit, "e");
    assert_string_equal(mine->help, "partial charge");
    assert_true(mine->fallback == 0.5);
    info = field_charge();
    info.help = "said otherwise";
    assert_int_equal(ath_field_register(ctx, &info, &again), ATH_OK);
    assert_int_equal(again, id);
    assert_int_equal(ath_field_find(ctx, "charge", &again), ATH_OK);
    assert_int_equal(again, id);
    assert_int_equal(ath_field_count(ctx), ATH_N_CORE_FIELDS + 1);

    const ath_field_info *forces = ath_field_describe(ctx, ATH_FIELD_FORCES);
    assert_int_equal(ath_field_register(ctx, forces, &again), ATH_OK);
    assert_int_equal(again, ATH_FIELD_FORCES);
    info =
        (ath_field_info){.name = "spin", .level = ATH_LEVEL_SYSTEM, .dtype = ATH_I32, .width = 2};
    assert_int_equal(ath_field_register(ctx, &info, &again), ATH_OK);
    assert_int_equal(again, id + 1);
    assert_string_equal(ath_field_describe(ctx, again)->unit, "");
    assert_string_equal(ath_field_describe(ctx, again)->help, "");
    assert_ptr_equal(ath_field_describe(ctx, id), mine); /* descriptions do not move */
}

static void test_register_conflicts(void **state)
{
    ath_context *ctx = *state;
    ath_field_info info = field_charge();
    ath_field_id id;
    assert_int_equal(ath_field_register(ctx, &info, &id), ATH_OK);
    for (int i = 0; i < 6; i++) {
        info = field_charge();
        switch (i) {
        case 0:
            info.level = ATH_LEVEL_SYSTEM;
            break;
        case 1:
            info.dtype = ATH_F32;
            break;
        case 2:
            info.width = 3;
            break;
        case 3:
            info.unit = "C";
            break;
        case 4:
            info.fallback = 0.25;
            break;
        default:
            info.name = "positions";
        }
        assert_int_equal(ath_field_register(ctx, &info, &id), ATH_E_EXISTS);
        assert_non_null(strstr(ath_context_message(ctx), info.name));
    }
    assert_int_equal(ath_field_count(ctx), ATH_N_CORE_FIELDS + 1);
}

static void test_register_bad(void **state)
{
    ath_context *ctx = *state;
    static const char *const names[] = {
        "",    "9lives", "a b",
        "x,y", "-a",     "caf\xc3\xa9",
        "a\n", "a=b",    "a234567890123456789012345678901234567890123456789012345678901234"};
    ath_field_id id;
    ath_field_info info;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        info = field_charge();
        info.name = names[i];
        assert_int_equal(ath_field_register(ctx, &info, &id), ATH_E_ARGUMENT);
    }
    info = field_charge();
    info.level = ATH_LEVEL_EDGE;
    assert_int_equal(ath_field_register(ctx, &info, &id), ATH_E_ARGUMENT);
    info = field_charge();
    info.width = 0;
    assert_int_equal(ath_field_register(ctx, &info, &id), ATH_E_ARGUMENT);
    info = field_charge();
    info.dtype = ATH_N_DTYPES;
    assert_int_equal(ath_field_register(ctx, &info, &id), ATH_E_ARGUMENT);
    static const struct {
        ath_dtype dtype;
        double fallback;
    } values[] = {{ATH_I32, 0.5}, {ATH_I32, 0x1p31}, {ATH_I32, NAN},  {ATH_U8, 256.0},
                  {ATH_U8, -1.0}, {ATH_I64, 0x1p63}, {ATH_F32, 1e39}, {ATH_I64, INFINITY}};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        info = field_charge();
        info.dtype = values[i].dtype;
        info.fallback = values[i].fallback;
        assert_int_equal(ath_field_register(ctx, &info, &id), ATH_E_ARGUMENT);
    }
    info = field_charge();
    info.fallback = NAN; /* "not computed yet": allowed, and the same as itself */
    assert_int_equal(ath_field_register(ctx, &info, &id), ATH_OK);
    assert_int_equal(ath_field_register(ctx, &info, &id), ATH_OK);
    assert_int_equal(ath_field_register(ctx, NULL, &id), ATH_E_ARGUMENT);
    assert_int_equal(ath_field_register(ctx, &info, NULL), ATH_E_ARGUMENT);
}

static void test_register_many(void **state)
{
    ath_context *ctx = *state;
    ath_field_info info = field_charge();
    ath_field_id id;
    char name[32];
    for (int i = ATH_N_CORE_FIELDS; i < ATH_MAX_FIELDS; i++) {
        snprintf(name, sizeof name, "field_%d", i);
        info.name = name;
        assert_int_equal(ath_field_register(ctx, &info, &id), ATH_OK);
        assert_int_equal(id, i);
    }
    info.name = "one_more";
    assert_int_equal(ath_field_register(ctx, &info, &id), ATH_E_RANGE);
    info.name = "field_40";
    assert_int_equal(ath_field_register(ctx, &info, &id), ATH_OK);
    assert_int_equal(id, 40);
    assert_int_equal(ath_field_count(ctx), ATH_MAX_FIELDS);
}

static void test_register_without_memory(void **state)
{
    ath_context *ctx = *state;
    ath_field_info info = field_charge();
    ath_field_id id;
    int failures = 0;
    for (;;) {
        field_failing.fail_at = field_failing.n_calls + 1 + failures;
        ath_status status = ath_field_register(ctx, &info, &id);
        if (status == ATH_OK) {
            break;
        }
        assert_int_equal(status, ATH_E_NO_MEMORY);
        assert_int_equal(ath_field_count(ctx), ATH_N_CORE_FIELDS);
        failures++;
    }
    assert_true(failures >= 3);
    assert_string_equal(ath_field_describe(ctx, id)->name, "charge");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define FIELD_TEST(name) cmocka_unit_test_setup_teardown(name, field_setup, field_teardown)
        FIELD_TEST(test_core_fields),        FIELD_TEST(test_register),
        FIELD_TEST(test_register_conflicts), FIELD_TEST(test_register_bad),
        FIELD_TEST(test_register_many),      FIELD_TEST(test_register_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
