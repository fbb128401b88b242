/* Structures for tests of the engine: frames of a file, and clusters and crystals made by formula.
 * Failing to get one fails the test (assert).
 */
#ifndef ATHANOR_TESTS_STRUCTURES_H
#define ATHANOR_TESTS_STRUCTURES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <athanor/batch.h>
#include <athanor/extxyz.h>

#define OK(ctx, expression)                                                                        \
    do {                                                                                           \
        const ath_status ok_status = (expression);                                                 \
        if (ok_status != ATH_OK) {                                                                 \
            fail_msg("%s: %s (%s)", #expression, ath_status_name(ok_status),                       \
                     ath_context_message(ctx));                                                    \
        }                                                                                          \
    } while (0)

/* All frames of a file (at most max), with uids by occurrence; NULL and *n = 0 if it is absent. */
static inline ath_system **structures_read(ath_context *ctx, const char *path, int32_t max,
                                           int32_t *n)
{
    ath_extxyz_reader *reader = NULL;
    *n = 0;
    if (ath_extxyz_open(ctx, path, &reader) != ATH_OK) {
        return NULL;
    }
    ath_system **systems = calloc((size_t)max, sizeof *systems);
    while (*n < max) {
        const ath_status status = ath_extxyz_next(reader, &systems[*n]);
        if (status == ATH_END) {
            break;
        }
        OK(ctx, status);
        ath_uid content;
        OK(ctx, ath_system_content_hash(systems[*n], &content));
        ath_system_set_uid(systems[*n], ath_uid_of(content, (uint64_t)*n));
        (*n)++;
    }
    ath_extxyz_close(&reader);
    return systems;
}

/* A piece of a simple cubic lattice of n atoms, spacing a, every atom displaced a little; open. */
static inline ath_system *structures_cluster(ath_context *ctx, int32_t n, int32_t number, double a,
                                             uint32_t seed)
{
    ath_system *s = NULL;
    void *p = NULL;
    OK(ctx, ath_system_create(ctx, n, &s));
    OK(ctx, ath_system_field(s, ATH_FIELD_NUMBERS, &p));
    for (int32_t i = 0; i < n; i++) {
        ((int32_t *)p)[i] = number;
    }
    OK(ctx, ath_system_field(s, ATH_FIELD_POSITIONS, &p));
    int32_t side = 1;
    while (side * side * side < n) {
        side++;
    }
    uint64_t x = seed * 2654435761u + 1;
    for (int32_t i = 0; i < n; i++) {
        const int32_t cell[3] = {i % side, i / side % side, i / side / side};
        for (int k = 0; k < 3; k++) {
            x = x * 6364136223846793005u + 1442695040888963407u;
            ((double *)p)[3 * i + k] =
                a * cell[k] + 0.1 * a * ((double)(x >> 11) / 9007199254740992.0 - 0.5);
        }
    }
    ath_uid content;
    OK(ctx, ath_system_content_hash(s, &content));
    ath_system_set_uid(s, ath_uid_of(content, seed));
    return s;
}

/* The same in a periodic cube that holds the lattice, n = side^3. */
static inline ath_system *structures_crystal(ath_context *ctx, int32_t side, int32_t number,
                                             double a, uint32_t seed)
{
    ath_system *s = structures_cluster(ctx, side * side * side, number, a, seed);
    void *p = NULL;
    OK(ctx, ath_system_field(s, ATH_FIELD_CELL, &p));
    for (int k = 0; k < 3; k++) {
        ((double *)p)[4 * k] = a * side;
    }
    OK(ctx, ath_system_field(s, ATH_FIELD_PBC, &p));
    for (int k = 0; k < 3; k++) {
        ((int32_t *)p)[k] = 1;
    }
    return s;
}

/* A 64-bit digest of the bits of the fields that a trajectory consists of. */
static inline uint64_t structures_digest(ath_context *ctx, const ath_batch *batch, int32_t index)
{
    static const ath_field_id fields[] = {
        ATH_FIELD_POSITIONS, ATH_FIELD_VELOCITIES, ATH_FIELD_FORCES, ATH_FIELD_ENERGY,
        ATH_FIELD_STRESS,    ATH_FIELD_REASON,     ATH_FIELD_AGE,    ATH_FIELD_STAGE_STEPS,
        ATH_FIELD_CELL,      ATH_FIELD_BATH};
    uint64_t h = 1469598103934665603u;
    for (size_t f = 0; f < sizeof fields / sizeof *fields; f++) {
        const ath_field_info *info = ath_field_describe(ctx, fields[f]);
        const size_t rows =
            info->level == ATH_LEVEL_ATOM ? (size_t)ath_batch_n_atoms_of(batch, index) : 1;
        const size_t bytes = rows * (size_t)info->width * (size_t)ath_dtype_bytes(info->dtype);
        unsigned char *data = malloc(bytes + 1);
        OK(ctx, ath_batch_read(batch, fields[f], index, data));
        for (size_t i = 0; i < bytes; i++) {
            h = (h ^ data[i]) * 1099511628211u;
        }
        free(data);
    }
    return h;
}

static inline void structures_free(ath_system **systems, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        ath_system_destroy(&systems[i]);
    }
    free(systems);
}

#endif
