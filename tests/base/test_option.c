/* Options: what is accepted, what is refused and with which words, printing, failing allocations.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/failing.h"

typedef struct option_object {
    double sigma, cutoff, any;
    int64_t steps, shift, kind;
    const char *file, *label;
} option_object;

static const ath_option option_table[] = {
    {.name = "sigma",
     .type = ATH_OPTION_REAL,
     .unit = "angstrom",
     .fallback = "3.4",
     .min = 0.1,
     .max = 10.0,
     .help = "diameter",
     .offset = offsetof(option_object, sigma)},
    {.name = "cutoff",
     .type = ATH_OPTION_REAL,
     .unit = "angstrom",
     .fallback = NULL,
     .min = 0.5,
     .max = DBL_MAX,
     .help = "range",
     .offset = offsetof(option_object, cutoff)},
    {.name = "any",
     .type = ATH_OPTION_REAL,
     .unit = "",
     .fallback = "-1e-3",
     .help = "unlimited",
     .offset = offsetof(option_object, any)},
    {.name = "steps",
     .type = ATH_OPTION_INT,
     .unit = "",
     .fallback = "100",
     .min = 1,
     .max = 1000000,
     .help = "steps",
     .offset = offsetof(option_object, steps)},
    {.name = "shift",
     .type = ATH_OPTION_BOOL,
     .unit = "",
     .fallback = "true",
     .help = "shift the energy",
     .offset = offsetof(option_object, shift)},
    {.name = "kind",
     .type = ATH_OPTION_CHOICE,
     .unit = "",
     .fallback = "smooth",
     .choices = "plain|smooth|smoother",
     .help = "kind of cutoff",
     .offset = offsetof(option_object, kind)},
    {.name = "file",
     .type = ATH_OPTION_TEXT,
     .unit = "",
     .fallback = "",
     .help = "parameters",
     .offset = offsetof(option_object, file)},
    {.name = "label",
     .type = ATH_OPTION_TEXT,
     .unit = "",
     .fallback = "none",
     .help = "label",
     .offset = offsetof(option_object, label)},
    {.type = ATH_OPTION_END},
};

static failing option_failing;

static int option_setup(void **state)
{
    option_failing = (failing){0};
    ath_context_config config = failing_config(&option_failing);
    return ath_context_create(&config, (ath_context **)state);
}

static int option_teardown(void **state)
{
    ath_context_destroy((ath_context **)state);
    return option_failing.n_blocks != 0 || option_failing.n_wrong != 0;
}

/* An object that was never initialised, as a caller may have it. */
static option_object option_garbage(void)
{
    option_object o;
    memset(&o, 0x5a, sizeof o);
    return o;
}

static void test_defaults(void **state)
{
    ath_context *ctx = *state;
    option_object o = option_garbage();
    assert_int_equal(ath_options_parse(ctx, option_table, "lj", "cutoff=8.5", &o), ATH_OK);
    assert_true(o.sigma == 3.4 && o.cutoff == 8.5 && o.any == -1e-3);
    assert_true(o.steps == 100 && o.shift == 1 && o.kind == 1);
    assert_string_equal(o.file, "");
    assert_string_equal(o.label, "none");
    ath_options_free(ctx, option_table, &o);
    assert_null(o.file);
    ath_options_free(ctx, option_table, &o);

    static const ath_option empty[] = {{.type = ATH_OPTION_END}};
    assert_int_equal(ath_options_parse(ctx, empty, "nve", NULL, &o), ATH_OK);
    assert_int_equal(ath_options_parse(ctx, empty, "nve", "", &o), ATH_OK);
    assert_int_equal(ath_options_parse(ctx, empty, "nve", "dt=1", &o), ATH_E_OPTION);
    assert_non_null(strstr(ath_context_message(ctx), "nve: unknown option 'dt'"));
}

