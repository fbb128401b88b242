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
} physics_scheme;

/* Constant volume and temperature. */
static const physics_scheme schemes_nvt[] = {
    {"langevin", "langevin:timestep=4,temperature=%.17g,friction=0.005", 0, 0, false, false},
    {"control: 1 % too warm", "langevin:timestep=4,temperature=%.17g,friction=0.005", 0, 1.01,
     false, true},
    {"control: 3 N - 3 counted of 3 N", "langevin:timestep=4,temperature=%.17g,friction=0.005", 3,
     0, false, true},
    {NULL, NULL, 0, 0, false, false},
};

/* Constant pressure and temperature: none so far. */
static const physics_scheme schemes_npt[] = {
    {NULL, NULL, 0, 0, false, false},
};

/* Schemes with a conserved quantity, energy + bath, and whether they are stochastic. */
typedef struct physics_conserved {
    const char *name;
    const char *text; /* with %.17g for the time step in fs, and one for the temperature if any */
    bool stochastic;
} physics_conserved;

static const physics_conserved schemes_conserved[] = {
    {"nve", "nve:timestep=%.17g", false},
    {"nve on the grid", "nve:grid=true,timestep=%.17g", false},
    {NULL, NULL, false},
};

#endif
