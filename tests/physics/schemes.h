/* The schemes that the statistical tests are made with. A new scheme is one line here, and every
 * test of its ensemble runs it.
 */
#ifndef ATHANOR_TESTS_PHYSICS_SCHEMES_H
#define ATHANOR_TESTS_PHYSICS_SCHEMES_H

#include "physics/physics.h"

typedef struct physics_scheme {
    const char *name;
    /* Text of the integrator, with one %.17g for the temperature in K; barostats have a second one
     * for the pressure in GPa. */
    const char *text;
    /* Degrees of freedom that the motion does not have: 3 where the centre of mass stands still, 0
     * where it is heated as the rest. */
    int32_t removed;
    double warmer; /* control: the scheme is given this times the temperature; 0: as it is */
    bool totals;   /* it acts on the kinetic energy as a whole: no single oscillator */
    bool control;  /* is wrong in what the tests look at, and must fail */
    /* Strains of the box, if it is one that a liquid does not keep in shape: for crystals. */
    const char *coupling;
    double denser; /* control: this times the higher one of two pressures; 0: as it is */
    bool chaos;    /* is a thermostat only with it: not for harmonic wells */
    bool late;     /* in the full size only */
    bool slow;     /* its samples hang together for long: the full size takes more of them */
} physics_scheme;

/* Constant volume and temperature. */
static const physics_scheme schemes_nvt[] = {
    {.name = "langevin", .text = "langevin:timestep=4,temperature=%.17g,friction=0.005"},
    {.name = "nose_hoover",
     .text = "nose_hoover:timestep=4,temperature=%.17g,tau_t=100",
     .removed = 3,
     .totals = true,
     .chaos = true},
    {.name = "csvr",
     .text = "csvr:timestep=4,temperature=%.17g,tau_t=100",
     .removed = 3,
     .totals = true},
    {.name = "control: 1 % too warm",
     .text = "langevin:timestep=4,temperature=%.17g,friction=0.005",
     .warmer = 1.01,
     .control = true},
    {.name = "control: 3 N - 3 counted of 3 N",
     .text = "langevin:timestep=4,temperature=%.17g,friction=0.005",
     .removed = 3,
     .control = true},
    {.name = "control: 3 N counted of 3 N - 3",
     .text = "csvr:timestep=4,temperature=%.17g,tau_t=100",
     .totals = true,
     .control = true},
    {.name = NULL},
};

/* tau_p of npt: the box swings with the period 2 pi tau_p sqrt((n + 3) c kT / 9 V), n the degrees
 * of freedom and c the compressibility (mtk.h). With 400 fs that is 0.4 ps for the liquid, but 0.13
 * ps for the crystal: faster than its phonons, so that they do not take up the energy of the box,
 * and too fast for 4 fs, which makes the variance of the volume 1 % too large. Hence 2000 fs there.
 */
#define SCHEMES_NPT(options) "npt:timestep=4,temperature=%.17g,pressure=%.17g,tau_t=100," options
#define SCHEMES_CRESCALE(options)                                                                  \
    "crescale:timestep=4,temperature=%.17g,pressure=%.17g,tau_t=100," options

/* Constant pressure and temperature. */
static const physics_scheme schemes_npt[] = {
    {.name = "npt, iso", .text = SCHEMES_NPT("tau_p=400"), .removed = 3},
    {.name = "npt, iso, mass x 3",
     .text = SCHEMES_NPT("tau_p=692.820323"),
     .removed = 3,
     .late = true},
    {.name = "npt, aniso",
     .text = SCHEMES_NPT("tau_p=2000,coupling=aniso"),
     .removed = 3,
     .coupling = "aniso",
     .late = true},
    {.name = "npt, triclinic",
     .text = SCHEMES_NPT("tau_p=2000,coupling=triclinic"),
     .removed = 3,
     .coupling = "triclinic"},
    {.name = "crescale, iso",
     .text = SCHEMES_CRESCALE("tau_p=400,compressibility=2"),
     .removed = 3,
     .slow = true},
    {.name = "crescale, aniso",
     .text = SCHEMES_CRESCALE("tau_p=400,compressibility=0.4,coupling=aniso"),
     .removed = 3,
     .coupling = "aniso",
     .late = true},
    {.name = "crescale with langevin, triclinic",
     .text = SCHEMES_CRESCALE("tau_p=400,compressibility=0.4,coupling=triclinic,"
                              "thermostat=langevin,friction=0.005"),
     .coupling = "triclinic"},
    {.name = "control: the higher pressure 2 % too high",
     .text = SCHEMES_NPT("tau_p=400"),
     .removed = 3,
     .denser = 1.02,
     .control = true},
    {.name = NULL},
};

/* Schemes with a conserved quantity, energy + bath, and whether they are stochastic. */
typedef struct physics_conserved {
    const char *name;
    const char *text; /* with %.17g for the time step in fs, and one for the temperature if any */
    bool stochastic;
    double step; /* fs: this and half of it */
} physics_conserved;

static const physics_conserved schemes_conserved[] = {
    {"nve", "nve:timestep=%.17g", false, 4},
    {"nve on the grid", "nve:grid=true,timestep=%.17g", false, 4},
    {"nose_hoover", "nose_hoover:timestep=%.17g,temperature=%.17g,tau_t=200", false, 2},
    {"npt, iso", "npt:timestep=%.17g,temperature=%.17g,pressure=0.1,tau_t=200,tau_p=600", false, 2},
    {"nph, iso", "nph:timestep=%.17g,temperature=%.17g,pressure=0.1,tau_p=600", false, 2},
    {"langevin", "langevin:timestep=%.17g,temperature=%.17g,friction=0.02", true, 32},
    {"csvr", "csvr:timestep=%.17g,temperature=%.17g,tau_t=50", true, 32},
    {"crescale, iso",
     "crescale:timestep=%.17g,temperature=%.17g,pressure=0.1,tau_t=50,tau_p=400,compressibility=2",
     true, 32},
    {NULL, NULL, false, 0},
};

#endif
