/* Decimal text to float64, correctly rounded for every input, without the locale.
 *
 * Three ways, by what the text needs, all exact:
 *   - at most 2^53 as an integer and a power of ten up to 10^22: one correctly rounded operation
 *     (W. D. Clinger, "How to read floating point numbers accurately", PLDI 1990);
 *   - at most 19 digits and a power up to 10^27: 128-bit integers;
 *   - the rest: integers of some 2,600 bits, one quotient word (D. E. Knuth, TAOCP 2, 4.3.1 D).
 * 768 digits decide any rounding, since no halfway point between two doubles has more; the digits
 * after them count only as "more". So the work after one pass over the text is bounded.
 *
 * Accepted: [+-] digits [. digits] [e [+-] digits], where one of the two digit groups may be
 * absent. Not accepted: inf, nan, hexadecimal, Fortran's D, leading blanks.
 */
#include "base/base.h"

#include <string.h>

#if __FLT_EVAL_METHOD__ != 0
#error "the fast path needs float64 arithmetic without excess precision"
#endif

__extension__ typedef unsigned __int128 number_u128;

enum {
    NUMBER_HEAD = 19,          /* digits that always fit into 64 bits */
    NUMBER_DIGITS = 768,       /* digits that decide */
    NUMBER_LIMBS = 48,         /* 3072 bits: 10^769, 5^1100 and a word more */
    NUMBER_MAX_EXPONENT = 310, /* 10^310 is too large */
    NUMBER_MIN_EXPONENT = -330 /* 10^-330 rounds to zero */
};

typedef struct number_text {
    const char *digits; /* from the first digit or point */
    size_t n;           /* characters up to the exponent */
    bool negative;
    bool more;     /* non-zero digits beyond `head` */
    int n_head;    /* significant digits in `head` */
    uint64_t head; /* value = head 10^exponent, if not more */
    int64_t exponent;
} number_text;

/* 5^0 .. 5^27 */
static const uint64_t number_fives[28] = {
    1u,
    5u,
    25u,
    125u,
    625u,
    3125u,
    15625u,
    78125u,
    390625u,
    1953125u,
    9765625u,
    48828125u,
    244140625u,
    1220703125u,
    UINT64_C(6103515625),
    UINT64_C(30517578125),
    UINT64_C(152587890625),
    UINT64_C(762939453125),
    UINT64_C(3814697265625),
    UINT64_C(19073486328125),
    UINT64_C(95367431640625),
    UINT64_C(476837158203125),
    UINT64_C(2384185791015625),
    UINT64_C(11920928955078125),
    UINT64_C(59604644775390625),
    UINT64_C(298023223876953125),
    UINT64_C(1490116119384765625),
    UINT64_C(7450580596923828125),
};

/* ---- scanning ---- */

/* Length of an exponent at text[0..n), 0 if it is none; its value, saturated, is added to *value.
 */
static size_t number_scan_exponent(const char *text, size_t n, int64_t *value)
{
    if (n < 2 || (text[0] != 'e' && text[0] != 'E')) {
        return 0;
    }
    size_t i = text[1] == '+' || text[1] == '-' ? 2 : 1;
    bool negative = text[1] == '-';
    size_t first = i;
    int64_t e = 0;
    for (; i < n && text[i] >= '0' && text[i] <= '9'; i++) {
        if (e < INT64_C(100000000000000000)) { /* far above the digits that fit into memory */
            e = e * 10 + (text[i] - '0');
        }
    }
    if (i == first) {
        return 0;
    }
    *value += negative ? -e : e;
    return i;
}

/* Characters used, 0 if there is no number. */
static size_t number_scan(const char *text, size_t n, number_text *t)
{
    size_t i = 0;
    if (n > 0 && (text[0] == '-' || text[0] == '+')) {
        t->negative = text[0] == '-';
        i = 1;
    }
    size_t first = i;
    bool any = false, point = false;
    for (; i < n; i++) {
        unsigned digit = (unsigned)(unsigned char)text[i] - '0';
        if (digit > 9) {
            if (text[i] != '.' || point) {
                break;
            }
            point = true;
            continue;
        }
        any = true;
        if (t->n_head < NUMBER_HEAD) {
            t->head = t->head * 10 + digit;
            t->n_head += t->head != 0;
            t->exponent -= point;
        } else {
            t->more = t->more || digit != 0;
            t->exponent += !point;
        }
    }
    if (!any) {
        return 0;
    }
    t->digits = text + first;
    t->n = i - first;
    return i + number_scan_exponent(text + i, n - i, &t->exponent);
}

