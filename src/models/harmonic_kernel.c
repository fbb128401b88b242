/* Harmonic wells on the host; the formula stands in harmonic.h.
 *
 * Energy and stress are sums in eight lanes, atom i in lane i mod 8, added as a fixed tree.
 */
#include "data/cell.h"
#include "models/harmonic.h"

/* ((0 + 4) + (2 + 6)) + ((1 + 5) + (3 + 7)) */
static inline double harmonic_sum8(const double s[8])
{
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

/* Forces of n atoms; adds to the lanes of |u|^2 and of u x^T + x u^T (xx yy zz yz xz xy). */
static inline void harmonic_atoms(const ath__harmonic_params *p, int32_t n, const double *positions,
                                  double *forces, double lanes[7][8])
{
    static const int row[6] = {0, 1, 2, 1, 0, 0}, column[6] = {0, 1, 2, 2, 2, 1};
    for (int32_t i = 0; i < n; i++) {
        const double *x = positions + 3 * (int64_t)i;
        double *f = forces + 3 * (int64_t)i, u[3];
        ath__harmonic_displacement(p, i, x, u);
        for (int k = 0; k < 3; k++) {
            f[k] = -p->k * u[k];
        }
        lanes[6][i % 8] += (u[0] * u[0] + u[1] * u[1]) + u[2] * u[2];
        for (int m = 0; m < 6; m++) {
            lanes[m][i % 8] += u[row[m]] * x[column[m]] + u[column[m]] * x[row[m]];
        }
    }
}

static inline void harmonic_system(const ath__force_args *a, int32_t slot)
{
    static const int at[9] = {0, 5, 4, 5, 1, 3, 4, 3, 2};
    const ath__harmonic_params *p = a->params;
    const int64_t first = a->view.first[slot];
    double lanes[7][8] = {{0.0}};
    harmonic_atoms(p, a->view.n_atoms[slot], a->view.positions + 3 * first,
                   a->view.forces + 3 * first, lanes);
    if (a->want & ATH__WANT_ENERGY) {
        a->view.energy[slot] = 0.5 * p->k * harmonic_sum8(lanes[6]);
    }
    if (a->want & ATH__WANT_STRESS) {
        const int32_t *pbc = a->view.pbc + 3 * (int64_t)slot;
        const int periodic = pbc[0] && pbc[1] && pbc[2];
        const double volume = ath__cell_volume(a->view.cell + 9 * (int64_t)slot);
        for (int k = 0; k < 9; k++) {
            const double strain = 0.5 * p->k * harmonic_sum8(lanes[at[k]]);
            a->view.stress[9 * (int64_t)slot + k] = periodic ? strain / volume : 0.0;
        }
    }
}

void ATH__HOST_KERNEL(harmonic_force)(const void *args, const ath__share *share)
{
    (void)share;
    const ath__force_args *a = args;
    for (int32_t k = 0; k < *a->n_slots; k++) {
        const int32_t slot = a->slots[k];
        if (!(a->view.flags[slot] & ATH__SLOT_STALLED)) {
            harmonic_system(a, slot);
        }
    }
}
