/* Parameter files and options of the model "sw": what is read, what is refused and where, the echo
 * and the hash, failures of memory and of files, and that time is linear in the size of a file.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <athanor/model.h>

#include "base/base.h"
#include "base/failing.h"
#include "models/sw.h"

#define DATA ATH_SOURCE_DIR "/tests/data/"
#define SILICON "2.1683 2.0951 1.80 21.0 1.20 -0.333333333333 7.049556277 0.6022245584 4.0 0.0 0.0"

static ath_context *context;
static ath__sw_table table;
static ath__sw_params params;

static ath_status read_text(const char *text, const char *elements)
{
    const ath_status status = ath__sw_parse(context, "f.sw", text, strlen(text), elements, &table);
    return status == ATH_OK ? ath__sw_prepare(context, "f.sw", &table, &params) : status;
}

static void read_good(const char *text, const char *elements, int32_t kinds)
{
    if (read_text(text, elements) != ATH_OK) {
        fail_msg("refused: %s: %s", ath_context_message(context), text);
    }
    assert_int_equal(table.n_kinds, kinds);
    assert_int_equal(params.n_kinds, kinds);
}

/* `word` must be in the message, at its beginning if it begins with "f.sw". */
static void read_bad(const char *text, const char *elements, const char *word)
{
    const ath_status status = read_text(text, elements);
    const char *message = ath_context_message(context);
    assert_true(status == ATH_E_FORMAT || status == ATH_E_OPTION);
    const char *found = strstr(message, word);
    if (!found || (!strncmp(word, "f.sw", 4) && found != message)) {
        fail_msg("'%s' is not in '%s'", word, message);
    }
}

static void read_layouts(void **unused)
{
    (void)unused;
    read_good("Si Si Si " SILICON, "", 1);
    const ath__sw_params plain = params;
    assert_true(params.kind[14] == 0 && params.kind[32] == -1 && params.p_whole == 4);
    assert_true(params.q_whole == 0 && params.cutoff == 2.0951 * 1.80);
    static const char *const same[] = {
        "\n\n # comment\r\n\tSi Si\tSi " SILICON " # more\r\n",
        "Si\nSi\nSi\n2.1683\n2.0951\n1.80\n21.0\n1.20\n-0.333333333333\n7.049556277\n0.6022245584\n"
        "4.0\n0.0\n0.0\n",
        "# Si Si Si\nSi Si Si 21683e-4 2.0951 1.8 21 1.2#cut\n -0.333333333333 7.049556277 # 5\n\n"
        "0.6022245584 4 0 0",
        "#DATE: UNITS: metal CONTRIBUTOR: nobody\nSi Si Si " SILICON,
    };
    for (size_t k = 0; k < sizeof same / sizeof *same; k++) {
        read_good(same[k], "", 1);
        assert_memory_equal(&params, &plain, sizeof params);
    }
    /* other elements are passed over, names are free, kinds are in the order of the option */
    static const char two[] = "mW mW mW " SILICON "\nQ mW mW " SILICON "\nGe Ge Ge " SILICON;
    read_good(two, "O:mW", 1);
    assert_int_equal(table.number[0], 8);
    read_good(two, "Ge", 1);
    read_good(two, "Ge;", 1);
    assert_int_equal(table.number[0], 32);
    read_bad(two, "", "f.sw:1:1: 'mW' is not an element");
    read_bad(two, "Ge;O:mW", "no entry for Ge Ge O");
    read_good("# UNITS: real\nO O O 1 2 1.8 20 1.2 0 7 0.6 4 0 0", "", 1);
    assert_true(fabs(table.angle[0].epsilon - 0.0433641043) < 1e-10);
}

