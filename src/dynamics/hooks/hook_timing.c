/* Times between stages of a step, by the host's clock.
 *
 * Mean and variance are kept as running values (Welford, Technometrics 4 (1962) 419), so that a
 * long run needs no memory but that of the trace.
 */
#include "dynamics/hooks/hook_rows.h"

#include <math.h>
#include <stdio.h>

#include "dynamics/dynamics_private.h"

typedef struct timing_pair {
    int64_t n;
    double mean, m2, min, max, total; /* s */
} timing_pair;

typedef struct timing_event {
    double start, seconds; /* start: since the hook was made or reset */
    int64_t step;
    int32_t from, to;
} timing_event;

typedef struct timing {
    ath_context *ctx;
    timing_pair pairs[ATH_N_STAGES][ATH_N_STAGES]; /* [to][from] */
    timing_event *events;                          /* [max_events] */
    int64_t n_events, max_events, n_dropped;
    double origin;
    /* the stage noted last, of this step and dynamics; -1: none */
    int32_t stage;
    int64_t step;
    const void *dynamics;
    double at;
} timing;

static void timing_add(timing_pair *p, double seconds)
{
    const double away = seconds - p->mean;
    p->n++;
    p->mean += away / (double)p->n;
    p->m2 += away * (seconds - p->mean);
    p->total += seconds;
    p->min = p->n == 1 || seconds < p->min ? seconds : p->min;
    p->max = p->n == 1 || seconds > p->max ? seconds : p->max;
}

static void timing_keep(timing *it, int32_t to, double seconds)
{
    if (it->n_events == it->max_events) {
        it->n_dropped++;
        return;
    }
    it->events[it->n_events++] = (timing_event){.start = it->at - it->origin,
                                                .seconds = seconds,
                                                .step = it->step,
                                                .from = it->stage,
                                                .to = to};
}

static ath_status timing_call(void *user, const ath_hook_context *context)
{
    timing *it = user;
    const double now = ath__dynamics_clock();
    const int32_t stage = (int32_t)context->stage;
    const bool same_step = it->stage >= 0 && it->stage < stage && it->step == context->step_count &&
                           it->dynamics == context->dynamics;
    if (same_step) {
        timing_add(&it->pairs[stage][it->stage], now - it->at);
        timing_keep(it, stage, now - it->at);
    }
    it->stage = stage;
    it->step = context->step_count;
    it->dynamics = context->dynamics;
    it->at = ath__dynamics_clock(); /* without what was done here */
    return ATH_OK;
}

/* An interval does not reach from one run into another. */
static ath_status timing_open(void *user, ath_dynamics *dynamics)
{
    (void)dynamics;
    ((timing *)user)->stage = -1;
    return ATH_OK;
}

static void timing_destroy(void *user)
{
    timing *it = user;
    ath__free(it->ctx, &it->events, (size_t)it->max_events, sizeof *it->events);
    ath__free(it->ctx, &it, 1, sizeof *it);
}

ath_status ath_hook_stage_timing(ath_context *ctx, unsigned stages, int64_t max_events,
                                 ath_hook *out)
{
    const unsigned chosen = stages ? stages : (unsigned)ATH_TIMING_ALL;
    timing *it = NULL;
    ATH__TRY(ath__hook_begin(ctx, "stage_timing", out));
    if (chosen >> ATH_N_STAGES) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "stage_timing: there are only %d stages",
                         (int)ATH_N_STAGES);
    }
    if ((chosen & (chosen - 1)) == 0) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "stage_timing: needs at least two stages");
    }
    if (max_events < 0) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "stage_timing: max_events must not be negative");
    }
    ATH__TRY(ath__hook_make(ctx, "stage_timing", sizeof *it, &it, out));
    it->ctx = ctx;
    it->stage = -1;
    it->origin = ath__dynamics_clock();
    out->stage = ATH_STAGE_ANY;
    out->stages = chosen;
    out->call = timing_call;
    out->open = timing_open;
    out->destroy = timing_destroy;
    const ath_status status = ath__alloc(ctx, (size_t)max_events, sizeof *it->events, &it->events);
    if (status < 0) {
        ath_hook_free(out);
        return status;
    }
    it->max_events = max_events;
    return ATH_OK;
}

