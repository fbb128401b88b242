/*
 * philox.h - the random numbers of the library: Philox4x32-10, uniforms and normals.
 *
 * Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11 (2011). A
 * counter-based generator: out = f(key, counter), without any state, so that a number depends only
 * on what it is for, not on batch, slot, thread, order or history. The contract:
 *
 *     key      64-bit hash of (the stage's seed option, the system's uid)
 *     counter  steps done in this stage (64 bit), original atom index (32), purpose (32)
 *
 * hence one stage gives the same noise alone and fused, before and after a restart. `purpose` tells
 * apart the uses within one step and atom (first and second half step, component pairs, and so
 * on); each module lists the values that it takes. One call gives four 32-bit words: two uniforms
 * or two normals. Three components need two calls with two purposes; the fourth normal is unused.
 *
 * Normals are Box and Muller's (Ann. Math. Stat. 29 (1958) 610): sqrt(-2 ln u1) times cos and sin
 * of 2 pi u2, with our own ln and sincos: the same bits everywhere. |z| <= 8.58.
 *
 * The forms ending in 8 treat 8 lanes at once, with the bits of the scalar form in each lane. Lane
 * arrays of words are 4 rows of 8: word w of lane i at [8 w + i].
 *
 * Not here: any generator with a state, other distributions, the hash that makes the key.
 */
#ifndef ATH__PHILOX_H
#define ATH__PHILOX_H

#include <stdint.h>

#include "base/math.h"

/* The key words of a 64-bit key: low word first. */
ATH__FN void ath__philox_key(uint64_t hash, uint32_t key[2])
{
    key[0] = (uint32_t)hash;
    key[1] = (uint32_t)(hash >> 32);
}

/* The counter words: step low, step high, atom, purpose. */
ATH__FN void ath__philox_counter(uint64_t step, uint32_t atom, uint32_t purpose, uint32_t ctr[4])
{
    ctr[0] = (uint32_t)step;
    ctr[1] = (uint32_t)(step >> 32);
    ctr[2] = atom;
    ctr[3] = purpose;
}

/* Counter and key between two rounds. */
struct ath__philox_state {
    uint32_t c0, c1, c2, c3, k0, k1;
};

/* One round, and the next round's key. */
ATH__FN struct ath__philox_state ath__philox_round(struct ath__philox_state s)
{
    uint64_t p0 = (uint64_t)0xD2511F53u * s.c0;
    uint64_t p1 = (uint64_t)0xCD9E8D57u * s.c2;
    s.c0 = (uint32_t)(p1 >> 32) ^ s.c1 ^ s.k0;
    s.c2 = (uint32_t)(p0 >> 32) ^ s.c3 ^ s.k1;
    s.c1 = (uint32_t)p1;
    s.c3 = (uint32_t)p0;
    s.k0 += 0x9E3779B9u; /* golden ratio */
    s.k1 += 0xBB67AE85u; /* sqrt(3) - 1 */
    return s;
}

/* Ten rounds; without a loop, so that a loop over lanes around it is vectorised. */
ATH__FN struct ath__philox_state ath__philox_rounds(struct ath__philox_state s)
{
    s = ath__philox_round(ath__philox_round(s));
    s = ath__philox_round(ath__philox_round(s));
    s = ath__philox_round(ath__philox_round(s));
    s = ath__philox_round(ath__philox_round(s));
    return ath__philox_round(ath__philox_round(s));
}

/* Four random words from key and counter. out may be ctr. */
ATH__FN void ath__philox4x32(const uint32_t key[2], const uint32_t ctr[4], uint32_t out[4])
{
    struct ath__philox_state s = {ctr[0], ctr[1], ctr[2], ctr[3], key[0], key[1]};
    s = ath__philox_rounds(s);
    out[0] = s.c0;
    out[1] = s.c1;
    out[2] = s.c2;
    out[3] = s.c3;
}

