/* ath_campaign_trim: text files become what they would be if systems that are not done had written
 * nothing, as a simple model says that knows the whole file at once; whatever their pieces and
 * their ends look like, and whenever it is killed or power is lost.
 */
#include "campaign/campaign_rig.h"

#include <ctype.h>
#include <fcntl.h>

enum { TRIM_UIDS = 12, TRIM_MOST = 1 << 16 };
static const char TRIM_PATH[] = "c/text";

/* ---- the model ---- */

static ath_uid trim_uid(int i)
{
    char text[16];
    snprintf(text, sizeof text, "s%d", i);
    return ath_uid_of_text(text);
}

static bool trim_done(int i)
{
    return i % 3 != 1;
}

/* Whether the line keeps its piece: 1, 0, or -1 if it is about nobody. */
static int model_keeps(const char *line, size_t n, const char *key)
{
    const size_t k = strlen(key);
    for (size_t from = 0; from + k + 32 <= n; from++) {
        const size_t at = k > 0 ? n - k - 32 - from : from; /* the last key, or the first uid */
        size_t digits = 0;
        const char *p = line + at + k;
        while (at + k + digits < n && p[digits] && strchr("0123456789abcdef", p[digits])) {
            digits++;
        }
        const bool alone = k > 0 || at == 0 || !isxdigit((unsigned char)line[at - 1]) ||
                           isupper((unsigned char)line[at - 1]);
        if (memcmp(line + at, key, k) != 0 || digits != 32 || !alone) {
            continue;
        }
        for (int i = 0; i < TRIM_UIDS; i++) {
            char uid[33];
            ath_uid_format(trim_uid(i), uid);
            if (!memcmp(p, uid, 32)) {
                return trim_done(i);
            }
        }
        return 0;
    }
    return -1;
}

static const char *model_line_end(const char *p, const char *end)
{
    const char *newline = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;
    return newline ? newline + 1 : NULL;
}

/* Writes what should be left; returns how long it is. */
static size_t model_trim(const char *text, size_t n, size_t length, bool frames, char *out)
{
    const char *p = text + length, *end = text + n, *next;
    size_t m = length;
    memcpy(out, text, length);
    while ((next = model_line_end(p, end))) {
        int keeps;
        if (frames) {
            const char *second = next;
            char *rest = NULL;
            const bool number = isdigit((unsigned char)p[strspn(p, " ")]);
            const long atoms = strtol(p, &rest, 10);
            if (!number || rest + strspn(rest, " \r") + 1 != second) {
                break;
            }
            next = model_line_end(second, end);
            keeps = next ? model_keeps(second, (size_t)(next - second), " uid=") > 0 : 0;
            for (long k = 0; k < atoms && next; k++) {
                next = model_line_end(next, end);
            }
            if (!next) {
                break;
            }
        } else {
            keeps = model_keeps(p, (size_t)(next - p), "");
            keeps = keeps < 0 ? p == text : keeps;
        }
        if (keeps) {
            memcpy(out + m, p, (size_t)(next - p));
            m += (size_t)(next - p);
        }
        p = next;
    }
    return m;
}

/* ---- a campaign in which some systems are done ---- */

static ath_status trim_end(void *user, ath_system **out)
{
    (void)user, (void)out;
    return ATH_END;
}

typedef struct process {
    failing memory;
    ath_context *ctx;
    ath_sampler *sampler;
    ath_campaign *campaign;
} process;

static ath_status process_open(process *p, disk *d)
{
    ath_context_config config = failing_config(&p->memory);
    ath_campaign_config c = {
        .size = sizeof c, .group = 1, .group_seconds = -1.0, .checkpoint_seconds = -1.0};
    disk_io(d, &config.io);
    ATH__TRY(ath_context_create(&config, &p->ctx));
    ATH__TRY(ath_sampler_from_callback(p->ctx, trim_end, NULL, &p->sampler));
    c.sampler = p->sampler;
    return ath_campaign_open(p->ctx, "c", &c, &p->campaign);
}

