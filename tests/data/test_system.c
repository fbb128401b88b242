/* Systems: fields, extras, identity, elements. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "base/failing.h"
#include "data/bytes.h"
#include "data/kit.h"

static int make_context(void **state)
{
    return ath_context_create(NULL, (ath_context **)state) == ATH_OK ? 0 : -1;
}

static int drop_context(void **state)
{
    ath_context_destroy((ath_context **)state);
    return 0;
}

static void test_elements(void **state)
{
    (void)state;
    static const struct {
        int32_t number;
        const char *symbol;
        double mass;
    } known[] = {{1, "H", 1.008},        {6, "C", 12.011},   {8, "O", 15.999},
                 {13, "Al", 26.9815385}, {14, "Si", 28.085}, {18, "Ar", 39.948},
                 {28, "Ni", 58.6934},    {29, "Cu", 63.546}, {46, "Pd", 106.42},
                 {47, "Ag", 107.8682},   {52, "Te", 127.60}, {78, "Pt", 195.084},
                 {79, "Au", 196.966569}, {82, "Pb", 207.2},  {92, "U", 238.02891},
                 {43, "Tc", 98.0},       {118, "Og", 294.0}, {57, "La", 138.90547}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        assert_string_equal(ath_element_symbol(known[i].number), known[i].symbol);
        assert_int_equal(ath_element_number(known[i].symbol), known[i].number);
        assert_true(ath_element_mass(known[i].number) == known[i].mass);
    }
    for (int32_t z = 1; z <= 118; z++) {
        assert_int_equal(ath_element_number(ath_element_symbol(z)), z);
        /* weights grow with the number but for the well-known inversions, and never by much */
        const double ratio = ath_element_mass(z) / z;
        assert_true(z == 1 || (ratio > 1.98 && ratio < 2.63));
    }
    assert_string_equal(ath_element_symbol(0), "X");
    assert_string_equal(ath_element_symbol(-1), "X");
    assert_string_equal(ath_element_symbol(119), "X");
    assert_true(ath_element_mass(0) == 1.0 && ath_element_mass(1000) == 1.0);
    assert_int_equal(ath_element_number("X"), 0);
    assert_int_equal(ath_element_number("si"), 0);
    assert_int_equal(ath_element_number(""), 0);
    assert_int_equal(ath_element_number(NULL), 0);
}

static void test_fields(void **state)
{
    ath_context *ctx = *state;
    ath_field_id ids[KIT_FIELDS];
    ath_system *system = NULL;
    void *rows = NULL;
    kit_register(ctx, ids);
    assert_int_equal(ath_system_create(ctx, -1, &system), ATH_E_RANGE);
    assert_int_equal(ath_system_create(ctx, (int64_t)1 << 31, &system), ATH_E_RANGE);
    assert_null(system);
    assert_int_equal(ath_system_create(ctx, 3, &system), ATH_OK);
    assert_int_equal(ath_system_n_atoms(system), 3);
    assert_non_null(ath_system_peek(system, ATH_FIELD_POSITIONS));
    assert_non_null(ath_system_peek(system, ATH_FIELD_NUMBERS));
    assert_null(ath_system_peek(system, ATH_FIELD_CELL));
    assert_null(ath_system_peek(system, -1));
    assert_null(ath_system_peek(system, 1000));
    assert_int_equal(ath_system_field(system, 1000, &rows), ATH_E_UNKNOWN);
    assert_int_equal(ath_system_field(system, ATH_FIELD_NUMBERS, &rows), ATH_OK);
    memcpy(rows, (int32_t[]){8, 1, 0}, 12);
    const double *masses = NULL;
    assert_int_equal(ath_system_field(system, ATH_FIELD_MASSES, &rows), ATH_OK);
    masses = rows;
    assert_true(masses[0] == 15.999 && masses[1] == 1.008 && masses[2] == 1.0);
    void *again = NULL;
    assert_int_equal(ath_system_field(system, ATH_FIELD_MASSES, &again), ATH_OK);
    assert_ptr_equal(rows, again);
    assert_int_equal(ath_system_field(system, ATH_FIELD_SYSTEM_ID, &rows), ATH_OK);
    assert_int_equal(*(int64_t *)rows, -1);
    for (int i = 0; i < KIT_FIELDS; i++) {
        const ath_field_info *info = ath_field_describe(ctx, ids[i]);
        assert_int_equal(ath_system_field(system, ids[i], &rows), ATH_OK);
        const size_t n = ath__system_values(system, info);
        for (size_t k = 0; k < n; k++) {
            const double x = info->dtype == ATH_F64   ? ((double *)rows)[k]
                             : info->dtype == ATH_F32 ? (double)((float *)rows)[k]
                             : info->dtype == ATH_I64 ? (double)((int64_t *)rows)[k]
                             : info->dtype == ATH_I32 ? (double)((int32_t *)rows)[k]
                                                      : (double)((uint8_t *)rows)[k];
            assert_true(x == info->fallback);
        }
    }
    ath_system_destroy(&system);
    ath_system_destroy(&system);
    ath_system_destroy(NULL);
    assert_int_equal(ath_system_create(ctx, 0, &system), ATH_OK); /* no atoms at all */
    assert_int_equal(ath_system_field(system, ATH_FIELD_VELOCITIES, &rows), ATH_OK);
    assert_non_null(ath_system_peek(system, ATH_FIELD_VELOCITIES));
    ath_system_destroy(&system);
}

