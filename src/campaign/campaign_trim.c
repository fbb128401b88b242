/* campaign_trim.c - text files that are appended to while a campaign runs, put right after a crash.
 *
 * Behind the length that the checkpoint knows, pieces (lines, or frames) of systems that are done
 * stay, and others go: who wrote them writes them again. The first piece that goes is where the
 * file is cut; what stays behind it is first written to a file of its own, PATH.tail, whose first
 * line says where it belongs. That file has its name once it is whole, so what is cut off can
 * always be put back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "campaign/campaign_private.h"

enum { TRIM_CHUNK = 1 << 20, TRIM_UID = 32 };

typedef struct trim {
    ath_campaign *c;
    ath_text_format format;
    const char *path;
    ath__bytes tail_path, new_path;
    uint64_t size, read; /* of the file; bytes of it that were read */
    uint64_t piece;      /* where the piece at hand begins */
    ath__bytes buffer;
    size_t at;    /* of that piece in the buffer */
    bool cutting; /* a piece has gone */
    uint64_t cut; /* where it was */
    ath__file tail;
} trim;

/* ---- pieces ---- */

/* More of the file into the buffer, whose first byte is that of the piece afterwards. ATH_END:
 * there is no more. */
static ath_status trim_read(trim *t)
{
    ath__bytes part = {0};
    const uint64_t left = t->size - t->read;
    const size_t n = left < TRIM_CHUNK ? (size_t)left : TRIM_CHUNK;
    if (n == 0) {
        return ATH_END;
    }
    if (t->at > 0) {
        memmove(t->buffer.data, t->buffer.data + t->at, t->buffer.size - t->at);
        t->buffer.size -= t->at;
        t->at = 0;
    }
    ATH__TRY(ath__file_part(t->c->ctx, t->path, t->read, n, &part));
    const ath_status status = ath__bytes_append(t->c->ctx, &t->buffer, part.data, n);
    ath__bytes_free(t->c->ctx, &part);
    t->read += status == ATH_OK ? n : 0;
    return status;
}

/* The end of the line that begins at byte `from` of the piece, behind its newline, in *end.
 * ATH_END: it is torn. */
static ath_status trim_line(trim *t, size_t from, size_t *end)
{
    size_t seen = from;
    for (;;) {
        const size_t size = t->buffer.size - t->at;
        const uint8_t *piece = t->buffer.data + t->at;
        const uint8_t *stop = size > seen ? memchr(piece + seen, '\n', size - seen) : NULL;
        if (stop) {
            *end = (size_t)(stop - piece) + 1;
            return ATH_OK;
        }
        seen = size;
        const ath_status status = trim_read(t);
        if (status != ATH_OK) {
            return status;
        }
    }
}

/* The number in the first line of a frame, which has nothing else; -1 if it is none. */
static int64_t trim_count(const uint8_t *line, size_t n)
{
    int64_t count = 0;
    size_t i = 0;
    while (i < n && line[i] == ' ') {
        i++;
    }
    const size_t first = i;
    while (i < n && line[i] >= '0' && line[i] <= '9' && count < INT32_MAX) {
        count = 10 * count + (line[i++] - '0');
    }
    const size_t last = i;
    while (i < n && (line[i] == ' ' || line[i] == '\r' || line[i] == '\n')) {
        i++;
    }
    return last > first && i == n ? count : -1;
}

/* 32 hexadecimal digits that stand alone. */
static bool trim_is_uid(const uint8_t *at, const uint8_t *end, ath_uid *out)
{
    static const char digits[] = "0123456789abcdef";
    char text[TRIM_UID + 1];
    if (end - at < TRIM_UID) {
        return false;
    }
    memcpy(text, at, TRIM_UID);
    text[TRIM_UID] = '\0';
    if (strspn(text, digits) != TRIM_UID ||
        (end - at > TRIM_UID && at[TRIM_UID] != '\0' && strchr(digits, at[TRIM_UID]))) {
        return false;
    }
    return ath_uid_parse(text, out) == ATH_OK;
}

