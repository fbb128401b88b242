/* Text: the nearest of several names, and whole numbers.
 *
 * Nearness is the edit distance with transpositions (optimal string alignment: insert, delete,
 * replace, swap two neighbours), letters compared without case. Real numbers are in number.c and
 * shortest.c. Nothing here looks at the locale.
 */
#include "base/base.h"

#include <string.h>

enum { TEXT_MAX_WORD = 63 }; /* longer words get no suggestion */

static char text_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static int text_min(int a, int b)
{
    return a < b ? a : b;
}

/* Edit distance of two words of at most TEXT_MAX_WORD letters. */
static int text_distance(const char *a, size_t na, const char *b, size_t nb)
{
    int rows[3][TEXT_MAX_WORD + 1];
    int *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= nb; j++) {
        last[j] = (int)j;
        before[j] = 0;
    }
    for (size_t i = 1; i <= na; i++) {
        row[0] = (int)i;
        for (size_t j = 1; j <= nb; j++) {
            char x = text_lower(a[i - 1]), y = text_lower(b[j - 1]);
            int d = last[j - 1] + (x != y);
            d = text_min(d, text_min(last[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && x == text_lower(b[j - 2]) && text_lower(a[i - 2]) == y) {
                d = text_min(d, before[j - 2] + 1);
            }
            row[j] = d;
        }
        int *spare = before;
        before = last;
        last = row;
        row = spare;
    }
    return last[nb];
}

const char *ath__nearest(const char *word, const char *const *names)
{
    size_t n = strlen(word);
    if (n == 0 || n > TEXT_MAX_WORD) {
        return NULL;
    }
    const char *best = NULL;
    int best_distance = 0;
    for (; *names; names++) {
        size_t m = strlen(*names);
        if (m == 0 || m > TEXT_MAX_WORD) {
            continue;
        }
        int longer = (int)(n > m ? n : m);
        int distance = text_distance(word, n, *names, m);
        if (distance > (longer + 1) / 3 || distance >= longer) {
            /* far away, unless the word is the beginning of the name: temp, temperature */
            if (n < 3 || n > m || text_distance(word, n, *names, n) != 0) {
                continue;
            }
            distance = 1;
        }
        if (!best || distance < best_distance) {
            best = *names;
            best_distance = distance;
        }
    }
    return best;
}

ath_status ath__parse_int(const char *text, size_t n, int64_t *out, size_t *used)
{
    size_t i = 0;
    bool negative = n > 0 && text[0] == '-';
    if (n > 0 && (text[0] == '-' || text[0] == '+')) {
        i++;
    }
    size_t first = i;
    uint64_t value = 0;
    const uint64_t limit = (uint64_t)INT64_MAX + negative;
    bool overflow = false;
    for (; i < n && text[i] >= '0' && text[i] <= '9'; i++) {
        unsigned digit = (unsigned)(text[i] - '0');
        overflow = overflow || value > (limit - digit) / 10;
        value = overflow ? 0 : value * 10 + digit;
    }
    *used = i == first ? 0 : i;
    if (i == first) {
        return ATH_E_FORMAT;
    }
    if (overflow) {
        return ATH_E_RANGE;
    }
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    return ATH_OK;
}