static void process_close(process *p, const disk *d)
{
    ath_campaign_close(&p->campaign);
    ath_sampler_destroy(&p->sampler);
    ath_context_destroy(&p->ctx);
    assert_int_equal(p->memory.n_blocks, 0);
    assert_int_equal(p->memory.n_wrong, 0);
    assert_int_equal(d->n_open, 0);
}

static ath_text_format format_of(bool frames)
{
    return frames ? ATH_TEXT_EXTXYZ : ATH_TEXT_LINES;
}

/* A process that trims, and dies at the n-th call of that (0: it does not). Returns how many calls
 * there were. */
static int64_t trim_process(disk *d, bool frames, size_t length, int64_t die, ath_status *status)
{
    process p = {0};
    assert_int_equal(process_open(&p, d), ATH_OK);
    const int64_t before = d->n_calls;
    d->die_at = die > 0 ? before + die : 0;
    *status = ath_campaign_trim(p.campaign, TRIM_PATH, format_of(frames), (int64_t)length);
    const int64_t calls = d->n_calls - before;
    d->die_at = 0;
    process_close(&p, d);
    return calls;
}

/* The disk with the journal: made once. */
static const disk *trim_disk(void)
{
    static disk d;
    if (!disk_find(&d, "c")) {
        process p = {0};
        assert_int_equal(process_open(&p, &d), ATH_OK);
        for (int i = 0; i < TRIM_UIDS; i++) {
            const ath_record record = {
                .uid = trim_uid(i), .state = ATH_STATE_FINISHED, .reason = ATH_REASON_BUDGET};
            if (trim_done(i)) {
                assert_int_equal(
                    ath_journal_put(ath_campaign_journal(p.campaign), &record, NULL, NULL), ATH_OK);
            }
        }
        process_close(&p, &d);
    }
    return &d;
}

static void trim_begin(disk *d, const char *text, size_t n)
{
    disk_copy(trim_disk(), d);
    disk_store(d, TRIM_PATH, text, n);
}

static void trim_is(disk *d, const char *text, size_t n)
{
    const disk_file *f = disk_find(d, TRIM_PATH);
    assert_non_null(f);
    if (f->size != n || (n > 0 && memcmp(f->data, text, n) != 0)) {
        fail_msg("'%.*s' instead of '%.*s'", (int)f->size, (const char *)f->data, (int)n, text);
    }
    assert_null(disk_find(d, "c/text.tail"));
}

/* ---- texts ---- */

static uint32_t trim_random(uint64_t *x)
{
    *x = *x * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*x >> 33);
}

/* A uid, of whom it may be, or what only looks like one. */
static int trim_word(uint64_t *x, char *out)
{
    char uid[33];
    const uint32_t kind = trim_random(x) % 12;
    ath_uid_format(trim_uid((int)(trim_random(x) % TRIM_UIDS)), uid);
    switch (kind) {
    case 0:
        return sprintf(out, "%.31s", uid);
    case 1:
        return sprintf(out, "a%s", uid);
    case 2:
        return sprintf(out, "%sF", uid);
    case 3:
        return sprintf(out, "0123456789abcdef0123456789abcdef");
    case 4:
        return sprintf(out, "%s %s", uid, uid);
    default:
        return sprintf(out, "%s", uid);
    }
}

static int trim_line(uint64_t *x, char *out)
{
    char word[80];
    const char *end = trim_random(x) % 4 ? "\n" : "\r\n";
    (void)trim_word(x, word);
    switch (trim_random(x) % 8) {
    case 0:
        return sprintf(out, "%s", end);
    case 1:
        return sprintf(out, "frame,energy,reason%s", end);
    case 2:
        return sprintf(out, "%s%s", word, end);
    case 3:
        return sprintf(out, "17,%s,\"x y\",1e-5%s", word, end);
    case 4:
        return sprintf(out, "uid=%s;%s%s", word, word, end);
    default:
        return sprintf(out, "%d,%s%s", (int)trim_random(x) % 100, word, end);
    }
}

