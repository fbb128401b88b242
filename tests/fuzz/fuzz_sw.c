/* Parameter files of the model "sw" from arbitrary bytes, with all of their elements, with chosen
 * ones, and as a whole model through an i/o table. Beyond not crashing: nothing leaks, memory does
 * not grow with what the file claims, a refusal names the file, what is accepted can be computed
 * with, and is the same when it is written and read again.
 */
#include <math.h>
#include <stdbool.h>

#include <athanor/model.h>
#include <athanor/system.h>

#include "base/base.h"
#include "fuzz/target.h"
#include "models/sw.h"

static ath__sw_table fuzz_table[2];
static ath__sw_params fuzz_params[2];

/* ---- a file in memory ---- */

typedef struct fuzz_file {
    const uint8_t *data;
    size_t left;
} fuzz_file;

static int fuzz_open(void *user, const char *path, int flags, int mode)
{
    (void)user, (void)path, (void)flags, (void)mode;
    return 9;
}

/* Not all at once. */
static int64_t fuzz_read(void *user, int fd, void *buffer, size_t bytes)
{
    fuzz_file *file = user;
    (void)fd;
    size_t n = bytes < file->left ? bytes : file->left;
    n = n > 100 ? n / 2 : n;
    if (n > 0) {
        memcpy(buffer, file->data, n);
    }
    file->data += n;
    file->left -= n;
    return (int64_t)n;
}

static int fuzz_close(void *user, int fd)
{
    (void)user, (void)fd;
    return 0;
}

/* ---- what is accepted ---- */

static void fuzz_finite(const ath__sw_params *p)
{
    REQUIRE(p->n_kinds >= 1 && p->n_kinds <= ATH__SW_KINDS);
    REQUIRE(p->cutoff > 0.0 && p->cutoff <= 1000.0);
    for (int32_t k = 0; k < p->n_kinds * p->n_kinds; k++) {
        REQUIRE(p->cutoff2[k] >= 0.0 && p->cutoff2[k] <= 1e6 && p->nearest[k] < 0.0);
        REQUIRE(isfinite(p->range[k]) && isfinite(p->sigma[k]) && isfinite(p->decay[k]));
        REQUIRE(isfinite(p->depth[k]) && isfinite(p->b[k]) && isfinite(p->same[k]));
    }
    for (int32_t k = 0; k < p->n_kinds * p->n_kinds * p->n_kinds; k++) {
        REQUIRE(isfinite(p->angle0[k]) && isfinite(p->angle1[k]) && isfinite(p->angle2[k]));
    }
}

static void fuzz_write(ath_context *ctx, const ath__sw_table *t, ath__bytes *out)
{
    for (int32_t ijk = 0; ijk < t->n_kinds * t->n_kinds * t->n_kinds; ijk++) {
        const int32_t i = ijk / (t->n_kinds * t->n_kinds), j = ijk / t->n_kinds % t->n_kinds,
                      k = ijk % t->n_kinds;
        const ath__sw_angle *a = &t->angle[ath__sw_at(i, j, k)];
        const double v[11] = {a->epsilon, a->sigma, a->a, a->lambda, a->gamma, a->c0,
                              a->A,       a->B,     a->p, a->q,      a->tol};
        REQUIRE(ath__bytes_print(ctx, out, "%s %s %s", ath_element_symbol(t->number[i]),
                                 ath_element_symbol(t->number[j]),
                                 ath_element_symbol(t->number[k])) == ATH_OK);
        for (int n = 0; n < 11; n++) {
            char number[32];
            ath__format_double(v[n], number);
            REQUIRE(ath__bytes_print(ctx, out, " %s", number) == ATH_OK);
        }
        REQUIRE(ath__bytes_print(ctx, out, "\n") == ATH_OK);
    }
}

static void fuzz_parse(ath_context *ctx, const uint8_t *data, size_t size, const char *elements)
{
    ath_status status =
        ath__sw_parse(ctx, "file", (const char *)data, size, elements, &fuzz_table[0]);
    if (status == ATH_OK) {
        status = ath__sw_prepare(ctx, "file", &fuzz_table[0], &fuzz_params[0]);
    }
    if (status != ATH_OK) {
        REQUIRE(status == ATH_E_FORMAT && strncmp(ath_context_message(ctx), "file:", 5) == 0);
        return;
    }
    fuzz_finite(&fuzz_params[0]);
    ath__bytes text = {0};
    fuzz_write(ctx, &fuzz_table[0], &text);
    status = ath__sw_parse(ctx, "again", (const char *)text.data, text.size, "", &fuzz_table[1]);
    REQUIRE(status == ATH_OK);
    REQUIRE(ath__sw_prepare(ctx, "again", &fuzz_table[1], &fuzz_params[1]) == ATH_OK);
    /* kinds may be numbered otherwise where they were chosen */
    REQUIRE(elements[0] || memcmp(&fuzz_params[0], &fuzz_params[1], sizeof fuzz_params[0]) == 0);
    ath__bytes_free(ctx, &text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    failing memory = {0};
    fuzz_file file = {data, size};
    ath_context_config config = failing_config(&memory);
    ath_context *ctx = NULL;
    ath_model *model = NULL;
    config.io = (ath_io){.size = sizeof config.io,
                         .user = &file,
                         .open = fuzz_open,
                         .read = fuzz_read,
                         .close = fuzz_close};
    REQUIRE(ath_context_create(&config, &ctx) == ATH_OK);
    fuzz_parse(ctx, data, size, "");
    fuzz_parse(ctx, data, size, "Ge;O:mW");
    memory.peak_bytes = 0;
    const ath_status status = ath_model_create(ctx, "sw:file=file,elements=Si", &model);
    REQUIRE(status == ATH_OK || status == ATH_E_FORMAT);
    REQUIRE(memory.peak_bytes <= 4 * size + ((size_t)16 << 20));
    ath_model_destroy(&model);
    ath_context_destroy(&ctx);
    REQUIRE(memory.n_blocks == 0 && memory.n_wrong == 0);
    return 0;
}
