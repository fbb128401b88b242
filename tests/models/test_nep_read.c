/* The reader of NEP files: every part of the header, every kind of malformed line, counts that are
 * off by one, models of other kinds, memory that runs out, and a file of 89 elements.
 */
#include "test_nep_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "base/sizes.h"
#include "models/nep.h"

#define OWN ATH_SOURCE_DIR "/tests/data/nep/"

/* The least file: one element, D = 2, H = 1: 4 + 1 + 2 parameters, 2 scalers. */
static const char least_head[] =
    "nep4 1 Cu\ncutoff 5 4\nn_max 0 0\nbasis_size 0 0\nl_max 1\nANN 1 0\n";
static const char least_numbers[] = "0.5\n-1e-1\n+.25\n3.\n-2\n1\n2\n3.5e+00\n4\n";

typedef struct reading {
    ath_context *ctx;
    ath__nep_file file;
    ath_status status;
} reading;

static void read_text(reading *r, const char *text, size_t n)
{
    r->status = ath__nep_parse(r->ctx, "x.txt", text, n, &r->file);
    assert_true(r->status == ATH_OK || r->file.values == NULL);
}

static int read_open(void **state)
{
    static reading r;
    *state = &r;
    return ath_context_create(NULL, &r.ctx) == ATH_OK ? 0 : -1;
}

static int read_close(void **state)
{
    ath_context_destroy(&((reading *)*state)->ctx);
    return 0;
}

/* The text must be refused with this status, and a message that contains `say`. */
static void refuse(reading *r, const char *text, ath_status status, const char *say)
{
    read_text(r, text, strlen(text));
    if (r->status != status || !strstr(ath_context_message(r->ctx), say)) {
        const char *message = r->status < 0 ? ath_context_message(r->ctx) : "";
        const ath_status got = r->status;
        ath__nep_free(r->ctx, &r->file);
        fail_msg("'%.60s...': status %d '%s', expected %d '%s'", text, (int)got, message,
                 (int)status, say);
    }
}

/* ---- good files ---- */

static void read_least(void **state)
{
    reading *r = *state;
    static const double expected[9] = {0.5, -0.1, 0.25, 3, -2, 1, 2, 3.5, 4};
    static const char *const tails[] = {"", "\n", "\n\n \t\r\n", "   "};
    for (size_t k = 0; k < sizeof tails / sizeof *tails; k++) {
        char text[1024];
        snprintf(text, sizeof text, "%s%s%s", least_head, least_numbers, tails[k]);
        read_text(r, text, strlen(text));
        assert_int_equal(r->status, ATH_OK);
        const ath__nep_file *f = &r->file;
        assert_true(f->version == 4 && f->n_types == 1 && f->numbers[0] == 29);
        assert_true(f->cutoff[0][0] == 5.0 && f->cutoff[1][0] == 4.0);
        assert_true(f->dimension == 2 && f->neurons == 1 && f->l_max == 1 && f->l_top == 1);
        assert_true(f->n_parameters == 7 && f->n_values == 9 && f->zbl == ATH__NEP_NO_ZBL);
        assert_memory_equal(f->values, expected, sizeof expected);
        assert_true(ath__nep_c(f, 0, 0, 0, 0, 0) == 1.0 && ath__nep_c(f, 1, 0, 0, 0, 0) == 2.0);
        assert_true(ath__nep_bias(f) == -2.0 && ath__nep_scalers(f)[1] == 4.0);
        ath__nep_free(r->ctx, &r->file);
    }
}

/* A file with carriage returns and one whose last line does not end. */
static void read_line_ends(void **state)
{
    reading *r = *state;
    char text[1024];
    size_t n = 0;
    for (const char *part = least_head; *part; part++) {
        if (*part == '\n') {
            text[n++] = '\r';
        }
        text[n++] = *part;
    }
    memcpy(text + n, least_numbers, sizeof least_numbers - 2);
    n += sizeof least_numbers - 2;
    read_text(r, text, n);
    assert_int_equal(r->status, ATH_OK);
    assert_true(r->file.values[8] == 4.0);
    ath__nep_free(r->ctx, &r->file);
}

