/* The registry of models, and what all of them share: creation from a text or a table, the echo of
 * the options, the hash, and the launch of a force kernel.
 *
 * The hash is SipHash-128 of the name and of the block of parameters that the kernels read, so two
 * texts that mean the same physics have the same hash, and a file of parameters that was changed
 * has another one.
 *
 * Not here: any physics (NAME.c, NAME_kernel.c); which systems need a neighbour list, which the
 * dynamics works out from what a model says of itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "models/model.h"
#include "models/nep.h"

#define ATH__MODEL(name) extern const ath__model_ops ath__model_##name;
#include "models/registry.def"
#undef ATH__MODEL

static const ath__model_ops *const model_registry[] = {
#define ATH__MODEL(name) &ath__model_##name,
#include "models/registry.def"
#undef ATH__MODEL
};

enum {
    MODEL_COUNT = sizeof model_registry / sizeof *model_registry,
    MODEL_NAME = 64 /* room for a name; those of the registry are shorter */
};

/* Keys of the hash: the letters "ath-mode" and "l-hash-1". */
#define MODEL_HASH_0 UINT64_C(0x6174682d6d6f6465)
#define MODEL_HASH_1 UINT64_C(0x6c2d686173682d31)

static ath_status model_unknown(ath_context *ctx, const char *name)
{
    const char *names[MODEL_COUNT + 1] = {0};
    for (int i = 0; i < MODEL_COUNT; i++) {
        names[i] = model_registry[i]->name;
    }
    const char *near = ath__nearest(name, names);
    return ath__fail(ctx, ATH_E_UNKNOWN, "no model is called '%s'%s%s%s", name,
                     near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

/* The first *n of at most `bytes` bytes of a file; ATH_END if there is none. */
static ath_status model_peek(ath_context *ctx, const char *path, char *head, size_t bytes,
                             size_t *n)
{
    const ath_io *io = &ctx->config.io;
    int fd;
    int64_t got = 0;
    *n = 0;
    do {
        fd = io->open(io->user, path, O_RDONLY | O_CLOEXEC, 0);
    } while (fd == -EINTR);
    if (fd < 0) {
        return ATH_END;
    }
    do {
        got = io->read(io->user, fd, head + *n, bytes - *n);
        *n += got > 0 ? (size_t)got : 0;
    } while (got == -EINTR || (got > 0 && *n < bytes));
    io->close(io->user, fd);
    return got == -EISDIR ? ath__fail(ctx, ATH_E_FORMAT, "model '%s' is a directory", path)
           : got < 0      ? ath__fail(ctx, ATH_E_IO, "cannot read '%s'", path)
                          : ATH_OK;
}

/* "file=PATH", with the path in quotes. */
static ath_status model_file_option(ath_context *ctx, const char *path, ath__bytes *out)
{
    ATH__TRY(ath__bytes_append(ctx, out, "file=\"", 6));
    for (; *path; path++) {
        if (*path == '"' || *path == '\\') {
            ATH__TRY(ath__bytes_append(ctx, out, "\\", 1));
        }
        ATH__TRY(ath__bytes_append(ctx, out, path, 1));
    }
    return ath__bytes_append(ctx, out, "\"", 2); /* with the NUL */
}

/* A text that is no name: a file that its first line tells the model of. */
static ath_status model_from_file(ath_context *ctx, const char *path, const char *name,
                                  ath_model **out)
{
    char head[64];
    size_t n = 0;
    ath_status status = model_peek(ctx, path, head, sizeof head, &n);
    if (status == ATH_END) {
        return !strchr(path, '/')
                   ? model_unknown(ctx, name)
                   : ath__fail(ctx, ATH_E_NOT_FOUND,
                               "model '%s' is neither a name nor a file that can be read", path);
    }
    if (status != ATH_OK) {
        return status;
    }
    if (!ath__nep_begins(head, n)) {
        return ath__fail(ctx, ATH_E_FORMAT,
                         "%s:1: not the first line of a model (a NEP file begins with nep3, nep4 "
                         "or nep5)",
                         path);
    }
    ath__bytes options = {0};
    status = model_file_option(ctx, path, &options);
    if (status == ATH_OK) {
        status = ath__model_create_from(ctx, &ath__model_nep, (const char *)options.data, out);
    }
    ath__bytes_free(ctx, &options);
    return status;
}

ath_status ath_model_create(ath_context *ctx, const char *text, ath_model **out)
{
    if (!ctx || !text || !out) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "model: context, text or result is NULL");
    }
    *out = NULL;
    char name[MODEL_NAME];
    const size_t length = strcspn(text, ":");
    const size_t n = length < sizeof name ? length : sizeof name - 1;
    memcpy(name, text, n);
    name[n] = '\0';
    for (int i = 0; i < MODEL_COUNT; i++) {
        if (length == n && !strcmp(name, model_registry[i]->name)) {
            const ath__model_ops *ops = model_registry[i];
            const char *rest = text[length] ? text + length + 1 : NULL;
            return ops->create ? ops->create(ctx, rest, out)
                               : ath__model_create_from(ctx, ops, rest, out);
        }
    }
    return model_from_file(ctx, text, name, out);
}

/* "name:key=value,..." with every option, or the name alone if there are none. */
static ath_status model_echo(ath_model *model)
{
    const size_t name = strlen(model->ops->name);
    const int n = ath_options_print(model->ops->options, model->state, NULL, 0);
    if (n < 0) {
        return ath__fail(model->ctx, ATH_E_INTERNAL, "%s: options cannot be written",
                         model->ops->name);
    }
    const size_t rest = n > 0 ? (size_t)n + 1 : 0;
    ATH__TRY(ath__alloc(model->ctx, name + rest + 1, 1, &model->text));
    memcpy(model->text, model->ops->name, name);
    if (n > 0) {
        model->text[name] = ':';
        ath_options_print(model->ops->options, model->state, model->text + name + 1, rest);
    }
    return ATH_OK;
}

