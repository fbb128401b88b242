/* The hooks that come with the library.
 *
 * Each function fills a record whose `user` it owns; ath_hook_free releases it, after every
 * dynamics that it was registered with has been destroyed. A record may be registered with one
 * dynamics (and with what it is fused into); two dynamics of one's own take two records. The
 * record has the stage and the frequency that are said here; both, and ATH_HOOK_OWN_STEPS in
 * `access`, may be changed before it is registered, within what is said.
 *
 * What a hook does to one system depends on that system alone. Hooks that write do so through
 * ath_batch_write, on every device, so that forces are due again where positions or cells have
 * changed; what they leave alone keeps every bit. On a device that is not the host, reading
 * synchronises (S), once per field and system.
 *
 * All fail with ATH_E_NO_MEMORY; with ATH_E_ARGUMENT for NULL, a `size` of another version and
 * what is said; with ATH_E_RANGE or ATH_E_EXISTS if a user field of theirs cannot be registered. On
 * failure the record is zero. The context must outlive the record. Units are those of the fields.
 */
#ifndef ATHANOR_HOOKS_H
#define ATHANOR_HOOKS_H

#include <athanor/hook.h>
#include <athanor/sink.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- log: one row per system ---- */

typedef enum ath_log_format {
    ATH_LOG_CSV,       /* a header line, then comma-separated values; "nan", "inf", "-inf" */
    ATH_LOG_JSON_LINES /* one object per line; values that are not finite are null */
} ath_log_format;

/* A column of one's own: its value for the index-th system of the batch. */
typedef struct ath_log_scalar {
    const char *name; /* copied; letters, digits and "_ - . /" */
    double (*value)(void *user, const ath_batch *batch, int32_t index);
    void *user;
} ath_log_scalar;

/* What a system is like as a piece of matter. Pressures, volume and density are those of systems
 * that are periodic along all three vectors, else NaN. */
typedef struct ath_log_thermo {
    double kinetic;   /* eV */
    double conserved; /* eV: energy + kinetic energy + the field bath: what the integrator keeps */
    double pressure;  /* GPa: a third of the trace of the next, compression is positive */
    double pressures[6]; /* GPa: (sum m v v) / V - stress; xx, yy, zz, yz, xz, xy */
    double volume;       /* angstrom^3 */
    double density;      /* g/cm^3 */
} ath_log_thermo;

typedef struct ath_log_row {
    size_t size;
    int64_t step;       /* step count of the dynamics; with own_steps the age of the system; the
                           step at hand counts from ON_CONVERGE on */
    int32_t graph_idx;  /* index in the batch, which changes as systems come and go */
    int32_t status;     /* the field of that name */
    double energy;      /* eV */
    double fmax;        /* eV/angstrom: largest |F| of an atom, fixed components count as 0 */
    double temperature; /* K: 2 KE / (dof kB), with the field dof; 0 without degrees of freedom */
    ath_log_thermo thermo; /* zeros unless asked for */
    ath_uid uid;
    const double *scalars; /* [n_scalars], in the order of the configuration */
    int32_t n_scalars;
} ath_log_row;

typedef struct ath_hook_log_config {
    size_t size; /* sizeof(struct ath_hook_log_config) */
    ath_log_format format;
    const char *path; /* copied */
    /* Goes on behind an existing file, without a second header; ATH_E_FORMAT if that ends inside a
     * line or has other columns. Else an existing file is ATH_E_EXISTS. After a load the hook goes
     * on behind what the checkpoint knows of, in either case. */
    bool append;
    bool mended; /* who loads the checkpoint has put the file right (ath_campaign_trim): not cut */
    /* Instead of a file: gets each row; a negative status ends the run. path is then NULL. */
    ath_status (*row)(void *user, const ath_log_row *row);
    void *user;
    /* Columns behind `temperature`. One that is called status, energy, fmax or temperature takes
     * the place of that column instead. The array is copied. */
    const ath_log_scalar *scalars; /* [n_scalars] */
    int32_t n_scalars;
    /* Columns kinetic, conserved, pressure, pxx, pyy, pzz, pyz, pxz, pxy, volume, density behind
     * `temperature`: the units are those of ath_log_thermo. */
    bool thermo;
    bool own_steps; /* sets ATH_HOOK_OWN_STEPS, and `step` is that of the system */
    /* Rows that may wait in memory. 0: each call writes its rows, so that the run that made them
     * reports a failure. Else they are written when there are so many, and at the end of a run; a
     * failure there is logged and reported by the next run, save or call. */
    int32_t flush_rows;
} ath_hook_log_config;

