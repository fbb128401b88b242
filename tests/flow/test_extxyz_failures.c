/* Extended XYZ when the surroundings fail: every allocation and every i/o call in turn, short and
 * interrupted reads, and the peak of memory against what the input justifies.
 */
#include "flow/extxyz_rig.h"

#include <errno.h>
#include <fcntl.h>

#include "base/failing.h"

enum { ALL = ATH_EXTXYZ_VELOCITIES | ATH_EXTXYZ_FORCES | ATH_EXTXYZ_FIXED };

/* Frames that use every branch of the reader that allocates. */
static const char many[] =
    "1\nsome words\nCu 1 2 3\n"
    "2\nLattice=\"4 5 6\" pbc=\"T T F\" energy=-1 free_energy=-2 stress=\"1 2 3 4 5 6\" name=\"a "
    "b\" "
    "k=[1,2] m=[[1.5,2],[3,4]] s=[x,\"y z\"] j=\"_JSON [\\\"p\\\", \\\"q\\\"]\" "
    "o=\"_JSON {\\\"a\\\": 1}\" \"my\\\"key\"=\"e\\\"f\" flag "
    "Properties=species:S:1:Z:I:1:pos:R:3:mass:R:1:momenta:R:3:forces:R:3:move_mask:L:1:q:R:1:t:I:"
    "2:"
    "w:S:2:b:L:1\n"
    "Cu1 29 1 2 3 60 1 1 1 0.5 0.25 0.125 T 1.5 1 2 aa bb T\n"
    "D 1 1 2 4 2 0 0 0 1 1 1 F 2.5 3 4 c d F\n"
    "1\nbad=1 bad=2\nCu 0 0 0\n"
    "2\nLattice=\"4 5 6\" virial=\"1 2 3 4 5 6 7 8 9\" Properties=species:S:1:pos:R:3:vel:R:3\n"
    "D 1 2 3 1 0 0\nO 4 5 6 0 1 0\n"
    "oops\n"
    "1\n\nQq 1 2 3\n"
    "0\n\n";
enum { MANY_FRAMES = 7 };

/* ---- an i/o table over memory ---- */

typedef struct memory_io {
    const char *text; /* what is read */
    size_t n, at;
    size_t piece;             /* largest read and write, 0: any */
    int64_t n_calls, fail_at; /* from 1; 0: none */
    int code;                 /* of the failure */
    int n_open;
    char *written; /* [n_written] */
    size_t n_written;
} memory_io;

static bool memory_fails(memory_io *m)
{
    return ++m->n_calls == m->fail_at;
}

static int memory_open(void *user, const char *path, int flags, int mode)
{
    memory_io *m = user;
    (void)path, (void)mode;
    if (memory_fails(m)) {
        return m->code;
    }
    m->n_open++;
    if ((flags & O_ACCMODE) == O_RDONLY) {
        m->at = 0;
    } else {
        m->n_written = 0;
    }
    return 77;
}

static int64_t memory_read(void *user, int fd, void *buffer, size_t bytes)
{
    memory_io *m = user;
    assert_int_equal(fd, 77);
    if (memory_fails(m)) {
        return m->code;
    }
    size_t n = m->n - m->at < bytes ? m->n - m->at : bytes;
    n = m->piece && n > m->piece ? m->piece : n;
    memcpy(buffer, m->text + m->at, n);
    m->at += n;
    return (int64_t)n;
}

static int64_t memory_write(void *user, int fd, const void *buffer, size_t bytes)
{
    memory_io *m = user;
    assert_int_equal(fd, 77);
    if (memory_fails(m)) {
        return m->code;
    }
    const size_t n = m->piece && bytes > m->piece ? m->piece : bytes;
    m->written = realloc(m->written, m->n_written + n);
    assert_non_null(m->written);
    memcpy(m->written + m->n_written, buffer, n);
    m->n_written += n;
    return (int64_t)n;
}

static int memory_close(void *user, int fd)
{
    memory_io *m = user;
    assert_int_equal(fd, 77);
    m->n_open--;
    return memory_fails(m) ? m->code : 0;
}

static ath_context *memory_context(memory_io *m, failing *f)
{
    ath_context_config config = failing_config(f);
    ath_context *ctx = NULL;
    config.io = (ath_io){.size = sizeof config.io,
                         .user = m,
                         .open = memory_open,
                         .read = memory_read,
                         .write = memory_write,
                         .close = memory_close};
    assert_int_equal(ath_context_create(&config, &ctx), ATH_OK);
    return ctx;
}

static void memory_finish(ath_context *ctx, memory_io *m, const failing *f)
{
    ath_context_destroy(&ctx);
    assert_int_equal(m->n_open, 0);
    assert_int_equal(f->n_blocks, 0);
    assert_int_equal(f->n_wrong, 0);
    free(m->written);
    m->written = NULL;
}

