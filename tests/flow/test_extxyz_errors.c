/* What the reader refuses: the exact place and message of each fault, and how it goes on
 * afterwards.
 *
 * Every fault stands between two good frames where that is possible: the one before and the one
 * behind it must come through, unless the row says otherwise.
 */
#include "flow/extxyz_rig.h"

#include <time.h>

#include "base/sizes.h"

#define GOOD_FIRST "1\nname=first\nCu 1 2 3\n" /* lines 1 to 3 */
#define GOOD_LAST "1\nname=last\nCu 1 2 3\n"

typedef struct fault {
    const char *frame;   /* from line 4 on */
    const char *message; /* without "x:" */
} fault;

#define P "Properties=species:S:1:pos:R:3"

static const fault faults[] = {
    /* count line */
    {"two\n\nCu 1 2 3\n", "4:1: expected the number of atoms, found 'two'"},
    {"  -1\n\nCu 1 2 3\n", "4:3: expected the number of atoms, found '-1'"},
    {"1.0\n\nCu 1 2 3\n", "4:1: expected the number of atoms, found '1.0'"},
    {"1 2\n\nCu 1 2 3\n", "4:1: expected the number of atoms, found '1'"},
    {"2147483648\n\nCu 1 2 3\n", "4:1: expected at most 2147483647 atoms, found '2147483648'"},
    {"1000000000000\n\nCu 1 2 3\n",
     "4:1: expected at most 2147483647 atoms, found '1000000000000'"},
    {"99999999999999999999999999999999\n\nCu 1 2 3\n",
     "4:1: expected at most 2147483647 atoms, found '999999999999999999999999...'"},
    {"Cu 1 2 3\n", "4:1: expected the number of atoms, found 'Cu'"},
    {"\xd9\xa1\n\nCu 1 2 3\n", "4:1: expected the number of atoms, found '\\xd9\\xa1'"},
    {"1\x01\n\nCu 1 2 3\n", "4:1: expected the number of atoms, found '1\\x01'"},
    /* too few, too many rows */
    {"2\n\nCu 1 2 3\n", "7:1: expected 2 rows of atoms after 1, found '1'"},
    {"1\n\n", "6:1: expected 1 rows of atoms after 0, found '1'"},
    {"1\n\n\n", "6:1: expected 4 values in this row, found the end of the line"},
    /* rows */
    {"1\n\nQq 1 2 3\n", "6:1: expected the symbol of an element, found 'Qq'"},
    {"1\n\nCu1 1 2 3\n", "6:1: expected the symbol of an element, found 'Cu1'"},
    {"1\n\nX 1 2 3\n", "6:1: expected the symbol of an element, found 'X'"},
    {"1\n\n0 1 2 3\n", "6:1: expected the symbol of an element, found '0'"},
    {"1\n\n119 1 2 3\n", "6:1: expected the symbol of an element, found '119'"},
    {"1\n\nCu 1 2\n", "6:7: expected a real number for 'pos', found the end of the line"},
    {"1\n\nCu 1  nan 3\n", "6:7: expected a real number for 'pos', found 'nan'"},
    {"1\n\nCu 1 -inf 3\n", "6:6: expected a real number for 'pos', found '-inf'"},
    {"1\n\nCu 1 0x10 3\n", "6:6: expected a real number for 'pos', found '0x10'"},
    {"1\n\nCu 1 1e999 3\n", "6:6: expected a real number for 'pos', found '1e999'"},
    {"1\n\nCu 1 1,5 3\n", "6:6: expected a real number for 'pos', found '1,5'"},
    {"1\n\nCu 1 2 3e\n", "6:8: expected a real number for 'pos', found '3e'"},
    {"1\n\nCu 1 2 \xef\xbc\x93\n",
     "6:8: expected a real number for 'pos', found '\\xef\\xbc\\x93'"},
    {"1\n\nCu 1 1000000.5 3\n", "6:6: expected at most 1e6 angstrom for 'pos', found '1000000.5'"},
    {"1\n" P ":q:I:1\nCu 1 2 3 1.5\n", "6:10: expected a whole number for 'q', found '1.5'"},
    {"1\n" P ":q:I:1\nCu 1 2 3 9223372036854775808\n",
     "6:10: expected a whole number for 'q', found '9223372036854775808'"},
    {"1\n" P ":q:L:1\nCu 1 2 3 yes\n", "6:10: expected T or F for 'q', found 'yes'"},
    {"1\n" P ":move_mask:I:1\nCu 1 2 3 2\n", "6:10: expected T or F for 'move_mask', found '2'"},
    {"1\n" P ":q:S:1\nCu 1.00000 2 3  \n",
     "6:17: expected a word for 'q', found the end of the line"},
    {"1\n" P "\nCu 1 2 3 4\n", "6:10: expected the end of the row after 4 values, found '4'"},
    {"1\n" P ":mass:R:1\nCu 1 2 3 0\n", "6:10: expected 1e-6 to 1e6 amu for 'mass', found '0'"},
    {"1\n" P ":mass:R:1\nCu 1 2 3 -1\n", "6:10: expected 1e-6 to 1e6 amu for 'mass', found '-1'"},
    {"1\n" P ":forces:R:3\nCu 1 2 3 0 0 1e13\n",
     "6:14: expected at most 1e12 for 'forces', found '1e13'"},
    {"1\nProperties=Z:I:1:pos:R:3\n119 0 0 0\n",
     "6:1: expected an atomic number from 1 to 118, found '119'"},
    {"1\n" P ":big:R:1000000\nCu 1 2 3 4\n",
     "6:11: expected 1000004 values in this row, found the end of the line"},
    /* Properties */
    {"1\nProperties Lattice=\"4 5 6\"\nCu 1 2 3\n",
     "5:11: expected name:type:width, found the end of the line"},
    {"1\nProperties=\nCu 1 2 3\n", "5:12: expected name:type:width, found the end of the line"},
    {"1\nProperties=species:S\nCu 1 2 3\n", "5:12: expected name:type:width, found 'species:S'"},
    {"1\n" P ":\nCu 1 2 3\n", "5:32: expected name:type:width, found the end of the line"},
    {"1\nProperties=species:S:1:pos:Q:3\nCu 1 2 3\n",
     "5:28: expected R, I, S or L as type of a column, found 'Q:3'"},
    {"1\nProperties=species:S:1:pos:R:0\nCu 1 2 3\n",
     "5:30: expected the number of values of a column, found '0'"},
    {"1\nProperties=species:S:1:pos:R:3x\nCu 1 2 3\n",
     "5:30: expected the number of values of a column, found '3x'"},
    {"1\nProperties=species:S:1:pos:R:99999999999999999999\nCu 1 2 3\n",
     "5:30: expected the number of values of a column, found '99999999999999999999'"},
    {"1\nProperties=species:S:1:pos:R:2\nCu 1 2\n", "5:24: expected pos:R:3, found 'pos:R:2'"},
    {"1\nProperties=species:S:1:pos:I:3\nCu 1 2 3\n", "5:24: expected pos:R:3, found 'pos:I:3'"},
    {"1\n" P ":move_mask:R:1\nCu 1 2 3 1\n",
     "5:32: expected move_mask:L:1 or move_mask:L:3, found 'move_mask:R:1'"},
    {"1\n" P ":q:R:1:q:R:1\nCu 1 2 3 4 5\n",
     "5:38: expected a column that is not given by an earlier one, found 'q:R:1'"},
    {"1\n" P ":forces:R:3:force:R:3\nCu 1 2 3 4 5 6 7 8 9\n",
     "5:43: expected a column that is not given by an earlier one, found 'force:R:3'"},
    {"1\n" P ":vel:R:3:momenta:R:3\nCu 1 2 3 4 5 6 7 8 9\n",
     "5:40: expected a column that is not given by an earlier one, found 'momenta:R:3'"},
    {"1\nProperties=pos:R:3\n1 2 3\n", "5:12: Properties names neither 'species' nor 'Z'"},
    {"1\nProperties=species:S:1\nCu\n", "5:12: Properties names no column 'pos'"},
    {"1\nProperties=\"species:S:1:pos:R:3:my col:R:1\"\nCu 1 2 3 4\n",
     "5:33: expected the name of a column, found 'my'"},
    /* comment line; with Lattice or Properties it cannot be plain text */
    {"1\n" P " a=\"b\nCu 1 2 3\n", "5:34: \" is not closed on this line"},
    {"1\n" P " a=[1, [2]\nCu 1 2 3\n", "5:34: [ is not closed on this line"},
    {"1\n" P " a={1\nCu 1 2 3\n", "5:34: { is not closed on this line"},
    {"1\n" P " a=\"b\"c\nCu 1 2 3\n", "5:37: expected a blank after the value, found 'c'"},
    {"1\n" P " =3\nCu 1 2 3\n", "5:32: expected a key, found '=3'"},
    {"1\n" P " \"\"=3\nCu 1 2 3\n", "5:32: expected a key, found '\"\"=3'"},
    {"1\n" P " \"a\nCu 1 2 3\n", "5:32: expected a closing quote after this key, found '\"a'"},
    {"1\n" P " \"a\"b\nCu 1 2 3\n", "5:35: expected '=' or a blank after the key, found 'b'"},
    {"1\n" P " a[1]=2\nCu 1 2 3\n", "5:33: expected a key or '=', found '[1]=2'"},
    {"1\na=1 b=2 a=3\nCu 1 2 3\n", "5:9: expected a key that is not yet given, found 'a=3'"},
    {"1\na\\=b=1 'a=b'=2\nCu 1 2 3\n",
     "5:8: expected a key that is not yet given, found ''a=b'=2'"},
    {"1\nenergy=1 en\\ergy=2\nCu 1 2 3\n",
     "5:10: expected a key that is not yet given, found 'en\\ergy=2'"},
    {"1\nenergy=1 b=2 Energy=3\nCu 1 2 3\n",
     "5:14: expected a key that is not yet given, found 'Energy=3'"},
    {"1\nLattice=\"4 5\"\nCu 1 2 3\n", "5:1: Lattice needs 9 numbers (or 3 for a box), not 2"},
    {"1\nLattice=\"4 5 x\"\nCu 1 2 3\n", "5:14: expected a real number, found 'x\"'"},
    {"1\nLattice=\"4 5 nan\"\nCu 1 2 3\n", "5:14: expected a real number, found 'nan\"'"},
    {"1\nLattice=\"4 5 2e6\"\nCu 1 2 3\n", "5:1: Lattice holds 2e+06, more than 1e6 angstrom"},
    {"1\nLattice=\"4 0 0 0 5 0 4 5 0\"\nCu 1 2 3\n",
     "5:1: Lattice vectors along periodic axes are dependent"},
    {"1\nLattice=\"0.1 0.2 0.3 0.3 0.6 0.9 1 1 2\"\nCu 1 2 3\n",
     "5:1: Lattice vectors along periodic axes are dependent"},
    {"1\nLattice=\"0 0 0 0 5 0 4 5 0\" pbc=\"T F F\"\nCu 1 2 3\n",
     "5:1: Lattice vectors along periodic axes are dependent"},
    {"1\npbc=\"T F F\"\nCu 1 2 3\n", "5:1: pbc without a Lattice"},
    {"1\npbc=\"T F\"\nCu 1 2 3\n", "5:1: pbc needs 3 logicals (or 1 for all), not 2"},
    {"1\npbc=\"T F 2\"\nCu 1 2 3\n", "5:10: expected T, F, 1 or 0, found '2\"'"},
    {"1\nenergy=low\nCu 1 2 3\n", "5:8: expected a real number, found 'low'"},
    {"1\nenergy=nan\nCu 1 2 3\n", "5:8: expected a real number, found 'nan'"},
    {"1\nenergy=\"1 2\"\nCu 1 2 3\n", "5:1: one number is needed here, not 2"},
    {"1\nstress=\"1 2 3\"\nCu 1 2 3\n", "5:1: 9 or 6 numbers are needed here, not 3"},
    {"1\nvirial=\"1 2 3\"\nCu 1 2 3\n", "5:1: 9 or 6 numbers are needed here, not 3"},
    {"1\nLattice=\"1e-9 1e-9 1e-9\" virial=\"1e299 2 3 4 5 6\"\nCu 1 2 3\n",
     "5:26: virial / volume is not finite"},
};

