/* Linked into every test program: counts its assertions (cmake wraps those of cmocka, see
 * ath_test). A program that ends well and has asserted nothing has shown nothing, and fails. Tests
 * that skip themselves end with 77.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "asserted.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static _Atomic long asserted_n;

#define ASSERTED(name, parameters, arguments)                                                      \
    void __real_##name parameters;                                                                 \
    void __wrap_##name parameters;                                                                 \
    void __wrap_##name parameters                                                                  \
    {                                                                                              \
        asserted_n++;                                                                              \
        __real_##name arguments;                                                                   \
    }

typedef LargestIntegralType asserted_whole;

ASSERTED(_assert_true, (asserted_whole result, const char *text, const char *file, int line),
         (result, text, file, line))
ASSERTED(_assert_int_equal, (asserted_whole a, asserted_whole b, const char *file, int line),
         (a, b, file, line))
ASSERTED(_assert_int_not_equal, (asserted_whole a, asserted_whole b, const char *file, int line),
         (a, b, file, line))
ASSERTED(_assert_string_equal, (const char *a, const char *b, const char *file, int line),
         (a, b, file, line))
ASSERTED(_assert_memory_equal,
         (const void *a, const void *b, size_t bytes, const char *file, int line),
         (a, b, bytes, file, line))

void asserted_one(void)
{
    asserted_n++;
}

static void asserted_check(int status, void *unused)
{
    (void)unused;
    if (status == 0 && asserted_n == 0) {
        (void)fprintf(stderr, "this test has asserted nothing\n");
        (void)fflush(NULL);
        _exit(1);
    }
}

__attribute__((constructor)) static void asserted_begin(void)
{
    (void)on_exit(asserted_check, NULL);
}