static void read_place(void **unused)
{
    (void)unused;
    read_bad("", "", "f.sw: no entries");
    read_bad("# nothing\n", "", "f.sw: no entries");
    read_bad("Si Si Xx " SILICON, "", "f.sw:1:7: 'Xx'");
    read_bad("Si Si Silicon " SILICON, "", "f.sw:1:7: 'Silicon'");
    read_bad("Si Si Si 1 2\n\n 1.8 x", "", "f.sw:3:6: lambda: 'x'");
    read_bad("Si Si Si 1 2", "", "f.sw:1:13: the file ends inside an entry, after 5 of 14");
    read_bad("Si Si Si " SILICON " 5", "", "f.sw:1:92: '5'");
    read_bad("Si Si Si " SILICON "\nSi Si", "", "f.sw:2:6: the file ends");
    read_bad("Si Si Si " SILICON "\n\nSi Si Si " SILICON, "",
             "f.sw:3:1: an entry for the same elements stands in line 1");
    read_bad("Si Si Si " SILICON "\nSi Si Ge " SILICON, "", "f.sw: no entry for Si Ge Si");
    read_bad("# UNITS: lj\nSi Si Si " SILICON, "", "f.sw:1:10: units 'lj'");
    read_bad("# UNITS:\nSi Si Si " SILICON, "", "f.sw:1:9: units ''");
}

/* One value of silicon replaced. */
static void read_replaced(int which, const char *value, const char *word)
{
    static const char *const good[11] = {"2.1683", "2.0951",  "1.80",        "21.0",
                                         "1.20",   "-0.3333", "7.049556277", "0.6022245584",
                                         "4.0",    "0.0",     "0.0"};
    char text[512] = "Si Si Si";
    for (int k = 0; k < 11; k++) {
        const size_t n = strlen(text);
        snprintf(text + n, sizeof text - n, " %s", k == which ? value : good[k]);
    }
    if (word) {
        read_bad(text, "", word);
    } else {
        read_good(text, "", 1);
    }
}

static void read_values(void **unused)
{
    (void)unused;
    static const char *const wrong[] = {"nan",   "NaN",   "inf", "-inf", "0x10",
                                        "1e999", "1.0.0", "1,5", "--1",  "1e",
                                        "+",     "e5",    "1d0", "-",    "1_0"};
    static const char *const names[11] = {"epsilon:", "sigma:", "a:", "lambda:", "gamma:", "cos",
                                          "A:",       "B:",     "p:", "q:",      "tol:"};
    for (int which = 0; which < 11; which++) {
        char place[16];
        snprintf(place, sizeof place, "f.sw:1:");
        for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
            read_replaced(which, wrong[k], names[which]);
            read_replaced(which, wrong[k], place);
        }
        read_replaced(which, which == 5 ? "-1.001" : "-1e-300", names[which]);
        read_replaced(which, "1e12", names[which]);
        if (which != 1 && which != 2) { /* without sigma or a there is no pair */
            read_replaced(which, "-0", NULL);
        }
    }
}

static void read_meaning(void **unused)
{
    (void)unused;
    read_replaced(1, "900", "1000 angstrom");
    read_replaced(1, "0.001", NULL);
    read_replaced(1, "9.99e-4", "f.sw:1:1: sigma is neither 0 nor at least 0.001 angstrom");
    read_replaced(1, "1e-320", "f.sw:1:1: sigma is neither");
    read_replaced(10, "1e-3", NULL);
    assert_true(fabs(params.cutoff - (1.8 * 2.0951 + 2.0951 / log(1e-3))) < 1e-14);
    read_replaced(10, "0.5", NULL); /* as 0.01 */
    assert_true(fabs(params.cutoff - (1.8 * 2.0951 + 2.0951 / log(1e-2))) < 1e-14);
    read_bad("Si Si Si 1 2 0.1 1 1 0 1 1 4 0 0.01", "", "leaves no distance");
    read_bad("Si Si Si 1 0 1.8 1 1 0 1 1 4 0 0", "", "no pair");
    read_good("Si Si Si 1 2 1.8 1 1 0 1 1 4.5 33 0", "", 1);
    assert_true(params.p_whole == -1 && params.q_whole == -1);
#define PAIR(a, b, c, s, w) a " " b " " c " " s " 2 1.8 " w " 1.2 -0.3 7 0.6 4 0 0\n"
#define BOTH PAIR("Si", "Si", "Si", "2", "20") PAIR("Ge", "Ge", "Ge", "2", "20")
    static const char mixed[] = PAIR("Si", "Si", "Ge", "2", "20") PAIR("Ge", "Ge", "Si", "2", "20")
        PAIR("Ge", "Si", "Ge", "2", "20");
    char text[2048];
    snprintf(text, sizeof text, "%s%s%s", BOTH PAIR("Si", "Ge", "Ge", "1.5", "22"), mixed,
             PAIR("Ge", "Si", "Si", "1.5", "23") PAIR("Si", "Ge", "Si", "4", "10.0001"));
    read_good(text, "", 2); /* lambda epsilon of Si Si Ge and Si Ge Si: 40 and 40.0004, the mean */
    assert_true(fabs(params.angle2[(0 * 2 + 0) * 2 + 1] - 40.0002) < 1e-12);
    assert_true(params.angle2[1] == params.angle2[2]);
    snprintf(text, sizeof text, "%s%s%s", BOTH PAIR("Si", "Ge", "Ge", "1.5", "22"), mixed,
             PAIR("Ge", "Si", "Si", "1.5", "23") PAIR("Si", "Ge", "Si", "4", "10.1"));
    read_bad(text, "", "Si Si Ge and Si Ge Si are of one angle");
    snprintf(text, sizeof text, "%s%s%s", BOTH PAIR("Si", "Ge", "Ge", "1.5", "22"), mixed,
             PAIR("Ge", "Si", "Si", "1.6", "23") PAIR("Si", "Ge", "Si", "4", "10"));
    read_bad(text, "", "Si Ge Ge and Ge Si Si are of one pair");
}

