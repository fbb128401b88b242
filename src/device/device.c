/* Devices: opening by name, and the calls that every device has in common.
 *
 * A name is WORD, WORD:OPTIONS or, for plug-ins, WORD:NUMBER,OPTIONS. The library knows the words
 * host and mock itself; cuda comes from a plug-in (plugin.c), and a build without it still knows
 * the word and says what is missing. No device is opened twice by this file: each call makes a new
 * one.
 */
#include "device/device.h"

#include <stdio.h>
#include <string.h>

#include "device/host.h"
#include "device/plugin.h"

const ath__share ath__alone = {.member = 0, .size = 1};

enum { DEVICE_PATH_BYTES = 4096, DEVICE_LISTED = 16 };

typedef struct device_entry {
    const char *word;
    const ath__device_ops *ops; /* NULL: from the plug-in of that name */
} device_entry;

static const device_entry device_entries[] = {
    {"host", &ath__device_host},
    {"mock", &ath__device_mock},
    {"cuda", NULL},
};
static const char *const device_words[] = {"host", "mock", "cuda", NULL};

/* What a name says. */
typedef struct device_request {
    const device_entry *entry;
    int32_t index;
    bool has_plugin;
    char plugin[DEVICE_PATH_BYTES];  /* plugin=..., plug-ins only */
    char options[DEVICE_PATH_BYTES]; /* the rest, for ath_options_parse */
} device_request;

static ath_status device_find(ath_context *ctx, const char *name, size_t n, device_request *r)
{
    char word[32];
    for (size_t i = 0; i < sizeof device_entries / sizeof device_entries[0]; i++) {
        if (strlen(device_entries[i].word) == n && memcmp(device_entries[i].word, name, n) == 0) {
            r->entry = &device_entries[i];
            return ATH_OK;
        }
    }
    snprintf(word, sizeof word, "%.*s", (int)(n < sizeof word ? n : sizeof word - 1), name);
    const char *near = ath__nearest(word, device_words);
    return ath__fail(ctx, ATH_E_UNKNOWN, "there is no device '%s'%s%s%s", word,
                     near ? ", did you mean '" : "; there are host, mock and cuda",
                     near ? near : "", near ? "'?" : "");
}

/* Takes "plugin=PATH" out of the list of options of a plug-in device. PATH ends at a comma, or at
 * the closing quote. */
static ath_status device_take_plugin(ath_context *ctx, const char *text, device_request *r)
{
    size_t n = 0;
    while (*text) {
        const char *comma = strchr(text, ',');
        size_t part = comma ? (size_t)(comma - text) : strlen(text);
        if (strncmp(text, "plugin=", 7) != 0) {
            n += (size_t)snprintf(r->options + n, sizeof r->options - n, "%s%.*s", n ? "," : "",
                                  (int)part, text);
        } else if (text[7] == '"') {
            const char *quote = strchr(text + 8, '"');
            if (quote == NULL || (quote[1] != '\0' && quote[1] != ',')) {
                return ath__fail(ctx, ATH_E_OPTION, "cuda: plugin=\" without the closing quote");
            }
            snprintf(r->plugin, sizeof r->plugin, "%.*s", (int)(quote - text - 8), text + 8);
            r->has_plugin = true;
            part = (size_t)(quote + 1 - text);
        } else {
            snprintf(r->plugin, sizeof r->plugin, "%.*s", (int)(part - 7), text + 7);
            r->has_plugin = true;
        }
        text += part;
        text += *text == ',';
    }
    return ATH_OK;
}

static ath_status device_parse(ath_context *ctx, const char *name, device_request *r)
{
    const size_t n = strcspn(name, ":");
    const char *rest = name[n] == ':' ? name + n + 1 : name + n;
    int64_t index = 0;
    size_t used = 0;
    ATH__TRY(device_find(ctx, name, n, r));
    if (strlen(rest) >= DEVICE_PATH_BYTES) {
        return ath__fail(ctx, ATH_E_OPTION, "%s: the name of the device is too long",
                         r->entry->word);
    }
    if (r->entry->ops) {
        snprintf(r->options, sizeof r->options, "%s", rest);
        return ATH_OK;
    }
    if (rest[0] >= '0' && rest[0] <= '9') {
        if (ath__parse_int(rest, strlen(rest), &index, &used) != ATH_OK || index > 1 << 20 ||
            (rest[used] != '\0' && rest[used] != ',')) {
            return ath__fail(ctx, ATH_E_OPTION, "%s: expected a device number, found '%s'",
                             r->entry->word, rest);
        }
        r->index = (int32_t)index;
        rest += used + (rest[used] == ',');
    }
    return device_take_plugin(ctx, rest, r);
}

