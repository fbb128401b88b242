/* deform_options.h - options and declared state of minimizers that can move the cell (deform.h):
 * the parts that stand in their tables. Host only.
 */
#ifndef ATHANOR_INTEGRATORS_DEFORM_OPTIONS_H
#define ATHANOR_INTEGRATORS_DEFORM_OPTIONS_H

#include <athanor/units.h>

#include "integrators/deform.h"
#include "integrators/integrator.h"

typedef struct ath__deform_options {
    int64_t cell, form;
    const char *mask;
    double pressure, pressure_xx, pressure_yy, pressure_zz, pressure_yz, pressure_xz,
        pressure_xy; /* GPa */
    double cell_factor, max_strain;
} ath__deform_options;

#define ATH__DEFORM_PRESSURE_OPTION(state, option, text)                                           \
    {                                                                                              \
        .name = #option, .type = ATH_OPTION_REAL, .flags = ATH_OPTION_PER_SYSTEM, .unit = "GPa",   \
        .fallback = "0", .min = -1e4, .max = 1e4, .help = (text),                                  \
        .offset = offsetof(state, deform.option)                                                   \
    }

/* The options, last in the table of a state that has a member `deform`. */
#define ATH__DEFORM_OPTIONS(state)                                                                 \
    {.name = "cell",                                                                               \
     .type = ATH_OPTION_CHOICE,                                                                    \
     .unit = "",                                                                                   \
     .fallback = "none",                                                                           \
     .choices = "none|full|iso|shape",                                                             \
     .help = "how the cell relaxes, too: not, freely, only its volume, only its shape",            \
     .offset = offsetof(state, deform.cell)},                                                      \
        {.name = "form",                                                                           \
         .type = ATH_OPTION_CHOICE,                                                                \
         .unit = "",                                                                               \
         .fallback = "frechet",                                                                    \
         .choices = "frechet|unit",                                                                \
         .help = "the deformation is exp(X) or 1 + X",                                             \
         .offset = offsetof(state, deform.form)},                                                  \
        {.name = "mask",                                                                           \
         .type = ATH_OPTION_TEXT,                                                                  \
         .unit = "",                                                                               \
         .fallback = "111111",                                                                     \
         .help = "which of the strains xx yy zz yz xz xy may change: six digits 0 or 1",           \
         .offset = offsetof(state, deform.mask)},                                                  \
        ATH__DEFORM_PRESSURE_OPTION(state, pressure, "target pressure"),                           \
        ATH__DEFORM_PRESSURE_OPTION(state, pressure_xx, "added to the pressure on xx"),            \
        ATH__DEFORM_PRESSURE_OPTION(state, pressure_yy, "added to the pressure on yy"),            \
        ATH__DEFORM_PRESSURE_OPTION(state, pressure_zz, "added to the pressure on zz"),            \
        ATH__DEFORM_PRESSURE_OPTION(state, pressure_yz, "target on yz, counted like a pressure"),  \
        ATH__DEFORM_PRESSURE_OPTION(state, pressure_xz, "target on xz, counted like a pressure"),  \
        ATH__DEFORM_PRESSURE_OPTION(state, pressure_xy, "target on xy, counted like a pressure"),  \
        {.name = "cell_factor",                                                                    \
         .type = ATH_OPTION_REAL,                                                                  \
         .unit = "angstrom",                                                                       \
         .fallback = "0",                                                                          \
         .min = 0.0,                                                                               \
         .max = 1e9,                                                                               \
         .help = "weight of a strain against a displacement; 0: sqrt(atoms)",                      \
         .offset = offsetof(state, deform.cell_factor)},                                           \
    {                                                                                              \
        .name = "max_strain", .type = ATH_OPTION_REAL, .unit = "", .fallback = "0.05",             \
        .min = 1e-6, .max = 1.0, .help = "largest change of the strain in a step",                 \
        .offset = offsetof(state, deform.max_strain)                                               \
    }

#define ATH__DEFORM_PRESSURE_STATE(text, number)                                                   \
    ATH__STATE_OPTION(text, (number)-1, 1.0 / ATH_GPA_PER_EV_A3)

/* The state, where the first of these options is option number `first`, counted from 1. */
#define ATH__DEFORM_STATES(first)                                                                  \
    ATH__DEFORM_PRESSURE_STATE("pressure", (first) + 3),                                           \
        ATH__DEFORM_PRESSURE_STATE("pressure_xx", (first) + 4),                                    \
        ATH__DEFORM_PRESSURE_STATE("pressure_yy", (first) + 5),                                    \
        ATH__DEFORM_PRESSURE_STATE("pressure_zz", (first) + 6),                                    \
        ATH__DEFORM_PRESSURE_STATE("pressure_yz", (first) + 7),                                    \
        ATH__DEFORM_PRESSURE_STATE("pressure_xz", (first) + 8),                                    \
        ATH__DEFORM_PRESSURE_STATE("pressure_xy", (first) + 9), ATH__STATE_ZERO("strain", 9, 0)

/* Checks between the options; `owner` begins the message. */
ath_status ath__deform_check(ath_context *ctx, const char *owner, const ath__deform_options *o);
/* The parameters; `first`: number of the first cell of the state. */
ath__deform_parameters ath__deform_make(const ath__deform_options *o, int32_t first);

#endif