static void test_extras(void **state)
{
    ath_context *ctx = *state;
    ath_system *system = NULL;
    ath_extra out;
    const double reals[6] = {1, 2, 3, 4, 5, 6};
    const char *texts[2] = {"a", "bc"};
    assert_int_equal(ath_system_create(ctx, 2, &system), ATH_OK);
    ath_extra e = {"x", ATH_LEVEL_ATOM, ATH_EXTRA_REAL, 3, 0, reals};
    assert_int_equal(ath_system_set_extra(system, &e), ATH_OK);
    e = (ath_extra){"x", ATH_LEVEL_SYSTEM, ATH_EXTRA_STRING, 2, 1, texts};
    assert_int_equal(ath_system_set_extra(system, &e), ATH_OK);
    e = (ath_extra){"m", ATH_LEVEL_SYSTEM, ATH_EXTRA_REAL, 6, 2, reals};
    assert_int_equal(ath_system_set_extra(system, &e), ATH_OK);
    assert_int_equal(ath_system_n_extras(system), 3);
    assert_int_equal(ath_system_find_extra(system, ATH_LEVEL_ATOM, "x", &out), ATH_OK);
    assert_int_equal(out.type, ATH_EXTRA_REAL);
    assert_true(((const double *)out.values)[5] == 6.0);
    assert_int_equal(ath_system_find_extra(system, ATH_LEVEL_SYSTEM, "x", &out), ATH_OK);
    assert_string_equal(((const char *const *)out.values)[1], "bc");
    assert_int_equal(ath_system_find_extra(system, ATH_LEVEL_ATOM, "m", &out), ATH_E_NOT_FOUND);
    /* replaced in place, by something of another type, or by itself */
    assert_int_equal(ath_system_find_extra(system, ATH_LEVEL_SYSTEM, "x", &out), ATH_OK);
    assert_int_equal(ath_system_set_extra(system, &out), ATH_OK);
    e = (ath_extra){"x", ATH_LEVEL_ATOM, ATH_EXTRA_INT, 1, 0, (int64_t[]){7, 8}};
    assert_int_equal(ath_system_set_extra(system, &e), ATH_OK);
    assert_int_equal(ath_system_n_extras(system), 3);
    assert_int_equal(ath_system_extra(system, 0, &out), ATH_OK);
    assert_string_equal(out.name, "x");
    assert_int_equal(((const int64_t *)out.values)[1], 8);
    assert_int_equal(ath_system_extra(system, 3, &out), ATH_E_RANGE);
    assert_int_equal(ath_system_extra(system, -1, &out), ATH_E_RANGE);
    ath_system_destroy(&system);
}