static int trim_frame(uint64_t *x, char *out)
{
    char word[80];
    const char *end = trim_random(x) % 4 ? "\n" : "\r\n";
    const uint32_t kind = trim_random(x) % 40;
    const int atoms = (int)(trim_random(x) % 4);
    (void)trim_word(x, word);
    int n = kind == 0   ? sprintf(out, "two%s", end)
            : kind == 1 ? sprintf(out, "  %d %s", atoms, end)
            : kind == 2 ? sprintf(out, "%d 1%s", atoms, end)
                        : sprintf(out, "%d%s", atoms, end);
    const char *before[] = {
        "Properties=species:S:1 uid=", "Lattice=\"1 0 0\" uid=", "uid=", "a=1 xuid=", " uid="};
    const uint32_t key = trim_random(x) % 8;
    if (trim_random(x) % 5 == 0) { /* in a text of the structure */
        n += sprintf(out + n, "comment=\"of uid=2a74d42615897f1675ab0eeb90ae2ef4\" ");
    }
    n += sprintf(out + n, "%s%s%s%s", before[key < 5 ? key : 0], word, key % 2 ? "" : " energy=1",
                 end);
    for (int k = 0; k < atoms; k++) {
        n += sprintf(out + n, "Ar 0.%d 1 2%s", k, end);
    }
    return n;
}

/* Some pieces, and a torn end; *length: where one of them begins. */
static size_t trim_text(uint64_t *x, bool frames, char *out, size_t *length)
{
    const int pieces = (int)(trim_random(x) % 12);
    size_t n = 0, last = 0;
    *length = 0;
    for (int k = 0; k < pieces; k++) {
        last = n;
        *length = trim_random(x) % 6 == 0 ? n : *length;
        n += (size_t)(frames ? trim_frame(x, out + n) : trim_line(x, out + n));
    }
    if (trim_random(x) % 2 && n > last) {
        n = last + trim_random(x) % (n - last);
    }
    *length = *length > n ? n : *length;
    return n;
}

/* ---- tests ---- */

static void test_as_the_model(void **state)
{
    static char text[TRIM_MOST], want[TRIM_MOST];
    int cut = 0, kept = 0;
    (void)state;
    for (int k = 0; k < 20000; k++) {
        uint64_t x = (uint64_t)k * 977 + 5;
        const bool frames = k % 2;
        size_t length;
        disk d;
        ath_status status;
        const size_t n = trim_text(&x, frames, text, &length);
        text[n] = '\0';
        const size_t m = model_trim(text, n, length, frames, want);
        trim_begin(&d, text, n);
        (void)trim_process(&d, frames, length, 0, &status);
        assert_int_equal(status, ATH_OK);
        trim_is(&d, want, m);
        (void)trim_process(&d, frames, length, 0, &status); /* again: nothing more happens */
        trim_is(&d, want, m);
        disk_free(&d);
        cut += m < n;
        kept += m == n;
    }
    assert_true(cut > 5000 && kept > 1000);
    print_message("%d texts were cut, %d stayed as they were\n", cut, kept);
}

/* After a death at this call, and perhaps a loss of power, another process ends it; then a system
 * ends and writes, and power is lost once more. */
static void killed_run(const char *text, size_t n, bool frames, size_t length, int64_t die,
                       uint64_t *x)
{
    static char want[TRIM_MOST];
    char more[256], uid[33];
    disk d, left, last;
    ath_status status;
    size_t m = model_trim(text, n, length, frames, want);
    trim_begin(&d, text, n);
    (void)trim_process(&d, frames, length, die, &status);
    if (trim_random(x) % 2) {
        disk_crash(&d, x, &left);
        disk_free(&d);
    } else {
        left = d; /* with what is not synced */
    }
    (void)trim_process(&left, frames, length, 0, &status);
    assert_int_equal(status, ATH_OK);
    trim_is(&left, want, m);
    ath_uid_format(trim_uid(0), uid);
    const int k = frames ? sprintf(more, "0\n uid=%s\n", uid) : sprintf(more, "%s\n", uid);
    ath_io io;
    disk_io(&left, &io);
    const int fd = io.open(io.user, TRIM_PATH, O_WRONLY | O_APPEND, 0);
    assert_int_equal(io.write(io.user, fd, more, (size_t)k), k);
    assert_int_equal(io.sync(io.user, fd), 0);
    assert_int_equal(io.close(io.user, fd), 0);
    disk_crash(&left, x, &last);
    (void)trim_process(&last, frames, length, 0, &status);
    assert_int_equal(status, ATH_OK);
    memcpy(want + m, more, (size_t)k);
    trim_is(&last, want, m + (size_t)k);
    disk_free(&left);
    disk_free(&last);
}

