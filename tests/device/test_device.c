/* Devices: names, options, errors, the host device, plug-ins. Arguments: a plug-in of this build,
 * one of another.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/failing.h"
#include "device/host.h"
#include "device/plugin.h"

static const char *plugin_good, *plugin_stale;

static int make_context(void **state)
{
    return ath_context_create(NULL, (ath_context **)state) == ATH_OK ? 0 : -1;
}

static int drop_context(void **state)
{
    ath_context_destroy((ath_context **)state);
    return 0;
}

static void assert_refused(ath_context *ctx, const char *name, ath_status status, const char *text)
{
    ath_device *device = (ath_device *)&plugin_good;
    assert_int_equal(ath_device_open(ctx, name, &device), status);
    assert_null(device);
    if (!strstr(ath_context_message(ctx), text)) {
        fail_msg("'%s': the message '%s' does not hold '%s'", name, ath_context_message(ctx), text);
    }
}

static void test_names(void **state)
{
    ath_context *ctx = *state;
    assert_refused(ctx, "hst", ATH_E_UNKNOWN, "'host'");
    assert_refused(ctx, "cude:0", ATH_E_UNKNOWN, "'cuda'");
    assert_refused(ctx, "", ATH_E_UNKNOWN, "host, mock and cuda");
    assert_refused(ctx, "a-word-that-is-much-longer-than-any-device", ATH_E_UNKNOWN, "a-word");
    assert_refused(ctx, "host:isa=v9", ATH_E_OPTION, "v9");
    assert_refused(ctx, "host:is=v3", ATH_E_OPTION, "isa");
    assert_refused(ctx, "mock:isa=v3", ATH_E_OPTION, "isa");
    assert_refused(ctx, "mock:kernels=some", ATH_E_OPTION, "some");
    assert_refused(ctx, "cuda:x=1,plugin=/nowhere/libathanor_cuda.so", ATH_E_DEVICE, "/nowhere");
    assert_refused(ctx, "cuda:1x", ATH_E_OPTION, "1x");
    assert_refused(ctx, "cuda:99999999999999999999", ATH_E_OPTION, "99999999999999999999");
    assert_refused(ctx, "cuda:0,plugin=libathanor_cuda.so", ATH_E_OPTION, "absolute");
    assert_refused(ctx, "cuda:0,plugin=\"/a", ATH_E_OPTION, "quote");
    assert_int_equal(ath_device_open(ctx, NULL, NULL), ATH_E_ARGUMENT);
    char name[5000];
    memset(name, 'a', sizeof name);
    memcpy(name, "host:", 5);
    name[sizeof name - 1] = '\0';
    assert_refused(ctx, name, ATH_E_OPTION, "too long");
    ath_device *none = NULL;
    ath_device_close(&none);
    ath_device_close(NULL);
}

/* Opens; the canonical name opens the same again. */
static void assert_opens(ath_context *ctx, const char *name, const char *canonical)
{
    ath_device *device = NULL, *again = NULL;
    assert_int_equal(ath_device_open(ctx, name, &device), ATH_OK);
    if (canonical) {
        assert_string_equal(ath_device_name(device), canonical);
    }
    assert_int_equal(ath_device_open(ctx, ath_device_name(device), &again), ATH_OK);
    assert_string_equal(ath_device_name(device), ath_device_name(again));
    assert_int_equal(ath_device_synchronize(device), ATH_OK);
    ath_device_close(&again);
    ath_device_close(&device);
    assert_null(device);
}

static void test_instruction_sets(void **state)
{
    static const char *const names[] = {"host", "host:isa=base", "host:isa=v3", "host:isa=v4"};
    ath_context *ctx = *state;
    int64_t best = ATH__ISA_BEST;
    const ath__kernel_fn *table = NULL;
    assert_int_equal(ath__host_table(ctx, &best, &table), ATH_OK);
    assert_in_range(best, ATH__ISA_BASE, ATH__ISA_V4);
    assert_opens(ctx, "host", names[best]);
    assert_opens(ctx, "mock", "mock:kernels=all");
    assert_opens(ctx, "mock:kernels=cuda", "mock:kernels=cuda");
    for (int64_t isa = ATH__ISA_BASE; isa <= ATH__ISA_V4; isa++) {
        int64_t asked = isa;
        if (isa > best) {
            assert_refused(ctx, names[isa], ATH_E_DEVICE, "isa=v");
            continue;
        }
        assert_opens(ctx, names[isa], names[isa]);
        const ath__kernel_fn *other = table;
        assert_int_equal(ath__host_table(ctx, &asked, &table), ATH_OK);
        assert_true(isa == ATH__ISA_BASE || table != other);
        for (int k = 0; k < ATH__N_KERNELS; k++) {
            assert_true(table[k] != NULL);
        }
    }
}