/* ---- rounding ---- */

/* (m + something in (0, 1) if sticky) 2^e to the nearest double, ties to even; m is not 0. False on
 * overflow. */
static bool number_round(uint64_t m, bool sticky, int64_t e, double *out)
{
    int zeros = __builtin_clzll(m);
    m <<= zeros;
    int64_t top = e - zeros + 63; /* 2^top <= value < 2^(top+1) */
    if (top > 1023) {
        return false;
    }
    int64_t drop = top >= -1022 ? 11 : 11 + (-1022 - top); /* bits below the last place */
    uint64_t bits = 0;
    if (drop <= 64) {
        uint64_t kept = drop == 64 ? 0 : m >> drop;
        uint64_t rest = drop == 64 ? m : m << (64 - drop);
        const uint64_t half = UINT64_C(1) << 63;
        bool up = rest > half || (rest == half && (sticky || (kept & 1)));
        /* A carry out of the fraction goes into the exponent, which is what it should do. */
        bits = kept + up;
        if (top >= -1022) {
            bits += (uint64_t)(top + 1022) << 52; /* kept has the implicit bit, 1 too much */
        }
    }
    if (bits >= UINT64_C(0x7ff0000000000000)) {
        return false;
    }
    memcpy(out, &bits, sizeof *out);
    return true;
}

/* ---- 19 digits and 10^27 ---- */

static bool number_medium(uint64_t head, int exponent, double *out)
{
    number_u128 p;
    bool sticky = false;
    int64_t e = exponent; /* the power of two in 10^exponent */
    if (exponent >= 0) {
        p = (number_u128)head * number_fives[exponent];
    } else {
        int zeros = __builtin_clzll(head);
        number_u128 dividend = (number_u128)(head << zeros) << 64;
        uint64_t divisor = number_fives[-exponent];
        p = dividend / divisor;
        sticky = dividend != p * divisor;
        e -= zeros + 64;
    }
    uint64_t high = (uint64_t)(p >> 64), low = (uint64_t)p;
    if (high == 0) {
        return number_round(low, sticky, e, out);
    }
    int zeros = __builtin_clzll(high);
    uint64_t m = zeros > 0 ? high << zeros | low >> (64 - zeros) : high;
    return number_round(m, sticky || low << zeros != 0, e + 64 - zeros, out);
}

/* ---- large integers ---- */

typedef struct number_big {
    int n;                       /* limbs in use; the top one is not 0 */
    uint64_t limb[NUMBER_LIMBS]; /* least significant first */
} number_big;

/* b = b factor + addend */
static void number_big_multiply(number_big *b, uint64_t factor, uint64_t addend)
{
    uint64_t carry = addend;
    for (int i = 0; i < b->n; i++) {
        number_u128 p = (number_u128)b->limb[i] * factor + carry;
        b->limb[i] = (uint64_t)p;
        carry = (uint64_t)(p >> 64);
    }
    if (carry != 0) {
        b->limb[b->n++] = carry;
    }
}

static void number_big_times_five_to(number_big *b, int64_t power)
{
    for (; power > 27; power -= 27) {
        number_big_multiply(b, number_fives[27], 0);
    }
    number_big_multiply(b, number_fives[power], 0);
}

static int number_big_bits(const number_big *b)
{
    return 64 * b->n - __builtin_clzll(b->limb[b->n - 1]);
}

/* b = b 2^shift */
static void number_big_shift(number_big *b, int shift)
{
    int words = shift / 64, bits = shift % 64;
    for (int i = b->n + words; i >= 0; i--) { /* downwards: sources lie below their target */
        int from = i - words;
        uint64_t limb = from >= 0 && from < b->n ? b->limb[from] << bits : 0;
        if (bits > 0 && from > 0) {
            limb |= b->limb[from - 1] >> (64 - bits);
        }
        b->limb[i] = limb;
    }
    b->n += words + 1;
    while (b->limb[b->n - 1] == 0) {
        b->n--;
    }
}

/* floor(a / b) for 2^62 < a / b < 2^64, where b fills its limbs to the top bit and a has one more
 * with its top bit clear; a becomes the remainder, of which only zero or not is asked. */
