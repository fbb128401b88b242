/* target.h - what thermostats and barostats aim at in a step: a value that may change over the
 * first steps of a stage.
 *
 *     target(n) = value + change min(1, (n + 1/2) / ramp)      in step n = 0, 1, ... of the stage
 *
 * and the value itself where ramp is 0. Both halves of a step have the same target. Shared by .c
 * and .cu files.
 */
#ifndef ATHANOR_INTEGRATORS_TARGET_H
#define ATHANOR_INTEGRATORS_TARGET_H

#include "base/math.h"

typedef struct ath__target {
    double value, change, ramp; /* ramp: steps */
} ath__target;

ATH__FN double ath__target_at(ath__target t, int64_t step)
{
    const double x = (double)step + 0.5;
    if (!(t.ramp > 0.0)) {
        return t.value;
    }
    return x < t.ramp ? t.value + t.change * (x / t.ramp) : t.value + t.change;
}

/* By how much it is higher than in the step before; 0 in the first. */
ATH__FN double ath__target_rise(ath__target t, int64_t step)
{
    return step > 0 ? ath__target_at(t, step) - ath__target_at(t, step - 1) : 0.0;
}

/* The larger one of its first and its last value. */
ATH__FN double ath__target_largest(ath__target t)
{
    return t.ramp > 0.0 && t.change > 0.0 ? t.value + t.change : t.value;
}

#endif
