/* Containers and packets: the one format of files and messages.
 *
 * A container is a run of sections, each with an id, a version, a length and checksums. Who reads
 * one takes the sections it knows and can copy the others unchanged. A packet is the section for
 * systems: everything that each of them carries (fields with their declarations, extras, uid,
 * source and, if it comes out of a batch, the state of its integrator), each under its own
 * checksum, so that one bad byte costs one system. Bytes are little-endian; docs/formats.md gives
 * the layout.
 *
 * Readers trust nothing: sizes are checked against what is there before memory is asked for. What a
 * newer version wrote is refused with ATH_E_UNSUPPORTED. Functions fail with ATH_E_NO_MEMORY, and
 * as said. None synchronises but those that take a batch (marked S).
 */
#ifndef ATHANOR_CONTAINER_H
#define ATHANOR_CONTAINER_H

#include <athanor/batch.h>
#include <athanor/system.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- packets ---- */

typedef struct ath_packet ath_packet;

enum { ATH_PACKET_MAX = 65536 }; /* systems in one packet */

/* Copies of n systems, 0 <= n <= ATH_PACKET_MAX (else ATH_E_RANGE). */
ATH_API ath_status ath_packet_pack(ath_context *ctx, ath_system *const *systems, int32_t n,
                                   ath_packet **out);
/* The same of the listed systems of a batch, with the state of their integrator. S */
ATH_API ath_status ath_packet_pack_batch(const ath_batch *batch, const int32_t *indices, int32_t n,
                                         ath_packet **out);
/* A packet from the bytes of another, which must stay valid until it is destroyed. Damaged bytes
 * are no failure as long as one system can be told; ATH_E_CHECKSUM if there is none. */
ATH_API ath_status ath_packet_open(ath_context *ctx, const void *data, size_t bytes,
                                   ath_packet **out);
ATH_API void ath_packet_destroy(ath_packet **packet);
/* The bytes, to be stored or sent; owned by the packet. */
ATH_API const void *ath_packet_data(const ath_packet *packet, size_t *bytes);
/* Systems that the packet was made of, lost ones included. */
ATH_API int32_t ath_packet_n_systems(const ath_packet *packet);
/* ATH_OK, or ATH_E_CHECKSUM with a message if a single byte is not as it was written. */
ATH_API ath_status ath_packet_check(const ath_packet *packet);

typedef struct ath_packet_info {
    ath_uid uid;
    int32_t n_atoms;
    size_t bytes; /* in the packet */
} ath_packet_info;
/* index from 0. ATH_E_RANGE outside, ATH_E_CHECKSUM if this system is lost. */
ATH_API ath_status ath_packet_peek(const ath_packet *packet, int32_t index, ath_packet_info *out);
/* One system. User fields that this context does not know are registered; ATH_E_EXISTS if it knows
 * a field of that name with another declaration, ATH_E_FORMAT if the bytes make no sense. */
ATH_API ath_status ath_packet_unpack(const ath_packet *packet, int32_t index, ath_system **out);
/* One system, at the end of a batch: integrator state, flags and counters go on where they stood.
 * If the batch has no integrator state yet, it gets that of the packet. Limits as in ath_batch_add.
 * S */
ATH_API ath_status ath_packet_unpack_into(const ath_packet *packet, int32_t index,
                                          ath_batch *batch);

/* ---- writing a container ---- */

typedef struct ath_container ath_container;

/* Four characters make an id, for instance ATH_SECTION_ID('P', 'A', 'C', 'K'). */
#define ATH_SECTION_ID(a, b, c, d)                                                                 \
    ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
#define ATH_SECTION_PACKET ATH_SECTION_ID('P', 'A', 'C', 'K')
#define ATH_SECTION_END ATH_SECTION_ID('E', 'N', 'D', ' ')

ATH_API ath_status ath_container_create(ath_context *ctx, ath_container **out);
ATH_API void ath_container_destroy(ath_container **container);
/* Copies the bytes. id 0 and ATH_SECTION_END are ATH_E_ARGUMENT; after finish, ATH_E_STATE. */
ATH_API ath_status ath_container_add(ath_container *container, uint32_t id, uint32_t version,
                                     const void *data, size_t bytes);
ATH_API ath_status ath_container_add_packet(ath_container *container, const ath_packet *packet);
/* Closes the container; its bytes stay owned by it. Calling again gives them again. */
ATH_API ath_status ath_container_finish(ath_container *container, const void **data, size_t *bytes);
/* Finishes, writes a new file beside `path` and renames it, synced: readers see old or new. */
ATH_API ath_status ath_container_save(ath_container *container, const char *path);

/* ---- reading one ---- */

typedef struct ath_container_reader ath_container_reader;

typedef struct ath_section {
    uint32_t id; /* 0: unknown, the bytes that announce the section are damaged */
    uint32_t version;
    const void *data; /* owned by the reader or, with open_memory, by the caller */
    size_t bytes;
} ath_section;

/* ATH_E_FORMAT if this is no container, ATH_E_UNSUPPORTED if it is one of a newer format. */
ATH_API ath_status ath_container_open(ath_context *ctx, const char *path,
                                      ath_container_reader **out);
/* The same on bytes, which must stay valid; `name` is used in messages. */
ATH_API ath_status ath_container_open_memory(ath_context *ctx, const char *name, const void *data,
                                             size_t bytes, ath_container_reader **out);
ATH_API void ath_container_close(ath_container_reader **reader);
/* The next section; ATH_END after the last. ATH_E_CHECKSUM: bytes are damaged or missing; *out is
 * what is there, and a packet among it may still be opened (it checks each system). ATH_E_FORMAT:
 * the end is missing, or something follows it. After either, call again for the rest. */
ATH_API ath_status ath_container_next(ath_container_reader *reader, ath_section *out);

#ifdef __cplusplus
}
#endif
#endif
