/* athanor report: the page is well-formed and refers to nothing, says what is in the journal, and
 * lets no text of the data become markup; empty, small, large and damaged journals; every
 * allocation and i/o call failing in turn. And the histograms beneath.
 */
#include "campaign_rig.h"

#include "histogram.h"
#include "report.h"

/* ---- a checker of markup ---- */

enum { REPORT_DEPTH = 64 };

typedef struct report_tags {
    char names[REPORT_DEPTH][16]; /* [depth], open */
    int depth, n;
} report_tags;

static bool report_void(const char *name)
{
    return strcmp(name, "meta") == 0 || strcmp(name, "!doctype") == 0;
}

/* Nothing that runs, and nothing that is fetched: tags and attributes are some that do neither. */
static void report_harmless(const char *name, const char *from, const char *to)
{
    static const char tags[] =
        " !doctype html head meta title style body h1 h2 div b p table tr th "
        "td section span figure figcaption svg rect text path g circle "
        "footer code ";
    static const char *const foreign[] = {" src",  " href",    " on",  "url",
                                          "xlink", "style=\"", "http:"};
    char text[512], word[24];
    snprintf(word, sizeof word, " %s ", name);
    assert_non_null(strstr(tags, word));
    snprintf(text, sizeof text, "%.*s", (int)(to - from), from);
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        if (strstr(text, foreign[i]) && strcmp(name, "svg") != 0) {
            fail_msg("<%s%s>", name, text);
        }
    }
}

static void report_tag(report_tags *t, const char *name, bool closing, bool closed)
{
    t->n++;
    if (closing) {
        if (t->depth == 0 || strcmp(t->names[t->depth - 1], name) != 0) {
            fail_msg("</%s> closes <%s>", name, t->depth ? t->names[t->depth - 1] : "");
        }
        t->depth--;
    } else if (!closed && !report_void(name)) {
        assert_true(t->depth < REPORT_DEPTH);
        strcpy(t->names[t->depth++], name);
    }
}

/* From behind '<' to behind '>': a name, attributes with values in quotes. */
static const char *report_markup(const char *p, report_tags *t)
{
    char name[16];
    size_t n = 0;
    const bool closing = *p == '/';
    p += closing;
    while (*p && !strchr(" \t\n/>", *p)) {
        assert_true(n + 1 < sizeof name);
        name[n++] = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
        p++;
    }
    name[n] = '\0';
    assert_true(n > 0);
    bool quoted = false;
    const char *last = p, *attributes = p;
    for (; *p && (quoted || *p != '>'); p++) {
        if (*p == '"') {
            assert_true(quoted || p[-1] == '=');
            quoted = !quoted;
        }
        assert_int_not_equal(*p, '<');
        last = p;
    }
    assert_int_equal(*p, '>');
    report_harmless(name, attributes, p);
    report_tag(t, name, closing, *last == '/');
    return p + 1;
}

/* "&name;" or "&#digits;" */
static const char *report_entity(const char *p)
{
    const char *end = strchr(p, ';');
    assert_non_null(end);
    assert_true(end > p && end - p <= 7);
    for (const char *q = p; q < end; q++) {
        assert_true((*q >= 'a' && *q <= 'z') || (*q >= '0' && *q <= '9') || (q == p && *q == '#'));
    }
    return end + 1;
}

/* Tags balance, entities are entities, nothing is fetched or run. Returns the number of tags. */
static int report_well_formed(const char *page)
{
    report_tags tags = {.depth = 0};
    assert_int_equal(strncmp(page, "<!DOCTYPE html>\n<html lang=\"en\">", 31), 0);
    for (const char *p = page; *p;) {
        if (strncmp(p, "<style>", 7) == 0) { /* its text is not markup */
            p = strstr(p, "</style>");
            assert_non_null(p);
            p += 8;
            assert_null(memmem(page, (size_t)(p - page), "url(", 4));
        } else if (*p == '<') {
            p = report_markup(p + 1, &tags);
        } else if (*p == '&') {
            p = report_entity(p + 1);
        } else {
            assert_int_not_equal(*p, '>');
            p++;
        }
    }
    assert_int_equal(tags.depth, 0);
    assert_null(strstr(page, "@import"));
    /* the only address is a name */
    assert_int_equal(rig_count(page, "://"),
                     rig_count(page, "xmlns=\"http://www.w3.org/2000/svg\""));
    return tags.n;
}

