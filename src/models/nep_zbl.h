/* ZBL repulsion as NEP files use it. Private to the models nep.
 *
 *     v(r) = k_C Z_i Z_j / r phi(r/a) s(r),   1/a = 2.134563 (Z_i^0.23 + Z_j^0.23) / angstrom
 *     phi(u) = sum of four c exp(-b u);  s = 1 below r1, (1 + cos(pi (r - r1)/(r2 - r1)))/2, 0
 * above r2
 *
 * J. F. Ziegler, J. P. Biersack, U. Littmark, The Stopping and Range of Ions in Matter (1985). Each
 * atom of a pair gets half. Universal: c, b are those of ZBL, r1 and r2 those of the file.
 * Type-wise: r1 = 0 and r2 is at most a factor times the sum of the covalent radii. Flexible: r1,
 * r2, c and b are numbers of the file for each pair of types. As in the programs that made such
 * files, only pairs within the angular cutoff count.
 */
#ifndef ATHANOR_MODELS_NEP_ZBL_H
#define ATHANOR_MODELS_NEP_ZBL_H

#include "base/math.h"

#define ATH__NEP_COULOMB 14.399645  /* eV angstrom */
#define ATH__NEP_SCREENING 2.134563 /* 1/angstrom */
#define ATH__NEP_PI 3.14159265358979323846

/* One pair of types; coefficients c, then exponents b of phi. */
typedef struct ath__nep_repulsion {
    double inner, outer; /* angstrom */
    double charges;      /* k_C Z_i Z_j, eV angstrom */
    double inverse;      /* 1/a, 1/angstrom */
    double c[4], b[4];
} ath__nep_repulsion;

#define ATH__NEP_PHI_C                                                                             \
    {                                                                                              \
        0.18175, 0.50986, 0.28022, 0.02817                                                         \
    }
#define ATH__NEP_PHI_B                                                                             \
    {                                                                                              \
        3.1998, 0.94229, 0.4029, 0.20162                                                           \
    }

/* Covalent radii of elements 1 .. 94 in angstrom: those of P. Pyykko, M. Atsumi, Chem. Eur. J. 15,
 * 186 (2009), of metals less 10 %, times 4/3, as in DFT-D3. */
static const double ath__nep_radius[94] = {
    0.426667, 0.613333, 1.6,     1.25333, 1.02667, 1.0,     0.946667, 0.84,    0.853333, 0.893333,
    1.86667,  1.66667,  1.50667, 1.38667, 1.46667, 1.36,    1.32,     1.28,    2.34667,  2.05333,
    1.77333,  1.62667,  1.61333, 1.46667, 1.42667, 1.38667, 1.33333,  1.32,    1.34667,  1.45333,
    1.49333,  1.45333,  1.53333, 1.46667, 1.52,    1.56,    2.52,     2.22667, 1.96,     1.85333,
    1.76,     1.65333,  1.53333, 1.50667, 1.50667, 1.44,    1.53333,  1.64,    1.70667,  1.68,
    1.68,     1.64,     1.76,    1.74667, 2.78667, 2.34667, 2.16,     1.96,    2.10667,  2.09333,
    2.08,     2.06667,  2.01333, 2.02667, 2.01333, 2.0,     1.98667,  1.98667, 1.97333,  2.04,
    1.94667,  1.82667,  1.74667, 1.64,    1.57333, 1.54667, 1.48,     1.49333, 1.50667,  1.76,
    1.73333,  1.73333,  1.81333, 1.74667, 1.84,    1.89333, 2.68,     2.41333, 2.22667,  2.10667,
    2.02667,  2.04,     2.05333, 2.06667};

/* v in eV and dv/dr in eV/angstrom at 0 < r < outer. */
ATH__FN void ath__nep_repel(const ath__nep_repulsion *p, double r, double *v, double *slope)
{
    const double u = r * p->inverse;
    double phi = 0.0, dphi = 0.0;
    for (int k = 0; k < 4; k++) {
        const double term = p->c[k] * ath__exp(-p->b[k] * u);
        phi += term;
        dphi -= p->b[k] * term;
    }
    const double bare = p->charges / r;
    double e = bare * phi, de = bare * (dphi * p->inverse - phi / r);
    if (r > p->inner) {
        const double width = ATH__NEP_PI / (p->outer - p->inner);
        double s, c;
        ath__sincos((r - p->inner) * width, &s, &c);
        const double on = 0.5 * (1.0 + c), don = -0.5 * width * s;
        de = de * on + e * don;
        e = e * on;
    }
    *v = e;
    *slope = de;
}

#endif
