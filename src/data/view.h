/* The view: the device addresses of the arrays of a batch, as kernels get them. Pointers only, so
 * that an args struct may begin with one. Private to the library; shared by .c and .cu files.
 */
#ifndef ATHANOR_DATA_VIEW_H
#define ATHANOR_DATA_VIEW_H

#include <stdint.h>

#include "device/kernel.h"

/* Bits of ath__view.flags[slot]. */
enum {
    ATH__SLOT_STALLED = 1,   /* waits for the host to grow its list; takes no part in the step */
    ATH__SLOT_STALE = 2,     /* energy and stress do not belong to the present positions */
    ATH__SLOT_FRESH = 4,     /* forces have never been computed: prime before the first half step */
    ATH__SLOT_HAS_FIXED = 8, /* some component of some atom does not move */
    ATH__SLOT_ENTER = 16,    /* is new to its stage: entry action and integrator state are due */
    ATH__SLOT_RESUME = 32,   /* was stalled inside a step: goes on with its neighbour list */
    ATH__SLOT_ADMITTED = 64, /* the dynamics that owns the batch has welcomed it */
    ATH__SLOT_MET = 128,     /* met its criteria in the last step that it made */
    ATH__SLOT_CHOSEN = 256,  /* taken part in what the host asked for by hand */
    ATH__SLOT_DISMISSED = 512 /* taken out by hand: a retry is not what was asked for */
};

typedef struct ath__view {
    /* per slot, [max_systems] rows */
    int64_t *first; /* first atom row */
    int32_t *n_atoms;
    uint64_t *uid; /* [][2] */
    double *cell;  /* [][9] */
    int32_t *pbc;  /* [][3] */
    double *energy;
    double *stress; /* [][9] */
    int32_t *status;
    int32_t *reason;
    int32_t *converged;
    int64_t *stage_steps;
    int64_t *age;
    int64_t *target; /* age at which the present run leaves the system alone */
    double *fmax;
    double *dof;
    double *energy_change;
    double *energy_before;
    double *criteria; /* [][8] */
    double *bath;
    double *smax;
    int32_t *retries;
    int32_t *flags;
    /* per atom, [max_atoms] rows; a system's rows are first .. first + n_atoms */
    double *positions; /* [][3] */
    double *velocities;
    double *forces;
    double *masses;
    int32_t *numbers;
    uint8_t *fixed; /* [][3] */
    /* integrator state, overlaid for all stages */
    double *system_state; /* [max_systems][n_system_state] */
    double *atom_state;   /* [max_atoms][n_atom_state] */
} ath__view;

ATH__STATIC_ASSERT(sizeof(ath__view) == ATH__VIEW_POINTERS * sizeof(void *), "pointers of a view");

#endif
