/* The neighbour kernel of every instruction set that the machine has, the best first: `setup` and
 * `teardown` of a group of tests.
 */
#ifndef TESTS_NEIGHBORS_KERNELS_H
#define TESTS_NEIGHBORS_KERNELS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "neighbors/neighbors.h"

static ath_context *test_ctx;
static ath_device *test_devices[3];
static ath__kernel_fn test_kernels[3];
static int test_n_kernels;

static int setup(void **state)
{
    static const char *const names[] = {"host:isa=v4", "host:isa=v3", "host:isa=base"};
    (void)state;
    if (ath_context_create(NULL, &test_ctx) != ATH_OK) {
        return -1;
    }
    for (int k = 0; k < 3; k++) {
        if (ath_device_open(test_ctx, names[k], &test_devices[test_n_kernels]) == ATH_OK) {
            test_kernels[test_n_kernels] =
                test_devices[test_n_kernels]->table[ATH_K_NEIGHBORS_UPDATE];
            test_n_kernels++;
        }
    }
    print_message("%d instruction sets\n", test_n_kernels);
    return test_n_kernels > 0 ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    for (int k = 0; k < test_n_kernels; k++) {
        ath_device_close(&test_devices[k]);
    }
    ath_context_destroy(&test_ctx);
    return 0;
}

#endif