static ath_status model_make_hash(ath_model *model)
{
    size_t bytes = 0;
    void *block = NULL;
    ath_status status = model->ops->params(model->state, NULL, &bytes);
    if (status == ATH_OK) {
        status = ath__alloc(model->ctx, bytes, 1, &block); /* zeroed: padding has no say */
    }
    if (status == ATH_OK) {
        status = model->ops->params(model->state, block, &bytes);
    }
    if (status == ATH_OK) {
        ath__hash h;
        ath_uid digest;
        uint64_t words[2];
        ath__hash_begin(&h, MODEL_HASH_0, MODEL_HASH_1);
        ath__hash_update(&h, model->ops->name, strlen(model->ops->name) + 1);
        ath__hash_update(&h, block, bytes);
        ath__hash_end(&h, words);
        digest.lo = words[0];
        digest.hi = words[1];
        ath_uid_format(digest, model->hash);
    }
    ath__free(model->ctx, &block, bytes, 1);
    return status;
}

/* What all ways of making a model have in common. options: text of options; state: a state to copy
 * instead, whose echo is `echo`. */
static ath_status model_make(ath_context *ctx, const ath__model_ops *ops, const char *options,
                             const void *state, const char *echo, ath_model **out)
{
    *out = NULL;
    if (ops->abi != ATH_ABI) {
        return ath__fail(ctx, ATH_E_ABI, "model '%s': its table has ABI %u, this library %u",
                         ops->name, (unsigned)ops->abi, (unsigned)ATH_ABI);
    }
    ath_model *model = NULL;
    ATH__TRY(ath__alloc(ctx, 1, sizeof *model, &model));
    model->ops = ops;
    model->ctx = ctx;
    ath_status status = ath__alloc(ctx, ops->state_size, 1, &model->state);
    if (status == ATH_OK && state) {
        memcpy(model->state, state, ops->state_size);
    } else if (status == ATH_OK) {
        status = ath_options_parse(ctx, ops->options, ops->name, options, model->state);
    }
    if (status != ATH_OK) { /* nothing but the two blocks exists */
        ath__free(ctx, &model->state, ops->state_size, 1);
        ath__free(ctx, &model, 1, sizeof *model);
        return status;
    }
    model->traits = (ath__model_traits){.capturable = ops->capturable,
                                        .batch_invariant = ops->batch_invariant,
                                        .external_field = ops->external_field};
    if (ops->init) {
        status = ops->init(ctx, model->state);
    }
    if (status == ATH_OK) {
        status = echo ? ath__strdup(ctx, echo, &model->text) : model_echo(model);
    }
    if (status == ATH_OK) {
        status = model_make_hash(model);
    }
    if (status != ATH_OK) {
        ath_model_destroy(&model);
        return status;
    }
    if (ops->traits) {
        ops->traits(model->state, &model->traits);
    }
    *out = model;
    return ATH_OK;
}

ath_status ath__model_create_from(ath_context *ctx, const ath__model_ops *ops, const char *options,
                                  ath_model **out)
{
    return model_make(ctx, ops, options, NULL, NULL, out);
}

ath_status ath__model_create_state(ath_context *ctx, const ath__model_ops *ops, const void *state,
                                   const char *text, ath_model **out)
{
    return model_make(ctx, ops, NULL, state, text, out);
}

void ath_model_destroy(ath_model **model)
{
    if (!model || !*model) {
        return;
    }
    ath_model *it = *model;
    if (it->ops->fini) {
        it->ops->fini(it->ctx, it->state);
    }
    ath_options_free(it->ctx, it->ops->options, it->state);
    ath__strfree(it->ctx, &it->text);
    ath__free(it->ctx, &it->state, it->ops->state_size, 1);
    ath__free(it->ctx, model, 1, sizeof *it);
}

const char *ath_model_name(const ath_model *model)
{
    return model->ops->name;
}

const char *ath_model_text(const ath_model *model)
{
    return model->text;
}

const char *ath_model_hash(const ath_model *model)
{
    return model->hash;
}

bool ath_model_batch_invariant(const ath_model *model)
{
    return model->traits.batch_invariant;
}

double ath_model_cutoff(const ath_model *model)
{
    ath__model_needs needs = {0};
    model->ops->needs(model->state, 0, &needs);
    return needs.cutoff;
}

ath_status ath_model_accepts(const ath_model *model, const ath_system *system)
{
    if (!system) {
        return ath__fail(model->ctx, ATH_E_ARGUMENT, "%s: system is NULL", model->ops->name);
    }
    return model->ops->accepts ? model->ops->accepts(model->ctx, model->state, system) : ATH_OK;
}

ath_status ath_model_list(int32_t index, const char **name, const char **help,
                          const ath_option **options)
{
    if (index < 0) {
        return ATH_E_RANGE;
    }
    if (index >= MODEL_COUNT) {
        return ATH_END;
    }
    const ath__model_ops *ops = model_registry[index];
    if (name) {
        *name = ops->name;
    }
    if (help) {
        *help = ops->help;
    }
    if (options) {
        *options = ops->options;
    }
    return ATH_OK;
}

ath_status ath__force_launch(const ath__compute *c, ath__kernel kernel)
{
    const ath__force_args args = {.view = c->view,
                                  .list = c->list,
                                  .slots = c->d_slots,
                                  .n_slots = c->d_n_slots,
                                  .params = c->d_params,
                                  .work = c->d_work,
                                  .work_bytes = (int64_t)c->work_bytes,
                                  .want = c->want};
    return ath__launch(c->stream, kernel, &args);
}