/* Columns: step, graph_idx, status, energy, fmax, temperature, `thermo`, those of one's own, uid;
 * the last of them, 32 hexadecimal digits, is what follows a system through everything. Numbers
 * have the fewest digits that read back to the same bits, whatever the locale.
 *
 * AFTER_STEP, frequency 1; any stage from AFTER_COMPUTE on, or BEFORE_STEP. The file is opened when
 * the first run begins and closed by ath_hook_free. Failures of the file are those of the run, with
 * the path. A checkpoint holds the length of the file, synced; loading it cuts the file back to
 * that, so that no row is lost or there twice. */
ATH_API ath_status ath_hook_log(ath_context *ctx, const ath_hook_log_config *config, ath_hook *out);

/* The same numbers of a system outside of a batch: status, energy, fmax, temperature, thermo and
 * uid of a row; the rest is 0. Fields that it does not carry count as zeros (so without `dof` the
 * temperature is 0), masses as those of the elements. The caller sets out->size; ATH_E_ARGUMENT for
 * NULL or another size, ATH_E_NO_MEMORY. Never synchronises. */
ATH_API ath_status ath_log_measure(const ath_system *system, ath_log_row *out);

/* ---- snapshots ---- */

/* Puts every masked system into a sink (borrowed). A sink without room is ATH_E_STATE with its
 * name. AFTER_STEP, frequency 1; stages as of the log. What is put behind a checkpoint is put again
 * by a run that goes on from it. S */
ATH_API ath_status ath_hook_snapshot(ath_context *ctx, ath_sink *sink, ath_hook *out);
/* Puts a system into a sink (borrowed) when it meets its criteria: once in each stage of its life,
 * also if it stays in the stage. ON_CONVERGE, frequency 1. Which systems it has seen is kept in a
 * user field of theirs, "converged_snapshot" ("converged_snapshot.2" for the second such hook of a
 * dynamics, and so on), and so in checkpoints. A system that finds no room is not noted as seen. S
 */
ATH_API ath_status ath_hook_converged_snapshot(ath_context *ctx, ath_sink *sink, ath_hook *out);

/* ---- guards ---- */

typedef struct ath_hook_nan_config {
    size_t size; /* sizeof(struct ath_hook_nan_config) */
    /* What is looked at besides forces and energy: fields of type F64 or F32. Those that the batch
     * does not have are passed over. Copied. */
    const ath_field_id *fields; /* [n_fields], at most 16 */
    int32_t n_fields;
    bool raise; /* ends the run instead */
} ath_hook_nan_config;

/* Looks for values that are not finite. A system that has one is quarantined (non_finite) at the
 * end of the step; with `raise` the run ends with ATH_E_STATE, and the message names the step, and
 * for each field the number of bad values and the first systems. config may be NULL. AFTER_COMPUTE,
 * frequency 1; or AFTER_STEP. The engine itself quarantines a system whose forces on free atoms are
 * not finite at the end of a step; this hook looks at fixed atoms, too. */
ATH_API ath_status ath_hook_nan(ath_context *ctx, const ath_hook_nan_config *config, ath_hook *out);

/* Scales the force on an atom to |F| = max_force (eV/angstrom, > 0, finite) where it is larger.
 * Forces with a component that is not finite stay as they are, for the engine to see. The energy
 * is not changed: it no longer belongs to the forces. AFTER_COMPUTE and frequency 1, not to be
 * changed. */
