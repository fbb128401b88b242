/* Fields: what a system can carry, each with a level, a type, a shape, a unit and a default.
 *
 * Core fields are the constants below. A program registers its own once per context and gets an id;
 * nothing looks a name up inside a step. Rows are C-order and contiguous.
 */
#ifndef ATHANOR_FIELD_H
#define ATHANOR_FIELD_H

#include <stdint.h>

#include <athanor/context.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ath_level { ATH_LEVEL_ATOM, ATH_LEVEL_EDGE, ATH_LEVEL_SYSTEM } ath_level;

/* X(name, C type, bytes) */
#define ATH_DTYPE_LIST(X)                                                                          \
    X(F64, double, 8)                                                                              \
    X(F32, float, 4)                                                                               \
    X(I64, int64_t, 8)                                                                             \
    X(I32, int32_t, 4)                                                                             \
    X(U8, uint8_t, 1)

typedef enum ath_dtype {
#define ATH_X(name, type, bytes) ATH_##name,
    ATH_DTYPE_LIST(ATH_X)
#undef ATH_X
        ATH_N_DTYPES
} ath_dtype;

/* X(id, name, level, dtype, width, unit, default value, help). Width is the number of values in a
 * row: 3 for a vector, 9 for a matrix (row-major). Rows of the cell are the lattice vectors. */
#define ATH_FIELD_LIST(X)                                                                          \
    X(POSITIONS, "positions", ATOM, F64, 3, "angstrom", 0, "Cartesian, never wrapped")             \
    X(VELOCITIES, "velocities", ATOM, F64, 3, "sqrt(eV/amu)", 0, "ASE's unit")                     \
    X(FORCES, "forces", ATOM, F64, 3, "eV/angstrom", 0, "of the stored positions")                 \
    X(MASSES, "masses", ATOM, F64, 1, "amu", 0, "standard weight of the element if not given")     \
    X(NUMBERS, "numbers", ATOM, I32, 1, "", 0, "atomic number, 1 to 118; 0 is an unknown species") \
    X(FIXED, "fixed", ATOM, U8, 3, "", 0, "1: this Cartesian component does not move")             \
    X(CELL, "cell", SYSTEM, F64, 9, "angstrom", 0, "rows are lattice vectors; zero: no cell")      \
    X(PBC, "pbc", SYSTEM, I32, 3, "", 0, "1: periodic along this lattice vector")                  \
    X(ENERGY, "energy", SYSTEM, F64, 1, "eV", 0, "of the stored positions")                        \
    X(STRESS, "stress", SYSTEM, F64, 9, "eV/angstrom^3", 0, "tensile positive, row-major")         \
    X(STATUS, "status", SYSTEM, I32, 1, "", 0, "code of the stage that moves the system")          \
    X(SYSTEM_ID, "system_id", SYSTEM, I64, 1, "", -1, "running label, never a key")                \
    X(REASON, "reason", SYSTEM, I32, 1, "", 0, "ath_reason: why it stopped")                       \
    X(CONVERGED, "converged", SYSTEM, I32, 1, "", 0, "1: criteria met at the last assessment")     \
    X(STAGE_STEPS, "stage_steps", SYSTEM, I64, 1, "", 0, "steps done in the present stage")        \
    X(AGE, "age", SYSTEM, I64, 1, "", 0, "steps done in all stages")                               \
    X(FMAX, "fmax", SYSTEM, F64, 1, "eV/angstrom", 0, "largest |F| of a free atom, last assessed") \
    X(DOF, "dof", SYSTEM, F64, 1, "", 0, "of the kinetic energy, counted on entry")                \
    X(ENERGY_CHANGE, "energy_change", SYSTEM, F64, 1, "eV", 0, "|energy - that one step before|")  \
    X(ENERGY_BEFORE, "energy_before", SYSTEM, F64, 1, "eV", 0, "one step before")                  \
    X(CRITERIA, "criteria", SYSTEM, F64, 8, "", 0, "values of the criteria, last assessed")        \
    X(BATH, "bath", SYSTEM, F64, 1, "eV", 0,                                                       \
      "energy of thermostat and barostat, see integrator.h")                                       \
    X(SMAX, "smax", SYSTEM, F64, 1, "eV/angstrom^3", 0, "stress still to relax, last assessed")    \
    X(RETRIES, "retries", SYSTEM, I32, 1, "", 0, "times rolled back in the present stage")

typedef enum ath_field {
#define ATH_X(id, name, level, dtype, width, unit, value, help) ATH_FIELD_##id,
    ATH_FIELD_LIST(ATH_X)
#undef ATH_X
        ATH_N_CORE_FIELDS
} ath_field;

enum { ATH_MAX_FIELDS = 64 }; /* core and user fields of one context together */

typedef int32_t ath_field_id; /* an ath_field, or what ath_field_register returned */

typedef struct ath_field_info {
    const char *name; /* owned by the context */
    ath_level level;
    ath_dtype dtype;
    int32_t width; /* >= 1 */
    const char *unit;
    double fallback; /* default of every value */
    const char *help;
} ath_field_info;

/* Registers a user field (level ATOM or SYSTEM). The same name with the same declaration returns
 * the same id; another declaration is ATH_E_EXISTS, too many fields ATH_E_RANGE. Names and texts
 * are copied. Never synchronises. */
ATH_API ath_status ath_field_register(ath_context *ctx, const ath_field_info *info,
                                      ath_field_id *out);
/* ATH_E_UNKNOWN if there is no such field. */
ATH_API ath_status ath_field_find(ath_context *ctx, const char *name, ath_field_id *out);
/* NULL for an id that does not exist. Valid as long as the context. */
ATH_API const ath_field_info *ath_field_describe(const ath_context *ctx, ath_field_id id);
ATH_API int32_t ath_field_count(const ath_context *ctx);
ATH_API int32_t ath_dtype_bytes(ath_dtype dtype);

#ifdef __cplusplus
}
#endif
#endif