static void test_values(void **state)
{
    ath_context *ctx = *state;
    option_object o = option_garbage();
    const char *text = " sigma = 2.5 ,cutoff=1e1,steps=1e3, shift=no,kind=smoother ,"
                       "file=\"a, \\\"b\\\" c\\\\d\", label={lj:x=1,y={2}}";
    assert_int_equal(ath_options_parse(ctx, option_table, "lj", text, &o), ATH_OK);
    assert_true(o.sigma == 2.5 && o.cutoff == 10.0 && o.steps == 1000);
    assert_true(o.shift == 0 && o.kind == 2);
    assert_string_equal(o.file, "a, \"b\" c\\d");
    assert_string_equal(o.label, "lj:x=1,y={2}");
    ath_options_free(ctx, option_table, &o);

    text = "cutoff=\"5\",file=x=y z,label=,steps=+7,any=123456789012345678901234567890";
    assert_int_equal(ath_options_parse(ctx, option_table, "lj", text, &o), ATH_OK);
    assert_true(o.cutoff == 5.0 && o.steps == 7 && o.any == 123456789012345678901234567890.0);
    assert_string_equal(o.file, "x=y z");
    assert_string_equal(o.label, "");
    ath_options_free(ctx, option_table, &o);

    static const char *const words[] = {"false", "true", "no", "yes", "0", "1"};
    for (int i = 0; i < 6; i++) {
        char item[64];
        snprintf(item, sizeof item, "cutoff=1,shift=%s", words[i]);
        assert_int_equal(ath_options_parse(ctx, option_table, "lj", item, &o), ATH_OK);
        assert_int_equal(o.shift, i % 2);
        ath_options_free(ctx, option_table, &o);
    }
}

static void test_limits_are_inclusive(void **state)
{
    ath_context *ctx = *state;
    option_object o;
    assert_int_equal(
        ath_options_parse(ctx, option_table, "lj", "cutoff=0.5,sigma=10,steps=1000000", &o),
        ATH_OK);
    assert_true(o.cutoff == 0.5 && o.sigma == 10.0 && o.steps == 1000000);
    ath_options_free(ctx, option_table, &o);
    assert_int_equal(ath_options_parse(ctx, option_table, "lj", "cutoff=0.49999999999999994", &o),
                     ATH_E_OPTION);
}

/* Every failure: its text, and parts that the message must have besides the owner. */
static const struct {
    const char *text, *part, *other;
} option_failures[] = {
    {NULL, "'cutoff' (angstrom) must be given", ""},
    {"", "'cutoff' (angstrom) must be given", ""},
    {"cutof=3", "unknown option 'cutof'", "did you mean 'cutoff'?"},
    {"cutoff=3,zzzzzz=1", "unknown option 'zzzzzz'", ""},
    {"cutoff=3,sigma=11", "option 'sigma' = 11 angstrom", "0.1 to 10 angstrom"},
    {"cutoff=3,sigma=-1", "option 'sigma' = -1 angstrom", "0.1 to 10 angstrom"},
    {"cutoff=0.1", "option 'cutoff' = 0.1 angstrom", "at least 0.5 angstrom"},
    {"cutoff=1e999", "option 'cutoff' = 1e999 angstrom", "out of range"},
    {"cutoff=3,any=-1e999", "option 'any' = -1e999", "what a double can hold"},
    {"cutoff=abc", "option 'cutoff' = 'abc'", "a number in angstrom"},
    {"cutoff=", "option 'cutoff' = ''", "a number in angstrom"},
    {"cutoff=3x", "option 'cutoff' = '3x'", "a number in angstrom"},
    {"cutoff=nan", "option 'cutoff' = 'nan'", "a number"},
    {"cutoff=inf", "option 'cutoff' = 'inf'", "a number"},
    {"cutoff=0x10", "option 'cutoff' = '0x10'", "a number"},
    {"cutoff=3,steps=0", "option 'steps' = 0", "1 to 1000000"},
    {"cutoff=3,steps=2.5", "option 'steps' = '2.5'", "a whole number"},
    {"cutoff=3,steps=99999999999999999999", "option 'steps' = 9999", "1 to 1000000"},
    {"cutoff=3,steps=1e300", "option 'steps' = 1e300", "1 to 1000000"},
    {"cutoff=3,steps=ten", "option 'steps' = 'ten'", "a whole number, 1 to 1000000"},
    {"cutoff=3,shift=maybe", "option 'shift' = 'maybe'", "true, false"},
    {"cutoff=3,shift=True", "option 'shift' = 'True'", "true, false"},
    {"cutoff=3,kind=smoo", "option 'kind' = 'smoo'", "plain|smooth|smoother"},
    {"cutoff=3,kind=plain|smooth", "'plain|smooth'", "must be one of"},
    {"cutoff=3,cutoff=4", "'cutoff' is given twice", ""},
    {"cutoff", "expected name=value at 'cutoff'", ""},
    {"cutoff=3,", "after the last comma", ""},
    {",cutoff=3", "expected name=value", ""},
    {"cutoff=3,,sigma=1", "expected name=value", ""},
    {"=3", "expected name=value", ""},
    {"cutoff=3,file=\"abc", "option 'file': no end", ""},
    {"cutoff=3,file=\"abc\\", "option 'file': no end", ""},
    {"cutoff=3,file={a{b}", "option 'file': no end", ""},
    {"cutoff=3,file=\"abc\"d", "expected a comma at 'd'", ""},
    {"cutoff=3,file={a}}", "expected a comma at '}'", ""},
    {"cutoff=3,file=a\nb", "control character", ""},
    {"\"cutoff\"=3", "expected name=value", ""},
};

