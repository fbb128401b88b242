/* The mock device: it must be late, it must be strict, and it must compute what the host computes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "device/host.h"

/* A kernel of as many pointers as nve_pre has; it uses the first two. */
typedef struct axpy_args {
    double *y;
    const double *x;
    void *rest[ATH__POINTERS_NVE_PRE - 2];
    double a; /* first scalar */
    int64_t n;
} axpy_args;
ATH__CHECK_ARGS(NVE_PRE, axpy_args, a);

static void axpy_kernel(const void *args, const ath__share *share)
{
    (void)share;
    const axpy_args *k = args;
    for (int64_t i = 0; i < k->n; i++) {
        k->y[i] += k->a * k->x[i];
    }
}

static ath__kernel_fn axpy_table[ATH__N_KERNELS];

typedef struct fixture {
    ath_context *ctx;
    ath_device *device;
    double *d_x, *d_y; /* [100] */
    double x[100], y[100];
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    *state = f;
    axpy_table[ATH_K_NVE_PRE] = axpy_kernel;
    if (!f || ath_context_create(NULL, &f->ctx) != ATH_OK ||
        ath_device_open(f->ctx, "mock", &f->device) != ATH_OK ||
        ath__device_alloc(f->device, 100, sizeof(double), &f->d_x) != ATH_OK ||
        ath__device_alloc(f->device, 100, sizeof(double), &f->d_y) != ATH_OK) {
        return -1;
    }
    f->device->table = axpy_table;
    for (int i = 0; i < 100; i++) {
        f->x[i] = i;
        f->y[i] = 1000.0 * i;
    }
    return ath__device_upload(f->device, f->d_x, f->x, sizeof f->x) == ATH_OK &&
                   ath__device_upload(f->device, f->d_y, f->y, sizeof f->y) == ATH_OK
               ? 0
               : -1;
}

static int teardown(void **state)
{
    fixture *f = *state;
    ath__device_free(f->device, f->d_x, 100, sizeof(double));
    ath__device_free(f->device, f->d_y, 100, sizeof(double));
    ath_device_close(&f->device);
    ath_context_destroy(&f->ctx);
    free(f);
    return 0;
}

static void launch(fixture *f, double a, int64_t n)
{
    const axpy_args args = {.y = f->d_y, .x = f->d_x, .a = a, .n = n};
    assert_int_equal(ath__launch(&f->device->stream, ATH_K_NVE_PRE, &args), ATH_OK);
}

static void test_late(void **state)
{
    fixture *f = *state;
    double back[100] = {-1.0};
    const ath__device_ops *ops = f->device->ops;
    ath__stream *stream = &f->device->stream;
    assert_false(f->device->immediate || f->device->shared);
    assert_null(stream->table);
    launch(f, 2.0, 100);
    /* the copy reads host memory when it runs, not now */
    double late[2] = {5.0, 5.0};
    assert_int_equal(ops->copy(stream, ATH__TO_DEVICE, f->d_y, late, sizeof late), ATH_OK);
    assert_int_equal(ops->copy(stream, ATH__TO_HOST, back, f->d_y, sizeof back), ATH_OK);
    late[1] = 7.0;
    assert_true(back[0] == -1.0); /* nothing has run */
    assert_int_equal(ops->wait(stream), ATH_OK);
    assert_true(back[0] == 5.0 && back[1] == 7.0);
    for (int i = 2; i < 100; i++) {
        assert_true(back[i] == 1002.0 * i);
    }
}

static void test_events(void **state)
{
    fixture *f = *state;
    double back = -1.0;
    const ath__device_ops *ops = f->device->ops;
    ath__stream *stream = &f->device->stream;
    ath__event *event = NULL;
    assert_int_equal(ops->copy(stream, ATH__TO_HOST, &back, f->d_y + 3, sizeof back), ATH_OK);
    assert_int_equal(ops->record(stream, &event), ATH_OK);
    assert_non_null(event);
    assert_int_equal(ops->query(stream, event), ATH_AGAIN);
    assert_true(back == -1.0);
    assert_int_equal(ops->query(stream, event), ATH_OK);
    assert_true(back == 3000.0);
    assert_int_equal(ops->query(stream, event), ATH_OK);
    ath__event *same = event;
    assert_int_equal(ops->record(stream, &event), ATH_OK);
    assert_ptr_equal(same, event);
    assert_int_equal(ops->query(stream, event), ATH_AGAIN); /* recorded anew */
    assert_int_equal(ath_device_synchronize(f->device), ATH_OK);
    assert_int_equal(ops->query(stream, event), ATH_OK);
    ops->event_free(f->device, &event);
    assert_null(event);
}

