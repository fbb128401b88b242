/* What the tests of data share: random numbers, systems with everything a system can carry, and the
 * comparison of two systems by what the public functions say.
 */
#ifndef TESTS_DATA_KIT_H
#define TESTS_DATA_KIT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/system_private.h"

enum { KIT_FIELDS = 6 };

/* One user field of each type, at both levels, with defaults that are not zero. */
static const ath_field_info kit_infos[KIT_FIELDS] = {
    {"kit_f64", ATH_LEVEL_ATOM, ATH_F64, 2, "eV", -1.5, "twice a double"},
    {"kit_f32", ATH_LEVEL_ATOM, ATH_F32, 1, "", 0.25, "a float"},
    {"kit_i64", ATH_LEVEL_SYSTEM, ATH_I64, 4, "", -7, "four integers"},
    {"kit_i32", ATH_LEVEL_ATOM, ATH_I32, 3, "", 11, "three integers"},
    {"kit_u8", ATH_LEVEL_ATOM, ATH_U8, 5, "", 200, "five bytes"},
    {"kit_u8s", ATH_LEVEL_SYSTEM, ATH_U8, 1, "", 3, "a byte"},
};

static inline uint64_t kit_next(uint64_t *rng)
{
    uint64_t z = (*rng += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static inline int32_t kit_below(uint64_t *rng, int32_t n)
{
    return (int32_t)(kit_next(rng) % (uint64_t)n);
}

static inline ath_uid kit_uid(uint64_t *rng)
{
    ath_uid uid;
    uid.lo = kit_next(rng); /* one statement each: an initialiser list has no order */
    uid.hi = kit_next(rng);
    return uid;
}

static inline double kit_real(uint64_t *rng)
{
    return (double)(int64_t)(kit_next(rng) >> 11) * 0x1p-50 - 4.0;
}

static inline void kit_register(ath_context *ctx, ath_field_id ids[KIT_FIELDS])
{
    for (int i = 0; i < KIT_FIELDS; i++) {
        assert_int_equal(ath_field_register(ctx, &kit_infos[i], &ids[i]), ATH_OK);
    }
}

/* Rows of a field, all values random; never NaN, so that they can be compared as bytes. */
static inline void kit_fill(ath_system *system, ath_field_id id, uint64_t *rng)
{
    void *rows = NULL;
    const ath_field_info *info = ath_field_describe(system->ctx, id);
    assert_int_equal(ath_system_field(system, id, &rows), ATH_OK);
    const size_t n = ath__system_values(system, info);
    for (size_t i = 0; i < n; i++) {
        const double x = kit_real(rng);
        switch (info->dtype) {
        case ATH_F64:
            ((double *)rows)[i] = x;
            break;
        case ATH_F32:
            ((float *)rows)[i] = (float)x;
            break;
        case ATH_I64:
            ((int64_t *)rows)[i] = (int64_t)kit_next(rng);
            break;
        case ATH_I32:
            ((int32_t *)rows)[i] = (int32_t)kit_below(rng, 119);
            break;
        default:
            ((uint8_t *)rows)[i] = (uint8_t)kit_below(rng, id == ATH_FIELD_FIXED ? 2 : 256);
        }
    }
}

/* A system with random positions and numbers, every other field with a chance of one half, some
 * extras and a source. n_user fields of `user` may be carried. */
static inline ath_system *kit_system(ath_context *ctx, int32_t n_atoms, const ath_field_id *user,
                                     int n_user, uint64_t *rng)
{
    static const double matrix[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9.5};
    static const char *const words[2] = {"two words", ""};
    ath_system *system = NULL;
    assert_int_equal(ath_system_create(ctx, n_atoms, &system), ATH_OK);
    kit_fill(system, ATH_FIELD_POSITIONS, rng);
    kit_fill(system, ATH_FIELD_NUMBERS, rng);
    for (ath_field_id id = 2; id < ATH_N_CORE_FIELDS; id++) {
        if (kit_next(rng) & 1 && id != ATH_FIELD_NUMBERS) {
            kit_fill(system, id, rng);
        }
    }
    for (int i = 0; i < n_user; i++) {
        if (kit_next(rng) & 1) {
            kit_fill(system, user[i], rng);
        }
    }
    if (kit_next(rng) & 1) {
        const ath_extra extra = {"matrix", ATH_LEVEL_SYSTEM, ATH_EXTRA_REAL, 9, 3, matrix};
        assert_int_equal(ath_system_set_extra(system, &extra), ATH_OK);
        const ath_extra text = {"words", ATH_LEVEL_SYSTEM, ATH_EXTRA_STRING, 2, 1, words};
        assert_int_equal(ath_system_set_extra(system, &text), ATH_OK);
    }
    if (kit_next(rng) & 1) {
        int64_t *tags = calloc((size_t)n_atoms + 1, 2 * sizeof *tags);
        for (int32_t i = 0; i < 2 * n_atoms; i++) {
            tags[i] = (int64_t)kit_next(rng);
        }
        const ath_extra extra = {"tags", ATH_LEVEL_ATOM, ATH_EXTRA_INT, 2, 0, tags};
        assert_int_equal(ath_system_set_extra(system, &extra), ATH_OK);
        free(tags);
        const uint8_t yes = 1;
        const ath_extra flag = {"tags", ATH_LEVEL_SYSTEM, ATH_EXTRA_BOOL, 1, 0, &yes};
        assert_int_equal(ath_system_set_extra(system, &flag), ATH_OK);
    }
    if (kit_next(rng) & 1) {
        assert_int_equal(ath_system_set_source(system, "some/file.xyz", kit_below(rng, 1000)),
                         ATH_OK);
    }
    if (kit_next(rng) & 1) {
        ath_system_set_uid(system, kit_uid(rng));
    }
    return system;
}

static inline size_t kit_extra_bytes(const ath_system *system, const ath_extra *e)
{
    static const size_t sizes[] = {8, 8, 1, sizeof(char *)};
    const size_t rows = e->level == ATH_LEVEL_ATOM ? (size_t)system->n_atoms : 1;
    return rows * (size_t)e->width * sizes[e->type];
}

static inline void kit_same_extras(const ath_system *a, const ath_system *b)
{
    assert_int_equal(ath_system_n_extras(a), ath_system_n_extras(b));
    for (int32_t i = 0; i < ath_system_n_extras(a); i++) {
        ath_extra x, y;
        assert_int_equal(ath_system_extra(a, i, &x), ATH_OK);
        assert_int_equal(ath_system_extra(b, i, &y), ATH_OK);
        assert_string_equal(x.name, y.name);
        assert_int_equal(x.level, y.level);
        assert_int_equal(x.type, y.type);
        assert_int_equal(x.width, y.width);
        if (x.level == ATH_LEVEL_SYSTEM) {
            assert_int_equal(x.n_rows, y.n_rows);
        }
        const size_t bytes = kit_extra_bytes(a, &x);
        if (x.type == ATH_EXTRA_STRING) {
            for (size_t k = 0; k < bytes / sizeof(char *); k++) {
                assert_string_equal(((const char *const *)x.values)[k],
                                    ((const char *const *)y.values)[k]);
            }
        } else if (bytes > 0) {
            assert_memory_equal(x.values, y.values, bytes);
        }
    }
    int64_t fa = 0, fb = 0;
    const char *sa = ath_system_source(a, &fa), *sb = ath_system_source(b, &fb);
    assert_int_equal(fa, fb);
    assert_true((sa == NULL) == (sb == NULL));
    if (sa) {
        assert_string_equal(sa, sb);
    }
}

/* Every field that `a` carries has the same bytes in `b`; with exact, `b` carries no other. */
static inline void kit_same(const ath_system *a, const ath_system *b, bool exact)
{
    assert_int_equal(ath_system_n_atoms(a), ath_system_n_atoms(b));
    for (ath_field_id id = 0; id < ath_field_count(a->ctx); id++) {
        const void *x = ath_system_peek(a, id), *y = ath_system_peek(b, id);
        const ath_field_info *info = ath_field_describe(a->ctx, id);
        const size_t bytes = ath__system_values(a, info) * (size_t)ath_dtype_bytes(info->dtype);
        if (exact) {
            assert_true((x == NULL) == (y == NULL));
        }
        if (x && (!y || memcmp(x, y, bytes) != 0)) {
            fail_msg("field %s differs", info->name);
        }
    }
    kit_same_extras(a, b);
}

static inline void kit_same_life(const ath_system *a, const ath_system *b)
{
    assert_int_equal(a->uid.lo, b->uid.lo);
    assert_int_equal(a->uid.hi, b->uid.hi);
    assert_int_equal(a->life.present, b->life.present);
    assert_int_equal(a->life.flags, b->life.flags);
    assert_int_equal(a->life.target, b->life.target);
    assert_int_equal(a->life.n_system_state, b->life.n_system_state);
    assert_int_equal(a->life.n_atom_state, b->life.n_atom_state);
    if (a->life.n_system_state > 0) {
        assert_memory_equal(a->life.system_state, b->life.system_state,
                            (size_t)a->life.n_system_state * 8);
    }
    if (a->life.n_atom_state > 0 && a->n_atoms > 0) {
        assert_memory_equal(a->life.atom_state, b->life.atom_state,
                            (size_t)a->life.n_atom_state * (size_t)a->n_atoms * 8);
    }
}

#endif
