/* The conformance suite of the model interface: what every model must fulfil on every device, for
 * any system that it accepts. Also the means to get energy, forces and stress of systems without an
 * engine, and systems to ask for them.
 *
 * Everything is asserted with cmocka, so only a test may call it. Results come back through copies,
 * so that devices whose memory the host cannot read are welcome.
 */
#ifndef ATHANOR_TESTS_MODEL_CHECKS_H
#define ATHANOR_TESTS_MODEL_CHECKS_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdbool.h>

#include <athanor/batch.h>
#include <athanor/model.h>

#include "models/model.h"

enum { MODEL_ALL = ATH__WANT_FORCES | ATH__WANT_ENERGY | ATH__WANT_STRESS };

/* A model on a device. skin: of the neighbour lists. */
typedef struct model_bench {
    ath_context *ctx, *own; /* own: made here */
    ath_device *device;
    ath_model *model;
    double skin;
} model_bench;

typedef struct model_result {
    double energy;    /* eV */
    double stress[9]; /* eV/angstrom^3 */
    double *forces;   /* [n_atoms][3] eV/angstrom */
    int32_t n_atoms;
} model_result;

/* ctx NULL: a context of its own. ops NULL: `text` names a model of the registry; else its options.
 * False if this machine has no such device. */
bool model_bench_open(model_bench *bench, ath_context *ctx, const char *device,
                      const ath__model_ops *ops, const char *text);
void model_bench_close(model_bench *bench);

/* Results of n systems in one call, in order; forget them with model_results_free. Fields of a
 * result that are not wanted hold what the batch held: zeros. */
model_result *model_results(const model_bench *bench, ath_system *const *systems, int32_t n,
                            unsigned want);
void model_results_free(model_result *results, int32_t n);
/* The same with the slots listed from last to first. */
model_result *model_results_backwards(const model_bench *bench, ath_system *const *systems,
                                      int32_t n, unsigned want);
/* The same after the lists have gone stale: they are built for positions that are up to `move`
 * angstrom off in each component, then brought up to date, which they are without being rebuilt if
 * the skin allows. */
model_result *model_results_moved(const model_bench *bench, ath_system *const *systems, int32_t n,
                                  double move);
bool model_same_bits(const model_result *a, const model_result *b);
/* Square root of the mean square of a component of the forces, at least 1e-6 eV/angstrom. */
double model_rms_force(const model_result *result);

/* A system by recipe: an fcc or simple cubic lattice, disturbed; the same for the same recipe. */
typedef struct model_recipe {
    int32_t cells[3]; /* number of cubic cells */
    bool fcc;         /* 4 atoms per cell, else 1 */
    double spacing;   /* edge of a cell, angstrom */
    double rattle;    /* each component is moved by at most this, angstrom */
    double strain;    /* each component of a general deformation is at most this */
    double far;       /* atoms move by whole cells, at most this many: positions are not wrapped */
    int32_t pbc[3];
    int32_t remove;     /* leave out so many atoms, from the last one on */
    int32_t numbers[4]; /* elements, taken at random; the first zero ends them */
    uint64_t seed;
} model_recipe;

ath_system *model_system(ath_context *ctx, const model_recipe *recipe);
double *model_field(ath_system *system, ath_field_id field);
/* FNV-1a over everything that comes back. */
static inline uint64_t model_hash(const model_result *r, int32_t n)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (int32_t i = 0; i < n; i++) {
        const void *const parts[3] = {&r[i].energy, r[i].stress, r[i].forces};
        const size_t bytes[3] = {sizeof r[i].energy, sizeof r[i].stress,
                                 (size_t)r[i].n_atoms * 3 * sizeof(double)};
        for (int p = 0; p < 3; p++) {
            for (size_t b = 0; b < bytes[p]; b++) {
                h = (h ^ ((const unsigned char *)parts[p])[b]) * UINT64_C(0x100000001b3);
            }
        }
    }
    return h;
}
/* In (-1, 1). */
double model_random(uint64_t *state);

/* ---- the suite ---- */

/* Forces against four-point differences of the energy, at most `atoms` of them, step in angstrom.
 * tolerance is relative to the rms force. */
void model_checks_forces(const model_bench *bench, ath_system *system, int32_t atoms, double step,
                         double tolerance);
/* V stress against four-point differences of the energy under strain; tolerance is relative to the
 * largest component. The system is periodic along all three vectors. */
void model_checks_stress(const model_bench *bench, ath_system *system, double step,
                         double tolerance);
/* Stress is zero unless the system is periodic along all three vectors, and symmetric. */
void model_checks_stress_form(const model_bench *bench, ath_system *system);
/* Energy, and forces up to the operation, under a translation, a rotation, a permutation of the
 * atoms, and a shift of atoms by cell vectors. tolerance: relative to energy and rms force. */
void model_checks_invariances(const model_bench *bench, ath_system *system, double tolerance);
/* The sum of the forces, per atom and relative to the rms force. */
void model_checks_sum(const model_bench *bench, ath_system *system, double tolerance);
/* Forces have the same bits whether or not energy and stress are wanted; what is not wanted, what
 * is not listed and what is stalled is not touched. */
void model_checks_want(const model_bench *bench, ath_system *const *systems, int32_t n);
/* Same bits alone, in company, and in another order. */
void model_checks_company(const model_bench *bench, ath_system *const *systems, int32_t n);
/* Same bits for any skin, and for lists built for other positions. */
void model_checks_skin(const model_bench *bench, ath_system *const *systems, int32_t n);
/* Same bits, whatever is wanted, without a team and with teams of 1, 2, 3 and 7 members, which
 * share in systems of more than ATH__TEAM_ATOMS atoms. All systems are listed in one launch,
 * although the engine gives a team one such system at a time. Lists are built without a team.
 * Devices of the host only. */
void model_checks_together(const model_bench *bench, ath_system *const *systems, int32_t n);
/* Same bits on another device. Says so and returns if the machine does not have it. */
void model_checks_device(const model_bench *bench, const char *device, const ath__model_ops *ops,
                         const char *text, ath_system *const *systems, int32_t n);
/* A position that is not a number gives forces that are not, and a call that returns. */
void model_checks_nan(const model_bench *bench, ath_system *system);

#endif
