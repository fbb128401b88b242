/* Model "harmonic": each atom in a well of its own, U = sum 1/2 k |x - c|^2. A model for tests and
 * first steps, because everything about it is known in closed form: atom i oscillates about c_i =
 * (i spacing, 0, 0) with omega = sqrt(k / m), k in eV/angstrom^2 and m in amu giving radians per
 * internal unit of time (10.18 fs), whatever the other atoms do; at temperature T each degree of
 * freedom holds kB T / 2 of potential energy. With spacing 0 all wells are at the origin and the
 * energy does not depend on the order of atoms.
 *
 * Cell and periodicity have no part in the energy: positions are never wrapped. The stress of a
 * system that is periodic along all three vectors is what follows from straining the atoms but not
 * the wells (harmonic.h); others have none.
 *
 * Not here: wells that a file chooses, coupled oscillators, translational invariance.
 */
#include "models/harmonic.h"

typedef struct harmonic_state {
    double k, spacing;
} harmonic_state;

static const ath_option harmonic_options[] = {
    {.name = "k",
     .type = ATH_OPTION_REAL,
     .unit = "eV/angstrom^2",
     .fallback = "1",
     .min = 0.0,
     .max = 1e6,
     .help = "stiffness of the wells",
     .offset = offsetof(harmonic_state, k)},
    {.name = "spacing",
     .type = ATH_OPTION_REAL,
     .unit = "angstrom",
     .fallback = "0",
     .min = 0.0,
     .max = 1e6,
     .help = "the well of atom i = 0, 1, ... is at (i spacing, 0, 0)",
     .offset = offsetof(harmonic_state, spacing)},
    {.type = ATH_OPTION_END}};

static void harmonic_needs(const void *state, int32_t max_atoms, ath__model_needs *out)
{
    (void)state;
    (void)max_atoms;
    *out = (ath__model_needs){0};
}

static ath_status harmonic_params(const void *state, void *out, size_t *bytes)
{
    const harmonic_state *s = state;
    if (!out) {
        *bytes = sizeof(ath__harmonic_params);
        return ATH_OK;
    }
    *(ath__harmonic_params *)out = (ath__harmonic_params){.k = s->k, .spacing = s->spacing};
    return ATH_OK;
}

static ath_status harmonic_compute(const void *state, const ath__compute *c)
{
    (void)state;
    return ath__force_launch(c, ATH_K_HARMONIC_FORCE);
}

const ath__model_ops ath__model_harmonic = {
    .abi = ATH_ABI,
    .name = "harmonic",
    .state_size = sizeof(harmonic_state),
    .options = harmonic_options,
    .help = "independent wells 1/2 k |x - c|^2, for tests: omega = sqrt(k / m)",
    .capturable = true,
    .batch_invariant = true,
    .external_field = true,
    .needs = harmonic_needs,
    .params = harmonic_params,
    .compute = harmonic_compute,
};
