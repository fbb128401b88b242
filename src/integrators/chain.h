/* chain.h - a chain of Nose-Hoover thermostats on some kinetic energy (Martyna, Klein and
 * Tuckerman, J. Chem. Phys. 97 (1992) 2635), advanced by the operator splitting of Martyna,
 * Tuckerman, Tobias and Klein, Mol. Phys. 87 (1996) 1117.
 *
 * Thermostat k = 0 ... L - 1 has the mass Q_k, Q_0 = dof kT tau^2 and Q_k = kT tau^2, and the
 * force G_0 = (2 K - dof kT) / Q_0, G_k = (Q_(k-1) w_(k-1)^2 - kT) / Q_k. One sweep over a time t:
 *
 *     w_(L-1) += t/2 G_(L-1)
 *     k = L - 2 ... 0:  s = exp(-t/4 w_(k+1)),  w_k <- (w_k s + t/2 G_k) s
 *     K <- K exp(-2 t w_0),  eta_k += t w_k for all k
 *     k = 0 ... L - 2:  s = exp(-t/4 w_(k+1)),  w_k <- (w_k s + t/2 G_k) s   with G of the new K, w
 *     w_(L-1) += t/2 G_(L-1)
 *
 * Advancing by a time is n equal substeps, each a product of sweeps over weighted parts of it:
 * Suzuki-Yoshida with 1, 3, 5 or 7 weights (Suzuki, Phys. Lett. A 146 (1990) 319; Yoshida, ibid.
 * 150 (1990) 262, solution A of sixth order), errors of order 2, 4, 4 and 6.
 *
 * Substeps are for a chain near equilibrium, where all but the first w_k are of the order of 1 /
 * tau. Far from it they are not: the force of the second thermostat grows with the degrees of
 * freedom, and what dof degrees of freedom have too much can drive any later one up to w ~
 * sqrt(dof) / tau. There the sweeps are stiff, those over negative parts of the time grow instead
 * of being damped, and soon nothing is finite. So the substeps are doubled until along all of the
 * way no w_k exceeds 8 / tau times the factor by which there are more of them than asked for, or
 * the rate at which w_k times a substep is 1 if that is less. The number depends on the chain and
 * its kinetic energy alone, hardly on the time step, so that errors keep their order; near
 * equilibrium it is the one asked for. The way back visits the same states and so takes the same
 * number, except where the test fails for one and not for the other of two ways that differ by
 * their errors.
 *
 * Conserved together with what it is coupled to: sum Q_k w_k^2 / 2 + dof kT eta_0 + kT sum of the
 * other eta. kT in the masses is a fixed one (that of the hottest target of a stage), so that
 * masses do not change in a ramp.
 *
 * Internal units. Shared by .c and .cu files.
 */
#ifndef ATHANOR_INTEGRATORS_CHAIN_H
#define ATHANOR_INTEGRATORS_CHAIN_H

#include <float.h>

#include "base/math.h"

enum {
    ATH__CHAIN_MAX = 10,
    ATH__CHAIN_FASTEST = 8,     /* / tau: a w_k that the substeps asked for can follow */
    ATH__CHAIN_SUBSTEPS = 16384 /* are not doubled: a w_k of 1e5 / tau is within reach */
};

typedef struct ath__chain {
    double dof;
    double kt;   /* eV, target */
    double mass; /* kT tau^2 of the masses */
    int32_t length, weights, substeps;
    double tau; /* of the masses */
} ath__chain;

typedef struct ath__chain_state {
    double eta[ATH__CHAIN_MAX], rate[ATH__CHAIN_MAX];
} ath__chain_state;

ATH__FN double ath__chain_mass(const ath__chain *c, int k)
{
    return k == 0 ? c->dof * c->mass : c->mass;
}

/* G_k; twice: twice the kinetic energy. */
ATH__FN double ath__chain_force(const ath__chain *c, const double *rate, int k, double twice)
{
    if (k == 0) {
        return (twice - c->dof * c->kt) / ath__chain_mass(c, 0);
    }
    return (ath__chain_mass(c, k - 1) * (rate[k - 1] * rate[k - 1]) - c->kt) /
           ath__chain_mass(c, k);
}

/* w_k over the time t, under the drag of the next one. */
ATH__FN void ath__chain_kick(const ath__chain *c, double *rate, int k, double twice, double t)
{
    const double force = ath__chain_force(c, rate, k, twice);
    if (k == c->length - 1) {
        rate[k] += 0.5 * t * force;
    } else {
        const double s = ath__exp(-0.25 * t * rate[k + 1]);
        rate[k] = (rate[k] * s + 0.5 * t * force) * s;
    }
}

