/* Problems of a job file: collected while it is read, said in the order of the file. And the small
 * things that messages need: the nearest name, texts that are safe to show.
 */
#include <stdarg.h>
#include <string.h>

#include "job_tree.h"

/* "stages[1].steps" */
static void problem_place(cli *c, cli_text *t, const job_place *place)
{
    if (place->parent) {
        problem_place(c, t, place->parent);
    }
    if (place->key) {
        char shown[JOB_SHOWN_BYTES];
        cli_text_print(c, t, "%s%s", t->size && t->data[t->size - 1] != '\n' ? "." : "",
                       job_shown(place->key, shown));
    } else {
        cli_text_print(c, t, "[%zu]", place->index);
    }
}

void job_problem_add(job_problems *p, int line, int column, const job_place *place,
                     const char *what, const char *format, ...)
{
    char detail[1024];
    cli *c = p->c;
    va_list args;
    if (p->n == CLI_JOB_PROBLEMS) {
        p->more++;
        return;
    }
    job_problem *problem = &p->list[p->n++];
    *problem = (job_problem){.line = line, .column = column};
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    cli_text_print(c, &problem->text, "%s", what);
    if (place) {
        cli_text path = {0};
        problem_place(c, &path, place);
        cli_text_print(c, &problem->text, " (key %s)", path.data ? path.data : "");
        problem->text.failed = problem->text.failed || path.failed;
        cli_text_free(c, &path);
    }
    cli_text_print(c, &problem->text, ": %s", detail);
}

static bool problem_before(const job_problem *a, const job_problem *b)
{
    return a->line != b->line ? a->line < b->line : a->column < b->column;
}

int job_problems_report(job_problems *p, int code)
{
    cli *c = p->c;
    bool failed = false;
    code = p->n ? code : CLI_OK;
    for (int i = 1; i < p->n;
         i++) { /* ten at most: by insertion, which keeps the order of equals */
        for (int k = i; k > 0 && problem_before(&p->list[k], &p->list[k - 1]); k--) {
            const job_problem swap = p->list[k];
            p->list[k] = p->list[k - 1];
            p->list[k - 1] = swap;
        }
    }
    for (int i = 0; i < p->n; i++) {
        job_problem *problem = &p->list[i];
        failed = failed || problem->text.failed;
        if (!problem->text.failed) {
            (void)cli_fail(c, code, "%s:%d:%d: %s", p->path, problem->line, problem->column,
                           problem->text.data);
        }
        cli_text_free(c, &problem->text);
    }
    if (p->more) {
        (void)cli_fail(c, code, "%s: and %lld more", p->path, (long long)p->more);
    }
    p->n = 0;
    p->more = 0;
    return failed ? cli_fail(c, CLI_INTERNAL, "out of memory") : code;
}

size_t job_utf8_next(const char *text, size_t bytes, uint32_t *character)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *p = (const unsigned char *)text;
    const size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc0 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    uint32_t value = n == 1 ? p[0] : n == 2 ? p[0] & 0x1fu : n == 3 ? p[0] & 0xfu : p[0] & 7u;
    if (n == 0 || n > bytes || p[0] > 0xf4) {
        return 0;
    }
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
        value = value << 6 | (p[i] & 0x3fu);
    }
    if (value < least[n] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) {
        return 0;
    }
    *character = value;
    return n;
}

size_t job_utf8_fault(const char *text, size_t bytes)
{
    uint32_t character = 0;
    size_t at = 0;
    while (at < bytes) {
        const size_t n = job_utf8_next(text + at, bytes - at, &character);
        if (n == 0) {
            break;
        }
        at += n;
    }
    return at;
}

const char *job_shown(const char *text, char out[JOB_SHOWN_BYTES])
{
    size_t n = 0;
    while (*text) {
        uint32_t character = 0;
        const size_t k = job_utf8_next(text, strlen(text), &character);
        if (n + (k ? k : 1) + 4 > JOB_SHOWN_BYTES) {
            memcpy(out + n, "...", 4);
            return out;
        }
        if (k == 0 || character < 0x20 || (character >= 0x7f && character < 0xa0) ||
            character == 0x2028 || character == 0x2029 || character == 0x202e) {
            out[n++] = '?';
        } else {
            memcpy(out + n, text, k);
            n += k;
        }
        text += k ? k : 1;
    }
    out[n] = '\0';
    return out;
}

enum { NEAREST_LETTERS = 32 };

static char nearest_fold(char a)
{
    return a == '-' ? '_' : (char)(a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a);
}

/* Letters to insert, remove, replace or swap (optimal string alignment), capitals and dashes aside.
 */
static int nearest_distance(const char *a, const char *b)
{
    int row[3][NEAREST_LETTERS + 1];
    const int n = (int)strlen(a), m = (int)strlen(b);
    int *before = row[0], *last = row[1], *now = row[2];
    memset(row, 0, sizeof row);
    for (int j = 0; j <= m; j++) {
        last[j] = j;
    }
    for (int i = 1; i <= n; i++) {
        now[0] = i;
        for (int j = 1; j <= m; j++) {
            const bool same = nearest_fold(a[i - 1]) == nearest_fold(b[j - 1]);
            int best = last[j - 1] + !same;
            best = last[j] + 1 < best ? last[j] + 1 : best;
            best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
            if (i > 1 && j > 1 && nearest_fold(a[i - 1]) == nearest_fold(b[j - 2]) &&
                nearest_fold(a[i - 2]) == nearest_fold(b[j - 1]) && before[j - 2] + 1 < best) {
                best = before[j - 2] + 1;
            }
            now[j] = best;
        }
        int *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[m];
}

const char *job_nearest(const char *word, const char *const *names, size_t n)
{
    const char *best = NULL;
    const size_t letters = strlen(word);
    int least = letters < 3 ? 2 : (int)letters / 3 + 1; /* to be undercut */
    if (letters == 0 || letters > NEAREST_LETTERS) {
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        if (strlen(names[i]) > NEAREST_LETTERS) {
            continue;
        }
        const int distance = nearest_distance(word, names[i]);
        if (distance < least) {
            least = distance;
            best = names[i];
        }
    }
    return best;
}
