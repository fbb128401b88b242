/* Extended XYZ from arbitrary bytes. Beyond not crashing: memory stays within what the input
 * justifies, nothing leaks, passing over finds the same borders as reading, and every structure
 * that is accepted can be written and is the same when it is read again.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>

#include <athanor/extxyz.h>

#include "fuzz/target.h"

enum { MAX_KEPT = 32, WHAT = ATH_EXTXYZ_VELOCITIES | ATH_EXTXYZ_FORCES | ATH_EXTXYZ_FIXED };

/* ---- a file in memory ---- */

typedef struct fuzz_file {
    char *text;
    size_t n;
} fuzz_file;

static int fuzz_open(void *user, const char *path, int flags, int mode)
{
    (void)user, (void)path, (void)flags, (void)mode;
    return 9;
}

static int64_t fuzz_write(void *user, int fd, const void *buffer, size_t bytes)
{
    fuzz_file *file = user;
    (void)fd;
    file->text = realloc(file->text, file->n + bytes + 1);
    REQUIRE(file->text);
    memcpy(file->text + file->n, buffer, bytes);
    file->n += bytes;
    return (int64_t)bytes;
}

static int fuzz_close(void *user, int fd)
{
    (void)user, (void)fd;
    return 0;
}

/* ---- are two systems the same? ---- */

static void fuzz_same_field(const ath_system *a, const ath_system *b, ath_field field, double slack)
{
    const ath_field_info *info = ath_field_describe(NULL, field);
    const void *x = ath_system_peek(a, field), *y = ath_system_peek(b, field);
    const size_t n =
        (size_t)info->width * (info->level == ATH_LEVEL_ATOM ? (size_t)ath_system_n_atoms(a) : 1);
    REQUIRE(!x == !y || n == 0);
    if (!x || n == 0) {
        return;
    }
    if (slack == 0.0) {
        REQUIRE(memcmp(x, y, n * (size_t)ath_dtype_bytes(info->dtype)) == 0);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const double u = ((const double *)x)[i], v = ((const double *)y)[i];
        REQUIRE(isfinite(u) && isfinite(v) && fabs(u - v) <= slack * fabs(u) + 1e-300);
    }
}

static bool fuzz_has_cell(const ath_system *system)
{
    const double *cell = ath_system_peek(system, ATH_FIELD_CELL);
    for (int i = 0; cell && i < 9; i++) {
        if (cell[i] != 0.0) {
            return true;
        }
    }
    return false;
}

/* What the writer leaves out beside results. */
static bool fuzz_left_out(const ath_extra *extra)
{
    return extra->level == ATH_LEVEL_SYSTEM &&
           (strcmp(extra->name, "free_energy") == 0 || strcmp(extra->name, "virial") == 0);
}

static void fuzz_same_values(const ath_extra *a, const ath_extra *b, size_t n)
{
    static const size_t bytes[] = {[ATH_EXTRA_REAL] = 8, [ATH_EXTRA_INT] = 8, [ATH_EXTRA_BOOL] = 1};
    for (size_t i = 0; i < n && a->type == ATH_EXTRA_STRING; i++) {
        const char *const *x = a->values, *const *y = b->values;
        REQUIRE(strcmp(x[i], y[i]) == 0);
    }
    if (n > 0 && a->type != ATH_EXTRA_STRING) {
        REQUIRE(memcmp(a->values, b->values, n * bytes[a->type]) == 0);
    }
}

/* Extras of one level, in order. */
static void fuzz_same_extras(const ath_system *a, const ath_system *b, ath_level level)
{
    int32_t i = 0, k = 0;
    const size_t rows = level == ATH_LEVEL_ATOM ? (size_t)ath_system_n_atoms(a) : 1;
    for (;;) {
        ath_extra x = {0}, y = {0};
        while (ath_system_extra(a, i, &x) == ATH_OK && (x.level != level || fuzz_left_out(&x))) {
            i++;
        }
        while (ath_system_extra(b, k, &y) == ATH_OK && y.level != level) {
            k++;
        }
        REQUIRE((i < ath_system_n_extras(a)) == (k < ath_system_n_extras(b)));
        if (i >= ath_system_n_extras(a)) {
            return;
        }
        REQUIRE(strcmp(x.name, y.name) == 0);
        REQUIRE(x.type == y.type && x.width == y.width && x.n_rows == y.n_rows);
        fuzz_same_values(&x, &y, rows * (size_t)x.width);
        i++, k++;
    }
}

