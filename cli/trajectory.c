/* traj.extxyz: frames of systems while they run, each with the uid of its system and its step.
 *
 * Frames stand in the order in which they were made, those of one step in the order of the batch;
 * uid and step say what belongs together. Systems enter the batch at multiples of `every` engine
 * steps, so that their own steps and the engine's agree; a system that does not agree is passed
 * over.
 */
#include "run.h"

static ath_status trajectory_call(void *user, const ath_hook_context *context)
{
    cli_trajectory *t = user;
    const ath_batch *batch = context->batch;
    for (int32_t i = 0; i < ath_batch_n_systems(batch); i++) {
        ath_system *system = NULL;
        if (!context->mask[i]) {
            continue;
        }
        ath_status status = ath_batch_get(batch, i, &system);
        status = status < 0 ? status : cli_frames_write(&t->frames, system);
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

int cli_trajectory_begin(cli_trajectory *t, cli_streams *streams)
{
    return t->every > 0 ? cli_frames_add(streams, "traj.extxyz", &t->frames) : CLI_OK;
}