static void test_killed(void **state)
{
    static char text[TRIM_MOST];
    const char *full = getenv("ATH_TEST_FULL");
    const int texts = full && *full && strcmp(full, "0") != 0 ? 5000 : 100;
    int n_runs = 0;
    (void)state;
    for (int k = 0; k < texts; k++) {
        uint64_t x = (uint64_t)k * 31 + 7;
        const bool frames = k % 2;
        size_t length;
        disk d;
        ath_status status;
        const size_t n = trim_text(&x, frames, text, &length);
        text[n] = '\0';
        trim_begin(&d, text, n);
        const int64_t calls = trim_process(&d, frames, length, 0, &status);
        disk_free(&d);
        for (int64_t die = 1; die <= calls; die++) {
            for (int again = 0; again < 3; again++, n_runs++) {
                killed_run(text, n, frames, length, die, &x);
            }
        }
    }
    print_message("%d times killed while a text was trimmed, and power lost\n", n_runs);
}

/* Appends without a sync. */
static void trim_append(disk *d, const char *text)
{
    ath_io io;
    disk_io(d, &io);
    const int fd = io.open(io.user, TRIM_PATH, O_WRONLY | O_APPEND, 0);
    assert_int_equal(io.write(io.user, fd, text, strlen(text)), strlen(text));
    assert_int_equal(io.close(io.user, fd), 0);
}

/* Nothing of the file is synced but what records lean on, and power is lost after a death: it can
 * be trimmed nevertheless, and all that records lean on is there. */
static void test_not_synced(void **state)
{
    char done[33], open[33], synced[2][128] = {"", ""}, rest[2][128];
    uint64_t random = 41;
    int n = 0;
    (void)state;
    ath_uid_format(trim_uid(0), done);
    ath_uid_format(trim_uid(1), open);
    snprintf(synced[1], sizeof synced[1], "frame,uid\n0,%s\n", done);
    snprintf(rest[0], sizeof rest[0], "frame,uid\n1,%s\n1,to", open);
    snprintf(rest[1], sizeof rest[1], "1,%s\n1,to", open);
    for (int k = 0; k < 2; k++) {
        int64_t calls = 1;
        for (int64_t die = 0; die <= calls; die++) {
            for (int again = 0; again < 30; again++, n++) {
                disk d, left;
                ath_status status;
                trim_begin(&d, synced[k], strlen(synced[k]));
                trim_append(&d, rest[k]);
                const int64_t made = trim_process(&d, false, 0, die, &status);
                calls = die == 0 ? made : calls;
                disk_crash(&d, &random, &left);
                (void)trim_process(&left, false, 0, 0, &status);
                assert_int_equal(status, ATH_OK);
                const size_t size = disk_find(&left, TRIM_PATH)->size;
                trim_is(&left,
                        k      ? synced[1]
                        : size ? "frame,uid\n"
                               : "",
                        k      ? strlen(synced[1])
                        : size ? 10
                               : 0);
                disk_free(&d);
                disk_free(&left);
            }
        }
    }
    print_message("%d times power was lost before a text was synced\n", n);
}