/* ---- reading it all ---- */

/* Descriptions and messages of all frames in one text; failures of memory are tried again, others
 * end it. *failures counts them. The caller frees the text. */
static char *read_all(ath_context *ctx, failing *f, int *failures)
{
    rig_text t = {0};
    ath_extxyz_reader *reader = NULL;
    ath_system *system = NULL;
    ath_status status = ath_extxyz_open(ctx, "x", &reader);
    rig_say(&t, "");
    if (status == ATH_E_NO_MEMORY) {
        ++*failures;
        f->fail_at = 0;
        assert_null(reader);
        status = ath_extxyz_open(ctx, "x", &reader);
    }
    while (status >= 0 || status == ATH_E_FORMAT || status == ATH_E_NO_MEMORY) {
        status = ath_extxyz_next(reader, &system);
        if (status == ATH_END) {
            break;
        }
        if (status == ATH_OK) {
            char *text = rig_describe(system);
            rig_say(&t, text);
            free(text);
        } else if (status == ATH_E_FORMAT) {
            rig_say(&t, ath_context_message(ctx));
        } else {
            ++*failures;
            continue;
        }
        rig_say(&t, "\n");
        ath_system_destroy(&system);
    }
    *failures += status < 0 && !reader;
    ath_extxyz_close(&reader);
    assert_null(reader);
    return t.at;
}

/* What comes of a text when nothing fails. The caller frees it. */
static char *expected_of(const char *input, size_t n)
{
    memory_io m = {.text = input, .n = n};
    failing f = {0};
    int failures = 0;
    ath_context *ctx = memory_context(&m, &f);
    char *text = read_all(ctx, &f, &failures);
    assert_int_equal(failures, 0);
    memory_finish(ctx, &m, &f);
    return text;
}

static char *expected_all(void)
{
    return expected_of(many, sizeof many - 1);
}

static void test_whole(void **state)
{
    (void)state;
    char *text = expected_all();
    int n = 0;
    for (const char *p = text; *p; p++) {
        n += *p == '\n';
    }
    assert_int_equal(n, MANY_FRAMES);
    free(text);
}

static void test_every_allocation(void **state)
{
    (void)state;
    char *expected = expected_all();
    int failures = 1, tried = 0;
    for (int64_t k = 2; failures > 0; k++) { /* the first is the context's */
        memory_io m = {.text = many, .n = sizeof many - 1};
        failing f = {.fail_at = k};
        ath_context *ctx = memory_context(&m, &f);
        failures = 0;
        char *text = read_all(ctx, &f, &failures);
        assert_string_equal(text, expected);
        free(text);
        memory_finish(ctx, &m, &f);
        tried++;
    }
    assert_true(tried > 50);
    free(expected);
}

/* Every read of an input in pieces fails in turn. */
static void every_read(const char *input, size_t n, size_t piece)
{
    char *expected = expected_of(input, n);
    int failures = 1, tried = 0;
    for (int64_t k = 1; failures > 0; k++) {
        memory_io m = {.text = input, .n = n, .piece = piece, .fail_at = k, .code = -EIO};
        failing f = {0};
        ath_context *ctx = memory_context(&m, &f);
        failures = 0;
        char *text = read_all(ctx, &f, &failures);
        assert_true(failures == 0 || strstr(ath_context_message(ctx), "'x'"));
        /* what came before the failure is as ever */
        assert_true(strncmp(text, expected, strlen(text)) == 0);
        assert_true(failures > 0 || strlen(text) == strlen(expected));
        free(text);
        memory_finish(ctx, &m, &f);
        tried++;
    }
    assert_true(tried > 10);
    free(expected);
}

static void test_every_read(void **state)
{
    (void)state;
    every_read(many, sizeof many - 1, 50);
}

/* The same where the reader passes over: a bad count line of 9000 characters, frames that cannot be
 * trusted behind it, and one at the end that no newline ends. */
static void test_every_read_of_long_lines(void **state)
{
    (void)state;
    static const char between[] = "\n1\nCu 1 2 3\n1\n\nCu 0 0 0\n";
    const size_t n = sizeof between - 1, whole = 9000 + n + 9000;
    char *input = malloc(whole);
    assert_non_null(input);
    memset(input, 'x', whole);
    memcpy(input + 9000, between, n);
    every_read(input, whole, 61);
    every_read(input, 9000 + n + 8192, 61); /* the end of the file is that of a piece of the line */
    free(input);
}

static void test_pieces(void **state)
{
    (void)state;
    char *expected = expected_all();
    for (size_t piece = 1; piece <= 40; piece++) {
        int failures = 0;
        memory_io m = {.text = many,
                       .n = sizeof many - 1,
                       .piece = piece,
                       .fail_at = (int64_t)piece, /* interrupted once */
                       .code = -EINTR};
        failing f = {0};
        ath_context *ctx = memory_context(&m, &f);
        char *text = read_all(ctx, &f, &failures);
        assert_int_equal(failures, 0);
        assert_string_equal(text, expected);
        free(text);
        memory_finish(ctx, &m, &f);
    }
    free(expected);
}

