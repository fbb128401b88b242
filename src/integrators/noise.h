/* noise.h - the key of a stage's random numbers, and who uses which counters.
 *
 * A random number is a function of what it is for (base/philox.h): the key mixes the seed of the
 * stage with the uid of the system, the counter is (steps done in the stage, atom, purpose). So the
 * noise of a system does not know its slot, its company or the order of the calls. The mix is three
 * rounds of the finalizer of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014; constants of
 * Stafford's variant 13): every bit of seed and uid reaches every bit of the key, and for two of
 * the three fixed it is a bijection of the third.
 *
 * Shared by .c and .cu files. Not here: the generator itself.
 */
#ifndef ATHANOR_INTEGRATORS_NOISE_H
#define ATHANOR_INTEGRATORS_NOISE_H

#include "base/philox.h"

/* Values of the counter's last word. A number once given to a use is never given to another. */
enum {
    ATH__NOISE_LANGEVIN_XY = 1,   /* both normals of one atom */
    ATH__NOISE_LANGEVIN_Z = 2,    /* the z components of two atoms, see langevin.h */
    ATH__NOISE_VELOCITIES_XY = 3, /* Maxwell-Boltzmann velocities, see dynamics/velocities.h */
    ATH__NOISE_VELOCITIES_Z = 4,
    ATH__NOISE_CSVR_NORMAL = 5, /* see csvr.h */
    ATH__NOISE_CSVR_GAMMA = 6,
    ATH__NOISE_CSVR_TEST = 7,
    ATH__NOISE_CRESCALE = 8,         /* six normals of the strain, see crescale.h */
    ATH__NOISE_CALLBACK_XY = 1 << 30 /* and up: 2^30 purposes of integrators of the user's own; the
                                        bit above is that of their z */
};

/* A bijection of 64 bits in which every bit of the input reaches every bit of the output. */
ATH__FN uint64_t ath__noise_mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Key of (seed of the stage, uid of the system: low and high half). */
ATH__FN uint64_t ath__noise_hash(int64_t seed, uint64_t uid_lo, uint64_t uid_hi)
{
    const uint64_t step = UINT64_C(0x9e3779b97f4a7c15); /* golden ratio, as in SplitMix64 */
    uint64_t k = ath__noise_mix((uint64_t)seed + step);
    k = ath__noise_mix((k ^ uid_lo) + step);
    return ath__noise_mix((k ^ uid_hi) + step);
}

/* The same as words of a key. */
ATH__FN void ath__noise_key(int64_t seed, const uint64_t uid[2], uint32_t key[2])
{
    ath__philox_key(ath__noise_hash(seed, uid[0], uid[1]), key);
}

#endif
