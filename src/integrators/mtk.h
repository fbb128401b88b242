/* mtk.h - molecular dynamics at constant pressure: the equations of Martyna, Tobias and Klein
 * (J. Chem. Phys. 101 (1994) 4177), with chains of thermostats on particles and cell (NPT) or
 * without (NPH), in the reversible splitting of Tuckerman, Alejandre, Lopez-Rendon, Jochim and
 * Martyna (J. Phys. A 39 (2006) 5629).
 *
 * h is the cell (rows are lattice vectors), V = |det h|, G the strain rate, symmetric, P the
 * target, K_ij = sum m v_i v_j, s the stress (tensile positive), n the degrees of freedom:
 *
 *     dr/dt = v + G r                     dv/dt = F/m - (G + tr G / n) v
 *     dh/dt = h G                         W dG/dt = K - V s - V P + (tr K / n) 1
 *
 * W = (n + 3) kT tau_p^2 / 3. "iso" takes the mean of the diagonal of the last line for all three
 * and nothing else (one degree of freedom), "aniso" the diagonal (three, along x, y and z whatever
 * the cell looks like), "triclinic" all of it (six; the cell is strained, not rotated). One step:
 *
 *     first half   chain of the cell, chain of the particles, G, v (half a step each); r, h (a
 * step) second half  v, G, chain of the particles, chain of the cell (half a step each)
 *
 * Velocities and positions are advanced exactly for constant F and G: v <- exp(M) v + t phi(M) F/m
 * with M = -(G + tr G / n) t, r <- exp(G t) r + t phi(G t) v, h <- h exp(G t), phi(x) = (exp(x) -
 * 1) / x. So cells of any shape and orientation are as good as any other.
 *
 * Conserved: energy + kinetic energy + bath, where the bath is W tr(G G) / 2 + p (V - V0) + the
 * energies of the chains (chain.h), V0 the volume on entry and p the hydrostatic part of the
 * target. What is left of the target does work, V P':G dt, which is added up, for there is no
 * energy that it comes from; likewise what ramps add. Masses are those of the hottest target.
 *
 * The volume swings with the period 2 pi tau_p sqrt((n + 3) c kT / (9 V)), c being the
 * compressibility. It should not be much shorter than that of the phonons, which would not take up
 * its energy, and much longer than dt: its variance is too large by (pi dt / period)^2.
 *
 * Without degrees of freedom of the particles the terms with 1 / n are 0. Fixed components have no
 * velocity and ride with the cell. Systems that are not periodic along all three vectors are
 * refused (ATH_REASON_BAD_INPUT). Internal units. Shared by .c and .cu files.
 */
#ifndef ATHANOR_INTEGRATORS_MTK_H
#define ATHANOR_INTEGRATORS_MTK_H

#include "integrators/chain.h"
#include "integrators/coupling.h"
#include "integrators/integrator.h"
#include "integrators/nve.h"
#include "integrators/target.h"

/* Cells of the state; VOLUME is V0, 0 before the first step. Then eta[length] and rate[length] of
 * the particles, and of the cell. */
enum {
    ATH__MTK_DT = ATH__NVE_DT,
    ATH__MTK_KT,
    ATH__MTK_KT_CHANGE,
    ATH__MTK_TAU_T,
    ATH__MTK_PRESSURE, /* eV/angstrom^3 */
    ATH__MTK_PRESSURE_CHANGE,
    ATH__MTK_TAU_P,
    ATH__MTK_RAMP,
    ATH__MTK_VOLUME,
    ATH__MTK_WORK,
    ATH__MTK_RATE, /* [9] G */
    ATH__MTK_ETA = ATH__MTK_RATE + 9
};
enum { ATH__MTK_CELLS = ATH__MTK_ETA + 4 * ATH__CHAIN_MAX }; /* at most */

typedef struct ath__mtk_args {
    ath__update_args update;
    double extra[9]; /* target on top of the pressure, eV/angstrom^3, symmetric */
    int32_t coupling;
    int32_t length, weights, substeps; /* of the chains; length 0: no thermostat */
} ath__mtk_args;
ATH__CHECK_ARGS(MTK_PRE, ath__mtk_args, update.seed);
ATH__CHECK_ARGS(MTK_POST, ath__mtk_args, update.seed);

/* What a system needs in a step. */
typedef struct ath__mtk {
    double dt, per_dof;      /* per_dof: 1 / n, or 0 */
    double inertia;          /* W */
    double pressure;         /* p */
    ath__chain atoms, frame; /* thermostats of the particles and of the cell */
    double *eta[2], *rate[2];
} ath__mtk;

ATH__FN ath__mtk ath__mtk_prepare(const ath__mtk_args *a, double *cells, double dof, int64_t step)
{
    static const double frame_dof[3] = {1.0, 3.0, 6.0};
    const ath__target kt = {cells[ATH__MTK_KT], cells[ATH__MTK_KT_CHANGE], cells[ATH__MTK_RAMP]};
    const ath__target p = {cells[ATH__MTK_PRESSURE], cells[ATH__MTK_PRESSURE_CHANGE],
                           cells[ATH__MTK_RAMP]};
    const double hot = ath__target_largest(kt), tau_t = cells[ATH__MTK_TAU_T];
    const double tau_p = cells[ATH__MTK_TAU_P];
    ath__mtk m;
    m.dt = cells[ATH__MTK_DT];
    m.per_dof = dof > 0.0 ? 1.0 / dof : 0.0;
    m.inertia = (dof + 3.0) * hot * (tau_p * tau_p) / 3.0;
    m.pressure = ath__target_at(p, step);
    m.atoms.dof = dof;
    m.atoms.kt = ath__target_at(kt, step);
    m.atoms.mass = hot * (tau_t * tau_t);
    m.atoms.length = a->length;
    m.atoms.weights = a->weights;
    m.atoms.substeps = a->substeps;
    m.atoms.tau = tau_t;
    m.frame = m.atoms;
    m.frame.dof = frame_dof[a->coupling];
    m.frame.mass = hot * (tau_p * tau_p);
    m.frame.tau = tau_p;
    for (int k = 0; k < 2; k++) {
        m.eta[k] = cells + ATH__MTK_ETA + 2 * k * a->length;
        m.rate[k] = m.eta[k] + a->length;
    }
    return m;
}

