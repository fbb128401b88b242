/* What the writer writes, and that it comes back: types, shapes, order, and every bit of a number.
 */
#include "flow/extxyz_rig.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <time.h>

enum { ALL = ATH_EXTXYZ_VELOCITIES | ATH_EXTXYZ_FORCES | ATH_EXTXYZ_FIXED };

static ath_system *read_one(ath_context *ctx, const char *text)
{
    ath_extxyz_reader *reader = rig_open(ctx, text, strlen(text));
    ath_system *system = NULL;
    if (ath_extxyz_next(reader, &system) != ATH_OK) {
        fail_msg("%s\nin: %s", ath_context_message(ctx), text);
    }
    ath_extxyz_close(&reader);
    return system;
}

/* One frame as text; the caller frees it. */
static char *write_one(ath_context *ctx, const ath_system *system, unsigned what, const char *keys)
{
    ath_writer *writer = NULL;
    const char *path = rig_path("writer.xyz");
    size_t n;
    assert_int_equal(ath_writer_open(ctx, path, &writer), ATH_OK);
    if (ath_extxyz_write(writer, system, what, keys) != ATH_OK) {
        fail_msg("%s", ath_context_message(ctx));
    }
    assert_int_equal(ath_writer_close(&writer), ATH_OK);
    assert_null(writer);
    char *text = rig_get_file(path, &n);
    unlink(path);
    return text;
}

/* Inputs and the text that is written for them. */
static void test_text(void **state)
{
    static const struct {
        const char *input, *output;
        unsigned what;
        const char *keys;
    } rows[] = {
        {"1\n\nCu 1 2 3\n", "1\nProperties=species:S:1:pos:R:3 pbc=\"F F F\"\nCu 1 2 3\n", ALL,
         NULL},
        {"1\nname=a Lattice=\"4 5 6.5\" pbc=\"T T F\"\nCu 1 -2.5 1e-7\n",
         "1\nLattice=\"4.0 0.0 0.0 0.0 5.0 0.0 0.0 0.0 6.5\" Properties=species:S:1:pos:R:3 "
         "pbc=\"T T F\" name=a\nCu 1 -2.5 1e-7\n",
         ALL, ""},
        {"2\nstep=1 Lattice=\"1 1 1\" energy=-2 stress=\"1 2 3 4 5 6\" "
         "Properties=species:S:1:pos:R:3:forces:R:3:move_mask:L:1\nCu 1 2 3 4 5 6 T\nO 0 0 0 0 0 0 "
         "F\n",
         "2\nLattice=\"1.0 0.0 0.0 0.0 1.0 0.0 0.0 0.0 1.0\" "
         "Properties=species:S:1:pos:R:3:move_mask:L:1:forces:R:3 pbc=\"T T T\" energy=-2.0 "
         "stress=\"1.0 6.0 5.0 6.0 2.0 4.0 5.0 4.0 3.0\" step=7 uid=ab\n"
         "Cu 1 2 3 T 4 5 6\nO 0 0 0 F 0 0 0\n",
         ALL, "step=7 uid=ab"},
        {"1\nenergy=-2 free_energy=-3 virial=\"1 2 3 4 5 6\" a=1\nCu 1 2 3\n",
         "1\nProperties=species:S:1:pos:R:3 pbc=\"F F F\" energy=-2.0 a=1\nCu 1 2 3\n", ALL, NULL},
        {"1\nenergy=-2 free_energy=-3 virial=\"1 2 3 4 5 6\"\nCu 1 2 3\n",
         "1\nProperties=species:S:1:pos:R:3 pbc=\"F F F\" free_energy=-3.0 "
         "virial=\"1.0 6.0 5.0 6.0 2.0 4.0 5.0 4.0 3.0\"\nCu 1 2 3\n",
         0, NULL},
        {"1\nProperties=species:S:1:pos:R:3:mass:R:1:vel:R:3:move_mask:L:3:q:I:2\n"
         "Cu 1 2 3 2 0 0 0 T F T 7 8\n",
         "1\nProperties=species:S:1:pos:R:3:masses:R:1:momenta:R:3:move_mask:L:3:q:I:2 "
         "pbc=\"F F F\"\nCu 1 2 3 2 0 0 0 T F T 7 8\n",
         ALL, NULL},
        {"1\nProperties=species:S:1:pos:R:3:velo:R:3:Z:I:1\nCu1 1 2 3 4 5 6 29\n",
         "1\nProperties=species:S:1:Z:I:1:pos:R:3 pbc=\"F F F\"\nCu1 29 1 2 3\n", 0, NULL},
        {"1\na=1 b=1.0 c=T d=[1] e=\"1 2\" f=[[1,2],[3,4]] g=\"x y\" h=[x,\"y z\"] i=007 j=\"\"\n"
         "Cu 1 2 3\n",
         "1\nProperties=species:S:1:pos:R:3 pbc=\"F F F\" a=1 b=1.0 c=T d=[1] e=\"1 2\" "
         "f=\"_JSON [[1, 2], [3, 4]]\" g=\"x y\" h=\"_JSON [\\\"x\\\", \\\"y z\\\"]\" i=007 "
         "j=\"\"\n"
         "Cu 1 2 3\n",
         ALL, NULL},
        {"0\na=1\n\n", "0\nProperties=species:S:1:pos:R:3 pbc=\"F F F\" a=1\n", ALL, NULL},
    };
    ath_context *ctx = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ath_system *system = read_one(ctx, rows[i].input);
        char *text = write_one(ctx, system, rows[i].what, rows[i].keys);
        assert_string_equal(text, rows[i].output);
        free(text);
        ath_system_destroy(&system);
    }
}

