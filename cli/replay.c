/* Bundles, and playing one structure again.
 *
 * A bundle is a container: a section NAME with the text that says what it is, CMND and JOBY with
 * command.json and job.yaml of its directory, and a packet of the structure as it was when it
 * failed, which has its last good state in it. docs/formats.md gives the bytes.
 */
#include <errno.h>
#include <string.h>

#include <athanor/container.h>

#include "json.h"
#include "replay.h"

enum { REPLAY_BYTES = 64 << 20 };

/* ---- bundles ---- */

static int bundle_add_file(cli *c, ath_container *bundle, uint32_t id, const char *folder,
                           const char *name)
{
    cli_text path = {0}, text = {0};
    int code = cli_folder_path(c, folder, name, &path);
    const int error = code ? 0 : cli_slurp(c, path.data, REPLAY_BYTES, &text);
    if (!code && error == 0) {
        const ath_status status = ath_container_add(bundle, id, 1, text.data, text.size);
        code = status < 0 ? cli_fail_status(c, status) : CLI_OK;
    } else if (!code && error != -ENOENT) {
        code = cli_fail(c, CLI_IO, "cannot read '%s': %s", path.data, strerror(-error));
    }
    cli_text_free(c, &text);
    cli_text_free(c, &path);
    return code;
}

static int bundle_fill(cli *c, ath_container *bundle, const char *folder, const cli_form *form,
                       const ath_record *record, const ath_system *system)
{
    char uid[33], number[16];
    cli_text text = {0};
    ath_packet *packet = NULL;
    ath_system *one = (ath_system *)system; /* is only read */
    ath_uid_format(record->uid, uid);
    cli_text_print(c, &text, "uid %s\nreason %s\nsteps %lld\nstage %s\nfile %s\nframe %lld\n%s\n",
                   uid, ath_reason_name(record->reason), (long long)record->steps,
                   cli_form_stage(form, record->stage, number), record->file,
                   (long long)record->frame, form->provenance);
    int code = cli_text_check(c, &text);
    if (!code) {
        ath_status status = ath_container_add(bundle, CLI_BUNDLE_NAME, 1, text.data, text.size);
        status = status < 0 ? status : ath_packet_pack(c->ctx, &one, 1, &packet);
        status = status < 0 ? status : ath_container_add_packet(bundle, packet);
        code = status < 0 ? cli_fail_status(c, status) : CLI_OK;
    }
    ath_packet_destroy(&packet);
    cli_text_free(c, &text);
    code = code ? code : bundle_add_file(c, bundle, CLI_BUNDLE_COMMAND, folder, "command.json");
    return code ? code : bundle_add_file(c, bundle, CLI_BUNDLE_JOB, folder, "job.yaml");
}

int cli_bundle_write(cli *c, const char *folder, const cli_form *form, const ath_record *record,
                     const ath_system *system)
{
    char uid[33];
    cli_text place = {0}, path = {0};
    ath_container *bundle = NULL;
    ath_uid_format(record->uid, uid);
    int code = cli_folder_path(c, folder, "quarantine", &place);
    if (!code) {
        const int error = cli_mkdir(c, place.data);
        code = error < 0 && error != -EEXIST
                   ? cli_fail(c, CLI_IO, "cannot create '%s': %s", place.data, strerror(-error))
                   : CLI_OK;
        cli_text_print(c, &path, "%s/%s.bundle", place.data, uid);
        code = code ? code : cli_text_check(c, &path);
    }
    if (!code && ath_container_create(c->ctx, &bundle) < 0) {
        code = cli_fail(c, CLI_INTERNAL, "out of memory");
    }
    code = code ? code : bundle_fill(c, bundle, folder, form, record, system);
    if (!code) {
        const ath_status status = ath_container_save(bundle, path.data);
        code = status < 0 ? cli_fail_status(c, status) : CLI_OK;
    }
    ath_container_destroy(&bundle);
    cli_text_free(c, &path);
    cli_text_free(c, &place);
    return code;
}

/* ---- playing ---- */

typedef struct replay {
    cli *c;
    const cli_settings *settings;
    const cli_run_plan *plan;
    const struct cli_replay *what;
    cli_engine engine;
    cli_input input;
    cli_streams nowhere;
    cli_frames frames;
    ath_batch *batch;
    ath_system *first; /* from the input */
} replay;

static ath_status replay_frame(void *user, const ath_hook_context *context)
{
    replay *r = user;
    ath_system *system = NULL;
    int64_t age = 0;
    ath_status status = ath_batch_read(context->batch, ATH_FIELD_AGE, 0, &age);
    if (status < 0 || !context->mask[0] || age < r->what->from) {
        return status;
    }
    status = ath_batch_get(context->batch, 0, &system);
    status = status < 0 ? status : cli_frames_write(&r->frames, system);
    ath_system_destroy(&system);
    return status;
}

/* The structure from the input, with the identity that it had there. */
static int replay_find(replay *r)
{
    cli *c = r->c;
    char uid[33];
    int code = cli_input_open(c, r->settings, &r->input);
    while (!code && !r->first) {
        const ath_status status = ath_sampler_next(r->input.sampler, -1, &r->first);
        const ath_uid got = r->first ? ath_system_uid(r->first) : (ath_uid){0, 0};
        if (status == ATH_END) {
            ath_uid_format(r->what->uid, uid);
            code = cli_fail(c, CLI_NO_INPUT, "no structure of the input is %s", uid);
        } else if (status < 0 && status != ATH_E_FORMAT) {
            code = cli_fail_status(c, status);
        } else if (got.lo != r->what->uid.lo || got.hi != r->what->uid.hi) {
            ath_system_destroy(&r->first);
        }
    }
    return code;
}