/* One sweep; returns the factor of the velocities. */
ATH__FN double ath__chain_sweep(const ath__chain *c, double *eta, double *rate, double twice,
                                double t)
{
    for (int k = c->length - 1; k >= 0; k--) {
        ath__chain_kick(c, rate, k, twice, t);
    }
    const double scale = ath__exp(-(t * rate[0]));
    for (int k = 0; k < c->length; k++) {
        eta[k] += t * rate[k];
    }
    for (int k = 0; k < c->length; k++) {
        ath__chain_kick(c, rate, k, twice * (scale * scale), t);
    }
    return scale;
}

/* Weight i of n = 1, 3, 5 or 7. */
ATH__FN double ath__chain_weight(int i, int n)
{
    const double w3 = 1.3512071919596578, w5 = 0.41449077179437571;
    const double w7[3] = {0.784513610477560, 0.235573213359357, -1.17767998417887};
    const int from_end = i < n - 1 - i ? i : n - 1 - i;
    switch (n) {
    case 3:
        return i == 1 ? 1.0 - 2.0 * w3 : w3;
    case 5:
        return i == 2 ? 1.0 - 4.0 * w5 : w5;
    case 7:
        return from_end < 3 ? w7[from_end] : 1.0 - 2.0 * ((w7[0] + w7[1]) + w7[2]);
    default:
        return 1.0;
    }
}

/* The way over `time` in c->substeps; 0 as soon as a w_k exceeds `fastest` or is not a number, else
 * 1. *scale: the factor of the velocities. */
ATH__FN int ath__chain_walk(const ath__chain *c, ath__chain_state *s, double twice, double time,
                            double fastest, double *scale)
{
    *scale = 1.0;
    for (int n = 0; n < c->substeps; n++) {
        for (int i = 0; i < c->weights; i++) {
            const double t = ath__chain_weight(i, c->weights) * (time / c->substeps);
            *scale *= ath__chain_sweep(c, s->eta, s->rate, twice * (*scale * *scale), t);
            for (int k = 0; k < c->length; k++) {
                if (!(ath__abs(s->rate[k]) <= fastest)) {
                    return 0;
                }
            }
        }
    }
    return 1;
}

/* The largest w_k that the substeps asked for can follow. */
ATH__FN double ath__chain_fastest(const ath__chain *c, double time)
{
    const double near = ATH__CHAIN_FASTEST / c->tau, stable = c->substeps / ath__abs(time);
    return near < stable ? near : stable;
}

/* Advances the chain, eta[length] and rate[length], by `time`; twice: twice the kinetic energy.
 * Returns the factor of the velocities. Without degrees of freedom nothing happens. */
ATH__FN double ath__chain_advance(const ath__chain *c, double *eta, double *rate, double twice,
                                  double time)
{
    double scale = 1.0, top = 0.0, fastest;
    ath__chain finer = *c;
    ath__chain_state s = {{0.0}, {0.0}};
    int done = 0;
    if (!(c->dof > 0.0)) {
        return scale;
    }
    for (int k = 0; k < c->length; k++) {
        top = ath__abs(rate[k]) > top ? ath__abs(rate[k]) : top;
    }
    for (fastest = ath__chain_fastest(c, time); !done; fastest *= 2.0, finer.substeps *= 2) {
        const int last = finer.substeps > ATH__CHAIN_SUBSTEPS / 2;
        if (top > fastest && !last) {
            continue;
        }
        for (int k = 0; k < c->length; k++) {
            s.eta[k] = eta[k];
            s.rate[k] = rate[k];
        }
        done = ath__chain_walk(&finer, &s, twice, time, last ? DBL_MAX : fastest, &scale) || last;
    }
    for (int k = 0; k < c->length; k++) {
        eta[k] = s.eta[k];
        rate[k] = s.rate[k];
    }
    return scale;
}

/* dof eta_0 + sum of the other eta: by how much the energy of the chain rises with kT. */
ATH__FN double ath__chain_heat(const ath__chain *c, const double *eta)
{
    double sum = c->dof * eta[0];
    for (int k = 1; k < c->length; k++) {
        sum += eta[k];
    }
    return sum;
}

ATH__FN double ath__chain_energy(const ath__chain *c, const double *eta, const double *rate)
{
    double sum = 0.0;
    for (int k = 0; k < c->length; k++) {
        sum += 0.5 * ath__chain_mass(c, k) * (rate[k] * rate[k]);
    }
    return sum + c->kt * ath__chain_heat(c, eta);
}

#endif
