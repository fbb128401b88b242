/* Models: energy, forces and stress of systems.
 *
 * A model is made from a text "NAME:key=value,...", is immutable afterwards and may be shared by
 * any number of dynamics and threads. It does not belong to a device. Energies are eV, forces
 * eV/angstrom, stress eV/angstrom^3 (tensile positive), sigma = (1/V) dE/d(strain).
 */
#ifndef ATHANOR_MODEL_H
#define ATHANOR_MODEL_H

#include <stdbool.h>

#include <athanor/option.h>
#include <athanor/system.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ath_model ath_model;

/* Unknown names are ATH_E_UNKNOWN with the nearest one; bad options ATH_E_OPTION. */
ATH_API ath_status ath_model_create(ath_context *ctx, const char *text, ath_model **out);
ATH_API void ath_model_destroy(ath_model **model);
/* "lj", and the whole text with every option, as it is echoed in outputs. */
ATH_API const char *ath_model_name(const ath_model *model);
ATH_API const char *ath_model_text(const ath_model *model);
/* 32 hexadecimal digits: hash of name and parameters. */
ATH_API const char *ath_model_hash(const ath_model *model);
/* Whether the results of a system are the same, bit for bit, whatever else is computed with it. All
 * built-in models are. */
ATH_API bool ath_model_batch_invariant(const ath_model *model);
/* Interaction range in angstrom; 0 if there is none. */
ATH_API double ath_model_cutoff(const ath_model *model);
/* ATH_OK, or ATH_E_UNSUPPORTED with the element or the condition that the model cannot handle. */
ATH_API ath_status ath_model_accepts(const ath_model *model, const ath_system *system);
/* The weighted sum of n models, energy = sum of weights[k] x energy of terms[k], and likewise
 * forces and stress; 1 <= n <= 16. The terms are borrowed and must outlive the sum; a term that is
 * a sum itself is ATH_E_UNSUPPORTED. The text "sum:W*MODEL+W*MODEL" does the same in
 * ath_model_create. */
ATH_API ath_status ath_model_sum(ath_context *ctx, ath_model *const *terms, const double *weights,
                                 int32_t n, ath_model **out);
/* ---- a model of one's own ---- */

/* A batch as a callback sees it: host arrays of the caller, valid during the call. Per-system
 * arrays are indexed by slot, per-atom arrays by row; the atoms of the system in slot s are the
 * rows first[s] ... first[s] + n_atoms[s] - 1. Only the systems in `slots` are to be computed, and
 * only their rows of the results may be written. */
typedef struct ath_model_view {
    size_t size;
    int32_t n_systems;        /* to compute */
    const int32_t *slots;     /* [n_systems] */
    const int64_t *first;     /* [slot] */
    const int32_t *n_atoms;   /* [slot] */
    const uint64_t *uid;      /* [slot][2] */
    const double *cell;       /* [slot][9] angstrom, rows are the vectors */
    const int32_t *pbc;       /* [slot][3] */
    const double *positions;  /* [row][3] angstrom */
    const double *velocities; /* [row][3] sqrt(eV/amu) */
    const double *masses;     /* [row] amu */
    const int32_t *numbers;   /* [row] */
    double *forces;           /* [row][3] eV/angstrom: always to be written */
    double *energy;           /* [slot] eV: if want_energy */
    double *stress;           /* [slot][9] eV/angstrom^3, tensile positive: if want_stress */
    bool want_energy, want_stress;
    const void *list; /* for ath_model_view_neighbors; NULL without a cutoff */
} ath_model_view;

typedef struct ath_neighbor_of {
    int32_t atom; /* j, within the system */
    double d[3];  /* x_j - x_i of this image, angstrom */
    double r2;    /* |d|^2 */
} ath_neighbor_of;

/* The neighbours of atom i of the system in `slot`, in a fixed order (ascending j, then image): all
 * within the model's cutoff, each periodic image by itself. Writes up to `max` of them and returns
 * how many there are, so that a short array is seen. */
ATH_API int32_t ath_model_view_neighbors(const ath_model_view *view, int32_t slot, int32_t i,
                                         ath_neighbor_of *out, int32_t max);

typedef struct ath_callback_config {
    size_t size;      /* sizeof(struct ath_callback_config) */
    const char *name; /* in outputs; copied, at most 63 characters; NULL: "callback" */
    const char *text; /* whatever distinguishes this model from others of that name: it is echoed
                         and hashed; copied, at most 255 characters; may be NULL */
    double cutoff;    /* angstrom: a neighbour list is kept; 0: none */
    bool whole_batch; /* one call for all systems; else calls for parts of them come from several
                         threads at once */
    bool batch_invariant;  /* a system's results do not depend on the others in the call: what the
                              library promises of trajectories is promised of such models only */
    bool no_stress;        /* does not write stress: integrators that need it refuse the model */
    bool not_conservative; /* forces are not the gradient of the energy */
    bool external_field; /* forces on a system do not add up to nothing, or turn it as a whole: its
                            momentum is no constant of the motion (athanor/dynamics.h) */
    void *user;          /* given to the functions below */
    /* Computes the listed systems; one may be computed again for the same positions. A negative
     * status ends the run with it, and the next run first completes the step that was cut off. A
     * system whose forces are not finite is quarantined, and no other suffers. */
    ath_status (*compute)(void *user, const ath_model_view *view);
    /* ATH_OK, or a negative status if this system cannot be computed; NULL: all can. */
    ath_status (*accepts)(void *user, const ath_system *system);
} ath_callback_config;

/* A model that calls a function of the user. It computes on the host device; others refuse it.
 * Works with every integrator and hook, and as a term of ath_model_sum. `user` must outlive the
 * model. */
ATH_API ath_status ath_model_callback(ath_context *ctx, const ath_callback_config *config,
                                      ath_model **out);
/* The registered models: index 0, 1, ...; ATH_END past the last. Texts are static. */
ATH_API ath_status ath_model_list(int32_t index, const char **name, const char **help,
                                  const ath_option **options);

#ifdef __cplusplus
}
#endif
#endif
