/* Histograms of streams (histogram.h).
 *
 * Numbers that the bins do not reach are put aside. When there is no more room, those that are
 * fewer than one in a hundred of all are given up; else bins are merged until they reach half of
 * them. The first bins are made for the middle half of the first numbers.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "histogram.h"

enum { HISTOGRAM_RARE = 100 };

static const size_t histogram_bytes = 2 * (size_t)CLI_HISTOGRAM_BINS * sizeof(int64_t);

bool cli_histogram_open(cli *c, cli_histogram *out)
{
    *out = (cli_histogram){0};
    if (!cli_resize(c, &out->bins, 0, histogram_bytes)) {
        return false;
    }
    memset(out->bins, 0, histogram_bytes);
    return true;
}

void cli_histogram_close(cli *c, cli_histogram *h)
{
    (void)cli_resize(c, &h->bins, histogram_bytes, 0);
    *h = (cli_histogram){0};
}

static int64_t *histogram_bin(const cli_histogram *h, int64_t k)
{
    return &h->bins[(uint64_t)k & (CLI_HISTOGRAM_BINS - 1)];
}

/* Rounds down, also below zero. */
static int64_t histogram_half(int64_t k)
{
    return k >= 0 ? k / 2 : -((1 - k) / 2);
}

/* Doubles the width. */
static void histogram_merge(cli_histogram *h)
{
    int64_t *spare = h->bins + CLI_HISTOGRAM_BINS;
    memset(spare, 0, histogram_bytes / 2);
    for (int64_t k = h->first; k <= h->last; k++) {
        spare[(uint64_t)histogram_half(k) & (CLI_HISTOGRAM_BINS - 1)] += *histogram_bin(h, k);
    }
    memcpy(h->bins, spare, histogram_bytes / 2);
    h->first = histogram_half(h->first);
    h->last = histogram_half(h->last);
    h->exponent++;
}

/* The bin of a number. False: it is out of reach. */
static bool histogram_reach(const cli_histogram *h, double value, int64_t *k)
{
    const double at = floor(ldexp(value, -h->exponent));
    if (!(fabs(at) < 0x1p60)) {
        return false;
    }
    *k = (int64_t)at;
    const int64_t first = *k < h->first ? *k : h->first, last = *k > h->last ? *k : h->last;
    return last - first < CLI_HISTOGRAM_BINS;
}

static bool histogram_put(cli_histogram *h, double value)
{
    int64_t k = 0;
    if (!histogram_reach(h, value, &k)) {
        return false;
    }
    h->first = k < h->first ? k : h->first;
    h->last = k > h->last ? k : h->last;
    ++*histogram_bin(h, k);
    h->n_bins++;
    return true;
}

static int histogram_compare(const void *a, const void *b)
{
    double x = 0.0, y = 0.0;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

/* The first bins: a quarter of them spans the middle half of what is there. */
static void histogram_begin(cli_histogram *h)
{
    double sorted[CLI_HISTOGRAM_ASIDE];
    const int n = h->n_aside;
    memcpy(sorted, h->aside, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, histogram_compare);
    const double low = sorted[n / 4], high = sorted[3 * n / 4];
    const double size = fmax(fabs(low), fabs(high));
    /* halves, since the difference may be more than there is */
    const double span = fmax(0.5 * high - 0.5 * low, size * 0x1p-44);
    h->exponent = (span > 0.0 ? ilogb(span) : -1000) + 2;
    while (h->exponent > -1000 && ldexp(span, -h->exponent) < CLI_HISTOGRAM_BINS / 16.0) {
        h->exponent--;
    }
    h->first = (int64_t)floor(ldexp(low, -h->exponent));
    h->last = (int64_t)floor(ldexp(high, -h->exponent));
}

/* Gives bins to what is in reach; the rest stays aside. */
static void histogram_sweep(cli_histogram *h)
{
    int n = 0;
    for (int i = 0; i < h->n_aside; i++) {
        if (!histogram_put(h, h->aside[i])) {
            h->aside[n++] = h->aside[i];
        }
    }
    h->n_aside = n;
}

/* Those aside are given up. */
static void histogram_drop(cli_histogram *h)
{
    for (int i = 0; i < h->n_aside; i++) {
        const bool below = ldexp(h->aside[i], -h->exponent) < (double)h->first;
        h->n_below += below;
        h->n_above += !below;
    }
    h->n_aside = 0;
}

static void histogram_make_room(cli_histogram *h)
{
    if (h->n_bins == 0) {
        histogram_begin(h);
        histogram_sweep(h);
    }
    if (h->n_aside > CLI_HISTOGRAM_ASIDE / 2 && h->n_aside < h->n / HISTOGRAM_RARE) {
        histogram_drop(h);
    }
    while (h->n_aside > CLI_HISTOGRAM_ASIDE / 2) {
        histogram_merge(h);
        histogram_sweep(h);
    }
}

void cli_histogram_add(cli_histogram *h, double value)
{
    if (!isfinite(value)) {
        h->n_other++;
        return;
    }
    h->n++;
    if (h->n_bins > 0 && histogram_put(h, value)) {
        return;
    }
    h->aside[h->n_aside++] = value;
    if (h->n_aside == CLI_HISTOGRAM_ASIDE) {
        histogram_make_room(h);
    }
}

void cli_histogram_settle(cli_histogram *h)
{
    if (h->n_bins == 0 && h->n_aside > 0) {
        histogram_begin(h);
        histogram_sweep(h);
    }
    while (h->n_aside > 0 && h->n_aside >= h->n / HISTOGRAM_RARE) {
        histogram_merge(h);
        histogram_sweep(h);
    }
    histogram_drop(h);
}

double cli_histogram_quantile(const cli_histogram *h, double q)
{
    const double wanted = q * (double)h->n;
    int64_t below = h->n_below;
    for (int64_t k = h->first; h->n_bins > 0 && k <= h->last; k++) {
        below += *histogram_bin(h, k);
        if (((double)below >= wanted && below > 0) || k == h->last) {
            return ldexp((double)k, h->exponent);
        }
    }
    return 0.0;
}

int64_t cli_histogram_count(const cli_histogram *h, double from, double to)
{
    const double low = ldexp(from, -h->exponent), high = ldexp(to, -h->exponent);
    int64_t n = 0;
    for (int64_t k = h->first; h->n_bins > 0 && k <= h->last; k++) {
        n += (double)k >= low && (double)k < high ? *histogram_bin(h, k) : 0;
    }
    return n;
}
