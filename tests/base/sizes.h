/* Sizes that hostile files announce, and an allocator that says what a reader made of them: a
 * request above the limit is refused and counted, so that a test neither needs the memory nor
 * misses that it was asked for.
 */
#ifndef TESTS_BASE_SIZES_H
#define TESTS_BASE_SIZES_H

#include "base/failing.h"

/* The borders of signed and unsigned numbers of 32 and 64 bits. */
static const uint64_t sizes_values[] = {
    0,
    1,
    UINT64_C(0x7fffffff),
    UINT64_C(0x80000000),
    UINT64_C(0x80000001),
    UINT64_C(0xffffffff),
    UINT64_C(0x100000000),
    UINT64_C(0x100000001),
    UINT64_C(0x7fffffffffffffff),
    UINT64_C(0x8000000000000000),
    UINT64_C(0xffffffffffffffff),
};
enum { SIZES_VALUES = sizeof sizes_values / sizeof *sizes_values };

typedef struct sizes_memory {
    failing memory;
    size_t limit;   /* largest request that is served, bytes */
    size_t largest; /* request so far */
    int n_over;     /* requests above the limit */
} sizes_memory;

static inline void *sizes_resize(void *user, void *block, size_t old_bytes, size_t new_bytes)
{
    sizes_memory *m = user;
    m->largest = new_bytes > m->largest ? new_bytes : m->largest;
    if (new_bytes > m->limit) {
        m->n_over++;
        return NULL;
    }
    return failing_resize(&m->memory, block, old_bytes, new_bytes);
}

/* For an input of so many bytes: what reading it may ask for at once. */
static inline ath_context_config sizes_config(sizes_memory *m, size_t input)
{
    ath_context_config config = {.size = sizeof config};
    *m = (sizes_memory){.limit = 4 * input + ((size_t)16 << 20)};
    config.allocator.resize = sizes_resize;
    config.allocator.user = m;
    return config;
}

#endif
