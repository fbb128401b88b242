/* Identity: what names a system for random numbers, records and resumption.
 *
 * The hash is SipHash-2-4 with 128 bits of output (Aumasson and Bernstein, 2012) under a fixed key,
 * of these bytes, all little-endian, nothing in between:
 *
 *   content     "athanor content1" (16 bytes), n_atoms (u64), numbers (i32 each), positions (f64, x
 * y z per atom), cell (9 f64, zero if absent), pbc (3 u8, 0 or 1), then three optional parts, each
 * a byte 1 and its values, or the byte 0: masses (f64 per atom), 0 if each is the standard weight
 * of its element velocities (3 f64 per atom), 0 if all are zero fixed components (3 u8 per atom, 0
 * or 1), 0 if none is fixed occurrence  "athanor number 1", content.lo, content.hi, occurrence (u64
 * each) explicit    "athanor named  1", the bytes of the text
 *
 * -0 counts as +0 and every NaN as 0x7ff8000000000000, for neither survives a text file. A part
 * that says what is true without it does not count, so that a structure keeps its name when it
 * comes back with its defaults written out. This layout never changes: a change would rename every
 * system.
 */
#include <string.h>

#include "data/bytes.h"
#include "data/system_private.h"

/* The keys read "athanor " and "identity". */
#define UID_KEY0 UINT64_C(0x20726f6e61687461)
#define UID_KEY1 UINT64_C(0x797469746e656469)

static void uid_begin(ath__hash *h, const char label[17])
{
    ath__hash_begin(h, UID_KEY0, UID_KEY1);
    ath__hash_update(h, label, 16);
}

static void uid_put64(ath__hash *h, uint64_t value)
{
    uint8_t bytes[8];
    ath__le_put64(bytes, value);
    ath__hash_update(h, bytes, sizeof bytes);
}

static void uid_put_reals(ath__hash *h, const double *values, size_t n)
{
    double canonical[64];
    uint8_t bytes[sizeof canonical];
    const uint64_t nan_bits = UINT64_C(0x7ff8000000000000);
    while (n > 0) {
        const size_t k = n < 64 ? n : 64;
        for (size_t i = 0; i < k; i++) {
            canonical[i] = values[i] == 0.0 ? 0.0 : values[i];
            if (values[i] != values[i]) {
                memcpy(&canonical[i], &nan_bits, sizeof nan_bits);
            }
        }
        ath__le_copy(bytes, canonical, k, sizeof(double));
        ath__hash_update(h, bytes, k * sizeof(double));
        values += k;
        n -= k;
    }
}

static void uid_put_ints(ath__hash *h, const int32_t *values, size_t n)
{
    uint8_t bytes[4];
    for (size_t i = 0; i < n; i++) {
        ath__le_put32(bytes, (uint32_t)values[i]);
        ath__hash_update(h, bytes, sizeof bytes);
    }
}

/* n truth values; `values` holds u8 or, with wide, i32. NULL: all false. */
static void uid_put_flags(ath__hash *h, const void *values, bool wide, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool flag = false;
        if (values) {
            flag = wide ? ((const int32_t *)values)[i] != 0 : ((const uint8_t *)values)[i] != 0;
        }
        ath__hash_update(h, flag ? "\1" : "\0", 1);
    }
}

static bool uid_standard_masses(const double *masses, const int32_t *numbers, size_t n)
{
    for (size_t i = 0; masses && i < n; i++) {
        if (!(masses[i] == ath_element_mass(numbers[i]))) {
            return false;
        }
    }
    return true;
}

static bool uid_all_zero(const double *values, size_t n)
{
    for (size_t i = 0; values && i < n; i++) {
        if (!(values[i] == 0.0)) {
            return false;
        }
    }
    return true;
}

static bool uid_none_fixed(const uint8_t *fixed, size_t n)
{
    for (size_t i = 0; fixed && i < n; i++) {
        if (fixed[i]) {
            return false;
        }
    }
    return true;
}