static void expect(ath_context *ctx, ath_extxyz_reader *reader, ath_status status, int64_t frame,
                   const char *name)
{
    ath_system *system = NULL;
    const ath_status found = ath_extxyz_next(reader, &system);
    if (found != status) {
        fail_msg("status %d, not %d: %s", found, status, ath_context_message(ctx));
    }
    assert_int_equal(ath_extxyz_frame(reader), frame);
    assert_true((status == ATH_OK) == (system != NULL));
    if (name) {
        ath_extra extra;
        assert_int_equal(ath_system_find_extra(system, ATH_LEVEL_SYSTEM, "name", &extra), ATH_OK);
        assert_string_equal(*(const char *const *)extra.values, name);
    }
    ath_system_destroy(&system);
}

static void test_faults(void **state)
{
    ath_context *ctx = *state;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        char text[512], message[512];
        const int n = snprintf(text, sizeof text, "%s%s%s", GOOD_FIRST, faults[i].frame, GOOD_LAST);
        snprintf(message, sizeof message, "x:%s", faults[i].message);
        ath_extxyz_reader *reader = rig_open(ctx, text, (size_t)n);
        expect(ctx, reader, ATH_OK, 0, "first");
        expect(ctx, reader, ATH_E_FORMAT, 1, NULL);
        if (strcmp(ath_context_message(ctx), message) != 0) {
            fail_msg("input:    %s\nexpected: %s\nfound:    %s", faults[i].frame, message,
                     ath_context_message(ctx));
        }
        expect(ctx, reader, ATH_OK, 2, "last");
        expect(ctx, reader, ATH_END, 2, NULL);
        ath_extxyz_close(&reader);

        /* passing over takes the same borders */
        reader = rig_open(ctx, text, (size_t)n);
        assert_int_equal(ath_extxyz_skip(reader), ATH_OK);
        const ath_status skipped = ath_extxyz_skip(reader);
        assert_true(skipped == ATH_OK || skipped == ATH_E_FORMAT);
        assert_int_equal(ath_extxyz_frame(reader), 1);
        expect(ctx, reader, ATH_OK, 2, "last");
        ath_extxyz_close(&reader);
    }
}

