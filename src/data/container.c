/* Containers: sections one after the other, from the first byte to an explicit end.
 *
 * Each section is announced by a head with a mark, a length and two checksums. If a head is
 * damaged, the reader hands out the bytes up to the next intact head as a section without id, so
 * that what follows is not lost; numbers in the heads tell if one is missing. The last section is
 * an empty one with the id END: without it the container was cut off.
 */
#include "data/container.h"

#include <string.h>

#include "data/bytes.h"

/* Not text, and spoilt by a transfer as text: the same care as in the signature of PNG. */
static const uint8_t container_magic[8] = {
    ATH__CONTAINER_FIRST, 'A', 'T', 'H', '\r', '\n', 0x1a, '\n'};

struct ath_container {
    ath_context *ctx;
    ath__bytes bytes;
    uint32_t n_sections;
    bool finished;
};

struct ath_container_reader {
    ath_context *ctx;
    char *name;
    ath__bytes owned; /* of the file */
    const uint8_t *data;
    size_t bytes, at;
    uint32_t number;   /* of the section expected next */
    bool gap;          /* bytes were passed over, so that its number is not known */
    bool head_damaged; /* the first 16 bytes are not what they should be; not yet told */
    bool ended;        /* END was seen, or its absence told */
};

/* ---- heads ---- */

void ath__head_write(uint8_t out[ATH__SECTION_HEAD], uint32_t mark, const ath__head *head)
{
    ath__le_put32(out, mark);
    ath__le_put32(out + 4, head->a);
    ath__le_put32(out + 8, head->b);
    ath__le_put32(out + 12, head->c);
    ath__le_put64(out + 16, head->length);
    ath__le_put32(out + 24, head->crc);
    ath__le_put32(out + 28, ath__crc32c(0, out, 28));
}

bool ath__head_read(const uint8_t in[ATH__SECTION_HEAD], uint32_t mark, ath__head *head)
{
    if (ath__le_get32(in) != mark || ath__le_get32(in + 28) != ath__crc32c(0, in, 28)) {
        return false;
    }
    *head = (ath__head){.a = ath__le_get32(in + 4),
                        .b = ath__le_get32(in + 8),
                        .c = ath__le_get32(in + 12),
                        .length = ath__le_get64(in + 16),
                        .crc = ath__le_get32(in + 24)};
    return true;
}

size_t ath__head_find(const uint8_t *data, size_t bytes, size_t from, uint32_t mark)
{
    uint8_t first[4];
    ath__head head;
    ath__le_put32(first, mark);
    while (from < bytes && bytes - from >= ATH__SECTION_HEAD) {
        const uint8_t *hit = memchr(data + from, first[0], bytes - from - ATH__SECTION_HEAD + 1);
        if (hit == NULL) {
            break;
        }
        if (ath__head_read(hit, mark, &head)) {
            return (size_t)(hit - data);
        }
        from = (size_t)(hit - data) + 1;
    }
    return bytes;
}

/* ---- writing ---- */

ath_status ath_container_create(ath_context *ctx, ath_container **out)
{
    uint8_t head[ATH__CONTAINER_HEAD];
    ath_container *container = NULL;
    if (ctx == NULL || out == NULL) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "ath_container_create: NULL argument");
    }
    *out = NULL;
    ATH__TRY(ath__alloc(ctx, 1, sizeof *container, &container));
    container->ctx = ctx;
    memcpy(head, container_magic, sizeof container_magic);
    ath__le_put32(head + 8, ATH__CONTAINER_VERSION);
    ath__le_put32(head + 12, ath__crc32c(0, head, 12));
    const ath_status s = ath__bytes_append(ctx, &container->bytes, head, sizeof head);
    if (s != ATH_OK) {
        ath_container_destroy(&container);
        return s;
    }
    *out = container;
    return ATH_OK;
}

void ath_container_destroy(ath_container **container)
{
    if (container && *container) {
        ath_context *ctx = (*container)->ctx;
        ath__bytes_free(ctx, &(*container)->bytes);
        ath__free(ctx, container, 1, sizeof **container);
    }
}

static ath_status container_append(ath_container *container, uint32_t id, uint32_t version,
                                   const void *data, size_t bytes)
{
    uint8_t out[ATH__SECTION_HEAD];
    size_t total;
    if (ath__add(bytes, sizeof out, &total)) {
        return ath__fail(container->ctx, ATH_E_NO_MEMORY, "a section of %zu bytes", bytes);
    }
    const ath__head head = {.a = id,
                            .b = version,
                            .c = container->n_sections,
                            .length = bytes,
                            .crc = ath__crc32c(0, data, bytes)};
    ATH__TRY(ath__bytes_reserve(container->ctx, &container->bytes, total));
    ath__head_write(out, ATH__MARK_SECTION, &head);
    ATH__TRY(ath__bytes_append(container->ctx, &container->bytes, out, sizeof out));
    ATH__TRY(ath__bytes_append(container->ctx, &container->bytes, data, bytes));
    container->n_sections++;
    return ATH_OK;
}

