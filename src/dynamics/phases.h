/* One pass of a dynamics over its tiles, and the phases that it is made of. Private to
 * src/dynamics. */
#ifndef ATHANOR_DYNAMICS_PHASES_H
#define ATHANOR_DYNAMICS_PHASES_H

#include "dynamics/dynamics_private.h"

/* What all members of the team are to do in one region. */
typedef struct ath__job {
    ath_dynamics *dyn;
    ath__view view;
    ath__list_view list;
    int64_t steps;            /* of the span */
    int32_t schedule;         /* enum ath__schedule_mode to begin with */
    enum ath__phase from, to; /* of a segment */
    int32_t assess;           /* enum ath__assess_mode */
    bool waits;               /* who goes back to a good state waits for the host */
    bool tells;               /* nobody but integrators moves atoms */
    bool one_stage;           /* newcomers enter one stage at a time: the host looks in between */
    unsigned want;
    int64_t n_met; /* systems that hooks were told of on entry */
} ath__job;

/* Launches one of the kernels enter, assess, schedule on a list of the tile (list < 0: on all
 * slots). */
ath_status ath__phase_books(const ath__job *job, ath__member *member, const ath__tile *tile,
                            ath__kernel kernel, int32_t list, int32_t mode);
/* The phases from .. to over the active systems of a tile; none if from > to. */
ath_status ath__phases(const ath__job *job, ath__member *member, const ath__tile *tile,
                       enum ath__phase from, enum ath__phase to);
/* Entry actions, and first forces of newcomers if `newcomers` is set. */
ath_status ath__phase_admit(ath__job *job, ath__member *member, const ath__tile *tile,
                            bool newcomers);
/* The phases from .. to of the first evaluation of newcomers. */
ath_status ath__phase_prime(const ath__job *job, ath__member *member, const ath__tile *tile,
                            enum ath__phase from, enum ath__phase to);
/* The model has failed inside a step: the active systems of the tile have made its first half
 * (host).
 */
void ath__phase_interrupt(const ath__job *job, const ath__tile *tile);

/* What a region does with one tile. */
typedef ath_status (*ath__tile_fn)(ath__job *job, ath__member *member, const ath__tile *tile);
/* region.c: runs `body` on every tile; returns when all are done, with the first error. */
ath_status ath__region_run(ath__job *job, ath__tile_fn body);
/* The steps of a span where launches run late: `step` is captured once and replayed. */
ath_status ath__region_steps(ath__job *job, ath__member *member, const ath__tile *tile,
                             ath__tile_fn step);
/* Grows the lists that overflowed; *n_stalled is how many systems had been waiting. */
ath_status ath__region_grow(ath__job *job, ath_batch *batch, int64_t *n_stalled);
/* Whether a system of the batch is in the middle of a step that a model has cut off. */
bool ath__region_interrupted(const ath_dynamics *dyn, const ath_batch *batch);
/* Where the loop cannot count as it goes: adds sign times age, and atoms x age, of all systems to
 * what has been counted. */
ath_status ath__region_tally(ath_dynamics *dyn, const ath_batch *batch, int64_t sign);

/* evaluate.c: a job of no steps, and one of single phases over the systems on the lists. */
ath__job ath__job_begin(ath_dynamics *dyn, const ath_batch *batch);
ath_status ath__job_segment(ath__job *job, enum ath__phase from, enum ath__phase to);
/* Rewrites the lists of every tile, and does nothing else. */
ath_status ath__job_rewrite(ath__job *job, enum ath__schedule_mode mode);
/* After the phase of the neighbours: grows the lists that overflowed until none does. */
ath_status ath__job_settle(ath__job *job, ath_batch *batch);
/* Makes every active system ready for a step: admitted, entered, with forces. */
ath_status ath__evaluate_newcomers(ath__job *job, ath_batch *batch);
/* After an evaluation: what hooks have moved before it is not due any more. */
ath_status ath__evaluate_done(ath_dynamics *dyn, ath_batch *batch);

/* Counts the steps that the active systems are about to make (host). */
void ath__phase_tally(const ath__job *job, ath__member *member, const ath__tile *tile);

#endif
