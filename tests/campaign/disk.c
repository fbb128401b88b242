/* disk.c - see disk.h. */
#include "campaign/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

enum {
    DISK_DO_OPEN,
    DISK_DO_READ,
    DISK_DO_WRITE,
    DISK_DO_SYNC,
    DISK_DO_CLOSE,
    DISK_DO_RENAME,
    DISK_DO_UNLINK,
    DISK_DO_MKDIR,
    DISK_DO_SYNC_DIRECTORY,
    DISK_DO_TRUNCATE,
    DISK_DO_READ_AT,
    DISK_DO_RESERVE,
    DISK_DO_LOCK
};

static void *disk_room(void *old, size_t bytes)
{
    void *p = realloc(old, bytes ? bytes : 1);
    if (!p) {
        abort();
    }
    return p;
}

static uint64_t disk_random(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* 0, a negative errno value with which the call is to fail, or 1: it is to be short. */
static int disk_call(disk *d, int kind)
{
    d->n_calls++;
    if (d->die_at > 0 && d->n_calls >= d->die_at) {
        return -EIO;
    }
    if (d->fail_at == 0 || d->n_calls < d->fail_at) {
        return 0;
    }
    if (d->n_calls == d->fail_at) {
        d->fail_kind = kind;
    } else if (!d->for_ever || d->fail_kind != kind) {
        return 0;
    }
    return d->error ? -d->error : 1;
}

disk_file *disk_find(disk *d, const char *name)
{
    for (int i = 0; i < DISK_FILES; i++) {
        if (d->files[i].name[0] && !d->files[i].gone && !strcmp(d->files[i].name, name)) {
            return &d->files[i];
        }
    }
    return NULL;
}

static void disk_forget(disk_file *f)
{
    for (size_t i = 0; i < f->n_changes; i++) {
        free(f->changes[i].data);
    }
    free(f->changes);
    free(f->data);
    free(f->durable);
    *f = (disk_file){0};
}

static disk_file *disk_make(disk *d, const char *name, bool directory)
{
    for (int i = 0; i < DISK_FILES; i++) {
        disk_file *f = &d->files[i];
        if (!f->name[0]) {
            *f = (disk_file){.directory = directory};
            strncpy(f->name, name, DISK_NAME - 1);
            return f;
        }
    }
    abort();
}

static void disk_change_add(disk_file *f, bool cut, size_t offset, const void *data, size_t bytes)
{
    f->changes = disk_room(f->changes, (f->n_changes + 1) * sizeof *f->changes);
    disk_change *c = &f->changes[f->n_changes++];
    *c = (disk_change){cut, offset, bytes, disk_room(NULL, bytes)};
    if (bytes > 0) {
        memcpy(c->data, data, bytes);
    }
}

/* Bytes of a file, with zeros up to them. */
static void disk_put(uint8_t **to, size_t *size, size_t offset, const void *data, size_t bytes)
{
    if (offset + bytes > *size) {
        *to = disk_room(*to, offset + bytes);
        memset(*to + *size, 0, offset + bytes - *size);
        *size = offset + bytes;
    }
    if (bytes > 0) {
        memcpy(*to + offset, data, bytes);
    }
}

static size_t disk_room_of(const disk_file *f)
{
    return f->size > f->reserved ? f->size : f->reserved;
}

size_t disk_used(const disk *d)
{
    size_t n = 0;
    for (int i = 0; i < DISK_FILES; i++) {
        n += disk_room_of(&d->files[i]);
    }
    return n;
}

static disk_handle *disk_handle_of(disk *d, int fd)
{
    return fd >= 3 && fd < 3 + DISK_OPEN && d->open[fd - 3].file ? &d->open[fd - 3] : NULL;
}

/* ---- the calls ---- */

static int disk_open(void *user, const char *path, int flags, int mode)
{
    disk *d = user;
    const int fault = disk_call(d, DISK_DO_OPEN);
    disk_file *f = disk_find(d, path);
    int slot = 0;
    (void)mode;
    if (fault < 0) {
        return fault;
    }
    if (!f && !(flags & O_CREAT)) {
        return -ENOENT;
    }
    if (f && (flags & O_CREAT) && (flags & O_EXCL)) {
        return -EEXIST;
    }
    f = f ? f : disk_make(d, path, false);
    if (flags & O_TRUNC) {
        disk_change_add(f, true, 0, NULL, 0);
        f->size = f->reserved = 0;
    }
    while (d->open[slot].file) {
        if (++slot == DISK_OPEN) {
            return -EMFILE;
        }
    }
    d->open[slot] = (disk_handle){f, 0, (flags & O_APPEND) != 0};
    d->n_open++;
    return slot + 3;
}

static int64_t disk_read_at(void *user, int fd, void *buffer, size_t bytes, int64_t offset)
{
    disk *d = user;
    const disk_handle *h = disk_handle_of(d, fd);
    const int fault = disk_call(d, DISK_DO_READ_AT);
    if (!h || fault < 0) {
        return h ? fault : -EBADF;
    }
    const size_t at = (size_t)offset, left = at < h->file->size ? h->file->size - at : 0;
    size_t n = bytes < left ? bytes : left;
    n = fault > 0 && n > 1 ? n / 2 : n;
    if (n > 0) {
        memcpy(buffer, h->file->data + at, n);
    }
    return (int64_t)n;
}

static int64_t disk_read(void *user, int fd, void *buffer, size_t bytes)
{
    disk *d = user;
    disk_handle *h = disk_handle_of(d, fd);
    const int fault = disk_call(d, DISK_DO_READ);
    if (!h || fault < 0) {
        return h ? fault : -EBADF;
    }
    const size_t left = h->at < h->file->size ? h->file->size - h->at : 0;
    size_t n = bytes < left ? bytes : left;
    n = fault > 0 && n > 1 ? n / 2 : n;
    if (n > 0) {
        memcpy(buffer, h->file->data + h->at, n);
    }
    h->at += n;
    return (int64_t)n;
}

static int64_t disk_write(void *user, int fd, const void *buffer, size_t bytes)
{
    disk *d = user;
    disk_handle *h = disk_handle_of(d, fd);
    const int fault = disk_call(d, DISK_DO_WRITE);
    if (!h || fault < 0) {
        return h ? fault : -EBADF;
    }
    const size_t used = disk_used(d), left = d->limit > used ? d->limit - used : 0;
    size_t n = fault > 0 && bytes > 1 ? bytes / 2 : bytes;
    h->at = h->append ? h->file->size : h->at;
    const size_t room = disk_room_of(h->file), own = room > h->at ? room - h->at : 0;
    if (d->limit > 0 && n > own + left) {
        n = own + left;
    }
    if (n == 0 && bytes > 0) {
        return -ENOSPC;
    }
    disk_change_add(h->file, false, h->at, buffer, n);
    disk_put(&h->file->data, &h->file->size, h->at, buffer, n);
    h->at += n;
    return (int64_t)n;
}

/* After a sync that failed the bytes count as clean, and are on the disk or not. */
static void disk_settle(disk_file *f, bool durable)
{
    for (size_t i = 0; i < f->n_changes; i++) {
        free(f->changes[i].data);
    }
    f->n_changes = 0;
    if (durable) {
        f->durable = disk_room(f->durable, f->size);
        f->durable_size = f->size;
        if (f->size > 0) {
            memcpy(f->durable, f->data, f->size);
        }
    }
}

static int disk_sync(void *user, int fd)
{
    disk *d = user;
    const disk_handle *h = disk_handle_of(d, fd);
    const int fault = disk_call(d, DISK_DO_SYNC);
    if (!h) {
        return -EBADF;
    }
    if (fault >= 0) {
        disk_settle(h->file, true);
    } else if (fault != -EINTR && !(d->die_at > 0 && d->n_calls >= d->die_at)) {
        disk_settle(h->file, false);
    }
    return fault < 0 ? fault : 0;
}

static int disk_close(void *user, int fd)
{
    disk *d = user;
    disk_handle *h = disk_handle_of(d, fd);
    const int fault = disk_call(d, DISK_DO_CLOSE);
    if (!h) {
        return -EBADF;
    }
    if (h->file->locked == fd + 1) {
        h->file->locked = 0;
    }
    h->file = NULL; /* whatever it says */
    d->n_open--;
    return fault < 0 ? fault : 0;
}

/* The file has no name any more; it may be there after a loss of power, if it ever could have been.
 */
static void disk_lose_name(disk_file *f, int heir)
{
    f->gone = true;
    f->heir = heir;
    f->size = f->reserved = 0;
    if (!f->named && !f->old[0] && !f->inherits) {
        disk_forget(f);
    }
}

/* Both names are in one directory. */
static int disk_rename(void *user, const char *from, const char *to)
{
    disk *d = user;
    const int fault = disk_call(d, DISK_DO_RENAME);
    disk_file *f = disk_find(d, from), *there = disk_find(d, to);
    if (fault < 0 || !f) {
        return fault < 0 ? fault : -ENOENT;
    }
    if (f == there) {
        return 0;
    }
    if (f->old[0]) {
        abort(); /* two renames of one file without a sync of the directory: nobody does that */
    }
    if (there) {
        f->inherits = true;
        disk_lose_name(there, (int)(f - d->files) + 1);
    }
    memcpy(f->old, f->name, sizeof f->old);
    memset(f->name, 0, sizeof f->name);
    strncpy(f->name, to, DISK_NAME - 1);
    return 0;
}

static int disk_unlink(void *user, const char *path)
{
    disk *d = user;
    const int fault = disk_call(d, DISK_DO_UNLINK);
    disk_file *f = disk_find(d, path);
    if (fault < 0 || !f) {
        return fault < 0 ? fault : -ENOENT;
    }
    disk_lose_name(f, 0);
    return 0;
}

static int disk_mkdir(void *user, const char *path, int mode)
{
    disk *d = user;
    const int fault = disk_call(d, DISK_DO_MKDIR);
    (void)mode;
    if (fault < 0) {
        return fault;
    }
    if (disk_find(d, path)) {
        return -EEXIST;
    }
    disk_make(d, path, true);
    return 0;
}

/* Names of files in the directory; "." has those without a slash. */
static int disk_sync_directory(void *user, const char *path)
{
    disk *d = user;
    const int fault = disk_call(d, DISK_DO_SYNC_DIRECTORY);
    const size_t n = strlen(path);
    for (int i = 0; i < DISK_FILES && fault >= 0; i++) {
        disk_file *f = &d->files[i];
        const char *slash = strrchr(f->name, '/');
        const bool here = !strcmp(path, ".") ? !slash
                                             : slash && (size_t)(slash - f->name) == n &&
                                                   !strncmp(f->name, path, n);
        if (f->gone && here) {
            disk_forget(f);
        } else if (f->name[0] && here) {
            f->named = true;
            f->inherits = false;
            f->old[0] = '\0';
        }
    }
    return fault < 0 ? fault : 0;
}

static int disk_truncate(void *user, int fd, int64_t bytes)
{
    disk *d = user;
    const disk_handle *h = disk_handle_of(d, fd);
    const int fault = disk_call(d, DISK_DO_TRUNCATE);
    if (!h || fault < 0) {
        return h ? fault : -EBADF;
    }
    if ((size_t)bytes != h->file->size) {
        disk_change_add(h->file, true, (size_t)bytes, NULL, 0);
        disk_put(&h->file->data, &h->file->size, (size_t)bytes, NULL, 0);
        h->file->size = (size_t)bytes;
    }
    h->file->reserved = 0;
    return 0;
}

static int disk_reserve(void *user, int fd, int64_t offset, int64_t bytes)
{
    disk *d = user;
    const disk_handle *h = disk_handle_of(d, fd);
    const int fault = disk_call(d, DISK_DO_RESERVE);
    if (!h || fault < 0) {
        return h ? fault : -EBADF;
    }
    const size_t wanted = (size_t)(offset + bytes), had = disk_room_of(h->file);
    if (wanted > had) {
        if (d->limit > 0 && disk_used(d) + (wanted - had) > d->limit) {
            return -ENOSPC;
        }
        h->file->reserved = wanted;
    }
    return 0;
}

static int disk_lock(void *user, int fd)
{
    disk *d = user;
    disk_handle *h = disk_handle_of(d, fd);
    const int fault = disk_call(d, DISK_DO_LOCK);
    if (!h || fault < 0) {
        return h ? fault : -EBADF;
    }
    if (h->file->locked) {
        return -EAGAIN;
    }
    h->file->locked = fd + 1;
    return 0;
}

static int disk_locked(void *user, int fd)
{
    disk *d = user;
    disk_handle *h = disk_handle_of(d, fd);
    const int fault = disk_call(d, DISK_DO_LOCK);
    if (!h || fault < 0) {
        return h ? fault : -EBADF;
    }
    return h->file->locked != 0;
}

void disk_io(disk *d, ath_io *out)
{
    *out = (ath_io){.size = sizeof *out,
                    .user = d,
                    .open = disk_open,
                    .read = disk_read,
                    .write = disk_write,
                    .sync = disk_sync,
                    .close = disk_close,
                    .rename = disk_rename,
                    .unlink = disk_unlink,
                    .mkdir = disk_mkdir,
                    .sync_directory = disk_sync_directory,
                    .truncate = disk_truncate,
                    .read_at = disk_read_at,
                    .reserve = disk_reserve,
                    .lock = disk_lock,
                    .locked = disk_locked};
    d->fail_kind = -1;
}

void disk_free(disk *d)
{
    for (int i = 0; i < DISK_FILES; i++) {
        disk_forget(&d->files[i]);
    }
    *d = (disk){0};
}

/* ---- what is left ---- */

static disk_file *disk_leave(const disk_file *f, const char *name, disk *out, const uint8_t *data,
                             size_t size)
{
    disk_file *to = disk_make(out, name, f->directory);
    disk_put(&to->data, &to->size, 0, data, size);
    disk_put(&to->durable, &to->durable_size, 0, data, size);
    to->named = true;
    return to;
}

void disk_store(disk *d, const char *name, const void *data, size_t bytes)
{
    disk_file *to = disk_make(d, name, false);
    disk_put(&to->data, &to->size, 0, data, bytes);
    disk_put(&to->durable, &to->durable_size, 0, data, bytes);
    to->named = true;
}

void disk_copy(const disk *d, disk *out)
{
    *out = (disk){0};
    for (int i = 0; i < DISK_FILES; i++) {
        if (d->files[i].name[0] && !d->files[i].gone) {
            const disk_file *f = &d->files[i];
            disk_leave(f, f->name, out, f->data, f->size)->reserved = f->reserved;
        }
    }
}

/* One change, or parts of it. */
static void disk_tear(const disk_change *c, uint64_t *random, disk_file *to)
{
    const size_t block = disk_random(random) % 2 ? 512 : 4096;
    const uint64_t mood = disk_random(random) % 4; /* all, none, or block by block */
    if (c->cut) {
        if (mood > 0) {
            disk_put(&to->data, &to->size, c->offset, NULL, 0);
            to->size = c->offset;
        }
        return;
    }
    for (size_t at = c->offset, end; at < c->offset + c->bytes; at = end) {
        end = (at / block + 1) * block;
        end = end < c->offset + c->bytes ? end : c->offset + c->bytes;
        if (mood == 0 || (mood > 1 && disk_random(random) % 2)) {
            disk_put(&to->data, &to->size, at, c->data + (at - c->offset), end - at);
        }
    }
}

static void disk_crash_file(const disk_file *f, const char *name, uint64_t *random, disk *out)
{
    disk_file *to = disk_leave(f, name, out, f->durable, f->durable_size);
    const size_t whole = disk_random(random) % 3 ? 0 : disk_random(random) % (f->n_changes + 1);
    for (size_t k = 0; k < f->n_changes; k++) {
        if (k < whole && !f->changes[k].cut) {
            const disk_change *c = &f->changes[k];
            disk_put(&to->data, &to->size, c->offset, c->data, c->bytes);
        } else {
            disk_tear(&f->changes[k], random, to);
        }
    }
    disk_settle(to, true); /* what is there after the power came back is on the disk */
}

/* The directory that the file is in, if one was made for it. */
static bool disk_has_home(const disk *d, disk *out, const disk_file *f)
{
    const char *slash = strrchr(f->name, '/');
    char home[DISK_NAME] = {0};
    bool made = false;
    if (slash) {
        memcpy(home, f->name, (size_t)(slash - f->name));
    }
    for (int i = 0; i < DISK_FILES && slash; i++) {
        made |= d->files[i].directory && !strcmp(d->files[i].name, home);
    }
    return !made || disk_find(out, home);
}

/* Files are lost with their directory, and directories with theirs. */
static void disk_crash_homes(const disk *d, disk *out)
{
    for (bool lost = true; lost;) {
        lost = false;
        for (int i = 0; i < DISK_FILES; i++) {
            disk_file *f = &out->files[i];
            if (f->name[0] && !disk_has_home(d, out, f)) {
                disk_forget(f);
                lost = true;
            }
        }
    }
}

/* A rename that is not synced has happened or not, as a whole: the name stands for the new file or
 * for the one that had it. */
void disk_crash(const disk *d, uint64_t *random, disk *out)
{
    bool renamed[DISK_FILES];
    *out = (disk){0};
    for (int i = 0; i < DISK_FILES; i++) {
        renamed[i] = d->files[i].old[0] && disk_random(random) % 2;
    }
    for (int gone = 0; gone < 2; gone++) {
        for (int i = 0; i < DISK_FILES; i++) {
            const disk_file *f = &d->files[i];
            const char *name = f->old[0] && !renamed[i] ? f->old : f->name;
            const bool sure = f->named || renamed[i];
            bool there = f->name[0] && f->gone == (gone > 0);
            there = there && !(f->heir > 0 && renamed[f->heir - 1]);
            there = there && ((sure && (!f->gone || f->heir > 0)) || disk_random(random) % 2);
            if (there && !disk_find(out, name)) {
                disk_crash_file(f, name, random, out);
            }
        }
    }
    disk_crash_homes(d, out);
}
