/* Options of the model "lj", and the registry of models: names, messages, the echo, the hash. */
#include "base/failing.h"
#include "lj_systems.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ath_context *context;

static ath_model *options_create(const char *text)
{
    ath_model *model = NULL;
    if (ath_model_create(context, text, &model) != ATH_OK) {
        fail_msg("%s: %s", text, ath_context_message(context));
    }
    return model;
}

/* `word` must be in the message. */
static void options_refused(const char *text, ath_status status, const char *word)
{
    ath_model *model = (ath_model *)(uintptr_t)1;
    assert_int_equal(ath_model_create(context, text, &model), status);
    assert_null(model);
    if (!strstr(ath_context_message(context), word)) {
        fail_msg("%s: '%s' is not in '%s'", text, word, ath_context_message(context));
    }
}

static void options_refusals(void **unused)
{
    (void)unused;
    options_refused("lk", ATH_E_UNKNOWN, "'lj'");
    options_refused("", ATH_E_UNKNOWN, "''");
    options_refused("lj ", ATH_E_UNKNOWN, "'lj '");
    options_refused("a-name-that-is-far-longer-than-the-name-of-any-model-could-ever-want-to-be",
                    ATH_E_UNKNOWN, "a-name-that");
    options_refused("lj:sigm=3", ATH_E_OPTION, "sigma");
    options_refused("lj:sigma=0", ATH_E_OPTION, "sigma");
    options_refused("lj:epsilon=-1", ATH_E_OPTION, "epsilon");
    options_refused("lj:scheme=none", ATH_E_OPTION, "truncation");
    options_refused("lj:precision=single", ATH_E_OPTION, "mixed");
    options_refused("lj:lrc=true,scheme=switch", ATH_E_OPTION, "lrc");
    options_refused("lj:cutoff=5,switch_width=6,scheme=switch", ATH_E_OPTION, "switch_width");
    options_refused("lj:pairs=Ar", ATH_E_OPTION, "ELEMENT-ELEMENT");
    options_refused("lj:pairs=Ar-Qq:1:1", ATH_E_OPTION, "'Ar-Qq:1:1'");
    options_refused("lj:pairs=Ar-Kr:1", ATH_E_OPTION, "EPSILON");
    options_refused("lj:pairs=Ar-Kr:1:0", ATH_E_OPTION, "SIGMA");
    options_refused("lj:pairs=Ar-Kr:-1:3", ATH_E_OPTION, "EPSILON");
    options_refused("lj:pairs=Ar-Kr:1:3x", ATH_E_OPTION, "pairs");
    options_refused("lj:pairs=Ar-Kr:1:3;;", ATH_E_OPTION, "pairs");
    options_refused("lj:pairs=Ar-Kr:1:3;Kr-Ar:1:3", ATH_E_OPTION, "twice");
}

static void options_arguments(void **unused)
{
    (void)unused;
    ath_model *model = NULL;
    assert_int_equal(ath_model_create(context, NULL, &model), ATH_E_ARGUMENT);
    assert_int_equal(ath_model_create(context, "lj", NULL), ATH_E_ARGUMENT);
    ath_model_destroy(NULL);
    ath_model_destroy(&model);
    model = options_create("lj");
    assert_int_equal(ath_model_accepts(model, NULL), ATH_E_ARGUMENT);
    ath_model_destroy(&model);
    assert_null(model);
    ath__model_ops old = ath__model_lj;
    old.abi++;
    assert_int_equal(ath__model_create_from(context, &old, NULL, &model), ATH_E_ABI);
}

/* More elements than there is room for: 15 of their own and the rest. */
static void options_many_elements(void **unused)
{
    (void)unused;
    char text[512] = "lj:pairs=";
    for (int z = 1; z <= ATH__LJ_KINDS - 1; z++) {
        const size_t n = strlen(text);
        snprintf(text + n, sizeof text - n, "%s%s-%s:0.%02d:3", z > 1 ? ";" : "",
                 ath_element_symbol(z), ath_element_symbol(z), z);
    }
    ath_model *model = options_create(text);
    ath_model_destroy(&model);
    const size_t n = strlen(text);
    snprintf(text + n, sizeof text - n, ";U-U:1:3");
    options_refused(text, ATH_E_OPTION, "elements");
}