/* What the header says: cutoffs in three forms, switches in two, four kinds of ZBL. */
static void read_header(void **state)
{
    reading *r = *state;
    static const struct {
        const char *zbl, *cutoff, *l_max;
        int64_t zeros;
        double radial1, angular1;
        int32_t kind, blocks, top;
    } cases[] = {
        /* D + 2 = 3 + blocks; 2 types: 2 (D + 2) + 1 + 8 parameters, D scalers */
        {"", "5 4", "4 2 1", 2 * 9 + 9 + 7, 5, 4, 0, 6, 4},
        {"", "5 4 100 50", "4 1 1", 2 * 9 + 9 + 7, 5, 4, 0, 6, 4},
        {"", "6 5 4 3 100 50", "4 0 0", 2 * 7 + 9 + 5, 4, 3, 0, 4, 4},
        {"", "5 4", "1 0 0 0 0 0 1", 2 * 5 + 9 + 3, 5, 4, 0, 2, 4},
        {"", "5 4", "0", 2 * 3 + 9 + 1, 5, 4, 0, 0, 0},
        {"", "5 4", "2 2 1 1 1 1 1", 2 * 11 + 9 + 9, 5, 4, 0, 8, 4},
        {"zbl 1 2\n", "5 4", "8", 2 * 11 + 9 + 9, 5, 4, ATH__NEP_UNIVERSAL, 8, 8},
        {"zbl 1 2 0.6\n", "5 4", "4", 2 * 7 + 9 + 5, 5, 4, ATH__NEP_TYPEWISE, 4, 4},
        {"zbl 0 0\n", "5 4", "4", 2 * 7 + 9 + 5 + 30, 5, 4, ATH__NEP_FLEXIBLE, 4, 4},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        char text[4096];
        int n =
            snprintf(text, sizeof text,
                     "nep4%s 2 O Cu \n%scutoff %s\nn_max 0 0\nbasis_size 0 0\nl_max %s\nANN 1 "
                     "0\n",
                     *cases[k].zbl ? "_zbl" : "", cases[k].zbl, cases[k].cutoff, cases[k].l_max);
        for (int64_t z = 0; z < cases[k].zeros; z++) {
            n += snprintf(text + n, sizeof text - (size_t)n, "%d\n", (int)z);
        }
        read_text(r, text, (size_t)n);
        if (r->status != ATH_OK) {
            fail_msg("case %d: %s", (int)k, ath_context_message(r->ctx));
        }
        const ath__nep_file *f = &r->file;
        assert_true(f->cutoff[0][1] == cases[k].radial1 && f->cutoff[1][1] == cases[k].angular1);
        assert_true(f->zbl == cases[k].kind && f->n_blocks == cases[k].blocks);
        assert_int_equal(f->l_top, cases[k].top);
        if (f->zbl == ATH__NEP_FLEXIBLE) {
            assert_true(ath__nep_pair(f, 1, 0)[9] == (double)cases[k].zeros - 11);
            assert_true(ath__nep_pair(f, 1, 1)[9] == (double)cases[k].zeros - 1);
        }
        ath__nep_free(r->ctx, &r->file);
    }
}

/* ---- bad files ---- */