static void read_option_elements(void **unused)
{
    (void)unused;
    static const char one[] = "Si Si Si " SILICON;
    read_bad(one, "Xx", "sw: elements");
    read_bad(one, "Si;;Ge", "sw: elements");
    read_bad(one, "Si:", "sw: elements");
    read_bad(one, ":Si", "sw: elements");
    read_bad(one, "Si;Si", "twice");
    read_bad(one, "Si;Ge:Si", "twice");
    char many[256] = "", text[65536] = "";
    for (int z = 1; z <= ATH__SW_KINDS + 1; z++) {
        const size_t n = strlen(many), m = strlen(text);
        snprintf(many + n, sizeof many - n, "%s;", ath_element_symbol(z));
        snprintf(text + m, sizeof text - m, "%s %s %s " SILICON "\n", ath_element_symbol(z),
                 ath_element_symbol(z), ath_element_symbol(z));
    }
    read_bad(one, many, "at most 16");
    read_bad(text, "", "f.sw:17:1: more than 16 elements");
    read_good(text, "F", 1);
}

/* Sixteen kinds, all of their 4096 entries. */
static void read_many_kinds(void **unused)
{
    (void)unused;
    const int n = ATH__SW_KINDS;
    const size_t room = (size_t)n * (size_t)n * (size_t)n * 128;
    char *text = malloc(room);
    size_t at = 0;
    assert_non_null(text);
    for (int ijk = 0; ijk < n * n * n; ijk++) {
        const int i = ijk / (n * n), j = ijk / n % n, k = ijk % n;
        at += (size_t)snprintf(text + at, room - at, "%s %s %s %d 2 1.8 %d 1.2 -0.3 7 0.6 4 0 0\n",
                               ath_element_symbol(i + 1), ath_element_symbol(j + 1),
                               ath_element_symbol(k + 1), 1 + i + j, (1 + i + k) * 3);
    }
    assert_int_equal(ath__sw_parse(context, "f.sw", text, at, "", &table), ATH_OK);
    assert_int_equal(ath__sw_prepare(context, "f.sw", &table, &params), ATH_OK);
    assert_int_equal(params.n_kinds, n);
    assert_true(params.depth[3 * n + 7] == 7.0 * 11.0);
    assert_true(params.angle2[(3 * n + 7) * n + 5] == 11.0 * 27.0);
    free(text);
}

/* Ten times the file takes about ten times as long. */
static void read_in_linear_time(void **unused)
{
    (void)unused;
    double seconds[2];
    for (int big = 0; big < 2; big++) {
        const size_t copies = big ? 200000 : 20000;
        static const char entry[] = "Ge Ge Ge " SILICON "\n# a comment, and more of it\n";
        const size_t n = sizeof entry - 1;
        char *text = malloc(copies * n + sizeof SILICON + 16);
        assert_non_null(text);
        size_t at = (size_t)sprintf(text, "Si Si Si " SILICON "\n");
        for (size_t k = 0; k < copies; k++, at += n) {
            memcpy(text + at, entry, n);
        }
        const clock_t begin = clock();
        assert_int_equal(ath__sw_parse(context, "f.sw", text, at, "Si", &table), ATH_OK);
        seconds[big] = (double)(clock() - begin) / CLOCKS_PER_SEC;
        free(text);
    }
    assert_true(seconds[1] < 40.0 * seconds[0] + 0.1);
}

