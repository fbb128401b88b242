/* The rig of the physical tests: batches of replicas of one system, run and recorded through the
 * public interface of the library, and the rows in which results are printed.
 *
 * A failure of a call ends the program. Energies eV, lengths angstrom, times fs, temperatures K.
 */
#ifndef ATHANOR_TESTS_PHYSICS_PHYSICS_H
#define ATHANOR_TESTS_PHYSICS_PHYSICS_H

#include <stdbool.h>

#include <athanor/dynamics.h>
#include <athanor/units.h>

#include "physics/series.h"

/* ---- rows ---- */

/* Whether ATH_TEST_FULL is set. */
bool physics_full(void);
/* small, or full if ATH_TEST_FULL is set. */
int64_t physics_size(int64_t small, int64_t full);
/* A row that was measured: what, the number, what it should be, whether it is. */
void physics_row(bool pass, const char *goal, double value, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* A line of explanation, and what is not measured, with the reason. */
void physics_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Exit status of the program: 0 if all rows pass and there are some, 77 if there are none. */
int physics_end(void);

/* ---- systems ---- */

typedef struct physics_crystal {
    const char *lattice;    /* "fcc", "bcc", "sc", "diamond" or "b2" */
    int32_t cells[3];       /* cubic unit cells along the axes */
    double a;               /* lattice constant */
    const int32_t *numbers; /* [n_numbers] atomic numbers, dealt to the atoms in turn, or at */
    int32_t n_numbers;      /* random for `mixed` */
    bool mixed;
    double rattle; /* each coordinate is moved by up to this, at random */
} physics_crystal;

/* Atoms of a crystal. */
int32_t physics_crystal_atoms(const physics_crystal *c);
/* A periodic system; equal seeds make equal systems. */
ath_system *physics_make_crystal(ath_context *ctx, const physics_crystal *c, uint64_t seed);

/* ---- runs ---- */

/* One system of a batch in memory. */
typedef struct physics_view {
    int32_t index, n; /* replica, atoms */
    const double *positions, *velocities, *masses, *forces, *cell, *stress;
    const int32_t *numbers;
    double potential, kinetic, dof;
    double bath; /* energy of what is coupled to the system; 0 if the library has no such field */
} physics_view;

/* Writes the columns of one record. */
typedef void (*physics_record)(void *user, const physics_view *view, double *columns);

typedef struct physics_batch {
    ath_context *ctx;
    ath_device *device;
    ath_model *model;
    ath_batch *batch;
    int32_t n_replicas;
    ath_field_id bath; /* -1: the library has no such field */
    int64_t atom_steps;
} physics_batch;

/* Columns of numbers, one series per replica in each; free with physics_table_free. */
typedef struct physics_table {
    double *x; /* [n_columns][n_replicas][length] */
    int32_t n_columns, n_replicas;
    int64_t length;
} physics_table;

typedef struct physics_run {
    const char *integrator;
    int64_t seed;
    double temperature; /* > 0: thermal velocities on entry, of 3 N - 3 degrees of freedom */
    int64_t steps;
    int64_t interval; /* steps between records; 0: none */
    int32_t n_columns;
    physics_record record; /* NULL with n_columns 2: potential and kinetic energy */
    void *user;
    double skin;   /* 0: the library's own */
    bool may_fail; /* systems that do not make all their steps are no failure of the program */
} physics_run;

/* Whether a model can be made; if not, the reason is noted. */
bool physics_has_model(const char *model);
void physics_open(physics_batch *b, const char *model);
/* Adds a replica; takes the system over. */
void physics_add(physics_batch *b, ath_system *system);
/* Adds n replicas of a crystal, seeds first ... first + n - 1. */
void physics_add_crystals(physics_batch *b, const physics_crystal *c, int32_t n, uint64_t first);
/* Runs all replicas; the first record is made after `interval` steps. table may be NULL. Any system
 * that does not make all its steps ends the program. */
void physics_go(physics_batch *b, const physics_run *run, physics_table *table);
/* Looks at one system as it is. */
void physics_look(const physics_batch *b, int32_t index, physics_view *out);
/* Why a system stopped (an ath_reason), and rows of a field written. */
int32_t physics_reason(const physics_batch *b, int32_t index);
void physics_write(physics_batch *b, ath_field_id field, int32_t index, const void *rows);
void physics_close(physics_batch *b);

stat_series physics_column(const physics_table *t, int32_t column);
/* Column a plus factor times column b, in place of column a. */
void physics_add_column(physics_table *t, int32_t a, int32_t b, double factor);
void physics_table_free(physics_table *t);

/* Seconds of wall clock, for progress. */
double physics_now(void);

#endif
