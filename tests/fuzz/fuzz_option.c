/* libFuzzer target: a text as options of a table with every type, and as a model. Files are out of
 * reach: each open fails, so what needs one is refused. Beyond not crashing: nothing leaks, memory
 * stays within what the text justifies, a refusal says why, and what is accepted is the same when
 * it is printed and read again.
 */
#include <errno.h>
#include <float.h>

#include <athanor/model.h>

#include "fuzz/target.h"

/* ---- options ---- */

typedef struct fuzz_object {
    double width, most, least, any;
    int64_t steps, whole, on, kind;
    const char *file, *label;
} fuzz_object;

static const ath_option fuzz_options[] = {
    {.name = "width",
     .type = ATH_OPTION_REAL,
     .unit = "angstrom",
     .fallback = "3.4",
     .min = 0.1,
     .max = 10.0,
     .offset = offsetof(fuzz_object, width)},
    {.name = "most",
     .type = ATH_OPTION_REAL,
     .unit = "",
     .fallback = "0",
     .min = -DBL_MAX,
     .max = 5.0,
     .offset = offsetof(fuzz_object, most)},
    {.name = "least",
     .type = ATH_OPTION_REAL,
     .unit = "fs",
     .fallback = "1",
     .min = 0.5,
     .max = DBL_MAX,
     .offset = offsetof(fuzz_object, least)},
    {.name = "any",
     .type = ATH_OPTION_REAL,
     .fallback = "-1e-3",
     .offset = offsetof(fuzz_object, any)},
    {.name = "steps",
     .type = ATH_OPTION_INT,
     .unit = "steps",
     .min = 1,
     .max = 1e6,
     .offset = offsetof(fuzz_object, steps)},
    {.name = "whole",
     .type = ATH_OPTION_INT,
     .fallback = "-7",
     .offset = offsetof(fuzz_object, whole)},
    {.name = "on", .type = ATH_OPTION_BOOL, .fallback = "yes", .offset = offsetof(fuzz_object, on)},
    {.name = "kind",
     .type = ATH_OPTION_CHOICE,
     .fallback = "smooth",
     .choices = "plain|smooth|smoother",
     .offset = offsetof(fuzz_object, kind)},
    {.name = "file",
     .type = ATH_OPTION_TEXT,
     .fallback = "",
     .offset = offsetof(fuzz_object, file)},
    {.name = "label",
     .type = ATH_OPTION_TEXT,
     .fallback = "none",
     .offset = offsetof(fuzz_object, label)},
    {.type = ATH_OPTION_END},
};

static void fuzz_same(const fuzz_object *a, const fuzz_object *b)
{
    REQUIRE(memcmp(a, b, offsetof(fuzz_object, file)) == 0);
    REQUIRE(strcmp(a->file, b->file) == 0 && strcmp(a->label, b->label) == 0);
}

static void fuzz_parse(ath_context *ctx, const char *text)
{
    fuzz_object object = {0}, again = {0};
    const ath_status status = ath_options_parse(ctx, fuzz_options, "owner", text, &object);
    if (status != ATH_OK) {
        REQUIRE(status == ATH_E_OPTION && strncmp(ath_context_message(ctx), "owner: ", 7) == 0);
        REQUIRE(object.file == NULL && object.label == NULL);
        return;
    }
    REQUIRE(object.width >= 0.1 && object.width <= 10.0 && object.most <= 5.0);
    REQUIRE(object.least >= 0.5 && object.any - object.any == 0.0);
    REQUIRE(object.steps >= 1 && object.steps <= 1000000);
    REQUIRE((object.on & ~INT64_C(1)) == 0 && object.kind >= 0 && object.kind <= 2);
    const int n = ath_options_print(fuzz_options, &object, NULL, 0);
    REQUIRE(n > 0);
    char *echo = malloc((size_t)n + 1);
    REQUIRE(echo && ath_options_print(fuzz_options, &object, echo, (size_t)n + 1) == n);
    REQUIRE(strlen(echo) == (size_t)n);
    REQUIRE(ath_options_parse(ctx, fuzz_options, "again", echo, &again) == ATH_OK);
    fuzz_same(&object, &again);
    free(echo);
    ath_options_free(ctx, fuzz_options, &object);
    ath_options_free(ctx, fuzz_options, &again);
    REQUIRE(object.file == NULL && again.label == NULL);
}

/* ---- models ---- */

static int fuzz_open(void *user, const char *path, int flags, int mode)
{
    (void)user, (void)path, (void)flags, (void)mode;
    return -ENOENT;
}

static void fuzz_model(ath_context *ctx, const char *text)
{
    ath_model *model = NULL, *again = NULL;
    const ath_status status = ath_model_create(ctx, text, &model);
    if (status != ATH_OK) {
        REQUIRE(status == ATH_E_OPTION || status == ATH_E_UNKNOWN || status == ATH_E_NOT_FOUND ||
                status == ATH_E_UNSUPPORTED || status == ATH_E_RANGE || status == ATH_E_FORMAT);
        REQUIRE(model == NULL && ath_context_message(ctx)[0] != '\0');
        return;
    }
    const double cutoff = ath_model_cutoff(model);
    REQUIRE(cutoff >= 0.0 && cutoff <= 1e3);
    REQUIRE(ath_model_create(ctx, ath_model_text(model), &again) == ATH_OK);
    REQUIRE(strcmp(ath_model_text(model), ath_model_text(again)) == 0);
    REQUIRE(strcmp(ath_model_hash(model), ath_model_hash(again)) == 0);
    ath_model_destroy(&again);
    ath_model_destroy(&model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    failing memory = {0};
    ath_context_config config = failing_config(&memory);
    ath_context *ctx = NULL;
    char *text = malloc(size + 1);
    REQUIRE(text);
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    config.io = (ath_io){.size = sizeof config.io, .open = fuzz_open};
    REQUIRE(ath_context_create(&config, &ctx) == ATH_OK);
    fuzz_parse(ctx, text);
    fuzz_model(ctx, text);
    REQUIRE(memory.peak_bytes <= 4 * size + ((size_t)16 << 20));
    ath_context_destroy(&ctx);
    REQUIRE(memory.n_blocks == 0 && memory.n_wrong == 0);
    free(text);
    return 0;
}
