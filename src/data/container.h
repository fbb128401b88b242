/* Layout of containers and packets, in bytes (docs/formats.md). Private to the library. */
#ifndef ATHANOR_DATA_CONTAINER_H
#define ATHANOR_DATA_CONTAINER_H

#include <athanor/container.h>

#include "base/base.h"

enum {
    ATH__CONTAINER_VERSION = 1,
    ATH__CONTAINER_HEAD = 16, /* magic 8, version 4, checksum of these 12 */
    ATH__SECTION_HEAD = 32,   /* see ath__head */
    ATH__PACKET_VERSION = 1,
    ATH__CONTAINER_FIRST = 0x89 /* its first byte */
};

/* Sections and the records of packets are announced by the same 32 bytes: mark, a, b, c (u32 each),
 * length of what follows (u64), its CRC-32C, the CRC-32C of the 28 bytes before.
 *
 *                a          b              c
 *   section     id         version        number in the container, from 0
 *   record      version    number, from 0 number of records in the packet
 */
typedef struct ath__head {
    uint32_t a, b, c;
    uint64_t length;
    uint32_t crc;
} ath__head;

/* "ATHS" and "ATHR" */
#define ATH__MARK_SECTION UINT32_C(0x53485441)
#define ATH__MARK_RECORD UINT32_C(0x52485441)

void ath__head_write(uint8_t out[ATH__SECTION_HEAD], uint32_t mark, const ath__head *head);
/* False if these are not the bytes of such a head. Does not look at the length. */
bool ath__head_read(const uint8_t in[ATH__SECTION_HEAD], uint32_t mark, ath__head *head);
/* Offset of the next intact head at or after `from`, or `bytes` if there is none. */
size_t ath__head_find(const uint8_t *data, size_t bytes, size_t from, uint32_t mark);

/* How far a container is, and back to there: what was added since is gone, and it is open again. */
typedef struct ath__container_mark {
    size_t bytes;
    uint32_t n_sections;
} ath__container_mark;
ath__container_mark ath__container_tell(const ath_container *container);
void ath__container_rewind(ath_container *container, ath__container_mark mark);

/* Whether these 16 bytes are the intact beginning of a container, of whatever version. */
bool ath__container_begins(const uint8_t in[ATH__CONTAINER_HEAD]);

/* The body of one record: everything of a system. */
ath_status ath__packet_encode(const ath_system *system, ath__bytes *out);
ath_status ath__packet_decode(ath_context *ctx, const uint8_t *body, size_t bytes,
                              ath_system **out);

#endif
