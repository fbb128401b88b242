/* A pipeline: dynamics one behind the other, each with a batch of its own. What has finished in one
 * stage goes on to the next, is new there (entry action, integrator state, fresh forces), and gets
 * the same bits as in a fused dynamics of the same stages.
 *
 * All stages run in this process, by turns. A stage that is full is back-pressure: systems wait,
 * frozen, in the stage before. Nothing is dropped and nothing comes twice.
 */
#ifndef ATHANOR_PIPELINE_H
#define ATHANOR_PIPELINE_H

#include <athanor/dynamics.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ath_pipeline ath_pipeline;

/* A stage, or all stages of another pipeline: one of the two is NULL. */
typedef struct ath_pipe_part {
    ath_dynamics *dynamics;
    const ath_pipeline *pipeline;
} ath_pipe_part;

/* At least two stages in all, each once, of one context; borrowed until the pipeline is destroyed.
 * All need a buffer_config, and the same one: at most so many systems and atoms go on at a time.
 * Sets prior_rank and next_rank where they are unset: 0, 1, ... in order, ATH_RANK_NONE at the
 * ends; ranks that say otherwise are refused, and so is a stage that no system could ever leave.
 * n_steps of a stage are steps per system. The sampler of the first stage and the sinks of the last
 * one are used; systems that fail go to the sinks of their own stage if it has some. ATH_E_ARGUMENT
 * with what is wrong. */
ATH_API ath_status ath_pipe(ath_context *ctx, const ath_pipe_part *parts, int32_t n,
                            ath_pipeline **out);
ATH_API void ath_pipeline_destroy(ath_pipeline **pipeline);
ATH_API int32_t ath_pipeline_n_stages(const ath_pipeline *pipeline);
ATH_API ath_dynamics *ath_pipeline_stage(const ath_pipeline *pipeline, int32_t stage); /* or NULL */
/* The systems that are in a stage, owned by the pipeline (the first: the batch that was given to
 * run). NULL if there was none yet. Without sinks, what has finished stays in the last one. */
ATH_API ath_batch *ath_pipeline_batch(const ath_pipeline *pipeline, int32_t stage);
/* Runs until nothing is queued and nothing is active, or for n_steps steps of each stage
 * (ATH_UNSET: no limit). batch NULL: systems come from the sampler of the first stage
 * (ATH_E_ARGUMENT without one, or without a device there). ATH_AGAIN: nothing can go on until a
 * sink has room, or a stage is asked to stop (after the turn of all). ATH_E_INTERNAL if systems do
 * not add up. Synchronises. */
ATH_API ath_status ath_pipeline_run(ath_pipeline *pipeline, ath_batch *batch, int64_t n_steps);

#ifdef __cplusplus
}
#endif
#endif