/* Whom the line is about: the first uid in it, or that of the last key, since those of whoever
 * writes frames stand behind all that the structure had before, texts included. */
static bool trim_find(const trim *t, const uint8_t *line, size_t n, ath_uid *out)
{
    static const char key[] = " uid=";
    const bool frames = t->format == ATH_TEXT_EXTXYZ;
    const size_t skip = frames ? sizeof key - 1 : 0;
    bool found = false;
    for (size_t i = 0; i + skip + TRIM_UID <= n && (frames || !found); i++) {
        const bool begins = frames ? memcmp(line + i, key, skip) == 0
                                   : i == 0 || !strchr("0123456789abcdef", line[i - 1]);
        found |= begins && trim_is_uid(line + i + skip, line + n, out);
    }
    return found;
}

/* A frame: *bytes of it, and its second line. */
static ath_status trim_frame(trim *t, size_t *bytes, size_t *begin, size_t *end)
{
    ATH__TRY(trim_line(t, 0, begin));
    const int64_t n = trim_count(t->buffer.data + t->at, *begin);
    ath_status status = n < 0 ? ATH_END : trim_line(t, *begin, end);
    *bytes = *end;
    for (int64_t i = 0; i < n && status == ATH_OK; i++) {
        status = trim_line(t, *bytes, bytes);
    }
    return status;
}

/* The piece at hand: *bytes of it, and whether it stays. ATH_END: none that is whole. */
static ath_status trim_piece(trim *t, size_t *bytes, bool *stays)
{
    size_t begin = 0, end = 0;
    ath_uid uid;
    const bool lines = t->format == ATH_TEXT_LINES;
    const ath_status status = lines ? trim_line(t, 0, &end) : trim_frame(t, bytes, &begin, &end);
    if (status != ATH_OK) {
        return status;
    }
    *bytes = lines ? end : *bytes;
    *stays = trim_find(t, t->buffer.data + t->at + begin, end - begin, &uid)
                 ? ath__campaign_has(t->c, uid)
                 : t->piece == 0 && lines;
    return ATH_OK;
}

/* ---- what stays ---- */

static ath_status trim_begin_tail(trim *t)
{
    char head[48];
    t->cutting = true;
    t->cut = t->piece;
    ATH__TRY(ath__file_create(t->c->ctx, (const char *)t->new_path.data, false, &t->tail));
    const int n = snprintf(head, sizeof head, "athanor tail %llu\n", (unsigned long long)t->cut);
    return ath__file_write(&t->tail, head, (size_t)n);
}

static ath_status trim_pieces(trim *t)
{
    size_t bytes = 0;
    bool stays = false;
    ath_status status;
    while ((status = trim_piece(t, &bytes, &stays)) == ATH_OK) {
        if (!stays && !t->cutting) {
            ATH__TRY(trim_begin_tail(t));
        } else if (stays && t->cutting) {
            ATH__TRY(ath__file_write(&t->tail, t->buffer.data + t->at, bytes));
        }
        t->at += bytes;
        t->piece += bytes;
    }
    if (status == ATH_END && t->piece < t->size && !t->cutting) {
        return trim_begin_tail(t); /* a torn end */
    }
    return status == ATH_END ? ATH_OK : status;
}

/* ---- putting it back ---- */

/* The first line of a tail: where it belongs, and where what is to be put there begins. */
static bool trim_head(const ath__bytes *tail, uint64_t *cut, size_t *skip)
{
    static const char words[] = "athanor tail ";
    const size_t n = sizeof words - 1;
    char *end = NULL;
    if (tail->size <= n || memcmp(tail->data, words, n) != 0 || tail->data[n] < '0' ||
        tail->data[n] > '9') {
        return false;
    }
    *cut = strtoull((const char *)tail->data + n, &end, 10); /* a NUL stands behind the file */
    *skip = (size_t)(end - (const char *)tail->data) + 1;
    return *end == '\n';
}