/* Every call and every allocation fails in turn: said, nothing leaks, and the next one ends it. */
static void test_faults(void **state)
{
    static char text[TRIM_MOST], want[TRIM_MOST];
    int n_runs = 0;
    (void)state;
    for (int k = 0; k < 12; k++) {
        uint64_t x = (uint64_t)k * 13 + 2;
        const bool frames = k % 2;
        size_t length;
        const size_t n = trim_text(&x, frames, text, &length);
        text[n] = '\0';
        const size_t m = model_trim(text, n, length, frames, want);
        bool done = false;
        for (int64_t at = 1; !done; at++, n_runs++) {
            disk d;
            process p = {0};
            trim_begin(&d, text, n);
            assert_int_equal(process_open(&p, &d), ATH_OK);
            if (k % 4 < 2) {
                d.fail_at = d.n_calls + at;
                d.error = at % 3 ? EIO : ENOSPC;
            } else {
                p.memory.fail_at = p.memory.n_calls + at;
            }
            ath_status status =
                ath_campaign_trim(p.campaign, TRIM_PATH, format_of(frames), (int64_t)length);
            done = k % 4 < 2 ? d.n_calls < d.fail_at : p.memory.n_calls < p.memory.fail_at;
            assert_true(status == ATH_OK || status == (k % 4 < 2 ? ATH_E_IO : ATH_E_NO_MEMORY));
            assert_true(status == ATH_OK || !done);
            d.fail_at = 0;
            process_close(&p, &d);
            (void)trim_process(&d, frames, length, 0, &status);
            assert_int_equal(status, ATH_OK);
            trim_is(&d, want, m);
            disk_free(&d);
        }
    }
    print_message("%d calls and allocations fail\n", n_runs);
}

/* A piece that is larger than what is read at once, first and last. */
static void test_huge(void **state)
{
    const size_t huge = ((size_t)5 << 19) + 17;
    char *text = malloc(3 * huge), *want = malloc(3 * huge), uid[2][33];
    (void)state;
    assert_true(text && want);
    ath_uid_format(trim_uid(0), uid[0]);
    ath_uid_format(trim_uid(1), uid[1]);
    for (int k = 0; k < 4; k++) {
        const bool frames = k / 2;
        size_t n = 0;
        disk d;
        ath_status status;
        for (int piece = 0; piece < 2; piece++) {
            const char *who = uid[(piece + k) % 2];
            n += (size_t)(frames ? sprintf(text + n, "2\n uid=%s ", who) : 0);
            memset(text + n, 'x', huge);
            n += huge;
            n += (size_t)(frames ? sprintf(text + n, "\nAr 0 0 0\nAr 1 1 1\n")
                                 : sprintf(text + n, ",%s\n", who));
        }
        text[n] = '\0';
        const size_t m = model_trim(text, n, 0, frames, want);
        assert_true(m > huge && m < n);
        trim_begin(&d, text, n);
        (void)trim_process(&d, frames, 0, 0, &status);
        assert_int_equal(status, ATH_OK);
        const disk_file *f = disk_find(&d, TRIM_PATH);
        assert_true(f->size == m && !memcmp(f->data, want, m));
        disk_free(&d);
    }
    free(text);
    free(want);
}

/* What there is not, or is too short. */
static void test_refused(void **state)
{
    disk d;
    ath_status status;
    (void)state;
    disk_copy(trim_disk(), &d);
    (void)trim_process(&d, false, 0, 0, &status);
    assert_int_equal(status, ATH_OK);
    assert_null(disk_find(&d, TRIM_PATH));
    (void)trim_process(&d, false, 5, 0, &status);
    assert_int_equal(status, ATH_E_NOT_FOUND);
    disk_store(&d, TRIM_PATH, "abc\n", 4);
    (void)trim_process(&d, false, 5, 0, &status);
    assert_int_equal(status, ATH_E_FORMAT);
    trim_is(&d, "abc\n", 4);
    disk_store(&d, "c/text.tail", "abc\n", 4); /* what no trim has written */
    (void)trim_process(&d, false, 0, 0, &status);
    assert_int_equal(status, ATH_E_FORMAT);
    disk_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_the_model), cmocka_unit_test(test_killed),
        cmocka_unit_test(test_not_synced),   cmocka_unit_test(test_faults),
        cmocka_unit_test(test_huge),         cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
