/* The interface of a model: what an implementation provides. Private to the library.
 *
 * An implementation is three things: an ops table in NAME.c (checks, parameters, launches), host
 * kernels in NAME_kernel.c, and, where it has one, a CUDA twin in NAME.cu. It never learns of
 * stages, hooks or integrators. compute only enqueues: no allocation, no synchronisation.
 */
#ifndef ATHANOR_MODELS_MODEL_H
#define ATHANOR_MODELS_MODEL_H

#include <athanor/model.h>

#include "data/view.h"
#include "device/device.h"
#include "neighbors/list.h"

enum {
    ATH__WANT_FORCES = 1,
    ATH__WANT_ENERGY = 2, /* the forces must have the same bits with and without */
    ATH__WANT_STRESS = 4
};

/* What is true of a model as a whole. */
typedef struct ath__model_traits {
    bool whole_batch;      /* compute needs the whole batch in one call */
    bool capturable;       /* compute may be captured in a graph */
    bool batch_invariant;  /* a system's results do not depend on the others in the call */
    bool results;          /* compute needs results of its own beside those of the batch */
    bool no_stress;        /* does not compute stress */
    bool not_conservative; /* forces are not the gradient of the energy */
    bool external_field;   /* forces on a system do not add up to nothing, or turn it */
} ath__model_traits;

/* Rows for results that are not yet those of the batch, on its device: [rows of atoms][3], [slots],
 * [slots][9]. All tiles share them, since each writes the rows of its own systems. */
typedef struct ath__model_results {
    double *forces, *energy, *stress;
} ath__model_results;

typedef struct ath__model_needs {
    double cutoff;         /* of the neighbour list; 0: no list */
    int32_t all_pairs_max; /* needs no list for systems where ath__all_pairs_enough(..., this) */
    size_t work_bytes;     /* per stream, for systems of at most max_atoms atoms */
    size_t member_bytes;   /* more for each further member that shares in a system (kernel.h) */
} ath__model_needs;

typedef struct ath__compute {
    ath__stream *stream;
    ath__view view;
    ath__list_view list;
    const int32_t *d_slots;   /* systems to compute */
    const int32_t *d_n_slots; /* how many, in device memory */
    const void *d_params;     /* the block made by `params` */
    void *d_work;
    size_t work_bytes;
    unsigned want;              /* ATH__WANT_... ; forces are always wanted */
    ath__model_results results; /* for models whose traits ask for them, else NULL */
} ath__compute;

/* Args of the force kernels that need nothing further. */
typedef struct ath__force_args {
    ath__view view;
    ath__list_view list;
    const int32_t *slots;
    const int32_t *n_slots;
    const void *params;
    void *work;
    int64_t work_bytes; /* first scalar */
    uint32_t want;
} ath__force_args;

typedef struct ath__model_ops {
    uint32_t abi;
    const char *name;
    size_t state_size;
    const ath_option *options;
    const char *help;
    bool capturable;
    bool batch_invariant;
    bool external_field;
    ath_status (*init)(ath_context *ctx, void *state);
    void (*fini)(ath_context *ctx, void *state); /* also after a failed init */
    void (*needs)(const void *state, int32_t max_atoms, ath__model_needs *out);
    /* out NULL: sets *bytes; else fills out. The block is uploaded once per dynamics. */
    ath_status (*params)(const void *state, void *out, size_t *bytes);
    ath_status (*accepts)(ath_context *ctx, const void *state, const ath_system *system);
    ath_status (*compute)(const void *state, const ath__compute *c);
    /* NULL: a model is made from options. Else from whatever follows "NAME:" (NULL: nothing). */
    ath_status (*create)(ath_context *ctx, const char *text, ath_model **out);
    /* NULL: the traits are those of the table. */
    void (*traits)(const void *state, ath__model_traits *out);
} ath__model_ops;

struct ath_model {
    const ath__model_ops *ops;
    ath_context *ctx;
    ath__model_traits traits;
    void *state;
    char *text;
    char hash[33];
};

/* Whether compute gives this field. */
static inline bool ath__model_computes(const ath_model *model, ath_field_id field)
{
    return field == ATH_FIELD_FORCES || field == ATH_FIELD_ENERGY ||
           (field == ATH_FIELD_STRESS && !model->traits.no_stress);
}
/* A model from a table that is not in the registry. options NULL: defaults. */
ath_status ath__model_create_from(ath_context *ctx, const ath__model_ops *ops, const char *options,
                                  ath_model **out);
/* A model whose state is a copy of `state`, [ops->state_size], instead of options; `text` is its
 * echo. The table has no options. init and fini are called as always. */
ath_status ath__model_create_state(ath_context *ctx, const ath__model_ops *ops, const void *state,
                                   const char *text, ath_model **out);
/* Enqueues one force kernel whose args are ath__force_args. */
ath_status ath__force_launch(const ath__compute *c, ath__kernel kernel);

#endif