static char *report_page(campaign_rig *rig, int expected)
{
    const int code = RIG_RUN(rig, "report", rig->dir, "-o", rig_path(rig, "page.html"));
    if (code != expected) {
        fail_msg("exit code %d: %s", code, rig->told);
    }
    char *page = rig_slurp(rig_path(rig, "page.html"), NULL);
    assert_non_null(page);
    (void)report_well_formed(page);
    return page;
}

static void report_has(const char *page, const char *text)
{
    if (!strstr(page, text)) {
        fail_msg("no '%s' in the page", text);
    }
}

/* ---- what it says ---- */

static void test_page(void **state)
{
    campaign_rig *rig = *state;
    rig_clear(rig);
    rig_campaign(rig, 0, RIG_RECORDS, 3);
    rig_put_text(rig, "progress.json",
                 "{\"total\": 40, \"seconds\": 90, \"atom_steps\": 5130000, \"occupancy\": 0.5}");
    char *page = report_page(rig, CLI_OK);
    assert_true(report_well_formed(page) > 500);
    report_has(page, "<span class=\"state stopped\">stopped</span>");
    report_has(page, "<b>40</b>structures in all");
    report_has(page, "<b>11</b>with a result");
    report_has(page, "<b>8</b>finished");
    report_has(page, "<b>2</b>failed or refused");
    report_has(page, "<th>command</th><td>run</td>");
    report_has(page, "<th>model</th><td>emt:precision=double</td>");
    report_has(page, "<th>hash of the model</th><td>00ff</td>");
    report_has(page, "<th>stage 2</th><td>hot run: nve</td>");
    report_has(page, "<td>not yet</td><td class=\"n\">29</td><td class=\"n\">72.5&#8239;%</td>");
    report_has(page, "<td>max_force</td><td>quarantined</td><td class=\"n\">1</td>");
    report_has(page, "<th>atom-steps</th><td>5.13 M</td>");
    report_has(page, "<th>time at work</th><td>90 s</td>");
    report_has(page, "<th>steps</th><td>500</td>");
    /* in input order: the refused one has place 0 */
    const char *refused = strstr(page, "<tr><td>a.xyz</td><td class=\"n\">4</td><td></td>"
                                       "<td>rejected</td><td>bad_input</td><td>opt</td>"
                                       "<td class=\"n\">0</td><td>a &lt;number&gt; was expected");
    const char *failed = strstr(page, "<tr><td>a.xyz</td><td class=\"n\">7</td><td>plain</td>"
                                      "<td>quarantined</td><td>max_force</td><td>hot run</td>"
                                      "<td class=\"n\">17</td><td></td>");
    assert_non_null(refused);
    assert_non_null(failed);
    assert_true(refused < failed);
    assert_int_equal(rig_count(page, "<svg "), 6);
    assert_int_equal(rig_count(page, "<circle "),
                     9); /* size and steps of those that did not fail */
    free(page);
}

/* Where it goes, and that it is the same again. */
static void test_places(void **state)
{
    campaign_rig *rig = *state;
    rig_clear(rig);
    rig_campaign(rig, 0, RIG_RECORDS, 3);
    char *page = report_page(rig, CLI_OK);
    assert_int_equal(RIG_RUN(rig, "report", rig->dir), CLI_OK);
    char *again = rig_slurp(rig_path(rig, "dir/report.html"), NULL);
    assert_non_null(again);
    assert_string_equal(again, page);
    assert_int_equal(RIG_RUN(rig, "report", rig->dir, "-o", "-"), CLI_OK);
    assert_string_equal(rig->said, page);
    assert_int_equal(RIG_RUN(rig, "report"), CLI_USAGE);
    assert_int_equal(RIG_RUN(rig, "report", rig_path(rig, "nowhere")), CLI_NO_INPUT);
    assert_int_equal(RIG_RUN(rig, "report", rig->dir, "-o", rig_path(rig, "no/page")), CLI_IO);
    free(again);
    free(page);
}

