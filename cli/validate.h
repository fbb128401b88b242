/* The physics self-test: one model, some structures, and what must hold of any potential and of the
 * dynamics that it drives. docs/validate.md says what each test measures and where its limit comes
 * from.
 *
 * A validation is made by filling in the first part of the record and adding structures;
 * cli_validate then makes all tests, which fills in the outcomes. What a structure gets does not
 * depend on the others, but for the time step that is chosen for all of them.
 */
#ifndef ATHANOR_CLI_VALIDATE_H
#define ATHANOR_CLI_VALIDATE_H

#include <athanor/dynamics.h>

#include "cli.h"

/* X(id, name, unit, what is measured) */
#define CLI_TEST_LIST(X)                                                                           \
    X(FORCES, "forces", "rms force", "largest difference between forces and slopes of the energy") \
    X(STRESS, "stress", "rms stress", "the same of stress and slopes under strain")                \
    X(SYMMETRY, "symmetry", "eV/A^3", "largest antisymmetric part of the stress")                  \
    X(TRANSLATION, "translation", "roundings", "change of energy and forces when all is moved")    \
    X(ROTATION, "rotation", "roundings", "the same when all is turned, cell included")             \
    X(PERMUTATION, "permutation", "roundings", "the same when atoms change their order")           \
    X(IMAGES, "images", "roundings", "the same when atoms go to other periodic images")            \
    X(NET_FORCE, "net_force", "roundings", "sum of all forces")                                    \
    X(ORDER, "nve_order", "", "fluctuation of the energy at dt, over that at dt/2")                \
    X(DRIFT, "nve_drift", "kT/ns/dof", "slope of the energy in time")                              \
    X(REVERSAL, "reversal", "A", "distance to the start after going back in time")                 \
    X(EQUIPARTITION, "equipartition", "sigma", "largest deviation of a mean kinetic energy")       \
    X(TEMPERATURE, "temperature", "p", "kinetic temperatures against their distribution")          \
    X(VOLUME, "volume", "", "how volumes at two pressures differ, over what they must")            \
    X(BATCH, "batch", "trajectories", "that differ alone, in other company or with other threads")

typedef enum cli_test {
#define CLI_X(id, name, unit, what) CLI_TEST_##id,
    CLI_TEST_LIST(CLI_X)
#undef CLI_X
        CLI_N_TESTS
} cli_test;

typedef struct cli_test_info {
    const char *name, *unit, *what;
} cli_test_info;
extern const cli_test_info cli_tests[CLI_N_TESTS];

typedef enum cli_verdict {
    CLI_VERDICT_OPEN, /* not made: the run was stopped */
    CLI_VERDICT_NOT_APPLICABLE,
    CLI_VERDICT_SKIPPED,
    CLI_VERDICT_PASS,
    CLI_VERDICT_FAIL
} cli_verdict;
const char *cli_verdict_name(cli_verdict verdict);

/* Of one test and one structure. */
typedef struct cli_outcome {
    cli_verdict verdict;
    double value, limit; /* in the test's unit */
    double excess;       /* <= 1 passes; NaN does not */
    double more;     /* forces, stress: order of convergence; nve_order, nve_drift, volume: standard
                        error */
    const char *why; /* static text: what went wrong, or why it is not applicable; or NULL */
} cli_outcome;

/* Volumes at two pressures. */
typedef struct cli_volumes {
    double *samples[2];  /* [n_volumes] angstrom^3 */
    double pressures[2]; /* eV/angstrom^3 */
    bool ideal;          /* no atom feels anything */
} cli_volumes;