static void read_tags(void **state)
{
    reading *r = *state;
    static const struct {
        const char *tag;
        ath_status status;
        const char *say;
    } cases[] = {
        {"nep", ATH_E_UNSUPPORTED, "only NEP3, NEP4 and NEP5"},
        {"nep2", ATH_E_UNSUPPORTED, "only NEP3, NEP4 and NEP5"},
        {"nep6", ATH_E_UNSUPPORTED, "only NEP3, NEP4 and NEP5"},
        {"nep44", ATH_E_UNSUPPORTED, "only NEP3, NEP4 and NEP5"},
        {"nep4_charge1", ATH_E_UNSUPPORTED, "x.txt:1:6: 'nep4_charge1' is a model with charges"},
        {"nep4_zbl_charge2", ATH_E_UNSUPPORTED, "x.txt:1:10: 'nep4_zbl_charge2' is a model with"},
        {"nep4_charge_vdw", ATH_E_UNSUPPORTED, "charges"},
        {"nep4_vdw", ATH_E_UNSUPPORTED, "dispersion"},
        {"nep4_dipole", ATH_E_UNSUPPORTED, "dipoles"},
        {"nep4_polarizability", ATH_E_UNSUPPORTED, "polarizabilities"},
        {"nep3_temperature", ATH_E_UNSUPPORTED, "temperature"},
        {"nep4_zbl_zbl", ATH_E_UNSUPPORTED, "unknown variant"},
        {"nep4_", ATH_E_UNSUPPORTED, "unknown variant"},
        {"nep4_zbl2", ATH_E_UNSUPPORTED, "unknown variant"},
        {"nepx", ATH_E_FORMAT, "begins no NEP file"},
        {"NEP4", ATH_E_FORMAT, "begins no NEP file"},
        {"ne", ATH_E_FORMAT, "begins no NEP file"},
        {"nepal", ATH_E_FORMAT, "begins no NEP file"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        char text[256];
        snprintf(text, sizeof text, "%s 1 Cu\n", cases[k].tag);
        refuse(r, text, cases[k].status, cases[k].say);
    }
}

/* The least file with one line of its header replaced; `line` from 1. */
static void with_line(char *text, size_t bytes, int line, const char *other)
{
    size_t n = 0;
    const char *at = least_head;
    for (int k = 1; *at; k++) {
        const size_t length = strcspn(at, "\n");
        n += (size_t)snprintf(text + n, bytes - n, "%.*s\n", k == line ? 4000 : (int)length,
                              k == line ? other : at);
        at += length + 1;
    }
    snprintf(text + n, bytes - n, "%s", least_numbers);
}

static void read_bad_headers(void **state)
{
    reading *r = *state;
    static const struct {
        int line;
        const char *other, *say;
    } cases[] = {
        {1, "", "x.txt:1: empty line"},
        {1, "nep4", "number of types is missing"},
        {1, "nep4 x Cu", "x.txt:1:6: 'x' is not a whole number"},
        {1, "nep4 0", "x.txt:1:6: '0' is not in 1 ... 118"},
        {1, "nep4 119 Cu", "is not in 1 ... 118"},
        {1, "nep4 99999999999999999999 Cu", "x.txt:1:6:"},
        {1, "nep4 2 Cu", "1 symbols for 2 types"},
        {1, "nep4 1 Cu O", "2 symbols for 1 types"},
        {1, "nep4 1 Xx", "x.txt:1:8: 'Xx' is not an element"},
        {1, "nep4 1 X", "'X' is not an element"},
        {1, "nep4 1 Copper", "'Copper' is not an element"},
        {1, "nep4 2 Cu Cu", "x.txt:1:11: Cu is named twice"},
        {2, "", "x.txt:2: empty line; 'cutoff' was expected"},
        {2, "zbl 1 2", "x.txt:2:1: 'zbl'; 'cutoff' was expected"},
        {2, "cutof 5 4", "'cutoff' was expected"},
        {2, "cutoff", "0 values of 'cutoff'"},
        {2, "cutoff 5", "1 values of 'cutoff'"},
        {2, "cutoff 5 4 3", "3 values of 'cutoff'; 2, 4 or 4 were expected"},
        {2, "cutoff 5 4 3 2 1", "5 values of 'cutoff'"},
        {2, "cutoff 5 x", "x.txt:2:10: 'x' is not a number"},
        {2, "cutoff 5 0", "a cutoff lies in (0, 100]"},
        {2, "cutoff -5 4", "a cutoff lies in (0, 100]"},
        {2, "cutoff 101 4", "a cutoff lies in (0, 100]"},
        {2, "cutoff inf 4", "'inf' is not a number"},
        {2, "cutoff nan 4", "'nan' is not a number"},
        {2, "cutoff 0x5 4", "'0x5' is not a number"},
        {2, "cutoff 1e999 4", "x.txt:2:8: '1e999' is too large"},
        {2, "cutoff 5 4 3 x", "x.txt:2:14: 'x' is not a number"},
        {3, "n_max 0", "x.txt:3: 1 values of 'n_max'; 2 were expected"},
        {3, "n_max 0 0 0", "3 values of 'n_max'"},
        {3, "n_max -1 0", "'-1' is not in 0 ... 31"},
        {3, "n_max 0 32", "'32' is not in 0 ... 31"},
        {3, "n_max 0 1.5", "x.txt:3:9: '1.5' is not a whole number"},
        {4, "l_max 1", "x.txt:4:1: 'l_max'; 'basis_size' was expected"},
        {4, "basis_size 0 99", "'99' is not in 0 ... 31"},
        {5, "l_max", "0 values of 'l_max'; 1 to 7 were expected"},
        {5, "l_max 9", "'9' is not in 0 ... 8"},
        {5, "l_max 4 2 1 1 1 1 1 1", "8 values of 'l_max'"},
        {5, "l_max 4 -2", "x.txt:5:9: '-2' is not in 0 ... 9"},
        {6, "ANN 0 0", "'0' is not in 1 ... 1024"},
        {6, "ANN 1", "1 values of 'ANN'"},
        {6, "ANN 1025 0", "'1025' is not in 1 ... 1024"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        char text[8192];
        with_line(text, sizeof text, cases[k].line, cases[k].other);
        refuse(r, text, ATH_E_FORMAT, cases[k].say);
    }
    char text[8192];
    with_line(text, sizeof text, 6, "ANN 10 10");
    refuse(r, text, ATH_E_UNSUPPORTED, "x.txt:6:8: a second hidden layer");
}

static void read_bad_zbl(void **state)
{
    reading *r = *state;
    static const struct {
        const char *line, *say;
        ath_status status;
    } cases[] = {
        {"zbl", "0 values of 'zbl'; 2 to 3 were expected", ATH_E_FORMAT},
        {"zbl 1 2 3 4", "4 values of 'zbl'", ATH_E_FORMAT},
        {"zbl 2 1", "the inner cutoff of ZBL", ATH_E_FORMAT},
        {"zbl 1 1", "the inner cutoff of ZBL", ATH_E_FORMAT},
        {"zbl -1 1", "the inner cutoff of ZBL", ATH_E_FORMAT},
        {"zbl 1 200", "the inner cutoff of ZBL", ATH_E_FORMAT},
        {"zbl 1 2 0", "x.txt:2:9: a factor", ATH_E_FORMAT},
        {"zbl 1 2 -0.5", "a factor", ATH_E_FORMAT},
        {"zbl 1 y", "x.txt:2:7: 'y' is not a number", ATH_E_FORMAT},
        {"zbl 1 2 0.6", "no radius for Am", ATH_E_UNSUPPORTED},
        {"cutoff 5 4", "'cutoff'; 'zbl' was expected", ATH_E_FORMAT},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        char text[512];
        snprintf(text, sizeof text, "nep4_zbl 1 Am\n%s\ncutoff 5 4\n", cases[k].line);
        refuse(r, text, cases[k].status, cases[k].say);
    }
}

static void read_bad_numbers(void **state)
{
    reading *r = *state;
    static const struct {
        const char *numbers, *say;
    } cases[] = {
        {"1\n2\n3\n4\n5\n6\n7\n8\n", "x.txt:14: 8 numbers follow the header; 9 were expected: 7 "
                                     "parameters, 2 scalers, 0 of ZBL"},
        {"1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n", "10 numbers follow the header; 9 were expected"},
        {"", "0 numbers follow the header"},
        {"1\n2\n3\n4\n5\n6\n7\n8\n9\n\n10\n", "11 numbers follow the header"},
        {"1\n2\n3\n4 5\n5\n6\n7\n8\n9\n", "x.txt:10:3: 2 words; one number was expected"},
        {"1\n2\n\n4\n5\n6\n7\n8\n9\n", "x.txt:9: 0 words; one number was expected"},
        {"1\n2\n3\nx\n5\n6\n7\n8\n9\n", "x.txt:10:1: 'x' is not a number"},
        {"1\n2\n3\n4\n  5,5\n6\n7\n8\n9\n", "x.txt:11:3: '5,5' is not a number"},
        {"1\n2\n3\n4\n5\n6\n7\n8\nnan\n", "x.txt:15:1: 'nan' is not a number"},
        {"1\n2\n3\n4\n5\n6\n7\n8\n-inf\n", "'-inf' is not a number"},
        {"1\n2\n3\n4\n5\n6\n7\n8\n0x1p3\n", "'0x1p3' is not a number"},
        {"1\n2\n3\n4\n5\n6\n7\n8\n1e400\n", "'1e400' is too large"},
        {"1\n2\n3\n4\n5\n6\n7\n8\n1e\n", "'1e' is not a number"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        char text[512];
        snprintf(text, sizeof text, "%s%s", least_head, cases[k].numbers);
        refuse(r, text, ATH_E_FORMAT, cases[k].say);
    }
    /* a NUL is a character like others */
    static const char with_nul[] = "nep4 1 C\0u\n";
    read_text(r, with_nul, sizeof with_nul - 1);
    assert_int_equal(r->status, ATH_E_FORMAT);
}

/* A file that ends anywhere is refused, without reading beyond its end. */
static void read_cut_short(void **state)
{
    reading *r = *state;
    char *text = rig_read(OWN "typewise_nep5.txt");
    const size_t n = strlen(text);
    for (size_t cut = 0; cut < n - 1; cut = cut < 200 ? cut + 1 : cut + 61) {
        char *exact = malloc(cut + 1); /* for sanitizers */
        assert_non_null(exact);
        memcpy(exact, text, cut);
        read_text(r, exact, cut);
        if (r->status == ATH_OK) { /* the last number is shorter, but all are there */
            assert_true(cut > n - 16);
            ath__nep_free(r->ctx, &r->file);
        } else {
            assert_int_equal(r->status,
                             cut >= 3 && cut < 8 && cut != 4 ? ATH_E_UNSUPPORTED : ATH_E_FORMAT);
        }
        free(exact);
    }
    free(text);
}

/* One line less, one line more, in each of our own files. */
static void read_count(void **state)
{
    reading *r = *state;
    static const char *const names[] = {"typewise_nep5", "all_nep5",  "typewise_nep4", "twin_nep4",
                                        "flexible_nep3", "wide_nep4", "top_nep4"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        char path[1024];
        snprintf(path, sizeof path, OWN "%s.txt", names[k]);
        char *text = rig_read(path);
        const size_t n = strlen(text);
        char *longer = malloc(n + 8);
        assert_non_null(longer);
        snprintf(longer, n + 8, "%s1.0\n", text);
        refuse(r, longer, ATH_E_FORMAT, "numbers follow the header");
        read_text(r, text, n);
        assert_int_equal(r->status, ATH_OK);
        ath__nep_free(r->ctx, &r->file);
        *strrchr(text, '\n') = '\0';
        *(strrchr(text, '\n') + 1) = '\0';
        refuse(r, text, ATH_E_FORMAT, "numbers follow the header");
        free(longer);
        free(text);
    }
}

/* ---- sizes ---- */

/* Whole numbers as a header may hold them; the last is above 64 bits. */
static void size_text(int v, char out[32])
{
    if (v < SIZES_VALUES) {
        snprintf(out, 32, "%llu", (unsigned long long)sizes_values[v]);
    } else if (v < 2 * SIZES_VALUES) {
        snprintf(out, 32, "%lld", (long long)(0 - sizes_values[v - SIZES_VALUES]));
    } else {
        snprintf(out, 32, "18446744073709551616");
    }
}

/* Every count of the header at the borders of 32 and 64 bits: what is not the count that the file
 * was made for is refused, and no memory is asked for on the strength of it. */
static void read_sizes(void **state)
{
    (void)state;
    static const struct {
        int line;
        const char *format, *is; /* the value that the numbers fit; NULL: any, a hint */
    } places[] = {
        {1, "nep4 %s Cu", "1"},         {2, "cutoff 5 4 %s 1", NULL}, {2, "cutoff 5 4 1 %s", NULL},
        {3, "n_max %s 0", "0"},         {3, "n_max 0 %s", "0"},       {4, "basis_size %s 0", "0"},
        {4, "basis_size 0 %s", "0"},    {5, "l_max %s", "1"},         {5, "l_max 1 %s", "0"},
        {5, "l_max 1 0 0 0 0 %s", "0"}, {6, "ANN %s 0", "1"},         {6, "ANN 1 %s", "0"},
    };
    for (size_t k = 0; k < sizeof places / sizeof *places; k++) {
        for (int v = 0; v <= 2 * SIZES_VALUES; v++) {
            char value[32], line[64], text[1024];
            size_text(v, value);
            snprintf(line, sizeof line, places[k].format, value);
            with_line(text, sizeof text, places[k].line, line);
            sizes_memory watch;
            const ath_context_config config = sizes_config(&watch, strlen(text));
            reading r = {0};
            assert_int_equal(ath_context_create(&config, &r.ctx), ATH_OK);
            read_text(&r, text, strlen(text));
            const char *is = places[k].is;
            const bool fits = is && (!strcmp(value, is) || (is[0] == '0' && !strcmp(value, "-0")));
            if (watch.n_over > 0 || (fits && r.status != ATH_OK) ||
                (is && !fits && r.status != ATH_E_FORMAT && r.status != ATH_E_UNSUPPORTED)) {
                fail_msg("'%s': status %d, largest request %zu bytes", line, (int)r.status,
                         watch.largest);
            }
            if (r.status == ATH_OK) {
                ath__nep_free(r.ctx, &r.file);
            }
            ath_context_destroy(&r.ctx);
            assert_true(watch.memory.n_blocks == 0 && watch.memory.n_wrong == 0);
        }
    }
}

/* ---- memory, paths ---- */

static void read_without_memory(void **state)
{
    (void)state;
    int failures = 0, done = 0;
    for (int64_t at = 1; !done; at++) {
        failing memory = {0};
        ath_context_config config = failing_config(&memory);
        ath_context *ctx = NULL;
        ath_model *model = NULL;
        assert_int_equal(ath_context_create(&config, &ctx), ATH_OK);
        memory.fail_at = memory.n_calls + at;
        const ath_status status = ath_model_create(ctx, OWN "typewise_nep5.txt", &model);
        assert_true(status == ATH_OK || status == ATH_E_NO_MEMORY);
        assert_true((status == ATH_OK) == (model != NULL));
        failures += status != ATH_OK;
        done = status == ATH_OK;
        ath_model_destroy(&model);
        ath_context_destroy(&ctx);
        assert_true(memory.n_blocks == 0 && memory.n_wrong == 0);
    }
    assert_true(failures >= 5);
}

/* Files whose n-th call fails, or is interrupted and comes again. */
typedef struct bad_io {
    int64_t at, n_calls;
    int error, n_open;
} bad_io;

static int bad_now(bad_io *io)
{
    return ++io->n_calls == io->at ? io->error : 0;
}

static int bad_open(void *user, const char *path, int flags, int mode)
{
    bad_io *io = user;
    const int error = bad_now(io);
    const int fd = error ? -error : open(path, flags, mode);
    io->n_open += fd >= 0;
    return fd;
}

static int64_t bad_read(void *user, int fd, void *buffer, size_t bytes)
{
    const int error = bad_now(user);
    return error ? -error : read(fd, buffer, bytes < 1000 ? bytes : 1000); /* short reads */
}

static int bad_close(void *user, int fd)
{
    ((bad_io *)user)->n_open--;
    return close(fd);
}

static void read_with_errors(void **state)
{
    (void)state;
    static const int errors[] = {EIO, EINTR};
    for (int e = 0; e < 2; e++) {
        int failures = 0;
        for (int64_t at = 1; at <= 40; at++) {
            bad_io io = {.at = at, .error = errors[e]};
            ath_context_config config = {.size = sizeof config};
            config.io = (ath_io){.size = sizeof config.io,
                                 .user = &io,
                                 .open = bad_open,
                                 .read = bad_read,
                                 .close = bad_close};
            ath_context *ctx = NULL;
            ath_model *model = NULL;
            assert_int_equal(ath_context_create(&config, &ctx), ATH_OK);
            const ath_status status = ath_model_create(ctx, OWN "typewise_nep5.txt", &model);
            const bool failed = errors[e] == EIO && io.n_calls >= at && io.n_calls < 40;
            assert_true(failed ? status < 0 && !model : status == ATH_OK && model);
            assert_int_equal(io.n_open, 0);
            failures += failed;
            ath_model_destroy(&model);
            ath_context_destroy(&ctx);
        }
        assert_true(errors[e] == EIO ? failures >= 10 : failures == 0);
    }
}

static void read_no_file(void **state)
{
    reading *r = *state;
    ath_model *model = NULL;
    assert_int_equal(ath_model_create(r->ctx, "nep:file=/no/such/nep.txt", &model),
                     ATH_E_NOT_FOUND);
    assert_non_null(strstr(ath_context_message(r->ctx), "/no/such/nep.txt"));
    assert_int_equal(ath_model_create(r->ctx, "nep:file=" OWN "energies.txt", &model),
                     ATH_E_FORMAT);
    assert_non_null(strstr(ath_context_message(r->ctx), "energies.txt:1:1: 'case'"));
    assert_null(model);
}

/* ---- 89 elements ---- */

/* The shape of NEP89: 80 neurons, D = 35, 976,331 parameters. */
static size_t many_write(const char *path)
{
    FILE *f = fopen(path, "w");
    uint64_t seed = 89;
    assert_non_null(f);
    fprintf(f, "nep4_zbl 89");
    for (int z = 1; z <= 94; z++) {
        if (z < 84 || z > 88) {
            fprintf(f, " %s", ath_element_symbol(z));
        }
    }
    fprintf(f, "\nzbl 1 2\ncutoff 6 5 300 150\nn_max 4 4\nbasis_size 8 8\nl_max 4 2 1\nANN 80 0\n");
    for (int k = 0; k < 976331 + 35; k++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        fprintf(f, " %.7e\n", (double)(int64_t)seed * 0x1p-64);
    }
    const size_t bytes = (size_t)ftell(f);
    fclose(f);
    return bytes;
}

static void read_many_elements(void **state)
{
    (void)state;
    char path[] = "/tmp/test_nep_89_XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    const size_t bytes = many_write(path);
    failing memory = {0};
    ath_context_config config = failing_config(&memory);
    ath_context *ctx = NULL;
    ath_model *model = NULL;
    assert_int_equal(ath_context_create(&config, &ctx), ATH_OK);
    const clock_t begin = clock();
    const ath_status status = ath_model_create(ctx, path, &model);
    const double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
    unlink(path);
    if (status != ATH_OK) {
        fail_msg("%s", ath_context_message(ctx));
    }
    print_message("89 elements: %.1f MB read in %.2f s, peak memory %.1f MB\n",
                  (double)bytes * 1e-6, seconds, (double)memory.peak_bytes * 1e-6);
    assert_true(memory.peak_bytes < 4 * bytes + (16 << 20));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_true(seconds < 1.0);
#endif
    ath_model_destroy(&model);
    ath_context_destroy(&ctx);
    assert_int_equal(memory.n_blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_least),         cmocka_unit_test(read_line_ends),
        cmocka_unit_test(read_header),        cmocka_unit_test(read_tags),
        cmocka_unit_test(read_bad_headers),   cmocka_unit_test(read_bad_zbl),
        cmocka_unit_test(read_bad_numbers),   cmocka_unit_test(read_cut_short),
        cmocka_unit_test(read_count),         cmocka_unit_test(read_without_memory),
        cmocka_unit_test(read_with_errors),   cmocka_unit_test(read_no_file),
        cmocka_unit_test(read_many_elements), cmocka_unit_test(read_sizes),
    };
    return cmocka_run_group_tests(tests, read_open, read_close);
}