/* Statuses of all frames of a text as letters: g(ood), b(ad). */
static void expect_all(ath_context *ctx, const char *text, size_t n, const char *expected)
{
    char found[64] = "";
    size_t k = 0;
    ath_extxyz_reader *reader = rig_open(ctx, text, n);
    ath_system *system = NULL;
    ath_status status;
    while ((status = ath_extxyz_next(reader, &system)) != ATH_END && k < sizeof found - 1) {
        assert_true(status == ATH_OK || status == ATH_E_FORMAT);
        found[k++] = status == ATH_OK ? 'g' : 'b';
        assert_int_equal(ath_extxyz_frame(reader), (int64_t)k - 1);
        ath_system_destroy(&system);
    }
    found[k] = '\0';
    ath_extxyz_close(&reader);
    if (strcmp(found, expected) != 0) {
        fail_msg("expected %s, found %s in: %.200s", expected, found, text);
    }
}

static void test_going_on(void **state)
{
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"", ""},
        {"\n \n\t\r\n", ""},
        {"\xef\xbb\xbf", ""},
        {"3", "b"},
        {"3\n", "b"},
        {"1\n\n", "b"},
        {"2\n\nCu 0 0 0\n", "b"},
        {"2\n\nCu 0 0 0\nCu 1 1", "b"},
        /* a count that is far too large costs no later frame */
        {"1000000\n\nCu 0 0 0\n1\n\nCu 0 0 0\n1\n\nCu 0 0 0\n", "bgg"},
        {"2000000000\n\n2000000000\n\n1\n\nCu 0 0 0\n", "bbg"},
        /* a number alone as comment is none of the next frame's */
        {"x\n5\nCu 0 0 0\n1\n5\nCu 0 0 0\n", "bg"},
        {"2\n1\nCu 0 0 0\nCu 1 1 1\n", "g"},
        /* bad frames one behind the other */
        {"a\nb\nc\n1\n\nQq 0 0 0\n1\n\nCu 0 0\n1\n\nCu 0 0 0\n", "bbbg"},
        /* 2^31 atoms in 20 bytes */
        {"2147483647\n\nCu 0 0 0", "b"},
        {"0\n\n0\n\n0\n\n", "ggg"},
        /* a row too many */
        {"1\n\nCu 1 2 3\nCu 4 5 6\n1\n\nCu 0 0 0\n", "gbg"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        expect_all(*state, rows[i].text, strlen(rows[i].text), rows[i].expected);
    }
    static const char nul[] = "1\na=\0\nCu 0 0 0\n1\n\nC\0 0 0 0\n1\n" P ":q:S:1\nCu 0 0 0 a\0b\n"
                              "\0\n1\n\nCu 0 0 0\n";
    expect_all(*state, nul, sizeof nul - 1, "bbbbg");
    expect_all(*state, "1\n\0\nCu 0 0 0\n", 13, "b");
}

