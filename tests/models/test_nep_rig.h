/* For test_nep*.c: the reference files of NEP (JSON), made into systems and expected values, and
 * small helpers. Everything is asserted with cmocka.
 *
 * A reference file is a list of flat objects; numbers, lists of numbers and strings are all that is
 * read of them.
 */
#ifndef ATHANOR_TESTS_TEST_NEP_RIG_H
#define ATHANOR_TESTS_TEST_NEP_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <athanor/model.h>
#include <athanor/system.h>

#define NEP_DATA ATH_REFERENCE_DATA "/nep"
#define NEP_TOLERANCE_ENERGY 1e-11 /* eV per atom */
#define NEP_TOLERANCE_FORCE 1e-9   /* eV/angstrom */
#define NEP_TOLERANCE_VIRIAL 1e-8  /* eV */

enum { RIG_MAX_STRUCTURES = 16 };

/* One structure of a reference file. */
typedef struct rig_case {
    char name[64];
    ath_system *system;
    int32_t n;
    double energy, volume;
    double virial[9];                    /* xx xy xz yx yy yz zx zy zz, eV */
    double *energies, *forces, *virials; /* [n], [n][3], [n][9] */
} rig_case;

typedef struct rig_set {
    rig_case cases[RIG_MAX_STRUCTURES];
    int count;
} rig_set;

static inline char *rig_read(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        fail_msg("cannot open %s", path);
    }
    fseek(f, 0, SEEK_END);
    const size_t size = (size_t)ftell(f);
    rewind(f);
    char *text = malloc(size + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, size, f), size);
    text[size] = '\0';
    fclose(f);
    return text;
}

/* The value of a key of the object at `object`. */
static inline const char *rig_key(const char *object, const char *key)
{
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    const char *at = strstr(object, quoted);
    assert_non_null(at);
    return at + strlen(quoted);
}

/* n numbers, whatever the brackets between them. */
static inline double *rig_numbers(const char *at, size_t n)
{
    double *out = calloc(n + 1, sizeof *out);
    assert_non_null(out);
    for (size_t k = 0; k < n; k++) {
        char *end = NULL;
        at += strspn(at, " \t\r\n[],");
        out[k] = strtod(at, &end);
        assert_true(end > at);
        at = end;
    }
    return out;
}

static inline void rig_fill(ath_system *system, ath_field_id field, const void *from, size_t bytes)
{
    void *rows = NULL;
    assert_int_equal(ath_system_field(system, field, &rows), ATH_OK);
    memcpy(rows, from, bytes);
}

static inline void rig_elements(const char *at, int32_t n, int32_t *numbers)
{
    for (int32_t i = 0; i < n; i++) {
        char symbol[4] = {0};
        at = strchr(at, '"') + 1;
        const size_t length = strcspn(at, "\"");
        assert_true(length < sizeof symbol);
        memcpy(symbol, at, length);
        numbers[i] = ath_element_number(symbol);
        assert_true(numbers[i] > 0);
        at += length + 1;
    }
}

static inline void rig_case_read(ath_context *ctx, const char *object, rig_case *c)
{
    static const int32_t pbc[3] = {1, 1, 1};
    const char *name = strchr(rig_key(object, "name"), '"') + 1;
    snprintf(c->name, sizeof c->name, "%.*s", (int)strcspn(name, "\""), name);
    c->n = (int32_t)strtol(rig_key(object, "n"), NULL, 10);
    assert_true(c->n > 0);
    const size_t n = (size_t)c->n;
    double *cell = rig_numbers(rig_key(object, "cell_rows"), 9);
    double *x = rig_numbers(rig_key(object, "positions"), 3 * n);
    double *virial = rig_numbers(rig_key(object, "virial_total"), 9);
    int32_t *numbers = calloc(n, sizeof *numbers);
    assert_non_null(numbers);
    rig_elements(rig_key(object, "symbols"), c->n, numbers);
    assert_int_equal(ath_system_create(ctx, c->n, &c->system), ATH_OK);
    rig_fill(c->system, ATH_FIELD_POSITIONS, x, 3 * n * sizeof *x);
    rig_fill(c->system, ATH_FIELD_NUMBERS, numbers, n * sizeof *numbers);
    rig_fill(c->system, ATH_FIELD_CELL, cell, 9 * sizeof *cell);
    rig_fill(c->system, ATH_FIELD_PBC, pbc, sizeof pbc);
    memcpy(c->virial, virial, sizeof c->virial);
    c->energy = strtod(rig_key(object, "energy"), NULL);
    c->volume = strtod(rig_key(object, "volume"), NULL);
    c->energies = rig_numbers(rig_key(object, "atom_energies"), n);
    c->forces = rig_numbers(rig_key(object, "forces"), 3 * n);
    c->virials = rig_numbers(rig_key(object, "atom_virials"), 9 * n);
    free(numbers);
    free(virial);
    free(x);
    free(cell);
}

