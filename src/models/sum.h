/* A weighted sum of models: what its kernel and the parts of sum.c share. Private; shared by .c and
 * .cu files.
 */
#ifndef ATHANOR_MODELS_SUM_H
#define ATHANOR_MODELS_SUM_H

#include "models/model.h"

enum { ATH__SUM_TERMS = 16 };

/* Adds weight times the results of one term to those of the batch, or replaces them. */
typedef struct ath__sum_args {
    ath__view view;
    const int32_t *slots;
    const int32_t *n_slots;
    const double *forces, *energy, *stress; /* of the term, rows and slots as in the batch */
    double weight;                          /* first scalar */
    uint32_t want;
    int32_t replace;
} ath__sum_args;
ATH__CHECK_ARGS(SUM_ADD, ath__sum_args, weight);

#ifdef __CUDACC__
#define ATH__SUM_FN __host__ __device__ static inline
#else
#define ATH__SUM_FN static inline
#endif

/* The sum so far and one more term. The first term is not added to zero: -0 stays -0. */
ATH__SUM_FN double ath__sum_add(double sum, double weight, double term, int32_t replace)
{
    const double more = weight * term;
    return replace ? more : sum + more;
}

#endif