typedef struct add_args {
    double *values;
    double number;
} add_args;

static void add_kernel(const void *args, const ath__share *share)
{
    (void)share;
    const add_args *a = args;
    a->values[0] += a->number;
}

static void test_host_memory(void **state)
{
    ath_context *ctx = *state;
    ath_device *device = NULL;
    assert_int_equal(ath_device_open(ctx, "host", &device), ATH_OK);
    assert_true(device->immediate && device->shared);
    double *d = NULL, *e = NULL, back[5] = {0}, out[5] = {1, 2, 3, 4, 5};
    assert_int_equal(ath__device_alloc(device, 5, sizeof *d, &d), ATH_OK);
    assert_int_equal(ath__device_alloc(device, 5, sizeof *e, &e), ATH_OK);
    assert_int_equal((uintptr_t)d % 256, 0);
    assert_int_equal(ath__device_download(device, back, d, sizeof back), ATH_OK);
    for (int i = 0; i < 5; i++) {
        assert_true(back[i] == 0.0);
    }
    assert_int_equal(ath__device_upload(device, d, out, sizeof out), ATH_OK);
    assert_int_equal(ath__device_move(device, e, d, sizeof out), ATH_OK);
    assert_int_equal(ath__device_download(device, back, e, sizeof back), ATH_OK);
    assert_memory_equal(back, out, sizeof out);
    assert_int_equal(device->ops->fill(&device->stream, e, 0, 16), ATH_OK);
    assert_true(e[1] == 0.0 && e[2] == 3.0);
    ath__kernel_fn table[ATH__N_KERNELS] = {add_kernel, add_kernel};
    ath__stream stream;
    assert_int_equal(ath__stream_open(device, &stream), ATH_OK);
    assert_ptr_equal(stream.table, device->table);
    stream.table = table;
    const add_args args = {.values = d, .number = 10.0};
    assert_int_equal(ath__launch(&stream, 1, &args), ATH_OK);
    assert_true(d[0] == 11.0); /* it has run */
    ath__event *event = NULL;
    ath__graph *graph = NULL;
    assert_int_equal(device->ops->record(&stream, &event), ATH_OK);
    assert_int_equal(device->ops->query(&stream, event), ATH_OK);
    device->ops->event_free(device, &event);
    assert_int_equal(device->ops->capture_begin(&stream), ATH_E_UNSUPPORTED);
    assert_int_equal(device->ops->capture_end(&stream, &graph), ATH_E_UNSUPPORTED);
    ath__stream_close(&stream);
    ath__stream_close(&stream);
    ath__device_free(device, d, 5, sizeof *d);
    ath__device_free(device, e, 5, sizeof *e);
    assert_int_equal(ath__device_alloc(device, 0, 8, &d), ATH_OK);
    assert_null(d);
    ath__device_free(device, NULL, 5, 8);
    assert_int_equal(ath__device_alloc(device, SIZE_MAX / 2, 3, &d), ATH_E_NO_MEMORY);
    assert_int_equal(ath__device_alloc(device, SIZE_MAX, 1, &d), ATH_E_NO_MEMORY);
    ath_device_close(&device);
}

static void test_list(void **state)
{
    ath_context *ctx = *state;
    const char *name = NULL, *remark = NULL;
    assert_int_equal(ath_device_list(ctx, 0, &name, &remark), ATH_OK);
    assert_string_equal(name, "host");
    assert_non_null(strstr(remark, "can be opened"));
    assert_int_equal(ath_device_list(ctx, 1, &name, &remark), ATH_OK);
    assert_string_equal(name, "mock");
    assert_int_equal(ath_device_list(ctx, 2, &name, &remark), ATH_OK);
    assert_string_equal(name, "cuda:0");
    ath_device *device = NULL;
    if (ath_device_open(ctx, "cuda", &device) == ATH_OK) {
        assert_string_equal(remark, "can be opened");
    } else {
        assert_non_null(strstr(remark, "cuda"));
    }
    ath_device_close(&device);
    assert_int_equal(ath_device_list(ctx, 1000, &name, &remark), ATH_END);
    assert_int_equal(ath_device_list(ctx, -1, &name, &remark), ATH_E_ARGUMENT);
}

