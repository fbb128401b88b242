/* A histogram of numbers that come one by one, of which nothing is known beforehand. Bins have a
 * width of a power of two and begin at its multiples; when they do not reach, two and two become
 * one. So memory is fixed, and two histograms can be brought to the same bins. Numbers far from all
 * others, if they are fewer than one in a hundred, are counted and have no bins.
 */
#ifndef ATHANOR_CLI_HISTOGRAM_H
#define ATHANOR_CLI_HISTOGRAM_H

#include "cli.h"

enum { CLI_HISTOGRAM_BINS = 1 << 12, CLI_HISTOGRAM_ASIDE = 256 };

typedef struct cli_histogram {
    int64_t *bins;  /* [2 * CLI_HISTOGRAM_BINS]: number k stands at k modulo the first half; the
                       second is for merging */
    int64_t n;      /* finite numbers */
    int64_t n_bins; /* those of them that are in bins */
    int64_t n_below, n_above;          /* those that are given up, below and above the bins */
    int64_t n_other;                   /* what is not finite, besides */
    int64_t first, last;               /* bins that are in use, n_bins > 0 */
    int exponent;                      /* of the width */
    double aside[CLI_HISTOGRAM_ASIDE]; /* [n_aside]: what has no bin as yet */
    int n_aside;
} cli_histogram;

/* False: out of memory. */
bool cli_histogram_open(cli *c, cli_histogram *out);
void cli_histogram_close(cli *c, cli_histogram *h);
void cli_histogram_add(cli_histogram *h, double value);
/* Before anything is asked: gives bins to what there is, where there are few numbers. */
void cli_histogram_settle(cli_histogram *h);
/* The lower end of the bin in which the share `q`, 0 to 1, of the numbers is reached; 0 if n_bins
 * is 0. */
double cli_histogram_quantile(const cli_histogram *h, double q);
/* How many numbers in bins are in [from, to), which are multiples of the width. */
int64_t cli_histogram_count(const cli_histogram *h, double from, double to);

#endif