/* ---- what it has found ---- */

static timing *timing_of(const ath_hook *hook)
{
    return hook && hook->call == timing_call ? hook->user : NULL;
}

static ath_stage_time timing_summarise(const timing_pair *p, int32_t from, int32_t to)
{
    ath_stage_time out = {.from = (ath_stage)from,
                          .to = (ath_stage)to,
                          .n = p->n,
                          .mean_s = p->mean,
                          .std_s = p->n > 1 ? sqrt(p->m2 / (double)(p->n - 1)) : 0.0,
                          .min_s = p->min,
                          .max_s = p->max,
                          .total_s = p->total};
    snprintf(out.name, sizeof out.name, "%s->%s", ath_stage_name(out.from), ath_stage_name(out.to));
    return out;
}

ath_status ath_hook_timing_summary(const ath_hook *hook, ath_stage_time *out, int32_t max,
                                   int32_t *n)
{
    const timing *it = timing_of(hook);
    if (!it || !n || max < 0 || (max > 0 && !out)) {
        return ath__fail(it ? it->ctx : NULL, ATH_E_ARGUMENT,
                         "timing_summary: needs a hook of ath_hook_stage_timing");
    }
    *n = 0;
    for (int32_t to = 0; to < ATH_N_STAGES; to++) {
        for (int32_t from = 0; from < ATH_N_STAGES; from++) {
            const timing_pair *p = &it->pairs[to][from];
            if (p->n > 0 && (*n)++ < max) {
                out[*n - 1] = timing_summarise(p, from, to);
            }
        }
    }
    return ATH_OK;
}

static ath_status timing_print(timing *it, ath__bytes *text, const timing_event *e, bool first)
{
    char start[32], length[32];
    ath__format_double(1e6 * e->start, start);
    ath__format_double(1e6 * e->seconds, length);
    return ath__bytes_print(it->ctx, text,
                            "%s\n{\"name\":\"%s->%s\",\"cat\":\"step\",\"ph\":\"X\",\"pid\":1,"
                            "\"tid\":1,\"ts\":%s,\"dur\":%s,\"args\":{\"step\":%lld}}",
                            first ? "" : ",", ath_stage_name((ath_stage)e->from),
                            ath_stage_name((ath_stage)e->to), start, length, (long long)e->step);
}

static ath_status timing_text(timing *it, ath__bytes *text)
{
    ATH__TRY(ath__bytes_print(it->ctx, text, "{\"displayTimeUnit\":\"ms\",\"traceEvents\":["));
    for (int64_t i = 0; i < it->n_events; i++) {
        ATH__TRY(timing_print(it, text, &it->events[i], i == 0));
    }
    return ath__bytes_print(it->ctx, text, "\n],\"otherData\":{\"dropped\":\"%lld\"}}\n",
                            (long long)it->n_dropped);
}

ath_status ath_hook_timing_trace(const ath_hook *hook, const char *path)
{
    timing *it = timing_of(hook);
    ath__bytes text = {0};
    if (!it || !path) {
        return ath__fail(it ? it->ctx : NULL, ATH_E_ARGUMENT,
                         "timing_trace: needs a hook of ath_hook_stage_timing and a path");
    }
    ath_status status = timing_text(it, &text);
    status = status < 0 ? status : ath__file_replace(it->ctx, path, text.data, text.size);
    ath__bytes_free(it->ctx, &text);
    return status;
}

ath_status ath_hook_timing_reset(ath_hook *hook)
{
    timing *it = timing_of(hook);
    if (!it) {
        return ATH_E_ARGUMENT;
    }
    for (int32_t k = 0; k < ATH_N_STAGES * ATH_N_STAGES; k++) {
        it->pairs[k / ATH_N_STAGES][k % ATH_N_STAGES] = (timing_pair){0};
    }
    it->n_events = it->n_dropped = 0;
    it->stage = -1;
    it->origin = ath__dynamics_clock();
    return ATH_OK;
}