/* Without a plug-in the word is known and the message says what is missing, and where it was
 * sought. */
static void test_plugin_missing(void **state)
{
    ath_context *ctx = *state;
    ath_device *device = NULL;
    const ath_status s = ath_device_open(ctx, "cuda", &device);
    if (s == ATH_OK) {
        ath_device_close(&device);
        skip(); /* built beside a real one */
    }
    assert_int_equal(s, ATH_E_DEVICE);
    const char *message = ath_context_message(ctx);
    assert_true(strstr(message, "libathanor_cuda.so") || strstr(message, "GPU") ||
                strstr(message, "driver"));
}

static void test_plugin(void **state)
{
    ath_context *ctx = *state;
    ath_device *device = NULL;
    char name[4096], expected[4096];
    if (plugin_good == NULL) {
        skip();
    }
    snprintf(name, sizeof name, "cuda:0,plugin=%s,depth=5", plugin_good);
    snprintf(expected, sizeof expected, "cuda:0,depth=5,plugin=\"%s\"", plugin_good);
    assert_opens(ctx, name, expected);
    assert_int_equal(ath_device_open(ctx, name, &device), ATH_OK);
    int64_t out = 42, back = 0, *d = NULL;
    assert_int_equal(ath__device_alloc(device, 1, sizeof *d, &d), ATH_OK);
    assert_int_equal(ath__device_upload(device, d, &out, sizeof out), ATH_OK);
    assert_int_equal(ath__device_download(device, &back, d, sizeof back), ATH_OK);
    assert_int_equal(back, 42);
    ath__device_free(device, d, 1, sizeof *d);
    ath_device_close(&device);
    snprintf(name, sizeof name, "cuda:1,plugin=%s", plugin_good);
    assert_refused(ctx, name, ATH_E_DEVICE, "no GPU 1");
    snprintf(name, sizeof name, "cuda:plugin=%s,depth=10", plugin_good);
    assert_refused(ctx, name, ATH_E_OPTION, "depth");
    snprintf(name, sizeof name, "cuda:plugin=%s", plugin_stale);
    assert_refused(ctx, name, ATH_E_ABI, "another build");
    assert_refused(ctx, "cuda:plugin=/proc/self/exe", ATH_E_DEVICE, "cannot be loaded");
}

/* Every allocation of opening and of a block fails in turn: nothing is left behind. */
static void test_out_of_memory(void **state)
{
    static const char *const names[] = {"host", "mock"};
    (void)state;
    for (int k = 0; k < 2; k++) {
        failing f = {0};
        ath_context_config config = failing_config(&f);
        ath_context *ctx = NULL;
        assert_int_equal(ath_context_create(&config, &ctx), ATH_OK);
        const int64_t blocks = f.n_blocks;
        ath_status s = ATH_E_NO_MEMORY;
        for (int64_t n = 1; s != ATH_OK; n++) {
            ath_device *device = NULL;
            void *d = NULL;
            f.n_calls = 0;
            f.fail_at = n;
            s = ath_device_open(ctx, names[k], &device);
            if (s == ATH_OK) {
                s = ath__device_alloc(device, 100, 8, &d);
            }
            assert_true(s == ATH_OK || s == ATH_E_NO_MEMORY);
            assert_true(s == ATH_OK || d == NULL);
            f.fail_at = 0;
            if (device) {
                ath__device_free(device, d, 100, 8);
            }
            ath_device_close(&device);
            assert_int_equal(f.n_blocks, blocks);
            assert_true(n < 100);
        }
        ath_context_destroy(&ctx);
        assert_int_equal(f.n_blocks, 0);
        assert_int_equal(f.n_wrong, 0);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),          cmocka_unit_test(test_instruction_sets),
        cmocka_unit_test(test_host_memory),    cmocka_unit_test(test_list),
        cmocka_unit_test(test_plugin_missing), cmocka_unit_test(test_plugin),
        cmocka_unit_test(test_out_of_memory),
    };
    plugin_good = argc > 1 ? argv[1] : NULL;
    plugin_stale = argc > 2 ? argv[2] : NULL;
    return cmocka_run_group_tests(tests, make_context, drop_context);
}