/* After a failed read the reader stays failed, and says so. */
static void test_dead_reader(void **state)
{
    (void)state;
    memory_io m = {.text = many, .n = sizeof many - 1, .fail_at = 2, .code = -EIO};
    failing f = {0};
    ath_context *ctx = memory_context(&m, &f);
    ath_extxyz_reader *reader = NULL;
    ath_system *system = NULL;
    assert_int_equal(ath_extxyz_open(ctx, "some.xyz", &reader), ATH_OK);
    assert_int_equal(ath_extxyz_next(reader, &system), ATH_E_IO);
    assert_non_null(strstr(ath_context_message(ctx), "some.xyz"));
    assert_int_equal(ath_extxyz_next(reader, &system), ATH_E_IO);
    assert_int_equal(ath_extxyz_skip(reader), ATH_E_IO);
    assert_int_equal(ath_extxyz_frame(reader), -1);
    assert_null(system);
    ath_extxyz_close(&reader);
    memory_finish(ctx, &m, &f);
}

/* ---- writing ---- */

/* The readable frames, which outlive the reader. */
static size_t take_systems(ath_context *ctx, ath_system *out[MANY_FRAMES])
{
    ath_extxyz_reader *reader = NULL;
    ath_status status;
    size_t n = 0;
    assert_int_equal(ath_extxyz_open_memory(ctx, "x", many, sizeof many - 1, &reader), ATH_OK);
    while ((status = ath_extxyz_next(reader, &out[n])) != ATH_END) {
        n += status == ATH_OK;
    }
    ath_extxyz_close(&reader);
    return n;
}

/* Writes all systems; failures of memory are tried again. */
static ath_status write_all(ath_context *ctx, ath_system *const *systems, size_t n, int *failures)
{
    ath_writer *writer = NULL;
    ath_status status = ath_writer_open(ctx, "out.xyz", &writer);
    if (status == ATH_E_NO_MEMORY) {
        ++*failures;
        assert_null(writer);
        status = ath_writer_open(ctx, "out.xyz", &writer);
    }
    for (size_t i = 0; i < n && status >= 0; i++) {
        status = ath_extxyz_write(writer, systems[i], ALL, "step=1");
        if (status == ATH_E_NO_MEMORY) {
            ++*failures;
            status = ath_extxyz_write(writer, systems[i], ALL, "step=1");
        }
    }
    const ath_status closed = ath_writer_close(&writer);
    assert_null(writer);
    return status < 0 ? status : closed;
}

static void test_every_allocation_of_the_writer(void **state)
{
    (void)state;
    char *expected = NULL;
    size_t n_expected = 0;
    int failures = 1;
    for (int64_t k = 0; failures > 0; k++) {
        memory_io m = {0};
        failing f = {0};
        ath_context *ctx = memory_context(&m, &f);
        ath_system *systems[MANY_FRAMES] = {0};
        const size_t n = take_systems(ctx, systems);
        assert_int_equal(n, 4);
        f.fail_at = k > 0 ? f.n_calls + k : 0;
        failures = k == 0;
        assert_int_equal(write_all(ctx, systems, n, &failures), ATH_OK);
        if (k == 0) {
            expected = m.written;
            n_expected = m.n_written;
            m.written = NULL;
            assert_true(n_expected > 500);
        } else {
            assert_int_equal(m.n_written, n_expected);
            assert_memory_equal(m.written, expected, n_expected);
        }
        for (size_t i = 0; i < n; i++) {
            ath_system_destroy(&systems[i]);
        }
        memory_finish(ctx, &m, &f);
    }
    free(expected);
}

static void test_every_write(void **state)
{
    (void)state;
    ath_status status = ATH_E_IO;
    int tried = 0;
    for (int64_t k = 1; status != ATH_OK; k++) {
        memory_io m = {.piece = 100, .fail_at = k, .code = -ENOSPC};
        failing f = {0};
        int failures = 0;
        ath_context *ctx = memory_context(&m, &f);
        ath_system *systems[MANY_FRAMES] = {0};
        const size_t n = take_systems(ctx, systems);
        status = write_all(ctx, systems, n, &failures);
        assert_true(status == ATH_OK || (status == ATH_E_IO && ath_context_message(ctx)[0]));
        assert_int_equal(failures, 0);
        for (size_t i = 0; i < n; i++) {
            ath_system_destroy(&systems[i]);
        }
        memory_finish(ctx, &m, &f);
        tried++;
    }
    assert_true(tried > 8);
}

/* ---- peak of memory ---- */