/* The canonical name, which opens the same device again: options as they came out. */
static ath_status device_set_name(ath_device *device, const device_request *r)
{
    ath__bytes text = {0};
    char sep = ':';
    ath_status s = ath__bytes_print(device->ctx, &text, "%s", r->entry->word);
    if (s == ATH_OK && r->entry->ops == NULL) {
        s = ath__bytes_print(device->ctx, &text, ":%d", r->index);
        sep = ',';
    }
    if (s == ATH_OK && device->ops->options) {
        char options[DEVICE_PATH_BYTES];
        const int n =
            ath_options_print(device->ops->options, device->state, options, sizeof options);
        if (n > 0 && n < (int)sizeof options) {
            s = ath__bytes_print(device->ctx, &text, "%c%s", sep, options);
            sep = ',';
        }
    }
    if (s == ATH_OK && r->has_plugin) {
        s = ath__bytes_print(device->ctx, &text, "%cplugin=\"%s\"", sep, r->plugin);
    }
    if (s == ATH_OK) {
        s = ath__bytes_append(device->ctx, &text, "", 1);
    }
    if (s == ATH_OK) {
        ath__strfree(device->ctx, &device->name);
        s = ath__strdup(device->ctx, (const char *)text.data, &device->name);
    }
    ath__bytes_free(device->ctx, &text);
    return s;
}

static ath_status device_build(ath_device *device, const device_request *r)
{
    ath_context *ctx = device->ctx;
    device->ops = r->entry->ops;
    if (device->ops == NULL) {
        ATH__TRY(ath__plugin_load(ctx, r->entry->word, r->has_plugin ? r->plugin : NULL,
                                  &device->plugin, &device->ops));
    }
    ATH__TRY(ath__strdup(ctx, r->entry->word, &device->name)); /* for messages, until it is open */
    ATH__TRY(ath__alloc(ctx, device->ops->state_size, 1, &device->state));
    if (device->ops->options) {
        ATH__TRY(ath_options_parse(ctx, device->ops->options, r->entry->word, r->options,
                                   device->state));
        device->has_options = true;
    } else if (r->options[0]) {
        return ath__fail(ctx, ATH_E_OPTION, "%s: takes no options, found '%s'", r->entry->word,
                         r->options);
    }
    ATH__TRY(device->ops->open(device, r->index));
    device->is_open = true;
    ATH__TRY(ath__stream_open(device, &device->stream));
    return device_set_name(device, r);
}

ath_status ath_device_open(ath_context *ctx, const char *name, ath_device **out)
{
    device_request *request = NULL;
    ath_device *device = NULL;
    if (ctx == NULL || name == NULL || out == NULL) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "ath_device_open: NULL argument");
    }
    *out = NULL;
    ATH__TRY(ath__alloc(ctx, 1, sizeof *request, &request)); /* too large for the stack */
    ath_status s = device_parse(ctx, name, request);
    if (s == ATH_OK) {
        s = ath__alloc(ctx, 1, sizeof *device, &device);
    }
    if (s == ATH_OK) {
        device->ctx = ctx;
        s = device_build(device, request);
    }
    ath__free(ctx, &request, 1, sizeof *request);
    if (s != ATH_OK) {
        ath_device_close(&device);
        return s;
    }
    *out = device;
    return ATH_OK;
}

void ath_device_close(ath_device **device)
{
    if (device == NULL || *device == NULL) {
        return;
    }
    ath_device *d = *device;
    ath_context *ctx = d->ctx;
    ath__stream_close(&d->stream);
    if (d->is_open) {
        d->ops->close(d);
    }
    if (d->has_options) {
        ath_options_free(ctx, d->ops->options, d->state);
    }
    if (d->state) {
        ath__free(ctx, &d->state, d->ops->state_size, 1);
    }
    ath__strfree(ctx, &d->name);
    ath__plugin_unload(&d->plugin);
    ath__free(ctx, device, 1, sizeof *d);
}

const char *ath_device_name(const ath_device *device)
{
    return device ? device->name : "";
}

ath_status ath_device_synchronize(ath_device *device)
{
    if (device == NULL) {
        return ATH_E_ARGUMENT;
    }
    ath__stream all = {.device = device, .table = device->table, .handle = NULL};
    return device->ops->wait(&all);
}

/* Opens the device to see whether it is there. */
static ath_status device_try(ath_context *ctx, const char *name, const char **remark)
{
    static const char *const host_remarks[] = {
        "can be opened", "can be opened, x86-64 baseline or other processor",
        "can be opened, AVX2 and FMA (isa=v3)", "can be opened, AVX-512 (isa=v4)"};
    int64_t isa = ATH__ISA_BEST;
    const ath__kernel_fn *table;
    ath_device *device = NULL;
    const ath_status s = ath_device_open(ctx, name, &device);
    ath_device_close(&device);
    *remark = s == ATH_OK ? "can be opened" : ath_context_message(ctx);
    if (s == ATH_OK && strcmp(name, "host") == 0 && ath__host_table(ctx, &isa, &table) == ATH_OK) {
        *remark = host_remarks[isa];
    }
    return s;
}

