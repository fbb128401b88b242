/* Model "emt": effective-medium theory for Al, Ni, Cu, Pd, Ag, Pt, Au and their alloys.
 *
 * K. W. Jacobsen, P. Stoltze, J. K. Norskov, Surf. Sci. 366, 394 (1996), with the parameters
 * published there, in the form in which ASE's calculator EMT computes it (checked against it to
 * 1e-9 eV, 1e-9 eV/angstrom and 1e-9 eV/angstrom^3 by tests/models/test_emt_ase.c). For atoms i of
 * kind a and j of kind b at distance r:
 *
 *     theta(r) = 1 / (1 + exp(acut (r - rc))),   chi_ab = n0_b / n0_a
 *     sigma_i  = sum_j chi_ab / gamma1_a  exp(-eta2_b (r - beta s0_b)) theta(r)
 *     ds_i     = -ln(sigma_i / 12) / (beta eta2_a)
 *     F_i      = E0_a ((1 + lambda_a ds_i) exp(-lambda_a ds_i) - 1) + 6 V0_a exp(-kappa_a ds_i)
 *     W_ij     = V0_a chi_ab / gamma2_a  exp(-kappa_b (r / beta - s0_b)) theta(r)
 *     E        = sum_i (F_i - 1/2 sum_j W_ij)
 *
 *     gamma1_a = sum_k n_k / 12  exp(-eta2_a (r_k - beta s0_a)) theta(r_k)
 *     gamma2_a = sum_k n_k / 12  exp(-kappa_a / beta (r_k - beta s0_a)) theta(r_k)
 *     r_k = sqrt(k) beta s0_a, n_k = 12, 6, 24 for k = 1, 2, 3: three shells of the fcc lattice
 *
 * The energy is relative to the equilibrium crystals: an isolated atom has -E0. As in ASE, beta
 * is 1.809 (not (16 pi / 3)^(1/3) / sqrt(2) in full), one bohr is 0.5291772105638411 angstrom
 * (CODATA 2014: with the value of 2018 energies change by up to 5e-7 eV), rc and acut follow from
 * the largest s0 of the table, that of Ag, whatever the system is made of, and pairs beyond rc +
 * 0.5 angstrom do not count:
 *
 *     rc = 5.376798 angstrom, acut = 23.858455 / angstrom, cutoff = 5.876798 angstrom
 *
 * At the cutoff theta is 6.6e-6, not zero, so the energy has a step where a pair crosses it: 3e-10
 * to 1e-9 eV per bond in crystals, 1e-8 eV in aluminium, where pair and embedding energy nearly
 * cancel; but 5e-6 to 3e-5 eV in a dimer, 1e-3 eV for Al2, whose atoms have no other neighbours
 * (test_emt.c prints them). A run at constant energy sees this as noise, not as drift. With any
 * larger cutoff energies of up to 108 atoms differ from ASE's by up to 5e-7 eV.
 *
 * Not here: H, C, N, O, for which ASE has made-up numbers; ASE's `asap_cutoff`; magnetic moments.
 */
#include <math.h>

#include "base/math.h"
#include "models/emt.h"

#define EMT_BOHR 0.5291772105638411 /* angstrom, CODATA 2014 */
#define EMT_BETA 1.809

enum {
    EMT_ELEMENTS = 7,
    EMT_PAIRS_PER_ATOM = 64,    /* what is kept, taken each once: dense metals have about 45 */
    EMT_MAX_KEPT_PAIRS = 131072 /* 7 MB; beyond, rows are evaluated twice */
};

typedef struct emt_element {
    const char *symbol;
    int32_t number;
    /* eV, bohr, eV, 1/bohr, 1/bohr, 1/bohr, 1/bohr^3 */
    double e0, s0, v0, eta2, kappa, lambda, n0;
} emt_element;