typedef struct big_input {
    const char *what, *head, *unit, *tail;
    size_t n; /* units */
    int n_frames;
} big_input;

static void check_peak(const big_input *input)
{
    const size_t a = strlen(input->head), b = strlen(input->unit), c = strlen(input->tail);
    const size_t size = a + input->n * b + c;
    char *text = malloc(size);
    assert_non_null(text);
    memcpy(text, input->head, a);
    for (size_t i = 0; i < input->n; i++) {
        memcpy(text + a + i * b, input->unit, b);
    }
    memcpy(text + a + input->n * b, input->tail, c);
    for (int from_file = 0; from_file < 2; from_file++) {
        memory_io m = {.text = text, .n = size};
        failing f = {0};
        ath_context *ctx = memory_context(&m, &f);
        ath_extxyz_reader *reader = NULL;
        ath_system *system = NULL;
        const size_t before = f.bytes;
        ath_status status = from_file ? ath_extxyz_open(ctx, "x", &reader)
                                      : ath_extxyz_open_memory(ctx, "x", text, size, &reader);
        assert_int_equal(status, ATH_OK);
        int n_frames = 0;
        while ((status = ath_extxyz_next(reader, &system)) != ATH_END) {
            assert_true(status == ATH_OK || status == ATH_E_FORMAT);
            n_frames += status == ATH_OK;
            ath_system_destroy(&system);
        }
        ath_extxyz_close(&reader);
        assert_int_equal(n_frames, input->n_frames);
        const size_t limit = 4 * size + ((size_t)16 << 20) + 512 * (size_t)(n_frames + 1);
        const size_t peak = f.peak_bytes - before + (from_file ? 0 : size);
        print_message("%-28s %-6s %6.1f MB of text, peak %6.1f MB, %3.0f %% of the limit\n",
                      input->what, from_file ? "file" : "memory", (double)size / 1e6,
                      (double)peak / 1e6, 100.0 * (double)peak / (double)limit);
        assert_true(peak <= limit);
        memory_finish(ctx, &m, &f);
    }
    free(text);
}

static void test_peak(void **state)
{
    (void)state;
    static const big_input inputs[] = {
        {"one large frame", "300000\n\n", "Cu 1.23456789 -12.3456789 123.456789\n", "", 300000, 1},
        {"with forces and velocities",
         "100000\nProperties=species:S:1:pos:R:3:momenta:R:3:forces:R:3\n",
         "Cu 1.234567 -12.345678 123.45678 0.1234 0.234 0.345 -1.234567 -2.34567 3.45678\n", "",
         100000, 1},
        {"with extras", "200000\nProperties=species:S:1:pos:R:3:q:R:1:group:I:3:kind:S:1\n",
         "Cu 1.23456789 -12.3456789 123.456789 0.25 0 1 2 core\n", "", 200000, 1},
        {"shortest rows", "1000000\n\n", "H 0 0 0\n", "", 1000000, 1},
        {"many frames", "", "1\n\nCu 0 0 0\n", "", 100000, 100000},
        {"2^31 - 1 atoms announced", "2147483647\n\n", "Cu 0 0 0\n", "", 100000, 0},
        {"blank rows", "4000000\n\n", "\n", "", 4000000, 0},
        {"a million values per row", "3\nProperties=species:S:1:pos:R:3:q:R:1000000\n",
         "Cu 0 0 0\n", "", 3, 0},
        {"list of integers", "1\na=[", "1,", "1]\nCu 0 0 0\n", 1000000, 1},
        {"list of integers in quotes", "1\na=\"", "1 ", "1\"\nCu 0 0 0\n", 1000000, 1},
        {"list of strings", "1\na=[", "a,", "a]\nCu 0 0 0\n", 60000, 1},
        {"longer list of strings", "1\na=[", "a,", "a]\nCu 0 0 0\n", 1000000, 1},
        {"matrix", "1\na=[", "[1],", "[1]]\nCu 0 0 0\n", 500000, 1},
        {"escapes", "1\na=\"", "\\\"", "\"\nCu 0 0 0\n", 1000000, 1},
        {"JSON", "1\na=\"_JSON [1", ",1", "]\"\nCu 0 0 0\n", 1000000, 1},
        {"JSON with escapes", "1\na=\"_JSON [\\\"x\\\"", ",\\\"\\\\n\\\"", "]\"\nCu 0 0 0\n", 60000,
         1},
        {"endless line", "", "x", "", 20000000, 0},
    };
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        check_peak(&inputs[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_every_allocation),
        cmocka_unit_test(test_every_read),
        cmocka_unit_test(test_every_read_of_long_lines),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_dead_reader),
        cmocka_unit_test(test_every_allocation_of_the_writer),
        cmocka_unit_test(test_every_write),
        cmocka_unit_test(test_peak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