/* Texts that would be markup, from every place that has texts. */
static void test_hostile(void **state)
{
    static const char evil[] = "</td><script>alert(1)</script>\"'&\xff\xc0\xe2\x80\xae&amp;";
    static const char escaped[] = "&lt;/td&gt;&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;"
                                  "&amp;&#65533;&#65533;&#65533;&amp;amp;";
    static const char job[] =
        "{\"command\": \"<script>\", \"model\": \"<img src=x>\", \"model_hash\": \"&\", "
        "\"program\": \"</style>\", \"stages\": [{\"name\": \"<b>\\\"\", \"integrator\": "
        "\"<i>\"}, {\"name\": \"</svg>\"}], \"options\": {\"<u>\": \"</html>\"}}";
    campaign_rig *rig = *state;
    rig_clear(rig);
    rig_campaign(rig, 0, RIG_RECORDS, 3);
    ath_journal *j = rig_journal(rig, 3);
    ath_record r = rig_record(4);
    r.uid = (ath_uid){1, 1};
    r.place = -1;
    r.file = r.text = evil;
    assert_int_equal(ath_journal_put(j, &r, NULL, NULL), ATH_OK);
    ath_system *s = rig_system(rig->ctx, 7);
    const char *name = evil;
    const ath_extra extra = {"name", ATH_LEVEL_SYSTEM, ATH_EXTRA_STRING, 1, 0, &name};
    assert_int_equal(ath_system_set_extra(s, &extra), ATH_OK);
    r = rig_record(7);
    r.uid = (ath_uid){1, 2};
    r.file = "";
    assert_int_equal(ath_journal_put(j, &r, s, NULL), ATH_OK);
    ath_system_destroy(&s);
    assert_int_equal(ath_journal_commit(j), ATH_OK);
    ath_journal_close(&j);
    rig_put_text(rig, "job.json", job);
    char *page = report_page(rig, CLI_OK);
    assert_int_equal(rig_count(page, escaped), 3);
    report_has(page, "<td>&lt;script&gt;</td>");
    report_has(page, "<td>&lt;img src=x&gt;</td>");
    report_has(page, "<td>&lt;b&gt;&quot;: &lt;i&gt;</td>");
    report_has(page, "<th>&lt;u&gt;</th><td>&lt;/html&gt;</td>");
    report_has(page, ">&lt;b&gt;&quot;</text>"); /* in the legend of a plot */
    free(page);
}

