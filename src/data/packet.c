/* Packets: records of systems, each under a head of its own (container.h). This file finds records
 * in bytes, whole or damaged; what a record holds is in record.c.
 *
 * Opening looks for the first head, takes records one after the other as long as heads are intact,
 * and looks for the next one where they are not. Each record knows its number and how many there
 * are, so that what is missing is known by number. There is nothing else in a packet: one of no
 * systems has no bytes.
 */
#include <string.h>

#include "data/batch_private.h"
#include "data/bytes.h"
#include "data/container.h"

typedef struct packet_record {
    size_t body, bytes; /* offset and length of the body */
    int32_t index;      /* ascending */
} packet_record;

struct ath_packet {
    ath_context *ctx;
    ath__bytes owned;
    const uint8_t *data;
    size_t bytes;
    int32_t n_systems;
    packet_record *records; /* intact ones */
    int32_t n_records, max_records;
    bool damaged;
};

static ath_status packet_push(ath_packet *packet, size_t body, size_t bytes, int32_t index)
{
    if (packet->n_records == packet->max_records) {
        const int32_t more = packet->max_records ? 2 * packet->max_records : 16;
        ATH__TRY(ath__resize(packet->ctx, &packet->records, (size_t)packet->max_records,
                             (size_t)more, sizeof *packet->records));
        packet->max_records = more;
    }
    packet->records[packet->n_records++] =
        (packet_record){.body = body, .bytes = bytes, .index = index};
    return ATH_OK;
}

static ath_status packet_create(ath_context *ctx, ath_packet **out)
{
    ATH__TRY(ath__alloc(ctx, 1, sizeof **out, out));
    (*out)->ctx = ctx;
    return ATH_OK;
}

void ath_packet_destroy(ath_packet **packet)
{
    if (packet && *packet) {
        ath_packet *p = *packet;
        ath_context *ctx = p->ctx;
        ath__free(ctx, &p->records, (size_t)p->max_records, sizeof *p->records);
        ath__bytes_free(ctx, &p->owned);
        ath__free(ctx, packet, 1, sizeof *p);
    }
}

/* ---- packing ---- */

/* One more record. The head is written when the length and the checksum of the body are known. */
static ath_status packet_add(ath_packet *packet, const ath_system *system, int32_t index)
{
    static const uint8_t room[ATH__SECTION_HEAD];
    const size_t at = packet->owned.size;
    ATH__TRY(ath__bytes_append(packet->ctx, &packet->owned, room, sizeof room));
    ATH__TRY(ath__packet_encode(system, &packet->owned));
    const size_t body = at + ATH__SECTION_HEAD, bytes = packet->owned.size - body;
    const ath__head head = {.a = ATH__PACKET_VERSION,
                            .b = (uint32_t)index,
                            .c = (uint32_t)packet->n_systems,
                            .length = bytes,
                            .crc = ath__crc32c(0, packet->owned.data + body, bytes)};
    ath__head_write(packet->owned.data + at, ATH__MARK_RECORD, &head);
    return packet_push(packet, body, bytes, index);
}

static ath_status packet_begin(ath_context *ctx, int32_t n, ath_packet **out)
{
    if (n < 0 || n > ATH_PACKET_MAX) {
        return ath__fail(ctx, ATH_E_RANGE, "a packet holds 0 to %d systems, not %d",
                         (int)ATH_PACKET_MAX, n);
    }
    ATH__TRY(packet_create(ctx, out));
    (*out)->n_systems = n;
    return ATH_OK;
}

static ath_status packet_end(ath_packet **packet, ath_status s)
{
    if (s != ATH_OK) {
        ath_packet_destroy(packet);
        return s;
    }
    (*packet)->data = (*packet)->owned.data;
    (*packet)->bytes = (*packet)->owned.size;
    return ATH_OK;
}

ath_status ath_packet_pack(ath_context *ctx, ath_system *const *systems, int32_t n,
                           ath_packet **out)
{
    if (ctx == NULL || out == NULL || (systems == NULL && n > 0)) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "ath_packet_pack: NULL argument");
    }
    *out = NULL;
    ATH__TRY(packet_begin(ctx, n, out));
    ath_status s = ATH_OK;
    for (int32_t i = 0; i < n && s == ATH_OK; i++) {
        s = systems[i] ? packet_add(*out, systems[i], i)
                       : ath__fail(ctx, ATH_E_ARGUMENT, "ath_packet_pack: system %d is NULL", i);
    }
    return packet_end(out, s);
}

ath_status ath_packet_pack_batch(const ath_batch *batch, const int32_t *indices, int32_t n,
                                 ath_packet **out)
{
    if (batch == NULL || out == NULL || (indices == NULL && n > 0)) {
        return ATH_E_ARGUMENT;
    }
    *out = NULL;
    ATH__TRY(packet_begin(ath_batch_device(batch)->ctx, n, out));
    ath_status s = ATH_OK;
    for (int32_t i = 0; i < n && s == ATH_OK; i++) {
        ath_system *system = NULL;
        s = ath_batch_get(batch, indices[i], &system);
        if (s == ATH_OK) {
            s = packet_add(*out, system, i);
        }
        ath_system_destroy(&system);
    }
    return packet_end(out, s);
}

/* ---- opening ---- */