static const emt_element emt_table[EMT_ELEMENTS] = {
    {"Al", 13, -3.28, 3.00, 1.493, 1.240, 2.000, 1.169, 0.00700},
    {"Ni", 28, -4.44, 2.60, 3.673, 1.669, 2.757, 1.948, 0.01030},
    {"Cu", 29, -3.51, 2.67, 2.476, 1.652, 2.740, 1.906, 0.00910},
    {"Pd", 46, -3.90, 2.87, 2.773, 1.818, 3.107, 2.155, 0.00688},
    {"Ag", 47, -2.96, 3.01, 2.132, 1.652, 2.790, 1.892, 0.00547},
    {"Pt", 78, -5.85, 2.90, 4.067, 1.812, 3.145, 2.192, 0.00802},
    {"Au", 79, -3.80, 3.00, 2.321, 1.674, 2.873, 2.182, 0.00703}};

typedef struct emt_state {
    ath__emt_params par;
} emt_state;

static const ath_option emt_options[] = {{.type = ATH_OPTION_END}};

/* rc, acut and the cutoff, from the largest s0 of the table. */
static void emt_range(ath__emt_params *par)
{
    double s0 = 0.0;
    for (int a = 0; a < EMT_ELEMENTS; a++) {
        s0 = emt_table[a].s0 > s0 ? emt_table[a].s0 : s0;
    }
    /* between the third and the fourth shell */
    const double third = sqrt(3.0), fourth = sqrt(4.0);
    par->rc = EMT_BETA * (s0 * EMT_BOHR) * 0.5 * (third + fourth);
    const double end = par->rc * 2.0 * fourth / (third + fourth);
    par->acut = ath__ln(9999.0) / (end - par->rc);
    par->cutoff = par->rc + 0.5;
    par->cutoff2 = par->cutoff * par->cutoff;
}

/* gamma of one element: decay is per angstrom, s0 in angstrom. */
static double emt_gamma(const ath__emt_params *par, double s0, double decay)
{
    static const double shell[3] = {12.0, 6.0, 24.0};
    double sum = 0.0;
    for (int k = 0; k < 3; k++) {
        const double r = s0 * EMT_BETA * sqrt(k + 1.0);
        const double theta = 1.0 / (1.0 + ath__exp(par->acut * (r - par->rc)));
        sum += shell[k] / 12.0 * theta * ath__exp(-decay * (r - EMT_BETA * s0));
    }
    return sum;
}

static void emt_pair_tables(ath__emt_params *par)
{
    for (int a = 0; a < EMT_ELEMENTS; a++) {
        const emt_element *ea = &emt_table[a];
        const double s0 = ea->s0 * EMT_BOHR;
        const double gamma1 = emt_gamma(par, s0, ea->eta2 / EMT_BOHR);
        const double gamma2 = emt_gamma(par, s0, ea->kappa / EMT_BOHR / EMT_BETA);
        for (int b = 0; b < EMT_ELEMENTS; b++) {
            const emt_element *eb = &emt_table[b];
            const double chi = eb->n0 / ea->n0;
            par->density[a][b] = eb->eta2 * EMT_BETA * eb->s0 + ath__ln(chi / gamma1);
            par->pair[a][b] = eb->kappa * eb->s0 + ath__ln(0.5 * ea->v0 * chi / gamma2);
            par->density_t[b][a] = par->density[a][b];
            par->pair_t[b][a] = par->pair[a][b];
        }
    }
}

