/* Stages of systems: what a part of a dynamics asks of a system, and the records its kernels share
 * with the host. Private; shared by .c and .cu files.
 *
 * Three kernels keep the books on the device, per tile:
 *
 *   enter     fills integrator state and velocities of systems that are new to their stage
 *   assess    counts steps, finds fmax and non-finite forces, moves systems on, gives reasons
 *   schedule  rewrites the tile's lists of slots: one per part, the active, the entering, the fresh
 */
#ifndef ATHANOR_DYNAMICS_STAGE_H
#define ATHANOR_DYNAMICS_STAGE_H

#include <athanor/dynamics.h>

#include "data/view.h"
#include "integrators/deform.h"
#include "neighbors/list.h"

enum { ATH__MAX_SOURCES = 8 }; /* fields that criteria of a dynamics can look at */
enum { ATH__MAX_OWN = 16 };    /* fields that systems can have options of their own in */
enum { ATH__MAX_GENTLE = 4 };  /* items of state that a retry makes gentler */

/* An option that a system may have of its own: its cells of the state in one part. */
typedef struct ath__own {
    double scale, min, max; /* cell = value * scale; a value outside is bad input */
    int32_t part;
    int32_t cell, n; /* the first, and how many; cell < 0: temperature of drawn velocities */
    int32_t source;  /* number of the field */
} ath__own;

/* One criterion (ath_criterion), for the device. */
typedef struct ath__rule {
    double threshold;
    int32_t source; /* number of the field among the sources; < 0: decided by the host, who has
                       written 1 for "met" into the system's row of criteria */
    int32_t level, dtype, width, reduce, dim;
    int32_t free_only; /* components of fixed atoms count as 0: forces */
    int32_t padding;
} ath__rule;

/* Cells of the state of a system that are multiplied when it tries again. */
typedef struct ath__gentle {
    double factor;
    int32_t cell, n; /* the first, and how many */
} ath__gentle;

/* What guards keep of a system: cells of its state from keeping.guard on. */
enum { ATH__GUARD_VOLUME, ATH__GUARD_WAY2, ATH__GUARD_SLACK, ATH__GUARD_CELLS };
/* Its good state: cells from keeping.kept on; then those of the integrator. */
enum {
    ATH__KEPT_MARK, /* that it is there */
    ATH__KEPT_STATUS,
    ATH__KEPT_STEPS,
    ATH__KEPT_AGE,
    ATH__KEPT_CONVERGED,
    ATH__KEPT_RETRIES,
    ATH__KEPT_STALE,
    ATH__KEPT_ENERGY,
    ATH__KEPT_ENERGY_BEFORE,
    ATH__KEPT_ENERGY_CHANGE,
    ATH__KEPT_BATH,
    ATH__KEPT_FMAX,
    ATH__KEPT_SMAX,
    ATH__KEPT_DOF,
    ATH__KEPT_CELL,
    ATH__KEPT_STRESS = ATH__KEPT_CELL + 9,
    ATH__KEPT_CRITERIA = ATH__KEPT_STRESS + 9,
    ATH__KEPT_CELLS = ATH__KEPT_CRITERIA + ATH_MAX_CRITERIA
};
/* And of an atom: position, velocity and force, then the cells of the integrator. */
enum { ATH__KEPT_ATOM = 9 };

/* Where all that stands in the rows of state (guard.h); -1: it is not kept. */
typedef struct ath__keeping {
    double mark;      /* of a good state that this dynamics can read */
    int32_t n_system; /* cells of the integrators, of systems and of atoms */
    int32_t n_atom;
    int32_t guard, kept;   /* first cells of systems */
    int32_t atoms, before; /* first cells of atoms: the good state, the place before the step */
} ath__keeping;

typedef struct ath__stage_params {
    ath__rule rules[ATH_MAX_CRITERIA];
    int32_t n_rules;  /* 0: not assessed */
    int32_t migrates; /* 1: who converges with status `source` gets `target`, others stay */
    int32_t source, target;
    int64_t frequency; /* steps of a system in its stage between assessments */
    /* guards; <= 0: none */
    double max_force;                       /* eV/angstrom */
    double max_displacement;                /* angstrom in a step */
    double max_temperature;                 /* K */
    double max_volume_change, min_distance; /* angstrom */
    int64_t good_every; /* steps of a system between good states; 0: none is kept */
    ath__gentle gentle[ATH__MAX_GENTLE];
    int32_t n_gentle;
    int32_t retries;      /* how often a system may try again */
    int32_t watches_cell; /* 1: the integrator moves the cell, which must not collapse */
    int32_t guards;       /* 1: any of these is to be looked at */
    int32_t tells;        /* 1: how far atoms move tells when to look at distances again */
    int32_t padding;
    ath__keeping keeping;
    double temperature; /* K, of the entry action */
    int64_t budget;     /* steps per system; < 0: none */
    int64_t seed;
    int32_t next;       /* status of a system that leaves */
    int32_t last;       /* 1: who leaves has finished */
    int32_t velocities; /* ath_velocities */
    int32_t stop_at_limit;
    int32_t assess_on_entry;
    int32_t motion;                /* enum ath__motion_rules */
    ath__deform_parameters deform; /* how the integrator relaxes the cell */
} ath__stage_params;

