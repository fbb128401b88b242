/* NEP evaluated one pair at a time in float64, straight from the formulas of nep.h: what every fast
 * path is measured against. Private; for tests, never used by a run.
 */
#ifndef ATHANOR_MODELS_NEP_SCALAR_H
#define ATHANOR_MODELS_NEP_SCALAR_H

#include "models/nep.h"

/* Results for a system of n atoms; the arrays belong to the caller. */
typedef struct ath__nep_result {
    double *energies; /* [n] eV */
    double *forces;   /* [n][3] eV/angstrom */
    double *virials;  /* [n][9] eV: atom j gets -r_ij f_ij^T of all i; row r, column f */
} ath__nep_result;

/* ATH_E_UNSUPPORTED for an element that the file lacks or a cell without volume. */
ath_status ath__nep_scalar(ath_context *ctx, const ath__nep_file *file, const ath_system *system,
                           ath__nep_result *out);

#endif