ATH_API ath_status ath_hook_clamp_forces(ath_context *ctx, double max_force, ath_hook *out);

typedef enum ath_drift_metric {
    ATH_DRIFT_ABSOLUTE,         /* |E - E0|, eV */
    ATH_DRIFT_PER_ATOM_PER_STEP /* |E - E0| / (atoms x steps since E0), eV; 0 at E0 itself */
} ath_drift_metric;

typedef enum ath_drift_action {
    ATH_DRIFT_WARN,      /* a line in the log of the context, at each call that finds one */
    ATH_DRIFT_RAISE,     /* the run ends with ATH_E_STATE */
    ATH_DRIFT_QUARANTINE /* each such system is quarantined (energy_drift) at the end of the step;
                            it is not retried */
} ath_drift_action;

typedef struct ath_hook_drift_config {
    size_t size;      /* sizeof(struct ath_hook_drift_config) */
    double threshold; /* eV, >= 0, in the metric; exceeded if larger, or not a number */
    ath_drift_metric metric;
    ath_drift_action action;
    bool potential_only; /* leaves the kinetic energy out */
} ath_hook_drift_config;

/* Compares the energy of each system (with its kinetic energy) with that of the first call that was
 * about it, E0. The message names the worst system. AFTER_STEP, frequency 1; stages as of the log.
 * E0 and the age at E0 stand in a user field of systems, "total_energy_reference" or
 * "potential_energy_reference", and so travel with a system and are in checkpoints; a dynamics that
 * a system is new to starts afresh. */
ATH_API ath_status ath_hook_energy_drift(ath_context *ctx, const ath_hook_drift_config *config,
                                         ath_hook *out);

/* ---- constraints and cells ---- */

typedef struct ath_hook_freeze_config {
    size_t size; /* sizeof(struct ath_hook_freeze_config) */
    /* A user field of atoms of an integer type and width 1, or an integer extra of atoms of that
     * name and width 1; copied; NULL: "atom_categories". The field counts if there are both. */
    const char *field;
    int64_t category;
    uint8_t components[3]; /* which of x, y, z are fixed; all zero: all three */
} ath_hook_freeze_config;

/* Fixes the atoms of a category: sets their rows of `fixed`, and those components of their
 * velocities to zero. Done once, when a system comes to the dynamics, before its entry action,
 * which counts the degrees of freedom, and first forces; from then on integrators, temperature,
 * fmax and criteria see to it. What was fixed before stays fixed. Systems that carry neither field
 * nor extra are left alone; in a batch a field is carried by all, with its default for those that
 * came without, so that a category equal to the default is ATH_E_ARGUMENT when a system comes, as
 * is a field of another shape. The stage is without meaning. S */
ATH_API ath_status ath_hook_freeze(ath_context *ctx, const ath_hook_freeze_config *config,
                                   ath_hook *out);

/* Moves atoms by whole lattice vectors along periodic directions, until their fractional
 * coordinates (the reciprocal rows of the cell times the position) are in [0, 1), whatever the
 * rounding. Atoms that are inside keep their bits, and a system without an atom outside is not
 * written. Directions that are not periodic are left alone, as are systems whose periodic vectors
 * are dependent and atoms that are not finite or more than 2^31 cells away. Velocities do not
 * change; fixed atoms are moved as well; forces are due again.
 *
 * keep_images: the user field "image_counts" (I32, 3 per atom) counts what was taken away, so that
 * position + image_counts x cell goes on where the trajectory would have been, to rounding, as long
 * as the cell stays.
 *
 * AFTER_PRE_UPDATE, frequency 1, own steps: between the motion and the forces it costs no further
 * evaluation; a higher frequency is better. BEFORE_COMPUTE (frequency 1) also wraps before first
 * forces; at other stages each wrapped system is evaluated once more. */
ATH_API ath_status ath_hook_wrap(ath_context *ctx, bool keep_images, ath_hook *out);