static void test_streams(void **state)
{
    fixture *f = *state;
    double one = -1.0, two = -1.0;
    const ath__device_ops *ops = f->device->ops;
    ath__stream other;
    assert_int_equal(ath__stream_open(f->device, &other), ATH_OK);
    assert_int_equal(ops->copy(&f->device->stream, ATH__TO_HOST, &one, f->d_x + 1, 8), ATH_OK);
    assert_int_equal(ops->copy(&other, ATH__TO_HOST, &two, f->d_x + 2, 8), ATH_OK);
    assert_int_equal(ops->wait(&other), ATH_OK);
    assert_true(one == -1.0 && two == 2.0); /* the other stream is not waited for */
    assert_int_equal(ath_device_synchronize(f->device), ATH_OK);
    assert_true(one == 1.0);
    assert_int_equal(ops->copy(&other, ATH__TO_HOST, &two, f->d_x + 3, 8), ATH_OK);
    ath__stream_close(&other); /* closing waits */
    assert_true(two == 3.0);
}

static void assert_fault(fixture *f, const char *text)
{
    double back = -1.0;
    assert_int_equal(ath_device_synchronize(f->device), ATH_E_DEVICE);
    if (!strstr(ath_context_message(f->ctx), text)) {
        fail_msg("'%s' does not hold '%s'", ath_context_message(f->ctx), text);
    }
    /* told once; what follows works */
    assert_int_equal(ath__device_download(f->device, &back, f->d_x + 4, 8), ATH_OK);
    assert_true(back == 4.0);
}

static void test_strict(void **state)
{
    fixture *f = *state;
    ath__stream *stream = &f->device->stream;
    const ath__device_ops *ops = f->device->ops;
    axpy_args args = {.y = f->d_y, .x = f->x, .a = 1.0, .n = 1};
    assert_int_equal(ath__launch(stream, ATH_K_NVE_PRE, &args), ATH_OK);
    assert_fault(f, "kernel nve_pre: pointer 1 ");
    args.x = f->d_x;
    args.rest[ATH__POINTERS_NVE_PRE - 3] = &args;
    assert_int_equal(ath__launch(stream, ATH_K_NVE_PRE, &args), ATH_OK);
    assert_fault(f, "kernel nve_pre: pointer ");
    /* inside a block is fine, its end is not */
    args = (axpy_args){.y = f->d_y + 99, .x = f->d_x + 99, .a = 1.0, .n = 1};
    assert_int_equal(ath__launch(stream, ATH_K_NVE_PRE, &args), ATH_OK);
    assert_int_equal(ops->wait(stream), ATH_OK);
    args.x = f->d_x + 100;
    assert_int_equal(ath__launch(stream, ATH_K_NVE_PRE, &args), ATH_OK);
    assert_fault(f, "pointer 1 ");
    /* copies and fills must lie in one block */
    double back[101];
    assert_int_equal(ops->copy(stream, ATH__TO_HOST, back, f->d_x, sizeof back), ATH_OK);
    assert_fault(f, "copy of 808 bytes from");
    assert_int_equal(ops->copy(stream, ATH__TO_DEVICE, f->x, f->y, 8), ATH_OK);
    assert_fault(f, "copy of 8 bytes to");
    assert_int_equal(ops->fill(stream, f->d_y + 50, 0, 408), ATH_OK);
    assert_fault(f, "fill of 408 bytes");
    /* too few bytes for the pointers, no such kernel */
    assert_int_equal(ops->launch(stream, ATH_K_NVE_PRE, &args, 8), ATH_E_DEVICE);
    assert_int_equal(ops->launch(stream, ATH__N_KERNELS, &args, sizeof args), ATH_E_DEVICE);
}

static void test_freed(void **state)
{
    fixture *f = *state;
    double *d = NULL, back[3];
    assert_int_equal(ath__device_alloc(f->device, 3, sizeof *d, &d), ATH_OK);
    assert_int_equal((uintptr_t)d % 256, 0);
    assert_int_equal(ath__device_download(f->device, back, d, sizeof back), ATH_OK);
    assert_true(back[0] == 0.0 && back[1] == 0.0 && back[2] == 0.0);
    assert_int_equal(
        f->device->ops->copy(&f->device->stream, ATH__ON_DEVICE, f->d_y, d, sizeof back), ATH_OK);
    ath__device_free(f->device, d, 3, sizeof *d);
    assert_fault(f, "do not lie in device memory");
}