static ath_status emt_init(ath_context *ctx, void *state)
{
    (void)ctx;
    ath__emt_params *par = &((emt_state *)state)->par;
    const double nan = ath__from_bits(ATH__NAN_BITS);
    for (int a = 0; a < ATH__EMT_KINDS; a++) {
        const emt_element *e = &emt_table[a < EMT_ELEMENTS ? a : 0];
        const int known = a < EMT_ELEMENTS;
        par->eta[a] = known ? -e->eta2 / EMT_BOHR : nan;
        par->kappa[a] = known ? -e->kappa / EMT_BOHR / EMT_BETA : nan;
        par->e0[a] = known ? e->e0 : nan;
        par->v6[a] = known ? 6.0 * e->v0 : nan;
        par->p[a] = known ? e->lambda / (EMT_BETA * e->eta2) : nan;
        par->q[a] = known ? e->kappa / (EMT_BETA * e->eta2) : nan;
        for (int b = 0; b < ATH__EMT_KINDS; b++) {
            par->density[a][b] = par->density_t[a][b] = nan;
            par->pair[a][b] = par->pair_t[a][b] = nan;
        }
    }
    emt_range(par);
    emt_pair_tables(par);
    for (int z = 0; z < ATH__EMT_NUMBERS; z++) {
        par->kind[z] = ATH__EMT_UNKNOWN;
    }
    for (int a = 0; a < EMT_ELEMENTS; a++) {
        par->kind[emt_table[a].number] = a;
    }
    return ATH_OK;
}

static void emt_needs(const void *state, int32_t max_atoms, ath__model_needs *out)
{
    const size_t atoms = (size_t)max_atoms;
    size_t pairs = EMT_MAX_KEPT_PAIRS;
    if (atoms + 32 < EMT_MAX_KEPT_PAIRS / EMT_PAIRS_PER_ATOM) {
        pairs = (atoms + 32) * EMT_PAIRS_PER_ATOM; /* the first atoms may be crowded */
    }
    pairs += ATH__EMT_CHUNK;
    out->cutoff = ((const emt_state *)state)->par.cutoff;
    out->all_pairs_max = 0;
    out->work_bytes =
        atoms * ATH__EMT_ATOM_BYTES + pairs * ATH__EMT_PAIR_BYTES + ATH__EMT_SPARE_BYTES;
    if (max_atoms > ATH__TEAM_ATOMS) {
        const size_t large =
            atoms * ATH__EMT_LARGE_ATOM_BYTES + ATH__EMT_LARGE_BYTES + ATH__EMT_MEMBER_BYTES;
        out->work_bytes = large > out->work_bytes ? large : out->work_bytes;
        out->member_bytes = ATH__EMT_MEMBER_BYTES;
    }
}

static ath_status emt_params(const void *state, void *out, size_t *bytes)
{
    if (!out) {
        *bytes = sizeof(ath__emt_params);
        return ATH_OK;
    }
    *(ath__emt_params *)out = ((const emt_state *)state)->par;
    return ATH_OK;
}

static ath_status emt_accepts(ath_context *ctx, const void *state, const ath_system *system)
{
    const ath__emt_params *par = &((const emt_state *)state)->par;
    const int32_t *numbers = ath_system_peek(system, ATH_FIELD_NUMBERS);
    const int32_t n = ath_system_n_atoms(system);
    for (int32_t i = 0; i < n; i++) {
        const int32_t z = numbers[i];
        if (z < 0 || z >= ATH__EMT_NUMBERS || par->kind[z] == ATH__EMT_UNKNOWN) {
            return ath__fail(
                ctx, ATH_E_UNSUPPORTED,
                "emt has no parameters for %s (atomic number %d, atom %d), only for Al, "
                "Ni, Cu, Pd, Ag, Pt and Au",
                ath_element_symbol(z), (int)z, (int)i);
        }
    }
    return ATH_OK;
}

static ath_status emt_compute(const void *state, const ath__compute *c)
{
    (void)state;
    return ath__force_launch(c, ATH_K_EMT_FORCE);
}

const ath__model_ops ath__model_emt = {
    .abi = ATH_ABI,
    .name = "emt",
    .state_size = sizeof(emt_state),
    .options = emt_options,
    .help =
        "effective-medium theory of Jacobsen, Stoltze and Norskov (1996) for Al Ni Cu Pd Ag Pt Au, "
        "as in ASE; no options, float64",
    .capturable = true,
    .batch_invariant = true,
    .init = emt_init,
    .needs = emt_needs,
    .params = emt_params,
    .accepts = emt_accepts,
    .compute = emt_compute,
};
