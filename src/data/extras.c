/* Extras and source: the baggage of a system, in host memory.
 *
 * Each extra owns its name and one block of values. Texts are one block as well: pointers first,
 * the characters behind them. Systems carry few extras, so a name is looked up by walking; their
 * number is limited so that a hostile file cannot make that expensive.
 */
#include <string.h>

#include "data/system_private.h"

static size_t extra_value_bytes(ath_extra_type type)
{
    switch (type) {
    case ATH_EXTRA_REAL:
        return sizeof(double);
    case ATH_EXTRA_INT:
        return sizeof(int64_t);
    case ATH_EXTRA_BOOL:
        return sizeof(uint8_t);
    case ATH_EXTRA_STRING:
        return sizeof(const char *);
    }
    return 0;
}

/* Copies n texts into one block: the pointers, then the characters. */
static ath_status extra_copy_texts(ath_context *ctx, const char *const *texts, size_t n,
                                   ath__extra_item *item)
{
    size_t bytes, length;
    char **block = NULL;
    if (n == 0) {
        return ATH_OK;
    }
    if (ath__mul(n, sizeof *block, &bytes)) {
        return ath__fail(ctx, ATH_E_NO_MEMORY, "%zu texts are too many", n);
    }
    for (size_t i = 0; i < n; i++) {
        if (texts[i] == NULL) {
            return ath__fail(ctx, ATH_E_ARGUMENT, "extra '%s': text %zu is NULL", item->name, i);
        }
        length = strlen(texts[i]) + 1;
        if (ath__add(bytes, length, &bytes)) {
            return ath__fail(ctx, ATH_E_NO_MEMORY, "extra '%s' is too large", item->name);
        }
    }
    ATH__TRY(ath__alloc(ctx, bytes, 1, &block));
    char *at = (char *)(block + n);
    for (size_t i = 0; i < n; i++) {
        length = strlen(texts[i]) + 1;
        block[i] = at;
        memcpy(at, texts[i], length);
        at += length;
    }
    item->values = block;
    item->bytes = bytes;
    return ATH_OK;
}

static void extra_free(ath_context *ctx, ath__extra_item *item)
{
    ath__strfree(ctx, &item->name);
    ath__free(ctx, &item->values, item->bytes, 1);
    *item = (ath__extra_item){0};
}

static ath_status extra_make(ath_context *ctx, const ath_extra *extra, size_t n_values,
                             ath__extra_item *out)
{
    const size_t size = extra_value_bytes(extra->type);
    ath__extra_item item = {.level = extra->level,
                            .type = extra->type,
                            .width = extra->width,
                            .n_rows = extra->level == ATH_LEVEL_SYSTEM ? extra->n_rows : 0,
                            .n_values = n_values};
    ATH__TRY(ath__strdup(ctx, extra->name, &item.name));
    ath_status s;
    if (extra->type == ATH_EXTRA_STRING) {
        s = extra_copy_texts(ctx, (const char *const *)extra->values, n_values, &item);
    } else {
        s = ath__alloc(ctx, n_values, size, &item.values);
        if (s == ATH_OK) {
            item.bytes = n_values * size;
            if (n_values > 0) {
                memcpy(item.values, extra->values, item.bytes);
            }
        }
    }
    if (s != ATH_OK) {
        extra_free(ctx, &item);
        return s;
    }
    *out = item;
    return ATH_OK;
}

static ath_status extra_check(ath_context *ctx, const ath_extra *extra, int32_t n_atoms,
                              size_t *n_values)
{
    if (extra == NULL || extra->name == NULL || extra->name[0] == '\0') {
        return ath__fail(ctx, ATH_E_ARGUMENT, "an extra needs a name");
    }
    if ((extra->level != ATH_LEVEL_ATOM && extra->level != ATH_LEVEL_SYSTEM) ||
        extra_value_bytes(extra->type) == 0 || extra->width < 1) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "extra '%s': bad level, type or width", extra->name);
    }
    if (extra->level == ATH_LEVEL_SYSTEM &&
        (extra->n_rows < 0 || (extra->n_rows > 1 && extra->width % extra->n_rows != 0))) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "extra '%s': %d values are not %d rows", extra->name,
                         extra->width, extra->n_rows);
    }
    const size_t rows = extra->level == ATH_LEVEL_ATOM ? (size_t)n_atoms : 1;
    if (ath__mul(rows, (size_t)extra->width, n_values)) {
        return ath__fail(ctx, ATH_E_NO_MEMORY, "extra '%s' is too large", extra->name);
    }
    if (*n_values > 0 && extra->values == NULL) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "extra '%s': no values", extra->name);
    }
    return ATH_OK;
}

ath_status ath__extra_set(ath_context *ctx, ath__baggage *bag, int32_t n_atoms,
                          const ath_extra *extra)
{
    ath__extra_item item;
    size_t n_values = 0;
    int32_t at = 0;
    ATH__TRY(extra_check(ctx, extra, n_atoms, &n_values));
    while (at < bag->n_extras && (bag->extras[at].level != extra->level ||
                                  strcmp(bag->extras[at].name, extra->name) != 0)) {
        at++;
    }
    if (at == bag->n_extras && at == ATH__MAX_EXTRAS) {
        return ath__fail(ctx, ATH_E_RANGE, "extra '%s': a system holds at most %d extras",
                         extra->name, (int)ATH__MAX_EXTRAS);
    }
    if (at == bag->max_extras) {
        const int32_t more = at ? 2 * at : 8;
        ATH__TRY(ath__resize(ctx, &bag->extras, (size_t)at, (size_t)more, sizeof item));
        bag->max_extras = more;
    }
    ATH__TRY(extra_make(ctx, extra, n_values, &item));
    if (at < bag->n_extras) {
        extra_free(ctx, &bag->extras[at]);
    } else {
        bag->n_extras++;
    }
    bag->extras[at] = item;
    return ATH_OK;
}

void ath__extra_describe(const ath__extra_item *item, ath_extra *out)
{
    *out = (ath_extra){.name = item->name,
                       .level = item->level,
                       .type = item->type,
                       .width = item->width,
                       .n_rows = item->n_rows,
                       .values = item->values};
}

ath_status ath__baggage_clone(ath_context *ctx, const ath__baggage *from, ath__baggage *out)
{
    ath__baggage bag = {.frame = from->frame};
    ath_status s = ath__alloc(ctx, (size_t)from->n_extras, sizeof *bag.extras, &bag.extras);
    if (s == ATH_OK) {
        bag.max_extras = from->n_extras;
    }
    for (int32_t i = 0; i < from->n_extras && s == ATH_OK; i++) {
        ath_extra extra;
        ath__extra_describe(&from->extras[i], &extra);
        s = extra_make(ctx, &extra, from->extras[i].n_values, &bag.extras[i]);
        bag.n_extras += s == ATH_OK;
    }
    if (s == ATH_OK && from->source) {
        s = ath__strdup(ctx, from->source, &bag.source);
    }
    if (s != ATH_OK) {
        ath__baggage_free(ctx, &bag);
        return s;
    }
    *out = bag;
    return ATH_OK;
}

void ath__baggage_free(ath_context *ctx, ath__baggage *bag)
{
    for (int32_t i = 0; i < bag->n_extras; i++) {
        extra_free(ctx, &bag->extras[i]);
    }
    ath__free(ctx, &bag->extras, (size_t)bag->max_extras, sizeof *bag->extras);
    ath__strfree(ctx, &bag->source);
    *bag = (ath__baggage){0};
}