static void fuzz_same(const ath_system *a, const ath_system *b)
{
    REQUIRE(ath_system_n_atoms(a) == ath_system_n_atoms(b));
    fuzz_same_field(a, b, ATH_FIELD_NUMBERS, 0.0);
    fuzz_same_field(a, b, ATH_FIELD_POSITIONS, 0.0);
    fuzz_same_field(a, b, ATH_FIELD_PBC, 0.0);
    fuzz_same_field(a, b, ATH_FIELD_MASSES, 0.0);
    fuzz_same_field(a, b, ATH_FIELD_FORCES, 0.0);
    fuzz_same_field(a, b, ATH_FIELD_FIXED, 0.0);
    fuzz_same_field(a, b, ATH_FIELD_ENERGY, 0.0);
    fuzz_same_field(a, b, ATH_FIELD_VELOCITIES, 5e-16);
    if (fuzz_has_cell(a)) {
        fuzz_same_field(a, b, ATH_FIELD_CELL, 0.0);
        fuzz_same_field(a, b, ATH_FIELD_STRESS, 0.0);
    } else {
        REQUIRE(!fuzz_has_cell(b));
    }
    fuzz_same_extras(a, b, ATH_LEVEL_SYSTEM);
    fuzz_same_extras(a, b, ATH_LEVEL_ATOM);
}

/* ---- the target ---- */

/* Reads all frames; the first MAX_KEPT good ones are kept. Number of frames, good and bad. */
static int64_t fuzz_read(ath_context *ctx, const char *text, size_t n, ath_system **kept,
                         int *n_kept)
{
    ath_extxyz_reader *reader = NULL;
    ath_status status;
    REQUIRE(ath_extxyz_open_memory(ctx, "x", text, n, &reader) == ATH_OK);
    int64_t n_frames = 0;
    do {
        ath_system *system = NULL;
        status = ath_extxyz_next(reader, &system);
        REQUIRE(status == ATH_OK || status == ATH_END || status == ATH_E_FORMAT);
        REQUIRE((status == ATH_OK) == (system != NULL));
        REQUIRE(status != ATH_E_FORMAT || strncmp(ath_context_message(ctx), "x:", 2) == 0);
        n_frames += status != ATH_END;
        REQUIRE(ath_extxyz_frame(reader) == n_frames - 1);
        if (system && *n_kept < MAX_KEPT) {
            kept[(*n_kept)++] = system;
        } else {
            ath_system_destroy(&system);
        }
    } while (status != ATH_END);
    ath_extxyz_close(&reader);
    return n_frames;
}

static void fuzz_skip(ath_context *ctx, const char *text, size_t n, int64_t n_frames)
{
    ath_extxyz_reader *reader = NULL;
    ath_status status;
    REQUIRE(ath_extxyz_open_memory(ctx, "x", text, n, &reader) == ATH_OK);
    do {
        status = ath_extxyz_skip(reader);
        REQUIRE(status == ATH_OK || status == ATH_END || status == ATH_E_FORMAT);
    } while (status != ATH_END);
    REQUIRE(ath_extxyz_frame(reader) == n_frames - 1);
    ath_extxyz_close(&reader);
}

static void fuzz_again(ath_context *ctx, fuzz_file *file, ath_system **kept, int n_kept)
{
    ath_writer *writer = NULL;
    ath_system *again[MAX_KEPT] = {0};
    int n_again = 0;
    REQUIRE(ath_writer_open(ctx, "x", &writer) == ATH_OK);
    for (int i = 0; i < n_kept; i++) {
        REQUIRE(ath_extxyz_write(writer, kept[i], WHAT, NULL) == ATH_OK);
    }
    REQUIRE(ath_writer_close(&writer) == ATH_OK);
    REQUIRE(fuzz_read(ctx, file->text, file->n, again, &n_again) == n_kept);
    REQUIRE(n_again == n_kept);
    for (int i = 0; i < n_kept; i++) {
        fuzz_same(kept[i], again[i]);
        ath_system_destroy(&again[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    failing memory = {0};
    fuzz_file file = {0};
    ath_context_config config = failing_config(&memory);
    ath_context *ctx = NULL;
    ath_system *kept[MAX_KEPT] = {0};
    int n_kept = 0;
    config.io = (ath_io){.size = sizeof config.io,
                         .user = &file,
                         .open = fuzz_open,
                         .write = fuzz_write,
                         .close = fuzz_close};
    REQUIRE(ath_context_create(&config, &ctx) == ATH_OK);
    const int64_t n_frames = fuzz_read(ctx, (const char *)data, size, kept, &n_kept);
    const size_t limit = 4 * size + ((size_t)16 << 20) + 512 * (size_t)n_frames;
    REQUIRE(memory.peak_bytes <= limit + (size_t)MAX_KEPT * 2048);
    fuzz_skip(ctx, (const char *)data, size, n_frames);
    fuzz_again(ctx, &file, kept, n_kept);
    for (int i = 0; i < n_kept; i++) {
        ath_system_destroy(&kept[i]);
    }
    ath_context_destroy(&ctx);
    REQUIRE(memory.n_blocks == 0 && memory.n_wrong == 0);
    free(file.text);
    return 0;
}
