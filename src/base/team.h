/* The thread team: n members, the caller is member 0. Private to the library.
 *
 * One region runs at a time. Waiting members spin briefly, then sleep. Nothing here allocates after
 * creation. pthreads and C11 atomics only, so that the thread sanitizer sees every edge.
 */
#ifndef ATHANOR_BASE_TEAM_H
#define ATHANOR_BASE_TEAM_H

#include "base/base.h"

typedef struct ath__team ath__team;

/* How many members a team of n would have: 0 means the number of processors that this process may
 * use. */
int32_t ath__team_count(int32_t n_members);
/* n_members as in ath__team_count. */
ath_status ath__team_create(ath_context *ctx, int32_t n_members, ath__team **out);
void ath__team_destroy(ath__team **team);
int32_t ath__team_size(const ath__team *team);
/* Inside a region: returns when every member has called it as often as the caller has. */
void ath__team_meet(ath__team *team);
/* Runs body(arg, member) on every member and returns when all are done. */
void ath__team_run(ath__team *team, void (*body)(void *arg, int32_t member), void *arg);

#endif