static void test_nul_message(void **state)
{
    ath_context *ctx = *state;
    static const char text[] = "1\nab=\0\nCu 0 0 0\n";
    ath_extxyz_reader *reader = rig_open(ctx, text, sizeof text - 1);
    expect(ctx, reader, ATH_E_FORMAT, 0, NULL);
    assert_string_equal(ath_context_message(ctx), "x:2:4: NUL character");
    ath_extxyz_close(&reader);
}

/* A text of `n` times `unit` between head and tail; the caller frees it. */
static char *repeat(const char *head, const char *unit, size_t n, const char *tail, size_t *size)
{
    const size_t a = strlen(head), b = strlen(unit), c = strlen(tail);
    char *text = malloc(a + n * b + c + 1);
    assert_non_null(text);
    memcpy(text, head, a);
    for (size_t i = 0; i < n; i++) {
        memcpy(text + a + i * b, unit, b);
    }
    memcpy(text + a + n * b, tail, c + 1);
    *size = a + n * b + c;
    return text;
}

static void test_long_lines(void **state)
{
    ath_context *ctx = *state;
    static const struct {
        const char *head, *unit;
        size_t n;
        const char *tail, *expected;
    } rows[] = {
        {"1\na=\"", "x", 100000, "\"\nCu 0 0 0\n1\n\nCu 0 0 0\n", "gg"},
        {"1\na=\"", "1 ", 500000, "\"\nCu 0 0 0\n1\n\nCu 0 0 0\n", "gg"},
        {"1\n\nCu 0 0 0", " ", 2000000, "\n1\n\nCu 0 0 0\n", "gg"},
        {"1\n\nCu 0 0 ", "0", 100000, "1\n1\n\nCu 0 0 0\n", "gg"},
        {"1\na=\"", "x", 2097152, "\"\nCu 0 0 0\n1\n\nCu 0 0 0\n", "bg"},
        {"1\n\nCu 0 0 0", " ", 2097152, "\n1\n\nCu 0 0 0\n", "bg"},
        {"2\n", "x", 3000000, "\nCu 0 0 0\nCu 0 0 0\n1\n\nCu 0 0 0\n", "bg"},
        {"1", " ", 10000, "\n\nCu 0 0 0\n1\n\nCu 0 0 0\n", "bg"},
        {"", "1", 10000, "\n\nCu 0 0 0\n1\n\nCu 0 0 0\n", "bg"},
        {"1\na=\"", "x", 100000000, "\"\nCu 0 0 0\n1\n\nCu 0 0 0\n", "bg"},
        {"1\n\nCu 0 0 ", "0", 100000000, "\n1\n\nCu 0 0 0\n", "bg"},
        {"", "5", 100000000, "", "b"},
        {"", "[", 1000000, "\n", "b"},
        {"1\na=", "[", 1000000, "\nCu 0 0 0\n", "g"},
        {"1\n" P " a=", "[", 1000000, "\nCu 0 0 0\n1\n\nCu 0 0 0\n", "bg"},
        {"1\n" P " a=", "{", 1000000, "\nCu 0 0 0\n1\n\nCu 0 0 0\n", "bg"},
        {"1\n", "=", 1000000, "\nCu 0 0 0\n1\n\nCu 0 0 0\n", "gg"},
        {"1\n", "\\", 1000000, "\nCu 0 0 0\n1\n\nCu 0 0 0\n", "gg"},
        {"1\n" P, ":", 1000000, "\nCu 0 0 0\n1\n\nCu 0 0 0\n", "bg"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t n;
        char *text = repeat(rows[i].head, rows[i].unit, rows[i].n, rows[i].tail, &n);
        expect_all(ctx, text, n, rows[i].expected);
        ath_extxyz_reader *passing = rig_open(ctx, text, n);
        for (const char *p = rows[i].expected; *p; p++) {
            const ath_status status = ath_extxyz_skip(passing);
            assert_true(status == ATH_OK || status == ATH_E_FORMAT);
        }
        assert_int_equal(ath_extxyz_skip(passing), ATH_END);
        ath_extxyz_close(&passing);
        if (i == 4) {
            expect_all(ctx, text, n, "bg");
            ath_extxyz_reader *reader = rig_open(ctx, text, n);
            expect(ctx, reader, ATH_E_FORMAT, 0, NULL);
            assert_string_equal(ath_context_message(ctx),
                                "x:2:1: a line longer than 2097152 characters");
            ath_extxyz_close(&reader);
        }
        free(text);
    }
}

/* A comment line of n keys k0=0 k1=1 ... */
static char *many_keys(int n, size_t *size)
{
    char *text = malloc((size_t)n * 24 + 64);
    assert_non_null(text);
    size_t k = (size_t)sprintf(text, "1\n" P);
    for (int i = 0; i < n; i++) {
        k += (size_t)sprintf(text + k, " k%d=%d", i, i);
    }
    *size = k + (size_t)sprintf(text + k, "\nCu 0 0 0\n");
    return text;
}

static void test_limits(void **state)
{
    ath_context *ctx = *state;
    size_t n;
    char *text = many_keys(1000, &n);
    expect_all(ctx, text, n, "g");
    free(text);
    text = many_keys(1001, &n);
    ath_extxyz_reader *reader = rig_open(ctx, text, n);
    expect(ctx, reader, ATH_E_FORMAT, 0, NULL);
    assert_non_null(strstr(ath_context_message(ctx), "more than 1000 keys"));
    ath_extxyz_close(&reader);
    free(text);
    text = many_keys(5000, &n);
    reader = rig_open(ctx, text, n);
    expect(ctx, reader, ATH_E_FORMAT, 0, NULL);
    assert_non_null(strstr(ath_context_message(ctx), "more than 1024 keys"));
    ath_extxyz_close(&reader);
    free(text);

    for (int more = 0; more < 2; more++) {
        char columns[4096], row[1024];
        size_t c = 0, r = 0;
        for (int i = 0; i < 248 + more; i++) {
            c += (size_t)snprintf(columns + c, sizeof columns - c, ":q%d:I:1", i);
            r += (size_t)snprintf(row + r, sizeof row - r, " 7");
        }
        char whole[8192];
        const int size = snprintf(whole, sizeof whole, "1\n" P "%s\nCu 0 0 0%s\n", columns, row);
        expect_all(ctx, whole, (size_t)size, more ? "b" : "g");
    }
}

/* Texts made to be slow take time in proportion to their size: less than 5 microseconds of the
 * processor per byte, which a build with sanitizers needs half of. A quadratic way would need more
 * than ten times that. */
static void test_linear_time(void **state)
{
    ath_context *ctx = *state;
    static const char *const units[] = {"2000000000\n\n",
                                        "5\n\n",
                                        "x\n",
                                        "1\n1\n",
                                        "0\n",
                                        "\n",
                                        "9\nCu 0 0 0\n",
                                        "1\n\nCu 0 0 0\n",
                                        "1\n=\nCu 0 0 0\n",
                                        "x\n1\nCu 0 0 0\n",
                                        " ",
                                        "1 ",
                                        "Cu 0 0 0\n"};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t n;
        char *text = repeat("", units[i], 1000000 / strlen(units[i]), "", &n);
        ath_extxyz_reader *reader = rig_open(ctx, text, n);
        ath_system *system = NULL;
        ath_status status;
        const clock_t start = clock();
        do {
            status = ath_extxyz_next(reader, &system);
            ath_system_destroy(&system);
        } while (status != ATH_END);
        const double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
        if (seconds > 5.0) {
            fail_msg("1 MB of '%s' took %.1f s", units[i], seconds);
        }
        ath_extxyz_close(&reader);
        free(text);
    }
}

