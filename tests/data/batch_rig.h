/* What the tests of batches share: a context that counts and fails allocations, a device, systems
 * of every size with user fields.
 */
#ifndef ATHANOR_TESTS_BATCH_RIG_H
#define ATHANOR_TESTS_BATCH_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/failing.h"
#include "data/batch_struct.h"
#include "data/kit.h"
#include "device/host.h"

typedef struct fixture {
    failing memory;
    ath_context *ctx;
    ath_device *device;
    ath_field_id user[KIT_FIELDS];
    uint64_t rng;
} fixture;

static inline int setup(void **state, const char *device)
{
    fixture *f = calloc(1, sizeof *f);
    *state = f;
    if (!f) {
        return -1;
    }
    ath_context_config config = failing_config(&f->memory);
    f->rng = 7;
    if (ath_context_create(&config, &f->ctx) != ATH_OK ||
        ath_device_open(f->ctx, device, &f->device) != ATH_OK) {
        return -1;
    }
    kit_register(f->ctx, f->user);
    return 0;
}

static inline int setup_host(void **state)
{
    return setup(state, "host");
}

static inline int setup_mock(void **state)
{
    return setup(state, "mock");
}

/* Every test ends with all memory given back. */
static inline int teardown(void **state)
{
    fixture *f = *state;
    ath_device_close(&f->device);
    ath_context_destroy(&f->ctx);
    const bool clean = f->memory.n_blocks == 0 && f->memory.n_wrong == 0;
    free(f);
    return clean ? 0 : -1;
}

static inline ath_batch *make_batch(fixture *f, int32_t n_systems, int64_t n_atoms,
                                    int32_t max_systems, int64_t max_atoms)
{
    ath_batch *batch = NULL;
    const ath_batch_config config = {.size = sizeof config,
                                     .device = f->device,
                                     .n_systems = n_systems,
                                     .n_atoms = n_atoms,
                                     .max_systems = max_systems,
                                     .max_atoms = max_atoms};
    assert_int_equal(ath_batch_create(f->ctx, &config, &batch), ATH_OK);
    return batch;
}

static inline void add_size(fixture *f, ath_batch *batch, int32_t n_atoms)
{
    ath_system *system = kit_system(f->ctx, n_atoms, NULL, 0, &f->rng);
    assert_int_equal(ath_batch_add(batch, system), ATH_OK);
    ath_system_destroy(&system);
}

static inline ath_batch *make_sizes(fixture *f, int32_t n, const int32_t *sizes)
{
    ath_batch *batch = make_batch(f, 0, 0, 0, 0);
    for (int32_t i = 0; i < n; i++) {
        add_size(f, batch, sizes[i]);
    }
    return batch;
}

static inline void assert_sizes(const ath_batch *batch, int32_t n, const int32_t *sizes)
{
    int64_t total = 0;
    assert_int_equal(ath_batch_n_systems(batch), n);
    for (int32_t i = 0; i < n; i++) {
        assert_int_equal(ath_batch_n_atoms_of(batch, i), sizes[i]);
        total += sizes[i];
    }
    assert_int_equal(ath_batch_n_atoms(batch), total);
    assert_int_equal(ath_batch_n_atoms_of(batch, n), -1);
    assert_int_equal(ath_batch_n_atoms_of(batch, -1), -1);
}

#define ASSERT_SIZES(batch, ...)                                                                   \
    assert_sizes(batch, (int32_t)(sizeof((int32_t[]){__VA_ARGS__}) / sizeof(int32_t)),             \
                 (int32_t[]){__VA_ARGS__})

/* Writes recognisable state of one system. */
static inline void put_state(fixture *f, const ath_batch *batch, int32_t index, double base)
{
    ath__view v;
    double cells[3 * 64];
    const int32_t slot = ath__batch_slot(batch, index), n = ath__batch_slot_atoms(batch, slot);
    const size_t ns = (size_t)ath__batch_n_system_state(batch);
    const size_t na = (size_t)ath__batch_n_atom_state(batch);
    ath__batch_view(batch, &v);
    for (int i = 0; i < 3 * 64; i++) {
        cells[i] = base + i;
    }
    assert_int_equal(
        ath__device_upload(f->device, v.system_state + (size_t)slot * ns, cells, ns * 8), ATH_OK);
    assert_int_equal(
        ath__device_upload(f->device, v.atom_state + (size_t)ath__batch_first_row(batch, slot) * na,
                           cells, (size_t)n * na * 8),
        ATH_OK);
}

#define BOTH(test)                                                                                 \
    {#test " on host", test, setup_host, teardown, NULL},                                          \
    {                                                                                              \
#test " on mock", test, setup_mock, teardown, NULL                                         \
    }

#endif
