/* Files that grow with a run; see stream.h.
 *
 * To bring a file to the disk it is opened once more: any descriptor will do, and the writers, some
 * of which belong to the library, need not know.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "run.h"

int64_t cli_file_length(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 ? (int64_t)about.st_size : 0;
}

int cli_streams_add(cli_streams *s, const cli_stream *stream)
{
    const size_t bytes = strlen(stream->name) + 1;
    if (s->n == s->max) {
        const size_t n = s->max ? 2 * s->max : 8;
        if (!cli_resize(s->c, &s->all, s->max * sizeof *s->all, n * sizeof *s->all)) {
            return cli_fail(s->c, CLI_INTERNAL, "out of memory");
        }
        s->max = n;
    }
    char *name = NULL;
    if (!cli_resize(s->c, &name, 0, bytes) || !name) {
        return cli_fail(s->c, CLI_INTERNAL, "out of memory");
    }
    memcpy(name, stream->name, bytes);
    s->all[s->n] = *stream;
    s->all[s->n++].name = name;
    return CLI_OK;
}

/* The length that a note has for a file; 0: none. */
static int64_t streams_length(const char *note, const char *name)
{
    const size_t n = strlen(name);
    for (const char *line = note; *line;) {
        const char *end = line + strcspn(line, "\n");
        if (strncmp(line, "file ", 5) == 0) {
            char *rest = NULL;
            const long long length = strtoll(line + 5, &rest, 10);
            if (*rest == ' ' && (size_t)(end - rest) == n + 1 && memcmp(rest + 1, name, n) == 0) {
                return length;
            }
        }
        line = *end ? end + 1 : end;
    }
    return 0;
}

int cli_streams_begin(cli_streams *s, ath_campaign *campaign, const char *note)
{
    cli *c = s->c;
    int code = CLI_OK;
    for (size_t i = 0; i < s->n && !code; i++) {
        cli_stream *it = &s->all[i];
        cli_text path = {0};
        code = cli_folder_path(c, s->folder, it->name, &path);
        if (!code) {
            const ath_status status =
                ath_campaign_trim(campaign, path.data, it->format, streams_length(note, it->name));
            code = status < 0 ? cli_fail_status(c, status) : CLI_OK;
        }
        if (!code) {
            it->synced = cli_file_length(path.data);
            code = it->open ? it->open(it->owner) : CLI_OK;
        }
        cli_text_free(c, &path);
    }
    return code;
}

static int streams_sync_one(cli_streams *s, cli_stream *it)
{
    cli *c = s->c;
    const ath_io *io = &c->host.io;
    cli_text path = {0};
    int code = it->flush ? it->flush(it->owner) : CLI_OK;
    code = code ? code : cli_folder_path(c, s->folder, it->name, &path);
    const int64_t length = code ? 0 : cli_file_length(path.data);
    if (!code && length != it->synced) {
        const int fd = cli_open_read(c, path.data);
        int error = fd < 0 ? fd : 0;
        do {
            error = fd < 0 ? error : io->sync(io->user, fd);
        } while (error == -EINTR);
        cli_close(c, fd);
        if (error < 0) {
            code = cli_fail(c, CLI_IO, "cannot sync '%s': %s", path.data, strerror(-error));
        } else {
            it->synced = length;
        }
    }
    cli_text_free(c, &path);
    return code;
}

int cli_streams_sync(cli_streams *s)
{
    int code = CLI_OK;
    for (size_t i = 0; i < s->n && !code; i++) {
        code = streams_sync_one(s, &s->all[i]);
    }
    return code;
}

void cli_streams_note(const cli_streams *s, cli_text *out)
{
    for (size_t i = 0; i < s->n; i++) {
        cli_text_print(s->c, out, "file %lld %s\n", (long long)s->all[i].synced, s->all[i].name);
    }
}

void cli_streams_free(cli_streams *s)
{
    for (size_t i = 0; i < s->n; i++) {
        (void)cli_resize(s->c, &s->all[i].name, strlen(s->all[i].name) + 1, 0);
    }
    if (s->c) {
        (void)cli_resize(s->c, &s->all, s->max * sizeof *s->all, 0);
    }
    *s = (cli_streams){0};
}

/* ---- frames ---- */

static int frames_open(void *owner)
{
    cli_frames *f = owner;
    const ath_status status = ath_writer_append(f->c->ctx, f->path.data, &f->writer);
    return status < 0 ? cli_fail_status(f->c, status) : CLI_OK;
}

static int frames_flush(void *owner)
{
    cli_frames *f = owner;
    const ath_status status = f->writer ? ath_writer_flush(f->writer, false) : ATH_OK;
    return status < 0 ? cli_fail_status(f->c, status) : CLI_OK;
}

int cli_frames_add(cli_streams *s, const char *name, cli_frames *frames)
{
    const cli_stream stream = {.name = (char *)name, /* is copied */
                               .format = ATH_TEXT_EXTXYZ,
                               .open = frames_open,
                               .flush = frames_flush,
                               .owner = frames};
    frames->c = s->c;
    const int code = cli_folder_path(s->c, s->folder, name, &frames->path);
    return code ? code : cli_streams_add(s, &stream);
}

ath_status cli_frames_write(cli_frames *f, const ath_system *system)
{
    const int64_t *steps =
        ath_system_peek(system, f->total ? ATH_FIELD_AGE : ATH_FIELD_STAGE_STEPS);
    char uid[33], keys[96];
    if (!f->writer) {
        return ATH_OK;
    }
    ath_uid_format(ath_system_uid(system), uid);
    snprintf(keys, sizeof keys, "uid=%s step=%lld", uid, steps ? (long long)*steps : 0LL);
    const ath_status status = ath_extxyz_write(f->writer, system, f->what, keys);
    f->n += status >= 0;
    cli_note_room(f->c, status);
    return status;
}

int cli_frames_close(cli_frames *f)
{
    ath_status status = ATH_OK;
    if (f->c) {
        status = ath_writer_close(&f->writer);
        cli_text_free(f->c, &f->path);
    }
    return status < 0 ? cli_fail_status(f->c, status) : CLI_OK;
}
