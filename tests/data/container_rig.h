/* What the tests of containers and packets share: four systems with everything that a system can
 * carry, a packet and a container of them, and a comparison.
 */
#ifndef ATHANOR_TESTS_CONTAINER_RIG_H
#define ATHANOR_TESTS_CONTAINER_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <unistd.h>

#include "base/failing.h"
#include "data/batch_private.h"
#include "data/bytes.h"
#include "data/container.h"
#include "data/kit.h"

enum { N_SYSTEMS = 4 };
#define SECTION_OTHER ATH_SECTION_ID('T', 'E', 'S', 'T')

typedef struct fixture {
    failing memory;
    ath_context *ctx;
    ath_device *device;
    ath_field_id user[KIT_FIELDS];
    uint64_t rng;
    ath_system *systems[N_SYSTEMS];
} fixture;

/* As if it came out of a batch. */
static inline void give_life(ath_system *system, uint64_t *rng)
{
    const int32_t n_system = kit_below(rng, 5), n_atom = kit_below(rng, 3);
    assert_int_equal(ath__system_set_life(system, n_system, n_atom), ATH_OK);
    ath__life *life = &system->life;
    life->flags = kit_below(rng, 64);
    life->target = (int64_t)kit_next(rng);
    for (int32_t i = 0; i < life->n_system_state; i++) {
        life->system_state[i] = kit_next(rng);
    }
    for (int32_t i = 0; i < life->n_atom_state * system->n_atoms; i++) {
        life->atom_state[i] = kit_next(rng);
    }
}

static inline void make_systems(fixture *f)
{
    static const int32_t sizes[N_SYSTEMS] = {3, 0, 7, 1};
    for (int i = 0; i < N_SYSTEMS; i++) {
        f->systems[i] = kit_system(f->ctx, sizes[i], f->user, KIT_FIELDS, &f->rng);
        ath_system_set_uid(f->systems[i], kit_uid(&f->rng));
        if (i % 2 == 0) {
            give_life(f->systems[i], &f->rng);
        }
    }
}

static inline int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    *state = f;
    if (!f) {
        return -1;
    }
    ath_context_config config = failing_config(&f->memory);
    f->rng = 11;
    if (ath_context_create(&config, &f->ctx) != ATH_OK ||
        ath_device_open(f->ctx, "mock", &f->device) != ATH_OK) {
        return -1;
    }
    kit_register(f->ctx, f->user);
    make_systems(f);
    return 0;
}

static inline int teardown(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < N_SYSTEMS; i++) {
        ath_system_destroy(&f->systems[i]);
    }
    ath_device_close(&f->device);
    ath_context_destroy(&f->ctx);
    const bool clean = f->memory.n_blocks == 0 && f->memory.n_wrong == 0;
    free(f);
    return clean ? 0 : -1;
}

static inline ath_packet *make_packet(fixture *f, int32_t n)
{
    ath_packet *packet = NULL;
    assert_int_equal(ath_packet_pack(f->ctx, f->systems, n, &packet), ATH_OK);
    return packet;
}

/* A container of an unknown section, a packet of all systems, and another unknown section. */
static inline ath_container *make_container(fixture *f)
{
    ath_container *container = NULL;
    ath_packet *packet = make_packet(f, N_SYSTEMS);
    assert_int_equal(ath_container_create(f->ctx, &container), ATH_OK);
    assert_int_equal(ath_container_add(container, SECTION_OTHER, 3, "abc", 3), ATH_OK);
    assert_int_equal(ath_container_add_packet(container, packet), ATH_OK);
    assert_int_equal(ath_container_add(container, SECTION_OTHER, 4, NULL, 0), ATH_OK);
    ath_packet_destroy(&packet);
    return container;
}

static inline void assert_record(const ath_system *expected, const ath_packet *packet,
                                 int32_t index)
{
    ath_system *got = NULL;
    ath_packet_info info;
    assert_int_equal(ath_packet_unpack(packet, index, &got), ATH_OK);
    kit_same(expected, got, true);
    kit_same_life(expected, got);
    assert_int_equal(ath_packet_peek(packet, index, &info), ATH_OK);
    assert_int_equal(info.n_atoms, expected->n_atoms);
    assert_true(info.uid.lo == expected->uid.lo && info.uid.hi == expected->uid.hi);
    ath_system_destroy(&got);
}

#endif
