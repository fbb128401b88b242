/* pace.c - how many steps are made before the host looks whether it has been asked to stop: so many
 * that they take a tenth of a second or two. Where spans end changes no bit.
 */
#include "dynamics/dynamics_private.h"

#define PACE_LOOK 0.1    /* s */
enum { PACE_LATE = 64 }; /* steps enqueued before the host looks, where launches run late */

bool ath__pace_stops(const ath_dynamics *dyn)
{
    return dyn->stop && *dyn->stop;
}

int64_t ath__pace_most(const ath_dynamics *dyn, int64_t left)
{
    int64_t most = dyn->plan.device->immediate ? INT64_MAX : PACE_LATE;
    most = dyn->stop && dyn->span < most ? dyn->span : most;
    most = dyn->debug_mode ? 1 : most;
    return left < most ? left : most;
}

void ath__pace_keep(ath_dynamics *dyn, int64_t steps, double start)
{
    const double seconds = dyn->stop ? ath__dynamics_clock() - start : 0.0;
    if (dyn->stop && seconds < PACE_LOOK && steps >= dyn->span && dyn->span < INT64_MAX / 2) {
        dyn->span *= 2;
    } else if (seconds > 2.0 * PACE_LOOK && dyn->span > 1) {
        dyn->span /= 2;
    }
}
