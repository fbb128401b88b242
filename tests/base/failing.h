/* An allocator for tests: fails the n-th request, counts blocks and bytes, checks the sizes it is
 * told.
 *
 * Each block carries its size in the 64 bytes before it, so that a wrong old size, a double free
 * and a leak are all seen. `failing_config` gives a context configuration that uses it.
 */
#ifndef TESTS_BASE_FAILING_H
#define TESTS_BASE_FAILING_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <athanor/context.h>

typedef struct failing {
    int64_t fail_at;   /* number of the request that fails, from 1; 0: none */
    int64_t n_calls;   /* requests for memory so far */
    int64_t n_blocks;  /* alive */
    size_t bytes;      /* alive */
    size_t peak_bytes; /* largest since the start */
    int n_wrong;       /* sizes that did not match, blocks that were not ours */
} failing;

static const uint64_t failing_magic = UINT64_C(0x5eed0fa11eda110c);

static inline void *failing_resize(void *user, void *block, size_t old_bytes, size_t new_bytes)
{
    failing *f = user;
    uint64_t *head = block ? (uint64_t *)((char *)block - 64) : NULL;
    if (head && (head[0] != failing_magic || head[1] != old_bytes)) {
        f->n_wrong++;
        return NULL;
    }
    if (!head && old_bytes != 0) {
        f->n_wrong++;
    }
    uint64_t *fresh = NULL;
    if (new_bytes > 0) {
        if (++f->n_calls == f->fail_at || new_bytes > PTRDIFF_MAX - 128) {
            return NULL;
        }
        fresh = aligned_alloc(64, (new_bytes + 127) / 64 * 64);
        if (!fresh) {
            return NULL;
        }
        memset(fresh, 0xa5, (new_bytes + 127) / 64 * 64);
        fresh[0] = failing_magic;
        fresh[1] = new_bytes;
        f->n_blocks++;
        f->bytes += new_bytes;
        f->peak_bytes = f->bytes > f->peak_bytes ? f->bytes : f->peak_bytes;
    }
    if (head) {
        if (fresh) {
            memcpy((char *)fresh + 64, block, old_bytes < new_bytes ? old_bytes : new_bytes);
        }
        head[0] = 0;
        free(head);
        f->n_blocks--;
        f->bytes -= old_bytes;
    }
    return fresh ? (char *)fresh + 64 : NULL;
}

static inline ath_context_config failing_config(failing *f)
{
    ath_context_config config = {.size = sizeof config};
    config.allocator.resize = failing_resize;
    config.allocator.user = f;
    return config;
}

#endif