/* Cuts the file where the tail belongs, and appends it. ATH_OK if there is no tail. */
static ath_status trim_join(const trim *t)
{
    ath_context *ctx = t->c->ctx;
    const char *name = (const char *)t->tail_path.data;
    ath__bytes tail = {0};
    ath__file file = {0};
    uint64_t cut = 0;
    size_t skip = 0;
    ath_status status = ath__file_read(ctx, name, 0, &tail);
    if (status == ATH_E_NOT_FOUND) {
        return ATH_OK;
    }
    if (status == ATH_OK && !trim_head(&tail, &cut, &skip)) {
        status = ath__fail(ctx, ATH_E_FORMAT, "'%s' is no tail of a file", name);
    }
    status = status == ATH_OK ? ath__file_cut(ctx, t->path, cut) : status;
    status = status == ATH_OK ? ath__file_extend(ctx, t->path, cut, &file) : status;
    if (status == ATH_OK) {
        status = ath__file_write(&file, tail.data + skip, tail.size - skip);
        status = status == ATH_OK ? ath__file_flush(&file, true) : status;
        const ath_status closed = ath__file_close(&file);
        status = status == ATH_OK ? closed : status;
    }
    status = status == ATH_OK ? ath__file_remove(ctx, name) : status;
    status = status == ATH_OK ? ath__file_sync_directory(ctx, name) : status;
    ath__bytes_free(ctx, &tail);
    return status;
}

static ath_status trim_file(trim *t, uint64_t length)
{
    ath_context *ctx = t->c->ctx;
    ATH__TRY(trim_join(t)); /* of an earlier one, cut off in the middle */
    const ath_status there = ath__file_size(ctx, t->path, &t->size);
    if (there != ATH_OK) {
        return there == ATH_E_NOT_FOUND && length == 0 ? ATH_OK : there;
    }
    /* the tail of one that was killed when it had removed it does not come back later */
    ATH__TRY(ath__file_sync_directory(ctx, t->path));
    if (t->size < length) {
        return ath__fail(ctx, ATH_E_FORMAT, "'%s' has %llu bytes, but should have at least %llu",
                         t->path, (unsigned long long)t->size, (unsigned long long)length);
    }
    t->read = t->piece = length;
    ath_status status = trim_pieces(t);
    if (!t->cutting) {
        return status;
    }
    /* what stays in front of the cut is synced before there is a tail that counts on it */
    status = status == ATH_OK ? ath__file_cut(ctx, t->path, t->size) : status;
    status = status == ATH_OK ? ath__file_flush(&t->tail, true) : status;
    const ath_status closed = ath__file_close(&t->tail);
    status = status == ATH_OK ? closed : status;
    status = status == ATH_OK ? ath__file_rename(ctx, (const char *)t->new_path.data,
                                                 (const char *)t->tail_path.data)
                              : status;
    return status == ATH_OK ? trim_join(t) : status;
}

ath_status ath_campaign_trim(ath_campaign *c, const char *path, ath_text_format format,
                             int64_t length)
{
    if (c == NULL || path == NULL || length < 0) {
        return ath__fail(c ? c->ctx : NULL, ATH_E_ARGUMENT, "ath_campaign_trim: arguments");
    }
    trim t = {.c = c, .format = format, .path = path};
    ath_status status = ath__bytes_print(c->ctx, &t.tail_path, "%s.tail", path);
    status = status == ATH_OK ? ath__bytes_append(c->ctx, &t.tail_path, "", 1) : status;
    status = status == ATH_OK ? ath__bytes_print(c->ctx, &t.new_path, "%s.tail.new", path) : status;
    status = status == ATH_OK ? ath__bytes_append(c->ctx, &t.new_path, "", 1) : status;
    status = status == ATH_OK ? trim_file(&t, (uint64_t)length) : status;
    ath__bytes_free(c->ctx, &t.buffer);
    ath__bytes_free(c->ctx, &t.tail_path);
    ath__bytes_free(c->ctx, &t.new_path);
    return status;
}