ath_status ath_system_content_hash(const ath_system *system, ath_uid *out)
{
    static const double no_cell[9] = {0};
    ath__hash h;
    uint64_t words[2];
    if (system == NULL || out == NULL) {
        return ATH_E_ARGUMENT;
    }
    const size_t n = (size_t)system->n_atoms;
    const int32_t *numbers = system->fields[ATH_FIELD_NUMBERS];
    const double *cell = system->fields[ATH_FIELD_CELL];
    const double *masses = system->fields[ATH_FIELD_MASSES];
    const double *velocities = system->fields[ATH_FIELD_VELOCITIES];
    const uint8_t *fixed = system->fields[ATH_FIELD_FIXED];
    uid_begin(&h, "athanor content1");
    uid_put64(&h, n);
    uid_put_ints(&h, numbers, n);
    uid_put_reals(&h, system->fields[ATH_FIELD_POSITIONS], 3 * n);
    uid_put_reals(&h, cell ? cell : no_cell, 9);
    uid_put_flags(&h, system->fields[ATH_FIELD_PBC], true, 3);
    if (uid_standard_masses(masses, numbers, n)) {
        ath__hash_update(&h, "\0", 1);
    } else {
        ath__hash_update(&h, "\1", 1);
        uid_put_reals(&h, masses, n);
    }
    if (uid_all_zero(velocities, 3 * n)) {
        ath__hash_update(&h, "\0", 1);
    } else {
        ath__hash_update(&h, "\1", 1);
        uid_put_reals(&h, velocities, 3 * n);
    }
    if (uid_none_fixed(fixed, 3 * n)) {
        ath__hash_update(&h, "\0", 1);
    } else {
        ath__hash_update(&h, "\1", 1);
        uid_put_flags(&h, fixed, false, 3 * n);
    }
    ath__hash_end(&h, words);
    *out = (ath_uid){.lo = words[0], .hi = words[1]};
    return ATH_OK;
}

ath_uid ath_uid_of(ath_uid content, uint64_t occurrence)
{
    ath__hash h;
    uint64_t words[2];
    uid_begin(&h, "athanor number 1");
    uid_put64(&h, content.lo);
    uid_put64(&h, content.hi);
    uid_put64(&h, occurrence);
    ath__hash_end(&h, words);
    return (ath_uid){.lo = words[0], .hi = words[1]};
}

ath_uid ath_uid_of_text(const char *id)
{
    ath__hash h;
    uint64_t words[2];
    uid_begin(&h, "athanor named  1");
    ath__hash_update(&h, id, id ? strlen(id) : 0);
    ath__hash_end(&h, words);
    return (ath_uid){.lo = words[0], .hi = words[1]};
}

/* The first sixteen digits are hi, the last sixteen lo. */
void ath_uid_format(ath_uid uid, char out[33])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++) {
        out[i] = digits[uid.hi >> (60 - 4 * i) & 15];
        out[16 + i] = digits[uid.lo >> (60 - 4 * i) & 15];
    }
    out[32] = '\0';
}

ath_status ath_uid_parse(const char *text, ath_uid *out)
{
    uint64_t words[2] = {0, 0};
    if (text == NULL || out == NULL) {
        return ATH_E_ARGUMENT;
    }
    for (int i = 0; i < 32; i++) {
        const char c = text[i];
        uint64_t digit;
        if (c >= '0' && c <= '9') {
            digit = (uint64_t)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            digit = (uint64_t)(c - 'a') + 10;
        } else if (c >= 'A' && c <= 'F') {
            digit = (uint64_t)(c - 'A') + 10;
        } else {
            return ATH_E_FORMAT;
        }
        words[i / 16] = words[i / 16] << 4 | digit;
    }
    if (text[32] != '\0') {
        return ATH_E_FORMAT;
    }
    *out = (ath_uid){.hi = words[0], .lo = words[1]};
    return ATH_OK;
}
