/* Units and constants: CODATA 2018.
 *
 * Length in angstrom, energy in eV, mass in amu, temperature in K. Time is femtoseconds at every
 * interface; inside, one unit of time is angstrom * sqrt(amu / eV), and velocities in a batch are
 * in sqrt(eV / amu) (as in ASE). Pressure is GPa at every interface; stress is tensile-positive,
 * in eV / angstrom^3.
 *
 * The internal unit of time follows from the atomic mass constant 1.66053906660e-27 kg and the
 * elementary charge 1.602176634e-19 C: 1e-10 * sqrt(u / e) s.
 */
#ifndef ATHANOR_UNITS_H
#define ATHANOR_UNITS_H

#define ATH_FS_PER_TIME 10.180505710759414 /* fs in one internal unit of time */
#define ATH_BOLTZMANN 8.617333262145179e-5 /* eV / K: exactly 1.380649e-23 / 1.602176634e-19 */
#define ATH_GPA_PER_EV_A3 160.2176634      /* GPa in one eV / angstrom^3 */
#define ATH_G_CM3_PER_AMU_A3 1.6605390666  /* g/cm^3 in one amu/angstrom^3 */
#define ATH_BOHR 0.529177210903            /* angstrom */

#endif
