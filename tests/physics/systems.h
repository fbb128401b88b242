/* What the physical tests run: models with crystals that go with them.
 *
 * Argon, 108 atoms, Lennard-Jones switched off between 7 and 8.5 angstrom so that two derivatives
 * are continuous; the box of 17.44 angstrom is wider than twice the cutoff. 0.8 atoms per sigma^3
 * and 120 K (T* 0.994) are a liquid.
 */
#ifndef ATHANOR_TESTS_PHYSICS_SYSTEMS_H
#define ATHANOR_TESTS_PHYSICS_SYSTEMS_H

#include <stdio.h>

#include "physics/physics.h"

#define PHYSICS_LJ "lj:epsilon=0.0104,sigma=3.4,cutoff=8.5,scheme=switch,switch_width=1.5"
#define PHYSICS_LJ_SHORT "lj:epsilon=0.0104,sigma=3.4,cutoff=5.9,scheme=switch,switch_width=1"
#define PHYSICS_NEP "nep:file=" ATH_REFERENCE_DATA "/nep/models/UNEP-v1-Song2024.txt"

static const int32_t physics_argon[] = {18}, physics_copper_gold[] = {29, 79},
                     physics_silicon[] = {14}, physics_copper[] = {29},
                     physics_argon_krypton[] = {18, 36};

/* Lattice constant for 0.8 atoms per sigma^3: 3.4 (4 / 0.8)^(1/3). */
static const physics_crystal physics_liquid_argon = {"fcc", {3, 3, 3}, 5.81391806, physics_argon,
                                                     1,     false,     0.1};
static const double physics_liquid_kelvin = 120.0;
static const physics_crystal physics_drop = {"fcc", {2, 2, 2}, 5.94034, physics_argon,
                                             1,     false,     0.1};
static const double physics_drop_kelvin = 150.0;

/* Melts crystals of argon and brings the liquid to a temperature. */
static inline void physics_melt(physics_batch *b, double kelvin)
{
    char text[96];
    physics_run run = {.integrator = "langevin:timestep=4,temperature=400,friction=0.01",
                       .seed = 1,
                       .temperature = 400.0,
                       .steps = 1000};
    physics_go(b, &run, NULL);
    snprintf(text, sizeof text, "langevin:timestep=4,temperature=%.17g,friction=0.005", kelvin);
    run = (physics_run){.integrator = text, .seed = 2, .steps = 2500};
    physics_go(b, &run, NULL);
}

#endif