/* Before the first half of a step: what the ramps of the targets add to the energy of the bath is
 * taken from it. */
ATH__FN void ath__mtk_ramp(const ath__mtk *m, double *cells, double volume, int64_t step)
{
    const ath__target kt = {cells[ATH__MTK_KT], cells[ATH__MTK_KT_CHANGE], cells[ATH__MTK_RAMP]};
    const ath__target p = {cells[ATH__MTK_PRESSURE], cells[ATH__MTK_PRESSURE_CHANGE],
                           cells[ATH__MTK_RAMP]};
    if (!(cells[ATH__MTK_VOLUME] > 0.0)) {
        cells[ATH__MTK_VOLUME] = volume;
    }
    cells[ATH__MTK_WORK] -= ath__target_rise(p, step) * (volume - cells[ATH__MTK_VOLUME]);
    if (m->atoms.length > 0) {
        cells[ATH__MTK_WORK] -=
            ath__target_rise(kt, step) *
            (ath__chain_heat(&m->atoms, m->eta[0]) + ath__chain_heat(&m->frame, m->eta[1]));
    }
}

/* Both chains over half a step: 0 is that of the particles, with twice their kinetic energy, and
 * returns the factor of their velocities; 1 is that of the cell. */
ATH__FN double ath__mtk_chain_atoms(const ath__mtk *m, double twice)
{
    return m->atoms.length > 0
               ? ath__chain_advance(&m->atoms, m->eta[0], m->rate[0], twice, 0.5 * m->dt)
               : 1.0;
}

ATH__FN void ath__mtk_chain_frame(const ath__mtk *m, double *rate)
{
    if (m->frame.length > 0) {
        const double scale = ath__chain_advance(&m->frame, m->eta[1], m->rate[1],
                                                m->inertia * ath__m3_dot(rate, rate), 0.5 * m->dt);
        for (int k = 0; k < 9; k++) {
            rate[k] *= scale;
        }
    }
}

/* G over half a step. kinetic: sum m v v, in the order xx yy zz yz xz xy. */
ATH__FN void ath__mtk_kick_frame(const ath__mtk_args *a, const ath__mtk *m, double *rate,
                                 const double kinetic[6], const double stress[9], double volume)
{
    const double twice = (kinetic[0] + kinetic[1]) + kinetic[2], t = 0.5 * m->dt / m->inertia;
    double full[9], force[9], symmetric[9];
    ath__coupling_matrix(kinetic, full);
    for (int k = 0; k < 9; k++) {
        const double diagonal = k % 4 == 0 ? twice * m->per_dof - volume * m->pressure : 0.0;
        force[k] = (full[k] - volume * (stress[k] + a->extra[k])) + diagonal;
    }
    ath__m3_symmetric(force, symmetric);
    ath__coupling_project(a->coupling, symmetric);
    for (int k = 0; k < 9; k++) {
        rate[k] += t * symmetric[k];
    }
}

/* v <- e v + f F/m over half a step, for velocities that are multiplied by `scale` before. */
ATH__FN void ath__mtk_kick(const ath__mtk *m, const double *rate, double scale, double e[9],
                           double f[9])
{
    const double t = 0.5 * m->dt, mean = ath__m3_trace(rate) * m->per_dof;
    double drag[9];
    for (int k = 0; k < 9; k++) {
        drag[k] = -((rate[k] + (k % 4 == 0 ? mean : 0.0)) * t);
    }
    ath__m3_exp_phi(drag, e, f);
    for (int k = 0; k < 9; k++) {
        e[k] *= scale;
        f[k] *= t;
    }
}

/* r <- e r + f v over a step; strains the cell. */
ATH__FN void ath__mtk_drift(const ath__mtk *m, const double *rate, double cell[9], double e[9],
                            double f[9])
{
    double strain[9], h[9];
    ath__m3_scale(m->dt, rate, strain);
    ath__m3_exp_phi(strain, e, f);
    for (int k = 0; k < 9; k++) {
        f[k] *= m->dt;
    }
    ath__m3_mul_t(cell, e, h); /* rows */
    ath__m3_copy(h, cell);
}

/* Work against what is not hydrostatic in the target, over a step in which the mean volume was
 * that one. */
ATH__FN double ath__mtk_work(const ath__mtk_args *a, const ath__mtk *m, const double *rate,
                             double volume)
{
    return volume * ath__m3_dot(a->extra, rate) * m->dt;
}

ATH__FN double ath__mtk_bath(const ath__mtk *m, const double *cells, double volume)
{
    const double *rate = cells + ATH__MTK_RATE;
    double sum = 0.5 * m->inertia * ath__m3_dot(rate, rate) +
                 m->pressure * (volume - cells[ATH__MTK_VOLUME]) + cells[ATH__MTK_WORK];
    if (m->atoms.length > 0) {
        sum += ath__chain_energy(&m->atoms, m->eta[0], m->rate[0]) +
               ath__chain_energy(&m->frame, m->eta[1], m->rate[1]);
    }
    return sum;
}

#endif
