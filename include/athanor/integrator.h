/* Integrators: the first and the second half of a step, for molecular dynamics and optimizers
 * alike. docs/integrators.md says what each of them does and where its formulas come from.
 *
 * An integrator is made from a text "NAME:key=value,...", is immutable afterwards and may be shared
 * by any number of dynamics, all of which are to be destroyed before it, and it before its context.
 * It does not belong to a device, and nothing here synchronises. What changes during a run is state
 * of the systems. Options are in fs, K, 1/fs and GPa (positive: compression), as their tables say.
 *
 * Schemes of molecular dynamics keep in the field `bath` of a system, eV, 0 on entry to a stage,
 * the energy of what it is coupled to: thermostats, the moving cell, the work of the pressure since
 * entry; less the heat that noise has put in, and less what changing targets add. Energy + kinetic
 * energy + bath is what such a scheme conserves, to the error of its time step. It is 0 in nve, in
 * optimizers and in integrators of one's own.
 *
 * Integrators with a barostat (npt, nph, crescale) take a system out, with reason bad_input, that
 * is not periodic along all three vectors or has no volume; optimizers leave its cell alone.
 */
#ifndef ATHANOR_INTEGRATOR_H
#define ATHANOR_INTEGRATOR_H

#include <stdbool.h>

#include <athanor/option.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ath_integrator ath_integrator;

/* Unknown names are ATH_E_UNKNOWN with the nearest one; bad options, and options that do not go
 * together, ATH_E_OPTION; NULL ATH_E_ARGUMENT. On failure *out is NULL. */
ATH_API ath_status ath_integrator_create(ath_context *ctx, const char *text, ath_integrator **out);
/* NULL and *integrator NULL are nothing to do; sets *integrator to NULL. */
ATH_API void ath_integrator_destroy(ath_integrator **integrator);
/* "npt", and the whole text with every option, as it is echoed in outputs. Valid as long as the
 * integrator. */
ATH_API const char *ath_integrator_name(const ath_integrator *integrator);
ATH_API const char *ath_integrator_text(const ath_integrator *integrator);
/* The registered integrators: index 0, 1, ...; ATH_END past the last, ATH_E_RANGE below 0. Texts
 * and tables are static; results may be NULL. */
ATH_API ath_status ath_integrator_list(int32_t index, const char **name, const char **help,
                                       const ath_option **options);

/* ---- an integrator of one's own ---- */

/* A batch as the two halves of a step see it: host arrays of the caller, valid during the call.
 * Per-system arrays are indexed by slot, per-atom arrays by row; the atoms of the system in slot s
 * are the rows first[s] ... first[s] + n_atoms[s] - 1. Only the systems in `slots` are to be moved,
 * and nothing of any other may be read or written: other threads may be at work on them. */
typedef struct ath_integrator_view {
    size_t size;
    int32_t n_systems;          /* to move */
    const int32_t *slots;       /* [n_systems] */
    const int64_t *first;       /* [slot] */
    const int32_t *n_atoms;     /* [slot] */
    const uint64_t *uid;        /* [slot][2] */
    int64_t seed;               /* of the stage */
    const int64_t *stage_steps; /* [slot] steps done in the stage, without this one */
    const double *dof;          /* [slot] degrees of freedom of the motion */
    double *cell;               /* [slot][9] angstrom, rows are the vectors; written only by
                                   pre_update and with moves_cell */
    const int32_t *pbc;         /* [slot][3] */
    const double *energy;       /* [slot] eV; NULL without needs_energy */
    const double *stress;       /* [slot][9] eV/angstrom^3; NULL without needs_stress */
    double *positions;          /* [row][3] angstrom; written only by pre_update */
    double *velocities;         /* [row][3] sqrt(eV/amu); written by both */
    const double *forces;       /* [row][3] eV/angstrom */
    const double *masses;       /* [row] amu */
    const int32_t *numbers;     /* [row] */
    double *system_state;       /* [slot][system_stride]: the first n_system_cells are the
                                   integrator's own; written by both */
    double *atom_state;         /* [row][atom_stride], likewise */
    int32_t system_stride, atom_stride;
    const void *inside; /* for the functions below */
} ath_integrator_view;

/* Which components of the system in `slot` do not move, [n_atoms][3], not 0: fixed. NULL if all of
 * them move, which is usual. It is the integrator that leaves them where they are, with velocity 0.
 */
ATH_API const uint8_t *ath_integrator_view_fixed(const ath_integrator_view *view, int32_t slot);
/* Three independent normal numbers with variance 1 for atom i of the system in `slot`: a function
 * of the seed of the stage, the uid, the steps done in the stage, i and `purpose`, and of nothing
 * else, so that runs can be repeated, interrupted and rearranged. Each use within a step has its
 * own purpose, 0 <= purpose < 2^30. */
ATH_API void ath_integrator_view_noise(const ath_integrator_view *view, int32_t slot, int32_t i,
                                       uint32_t purpose, double out[3]);

typedef struct ath_integrator_callback_config {
    size_t size;      /* sizeof(struct ath_integrator_callback_config) */
    const char *name; /* in outputs; copied, at most 63 characters; NULL: "callback" */
    const char *text; /* whatever distinguishes this integrator from others of that name: it is
                         echoed, and compared when a checkpoint is loaded; copied, at most 255
                         characters; may be NULL */
    bool moves_cell;  /* writes the cell */
    bool
        moves_centre; /* gives momentum to the centre of mass also where forces add up to nothing */
    bool scales_velocities; /* has a thermostat that multiplies velocities: the momentum of a system
                               is removed when it enters the stage (athanor/dynamics.h) */
    bool needs_energy, needs_stress; /* reads them: they are then computed in every step; models
                                        without stress are refused */
    /* State: doubles that belong to a system or to an atom, 0 to 1024 cells each. A system that
     * enters the stage gets the values `system_cells`, and zeros for its atoms. They are kept until
     * it leaves the stage, over any number of runs and in checkpoints. */
    int32_t n_system_cells;
    const double *system_cells; /* [n_system_cells]; copied; NULL: zeros */
    int32_t n_atom_cells;
    void *user; /* given to the functions below */
    /* The first half of a step: forces (energies, stresses) belong to the positions that it finds.
     * The second half: to those that the first half has left. Each is called once per system and
     * step, for some of the systems at a time, from several threads at once; what a system does
     * must not depend on the others in a call. An update cannot fail: a system that cannot go on
     * gets a position that is NaN in the first half, which takes it out with reason non_finite.
     * post_update may be NULL: nothing is done. */
    void (*pre_update)(void *user, const ath_integrator_view *view);
    void (*post_update)(void *user, const ath_integrator_view *view);
} ath_integrator_callback_config;

/* An integrator that calls functions of the user. It moves batches on the host device; a dynamics
 * refuses others (ATH_E_UNSUPPORTED) before anything moves. It goes wherever built-in ones do: into
 * fused dynamics, in-flight batches and checkpoints. `user` must outlive the integrator.
 * ATH_E_ARGUMENT for NULL, another `size` and without pre_update; ATH_E_RANGE for too many cells or
 * too long a name or text. */
ATH_API ath_status ath_integrator_callback(ath_context *ctx,
                                           const ath_integrator_callback_config *config,
                                           ath_integrator **out);

#ifdef __cplusplus
}
#endif
#endif