ath_status ath_container_add(ath_container *container, uint32_t id, uint32_t version,
                             const void *data, size_t bytes)
{
    if (container == NULL) {
        return ATH_E_ARGUMENT;
    }
    if (id == 0 || id == ATH_SECTION_END || (data == NULL && bytes > 0)) {
        return ath__fail(container->ctx, ATH_E_ARGUMENT, "ath_container_add: %s",
                         data == NULL && bytes > 0 ? "no data" : "this id is reserved");
    }
    if (container->finished) {
        return ath__fail(container->ctx, ATH_E_STATE, "the container is finished");
    }
    return container_append(container, id, version, data, bytes);
}

ath_status ath_container_add_packet(ath_container *container, const ath_packet *packet)
{
    size_t bytes = 0;
    if (packet == NULL) {
        return ATH_E_ARGUMENT;
    }
    const void *data = ath_packet_data(packet, &bytes);
    return ath_container_add(container, ATH_SECTION_PACKET, ATH__PACKET_VERSION, data, bytes);
}

ath_status ath_container_finish(ath_container *container, const void **data, size_t *bytes)
{
    if (container == NULL || data == NULL || bytes == NULL) {
        return ATH_E_ARGUMENT;
    }
    if (!container->finished) {
        ATH__TRY(container_append(container, ATH_SECTION_END, 1, NULL, 0));
        container->finished = true;
    }
    *data = container->bytes.data;
    *bytes = container->bytes.size;
    return ATH_OK;
}

ath__container_mark ath__container_tell(const ath_container *container)
{
    return (ath__container_mark){container->bytes.size, container->n_sections};
}

void ath__container_rewind(ath_container *container, ath__container_mark mark)
{
    container->bytes.size = mark.bytes;
    container->n_sections = mark.n_sections;
    container->finished = false;
}

ath_status ath_container_save(ath_container *container, const char *path)
{
    const void *data;
    size_t bytes;
    if (path == NULL) {
        return ATH_E_ARGUMENT;
    }
    ATH__TRY(ath_container_finish(container, &data, &bytes));
    return ath__file_replace(container->ctx, path, data, bytes);
}

/* ---- reading ---- */

bool ath__container_begins(const uint8_t in[ATH__CONTAINER_HEAD])
{
    return memcmp(in, container_magic, sizeof container_magic) == 0 &&
           ath__le_get32(in + 12) == ath__crc32c(0, in, 12);
}

/* The first bytes: magic, version, checksum. A damaged beginning is forgiven if a section follows.
 */
static ath_status container_begin(ath_container_reader *r)
{
    ath__head head;
    const bool whole = r->bytes >= ATH__CONTAINER_HEAD;
    if (!whole || !ath__container_begins(r->data)) {
        if (!whole || r->bytes < ATH__CONTAINER_HEAD + ATH__SECTION_HEAD ||
            !ath__head_read(r->data + ATH__CONTAINER_HEAD, ATH__MARK_SECTION, &head)) {
            return ath__fail(r->ctx, ATH_E_FORMAT, "%s: this is not a container of Athanor",
                             r->name);
        }
        r->head_damaged = true;
        return ATH_OK;
    }
    const uint32_t version = ath__le_get32(r->data + 8);
    if (version > ATH__CONTAINER_VERSION) {
        return ath__fail(r->ctx, ATH_E_UNSUPPORTED,
                         "%s: container format %u is newer than this library, which reads up to %d",
                         r->name, version, (int)ATH__CONTAINER_VERSION);
    }
    r->at = ATH__CONTAINER_HEAD;
    return ATH_OK;
}

static ath_status container_open(ath_context *ctx, const char *name, ath_container_reader **out)
{
    ath_container_reader *reader = NULL;
    *out = NULL;
    ATH__TRY(ath__alloc(ctx, 1, sizeof *reader, &reader));
    reader->ctx = ctx;
    const ath_status s = ath__strdup(ctx, name, &reader->name);
    if (s != ATH_OK) {
        ath_container_close(&reader);
        return s;
    }
    *out = reader;
    return ATH_OK;
}

