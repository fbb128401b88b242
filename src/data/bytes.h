/* Little-endian bytes: what files, messages and hashes are made of. Private to the library.
 *
 * On little-endian machines everything here is a memcpy.
 */
#ifndef ATHANOR_DATA_BYTES_H
#define ATHANOR_DATA_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* n values of `size` bytes between memory order and little-endian; its own inverse. The two sides
 * must not overlap. */
static inline void ath__le_copy(void *to, const void *from, size_t n, size_t size)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    uint8_t *out = to;
    const uint8_t *in = from;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < size; k++) {
            out[i * size + k] = in[i * size + size - 1 - k];
        }
    }
#else
    if (n > 0) {
        memcpy(to, from, n * size);
    }
#endif
}

static inline void ath__le_put32(uint8_t *to, uint32_t value)
{
    ath__le_copy(to, &value, 1, sizeof value);
}

static inline void ath__le_put64(uint8_t *to, uint64_t value)
{
    ath__le_copy(to, &value, 1, sizeof value);
}

static inline uint32_t ath__le_get32(const uint8_t *from)
{
    uint32_t value;
    ath__le_copy(&value, from, 1, sizeof value);
    return value;
}

static inline uint64_t ath__le_get64(const uint8_t *from)
{
    uint64_t value;
    ath__le_copy(&value, from, 1, sizeof value);
    return value;
}

#endif
