/* Reading extended XYZ frame by frame: the window, the lines and the borders of frames.
 *
 * The window holds the text of one frame: it is filled by read calls, moved down, and grown by a
 * quarter when a frame does not fit. A frame is taken as a whole first: its count line, its comment
 * line and as many lines as the count says; only then is memory for atoms asked for, so a count
 * that the file does not bear out costs nothing. Every byte is looked at a fixed number of times.
 *
 * Borders after errors: a row that holds nothing but a whole number can only be the next count
 * line, so a frame that is too short ends there. After a bad count line, reading goes on at the
 * next line that holds a whole number alone and has no row of an atom behind it. Other errors end
 * with the announced number of lines. What the lines mean: extxyz_frame.c.
 */
#include "flow/extxyz_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum {
    READER_FIRST_WINDOW = 1 << 18, /* bytes */
    READER_KEPT_SCRATCH = 1 << 18,
    READER_COUNT_LINE = 4096 /* characters; a longer line is no count line */
};

struct ath_extxyz_reader {
    ath_context *ctx;
    char *name;
    int fd; /* -1: none */
    bool in_memory, at_end, at_start, failed;
    char *window;      /* [capacity], owned; text at [begin, end) */
    const char *bytes; /* the window, or the caller's memory */
    size_t capacity, begin, end;
    int64_t line; /* number of the line at `begin`, from 1 */
    int64_t frame;
    uint8_t elements[ATH__XYZ_ELEMENTS];
    ath__xyz_scratch scratch;
};

/* ---- opening and closing ---- */

static ath_status reader_io_fail(ath_extxyz_reader *r, const char *what, int64_t code)
{
    char space[128];
#if defined(__GLIBC__)
    const char *text = strerror_r((int)-code, space, sizeof space);
#else
    const char *text = strerror_r((int)-code, space, sizeof space) == 0 ? space : "unknown error";
#endif
    const bool absent = code == -ENOENT || code == -ENOTDIR;
    r->failed = true;
    return ath__fail(r->ctx, absent ? ATH_E_NOT_FOUND : ATH_E_IO, "cannot %s '%s': %s", what,
                     r->name, text);
}

static ath_status reader_create(ath_context *ctx, const char *name, ath_extxyz_reader **out)
{
    ath_extxyz_reader *r;
    *out = NULL;
    ATH__TRY(ath__alloc(ctx, 1, sizeof *r, &r));
    r->ctx = ctx;
    r->fd = -1;
    r->line = 1;
    r->frame = -1;
    r->at_start = true;
    ath__xyz_elements(r->elements);
    ath_status status = ath__strdup(ctx, name, &r->name);
    if (status != ATH_OK) {
        ath_extxyz_close(&r);
        return status;
    }
    *out = r;
    return ATH_OK;
}

static ath_status reader_open_file(ath_extxyz_reader *r)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): made by reader_create */
    const ath_io *io = &r->ctx->config.io;
    ATH__TRY(ath__alloc(r->ctx, READER_FIRST_WINDOW, 1, &r->window));
    r->capacity = READER_FIRST_WINDOW;
    r->bytes = r->window;
    if (strcmp(r->name, "-") == 0) {
        r->fd = STDIN_FILENO;
        return ATH_OK;
    }
    do {
        r->fd = io->open(io->user, r->name, O_RDONLY | O_CLOEXEC, 0);
    } while (r->fd == -EINTR);
    if (r->fd < 0) {
        const int code = r->fd;
        r->fd = -1;
        return reader_io_fail(r, "open", code);
    }
    return ATH_OK;
}

ath_status ath_extxyz_open(ath_context *ctx, const char *path, ath_extxyz_reader **out)
{
    if (!ctx || !path || !out) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "ath_extxyz_open: NULL argument");
    }
    ATH__TRY(reader_create(ctx, path, out));
    const ath_status status = reader_open_file(*out);
    if (status != ATH_OK) {
        ath_extxyz_close(out);
    }
    return status;
}

ath_status ath_extxyz_open_memory(ath_context *ctx, const char *name, const char *bytes,
                                  size_t n_bytes, ath_extxyz_reader **out)
{
    if (!ctx || !name || !out || (!bytes && n_bytes > 0)) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "ath_extxyz_open_memory: NULL argument");
    }
    ATH__TRY(reader_create(ctx, name, out));
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): made by reader_create */
    (*out)->bytes = bytes ? bytes : "";
    (*out)->end = n_bytes;
    (*out)->in_memory = true;
    (*out)->at_end = true;
    return ATH_OK;
}