/* Turns a system so that its cell is lower triangular with a positive diagonal: the first vector
 * along x, the second in the xy plane. Positions, velocities, forces and stress turn along;
 * lengths, angles, fractional coordinates and energies stay, to rounding. Cells that have that form
 * keep every bit. Left alone are systems without a periodic direction; cells that are singular or
 * left- handed, which no rotation brings there; and systems with atoms of which some components are
 * fixed and others not, whose constraint would turn. State of integrators and user fields do not
 * turn.
 *
 * BEFORE_STEP, frequency 1, own steps; AFTER_STEP as well. */
ATH_API ath_status ath_hook_align_cell(ath_context *ctx, ath_hook *out);

/* ---- bias ---- */

/* One system, for a bias: what it is a function of, and what it gives. */
typedef struct ath_bias_view {
    size_t size;
    int32_t n_atoms;
    const int32_t *numbers;  /* [n_atoms] */
    const double *positions; /* [n_atoms][3], angstrom */
    const double *cell;      /* [9], rows are lattice vectors */
    const int32_t *pbc;      /* [3] */
    ath_uid uid;
    /* All zero when the function is called; what it leaves there is added. */
    double energy;  /* eV */
    double *forces; /* [n_atoms][3], eV/angstrom: -dE/dr */
    double *stress; /* [9], eV/angstrom^3, tensile positive */
} ath_bias_view;

/* Must depend on nothing but the view and what `user` always is; called on the thread that runs, in
 * no particular order. Pointers are valid during the call. A negative status ends the run: forces
 * of that step then lack the bias, and the run cannot go on from there. */
typedef ath_status (*ath_bias_fn)(void *user, ath_bias_view *view);

/* Adds a potential of one's own to that of the model: to energy, forces and stress, after every
 * evaluation, first forces included. `user` is borrowed. AFTER_COMPUTE and frequency 1, not to be
 * changed. Where the forces do not add up to nothing (a wall, atoms tied to places), or turn a
 * system as a whole, add ATH_HOOK_EXTERNAL_FIELD to out->access. */
ATH_API ath_status ath_hook_bias(ath_context *ctx, ath_bias_fn bias, void *user, ath_hook *out);

/* ---- times of stages ---- */

enum {
    ATH_TIMING_ALL = 0xff, /* every stage but ON_CONVERGE */
    ATH_TIMING_STEP = 1 << ATH_STAGE_BEFORE_STEP | 1 << ATH_STAGE_AFTER_STEP
};

/* Notes the host's clock at several stages of a step (bit 1u << s for stage s, at least two; 0:
 * ATH_TIMING_ALL) and sums up the times between one noted stage and the next in the same step.
 * Nothing waits for a device: where launches run late, the times are those of the host. A dynamics
 * with this hook makes its steps phase by phase, so times and sums of a run without differ.
 * max_events: intervals kept for the trace; later ones are counted only. Frequency 1. */
ATH_API ath_status ath_hook_stage_timing(ath_context *ctx, unsigned stages, int64_t max_events,
                                         ath_hook *out);

typedef struct ath_stage_time {
    char name[48]; /* "BEFORE_STEP->AFTER_STEP" */
    ath_stage from, to;
    int64_t n;
    double mean_s, std_s, min_s, max_s, total_s; /* std of a sample; 0 for one */
} ath_stage_time;

/* Of the hook that ath_hook_stage_timing made: pairs of stages that occurred, by `to`, then `from`,
 * up to max; *n is how many there are. ATH_E_ARGUMENT for another hook. */
ATH_API ath_status ath_hook_timing_summary(const ath_hook *hook, ath_stage_time *out, int32_t max,
                                           int32_t *n);
/* Writes the kept intervals as a JSON trace that browsers' trace viewers read; replaces the file at
 * once. */
ATH_API ath_status ath_hook_timing_trace(const ath_hook *hook, const char *path);
/* Forgets everything noted so far. */
ATH_API ath_status ath_hook_timing_reset(ath_hook *hook);

#ifdef __cplusplus
}
#endif
#endif
