/* What the tests of extended XYZ share: reading from a string, and a system as one line of text.
 *
 * The text holds everything that a reader may set, with exact numbers, so that tables of inputs and
 * expectations stay readable: "Z=29,8 pos=0,0,0;1,2,3 pbc=FFF | key:I=5 list:R=[1,2] | col:S=a;b".
 */
#ifndef TESTS_FLOW_EXTXYZ_RIG_H
#define TESTS_FLOW_EXTXYZ_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <athanor/extxyz.h>

#include "base/base.h"

/* A context for a group of tests, as their state. */
static inline int rig_set_up(void **state)
{
    ath_context *ctx = NULL;
    const int bad = ath_context_create(NULL, &ctx) != ATH_OK;
    *state = ctx;
    return bad;
}

static inline int rig_tear_down(void **state)
{
    ath_context *ctx = *state;
    ath_context_destroy(&ctx);
    return 0;
}

typedef struct rig_text {
    char *at;
    size_t n, capacity;
} rig_text;

static inline void rig_say(rig_text *t, const char *text)
{
    const size_t n = strlen(text);
    if (t->n + n + 1 > t->capacity) {
        t->capacity = 2 * (t->n + n + 1);
        t->at = realloc(t->at, t->capacity);
        assert_non_null(t->at);
    }
    memcpy(t->at + t->n, text, n + 1);
    t->n += n;
}

static inline void rig_real(rig_text *t, double value)
{
    char text[32];
    ath__format_double(value, text);
    rig_say(t, text);
}

static inline void rig_value(rig_text *t, const ath_extra *extra, size_t i)
{
    char text[32];
    switch (extra->type) {
    case ATH_EXTRA_REAL:
        rig_real(t, ((const double *)extra->values)[i]);
        break;
    case ATH_EXTRA_INT:
        snprintf(text, sizeof text, "%lld", (long long)((const int64_t *)extra->values)[i]);
        rig_say(t, text);
        break;
    case ATH_EXTRA_BOOL:
        rig_say(t, ((const uint8_t *)extra->values)[i] ? "T" : "F");
        break;
    case ATH_EXTRA_STRING:
        rig_say(t, "'");
        rig_say(t, ((const char *const *)extra->values)[i]);
        rig_say(t, "'");
        break;
    }
}

/* n values of a field, `row` values between semicolons. */
static inline void rig_field(rig_text *t, const ath_system *system, ath_field field,
                             const char *name, size_t row)
{
    const double *x = ath_system_peek(system, field);
    const ath_field_info *info = ath_field_describe(NULL, field);
    const size_t n_atoms = (size_t)ath_system_n_atoms(system);
    const size_t n =
        info->level == ATH_LEVEL_ATOM ? n_atoms * (size_t)info->width : (size_t)info->width;
    if (!x) {
        return;
    }
    rig_say(t, name);
    for (size_t i = 0; i < n; i++) {
        rig_say(t, i == 0 ? "" : i % row == 0 ? ";" : ",");
        rig_real(t, x[i]);
    }
}

static inline void rig_extras(rig_text *t, const ath_system *system, ath_level level)
{
    static const char types[] = "RIBS";
    bool first = true;
    for (int32_t k = 0; k < ath_system_n_extras(system); k++) {
        ath_extra extra;
        char type[8];
        assert_int_equal(ath_system_extra(system, k, &extra), ATH_OK);
        if (extra.level != level) {
            continue;
        }
        rig_say(t, first ? " | " : " ");
        first = false;
        rig_say(t, extra.name);
        snprintf(type, sizeof type, ":%c=", types[extra.type]);
        rig_say(t, type);
        const bool atoms = level == ATH_LEVEL_ATOM;
        const size_t rows = atoms ? (size_t)ath_system_n_atoms(system) : 1;
        const size_t n = rows * (size_t)extra.width;
        const size_t row =
            atoms ? (size_t)extra.width
                  : (size_t)extra.width / (extra.n_rows > 1 ? (size_t)extra.n_rows : 1);
        rig_say(t, !atoms && extra.n_rows > 0 ? "[" : "");
        for (size_t i = 0; i < n; i++) {
            rig_say(t, i == 0 ? "" : i % row == 0 ? ";" : ",");
            rig_value(t, &extra, i);
        }
        rig_say(t, !atoms && extra.n_rows > 0 ? "]" : "");
    }
}

/* The system as text; the caller frees it. */
static inline char *rig_describe(const ath_system *system)
{
    rig_text t = {0};
    char text[32];
    const int32_t n = ath_system_n_atoms(system);
    const int32_t *numbers = ath_system_peek(system, ATH_FIELD_NUMBERS);
    const int32_t *pbc = ath_system_peek(system, ATH_FIELD_PBC);
    const uint8_t *fixed = ath_system_peek(system, ATH_FIELD_FIXED);
    rig_say(&t, "Z=");
    for (int32_t i = 0; i < n; i++) {
        snprintf(text, sizeof text, "%s%d", i ? "," : "", numbers[i]);
        rig_say(&t, text);
    }
    rig_field(&t, system, ATH_FIELD_POSITIONS, " pos=", 3);
    rig_field(&t, system, ATH_FIELD_CELL, " cell=", 3);
    rig_say(&t, " pbc=");
    for (int i = 0; i < 3; i++) {
        rig_say(&t, pbc && pbc[i] ? "T" : "F");
    }
    rig_field(&t, system, ATH_FIELD_MASSES, " masses=", 1);
    rig_field(&t, system, ATH_FIELD_VELOCITIES, " vel=", 3);
    rig_field(&t, system, ATH_FIELD_FORCES, " forces=", 3);
    rig_field(&t, system, ATH_FIELD_ENERGY, " energy=", 1);
    rig_field(&t, system, ATH_FIELD_STRESS, " stress=", 3);
    if (fixed) {
        rig_say(&t, " fixed=");
        for (int32_t i = 0; i < 3 * n; i++) {
            rig_say(&t, i == 0 || i % 3 ? "" : ";");
            rig_say(&t, fixed[i] ? "1" : "0");
        }
    }
    rig_extras(&t, system, ATH_LEVEL_SYSTEM);
    rig_extras(&t, system, ATH_LEVEL_ATOM);
    return t.at;
}

static inline void rig_check(const ath_system *system, const char *expected, const char *input)
{
    char *text = rig_describe(system);
    if (strcmp(text, expected) != 0) {
        fail_msg("input:    %s\nexpected: %s\nfound:    %s", input, expected, text);
    }
    free(text);
}

static inline ath_extxyz_reader *rig_open(ath_context *ctx, const char *text, size_t n)
{
    ath_extxyz_reader *reader = NULL;
    assert_int_equal(ath_extxyz_open_memory(ctx, "x", text, n, &reader), ATH_OK);
    assert_non_null(reader);
    return reader;
}

/* A temporary file of this process; valid until the next call. */
static inline const char *rig_path(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "/tmp/athanor_%ld_%s", (long)getpid(), name);
    return path;
}

static inline void rig_put_file(const char *path, const char *text, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* The whole file with a NUL behind it; the caller frees it. */
static inline char *rig_get_file(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    const long size = ftell(f);
    assert_true(size >= 0);
    rewind(f);
    char *text = malloc((size_t)size + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, (size_t)size, f), size);
    text[size] = '\0';
    fclose(f);
    *n = (size_t)size;
    return text;
}

#endif
