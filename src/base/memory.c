/* Memory: arrays, strings and growing buffers from the context's allocator.
 *
 * Sizes are products of a count and an element size, checked here once. Blocks are zeroed, because
 * a padding byte with a stale value would make hashes and files depend on history. The count given
 * to ath__free must be that of the allocation; allocators may rely on it.
 */
#include "base/base.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void *memory_get(const void *slot)
{
    void *block;
    memcpy(&block, slot, sizeof block);
    return block;
}

static void memory_set(void *slot, void *block)
{
    memcpy(slot, &block, sizeof block);
}

static ath_status memory_exhausted(ath_context *ctx, size_t n, size_t size)
{
    return ath__fail(ctx, ATH_E_NO_MEMORY, "out of memory: %zu x %zu bytes", n, size);
}

ath_status ath__alloc(ath_context *ctx, size_t n, size_t size, void *out)
{
    memory_set(out, NULL);
    return ath__resize(ctx, out, 0, n, size);
}

ath_status ath__resize(ath_context *ctx, void *block, size_t old_n, size_t new_n, size_t size)
{
    size_t old_bytes, new_bytes;
    if (ath__mul(old_n, size, &old_bytes) || ath__mul(new_n, size, &new_bytes) ||
        new_bytes > PTRDIFF_MAX) {
        return memory_exhausted(ctx, new_n, size);
    }
    void *old = memory_get(block);
    if (new_bytes == 0) {
        ath__free(ctx, block, old_n, size);
        return ATH_OK;
    }
    if (!old) {
        old_bytes = 0;
    }
    const ath_allocator *a = &ctx->config.allocator;
    uint8_t *fresh = a->resize(a->user, old, old_bytes, new_bytes);
    if (!fresh) {
        return memory_exhausted(ctx, new_n, size);
    }
    if (new_bytes > old_bytes) {
        memset(fresh + old_bytes, 0, new_bytes - old_bytes);
    }
    memory_set(block, fresh);
    return ATH_OK;
}

void ath__free(ath_context *ctx, void *block, size_t n, size_t size)
{
    void *old = memory_get(block);
    if (old) {
        const ath_allocator *a = &ctx->config.allocator;
        a->resize(a->user, old, n * size, 0); /* no overflow: it was allocated */
        memory_set(block, NULL);
    }
}

ath_status ath__strdup(ath_context *ctx, const char *text, char **out)
{
    size_t bytes = strlen(text) + 1;
    ATH__TRY(ath__alloc(ctx, bytes, 1, out));
    if (*out) {
        memcpy(*out, text, bytes);
    }
    return ATH_OK;
}

void ath__strfree(ath_context *ctx, char **text)
{
    if (*text) {
        ath__free(ctx, text, strlen(*text) + 1, 1);
    }
}

ath_status ath__bytes_reserve(ath_context *ctx, ath__bytes *b, size_t more)
{
    size_t need;
    if (ath__add(b->size, more, &need)) {
        return memory_exhausted(ctx, more, 1);
    }
    if (need <= b->capacity) {
        return ATH_OK;
    }
    size_t capacity = b->capacity > 128 ? b->capacity : 128;
    while (capacity < need && !ath__mul(capacity, 2, &capacity)) {
    }
    if (capacity < need) {
        capacity = need; /* doubling overflowed: the allocator will say no */
    }
    ATH__TRY(ath__resize(ctx, &b->data, b->capacity, capacity, 1));
    b->capacity = capacity;
    return ATH_OK;
}

ath_status ath__bytes_append(ath_context *ctx, ath__bytes *b, const void *data, size_t size)
{
    if (size == 0) {
        return ATH_OK;
    }
    ATH__TRY(ath__bytes_reserve(ctx, b, size));
    memcpy(b->data + b->size, data, size);
    b->size += size;
    return ATH_OK;
}

ath_status ath__bytes_print(ath_context *ctx, ath__bytes *b, const char *format, ...)
{
    char small[256];
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    ath_status status = ATH_OK;
    if (n < 0) {
        status = ath__fail(ctx, ATH_E_INTERNAL, "format '%s' cannot be printed", format);
    } else if ((size_t)n < sizeof small) {
        status = ath__bytes_append(ctx, b, small, (size_t)n);
    } else {
        status = ath__bytes_reserve(ctx, b, (size_t)n + 1);
        if (status == ATH_OK) {
            vsnprintf((char *)b->data + b->size, (size_t)n + 1, format, again);
            b->size += (size_t)n;
        }
    }
    va_end(again);
    return status;
}

void ath__bytes_free(ath_context *ctx, ath__bytes *b)
{
    ath__free(ctx, &b->data, b->capacity, 1);
    b->size = 0;
    b->capacity = 0;
}