static uint64_t number_big_quotient(number_big *a, const number_big *b, bool *remainder)
{
    int n = b->n;
    number_u128 head = (number_u128)a->limb[n] << 64 | a->limb[n - 1];
    uint64_t q = (uint64_t)(head / b->limb[n - 1]); /* at most 2 too large */
    uint64_t carry = 0;
    for (int i = 0; i < n; i++) {
        number_u128 p = (number_u128)b->limb[i] * q + carry;
        uint64_t low = (uint64_t)p;
        /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): a has n + 1 limbs */
        carry = (uint64_t)(p >> 64) + (a->limb[i] < low);
        a->limb[i] -= low;
    }
    a->limb[n] -= carry;
    while (a->limb[n] != 0) { /* negative: take one b back */
        q--;
        bool c = false;
        for (int i = 0; i < n; i++) {
            number_u128 sum = (number_u128)a->limb[i] + b->limb[i] + c;
            a->limb[i] = (uint64_t)sum;
            c = sum >> 64 != 0;
        }
        a->limb[n] += c;
    }
    *remainder = false;
    for (int i = 0; i < n; i++) {
        *remainder = *remainder || a->limb[i] != 0;
    }
    return q;
}

/* The digits as one integer; returns the power of ten that belongs to it. */
static int64_t number_big_read(const number_text *t, number_big *b)
{
    int taken = 0;
    uint64_t chunk = 0, scale = 1;
    size_t i = 0;
    b->n = 0;
    for (; i < t->n && taken < NUMBER_DIGITS; i++) {
        if (t->digits[i] == '.' || (taken == 0 && t->digits[i] == '0')) {
            continue;
        }
        chunk = chunk * 10 + (uint64_t)(t->digits[i] - '0');
        scale *= 10;
        if (++taken % NUMBER_HEAD == 0) {
            number_big_multiply(b, scale, chunk);
            chunk = 0;
            scale = 1;
        }
    }
    number_big_multiply(b, scale, chunk);
    int64_t exponent = t->exponent - (taken - t->n_head);
    while (i < t->n && (t->digits[i] == '0' || t->digits[i] == '.')) {
        i++;
    }
    if (i < t->n) {
        /* Whatever follows: a 1 is on the same side of every halfway point. */
        number_big_multiply(b, 10, 1);
        exponent--;
    }
    return exponent;
}

static bool number_exact(const number_text *t, double *out)
{
    number_big a, b = {.n = 1, .limb = {1}};
    int64_t exponent = number_big_read(t, &a);
    if (exponent >= 0) {
        number_big_times_five_to(&a, exponent);
    } else {
        number_big_times_five_to(&b, -exponent);
    }
    int words = a.n > b.n ? a.n : b.n;
    int shift_b = 64 * words - number_big_bits(&b);
    int shift_a = 64 * words + 63 - number_big_bits(&a);
    number_big_shift(&a, shift_a);
    number_big_shift(&b, shift_b);
    bool remainder;
    uint64_t q = number_big_quotient(&a, &b, &remainder);
    return number_round(q, remainder, exponent + shift_b - shift_a, out);
}

/* ---- the function ---- */

/* False on overflow. head is not 0. */
static bool number_convert(const number_text *t, double *out)
{
    static const double tens[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    int64_t e = t->exponent;
    if (!t->more && e >= -27 && e <= 27) {
        if (t->head <= UINT64_C(1) << 53 && e >= -22 && e <= 22) {
            *out = e < 0 ? (double)t->head / tens[-e] : (double)t->head * tens[e];
            return true;
        }
        return number_medium(t->head, (int)e, out);
    }
    if (t->n_head + e > NUMBER_MAX_EXPONENT) {
        return false;
    }
    if (t->n_head + e < NUMBER_MIN_EXPONENT) {
        *out = 0.0;
        return true;
    }
    return number_exact(t, out);
}

ath_status ath__parse_double(const char *text, size_t n, double *out, size_t *used)
{
    number_text t = {0};
    *used = number_scan(text, n, &t);
    if (*used == 0) {
        return ATH_E_FORMAT;
    }
    double value = 0.0;
    if (t.head != 0 && !number_convert(&t, &value)) {
        return ATH_E_RANGE;
    }
    *out = t.negative ? -value : value;
    return ATH_OK;
}