static void test_refused_extras(void **state)
{
    ath_context *ctx = *state;
    ath_system *system = NULL, *copy = NULL;
    const double reals[6] = {1, 2, 3, 4, 5, 6};
    const int64_t seven = 7;
    const char *texts[2] = {"a", NULL};
    assert_int_equal(ath_system_create(ctx, 2, &system), ATH_OK);
    ath_extra e = {"x", ATH_LEVEL_ATOM, ATH_EXTRA_REAL, 3, 0, reals};
    assert_int_equal(ath_system_set_extra(system, &e), ATH_OK);
    const ath_extra bad[] = {{NULL, ATH_LEVEL_SYSTEM, ATH_EXTRA_INT, 1, 0, &seven},
                             {"", ATH_LEVEL_SYSTEM, ATH_EXTRA_INT, 1, 0, &seven},
                             {"y", ATH_LEVEL_EDGE, ATH_EXTRA_INT, 1, 0, &seven},
                             {"y", ATH_LEVEL_SYSTEM, (ath_extra_type)9, 1, 0, &seven},
                             {"y", ATH_LEVEL_SYSTEM, ATH_EXTRA_INT, 0, 0, &seven},
                             {"y", ATH_LEVEL_SYSTEM, ATH_EXTRA_REAL, 5, 2, reals},
                             {"y", ATH_LEVEL_SYSTEM, ATH_EXTRA_REAL, 4, -1, reals},
                             {"y", ATH_LEVEL_SYSTEM, ATH_EXTRA_INT, 1, 0, NULL}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(ath_system_set_extra(system, &bad[i]), ATH_E_ARGUMENT);
    }
    e = (ath_extra){"t", ATH_LEVEL_SYSTEM, ATH_EXTRA_STRING, 2, 1, texts};
    assert_int_equal(ath_system_set_extra(system, &e), ATH_E_ARGUMENT);
    assert_int_equal(ath_system_n_extras(system), 1);
    assert_int_equal(ath_system_set_source(system, "f.xyz", 12), ATH_OK);
    assert_int_equal(ath_system_clone(system, &copy), ATH_OK);
    kit_same(system, copy, true);
    ath_system_destroy(&system);
    int64_t frame = 0;
    assert_string_equal(ath_system_source(copy, &frame), "f.xyz");
    assert_int_equal(frame, 12);
    for (int i = 0; i < ATH__MAX_EXTRAS + 5; i++) {
        char name[32];
        snprintf(name, sizeof name, "many%d", i);
        e = (ath_extra){name, ATH_LEVEL_SYSTEM, ATH_EXTRA_INT, 1, 0, &seven};
        assert_int_equal(ath_system_set_extra(copy, &e),
                         i < ATH__MAX_EXTRAS - 1 ? ATH_OK : ATH_E_RANGE);
    }
    ath_system_destroy(&copy);
}

/* The content hash is SipHash-2-4-128 of the bytes that the manual gives: built here by hand. */
static ath_uid hash_by_hand(const char *label, const void *bytes, size_t n)
{
    ath__hash h;
    uint64_t words[2];
    ath__hash_begin(&h, UINT64_C(0x20726f6e61687461), UINT64_C(0x797469746e656469));
    ath__hash_update(&h, label, 16);
    ath__hash_update(&h, bytes, n);
    ath__hash_end(&h, words);
    return (ath_uid){.lo = words[0], .hi = words[1]};
}

static void assert_uid(ath_uid a, ath_uid b, bool same)
{
    assert_true((a.lo == b.lo && a.hi == b.hi) == same);
}

