/* Runs one model on one batch, without an engine: neighbour lists, forces, results. For test_emt*.c
 * and test_harmonic.c. Everything is asserted with cmocka, so only a test may call it. Host devices
 * only: results are read where they lie.
 */
#ifndef ATHANOR_TESTS_EMT_RUNNER_H
#define ATHANOR_TESTS_EMT_RUNNER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <athanor/batch.h>
#include <athanor/model.h>

#include "data/batch_private.h"
#include "models/model.h"
#include "neighbors/neighbors.h"

typedef struct runner {
    ath_context *ctx, *own; /* own: made by runner_open */
    ath_device *device;
    ath_model *model;
    ath_batch *batch;
    ath__neighbors *neighbors; /* NULL: the model needs none */
    ath__stream stream;
    ath__view view;
    ath__list_view list;
    void *params, *work, *list_work;
    size_t param_bytes, work_bytes, list_bytes;
    int32_t n, *slots; /* in public order */
} runner;

static inline void runner_ok(const runner *r, ath_status status)
{
    if (status < 0) {
        fail_msg("%s: %s", ath_status_text(status), ath_context_message(r->ctx));
    }
}

/* False if this machine has no such device. ctx NULL: a context of its own. */
static inline bool runner_open(runner *r, ath_context *ctx, const char *device, const char *model)
{
    *r = (runner){0};
    if (!ctx) {
        assert_int_equal(ath_context_create(NULL, &r->own), ATH_OK);
    }
    r->ctx = ctx ? ctx : r->own;
    if (ath_device_open(r->ctx, device, &r->device) == ATH_E_DEVICE) {
        ath_context_destroy(&r->own);
        return false;
    }
    assert_non_null(r->device);
    runner_ok(r, ath_model_create(r->ctx, model, &r->model));
    runner_ok(r, r->model->ops->params(r->model->state, NULL, &r->param_bytes));
    runner_ok(r, ath__device_alloc(r->device, r->param_bytes, 1, &r->params));
    runner_ok(r, r->model->ops->params(r->model->state, r->params, &r->param_bytes));
    runner_ok(r, ath__stream_open(r->device, &r->stream));
    return true;
}

static inline void runner_clear(runner *r)
{
    ath__device_free(r->device, r->work, r->work_bytes, 1);
    ath__device_free(r->device, r->list_work, r->list_bytes, 1);
    ath__neighbors_destroy(&r->neighbors);
    ath_batch_destroy(&r->batch);
    free(r->slots);
    r->work = r->list_work = r->slots = NULL;
}

static inline void runner_close(runner *r)
{
    runner_clear(r);
    ath__stream_close(&r->stream);
    ath__device_free(r->device, r->params, r->param_bytes, 1);
    ath_model_destroy(&r->model);
    ath_device_close(&r->device);
    ath_context_destroy(&r->own);
}

/* A batch of these systems, which belong to the runner's context. */
static inline void runner_put(runner *r, ath_system *const *systems, int32_t n, double skin)
{
    ath__model_needs needs = {0};
    int32_t most = 1;
    runner_clear(r);
    runner_ok(r, ath_batch_from_systems(r->ctx, r->device, systems, n, &r->batch));
    r->n = n;
    r->slots = calloc((size_t)n, sizeof *r->slots);
    assert_non_null(r->slots);
    for (int32_t i = 0; i < n; i++) {
        const int32_t atoms = ath_batch_n_atoms_of(r->batch, i);
        r->slots[i] = ath__batch_slot(r->batch, i);
        most = atoms > most ? atoms : most;
    }
    ath__batch_view(r->batch, &r->view);
    r->model->ops->needs(r->model->state, most, &needs);
    r->work_bytes = needs.work_bytes;
    runner_ok(r, ath__device_alloc(r->device, r->work_bytes, 1, &r->work));
    if (needs.cutoff > 0.0) {
        const ath__neighbors_config config = {.device = r->device,
                                              .cutoff = needs.cutoff,
                                              .skin = skin,
                                              .all_pairs_max = needs.all_pairs_max};
        runner_ok(r, ath__neighbors_create(r->ctx, &config, &r->neighbors));
        runner_ok(r, ath__neighbors_fit(r->neighbors, r->batch));
        r->list_bytes = ath__neighbors_work(r->neighbors, most, 1);
        runner_ok(r, ath__device_alloc(r->device, r->list_bytes, 1, &r->list_work));
    }
}

/* Brings the lists up to date. */
static inline void runner_lists(runner *r)
{
    for (int32_t grown = 1; r->neighbors && grown > 0;) {
        runner_ok(r, ath__neighbors_update(r->neighbors, &r->stream, &r->view, r->slots, &r->n,
                                           r->list_work, r->list_bytes));
        runner_ok(r, ath__neighbors_grow(r->neighbors, r->batch, &grown));
        ath__neighbors_view(r->neighbors, &r->list);
    }
}

/* Forces, and what `want` asks for, of the systems in the order of `slots`; work_bytes 0: all. */
static inline void runner_compute(runner *r, unsigned want, size_t work_bytes)
{
    const ath__compute c = {.stream = &r->stream,
                            .view = r->view,
                            .list = r->list,
                            .d_slots = r->slots,
                            .d_n_slots = &r->n,
                            .d_params = r->params,
                            .d_work = r->work,
                            .work_bytes = work_bytes ? work_bytes : r->work_bytes,
                            .want = want};
    runner_ok(r, r->model->ops->compute(r->model->state, &c));
}

enum { RUNNER_ALL = ATH__WANT_FORCES | ATH__WANT_ENERGY | ATH__WANT_STRESS };

/* Lists and all results. */
static inline void runner_all(runner *r)
{
    runner_lists(r);
    runner_compute(r, RUNNER_ALL, 0);
}

/* Results of the index-th system of the public order. */
static inline double runner_energy(const runner *r, int32_t index)
{
    return r->view.energy[ath__batch_slot(r->batch, index)];
}
static inline double *runner_stress(const runner *r, int32_t index)
{
    return r->view.stress + 9 * (int64_t)ath__batch_slot(r->batch, index);
}
static inline double *runner_cell(const runner *r, int32_t index)
{
    return r->view.cell + 9 * (int64_t)ath__batch_slot(r->batch, index);
}
static inline double *runner_positions(const runner *r, int32_t index)
{
    return r->view.positions + 3 * r->view.first[ath__batch_slot(r->batch, index)];
}
static inline double *runner_forces(const runner *r, int32_t index)
{
    return r->view.forces + 3 * r->view.first[ath__batch_slot(r->batch, index)];
}

static inline double *runner_field(ath_system *system, ath_field_id field)
{
    void *rows = NULL;
    assert_int_equal(ath_system_field(system, field, &rows), ATH_OK);
    return rows;
}

static inline ath_system *runner_system(ath_context *ctx, int64_t n, const int32_t pbc[3])
{
    ath_system *system = NULL;
    void *rows = NULL;
    assert_int_equal(ath_system_create(ctx, n, &system), ATH_OK);
    assert_int_equal(ath_system_field(system, ATH_FIELD_PBC, &rows), ATH_OK);
    memcpy(rows, pbc, 3 * sizeof *pbc);
    return system;
}

static inline int32_t *runner_numbers(ath_system *system)
{
    void *rows = NULL;
    assert_int_equal(ath_system_field(system, ATH_FIELD_NUMBERS, &rows), ATH_OK);
    return rows;
}

#endif
