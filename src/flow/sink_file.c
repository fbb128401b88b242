/* An extended XYZ file as a sink. Frames gather in the buffer of the writer; a commit writes them,
 * and with `sync` waits for the disk, after which they outlive the machine: the entry in the
 * directory is synced when the file is made.
 *
 * Nothing is taken back: frames of a call that failed may stand in the file, the last one torn.
 * What is still in the buffer then is never written.
 */
#include "flow/sink_private.h"

#include <string.h>

#include "flow/extxyz_private.h"

typedef struct file_state {
    ath_context *ctx;
    ath_writer *writer;
    unsigned what;
    bool sync;
    int64_t n_written, n; /* n: committed */
} file_state;

static ath_status file_reserve(void *state, int64_t n_atoms)
{
    (void)state, (void)n_atoms;
    return ATH_OK;
}

static ath_status file_write(void *state, const ath_system *system)
{
    file_state *f = state;
    ATH__TRY(ath_extxyz_write(f->writer, system, f->what, NULL));
    f->n_written++;
    return ATH_OK;
}

static ath_status file_commit(void *state)
{
    file_state *f = state;
    ATH__TRY(ath_writer_flush(f->writer, f->sync));
    f->n = f->n_written;
    return ATH_OK;
}

static void file_extent(const void *state, int64_t *length, int64_t *capacity)
{
    const file_state *f = state;
    *length = f->n;
    *capacity = INT64_MAX;
}

static void file_fini(ath_context *ctx, void *state)
{
    file_state *f = state;
    const bool whole = f->n == f->n_written;
    if (f->writer) {
        ath__writer_discard(f->writer);
    }
    /* Nobody is left to be told but the log. */
    if (ath_writer_close(&f->writer) != ATH_OK && whole) {
        ath__log(ctx, ATH_LOG_ERROR, "flow", "%s", ctx->message);
    }
}

static const ath_sink_ops file_ops = {
    .abi = ATH_SINK_ABI,
    .name = "file",
    .state_size = sizeof(file_state),
    .fini = file_fini,
    .reserve = file_reserve,
    .write = file_write,
    .commit = file_commit,
    .extent = file_extent,
};

ath_status ath_sink_file(ath_context *ctx, const char *path, unsigned what, bool append, bool sync,
                         ath_sink **out)
{
    const unsigned known = ATH_EXTXYZ_VELOCITIES | ATH_EXTXYZ_FORCES | ATH_EXTXYZ_FIXED |
                           ATH_EXTXYZ_WRAPPED | ATH_EXTXYZ_UNWRAPPED;
    if (!ctx || !path || !out) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "ath_sink_file: NULL argument");
    }
    *out = NULL;
    if (what & ~known) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "sink 'file': unknown bits in 0x%x", what);
    }
    if (sync && strcmp(path, "-") == 0) {
        return ath__fail(ctx, ATH_E_UNSUPPORTED, "sink 'file': standard output cannot be synced");
    }
    ATH__TRY(ath_sink_create_from(ctx, &file_ops, NULL, out));
    file_state *f = ath_sink_state(*out);
    f->ctx = ctx;
    f->what = what;
    f->sync = sync;
    ath_status status =
        ath__writer_open(ctx, path, append ? ATH__WRITER_APPEND : ATH__WRITER_NEW, &f->writer);
    if (status == ATH_OK && sync) {
        status = ath__file_sync_directory(ctx, path);
    }
    if (status != ATH_OK) {
        ath_sink_destroy(out);
    }
    return status;
}
