/* The interface of an integrator: what an implementation provides. Private to the library.
 *
 * State is declared, not hidden: an array of named cells per system or per atom, each a double. The
 * core allocates it with the batch, fills it when a system enters the stage and carries it in
 * packets and checkpoints. Updates act on the listed systems only and touch nothing of others.
 *
 * The field `bath` is zero on entry. Schemes of molecular dynamics keep in it the energy of what
 * the system is coupled to (thermostat, barostat, work of a pressure), less the heat that has gone
 * in, such that energy + kinetic energy + bath is what the scheme conserves.
 *
 * An implementation is NAME.h (the formulas, inline, for .c and .cu), NAME.c (table and launches),
 * NAME_kernel.c (host kernels) and, where it has one, NAME.cu.
 */
#ifndef ATHANOR_INTEGRATORS_INTEGRATOR_H
#define ATHANOR_INTEGRATORS_INTEGRATOR_H

#include <athanor/integrator.h>

#include "data/view.h"
#include "device/device.h"
#include "integrators/deform.h"

typedef struct ath__state_info {
    const char *name; /* NULL closes the array */
    ath_level level;
    int32_t n;      /* cells */
    int32_t times;  /* 1 + index of a whole-number option by whose value n is multiplied; 0: none */
    int32_t square; /* 1: by its square */
    double fallback; /* value on entry, unless from an option */
    int32_t option;  /* 1 + index of the option that gives the value on entry; 0: none */
    double scale;    /* value = option * scale (fs to internal time, ...) */
    double gentle;   /* factor when a system goes back and tries again; 0: it stays. Without any in
                        the table systems are not retried (athanor/dynamics.h) */
} ath__state_info;

/* Args of every integrator kernel. State cells stand in the order of their declaration: system
 * cells of slot s begin at view.system_state + s * n_system_state, atom cells of row r likewise. */
typedef struct ath__update_args {
    ath__view view;
    const int32_t *slots;
    const int32_t *n_slots;
    void *work;                           /* what a team shares: ath__update_work bytes; no team:
                                           * not looked at */
    int64_t seed;                         /* of the stage; first scalar */
    int32_t n_system_state, n_atom_state; /* strides, in cells */
} ath__update_args;

/* Bytes of work memory of an update of systems of at most n atoms: so many, and so many for each
 * block, unless the table says more. */
enum { ATH__UPDATE_WORK = 1024, ATH__UPDATE_BLOCK_WORK = 256 };
static inline size_t ath__update_work(int32_t n)
{
    return ATH__UPDATE_WORK + ((size_t)n / ATH__BLOCK + 1) * ATH__UPDATE_BLOCK_WORK;
}

typedef struct ath__update {
    ath__stream *stream;
    ath__update_args args;
} ath__update;

/* Entries of tables of options: a number that a system can have for itself (where a cell of state
 * takes it), one that all systems of a stage share, a whole number, and a choice. `owner` is the
 * struct, `member` its member and the option's name.
 */
#define ATH__OPTION_REAL(owner, member, its_unit, value, least, most, text)                        \
    {                                                                                              \
        .name = #member, .type = ATH_OPTION_REAL, .flags = ATH_OPTION_PER_SYSTEM,                  \
        .unit = (its_unit), .fallback = (value), .min = (least), .max = (most), .help = (text),    \
        .offset = offsetof(owner, member)                                                          \
    }
#define ATH__OPTION_SHARED(owner, member, its_unit, value, least, most, text)                      \
    {                                                                                              \
        .name = #member, .type = ATH_OPTION_REAL, .unit = (its_unit), .fallback = (value),         \
        .min = (least), .max = (most), .help = (text), .offset = offsetof(owner, member)           \
    }
#define ATH__OPTION_INT(owner, member, value, least, most, text)                                   \
    {                                                                                              \
        .name = #member, .type = ATH_OPTION_INT, .unit = "", .fallback = (value), .min = (least),  \
        .max = (most), .help = (text), .offset = offsetof(owner, member)                           \
    }
#define ATH__OPTION_CHOICE(owner, member, value, of, text)                                         \
    {                                                                                              \
        .name = #member, .type = ATH_OPTION_CHOICE, .unit = "", .fallback = (value),               \
        .choices = (of), .help = (text), .offset = offsetof(owner, member)                         \
    }