static void test_args_are_copied(void **state)
{
    fixture *f = *state;
    double back[2];
    axpy_args args = {.y = f->d_y, .x = f->d_x, .a = 1.0, .n = 100};
    assert_int_equal(ath__launch(&f->device->stream, ATH_K_NVE_PRE, &args), ATH_OK);
    memset(&args, 0xff, sizeof args);
    assert_int_equal(ath__device_download(f->device, back, f->d_y, sizeof back), ATH_OK);
    assert_true(back[1] == 1001.0);
}

static void test_graphs(void **state)
{
    fixture *f = *state;
    double back[2] = {0}, seven = 7.0;
    ath__stream *stream = &f->device->stream;
    const ath__device_ops *ops = f->device->ops;
    ath__graph *graph = NULL, *none = NULL;
    ath__event *event = NULL;
    assert_int_equal(ops->capture_begin(stream), ATH_OK);
    assert_int_equal(ops->capture_begin(stream), ATH_E_DEVICE);
    launch(f, 1.0, 100);
    assert_int_equal(ops->fill(stream, f->d_y + 1, 0, 8), ATH_OK);
    launch(f, 3.0, 100);
    assert_int_equal(ops->wait(stream), ATH_E_DEVICE); /* as on a GPU */
    assert_int_equal(ops->record(stream, &event), ATH_E_DEVICE);
    assert_int_equal(ops->capture_end(stream, &graph), ATH_OK);
    assert_int_equal(ops->capture_end(stream, &none), ATH_E_DEVICE);
    assert_null(none);
    assert_int_equal(ath__device_download(f->device, back, f->d_y, sizeof back), ATH_OK);
    assert_true(back[1] == 1000.0); /* captured, not run */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ops->graph_launch(stream, graph), ATH_OK);
    }
    assert_int_equal(ops->copy(stream, ATH__TO_DEVICE, f->d_y, &seven, 8), ATH_OK);
    assert_int_equal(ath__device_download(f->device, back, f->d_y, sizeof back), ATH_OK);
    assert_true(back[0] == 7.0 && back[1] == 3.0); /* zeroed, then three times the last addition */
    ops->graph_free(f->device, &graph);
    assert_null(graph);
    ops->graph_free(f->device, &none);
}

/* Runs `body` in a child; true if it died of a fault. */
static bool faults(void (*body)(fixture *f), fixture *f)
{
    int status = 0;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int quiet = dup2(open("/dev/null", O_WRONLY), 2); /* what a sanitizer would say */
        (void)quiet;
        signal(SIGSEGV, SIG_DFL);
        body(f);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void touch_device(fixture *f)
{
    *(volatile double *)f->d_x = 1.0;
}

static void overrun_block(fixture *f)
{
    launch(f, 1.0, 128 + 1); /* 100 doubles are 800 bytes, which end at 1024 */
    (void)ath_device_synchronize(f->device);
}

static void stay_inside(fixture *f)
{
    launch(f, 1.0, 100);
    (void)ath_device_synchronize(f->device);
}

static void test_faults(void **state)
{
    fixture *f = *state;
    assert_true(faults(touch_device, f));
    assert_true(faults(overrun_block, f));
    assert_false(faults(stay_inside, f));
}

static void test_many_blocks(void **state)
{
    fixture *f = *state;
    enum { N = 300 };
    int32_t *d[N] = {NULL};
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < N; i++) {
            if ((i * 7 + round) % 3 == 0) {
                ath__device_free(f->device, d[i], (size_t)(i + 1), sizeof(int32_t));
                assert_int_equal(
                    ath__device_alloc(f->device, (size_t)(i + 1), sizeof(int32_t), &d[i]), ATH_OK);
                assert_int_equal(ath__device_upload(f->device, d[i] + i, &i, sizeof i), ATH_OK);
            }
        }
    }
    for (int i = 0; i < N; i++) {
        int32_t back = -1;
        if (d[i]) {
            assert_int_equal(ath__device_download(f->device, &back, d[i] + i, sizeof back), ATH_OK);
            assert_int_equal(back, i);
        }
        ath__device_free(f->device, d[i], (size_t)(i + 1), sizeof(int32_t));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_late, setup, teardown),
        cmocka_unit_test_setup_teardown(test_events, setup, teardown),
        cmocka_unit_test_setup_teardown(test_streams, setup, teardown),
        cmocka_unit_test_setup_teardown(test_strict, setup, teardown),
        cmocka_unit_test_setup_teardown(test_freed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_args_are_copied, setup, teardown),
        cmocka_unit_test_setup_teardown(test_graphs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_faults, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_blocks, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