/* What follows an intact head: a record, or not. *at is moved behind it. */
static ath_status packet_take(ath_packet *packet, const ath__head *head, size_t *at)
{
    const size_t body = *at + ATH__SECTION_HEAD, left = packet->bytes - body;
    const int32_t last = packet->n_records ? packet->records[packet->n_records - 1].index : -1;
    if (head->a > ATH__PACKET_VERSION) {
        return ath__fail(packet->ctx, ATH_E_UNSUPPORTED,
                         "packet format %u is newer than this library, which reads up to %d",
                         head->a, (int)ATH__PACKET_VERSION);
    }
    if (head->a < 1 || head->c < 1 || head->c > ATH_PACKET_MAX || head->b >= head->c ||
        (packet->n_systems > 0 && head->c != (uint32_t)packet->n_systems) ||
        (int64_t)head->b <= last) {
        packet->damaged = true;
        *at += 1; /* look for the next head */
        return ATH_OK;
    }
    packet->n_systems = (int32_t)head->c;
    if (head->length > left) {
        packet->damaged = true;
        *at += 1;
        return ATH_OK;
    }
    *at = body + (size_t)head->length;
    if (head->crc != ath__crc32c(0, packet->data + body, (size_t)head->length)) {
        packet->damaged = true;
        return ATH_OK;
    }
    return packet_push(packet, body, (size_t)head->length, (int32_t)head->b);
}

static ath_status packet_scan(ath_packet *packet)
{
    ath__head head;
    size_t at = 0;
    while (at < packet->bytes) {
        const size_t next = ath__head_find(packet->data, packet->bytes, at, ATH__MARK_RECORD);
        packet->damaged = packet->damaged || next != at;
        at = next;
        if (at < packet->bytes) {
            (void)ath__head_read(packet->data + at, ATH__MARK_RECORD, &head);
            ATH__TRY(packet_take(packet, &head, &at));
        }
    }
    packet->damaged = packet->damaged || packet->n_records < packet->n_systems;
    if (packet->bytes > 0 && packet->n_records == 0) {
        return ath__fail(packet->ctx, ATH_E_CHECKSUM,
                         "no system can be read from these %zu bytes of a packet", packet->bytes);
    }
    return ATH_OK;
}

ath_status ath_packet_open(ath_context *ctx, const void *data, size_t bytes, ath_packet **out)
{
    if (ctx == NULL || out == NULL || (data == NULL && bytes > 0)) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "ath_packet_open: NULL argument");
    }
    *out = NULL;
    ATH__TRY(packet_create(ctx, out));
    (*out)->data = data;
    (*out)->bytes = bytes;
    const ath_status s = packet_scan(*out);
    if (s != ATH_OK) {
        ath_packet_destroy(out);
    }
    return s;
}

/* ---- looking and unpacking ---- */

const void *ath_packet_data(const ath_packet *packet, size_t *bytes)
{
    if (bytes) {
        *bytes = packet ? packet->bytes : 0;
    }
    return packet ? packet->data : NULL;
}

int32_t ath_packet_n_systems(const ath_packet *packet)
{
    return packet ? packet->n_systems : 0;
}

ath_status ath_packet_check(const ath_packet *packet)
{
    if (packet == NULL) {
        return ATH_E_ARGUMENT;
    }
    if (!packet->damaged) {
        return ATH_OK;
    }
    return ath__fail(packet->ctx, ATH_E_CHECKSUM,
                     "the packet is damaged: %d of %d systems are lost",
                     packet->n_systems - packet->n_records, packet->n_systems);
}

static ath_status packet_find(const ath_packet *packet, int32_t index, const packet_record **out)
{
    int32_t lo = 0, hi = packet->n_records;
    if (index < 0 || index >= packet->n_systems) {
        return ath__fail(packet->ctx, ATH_E_RANGE, "there is no system %d in a packet of %d", index,
                         packet->n_systems);
    }
    while (lo < hi) {
        const int32_t mid = lo + (hi - lo) / 2;
        if (packet->records[mid].index < index) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    if (lo == packet->n_records || packet->records[lo].index != index) {
        return ath__fail(packet->ctx, ATH_E_CHECKSUM, "system %d of the packet is damaged", index);
    }
    *out = &packet->records[lo];
    return ATH_OK;
}

ath_status ath_packet_peek(const ath_packet *packet, int32_t index, ath_packet_info *out)
{
    const packet_record *record = NULL;
    if (packet == NULL || out == NULL) {
        return ATH_E_ARGUMENT;
    }
    ATH__TRY(packet_find(packet, index, &record));
    const uint8_t *body = packet->data + record->body;
    if (record->bytes < 20 || ath__le_get32(body + 16) > INT32_MAX) {
        return ath__fail(packet->ctx, ATH_E_FORMAT, "system %d of the packet makes no sense",
                         index);
    }
    *out = (ath_packet_info){.uid = {.lo = ath__le_get64(body), .hi = ath__le_get64(body + 8)},
                             .n_atoms = (int32_t)ath__le_get32(body + 16),
                             .bytes = record->bytes + ATH__SECTION_HEAD};
    return ATH_OK;
}

ath_status ath_packet_unpack(const ath_packet *packet, int32_t index, ath_system **out)
{
    const packet_record *record = NULL;
    if (packet == NULL || out == NULL) {
        return ATH_E_ARGUMENT;
    }
    *out = NULL;
    ATH__TRY(packet_find(packet, index, &record));
    return ath__packet_decode(packet->ctx, packet->data + record->body, record->bytes, out);
}

ath_status ath_packet_unpack_into(const ath_packet *packet, int32_t index, ath_batch *batch)
{
    ath_system *system = NULL;
    if (batch == NULL) {
        return ATH_E_ARGUMENT;
    }
    ATH__TRY(ath_packet_unpack(packet, index, &system));
    const ath_status s = ath__batch_import(batch, system, true, true);
    ath_system_destroy(&system);
    return s;
}