void ath_extxyz_close(ath_extxyz_reader **reader)
{
    if (!reader || !*reader) {
        return;
    }
    ath_extxyz_reader *r = *reader;
    ath_context *ctx = r->ctx;
    if (r->fd >= 0 && strcmp(r->name, "-") != 0) {
        ctx->config.io.close(ctx->config.io.user, r->fd); /* nothing was written: nothing to lose */
    }
    ath__free(ctx, &r->window, r->capacity, 1);
    ath__strfree(ctx, &r->name);
    ath__xyz_scratch_free(ctx, &r->scratch);
    ath__free(ctx, reader, 1, sizeof *r);
}

int64_t ath_extxyz_frame(const ath_extxyz_reader *reader)
{
    return reader ? reader->frame : -1;
}

/* ---- the window ---- */

/* Room behind the text: moves it down if that frees an eighth, else grows the window. */
static ath_status reader_make_room(ath_extxyz_reader *r)
{
    if (r->begin >= r->capacity / 8) {
        memmove(r->window, r->window + r->begin, r->end - r->begin);
    } else {
        size_t more;
        if (ath__add(r->capacity, r->capacity / 4, &more)) {
            return ath__fail(r->ctx, ATH_E_NO_MEMORY, "'%s': frame too large", r->name);
        }
        ATH__TRY(ath__resize(r->ctx, &r->window, r->capacity, more, 1));
        r->capacity = more;
        r->bytes = r->window;
        memmove(r->window, r->window + r->begin, r->end - r->begin);
    }
    r->end -= r->begin;
    r->begin = 0;
    return ATH_OK;
}

/* Reads some more text behind the window's, or sets at_end. */
static ath_status reader_fill(ath_extxyz_reader *r)
{
    const ath_io *io = &r->ctx->config.io;
    if (r->end == r->capacity) {
        ATH__TRY(reader_make_room(r));
    }
    const size_t room = r->capacity - r->end;
    int64_t n;
    do {
        n = io->read(io->user, r->fd, r->window + r->end, room);
    } while (n == -EINTR);
    if (n < 0 || (uint64_t)n > room) {
        return reader_io_fail(r, "read", n < 0 ? n : -EIO);
    }
    r->end += (size_t)n;
    r->at_end = n == 0;
    return ATH_OK;
}

/* Skips a byte order mark at the beginning of the input. */
static ath_status reader_start(ath_extxyz_reader *r)
{
    while (r->end - r->begin < 3 && !r->at_end) {
        ATH__TRY(reader_fill(r));
    }
    if (r->end - r->begin >= 3 && memcmp(r->bytes + r->begin, "\xef\xbb\xbf", 3) == 0) {
        r->begin += 3;
    }
    r->at_start = false;
    return ATH_OK;
}

/* ---- lines ---- */

typedef struct reader_line {
    size_t length; /* without the newline */
    size_t bytes;  /* with it */
    bool cut;      /* longer than the limit: these are its first bytes */
} reader_line;

/* The line `offset` bytes behind the window's begin. ATH_END if there is none. */
static ath_status reader_peek(ath_extxyz_reader *r, size_t offset, size_t limit, reader_line *out)
{
    size_t seen = 0; /* without a newline */
    *out = (reader_line){0};
    for (;;) {
        const char *start = r->bytes + r->begin + offset;
        const size_t have = r->end - r->begin - offset;
        const size_t look = have < limit + 1 ? have : limit + 1;
        const char *newline = look > seen ? memchr(start + seen, '\n', look - seen) : NULL;
        if (newline) {
            out->length = (size_t)(newline - start);
            out->bytes = out->length + 1;
            return ATH_OK;
        }
        if (look > limit) {
            out->length = out->bytes = limit;
            out->cut = true;
            return ATH_OK;
        }
        if (r->at_end) {
            out->length = out->bytes = have;
            return have > 0 ? ATH_OK : ATH_END;
        }
        seen = look;
        ATH__TRY(reader_fill(r));
    }
}

/* Passes over the rest of a line of which `line` has been seen; true in *too_long if all of it is
 * longer than a line may be. */
static ath_status reader_drop(ath_extxyz_reader *r, reader_line line, bool *too_long)
{
    uint64_t length = line.length;
    r->begin += line.bytes;
    while (line.cut) {
        const ath_status status = reader_peek(r, 0, READER_COUNT_LINE, &line);
        if (status != ATH_OK) {
            if (status == ATH_END) {
                break;
            }
            return status;
        }
        length += line.length;
        r->begin += line.bytes;
    }
    r->line++;
    *too_long = length > ATH__XYZ_MAX_LINE;
    return ATH_OK;
}