/* Every count of a frame at the borders of 32 and 64 bits, in front of a good frame: no memory is
 * asked for on the strength of the number alone, and the good frame is found. */
static void test_sizes(void **state)
{
    static const char *const formats[] = {
        "%s\n\nCu 0 0 0\n",
        "1\nProperties=species:S:%s:pos:R:3\nCu 0 0 0\n",
        "1\nProperties=species:S:1:pos:R:%s\nCu 0 0 0\n",
        "1\n" P ":q:R:%s\nCu 0 0 0 1\n",
        "1\n" P ":q:I:%s\nCu 0 0 0 1\n",
        "1\n" P ":q:L:%s\nCu 0 0 0 T\n",
        "1\n" P ":q:S:%s\nCu 0 0 0 a\n",
        "0\n" P ":q:R:%s\n",
        "0\n" P ":q:S:%s\n",
    };
    (void)state;
    for (size_t k = 0; k < sizeof formats / sizeof *formats; k++) {
        for (int v = 0; v < 3 * SIZES_VALUES; v++) {
            char value[32], text[256];
            snprintf(value, sizeof value, "%s%llu%s", v / SIZES_VALUES == 1 ? "-" : "",
                     (unsigned long long)sizes_values[v % SIZES_VALUES],
                     v / SIZES_VALUES == 2 ? "0" : "");
            int n = snprintf(text, sizeof text, formats[k], value);
            n += snprintf(text + n, sizeof text - (size_t)n, "1\n\nCu 0 0 7\n");
            sizes_memory watch;
            const ath_context_config config = sizes_config(&watch, (size_t)n);
            ath_context *ctx = NULL;
            ath_system *system = NULL;
            bool found = false;
            assert_int_equal(ath_context_create(&config, &ctx), ATH_OK);
            ath_extxyz_reader *reader = rig_open(ctx, text, (size_t)n);
            ath_status status = ATH_OK;
            while (status != ATH_END) {
                status = ath_extxyz_next(reader, &system);
                assert_true(status == ATH_OK || status == ATH_E_FORMAT || status == ATH_END);
                if (system) {
                    const double *x = ath_system_peek(system, ATH_FIELD_POSITIONS);
                    found = ath_system_n_atoms(system) == 1 && x[2] == 7.0;
                }
                ath_system_destroy(&system);
            }
            if (!found || watch.n_over > 0) {
                fail_msg("'%s': largest request %zu bytes, the next frame is %s", text,
                         watch.largest, found ? "there" : "lost");
            }
            ath_extxyz_close(&reader);
            ath_context_destroy(&ctx);
            assert_true(watch.memory.n_blocks == 0 && watch.memory.n_wrong == 0);
        }
    }
}