static void test_failures(void **state)
{
    ath_context *ctx = *state;
    int64_t n_blocks = option_failing.n_blocks;
    for (size_t i = 0; i < sizeof option_failures / sizeof *option_failures; i++) {
        option_object o = option_garbage();
        /* texts that are set before the failure must not leak */
        const char *given = option_failures[i].text;
        char text[256];
        snprintf(text, sizeof text, "label=set%s%s", given && *given ? "," : "",
                 given ? given : "");
        for (int round = 0; round < 2; round++) {
            ath_status status =
                ath_options_parse(ctx, option_table, "lj", round ? text : given, &o);
            const char *message = ath_context_message(ctx);
            if (status != ATH_E_OPTION || strncmp(message, "lj: ", 4) != 0 ||
                !strstr(message, option_failures[i].part) ||
                !strstr(message, option_failures[i].other)) {
                fail_msg("'%s': status %d, '%s'", given ? given : "NULL", (int)status, message);
            }
            assert_int_equal(option_failing.n_blocks, n_blocks);
            assert_null(o.file);
            assert_null(o.label);
        }
    }
}

static void test_bad_default_is_found(void **state)
{
    ath_context *ctx = *state;
    static const ath_option table[] = {{.name = "dt",
                                        .type = ATH_OPTION_REAL,
                                        .unit = "fs",
                                        .fallback = "-1",
                                        .min = 0.001,
                                        .max = 100.0,
                                        .help = "time step"},
                                       {.type = ATH_OPTION_END}};
    double dt;
    assert_int_equal(ath_options_parse(ctx, table, "nve", NULL, &dt), ATH_E_OPTION);
    assert_non_null(strstr(ath_context_message(ctx), "0.001 to 100 fs"));
    assert_int_equal(ath_options_parse(ctx, table, "nve", "dt=0.5", &dt), ATH_OK);
    assert_true(dt == 0.5);
    assert_int_equal(ath_options_parse(NULL, table, "nve", NULL, &dt), ATH_E_ARGUMENT);
    assert_int_equal(ath_options_parse(ctx, table, NULL, NULL, &dt), ATH_E_ARGUMENT);
}

/* What is printed reads back to the same values, whatever is in the texts. */
static void test_print(void **state)
{
    ath_context *ctx = *state;
    static const char *const labels[] = {"plain", "",       "a,b", " x",        "x ", "\"q\"",
                                         "{b}",   "back\\", "=",   "a\"b,c\\d", "}",  "{,"};
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
        option_object o = {.sigma = 0.1 + 0.2,
                           .cutoff = 1e23,
                           .any = -5e-324,
                           .steps = 123456,
                           .shift = 0,
                           .kind = 2,
                           .file = "x.txt",
                           .label = labels[i]};
        char text[512], small[10];
        int n = ath_options_print(option_table, &o, text, sizeof text);
        assert_int_equal(n, strlen(text));
        assert_int_equal(ath_options_print(option_table, &o, NULL, 0), n);
        assert_int_equal(ath_options_print(option_table, &o, small, sizeof small), n);
        assert_memory_equal(small, text, sizeof small - 1);
        assert_int_equal(small[sizeof small - 1], '\0');
        option_object back = option_garbage();
        if (ath_options_parse(ctx, option_table, "lj", text, &back) != ATH_OK) {
            fail_msg("%s: %s", text, ath_context_message(ctx));
        }
        assert_true(back.sigma == o.sigma && back.cutoff == o.cutoff && back.any == o.any);
        assert_true(back.steps == o.steps && back.shift == o.shift && back.kind == o.kind);
        assert_string_equal(back.file, o.file);
        assert_string_equal(back.label, o.label);
        ath_options_free(ctx, option_table, &back);
    }
    option_object o = {.sigma = 3.4, .cutoff = 8.5, .any = 0.0, .steps = 1, .shift = 1};
    char text[256];
    ath_options_print(option_table, &o, text, sizeof text);
    assert_string_equal(text, "sigma=3.4,cutoff=8.5,any=0,steps=1,shift=true,kind=plain,"
                              "file=\"\",label=\"\"");
}