ath_status ath_container_open(ath_context *ctx, const char *path, ath_container_reader **out)
{
    if (ctx == NULL || path == NULL || out == NULL) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "ath_container_open: NULL argument");
    }
    ATH__TRY(container_open(ctx, path, out));
    ath_container_reader *r = *out;
    ath_status s = ath__file_read(ctx, path, 0, &r->owned);
    if (s == ATH_OK) {
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): made by container_open */
        r->data = r->owned.data;
        r->bytes = r->owned.size;
        s = container_begin(r);
    }
    if (s != ATH_OK) {
        ath_container_close(out);
    }
    return s;
}

ath_status ath_container_open_memory(ath_context *ctx, const char *name, const void *data,
                                     size_t bytes, ath_container_reader **out)
{
    if (ctx == NULL || name == NULL || out == NULL || (data == NULL && bytes > 0)) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "ath_container_open_memory: NULL argument");
    }
    ATH__TRY(container_open(ctx, name, out));
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): made by container_open */
    (*out)->data = data;
    (*out)->bytes = bytes;
    const ath_status s = container_begin(*out);
    if (s != ATH_OK) {
        ath_container_close(out);
    }
    return s;
}

void ath_container_close(ath_container_reader **reader)
{
    if (reader && *reader) {
        ath_context *ctx = (*reader)->ctx;
        ath__bytes_free(ctx, &(*reader)->owned);
        ath__strfree(ctx, &(*reader)->name);
        ath__free(ctx, reader, 1, sizeof **reader);
    }
}

/* Hands out the bytes from `at` to the next head that is intact. */
static ath_status container_skip(ath_container_reader *r, ath_section *out)
{
    const size_t from = r->at;
    r->gap = true;
    r->at = ath__head_find(r->data, r->bytes, from + 1, ATH__MARK_SECTION);
    out->data = r->data + from;
    out->bytes = r->at - from;
    if (r->at == r->bytes) {
        r->ended = true;
        return ath__fail(r->ctx, ATH_E_FORMAT, "%s: cut off or damaged from byte %zu on", r->name,
                         from);
    }
    return ath__fail(r->ctx, ATH_E_CHECKSUM, "%s: damaged from byte %zu to %zu", r->name, from,
                     r->at);
}

static ath_status container_after_end(ath_container_reader *r, ath_section *out)
{
    if (r->at == r->bytes) {
        return ATH_END;
    }
    out->data = r->data + r->at;
    out->bytes = r->bytes - r->at;
    r->at = r->bytes;
    return ath__fail(r->ctx, ATH_E_FORMAT, "%s: %zu bytes follow the end of the container", r->name,
                     out->bytes);
}

/* A section with an intact head at `at`. */
static ath_status container_take(ath_container_reader *r, const ath__head *head, ath_section *out)
{
    const size_t body = r->at + ATH__SECTION_HEAD, left = r->bytes - body;
    if (head->c != r->number && !r->gap) {
        r->number = head->c; /* tell it once, then go on */
        return ath__fail(r->ctx, ATH_E_CHECKSUM, "%s: sections are missing before byte %zu",
                         r->name, r->at);
    }
    r->gap = false;
    out->id = head->a;
    out->version = head->b;
    out->data = r->data + body;
    out->bytes = head->length < left ? (size_t)head->length : left;
    r->number = head->c + 1;
    r->at = body + out->bytes;
    if (head->length > left) {
        r->ended = true;
        return ath__fail(r->ctx, ATH_E_FORMAT, "%s: cut off after %zu bytes, inside a section",
                         r->name, r->bytes);
    }
    if (head->crc != ath__crc32c(0, out->data, out->bytes)) {
        return ath__fail(r->ctx, ATH_E_CHECKSUM, "%s: damaged from byte %zu to %zu", r->name, body,
                         r->at);
    }
    return ATH_OK;
}

ath_status ath_container_next(ath_container_reader *reader, ath_section *out)
{
    ath__head head;
    if (reader == NULL || out == NULL) {
        return ATH_E_ARGUMENT;
    }
    *out = (ath_section){0};
    if (reader->head_damaged) {
        reader->head_damaged = false;
        out->data = reader->data;
        out->bytes = ATH__CONTAINER_HEAD;
        reader->at = ATH__CONTAINER_HEAD;
        return ath__fail(reader->ctx, ATH_E_CHECKSUM, "%s: the first bytes are damaged",
                         reader->name);
    }
    if (reader->ended) {
        return container_after_end(reader, out);
    }
    if (reader->bytes - reader->at < ATH__SECTION_HEAD ||
        !ath__head_read(reader->data + reader->at, ATH__MARK_SECTION, &head)) {
        return container_skip(reader, out);
    }
    const ath_status s = container_take(reader, &head, out);
    if (s == ATH_OK && head.a == ATH_SECTION_END) {
        *out = (ath_section){0};
        reader->ended = true;
        return container_after_end(reader, out);
    }
    return s;
}