/* A whole number and nothing else; its value, or -1 above INT32_MAX. */
static bool reader_is_count(const char *at, const reader_line *line, int64_t *count)
{
    const char *end = at + line->length;
    const char *p = ath__xyz_skip_blanks(at, end), *stop = p;
    int64_t value = 0;
    for (; stop < end && *stop >= '0' && *stop <= '9'; stop++) {
        value =
            value < 0 || value * 10 + (*stop - '0') > INT32_MAX ? -1 : value * 10 + (*stop - '0');
    }
    *count = value;
    return !line->cut && stop > p && ath__xyz_skip_blanks(stop, end) == end;
}

/* Four words, the last three of them numbers: a row of plain XYZ. */
static bool reader_is_row(const char *at, const reader_line *line)
{
    const char *end = at + line->length, *p = at;
    for (int i = 0; i < 4; i++) {
        double x;
        p = ath__xyz_skip_blanks(p, end);
        const char *stop = ath__xyz_token_end(p, end);
        if (p == stop || (i > 0 && !ath__xyz_real(p, stop, &x))) {
            return false;
        }
        p = stop;
    }
    return true;
}

static ath__xyz_line reader_place(const ath_extxyz_reader *r, size_t offset, int64_t lines,
                                  const reader_line *line)
{
    const char *at = r->bytes + r->begin + offset;
    return (ath__xyz_line){r->ctx, r->name, r->line + lines, at, at + line->length};
}

/* ---- frames ---- */

/* Progress through a frame: what has been taken lies in the window (keep) or is gone. */
typedef struct reader_cursor {
    bool keep;
    size_t offset; /* bytes taken, from the window's begin */
    int64_t lines; /* lines taken */
} reader_cursor;

static void reader_release(ath_extxyz_reader *r, reader_cursor *c)
{
    r->begin += c->offset;
    r->line += c->lines;
    *c = (reader_cursor){0};
}

/* Takes the next line of a frame. *status is ATH_E_FORMAT, with the message, if it is too long:
 * then it is dropped, and with it the frame. Other failures and ATH_END are returned. */
static ath_status reader_take(ath_extxyz_reader *r, reader_cursor *c, reader_line *line,
                              ath_status *status)
{
    bool too_long = false;
    if (c->keep && !line->cut) {
        c->offset += line->bytes;
        c->lines++;
        return ATH_OK;
    }
    const ath__xyz_line place = reader_place(r, c->offset, c->lines, line);
    const int64_t number = place.number;
    reader_release(r, c);
    ATH__TRY(reader_drop(r, *line, &too_long));
    if (too_long && *status == ATH_OK) {
        *status = ath__fail(r->ctx, ATH_E_FORMAT, "%s:%lld:%d: a line longer than %d characters",
                            r->name, (long long)number, 1, ATH__XYZ_MAX_LINE);
    }
    return ATH_OK;
}

/* Looks at the next line of a frame; what is not kept need not be seen whole. */
static ath_status reader_look(ath_extxyz_reader *r, const reader_cursor *c, reader_line *line)
{
    return reader_peek(r, c->offset, c->keep ? ATH__XYZ_MAX_LINE : READER_COUNT_LINE, line);
}

/* After a bad count line at the window's begin: goes to the next count line that can be trusted. */
static ath_status reader_recover(ath_extxyz_reader *r)
{
    reader_line line, next;
    bool too_long;
    int64_t count;
    for (bool first = true;; first = false) {
        ath_status status = reader_peek(r, 0, READER_COUNT_LINE, &line);
        if (status != ATH_OK) {
            return status == ATH_END ? ATH_OK : status;
        }
        if (!first && reader_is_count(r->bytes + r->begin, &line, &count)) {
            status = reader_peek(r, line.bytes, READER_COUNT_LINE, &next);
            if (status < 0) {
                return status;
            }
            if (!reader_is_row(r->bytes + r->begin + line.bytes, &next)) {
                return ATH_OK;
            }
        }
        ATH__TRY(reader_drop(r, line, &too_long));
    }
}

/* The count line, behind blank lines. ATH_END at the end of the input. */
static ath_status reader_count(ath_extxyz_reader *r, int64_t *count, reader_line *line)
{
    bool too_long;
    for (;;) {
        const ath_status status = reader_peek(r, 0, READER_COUNT_LINE, line);
        if (status != ATH_OK) {
            return status;
        }
        const char *at = r->bytes + r->begin;
        if (line->cut || ath__xyz_skip_blanks(at, at + line->length) < at + line->length) {
            break;
        }
        ATH__TRY(reader_drop(r, *line, &too_long));
    }
    const bool good = reader_is_count(r->bytes + r->begin, line, count);
    if (good && *count >= 0) {
        return ATH_OK;
    }
    const ath__xyz_line place = reader_place(r, 0, 0, line);
    const ath_status status =
        ath__xyz_expected(&place, ath__xyz_skip_blanks(place.begin, place.end),
                          good ? "at most 2147483647 atoms" : "the number of atoms");
    const ath_status recovered = reader_recover(r);
    return recovered < 0 ? recovered : status;
}