static void test_without_memory(void **state)
{
    ath_context *ctx = *state;
    int64_t n_blocks = option_failing.n_blocks;
    const char *text = "cutoff=3,file=a.txt,label=\"b\",steps=5";
    int failures = 0;
    for (;; failures++) {
        option_object o = option_garbage();
        option_failing.fail_at = option_failing.n_calls + 1 + failures;
        ath_status status = ath_options_parse(ctx, option_table, "lj", text, &o);
        if (status == ATH_OK) {
            assert_string_equal(o.file, "a.txt");
            ath_options_free(ctx, option_table, &o);
            break;
        }
        assert_int_equal(status, ATH_E_NO_MEMORY);
        assert_int_equal(option_failing.n_blocks, n_blocks);
        assert_null(o.file);
        assert_null(o.label);
    }
    assert_true(failures >= 6);
    /* an unknown name is still said when there is no memory for a suggestion */
    for (failures = 0;; failures++) {
        option_object o;
        option_failing.fail_at = option_failing.n_calls + 1 + failures;
        ath_status status = ath_options_parse(ctx, option_table, "lj", "cutof=3", &o);
        assert_int_equal(option_failing.n_blocks, n_blocks);
        if (status == ATH_E_OPTION) {
            assert_non_null(strstr(ath_context_message(ctx), "lj: unknown option 'cutof'"));
            if (strstr(ath_context_message(ctx), "cutoff")) {
                break;
            }
        } else {
            assert_int_equal(status, ATH_E_NO_MEMORY);
        }
    }
}

/* Random texts over the characters that matter: never a crash, a leak or an accepted wrong type. */
static void test_random_texts(void **state)
{
    ath_context *ctx = *state;
    static const char *const parts[] = {"cutoff", "=", ",", "\"", "{",     "}",    "\\", " ", "3",
                                        "file",   "e", "-", ".",  "label", "kind", "\t", "x"};
    uint64_t seed = 1;
    int64_t n_blocks = option_failing.n_blocks;
    int n_good = 0;
    for (int i = 0; i < 50000; i++) {
        char text[128] = "cutoff=3";
        for (uint64_t n = seed >> 33 & 7; n > 0; n--) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
            strcat(text, parts[(seed >> 33) % (sizeof parts / sizeof *parts)]);
        }
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        option_object o = option_garbage();
        if (ath_options_parse(ctx, option_table, "lj", text, &o) == ATH_OK) {
            n_good++;
            assert_true(o.cutoff >= 0.5 && o.file && o.label && o.kind >= 0 && o.kind < 3);
            ath_options_free(ctx, option_table, &o);
        }
        assert_int_equal(option_failing.n_blocks, n_blocks);
    }
    assert_true(n_good > 100);
}

/* A table that is itself wrong, and calls without what they need. */
static void test_wrong_calls(void **state)
{
    static const ath_option wrong[] = {
        {.name = "odd", .type = (ath_option_type)99, .fallback = "1"}, {.type = ATH_OPTION_END}};
    ath_context *ctx = *state;
    option_object o = option_garbage();
    assert_int_equal(ath_options_parse(ctx, wrong, "lj", "odd=2", &o), ATH_E_INTERNAL);
    assert_non_null(strstr(ath_context_message(ctx), "lj: option 'odd' has an unknown type"));
    assert_int_equal(ath_options_parse(ctx, NULL, "lj", "", &o), ATH_E_ARGUMENT);
    assert_int_equal(ath_options_parse(ctx, wrong, "lj", "", NULL), ATH_E_ARGUMENT);
    ath_options_free(NULL, wrong, &o);
    ath_options_free(ctx, NULL, &o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define OPTION_TEST(name) cmocka_unit_test_setup_teardown(name, option_setup, option_teardown)
        OPTION_TEST(test_defaults),
        OPTION_TEST(test_values),
        OPTION_TEST(test_limits_are_inclusive),
        OPTION_TEST(test_failures),
        OPTION_TEST(test_bad_default_is_found),
        OPTION_TEST(test_print),
        OPTION_TEST(test_without_memory),
        OPTION_TEST(test_random_texts),
        OPTION_TEST(test_wrong_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
