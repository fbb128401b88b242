/* The shortest decimal text of a float64 that reads back to the same bits.
 *
 * Schubfach (R. Giulietti, "The Schubfach way to render doubles", 2020): the interval of reals that
 * round to the value is scaled by a power of ten such that it holds a multiple of 1, but at most
 * one of 10. Scaled bounds are kept to one bit below the point that decides, with the lost rest
 * or-ed into the last bit. Of the shortest texts the one nearest to the value is taken. No locale,
 * no floating-point arithmetic; some 60 ns.
 */
#include "base/base.h"
#include "base/powers.h"

#include <string.h>

__extension__ typedef unsigned __int128 shortest_u128;

typedef struct shortest_decimal {
    uint64_t digits; /* value = digits 10^exponent */
    int exponent;
} shortest_decimal;

/* floor(g x / 2^128), with a non-zero rest or-ed into its last bit; g = {high, low}. */
static uint64_t shortest_scale(const uint64_t g[2], uint64_t x)
{
    shortest_u128 low = (shortest_u128)g[1] * x;
    shortest_u128 high = (shortest_u128)g[0] * x + (uint64_t)(low >> 64);
    /* g is less than 1 too large and x is below 2^59: the rest of a whole number shows as less than
     * 2^59 of 2^128. Any other rest, and its distance from 1, is above 2^-66 (from the continued
     * fractions of the powers in question), so neither is mistaken. */
    bool rest = (uint64_t)high != 0 || (uint64_t)low >> 59 != 0;
    return (uint64_t)(high >> 64) | rest;
}

/* fraction and biased exponent of a finite value above 0 */
static shortest_decimal shortest_find(uint64_t fraction, int biased)
{
    uint64_t c = biased != 0 ? fraction | UINT64_C(1) << 52 : fraction;
    int q = (biased != 0 ? biased : 1) - 1075; /* value = c 2^q */
    bool even = (c & 1) == 0;
    bool closer = fraction == 0 && biased > 1; /* the neighbour below is half as far */

    /* k = floor(log10(width of the interval)); h in 1..4 puts the bounds' point at bit 2 */
    int k = (q * 1262611 - (closer ? 524031 : 0)) >> 22;
    int h = q + ((-k * 1741647) >> 19) + 1;
    const uint64_t *g = ath__powers[-k - ATH__POWER_MIN];
    uint64_t low = shortest_scale(g, (4 * c - 2 + closer) << h) + !even;
    uint64_t mid = shortest_scale(g, 4 * c << h);
    uint64_t high = shortest_scale(g, (4 * c + 2) << h) - !even;

    uint64_t s = mid / 4;
    if (s >= 10) {
        uint64_t tens = s / 10;
        bool down = low <= 40 * tens, up = 40 * tens + 40 <= high;
        if (down != up) {
            return (shortest_decimal){tens + up, k + 1};
        }
    }
    bool down = low <= 4 * s, up = 4 * s + 4 <= high;
    if (down != up) {
        return (shortest_decimal){s + up, k};
    }
    uint64_t half = 4 * s + 2;
    bool round_up = mid > half || (mid == half && (s & 1));
    return (shortest_decimal){s + round_up, k};
}

/* Digits of x without trailing zeros; *n of them. Returns how many zeros were cut off. */
static int shortest_digits(uint64_t x, char digits[20], int *n)
{
    int zeros = 0;
    while (x % 100 == 0) {
        x /= 100;
        zeros += 2;
    }
    if (x % 10 == 0) {
        x /= 10;
        zeros++;
    }
    char reversed[20];
    int count = 0;
    for (; x > 0; x /= 10) {
        reversed[count++] = (char)('0' + x % 10);
    }
    for (int i = 0; i < count; i++) {
        digits[i] = reversed[count - 1 - i];
    }
    *n = count;
    return zeros;
}

/* d.ddde-NN */
static char *shortest_write_exponent(char *p, const char *digits, int n, int exponent)
{
    *p++ = digits[0];
    if (n > 1) {
        *p++ = '.';
        memcpy(p, digits + 1, (size_t)(n - 1));
        p += n - 1;
    }
    *p++ = 'e';
    if (exponent < 0) {
        *p++ = '-';
        exponent = -exponent;
    }
    if (exponent >= 100) {
        *p++ = (char)('0' + exponent / 100);
    }
    if (exponent >= 10) {
        *p++ = (char)('0' + exponent / 10 % 10);
    }
    *p++ = (char)('0' + exponent % 10);
    return p;
}

/* 0.00ddd, ddd.ddd or ddd000; the first digit stands for 10^exponent. */
static char *shortest_write_plain(char *p, const char *digits, int n, int exponent)
{
    int before = exponent + 1; /* digits before the point */
    if (before <= 0) {
        *p++ = '0';
        *p++ = '.';
        for (int i = before; i < 0; i++) {
            *p++ = '0';
        }
        before = 0;
    }
    for (int i = 0; i < n || i < before; i++) {
        if (i == before && i > 0) {
            *p++ = '.';
        }
        *p++ = i < n ? digits[i] : '0';
    }
    return p;
}

int ath__format_double(double value, char *out)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    int biased = (int)(bits >> 52 & 0x7ff);
    char *p = out;
    if (bits >> 63 && !(biased == 0x7ff && fraction != 0)) {
        *p++ = '-';
    }
    if (biased == 0x7ff) {
        memcpy(p, fraction != 0 ? "nan" : "inf", 4);
        return (int)(p - out) + 3;
    }
    if (fraction == 0 && biased == 0) {
        *p++ = '0';
    } else {
        shortest_decimal d = shortest_find(fraction, biased);
        char digits[20] = {0};
        int n;
        d.exponent += shortest_digits(d.digits, digits, &n);
        int exponent = d.exponent + n - 1;
        p = exponent >= -5 && exponent < 16 ? shortest_write_plain(p, digits, n, exponent)
                                            : shortest_write_exponent(p, digits, n, exponent);
    }
    *p = '\0';
    return (int)(p - out);
}