static void test_identity(void **state)
{
    ath_context *ctx = *state;
    ath_system *system = NULL;
    void *rows = NULL;
    uint8_t bytes[512];
    size_t n = 0;
    assert_int_equal(ath_system_create(ctx, 2, &system), ATH_OK);
    double *x = (double *)(uintptr_t)ath_system_peek(system, ATH_FIELD_POSITIONS);
    int32_t *z = (int32_t *)(uintptr_t)ath_system_peek(system, ATH_FIELD_NUMBERS);
    for (int i = 0; i < 6; i++) {
        x[i] = 0.5 * i;
    }
    z[0] = 14, z[1] = 8;
    /* n_atoms, numbers, positions, cell, pbc, no masses, no velocities, nothing fixed */
    ath__le_put64(bytes, 2), n = 8;
    ath__le_put32(bytes + n, 14), ath__le_put32(bytes + n + 4, 8), n += 8;
    for (int i = 0; i < 6; i++) {
        const double value = 0.5 * i;
        uint64_t bits;
        memcpy(&bits, &value, 8);
        ath__le_put64(bytes + n, bits), n += 8;
    }
    memset(bytes + n, 0, 72 + 3 + 3), n += 78;
    ath_uid by_hand = hash_by_hand("athanor content1", bytes, n), uid, other;
    assert_int_equal(ath_system_content_hash(system, &uid), ATH_OK);
    assert_uid(uid, by_hand, true);
    /* defaults written out, and -0, are the same content */
    const ath_field_id defaults[] = {ATH_FIELD_CELL,       ATH_FIELD_PBC,   ATH_FIELD_MASSES,
                                     ATH_FIELD_VELOCITIES, ATH_FIELD_FIXED, ATH_FIELD_ENERGY};
    for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++) {
        assert_int_equal(ath_system_field(system, defaults[i], &rows), ATH_OK);
    }
    x[0] = -0.0;
    *(double *)rows = -3.0; /* the energy does not count */
    assert_int_equal(ath_system_set_source(system, "elsewhere", 3), ATH_OK);
    assert_int_equal(ath_system_content_hash(system, &other), ATH_OK);
    assert_uid(uid, other, true);
    /* everything that counts does */
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(ath_system_field(system, defaults[i], &rows), ATH_OK);
        uint8_t *byte = rows;
        byte[0] ^= 1;
        assert_int_equal(ath_system_content_hash(system, &other), ATH_OK);
        assert_uid(uid, other, false);
        byte[0] ^= 1;
    }
    z[1] = 9;
    assert_int_equal(ath_system_content_hash(system, &other), ATH_OK);
    assert_uid(uid, other, false);
    z[1] = 8;
    x[5] = nextafter(x[5], 9.0);
    assert_int_equal(ath_system_content_hash(system, &other), ATH_OK);
    assert_uid(uid, other, false);
    ath_system_destroy(&system);
}

static void test_one_nan(void **state)
{
    ath_context *ctx = *state;
    ath_system *system = NULL;
    void *rows = NULL;
    ath_uid uid, other;
    assert_int_equal(ath_system_create(ctx, 2, &system), ATH_OK);
    assert_int_equal(ath_system_field(system, ATH_FIELD_POSITIONS, &rows), ATH_OK);
    double *x = rows;
    uint64_t odd = UINT64_C(0xfff8000000000123);
    memcpy(&x[5], &odd, 8);
    assert_int_equal(ath_system_content_hash(system, &uid), ATH_OK);
    x[5] = NAN;
    assert_int_equal(ath_system_content_hash(system, &other), ATH_OK);
    assert_uid(uid, other, true);
    ath_system_destroy(&system);
}