/* The rows of a frame. ATH_E_FORMAT, with the message, if there are fewer than the count says. */
static ath_status reader_rows(ath_extxyz_reader *r, reader_cursor *c, int64_t n_atoms,
                              ath_status *status)
{
    for (int64_t i = 0; i < n_atoms; i++) {
        reader_line line;
        int64_t count;
        const ath_status found = reader_look(r, c, &line);
        if (found < 0) {
            return found;
        }
        const ath__xyz_line place = reader_place(r, c->offset, c->lines, &line);
        const bool ends = found == ATH_END || reader_is_count(place.begin, &line, &count);
        if (ends && *status == ATH_OK) {
            *status = ath__xyz_expected(&place, place.begin, "%lld rows of atoms after %lld",
                                        (long long)n_atoms, (long long)i);
        }
        if (ends) {
            return ATH_OK;
        }
        ATH__TRY(reader_take(r, c, &line, status));
    }
    return ATH_OK;
}

/* Takes one frame. ATH_OK: with keep it lies in the window, cursor->offset bytes long, and *frame
 * points into it; else it is gone. ATH_E_FORMAT: it is gone. ATH_E_NO_MEMORY: nothing was taken. */
static ath_status reader_collect(ath_extxyz_reader *r, reader_cursor *c, ath__xyz_frame *frame)
{
    reader_line count_line, comment;
    ath_status status = ATH_OK;
    if (r->at_start) {
        ATH__TRY(reader_start(r));
    }
    const ath_status found = reader_count(r, &frame->n_atoms, &count_line);
    if (found != ATH_OK) {
        return found;
    }
    ATH__TRY(reader_take(r, c, &count_line, &status));
    const ath_status second = reader_look(r, c, &comment);
    if (second < 0) {
        return second;
    }
    if (second == ATH_END) {
        const ath__xyz_line place = reader_place(r, c->offset, c->lines, &comment);
        status = ath__xyz_refuse(&place, place.begin, "the input ends before the comment line");
    } else {
        ATH__TRY(reader_take(r, c, &comment, &status));
        ATH__TRY(reader_rows(r, c, frame->n_atoms, &status));
    }
    if (status != ATH_OK) {
        reader_release(r, c);
        return status;
    }
    if (c->keep) {
        const char *text = r->bytes + r->begin;
        frame->comment = (ath__xyz_line){r->ctx, r->name, r->line + 1, text + count_line.bytes,
                                         text + count_line.bytes + comment.length};
        frame->rows = text + count_line.bytes + comment.bytes;
        frame->rows_end = text + c->offset;
    }
    return ATH_OK;
}

/* ---- the interface ---- */

static ath_status reader_refuse(ath_extxyz_reader *r)
{
    return ath__fail(r->ctx, ATH_E_IO, "'%s' could not be read further", r->name);
}

ath_status ath_extxyz_next(ath_extxyz_reader *reader, ath_system **out)
{
    ath__xyz_frame frame = {0};
    reader_cursor cursor = {.keep = true};
    if (!reader || !out) {
        return ath__fail(reader ? reader->ctx : NULL, ATH_E_ARGUMENT,
                         "ath_extxyz_next: NULL argument");
    }
    *out = NULL;
    if (reader->failed) {
        return reader_refuse(reader);
    }
    ath_status status = reader_collect(reader, &cursor, &frame);
    if (status == ATH_OK) {
        status = ath__xyz_build(&frame, reader->elements, &reader->scratch, out);
    }
    if (status == ATH_OK) {
        status = ath_system_set_source(*out, reader->name, reader->frame + 1);
        if (status != ATH_OK) {
            ath_system_destroy(out);
        }
    }
    if (reader->scratch.values.capacity + reader->scratch.strings.capacity +
            reader->scratch.text.capacity + reader->scratch.name.capacity >
        READER_KEPT_SCRATCH) {
        ath__xyz_scratch_free(reader->ctx, &reader->scratch);
    }
    if (status == ATH_OK || status == ATH_E_FORMAT) {
        reader_release(reader, &cursor);
        reader->frame++;
    }
    return status;
}

ath_status ath_extxyz_skip(ath_extxyz_reader *reader)
{
    ath__xyz_frame frame = {0};
    reader_cursor cursor = {.keep = false};
    if (!reader) {
        return ATH_E_ARGUMENT;
    }
    if (reader->failed) {
        return reader_refuse(reader);
    }
    const ath_status status = reader_collect(reader, &cursor, &frame);
    if (status == ATH_OK || status == ATH_E_FORMAT) {
        reader->frame++;
    }
    return status;
}
