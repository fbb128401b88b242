/* Options: one array per ops table says everything about the parameters of an implementation.
 *
 * From it come parsing ("sigma=3.4,cutoff=8.5"), range errors, --help, the tables in the
 * documentation and the echo in outputs. The core writes the values into the object's state before
 * init runs, at `offset`:
 *
 *   BOOL, INT -> int64_t     REAL -> double     CHOICE -> int64_t (index into choices)
 *   TEXT -> const char * (owned by the core, never NULL, lives as long as the object)
 */
#ifndef ATHANOR_OPTION_H
#define ATHANOR_OPTION_H

#include <stddef.h>
#include <stdint.h>

#include <athanor/context.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ath_option_type {
    ATH_OPTION_END = 0, /* closes an array */
    ATH_OPTION_BOOL,    /* true|false|yes|no|1|0 */
    ATH_OPTION_INT,
    ATH_OPTION_REAL,
    ATH_OPTION_CHOICE,
    ATH_OPTION_TEXT
} ath_option_type;

/* Flag of options of type REAL of integrators: where a field of this name is registered (level
 * SYSTEM, F64, width 1, default NaN; before the dynamics is made, which refuses one of another
 * shape with ATH_E_ARGUMENT, and more than 16 of them with ATH_E_RANGE), a system that carries it
 * uses its own value, in the option's unit, from its entry into the stage on. NaN is the stage's
 * own. Outside of min and max: the system does not enter, its reason is bad_input. A field
 * `temperature` is also the temperature at which velocities are drawn on entry. */
enum { ATH_OPTION_PER_SYSTEM = 1 };

typedef struct ath_option {
    const char *name;
    ath_option_type type;
    uint32_t flags;
    const char *unit;     /* "fs", "eV", ... or "" */
    const char *fallback; /* default, as text; NULL: the option must be given */
    double min, max;      /* inclusive, for INT and REAL; both 0: no limit */
    const char *choices;  /* "a|b|c" for CHOICE, else NULL */
    const char *help;
    size_t offset;
} ath_option;

/* Fills `object` from `text`, a comma-separated list of name=value (a value may be quoted with '"',
 * with \" and \\ inside, or bracketed with {}), and from the defaults for the rest. Defaults pass
 * the same checks. A whole number may be written 1e6. NULL text: all defaults. Errors (unknown name
 * with the nearest one, bad number, out of range, missing) are ATH_E_OPTION with a message that
 * begins with `owner`. On failure nothing is left to free. */
ATH_API ath_status ath_options_parse(ath_context *ctx, const ath_option *options, const char *owner,
                                     const char *text, void *object);
/* Frees the texts that ath_options_parse put into object. */
ATH_API void ath_options_free(ath_context *ctx, const ath_option *options, void *object);
/* Writes the values as "name=value,..." with every double exact; snprintf's return convention. */
ATH_API int ath_options_print(const ath_option *options, const void *object, char *buffer,
                              size_t bytes);

#ifdef __cplusplus
}
#endif
#endif
