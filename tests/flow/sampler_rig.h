/* What the tests of samplers share: systems of given numbers of atoms and edges, and samplers over
 * them.
 *
 * A ring is n atoms along a periodic vector, so that each has 2 k neighbours within RIG_CUTOFF: 2 n
 * k edges. Its tag, the second coordinate, makes its content, and so its uid, its own.
 */
#ifndef TESTS_FLOW_SAMPLER_RIG_H
#define TESTS_FLOW_SAMPLER_RIG_H

#include "flow/extxyz_rig.h"

#include <athanor/sampler.h>

#include "base/failing.h"
#include "flow/sampler_private.h"

#define RIG_CUTOFF 1.2

enum { AGAIN = -1, END = -2, RIG_FAILED = -1000 };

#define SIZES(...) (const int32_t[]){__VA_ARGS__}, sizeof((int32_t[]){__VA_ARGS__}) / 4
#define CONFIG(...)                                                                                \
    (ath_sampler_size_config)                                                                      \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

/* Every step asks for memory; a failure is the status. */
static inline ath_status rig_try_ring(ath_context *ctx, int32_t n, int32_t k, int64_t tag,
                                      ath_system **out)
{
    const double step = k > 0 ? RIG_CUTOFF / (k + 0.5) : 2.0 * RIG_CUTOFF;
    void *x = NULL, *cell = NULL, *pbc = NULL;
    ATH__TRY(ath_system_create(ctx, n, out));
    ath_status status = ath_system_field(*out, ATH_FIELD_POSITIONS, &x);
    status = status < 0 ? status : ath_system_field(*out, ATH_FIELD_CELL, &cell);
    status = status < 0 ? status : ath_system_field(*out, ATH_FIELD_PBC, &pbc);
    if (status < 0) {
        ath_system_destroy(out);
        return status;
    }
    for (int32_t i = 0; i < n; i++) {
        ((double *)x)[3 * i] = i * step;
        ((double *)x)[3 * i + 1] = (double)tag;
    }
    ((double *)cell)[0] = n * step;
    ((int32_t *)pbc)[0] = 1;
    return ATH_OK;
}

static inline ath_system *rig_ring(ath_context *ctx, int32_t n, int32_t k, int64_t tag)
{
    ath_system *system = NULL;
    assert_int_equal(rig_try_ring(ctx, n, k, tag, &system), ATH_OK);
    return system;
}

static inline int64_t rig_tag(const ath_system *system)
{
    return (int64_t)((const double *)ath_system_peek(system, ATH_FIELD_POSITIONS))[1];
}

static inline int64_t rig_label(const ath_system *system)
{
    return *(const int64_t *)ath_system_peek(system, ATH_FIELD_SYSTEM_ID);
}

/* An array of rings, a sampler over it, and one by size over that. */
typedef struct rig_sizes {
    ath_context *ctx;
    ath_system **systems;
    int64_t n;
    ath_sampler *source, *sampler;
} rig_sizes;

/* n sizes; k neighbours each. The sampler takes what `config` says, and edges if it limits them. */
static inline rig_sizes rig_by_size(ath_context *ctx, const int32_t *sizes, int64_t n, int32_t k,
                                    ath_sampler_size_config config)
{
    rig_sizes r = {.ctx = ctx, .n = n};
    r.systems = calloc((size_t)n + 1, sizeof(*r.systems));
    assert_non_null(r.systems);
    for (int64_t i = 0; i < n; i++) {
        r.systems[i] = rig_ring(ctx, sizes[i], k, i);
    }
    assert_int_equal(ath_sampler_from_systems(ctx, r.systems, n, &r.source), ATH_OK);
    config.size = sizeof config;
    config.source = r.source;
    if (config.max_edges && !(config.edge_cutoff > 0.0)) {
        config.edge_cutoff = RIG_CUTOFF;
    }
    assert_int_equal(ath_sampler_by_size(ctx, &config, &r.sampler), ATH_OK);
    return r;
}

static inline void rig_by_size_end(rig_sizes *r)
{
    ath_sampler_destroy(&r->sampler);
    ath_sampler_destroy(&r->source);
    for (int64_t i = 0; i < r->n; i++) {
        ath_system_destroy(&r->systems[i]);
    }
    free(r->systems);
}

/* Atoms of what a request gives; AGAIN, END, or RIG_FAILED + the status of a failure. */
static inline int64_t rig_request(ath_sampler *sampler, int64_t n_atoms, int64_t n_edges,
                                  bool initial)
{
    const ath_sampler_room room = {
        .n_systems = -1, .n_atoms = n_atoms, .n_edges = n_edges, .initial = initial};
    ath_system *system = NULL;
    const ath_status status = ath_sampler_request(sampler, &room, &system);
    if (status != ATH_OK) {
        assert_null(system);
        return status > 0 ? -(int64_t)status : RIG_FAILED + status;
    }
    const int64_t n = ath_system_n_atoms(system);
    ath_system_destroy(&system);
    return n;
}

static inline ath_sampler_counts rig_counts(const ath_sampler *sampler)
{
    ath_sampler_counts counts = {.size = sizeof counts};
    assert_int_equal(ath_sampler_count(sampler, &counts), ATH_OK);
    return counts;
}

#endif
