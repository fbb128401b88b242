/* For tests that do not assert by cmocka: counts one check (asserted.c). */
#ifndef TESTS_ASSERTED_H
#define TESTS_ASSERTED_H

void asserted_one(void);

#endif