static void test_uids(void **state)
{
    (void)state;
    char text[33];
    uint8_t bytes[24];
    const ath_uid content = {UINT64_C(0x0123456789abcdef), UINT64_C(0xfedcba9876543210)};
    ath_uid back;
    ath__le_put64(bytes, content.lo), ath__le_put64(bytes + 8, content.hi);
    ath__le_put64(bytes + 16, 5);
    assert_uid(ath_uid_of(content, 5), hash_by_hand("athanor number 1", bytes, 24), true);
    assert_uid(ath_uid_of(content, 5), ath_uid_of(content, 6), false);
    assert_uid(ath_uid_of_text("job-1"), hash_by_hand("athanor named  1", "job-1", 5), true);
    assert_uid(ath_uid_of_text("job-1"), ath_uid_of_text("job-2"), false);
    ath_uid_format(content, text);
    assert_string_equal(text, "fedcba98765432100123456789abcdef");
    assert_int_equal(ath_uid_parse(text, &back), ATH_OK);
    assert_uid(content, back, true);
    assert_int_equal(ath_uid_parse("FEDCBA98765432100123456789ABCDEF", &back), ATH_OK);
    assert_uid(content, back, true);
    assert_int_equal(ath_uid_parse("fedcba98765432100123456789abcde", &back), ATH_E_FORMAT);
    assert_int_equal(ath_uid_parse("fedcba98765432100123456789abcdef0", &back), ATH_E_FORMAT);
    assert_int_equal(ath_uid_parse("fedcba98765432100123456789abcdeg", &back), ATH_E_FORMAT);
    assert_int_equal(ath_uid_parse("", &back), ATH_E_FORMAT);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    failing f = {0};
    ath_context_config config = failing_config(&f);
    ath_context *ctx = NULL;
    ath_field_id ids[KIT_FIELDS];
    uint64_t rng = 3;
    assert_int_equal(ath_context_create(&config, &ctx), ATH_OK);
    kit_register(ctx, ids);
    ath_system *system = kit_system(ctx, 5, ids, KIT_FIELDS, &rng), *copy = NULL;
    const ath_extra extra = {"new", ATH_LEVEL_SYSTEM,     ATH_EXTRA_STRING, 1,
                             0,     (const char *[]){"v"}};
    ath_system *kept = NULL;
    assert_int_equal(ath_system_clone(system, &kept), ATH_OK);
    const int64_t blocks = f.n_blocks;
    ath_status s = ATH_E_NO_MEMORY;
    for (int64_t n = 1; s != ATH_OK; n++) {
        f.n_calls = 0;
        f.fail_at = n;
        s = ath_system_clone(system, &copy);
        f.fail_at = 0;
        assert_true(s == ATH_E_NO_MEMORY ? copy == NULL : s == ATH_OK);
        assert_true(s == ATH_OK || f.n_blocks == blocks);
    }
    kit_same(system, copy, true);
    ath_system_destroy(&copy);
    assert_int_equal(f.n_blocks, blocks);
    for (int64_t n = 1; (s = ATH_E_NO_MEMORY) && n < 100; n++) {
        f.n_calls = 0;
        f.fail_at = n;
        s = ath_system_set_extra(system, &extra);
        f.fail_at = 0;
        if (s == ATH_OK) {
            break;
        }
        assert_int_equal(s, ATH_E_NO_MEMORY);
        kit_same(system, kept, true);
    }
    assert_int_equal(s, ATH_OK);
    assert_int_equal(ath_system_n_extras(system), ath_system_n_extras(kept) + 1);
    ath_system_destroy(&system);
    ath_system_destroy(&kept);
    ath_context_destroy(&ctx);
    assert_int_equal(f.n_blocks, 0);
    assert_int_equal(f.n_wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_elements),
        cmocka_unit_test_setup_teardown(test_fields, make_context, drop_context),
        cmocka_unit_test_setup_teardown(test_extras, make_context, drop_context),
        cmocka_unit_test_setup_teardown(test_refused_extras, make_context, drop_context),
        cmocka_unit_test_setup_teardown(test_identity, make_context, drop_context),
        cmocka_unit_test_setup_teardown(test_one_nan, make_context, drop_context),
        cmocka_unit_test(test_uids),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