/* The batch of one: from a bundle in its last good state, else as it came in. *again: the former.
 */
static int replay_place(replay *r, bool *again)
{
    cli *c = r->c;
    const ath_batch_config config = {
        .size = sizeof config, .device = r->engine.device, .n_systems = 1};
    ath_status status = ath_batch_create(c->ctx, &config, &r->batch);
    *again = r->what->packet != NULL;
    if (*again && status >= 0) {
        status = ath_packet_unpack_into(r->what->packet, 0, r->batch);
        status = status < 0 ? status : ath_dynamics_rewind(r->engine.dynamics, r->batch, 0);
        *again = status != ATH_E_STATE; /* there is none: from the beginning */
        if (!*again) {
            ath_batch_destroy(&r->batch);
            status = ath_batch_create(c->ctx, &config, &r->batch);
        }
    }
    if (status >= 0 && !*again) {
        const int code = replay_find(r);
        if (code) {
            return code;
        }
        status = ath_batch_add(r->batch, r->first);
    }
    return status < 0 ? cli_fail_status(c, status) : CLI_OK;
}

static bool replay_same_field(const ath_system *a, const ath_system *b, ath_field field,
                              size_t bytes)
{
    const void *x = ath_system_peek(a, field), *y = ath_system_peek(b, field);
    return (!x && !y) || (x && y && memcmp(x, y, bytes) == 0);
}

/* Whether both have come to the same end, in every bit. */
static bool replay_same(const ath_system *a, const ath_system *b)
{
    const int32_t n = ath_system_n_atoms(a);
    const size_t rows = 24 * (size_t)n;
    return n == ath_system_n_atoms(b) && replay_same_field(a, b, ATH_FIELD_POSITIONS, rows) &&
           replay_same_field(a, b, ATH_FIELD_VELOCITIES, rows) &&
           replay_same_field(a, b, ATH_FIELD_FORCES, rows) &&
           replay_same_field(a, b, ATH_FIELD_CELL, 72) &&
           replay_same_field(a, b, ATH_FIELD_ENERGY, 8) &&
           replay_same_field(a, b, ATH_FIELD_REASON, 4) &&
           replay_same_field(a, b, ATH_FIELD_STAGE_STEPS, 8);
}

/* What has come of it, and of what was expected. */
static int replay_judge(replay *r, bool again)
{
    cli *c = r->c;
    ath_system *system = NULL;
    char uid[33];
    ath_status status = ath_batch_get(r->batch, 0, &system);
    status = status < 0 ? status : cli_frames_write(&r->frames, system);
    if (status < 0) {
        ath_system_destroy(&system);
        return cli_fail_status(c, status);
    }
    const int32_t *reason = ath_system_peek(system, ATH_FIELD_REASON);
    const int64_t *steps = ath_system_peek(system, ATH_FIELD_STAGE_STEPS);
    const bool same = !r->what->expect || replay_same(system, r->what->expect);
    ath_uid_format(r->what->uid, uid);
    fprintf(c->out, "%s: %s after %lld steps%s%s\n", uid,
            ath_reason_name(reason ? (ath_reason)*reason : ATH_REASON_NONE),
            steps ? (long long)*steps : 0LL, again ? ", from its last good state" : "",
            !r->what->expect ? ""
            : same           ? "; the same bits as before"
                             : "; not what it was before");
    ath_system_destroy(&system);
    return same ? CLI_OK : CLI_INVALID;
}

static int replay_open(replay *r)
{
    cli *c = r->c;
    const ath_hook hook = {
        .size = sizeof hook,
        .name = "replay",
        .stage = ATH_STAGE_BEFORE_STEP,
        .frequency = r->what->every > 0 ? r->what->every : 1,
        .access = ATH_HOOK_READS_ENERGY | ATH_HOOK_OWN_STEPS,
        .user = r,
        .call = replay_frame,
    };
    const cli_engine_flow flow = {.stop = c->interrupted};
    int code = cli_engine_open(c, r->settings, r->plan, &r->engine);
    if (!code && r->plan->job) {
        code = cli_job_parts_open(c, r->plan->job, &r->nowhere, &r->engine.parts);
    }
    code = code ? code : cli_engine_build(c, r->settings, r->plan, &flow, &r->engine);
    if (!code && r->what->file) {
        ath_status status = ath_dynamics_register_hook(r->engine.dynamics, &hook); /* all stages */
        status = status < 0 ? status : ath_writer_open(c->ctx, r->what->file, &r->frames.writer);
        code = status < 0 ? cli_fail_status(c, status) : CLI_OK;
    }
    return code;
}

int cli_replay_run(cli *c, const cli_settings *settings, const cli_run_plan *plan)
{
    replay r = {.c = c,
                .settings = settings,
                .plan = plan,
                .what = c->replay,
                .nowhere = {.c = c, .discard = true},
                .frames = {.c = c, .what = plan->what | plan->frame, .total = true}};
    bool again = false;
    int code = replay_open(&r);
    code = code ? code : replay_place(&r, &again);
    if (!code) {
        const ath_status status = ath_dynamics_run(r.engine.dynamics, r.batch, ATH_UNSET);
        code = status < 0            ? cli_fail_status(c, status)
               : status == ATH_AGAIN ? cli_fail(c, CLI_INTERRUPTED, "interrupted")
                                     : replay_judge(&r, again);
    }
    const int closed = cli_frames_close(&r.frames);
    ath_dynamics_destroy(&r.engine.dynamics);
    ath_batch_destroy(&r.batch);
    ath_system_destroy(&r.first);
    cli_input_close(c, &r.input);
    cli_engine_close(c, &r.engine);
    cli_streams_free(&r.nowhere);
    return code ? code : closed;
}