static void test_arguments(void **state)
{
    ath_context *ctx = *state;
    ath_extxyz_reader *reader = NULL;
    ath_system *system = NULL;
    assert_int_equal(ath_extxyz_open(ctx, "/nowhere/at/all.xyz", &reader), ATH_E_NOT_FOUND);
    assert_null(reader);
    assert_non_null(strstr(ath_context_message(ctx), "cannot open '/nowhere/at/all.xyz'"));
    assert_int_equal(ath_extxyz_open(ctx, NULL, &reader), ATH_E_ARGUMENT);
    assert_int_equal(ath_extxyz_open(NULL, "x", &reader), ATH_E_ARGUMENT);
    assert_int_equal(ath_extxyz_open_memory(ctx, "x", NULL, 3, &reader), ATH_E_ARGUMENT);
    assert_int_equal(ath_extxyz_next(NULL, &system), ATH_E_ARGUMENT);
    assert_int_equal(ath_extxyz_skip(NULL), ATH_E_ARGUMENT);
    assert_int_equal(ath_extxyz_frame(NULL), -1);
    ath_extxyz_close(NULL);
    ath_extxyz_close(&reader);
    assert_int_equal(ath_extxyz_open(ctx, "/", &reader), ATH_OK);
    assert_int_equal(ath_extxyz_next(reader, &system), ATH_E_IO);
    assert_non_null(strstr(ath_context_message(ctx), "cannot read '/'"));
    assert_int_equal(ath_extxyz_skip(reader), ATH_E_IO);
    ath_extxyz_close(&reader);
    ath_extxyz_close(&reader);
    assert_int_equal(ath_extxyz_open_memory(ctx, "x", NULL, 0, &reader), ATH_OK);
    assert_int_equal(ath_extxyz_next(reader, &system), ATH_END);
    ath_extxyz_close(&reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),      cmocka_unit_test(test_going_on),
        cmocka_unit_test(test_nul_message), cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_limits),      cmocka_unit_test(test_linear_time),
        cmocka_unit_test(test_arguments),   cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests(tests, rig_set_up, rig_tear_down);
}