/* Lists of a tile: [n_parts] of the parts, then these. */
enum { ATH__LIST_ACTIVE, ATH__LIST_ENTER, ATH__LIST_FRESH, ATH__N_LISTS };
/* Counters of a tile, after the n_parts + ATH__N_LISTS list lengths. */
enum {
    ATH__COUNT_CHANGED,   /* 1: the lists must be rewritten */
    ATH__COUNT_STALLED,   /* systems stalled since the host last looked */
    ATH__COUNT_CONVERGED, /* systems that met their criterion since the host last looked */
    ATH__COUNT_LEFT,      /* systems that stopped for any reason since the host last looked */
    ATH__COUNT_RETRIED,   /* systems that went back to try again since the host last looked */
    ATH__N_COUNTS
};

enum ath__schedule_mode {
    ATH__SCHEDULE_CHANGED, /* rewrite only if something changed */
    ATH__SCHEDULE_REWRITE,
    ATH__SCHEDULE_BEGIN,  /* begin a span: target = age + steps, rewrite */
    ATH__SCHEDULE_ADOPT,  /* first sight of this batch: every system is new to its stage */
    ATH__SCHEDULE_RESUME, /* active: those that were stalled inside a step */
    ATH__SCHEDULE_STALE,  /* active: every system whose energy is stale, finished ones included */
    ATH__SCHEDULE_LEFT,   /* active: finished systems whose energy is stale */
    ATH__SCHEDULE_ALL,    /* active: every system of the tile */
    ATH__SCHEDULE_CHOSEN  /* active: those that the host has chosen */
};

enum ath__assess_mode {
    ATH__ASSESS_STEP,   /* a step has been made */
    ATH__ASSESS_ENTRY,  /* forces of newcomers are there */
    ATH__ASSESS_FLAGS,  /* only the flags of freshly computed systems */
    ATH__ASSESS_ENERGY, /* the same, but who was fresh still is: its entry is yet to come */
    ATH__ASSESS_REWIND  /* nothing is assessed: the systems go back to their good state */
};

typedef struct ath__stage_args {
    ath__view view;
    ath__list_view list;  /* all NULL if the model needs none, or nobody looks */
    const int32_t *slots; /* the systems to act on; for schedule: all of the tile */
    int32_t *n_slots;
    const ath__stage_params *stages;       /* [n_parts] */
    const double *entry_rows;              /* [n_parts][n_entry] */
    int32_t *lists;                        /* [n_parts + ATH__N_LISTS][stride] */
    int32_t *counts;                       /* [n_parts + ATH__N_LISTS + ATH__N_COUNTS] */
    const ath__own *own;                   /* [n_own] */
    const void *sources[ATH__MAX_SOURCES]; /* first rows of the fields of criteria */
    const double *own_rows[ATH__MAX_OWN];  /* first rows of the fields of options; NULL: none */
    int64_t steps;                         /* of the span; first scalar */
    double cutoff;                         /* of the list, angstrom; 0: there is none */
    int32_t all_pairs_max;                 /* as the list has it */
    int32_t mode;
    int32_t n_parts;
    int32_t plain_exit; /* >= 0: plain dynamics, active below this status; < 0: fused */
    int32_t stride;
    int32_t n_system_state, n_atom_state; /* strides of the state rows, in cells */
    int32_t n_entry;                      /* cells filled on entry; the rest are zeroed */
    int32_t n_own;
    int32_t computed_all; /* 1: energy and stress were computed with the forces */
    int32_t waits;        /* 1: who goes back waits for the next span */
    int32_t tells;        /* 1: nobody but integrators moves atoms */
    int32_t padding;
} ath__stage_args;

ATH__CHECK_ARGS(ENTER, ath__stage_args, steps);
ATH__CHECK_ARGS(ASSESS, ath__stage_args, steps);
ATH__CHECK_ARGS(SCHEDULE, ath__stage_args, steps);

/* Part that moves a system of this status, or -1. */
#ifdef __CUDACC__
__host__ __device__
#endif
    static inline int32_t
    ath__part_of(int32_t status, int32_t n_parts, int32_t plain_exit)
{
    if (plain_exit >= 0) {
        return status < plain_exit ? 0 : -1;
    }
    return status >= 0 && status < n_parts ? status : -1;
}

#endif