/* All structures of reference/SET__MODEL.json. */
static inline void rig_open(ath_context *ctx, const char *file, rig_set *set)
{
    char path[1024];
    snprintf(path, sizeof path, NEP_DATA "/reference/%s", file);
    char *text = rig_read(path);
    int depth = 0;
    set->count = 0;
    for (const char *at = text; *at; at++) {
        if (*at == '{' && depth++ == 0) {
            assert_true(set->count < RIG_MAX_STRUCTURES);
            rig_case_read(ctx, at, &set->cases[set->count++]);
        }
        depth -= *at == '}';
    }
    assert_true(set->count > 0);
    free(text);
}

static inline void rig_close(rig_set *set)
{
    for (int k = 0; k < set->count; k++) {
        ath_system_destroy(&set->cases[k].system);
        free(set->cases[k].energies);
        free(set->cases[k].forces);
        free(set->cases[k].virials);
    }
    set->count = 0;
}

/* The models of the reference files. */
static const struct {
    const char *reference, *model;
} rig_files[] = {
    {"PbTe__PbTe_nep3.json", "PbTe_nep3.txt"},
    {"PbTe__PbTe_nep4.json", "PbTe_nep4.txt"},
    {"carbon__C_2022_NEP4.json", "C_2022_NEP4.txt"},
    {"cuoh__syn_allbody_hdr2_nep4.json", "synthetic/syn_allbody_hdr2_nep4.txt"},
    {"cuoh__syn_allbody_nep4.json", "synthetic/syn_allbody_nep4.txt"},
    {"cuoh__syn_flexzbl_nep4.json", "synthetic/syn_flexzbl_nep4.txt"},
    {"cuoh__syn_no222_134_nep4.json", "synthetic/syn_no222_134_nep4.txt"},
    {"cuoh__syn_shared_nep3.json", "synthetic/syn_shared_nep3.txt"},
    {"cuoh__syn_typecut_nep4.json", "synthetic/syn_typecut_nep4.txt"},
    {"metals__UNEP-v1.json", "UNEP-v1-Song2024.txt"},
    {"silicon__Si_2022_3body.json", "Si_2022_NEP4_3body.txt"},
    {"silicon__Si_2022_4body.json", "Si_2022_NEP4_4body.txt"},
    {"water__nep_water.json", "nep_water.txt"},
};
enum { RIG_FILES = sizeof rig_files / sizeof *rig_files };

static inline bool rig_present(void)
{
    FILE *f = fopen(NEP_DATA "/models/UNEP-v1-Song2024.txt", "rb");
    if (f) {
        fclose(f);
    }
    return f != NULL;
}

/* Files in a folder whose names end so; a reference file that is new must not be overlooked. */
static inline int rig_count(const char *folder, const char *ending)
{
    DIR *dir = opendir(folder);
    int n = 0;
    assert_non_null(dir);
    for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
        const size_t length = strlen(e->d_name), tail = strlen(ending);
        n += length > tail && !strcmp(e->d_name + length - tail, ending);
    }
    closedir(dir);
    return n;
}

static inline void rig_model_path(int file, char *path, size_t bytes)
{
    snprintf(path, bytes, NEP_DATA "/models/%s", rig_files[file].model);
}

#endif
