/* A rig for tests of integrators: a real batch on a real device, an integrator, and forces that the
 * test computes itself. It drives half steps through the ops table as a dynamics does, and nothing
 * else: no model, no neighbour list, no books. Every failure of a call fails the test.
 */
#ifndef ATHANOR_TESTS_INTEGRATORS_RIG_H
#define ATHANOR_TESTS_INTEGRATORS_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data/batch_private.h"
#include "integrators/integrator.h"

enum { RIG_MAX_SYSTEMS = 64, RIG_MAX_CELLS = 512 };

/* What a test asks of a system; positions and velocities are random numbers of `content`. Where the
 * integrator moves the cell, it has one of 10 angstrom, more or less, and is periodic. */
typedef struct rig_spec {
    int32_t n;        /* atoms */
    uint64_t uid;     /* low half of the uid; the high half is 1 */
    uint64_t content; /* equal numbers give equal systems */
    int fixed;        /* 1: some components are fixed */
} rig_spec;

typedef struct test_rig {
    ath_context *ctx;
    ath_device *device;
    ath_batch *batch;
    ath_integrator *integrator;
    ath__stream stream;
    int32_t n_system, n_atom; /* cells of the state rows: those of the integrator and one more */
    int32_t *d_slots, *d_n_slots;
    int64_t seed;
} test_rig;

/* Forces of one system: r, f are [n][3]. */
typedef void (*rig_force)(int32_t n, const double *r, double *f, const void *arg);

#define RIG_OK(rig, call) rig_ok((rig), (call), #call, __FILE__, __LINE__)
void rig_ok(const test_rig *rig, ath_status status, const char *call, const char *file, int line);

void rig_open(test_rig *rig, const char *device, const char *integrator);
void rig_close(test_rig *rig);
/* Adds systems; returns the index of the first. */
int32_t rig_add(test_rig *rig, const rig_spec *specs, int32_t n);
/* Adds a system with these positions, velocities (may be NULL) and masses. */
int32_t rig_add_atoms(test_rig *rig, int32_t n, const double *r, const double *v, const double *m);
/* Makes state rows and fills them as on entry. Call after the last rig_add. */
void rig_enter(test_rig *rig);
/* Computes the forces of every system; where the integrator moves the cell, also a stress that
 * pulls it to a cube of 10 angstrom. */
void rig_forces(test_rig *rig, rig_force force, const void *arg);
/* One half step of the listed systems (indices in public order). */
void rig_half(test_rig *rig, bool second, const int32_t *indices, int32_t n);
/* n steps of all systems: first half, forces, second half, stage_steps + 1. */
void rig_steps(test_rig *rig, int64_t n, rig_force force, const void *arg);

void rig_read(const test_rig *rig, ath_field_id field, int32_t index, void *out);
void rig_write(test_rig *rig, ath_field_id field, int32_t index, const void *values);
void rig_cells(const test_rig *rig, int32_t index, double *out); /* [n_system] */
int32_t rig_flags(const test_rig *rig, int32_t index);
void rig_set_flags(test_rig *rig, int32_t index, int32_t flags);
/* Everything that updates change of a system, to be put back later: allocated, [*n] doubles. */
double *rig_save(const test_rig *rig, int32_t index, int64_t *n);
void rig_restore(test_rig *rig, int32_t index, double *saved); /* frees it */
/* 64-bit hash of everything that is stored of a system, flags and integrator state included. */
uint64_t rig_hash(const test_rig *rig, int32_t index);
/* The same of positions, velocities, cell and the integrator's own cells of the system only. */
uint64_t rig_hash_motion(const test_rig *rig, int32_t index);

/* F = -k (r - r0) with its own k and r0 for each component of an atom; arg is not used. */
void rig_wells(int32_t n, const double *r, double *f, const void *arg);
/* A sequence of uniform numbers in (0, 1). */
double rig_random(uint64_t *state);

#endif