/* The echo makes the same model; the hash is one of meaning. */
static void options_echo(void **unused)
{
    (void)unused;
    static const char *const texts[] = {
        "lj",
        "lj:epsilon=0.1,sigma=0.3,cutoff=1.7",
        "lj:" LJ_NOBLE ",scheme=force-shift,precision=mixed",
        "lj:scheme=switch,switch_width=0.1",
        "lj:lrc=yes",
    };
    enum { N = sizeof texts / sizeof *texts };
    ath_model *model[N];
    for (int k = 0; k < N; k++) {
        model[k] = options_create(texts[k]);
        assert_string_equal(ath_model_name(model[k]), "lj");
        ath_model *again = options_create(ath_model_text(model[k]));
        assert_string_equal(ath_model_text(model[k]), ath_model_text(again));
        assert_string_equal(ath_model_hash(model[k]), ath_model_hash(again));
        assert_int_equal(strlen(ath_model_hash(again)), 32);
        ath_model_destroy(&again);
        for (int l = 0; l < k; l++) {
            assert_string_not_equal(ath_model_hash(model[k]), ath_model_hash(model[l]));
        }
    }
    assert_true(ath_model_cutoff(model[0]) == 8.5 && ath_model_cutoff(model[1]) == 1.7);
    assert_non_null(strstr(ath_model_text(model[0]), "sigma=3.4"));
    for (int k = 0; k < N; k++) {
        ath_model_destroy(&model[k]);
    }
    /* the same physics in other words */
    ath_model *a = options_create("lj:pairs=Kr-Kr:0.0141:3.63");
    ath_model *b = options_create("lj:sigma=3.40,pairs=\"Kr-Kr:141e-4:363e-2;\"");
    assert_string_equal(ath_model_hash(a), ath_model_hash(b));
    ath_model_destroy(&a);
    ath_model_destroy(&b);
}

/* The whole list, each of which can be made from its name and described. */
static void options_registry(void **unused)
{
    (void)unused;
    const char *name, *help;
    const ath_option *options;
    int32_t n = 0, lj = 0;
    assert_int_equal(ath_model_list(-1, &name, &help, &options), ATH_E_RANGE);
    for (; ath_model_list(n, &name, &help, &options) == ATH_OK; n++) {
        /* those that cannot do without a text of their own */
        const bool file = !strcmp(name, "nep"), sum = !strcmp(name, "sum");
        ath_model *model = file ? NULL : options_create(sum ? "sum:1*lj" : name);
        assert_true(file || !strcmp(ath_model_name(model), name));
        assert_true(strlen(help) > 10);
        assert_true(file || strlen(ath_model_hash(model)) == 32);
        for (const ath_option *o = options; o->type != ATH_OPTION_END; o++) {
            assert_true(strlen(o->name) > 0 && strlen(o->help) > 10 && o->unit);
            assert_true(file || strstr(ath_model_text(model), o->name) != NULL);
        }
        lj += !strcmp(name, "lj");
        ath_model_destroy(&model);
    }
    assert_int_equal(ath_model_list(n, &name, &help, &options), ATH_END);
    assert_int_equal(ath_model_list(0, NULL, NULL, NULL), ATH_OK);
    assert_true(n >= 3 && lj == 1);
}

static void options_out_of_memory(void **unused)
{
    (void)unused;
    failing memory = {0};
    const ath_context_config config = failing_config(&memory);
    ath_context *ctx = NULL;
    assert_int_equal(ath_context_create(&config, &ctx), ATH_OK);
    const int64_t before = memory.n_blocks;
    ath_status status = ATH_E_NO_MEMORY;
    int32_t n = 1;
    for (; status != ATH_OK; n++) {
        ath_model *model = NULL;
        memory.n_calls = 0;
        memory.fail_at = n;
        status = ath_model_create(ctx, "lj:" LJ_NOBLE, &model);
        assert_true(status == ATH_OK || (status == ATH_E_NO_MEMORY && !model));
        ath_model_destroy(&model);
        assert_int_equal(memory.n_blocks, before);
    }
    assert_true(n >= 5); /* the model, its state, its texts */
    ath_context_destroy(&ctx);
    assert_true(memory.n_blocks == 0 && memory.n_wrong == 0);
}

static int options_open(void **unused)
{
    (void)unused;
    return ath_context_create(NULL, &context);
}

static int options_close(void **unused)
{
    (void)unused;
    ath_context_destroy(&context);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_refusals),      cmocka_unit_test(options_arguments),
        cmocka_unit_test(options_many_elements), cmocka_unit_test(options_echo),
        cmocka_unit_test(options_registry),      cmocka_unit_test(options_out_of_memory),
    };
    return cmocka_run_group_tests(tests, options_open, options_close);
}