/* The same for 8 counters and one key. ctr, out: 4 rows of 8; out may be ctr. */
ATH__FN void ath__philox4x32_8(const uint32_t key[2], const uint32_t ctr[32], uint32_t out[32])
{
    uint32_t w0[8], w1[8], w2[8], w3[8];
    uint32_t k0 = key[0], k1 = key[1];
    for (int i = 0; i < 8; i++) {
        struct ath__philox_state s = {ctr[i], ctr[8 + i], ctr[16 + i], ctr[24 + i], k0, k1};
        s = ath__philox_rounds(s);
        w0[i] = s.c0;
        w1[i] = s.c1;
        w2[i] = s.c2;
        w3[i] = s.c3;
    }
    for (int i = 0; i < 8; i++) {
        out[i] = w0[i];
        out[8 + i] = w1[i];
        out[16 + i] = w2[i];
        out[24 + i] = w3[i];
    }
}

/*
 * A uniform number in the open interval (0, 1): an odd multiple of 2^-53, from the upper 52 of 64
 * random bits. Symmetric about 1/2; never 0 or 1, which rounding 53 bits and a half would give.
 */
ATH__FN double ath__uniform53(uint32_t hi, uint32_t lo)
{
    uint64_t k = (((uint64_t)hi << 32) | lo) >> 12;
    double x = ath__from_bits(k | UINT64_C(0x4330000000000000)); /* 2^52 + k */
    return (x - (0x1p52 - 0.5)) * 0x1p-52;
}

/* Two independent standard normals z[0], z[1] from four random words. */
ATH__FN void ath__normal2(const uint32_t words[4], double z[2])
{
    double radius = ath__sqrt(-2.0 * ath__ln(ath__uniform53(words[0], words[1])));
    double s, c;
    ath__sincos(0x1.921fb54442d18p+2 * ath__uniform53(words[2], words[3]), &s, &c);
    z[0] = radius * c;
    z[1] = radius * s;
}

/* The same in 8 lanes. words: 4 rows of 8; z0, z1: 8 numbers each. */
ATH__FN void ath__normal2_8(const uint32_t words[32], double z0[8], double z1[8])
{
    double radius[8], angle[8], s[8], c[8];
    for (int i = 0; i < 8; i++) {
        radius[i] = ath__uniform53(words[i], words[8 + i]);
        angle[i] = 0x1.921fb54442d18p+2 * ath__uniform53(words[16 + i], words[24 + i]);
    }
    ath__ln8(radius, radius);
    ath__sincos8(angle, s, c);
    for (int i = 0; i < 8; i++) {
        radius[i] = ath__sqrt(-2.0 * radius[i]);
    }
    for (int i = 0; i < 8; i++) {
        z0[i] = radius[i] * c[i];
        z1[i] = radius[i] * s[i];
    }
}

/* Two standard normals for one use: the contract above in one call. */
ATH__FN void ath__philox_normal2(const uint32_t key[2], uint64_t step, uint32_t atom,
                                 uint32_t purpose, double z[2])
{
    uint32_t words[4];
    ath__philox_counter(step, atom, purpose, words);
    ath__philox4x32(key, words, words);
    ath__normal2(words, z);
}

/* The same for 8 atoms of one system; atom: their original indices. */
ATH__FN void ath__philox_normal2_8(const uint32_t key[2], uint64_t step, const uint32_t atom[8],
                                   uint32_t purpose, double z0[8], double z1[8])
{
    uint32_t words[32];
    uint32_t k0 = key[0], k1 = key[1];
    for (int i = 0; i < 8; i++) {
        uint32_t low = (uint32_t)step, high = (uint32_t)(step >> 32);
        struct ath__philox_state s = {low, high, atom[i], purpose, k0, k1};
        s = ath__philox_rounds(s);
        words[i] = s.c0;
        words[8 + i] = s.c1;
        words[16 + i] = s.c2;
        words[24 + i] = s.c3;
    }
    ath__normal2_8(words, z0, z1);
}

#endif