/* The longest texts are cut, at a whole character. */
static void test_escape(void **state)
{
    campaign_rig *rig = *state;
    cli c = {.host = rig_host(rig)};
    static const struct {
        const char *text;
        size_t max;
        const char *result;
    } cases[] = {
        {"abc", 3, "abc"},
        {"abcd", 3, "abc&#8230;"},
        {"a\xc3\xa9", 2, "a&#8230;"},
        {"a\xc3\xa9", 3, "a\xc3\xa9"},
        {"\xc3", 0, "&#65533;"},
        {"\x01\t\n\x7f", 0, "&#65533;  &#65533;"},
        {"\xe2\x80\x8b\xef\xbb\xbf\xef\xbf\xbe\xc2\x85", 0, "&#65533;&#65533;&#65533;&#65533;"},
        {"\xf0\x9f\x98\x80", 0, "\xf0\x9f\x98\x80"},
        {"", 0, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cli_text text = {0};
        cli_text_add(&c, &text, "", 0);
        cli_report_escape(&c, &text, cases[i].text, cases[i].max);
        assert_string_equal(text.data, cases[i].result);
        cli_text_free(&c, &text);
    }
}

/* ---- journals of other sizes ---- */

static void test_sizes(void **state)
{
    campaign_rig *rig = *state;
    for (int n = 0; n < 3; n++) {
        rig_clear(rig);
        rig_campaign(rig, 4, 4 + n, 3); /* none, a refused one, and a good one */
        if (n == 0 && access(rig_path(rig, "dir/journal/00000001.journal"), F_OK) < 0) {
            continue; /* there is nothing yet */
        }
        char *page = report_page(rig, CLI_OK);
        char text[64];
        snprintf(text, sizeof text, "<b>%d</b>with a result", n);
        report_has(page, text);
        free(page);
    }
}

/* More failures and more points than there is room for; one outlier far away. */
static void test_many(void **state)
{
    enum { N = 5000, FAILED = 700 };
    campaign_rig *rig = *state;
    rig_clear(rig);
    (void)mkdir(rig->dir, 0777);
    rig_put_text(rig, "job.json", "{\"command\": \"relax\"}");
    ath_journal *j = rig_journal(rig, 256);
    for (int i = 0; i < N; i++) {
        ath_record r = rig_record(i < FAILED ? 4 : 0);
        r.uid = (ath_uid){(uint64_t)i, 3};
        r.place = r.frame = i;
        r.steps = i == N - 1 ? 1000000000 : i % 40;
        ath_system *s = i < FAILED ? NULL : rig_system(rig->ctx, 0);
        assert_int_equal(ath_journal_put(j, &r, s, NULL), ATH_OK);
        ath_system_destroy(&s);
    }
    assert_int_equal(ath_journal_commit(j), ATH_OK);
    ath_journal_close(&j);
    char *page = report_page(rig, CLI_OK);
    report_has(page, "The first 200 of 700;");
    assert_int_equal(rig_count(page, "<td>bad_input</td><td>relax</td>"), CLI_REPORT_FAILED);
    report_has(page, "<td class=\"n\">199</td><td></td><td>rejected</td>");
    report_has(page, "<b>5000</b>with a result");
    report_has(page, "1 of 4300 lie outside.");
    report_has(page, "One in 4 structures.");
    assert_int_equal(rig_count(page, "<circle "), (N - FAILED + 3) / 4);
    assert_true(strlen(page) < 300000);
    free(page);
}

static void test_damaged(void **state)
{
    campaign_rig *rig = *state;
    rig_clear(rig);
    rig_campaign(rig, 0, RIG_RECORDS, 3);
    rig_damage(rig, 1000);
    char *page = report_page(rig, CLI_PARTIAL);
    report_has(page, "<p class=\"bad\">The journal is damaged in 1 place;");
    assert_null(strstr(page, "<b>11</b>with a result"));
    assert_non_null(strstr(rig->told, "the journal is damaged in 1 place;"));
    free(page);
}

/* ---- failures ---- */

static char *report_whole;

static void report_prepare(campaign_rig *rig)
{
    FILE *f = fopen(rig_path(rig, "page.html"), "w");
    assert_non_null(f);
    assert_true(fputs("old", f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* The page is what it was, or a whole one; of all records if nothing was said. */
static void report_check(campaign_rig *rig, int code)
{
    char *text = rig_slurp(rig_path(rig, "page.html"), NULL);
    assert_non_null(text);
    if (strcmp(text, "old") == 0) {
        assert_int_not_equal(code, CLI_OK);
    } else {
        (void)report_well_formed(text);
        if (code == CLI_OK) {
            assert_string_equal(text, report_whole);
        }
    }
    free(text);
}

static void test_faults(void **state)
{
    campaign_rig *rig = *state;
    rig_clear(rig);
    rig_campaign(rig, 0, RIG_RECORDS, 3);
    char *path = strdup(rig_path(rig, "page.html"));
    const char *const arguments[] = {"report", rig->dir, "-o", path, NULL};
    report_whole = report_page(rig, CLI_OK);
    rig_sweep_all(&(rig_sweep){rig, arguments, report_prepare, report_check, CLI_OK});
    free(report_whole);
    free(path);
}

/* ---- histograms ---- */

static double report_uniform(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(*state >> 11) / 9007199254740992.0;
}

/* Numbers, and what is known of their histogram. */
typedef struct report_case {
    double middle, span, outlier;
    int n_outliers;
    bool dropped; /* the outliers are given up */
} report_case;

static int64_t report_within(const double *x, int n, double from, double to)
{
    int64_t all = 0;
    for (int i = 0; i < n; i++) {
        all += x[i] >= from && x[i] < to;
    }
    return all;
}

static void report_one_histogram(cli *c, const report_case *k, double *x, int n)
{
    uint64_t random = 5;
    cli_histogram h;
    assert_true(cli_histogram_open(c, &h));
    for (int i = 0; i < n; i++) {
        const bool out = k->n_outliers > 0 && i % (n / k->n_outliers) == n / k->n_outliers / 2;
        x[i] = k->middle + k->span * (report_uniform(&random) - 0.5) + (out ? k->outlier : 0.0);
        cli_histogram_add(&h, x[i]);
    }
    cli_histogram_settle(&h);
    const double width = ldexp(1.0, h.exponent);
    const int64_t dropped = k->dropped ? k->n_outliers : 0;
    assert_int_equal(h.n, n);
    assert_int_equal(h.n_bins, n - dropped);
    assert_int_equal(h.n_above, k->outlier > 0.0 ? dropped : 0);
    assert_int_equal(h.n_below, k->outlier < 0.0 ? dropped : 0);
    assert_int_equal(h.n_aside, 0);
    assert_true(h.last - h.first < CLI_HISTOGRAM_BINS);
    if (k->dropped || k->n_outliers == 0) { /* what lies together is told apart */
        assert_true(width <= fmax(k->span / 100.0, fabs(k->middle) * 0x1p-40) + 1e-200);
    }
    const int64_t step = (h.last - h.first) / 7 + 1;
    int64_t all = 0;
    for (int64_t b = h.first; b <= h.last; b += step) {
        const double from = (double)b * width, to = (double)(b + step) * width;
        const int64_t count = cli_histogram_count(&h, from, to);
        assert_int_equal(count, report_within(x, n, from, to));
        all += count;
    }
    assert_int_equal(all, h.n_bins);
    for (double q = 0.1; q < 1.0; q += 0.2) { /* as many below as there should be */
        const double at = cli_histogram_quantile(&h, q);
        assert_true((double)report_within(x, n, -INFINITY, at) <= q * n);
        assert_true((double)report_within(x, n, -INFINITY, at + width) >= q * n);
    }
    cli_histogram_close(c, &h);
}

/* Against counting: of few numbers and many, near zero and far from it, with outliers that are rare
 * or not. */
static void test_histogram(void **state)
{
    static const report_case cases[] = {
        {0.0, 1.0, 0.0, 0, false}, {-3.5, 0.01, 0.0, 0, false},  {1e6, 1.0, 0.0, 0, false},
        {-7.0, 2.0, 1e9, 3, true}, {-3.5, 1.0, -1e300, 7, true}, {0.0, 1.0, 1e4, 2000, false},
        {5.0, 0.0, 0.0, 0, false}, {0.0, 0.0, 0.0, 0, false},    {40.0, 30.0, 1e12, 20000, false}};
    enum { N = 100000 };
    campaign_rig *rig = *state;
    cli c = {.host = rig_host(rig)};
    double *x = malloc(N * sizeof *x);
    assert_non_null(x);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        report_one_histogram(&c, &cases[k], x, N);
        if (!cases[k].dropped) {
            report_case few = cases[k];
            few.n_outliers = few.n_outliers ? 5 : 0;
            report_one_histogram(&c, &few, x, 50);
        }
    }
    free(x);
}

/* Numbers at the ends of what there is; what is no number is counted apart. */
static void test_histogram_extremes(void **state)
{
    static const double odd[] = {0.0,    -0.0, 5e-324, -5e-324, 1.7e308,  -1.7e308,
                                 1e-300, 42.0, -42.0,  NAN,     INFINITY, -INFINITY};
    enum { N = sizeof odd / sizeof *odd };
    campaign_rig *rig = *state;
    cli c = {.host = rig_host(rig)};
    for (int repeat = 1; repeat < 1000; repeat *= 31) {
        for (int first = 0; first < N; first++) {
            cli_histogram h;
            assert_true(cli_histogram_open(&c, &h));
            cli_histogram_settle(&h);
            assert_true(cli_histogram_quantile(&h, 0.5) == 0.0);
            for (int i = 0; i < N * repeat; i++) {
                cli_histogram_add(&h, odd[(first + i / repeat) % N]);
            }
            cli_histogram_settle(&h);
            assert_int_equal(h.n, (N - 3) * repeat);
            assert_int_equal(h.n_other, 3 * repeat);
            assert_int_equal(cli_histogram_count(&h, -INFINITY, INFINITY), (N - 3) * repeat);
            cli_histogram_close(&c, &h);
        }
    }
    assert_int_equal(rig->memory.n_blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page),      cmocka_unit_test(test_places),
        cmocka_unit_test(test_hostile),   cmocka_unit_test(test_escape),
        cmocka_unit_test(test_sizes),     cmocka_unit_test(test_many),
        cmocka_unit_test(test_damaged),   cmocka_unit_test(test_faults),
        cmocka_unit_test(test_histogram), cmocka_unit_test(test_histogram_extremes),
    };
    return cmocka_run_group_tests_name("report", tests, rig_set_up, rig_tear_down);
}