/* Written and read again, a system is the same, whatever its extras are. */
static void expect_same(ath_context *ctx, const ath_system *system)
{
    char *before = rig_describe(system);
    char *text = write_one(ctx, system, ALL, NULL);
    ath_system *again = read_one(ctx, text);
    rig_check(again, before, text);
    ath_system_destroy(&again);
    free(text);
    free(before);
}

/* Extras whose names mean something else are not written as that. */
static void test_reserved_names(void **state)
{
    ath_context *ctx = *state;
    const double reals[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    static const char *const names[] = {"Lattice", "PBC",    "properties",
                                        "energy",  "stress", "virial"};
    ath_system *system = read_one(ctx, "1\n\nCu 1 2 3\n");
    for (int i = 0; i < 6; i++) {
        ath_extra extra = {.name = names[i],
                           .level = ATH_LEVEL_SYSTEM,
                           .type = ATH_EXTRA_REAL,
                           .width = i == 3 ? 1 : 9,
                           .n_rows = i == 3 ? 0 : 1,
                           .values = reals};
        assert_int_equal(ath_system_set_extra(system, &extra), ATH_OK);
        extra.name = i == 0 ? "forces" : i == 1 ? "Z" : i == 2 ? "Position" : "mass";
        extra.level = ATH_LEVEL_ATOM;
        assert_int_equal(ath_system_set_extra(system, &extra), ATH_OK);
    }
    char *text = write_one(ctx, system, ALL, NULL);
    assert_string_equal(text, "1\nProperties=species:S:1:pos:R:3 pbc=\"F F F\"\nCu 1 2 3\n");
    free(text);
    text = write_one(ctx, system, 0, NULL);
    assert_string_equal(text, "1\nProperties=species:S:1:pos:R:3 pbc=\"F F F\" energy=1.0 "
                              "stress=\"1.0 2.0 3.0 4.0 5.0 6.0 7.0 8.0 9.0\" "
                              "virial=\"1.0 2.0 3.0 4.0 5.0 6.0 7.0 8.0 9.0\"\nCu 1 2 3\n");
    free(text);
    ath_system_destroy(&system);
}

/* clang-format off */
static const char *const texts[] = {
    "plain", "two words", "", "1", "1.5", "T", "1 2 3", "T F", "nan", "007", "\"", "it's", "\\",
    "a\\nb", "line\nend", "cr\rend", "tab\tend", "a=b", "{x}", "[1, 2]", "[x", "_JSON 1",
    "_JSON [1]", "_JSON {}", "_JSON \"", "caf\xc3\xa9", "\x01\x7f", ",", " lead", "trail ", "1,",
    "1e999", "-", "+", "0x1", "True", "\\\"", "a\"b'c", "=", "1\n2", "\n", "_JSON ",
    "99999999999999999999", "[[1],[2]]", "x]", "#", "$HOME", "%n%s"};
static const char *const names[] = {
    "key", "name", "id", "config_type", "my key", "k=v", "q\"q", "b[0]", "back\\slash",
    "caf\xc3\xa9", "comment", "Origin", "Time", "x:y", "a,b"};
/* clang-format on */
enum { N_TEXTS = sizeof texts / sizeof *texts, N_NAMES = sizeof names / sizeof *names };

static void test_texts_come_back(void **state)
{
    ath_context *ctx = *state;
    for (size_t i = 0; i < N_NAMES; i++) {
        for (size_t k = 0; k < N_TEXTS; k++) {
            ath_system *system = read_one(ctx, "1\n\nCu 1 2 3\n");
            const ath_extra extra = {.name = names[i],
                                     .level = ATH_LEVEL_SYSTEM,
                                     .type = ATH_EXTRA_STRING,
                                     .width = 1,
                                     .values = &texts[k]};
            assert_int_equal(ath_system_set_extra(system, &extra), ATH_OK);
            expect_same(ctx, system);
            ath_system_destroy(&system);
        }
    }
}

static void test_shapes_come_back(void **state)
{
    ath_context *ctx = *state;
    static const int64_t ints[] = {0, -1, INT64_MAX, INT64_MIN, 5, 6};
    static const double reals[] = {0.0, -1.0, 1e300, 5e-324, 123456789.0, 0.1};
    static const uint8_t bools[] = {1, 0, 0, 1, 1, 1};
    static const char *const words[] = {"a", "\"b", "c\\", "T", "1", "x"};
    static const void *const values[] = {reals, ints, bools, texts};
    static const void *const cells[] = {reals, ints, bools, words};
    static const int32_t widths[] = {1, 1, 6, 6, 6, N_TEXTS}, rows[] = {0, 1, 1, 2, 3, 1};
    ath_system *system = read_one(ctx, "1\n\nCu 1 2 3\n");
    for (int type = 0; type < 4; type++) {
        for (int shape = 0; shape < (type == ATH_EXTRA_STRING ? 6 : 5); shape++) {
            char name[32];
            snprintf(name, sizeof name, "t%d%d", type, shape);
            ath_extra extra = {.name = name,
                               .level = ATH_LEVEL_SYSTEM,
                               .type = (ath_extra_type)type,
                               .width = widths[shape],
                               .n_rows = rows[shape],
                               .values = values[type]};
            assert_int_equal(ath_system_set_extra(system, &extra), ATH_OK);
            if (shape < 5) {
                extra.level = ATH_LEVEL_ATOM;
                extra.values = cells[type];
                assert_int_equal(ath_system_set_extra(system, &extra), ATH_OK);
            }
        }
    }
    expect_same(ctx, system);
    ath_system_destroy(&system);
}

/* ---- numbers ---- */

static uint64_t next_bits(uint64_t *s) /* splitmix64 */
{
    uint64_t z = *s += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* A million doubles of random bits: as coordinates where they are allowed to be, all as an extra.
 */
static void test_all_doubles(void **state)
{
    ath_context *ctx = *state;
    enum { N = 100000, WIDTH = 7 };
    ath_system *system = NULL, *again = NULL;
    void *rows;
    uint64_t seed = 12345;
    const clock_t start = clock();
    assert_int_equal(ath_system_create(ctx, N, &system), ATH_OK);
    assert_int_equal(ath_system_field(system, ATH_FIELD_NUMBERS, &rows), ATH_OK);
    for (int i = 0; i < N; i++) {
        ((int32_t *)rows)[i] = 1 + i % 118;
    }
    assert_int_equal(ath_system_field(system, ATH_FIELD_POSITIONS, &rows), ATH_OK);
    double *x = malloc(sizeof(double) * N * WIDTH), *pos = rows;
    assert_non_null(x);
    for (size_t i = 0; i < N * WIDTH; i++) {
        do {
            const uint64_t bits = next_bits(&seed);
            memcpy(&x[i], &bits, sizeof bits);
        } while (!isfinite(x[i]));
    }
    for (size_t i = 0; i < 3 * N; i++) {
        pos[i] = ldexp((double)(int64_t)next_bits(&seed), -(int)(next_bits(&seed) % 80) - 44);
    }
    const ath_extra extra = {
        .name = "x", .level = ATH_LEVEL_ATOM, .type = ATH_EXTRA_REAL, .width = WIDTH, .values = x};
    assert_int_equal(ath_system_set_extra(system, &extra), ATH_OK);
    char *text = write_one(ctx, system, ALL, NULL);
    again = read_one(ctx, text);
    ath_extra found;
    assert_int_equal(ath_system_find_extra(again, ATH_LEVEL_ATOM, "x", &found), ATH_OK);
    assert_int_equal(found.width, WIDTH);
    assert_true(memcmp(found.values, x, sizeof(double) * N * WIDTH) == 0);
    assert_true(memcmp(ath_system_peek(again, ATH_FIELD_POSITIONS), pos, sizeof(double) * 3 * N) ==
                0);
    print_message("10^6 doubles written and read: %.2f s of the processor\n",
                  (double)(clock() - start) / CLOCKS_PER_SEC);
    free(text);
    free(x);
    ath_system_destroy(&again);
    ath_system_destroy(&system);
}

/* ---- files made for tests ---- */

static int64_t expect_file(ath_context *ctx, const char *path, int64_t *n_atoms)
{
    ath_extxyz_reader *reader = NULL, *second = NULL;
    ath_writer *writer = NULL;
    ath_system *system = NULL, *again = NULL;
    ath_status status;
    const char *copy = rig_path("copy.xyz");
    assert_int_equal(ath_extxyz_open(ctx, path, &reader), ATH_OK);
    assert_int_equal(ath_writer_open(ctx, copy, &writer), ATH_OK);
    *n_atoms = 0;
    while ((status = ath_extxyz_next(reader, &system)) != ATH_END) {
        if (status != ATH_OK) {
            fail_msg("%s", ath_context_message(ctx));
        }
        *n_atoms += ath_system_n_atoms(system);
        assert_int_equal(ath_extxyz_write(writer, system, ALL, NULL), ATH_OK);
        ath_system_destroy(&system);
    }
    const int64_t n = ath_extxyz_frame(reader) + 1;
    assert_int_equal(ath_writer_close(&writer), ATH_OK);
    ath_extxyz_close(&reader);

    assert_int_equal(ath_extxyz_open(ctx, path, &reader), ATH_OK);
    assert_int_equal(ath_extxyz_open(ctx, copy, &second), ATH_OK);
    while (ath_extxyz_next(reader, &system) == ATH_OK) {
        ath_uid a, b;
        assert_int_equal(ath_extxyz_next(second, &again), ATH_OK);
        char *text = rig_describe(system);
        rig_check(again, text, path);
        free(text);
        assert_int_equal(ath_system_content_hash(system, &a), ATH_OK);
        assert_int_equal(ath_system_content_hash(again, &b), ATH_OK);
        assert_true(a.lo == b.lo && a.hi == b.hi);
        ath_system_destroy(&system);
        ath_system_destroy(&again);
    }
    assert_int_equal(ath_extxyz_next(second, &again), ATH_END);
    ath_extxyz_close(&reader);
    ath_extxyz_close(&second);
    unlink(copy);
    return n;
}

static void test_reference_files(void **state)
{
    static const struct {
        const char *name;
        int64_t n_frames, n_atoms;
    } files[] = {
        {"structures/emt_1000.extxyz", 1000, 20746},
        {"structures/alloys_1000.extxyz", 1000, 16521},
        {"nep/structures/PbTe.xyz", 6, 573},
        {"nep/structures/carbon.xyz", 10, 311},
        {"nep/structures/cuoh.xyz", 4, 49},
        {"nep/structures/metals.xyz", 8, 310},
        {"nep/structures/silicon.xyz", 6, 81},
        {"nep/structures/water.xyz", 5, 138},
        {"nep/dft/PbTe_train_25x250_DFT.xyz", 25, 6250},
    };
    DIR *folder = opendir(ATH_REFERENCE_DATA "/structures");
    if (!folder) {
        print_message("no reference data in " ATH_REFERENCE_DATA "\n");
        skip();
    }
    closedir(folder);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[512];
        int64_t n_atoms;
        snprintf(path, sizeof path, "%s/%s", ATH_REFERENCE_DATA, files[i].name);
        assert_int_equal(expect_file(*state, path, &n_atoms), files[i].n_frames);
        assert_int_equal(n_atoms, files[i].n_atoms);
    }
}

/* ---- failures ---- */

typedef struct full_disk {
    int64_t room; /* bytes */
    int n_open;
} full_disk;

static int disk_open(void *user, const char *path, int flags, int mode)
{
    (void)flags, (void)mode;
    ((full_disk *)user)->n_open++;
    return strcmp(path, "full.xyz") == 0 ? 100 : -EACCES;
}

static int64_t disk_write(void *user, int fd, const void *buffer, size_t bytes)
{
    full_disk *disk = user;
    (void)fd, (void)buffer;
    if (disk->room == 0) {
        return -ENOSPC;
    }
    const int64_t n = (int64_t)bytes < disk->room ? (int64_t)bytes : disk->room;
    disk->room -= n;
    return n;
}

static int disk_close(void *user, int fd)
{
    assert_int_equal(fd, 100);
    ((full_disk *)user)->n_open--;
    return 0;
}

static void test_full_disk(void **state)
{
    (void)state;
    full_disk disk = {.room = 1500000};
    ath_context_config config = {.size = sizeof config};
    config.io = (ath_io){.size = sizeof config.io,
                         .user = &disk,
                         .open = disk_open,
                         .write = disk_write,
                         .close = disk_close};
    ath_context *ctx = NULL;
    assert_int_equal(ath_context_create(&config, &ctx), ATH_OK);
    ath_writer *writer = NULL;
    assert_true(ath_writer_open(ctx, "denied.xyz", &writer) < 0);
    assert_null(writer);
    disk.n_open = 0;
    assert_int_equal(ath_writer_open(ctx, "full.xyz", &writer), ATH_OK);
    ath_system *system = read_one(ctx, "2\nLattice=\"4 5 6\"\nCu 1 2 3\nCu 0.5 0.25 0.125\n");
    ath_status status = ATH_OK;
    int n = 0;
    while (status == ATH_OK && n < 100000) {
        status = ath_extxyz_write(writer, system, ALL, NULL);
        n++;
    }
    assert_int_equal(status, ATH_E_IO);
    assert_non_null(strstr(ath_context_message(ctx), "full.xyz"));
    disk.room = 1 << 30; /* room again: the file stays dead all the same */
    assert_int_equal(ath_extxyz_write(writer, system, ALL, NULL), ATH_E_IO);
    assert_non_null(strstr(ath_context_message(ctx), "full.xyz"));
    assert_int_equal(ath_writer_close(&writer), ATH_E_IO);
    assert_null(writer);
    assert_int_equal(disk.n_open, 0);
    ath_system_destroy(&system);

    /* a failure that only the end shows */
    disk = (full_disk){.room = 10};
    assert_int_equal(ath_writer_open(ctx, "full.xyz", &writer), ATH_OK);
    system = read_one(ctx, "1\n\nCu 1 2 3\n");
    assert_int_equal(ath_extxyz_write(writer, system, ALL, NULL), ATH_OK);
    assert_int_equal(ath_writer_close(&writer), ATH_E_IO);
    ath_system_destroy(&system);
    ath_context_destroy(&ctx);
}

static void test_arguments(void **state)
{
    ath_context *ctx = *state;
    ath_writer *writer = NULL;
    assert_int_equal(ath_writer_open(ctx, NULL, &writer), ATH_E_ARGUMENT);
    assert_int_equal(ath_writer_open(ctx, "/nowhere/at/all.xyz", &writer), ATH_E_NOT_FOUND);
    assert_null(writer);
    assert_int_equal(ath_writer_close(&writer), ATH_OK);
    assert_int_equal(ath_writer_close(NULL), ATH_OK);
    const char *path = rig_path("arguments.xyz");
    assert_int_equal(ath_writer_open(ctx, path, &writer), ATH_OK);
    ath_system *system = read_one(ctx, "1\n\nCu 1 2 3\n");
    assert_int_equal(ath_extxyz_write(writer, NULL, 0, NULL), ATH_E_ARGUMENT);
    assert_int_equal(ath_extxyz_write(NULL, system, 0, NULL), ATH_E_ARGUMENT);
    assert_int_equal(ath_extxyz_write(writer, system, 0, "a=1\nb=2"), ATH_E_ARGUMENT);
    assert_int_equal(ath_extxyz_write(writer, system, 0, "a=\"1"), ATH_E_ARGUMENT);
    const char *const word = "two words";
    ath_extra extra = {.name = "w",
                       .level = ATH_LEVEL_ATOM,
                       .type = ATH_EXTRA_STRING,
                       .width = 1,
                       .values = &word};
    ath_system *bad = NULL;
    assert_int_equal(ath_system_clone(system, &bad), ATH_OK);
    assert_int_equal(ath_system_set_extra(bad, &extra), ATH_OK);
    assert_int_equal(ath_extxyz_write(writer, bad, 0, NULL), ATH_E_ARGUMENT);
    ath_system_destroy(&bad);
    assert_int_equal(ath_system_clone(system, &bad), ATH_OK);
    extra.name = "a:b";
    assert_int_equal(ath_system_set_extra(bad, &extra), ATH_OK);
    assert_int_equal(ath_extxyz_write(writer, bad, 0, NULL), ATH_E_ARGUMENT);
    ath_system_destroy(&bad);
    /* none of that left anything in the file */
    assert_int_equal(ath_extxyz_write(writer, system, 0, NULL), ATH_OK);
    assert_int_equal(ath_writer_close(&writer), ATH_OK);
    size_t n;
    char *text = rig_get_file(path, &n);
    assert_string_equal(text, "1\nProperties=species:S:1:pos:R:3 pbc=\"F F F\"\nCu 1 2 3\n");
    free(text);
    unlink(path);
    ath_system_destroy(&system);
}

/* "-" is standard output, which stays open. */
static void test_standard_output(void **state)
{
    ath_context *ctx = *state;
    const char *path = rig_path("stdout.xyz");
    ath_writer *writer = NULL;
    ath_system *system = read_one(ctx, "1\n\nCu 1 2 3\n");
    fflush(stdout);
    const int kept = dup(STDOUT_FILENO);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_true(dup2(fileno(f), STDOUT_FILENO) >= 0);
    ath_status status = ath_writer_open(ctx, "-", &writer);
    const ath_status written = ath_extxyz_write(writer, system, 0, NULL);
    const ath_status closed = ath_writer_close(&writer);
    const ssize_t more = write(STDOUT_FILENO, "more\n", 5);
    dup2(kept, STDOUT_FILENO);
    close(kept);
    fclose(f);
    assert_int_equal(status, ATH_OK);
    assert_int_equal(written, ATH_OK);
    assert_int_equal(closed, ATH_OK);
    assert_int_equal(more, 5);
    size_t n;
    char *text = rig_get_file(path, &n);
    assert_string_equal(text, "1\nProperties=species:S:1:pos:R:3 pbc=\"F F F\"\nCu 1 2 3\nmore\n");
    free(text);
    unlink(path);
    ath_system_destroy(&system);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_reserved_names),
        cmocka_unit_test(test_texts_come_back),
        cmocka_unit_test(test_shapes_come_back),
        cmocka_unit_test(test_all_doubles),
        cmocka_unit_test(test_reference_files),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_standard_output),
    };
    return cmocka_run_group_tests(tests, rig_set_up, rig_tear_down);
}