static void read_same_model(const char *a, const char *b, bool same)
{
    ath_model *m[2] = {NULL, NULL};
    assert_int_equal(ath_model_create(context, a, &m[0]), ATH_OK);
    assert_int_equal(ath_model_create(context, b, &m[1]), ATH_OK);
    assert_int_equal(!strcmp(ath_model_hash(m[0]), ath_model_hash(m[1])), same);
    ath_model_destroy(&m[0]);
    ath_model_destroy(&m[1]);
}

static void read_models(void **unused)
{
    (void)unused;
    static const char *const bad[][2] = {
        {"sw:set=Sn", "Si-Vink"},
        {"sw:elements=Si", "file"},
        {"sw:file=" DATA "sw_nothing.sw", "sw_nothing.sw"},
        {"sw:file=\"" DATA "sw_two.sw\",elements=Si;C", "no entry for Si Si C"},
        {"sw:sets=Si", "set"},
    };
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        ath_model *model = NULL;
        assert_true(ath_model_create(context, bad[k][0], &model) < 0);
        assert_null(model);
        assert_non_null(strstr(ath_context_message(context), bad[k][1]));
    }
    read_same_model("sw", "sw:set=Si", true);
    read_same_model("sw", "sw:set=Ge", false);
    read_same_model("sw:set=Si", "sw:set=Si-Vink", false);
    read_same_model("sw:file=\"" DATA "sw_two.sw\"", "sw:file=\"" DATA "sw_two.sw\"", true);
    read_same_model("sw:file=\"" DATA "sw_two.sw\"", "sw:file=\"" DATA "sw_two.sw\",elements=Si",
                    false);
    ath_model *model = NULL, *again = NULL;
    assert_int_equal(
        ath_model_create(context, "sw:file=\"" DATA "sw_two.sw\",elements=\"Ge;Si\"", &model),
        ATH_OK);
    assert_int_equal(ath_model_create(context, ath_model_text(model), &again), ATH_OK);
    assert_string_equal(ath_model_text(model), ath_model_text(again));
    assert_string_equal(ath_model_hash(model), ath_model_hash(again));
    assert_non_null(strstr(ath_model_text(model), "sw_two.sw"));
    ath_model_destroy(&model);
    ath_model_destroy(&again);
}

/* Every allocation fails in turn. */
static void read_without_memory(void **unused)
{
    (void)unused;
    for (int64_t fail_at = 1;; fail_at++) {
        failing memory = {0};
        ath_context_config config = failing_config(&memory);
        ath_context *ctx = NULL;
        ath_model *model = NULL;
        assert_int_equal(ath_context_create(&config, &ctx), ATH_OK);
        memory.fail_at = memory.n_calls + fail_at;
        const ath_status status =
            ath_model_create(ctx, "sw:file=\"" DATA "sw_two.sw\",elements=Ge", &model);
        assert_true(status == ATH_OK || status == ATH_E_NO_MEMORY);
        const bool done = memory.n_calls < memory.fail_at;
        assert_int_equal(done, status == ATH_OK);
        ath_model_destroy(&model);
        ath_context_destroy(&ctx);
        assert_int_equal(memory.n_blocks, 0);
        assert_int_equal(memory.n_wrong, 0);
        if (done) {
            assert_true(fail_at > 4);
            return;
        }
    }
}

static int read_open(void **unused)
{
    (void)unused;
    return ath_context_create(NULL, &context) == ATH_OK ? 0 : -1;
}

static int read_close(void **unused)
{
    (void)unused;
    ath_context_destroy(&context);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_layouts),         cmocka_unit_test(read_place),
        cmocka_unit_test(read_values),          cmocka_unit_test(read_meaning),
        cmocka_unit_test(read_option_elements), cmocka_unit_test(read_many_kinds),
        cmocka_unit_test(read_in_linear_time),  cmocka_unit_test(read_models),
        cmocka_unit_test(read_without_memory),
    };
    return cmocka_run_group_tests(tests, read_open, read_close);
}
