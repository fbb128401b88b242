/* Independent harmonic wells: parameters and the formula. Private; shared by .c and .cu files.
 *
 *     u_i = x_i - c_i,   c_i = (i spacing, 0, 0), i = 0, 1, ... within the system
 *     U = sum_i 1/2 k |u_i|^2,   f_i = -k u_i
 *
 * The wells stand still when the cell is strained, the atoms do not, so the derivative of U with
 * respect to a symmetric strain is sum_i k (u_i x_i^T + x_i u_i^T) / 2.
 */
#ifndef ATHANOR_MODELS_HARMONIC_H
#define ATHANOR_MODELS_HARMONIC_H

#include "models/model.h"

typedef struct ath__harmonic_params {
    double k;       /* eV/angstrom^2 */
    double spacing; /* angstrom */
} ath__harmonic_params;

ATH__CHECK_ARGS(HARMONIC_FORCE, ath__force_args, work_bytes);

/* u of atom i at x: both in angstrom. */
static inline void ath__harmonic_displacement(const ath__harmonic_params *p, int32_t i,
                                              const double x[3], double u[3])
{
    u[0] = x[0] - (double)i * p->spacing;
    u[1] = x[1];
    u[2] = x[2];
}

#endif