/* The cell of a system with the value that option number `of` gives, times `factor`. */
#define ATH__STATE_OPTION(cell, of, factor)                                                        \
    {                                                                                              \
        .name = (cell), .level = ATH_LEVEL_SYSTEM, .n = 1, .option = 1 + (of), .scale = (factor)   \
    }
/* The same for a time step of molecular dynamics, option number `of`, fs. */
#define ATH__STATE_TIMESTEP(of)                                                                    \
    {                                                                                              \
        .name = "dt", .level = ATH_LEVEL_SYSTEM, .n = 1, .option = 1 + (of),                       \
        .scale = 1.0 / ATH_FS_PER_TIME, .gentle = 0.5                                              \
    }
/* How much of the longest displacement and the longest strain an optimizer may use. Last of its
 * cells of systems; 0 counts as 1, as it is in rows that were written without it. */
#define ATH__STATE_LEEWAY                                                                          \
    {                                                                                              \
        .name = "leeway", .level = ATH_LEVEL_SYSTEM, .n = 1, .fallback = 1.0, .gentle = 0.1        \
    }
static inline double ath__leeway(double cell)
{
    return cell > 0.0 ? cell : 1.0;
}
/* `count` cells of a system, 0 on entry, multiplied by whole-number option `multiplier` - 1. */
#define ATH__STATE_ZERO(cell, count, multiplier)                                                   \
    {                                                                                              \
        .name = (cell), .level = ATH_LEVEL_SYSTEM, .n = (count), .times = (multiplier)             \
    }

typedef struct ath__integrator_ops {
    uint32_t abi;
    const char *name;
    size_t state_size;
    const ath_option *options;
    const char *help;
    const ath__state_info *states;
    const ath_field_id *needs;    /* outputs of the model that it reads; closed by -1 */
    const ath_field_id *provides; /* fields that it writes; closed by -1 */
    bool moves_cell;
    bool is_optimizer;
    bool scales_velocities; /* of all atoms alike: a centre of mass that moves would be heated */
    bool moves_centre;      /* the momentum of the whole changes even where forces add up to 0 */
    bool host_only; /* its updates are host code, not launches: refused on devices that run late */
    size_t (*block_work)(const void *state); /* may be NULL: bytes of work for each block */
    /* May be NULL: how it relaxes the cell, which says what of the stress counts. */
    void (*deform)(const void *state, ath__deform_parameters *out);
    /* May be NULL: the table of an object with these options, once they are complete, where they
     * change what it needs, provides or keeps. It has the same options and the same fini. */
    const struct ath__integrator_ops *(*variant)(const void *state);
    ath_status (*init)(ath_context *ctx, void *state); /* may be NULL: checks between options */
    void (*fini)(ath_context *ctx, void *state);       /* may be NULL */
    ath_status (*pre_update)(const void *state, const ath__update *u);
    ath_status (*post_update)(const void *state, const ath__update *u); /* may be NULL: no-op */
} ath__integrator_ops;

struct ath_integrator {
    const ath__integrator_ops *ops;
    ath_context *ctx;
    void *state;
    char *text;
};

ath_status ath__integrator_create_from(ath_context *ctx, const ath__integrator_ops *ops,
                                       const char *options, ath_integrator **out);
/* From a table and a state that is complete: takes over *state, of ops->state_size bytes, and sets
 * it to NULL; on failure it stays the caller's. The table may lie in the state. */
ath_status ath__integrator_create_state(ath_context *ctx, const ath__integrator_ops *ops,
                                        void **state, const char *text, ath_integrator **out);
/* Cells of one item of the state. */
int32_t ath__integrator_items(const ath_integrator *integrator, const ath__state_info *item);
/* Parameters of ops->deform; those of a cell that is held if there is none. */
void ath__integrator_deform(const ath_integrator *integrator, ath__deform_parameters *out);
/* Bytes of work memory of its updates, of systems of at most n atoms; NULL: an update that needs
 * nothing of its own. */
size_t ath__integrator_work(const ath_integrator *integrator, int32_t n);
/* Cells per system and per atom. */
void ath__integrator_cells(const ath_integrator *integrator, int32_t *n_system, int32_t *n_atom);
/* The row of system cells that a system gets on entry (n_system doubles). */
void ath__integrator_entry_row(const ath_integrator *integrator, double *out);

#endif
