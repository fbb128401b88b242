/* traj.extxyz: frames of systems while they run, each with the uid of its system and its step.
 *
 * Frames stand in the order in which they were made, those of one step in the order of the batch;
 * uid and step say what belongs together. Systems enter the batch at multiples of `every` engine
 * steps, so that their own steps and the engine's agree; a system that does not agree is passed
 * over.
 */
#include "run.h"

static ath_status trajectory_write(cli_trajectory *t, const ath_system *system, int64_t step)
{
    char uid[33], keys[96];
    ath_uid_format(ath_system_uid(system), uid);
    snprintf(keys, sizeof keys, "uid=%s step=%lld", uid, (long long)step);
    const ath_status status = ath_extxyz_write(t->writer, system, t->what, keys);
    t->n_frames += status >= 0;
    return status;
}

static ath_status trajectory_call(void *user, const ath_hook_context *context)
{
    cli_trajectory *t = user;
    const ath_batch *batch = context->batch;
    for (int32_t i = 0; i < ath_batch_n_systems(batch); i++) {
        int64_t step = 0;
        ath_system *system = NULL;
        if (!context->mask[i]) {
            continue;
        }
        ath_status status = ath_batch_read(batch, ATH_FIELD_STAGE_STEPS, i, &step);
        status = status < 0 ? status : ath_batch_get(batch, i, &system);
        status = status < 0 ? status : trajectory_write(t, system, step);
        ath_system_destroy(&system);
        if (status < 0) {
            return status;
        }
    }
    return ATH_OK;
}

ath_hook cli_trajectory_hook(cli_trajectory *t)
{
    return (ath_hook){
        .size = sizeof(ath_hook),
        .name = "trajectory",
        .stage = ATH_STAGE_BEFORE_STEP,
        .frequency = t->every,
        .access = ATH_HOOK_READS_ENERGY | ATH_HOOK_OWN_STEPS,
        .user = t,
        .call = trajectory_call,
    };
}

ath_status cli_trajectory_last(cli_trajectory *t, const ath_system *system)
{
    const int64_t *steps = ath_system_peek(system, ATH_FIELD_STAGE_STEPS);
    return t->writer ? trajectory_write(t, system, steps ? *steps : 0) : ATH_OK;
}

int cli_trajectory_open(cli_trajectory *t, const char *folder)
{
    cli_text path = {0};
    if (t->every <= 0) {
        return CLI_OK;
    }
    int code = cli_folder_path(t->c, folder, "traj.extxyz", &path);
    if (!code) {
        const ath_status status = ath_writer_open(t->c->ctx, path.data, &t->writer);
        code = status < 0 ? cli_fail_status(t->c, status) : CLI_OK;
    }
    cli_text_free(t->c, &path);
    return code;
}

int cli_trajectory_close(cli_trajectory *t)
{
    if (!t->writer) {
        return CLI_OK;
    }
    const ath_status status = ath_writer_close(&t->writer);
    return status < 0 ? cli_fail_status(t->c, status) : CLI_OK;
}