ath_status ath_device_list(ath_context *ctx, int32_t index, const char **name, const char **remark)
{
    static const char *const names[DEVICE_LISTED] = {
        "host",   "mock",   "cuda:0", "cuda:1", "cuda:2",  "cuda:3",  "cuda:4",  "cuda:5",
        "cuda:6", "cuda:7", "cuda:8", "cuda:9", "cuda:10", "cuda:11", "cuda:12", "cuda:13"};
    if (ctx == NULL || name == NULL || remark == NULL || index < 0) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "ath_device_list: bad argument");
    }
    if (index >= DEVICE_LISTED) {
        return ATH_END;
    }
    *name = names[index];
    const ath_status s = device_try(ctx, *name, remark);
    if (s == ATH_E_NO_MEMORY) {
        return s;
    }
    /* The first GPU is always listed, so that its absence has a reason; the others if they exist.
     */
    return s != ATH_OK && index > 2 ? ATH_END : ATH_OK;
}

/* ---- memory and copies ---- */

ath_status ath__device_alloc(ath_device *device, size_t n, size_t size, void *d_out)
{
    void *block = NULL;
    size_t bytes;
    memcpy(d_out, &block, sizeof block);
    if (ath__mul(n, size, &bytes)) {
        return ath__fail(device->ctx, ATH_E_NO_MEMORY, "%s: %zu x %zu bytes are too many",
                         device->ops->name, n, size);
    }
    if (bytes > 0) {
        ATH__TRY(device->ops->alloc(device, bytes, &block));
        memcpy(d_out, &block, sizeof block);
    }
    return ATH_OK;
}

void ath__device_free(ath_device *device, void *d_block, size_t n, size_t size)
{
    if (d_block && n > 0 && size > 0) {
        device->ops->free(device, d_block, n * size);
    }
}

static ath_status device_copy(ath_device *device, enum ath__copy_kind kind, void *to,
                              const void *from, size_t bytes)
{
    if (bytes == 0) {
        return ATH_OK;
    }
    ATH__TRY(device->ops->copy(&device->stream, kind, to, from, bytes));
    return device->ops->wait(&device->stream);
}

ath_status ath__device_upload(ath_device *device, void *d_to, const void *from, size_t bytes)
{
    return device_copy(device, ATH__TO_DEVICE, d_to, from, bytes);
}

ath_status ath__device_download(ath_device *device, void *to, const void *d_from, size_t bytes)
{
    return device_copy(device, ATH__TO_HOST, to, d_from, bytes);
}

ath_status ath__device_move(ath_device *device, void *d_to, const void *d_from, size_t bytes)
{
    return device_copy(device, ATH__ON_DEVICE, d_to, d_from, bytes);
}

/* ---- kernels ---- */

const char *ath__kernel_name(ath__kernel kernel)
{
    static const char *const names[ATH__N_KERNELS] = {
#define ATH__KERNEL(id, name, n_pointers, who) [ATH_K_##id] = #name,
#include "device/kernels.def"
#undef ATH__KERNEL
    };
    return (uint32_t)kernel < ATH__N_KERNELS ? names[kernel] : "?";
}

/* ---- one launch on a whole team ---- */

#define ATH__KERNEL(id, name, n_pointers, who) [ATH_K_##id] = (who) == ATH__TOGETHER,
static const bool device_together[ATH__N_KERNELS] = {
#include "device/kernels.def"
};
#undef ATH__KERNEL

typedef struct device_call {
    ath__kernel_fn kernel;
    const void *args;
    ath__team *team;
} device_call;

static void device_meet(void *team)
{
    ath__team_meet(team);
}

static void device_member(void *arg, int32_t member)
{
    const device_call *call = arg;
    const ath__share share = {member, ath__team_size(call->team), device_meet, call->team};
    call->kernel(call->args, &share);
}

void ath__launch_together(const ath__stream *stream, ath__kernel kernel, const void *args)
{
    device_call call = {stream->table[kernel], args, stream->team};
    if (device_together[kernel]) {
        ath__team_run(stream->team, device_member, &call);
    } else {
        call.kernel(args, &ath__alone);
    }
}

ath_status ath__stream_open(ath_device *device, ath__stream *out)
{
    *out = (ath__stream){.device = device};
    const ath_status s = device->ops->stream_open(out);
    if (s != ATH_OK) {
        *out = (ath__stream){0};
    }
    return s;
}

void ath__stream_close(ath__stream *stream)
{
    if (stream->device && stream->handle) {
        stream->device->ops->stream_close(stream);
    }
    *stream = (ath__stream){0};
}