typedef struct cli_validation {
    cli *c;
    ath_device *device; /* borrowed, as the model is */
    ath_model *model;
    int64_t seed;
    double temperature;   /* K */
    double timestep;      /* fs; 0: chosen by the lightest atom */
    int64_t steps;        /* of the long runs, >= CLI_VALIDATE_STEPS */
    int64_t volume_steps; /* of the runs at constant pressure; 0: none */
    int32_t n_threads;
    unsigned skip;        /* bit 1u << test */
    ath_system **systems; /* [n], owned */
    size_t n, max_systems;

    /* filled in by cli_validate */
    cli_outcome (*outcomes)[CLI_N_TESTS]; /* [n] */
    int64_t *first; /* [n + 1] atoms of structure s are first[s] ... first[s + 1] - 1 */
    double *dof;    /* [n] components that move */
    double *noise_energy, *noise_force; /* [n] rounding error of one evaluation: eV, eV/angstrom */
    double *energies;                   /* [n][steps] total energy of the NVE run, eV */
    double *kinetic;                    /* [n][steps] kinetic energy of the Langevin run, eV */
    cli_volumes *volumes;               /* [n] */
    int64_t n_volumes;
    double *volume_memory; /* [n][2][n_volumes] */
    bool conservative, has_stress;
} cli_validation;

enum { CLI_VALIDATE_STEPS = 200 };
/* Limit of |z|. docs/validate.md counts how often chance alone exceeds it. */
#define CLI_VALIDATE_Z 4.5

/* Takes the system over, also if it fails. */
int cli_validation_add(cli_validation *v, ath_system *system);
/* All tests. CLI_OK: they were made, whatever came out. */
int cli_validate(cli_validation *v);
/* CLI_OK if nothing failed, else CLI_INVALID. */
int cli_validation_verdict(const cli_validation *v);
/* Frees what the validation owns. */
void cli_validation_close(cli_validation *v);

/* ---- between its files ---- */

int cli_validate_still(cli_validation *v);           /* probe.c: single points */
int cli_validate_moving(cli_validation *v);          /* motion.c: trajectories */
int64_t cli_volume_samples(const cli_validation *v); /* volume.c: how many a run notes */
/* volume.c: constant pressure, from these positions and velocities [n_atoms][3]; broken [n]: why a
 * structure cannot be moved, or 0. */
int cli_validate_volume(cli_validation *v, const double *x, const double *velocities,
                        const ath_reason *broken);

bool cli_validation_wants(const cli_validation *v, cli_test test);
/* Notes an outcome; of several for the same test and structure the worst one stays. */
void cli_validation_note(cli_validation *v, size_t s, cli_test test, const cli_outcome *outcome);
void cli_validation_not_applicable(cli_validation *v, size_t s, cli_test test, const char *why);
int64_t cli_validation_atoms(const cli_validation *v); /* in all */
/* Stopped by a signal: an exit code and a message, else CLI_OK. */
int cli_validation_stopped(const cli_validation *v);
/* The larger one; NaN wins, and stays. */
static inline double cli_larger(double a, double b)
{
    return a != a || b <= a ? a : b;
}
/* n zeroed doubles; given back with n. */
int cli_doubles(cli *c, double **out, size_t n);
void cli_doubles_free(cli *c, double **block, size_t n);
/* Numbers that depend on seed, structure and purpose alone: uniform in [0, 1), normal. */
typedef struct cli_random {
    uint64_t state;
} cli_random;
cli_random cli_validation_random(const cli_validation *v, size_t s, uint64_t purpose);
double cli_random_uniform(cli_random *r);
double cli_random_normal(cli_random *r);

/* ---- saying it (verdict.c) ---- */

/* The table, one line per test with the worst structure, and the verdict. */
int cli_verdict_print(const cli_validation *v, FILE *to);
/* validate.csv, energy_drift.svg, temperature.svg; volume.svg and volume_ratio.svg if volumes have
 * been compared. */
int cli_verdict_write(const cli_validation *v, const char *folder);
/* The structure's own name= , or "file@frame". */
void cli_structure_name(const cli_validation *v, size_t s, cli_text *out);
/* Whether a is worse than b, of the same test. */
bool cli_outcome_worse(const cli_outcome *a, const cli_outcome *b);

/* ---- plots (figure.c): SVG; nothing where there is nothing to show ---- */

/* Total energies of the run at constant energy, with the lines that have been fitted to them. */
int cli_figure_drift(const cli_validation *v, cli_text *t);
/* Kinetic temperatures against their distribution. */
int cli_figure_temperature(const cli_validation *v, cli_text *t);
/* Volumes at two pressures of the structure whose ratio is the worst, and that ratio. */
int cli_figure_volume(const cli_validation *v, cli_text *t);
int cli_figure_ratio(const cli_validation *v, cli_text *t);

#endif
