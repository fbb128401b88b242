/* Convergence: criteria from a configuration or from text, the rules that the device is given, and
 * their evaluation on the host. The measuring itself is in stage_rules.h, the same for both.
 *
 * Not here: when a system is assessed and where it goes then (stage_rules.h).
 */
#include <math.h>
#include <string.h>

#include <athanor/units.h>

#include "dynamics/dynamics_private.h"
#include "dynamics/stage_rules.h"

static const double CONVERGENCE_FMAX = 0.05;  /* eV/angstrom */
static const double CONVERGENCE_STRESS = 0.1; /* GPa */

static ath_criterion convergence_fmax(double fmax)
{
    return (ath_criterion){
        .field = ATH_FIELD_FORCES, .reduce = ATH_REDUCE_NORM, .dim = -1, .threshold = fmax};
}

static ath_criterion convergence_stress(double gpa)
{
    return (ath_criterion){.field = ATH_FIELD_STRESS,
                           .reduce = ATH_REDUCE_MAXABS,
                           .threshold = gpa / ATH_GPA_PER_EV_A3};
}

static ath_criterion convergence_smax(double gpa)
{
    return (ath_criterion){.field = ATH_FIELD_SMAX, .threshold = gpa / ATH_GPA_PER_EV_A3};
}

/* ---- checking ---- */

static ath_status convergence_check_one(ath_context *ctx, const ath_criterion *c)
{
    const ath_field_info *info = ath_field_describe(ctx, c->field);
    if (c->custom) {
        return ATH_OK;
    }
    if (!info || info->level == ATH_LEVEL_EDGE) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "convergence: no field of atoms or systems has id %d",
                         (int)c->field);
    }
    if ((int)c->reduce < 0 || c->reduce > ATH_REDUCE_MAXABS) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "convergence: %s: no such reduction (%d)", info->name,
                         (int)c->reduce);
    }
    if (c->dim > 0 || c->dim < -2 || (c->dim == -2 && info->width != 9)) {
        return ath__fail(ctx, ATH_E_ARGUMENT,
                         "convergence: %s: a row of %d values has no dimension %d", info->name,
                         (int)info->width, (int)c->dim);
    }
    if (isnan(c->threshold)) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "convergence: %s: the threshold is not a number",
                         info->name);
    }
    return ATH_OK;
}

static ath_status convergence_check(ath_context *ctx, const ath_convergence *c)
{
    if (c->size != sizeof *c) {
        return ath__fail(ctx, ATH_E_ABI, "convergence: criteria of another version");
    }
    if (!(c->fmax >= 0.0) || !(c->smax >= 0.0) || c->frequency < 0 || c->n_criteria < 0 ||
        (c->n_criteria > 0 && !c->criteria)) {
        return ath__fail(ctx, ATH_E_ARGUMENT,
                         "convergence: fmax, smax, frequency and n_criteria must not be negative");
    }
    const int n = (int)c->n_criteria + (c->fmax > 0.0) + (c->smax > 0.0);
    if (n > ATH_MAX_CRITERIA) {
        return ath__fail(ctx, ATH_E_RANGE, "convergence: %d criteria, at most %d", n,
                         (int)ATH_MAX_CRITERIA);
    }
    for (int32_t k = 0; k < c->n_criteria; k++) {
        ATH__TRY(convergence_check_one(ctx, &c->criteria[k]));
    }
    return ATH_OK;
}

/* Writes all criteria that `c` stands for with this integrator (may be NULL), defaults included;
 * returns how many. */
static int32_t convergence_list(const ath_convergence *c, const ath_integrator *integrator,
                                ath_criterion out[ATH_MAX_CRITERIA])
{
    const bool moves = integrator && integrator->ops->moves_cell;
    const bool relaxes = moves && integrator->ops->deform;
    int32_t n = 0;
    if (c->fmax > 0.0 || (c->n_criteria == 0 && (relaxes || c->smax <= 0.0))) {
        out[n++] = convergence_fmax(c->fmax > 0.0 ? c->fmax : CONVERGENCE_FMAX);
    }
    if (c->smax > 0.0 || (c->n_criteria == 0 && relaxes)) {
        out[n++] = convergence_smax(c->smax > 0.0 ? c->smax : CONVERGENCE_STRESS);
    } else if (c->fmax <= 0.0 && c->n_criteria == 0 && moves) {
        out[n++] = convergence_stress(CONVERGENCE_STRESS);
    }
    for (int32_t k = 0; k < c->n_criteria && n < ATH_MAX_CRITERIA; k++) {
        out[n++] = c->criteria[k];
    }
    return n;
}

ath_status ath__convergence_set(ath_dynamics *dyn, ath__part *part, const ath_convergence *from)
{
    ATH__TRY(convergence_check(dyn->ctx, from));
    part->convergence = *from;
    part->convergence.n_criteria = convergence_list(from, part->integrator, part->criteria);
    part->convergence.criteria = part->criteria;
    part->convergence.fmax = part->convergence.smax = 0.0; /* are among the criteria now */
    part->convergence.frequency = from->frequency > 0 ? from->frequency : 1;
    part->assessed = true;
    return ATH_OK;
}

/* ---- for the device ---- */

/* Number of a field among the sources; adds it. */
static int32_t convergence_source(ath_dynamics *dyn, ath_field_id field)
{
    for (int32_t i = 0; i < dyn->n_sources; i++) {
        if (dyn->sources[i] == field) {
            return i;
        }
    }
    if (dyn->n_sources == ATH__MAX_SOURCES) {
        return -1;
    }
    dyn->sources[dyn->n_sources] = field;
    return dyn->n_sources++;
}

static unsigned convergence_want(const ath_criterion *c)
{
    const bool reads = c->custom || c->field == ATH_FIELD_ENERGY ||
                       c->field == ATH_FIELD_ENERGY_CHANGE || c->field == ATH_FIELD_STRESS ||
                       c->field == ATH_FIELD_SMAX;
    return reads ? ATH__WANT_ENERGY | ATH__WANT_STRESS : 0u;
}

/* The same of what an integrator reads. */
static unsigned convergence_needs(const ath_integrator *integrator)
{
    const ath_field_id *f = integrator ? integrator->ops->needs : NULL;
    unsigned want = 0u;
    for (; f && *f >= 0; f++) {
        const bool reads = *f == ATH_FIELD_ENERGY || *f == ATH_FIELD_STRESS;
        want |= reads ? ATH__WANT_ENERGY | ATH__WANT_STRESS : 0u;
    }
    return want;
}

ath_status ath__convergence_sources(ath_dynamics *dyn)
{
    dyn->n_sources = 0;
    dyn->want = ATH__WANT_FORCES;
    for (int32_t p = 0; p < dyn->n_parts; p++) {
        const ath__part *part = &dyn->parts[p];
        dyn->want |= convergence_needs(part->integrator);
        for (int32_t k = 0; part->assessed && k < part->convergence.n_criteria; k++) {
            const ath_criterion *c = &part->criteria[k];
            dyn->want |= convergence_want(c);
            if (!c->custom && convergence_source(dyn, c->field) < 0) {
                return ath__fail(dyn->ctx, ATH_E_RANGE,
                                 "convergence: criteria look at more than %d fields",
                                 (int)ATH__MAX_SOURCES);
            }
        }
    }
    return ATH_OK;
}

static ath__rule convergence_rule(const ath_context *ctx, const ath_criterion *c, int32_t source)
{
    if (c->custom) {
        return (ath__rule){.source = -1};
    }
    const ath_field_info *info = ath_field_describe(ctx, c->field);
    return (ath__rule){.threshold = c->threshold,
                       .source = source,
                       .level = (int32_t)info->level,
                       .dtype = (int32_t)info->dtype,
                       .width = info->width,
                       .reduce = (int32_t)c->reduce,
                       .dim = c->dim,
                       .free_only = c->field == ATH_FIELD_FORCES};
}

void ath__convergence_rules(const ath_dynamics *dyn, const ath__part *part,
                            ath__stage_params *params)
{
    const ath_convergence *c = &part->convergence;
    params->n_rules = part->assessed ? c->n_criteria : 0;
    params->frequency = part->assessed ? c->frequency : 1;
    params->migrates = part->assessed && c->migrates;
    params->source = c->source;
    params->target = c->target;
    for (int32_t k = 0; k < params->n_rules; k++) {
        int32_t source = 0;
        while (source < dyn->n_sources && dyn->sources[source] != part->criteria[k].field) {
            source++;
        }
        params->rules[k] = convergence_rule(dyn->ctx, &part->criteria[k], source);
    }
}

/* ---- criteria of the host's ---- */

bool ath__convergence_by_host(const ath__part *part)
{
    for (int32_t k = 0; part->assessed && k < part->convergence.n_criteria; k++) {
        if (part->criteria[k].custom) {
            return true;
        }
    }
    return false;
}

/* Steps until the criteria of a part are looked at for a system that has made `steps` there; 1: in
 * the step that comes. */
static int64_t convergence_rest(const ath_dynamics *dyn, const ath__part *part, int64_t steps)
{
    const int64_t f = part->convergence.frequency, rest = f - steps % f;
    const int64_t left =
        dyn->budgeted && part->config.n_steps >= 0 ? part->config.n_steps - steps : 0;
    return left > 0 && left < rest ? left : rest;
}

int64_t ath__convergence_span(const ath_dynamics *dyn, const ath_batch *batch, int64_t max)
{
    const ath__books *books = &dyn->plan.books;
    int64_t span = max;
    for (int32_t i = 0; i < ath_batch_n_systems(batch); i++) {
        const int32_t p = books->part[i];
        if (p >= 0 && ath__convergence_by_host(&dyn->parts[p])) {
            const int64_t steps = books->stage_steps[ath__batch_slot(batch, i)];
            const int64_t rest = convergence_rest(dyn, &dyn->parts[p], steps) - 1;
            span = rest < span ? rest : span;
        }
    }
    return span;
}

/* Writes 1 or 0 as the value of criterion k into the rows of the masked systems. */
static ath_status convergence_tell(ath_batch *batch, int32_t k, const uint8_t *mask,
                                   const uint8_t *met)
{
    for (int32_t i = 0; i < ath_batch_n_systems(batch); i++) {
        double values[ATH_MAX_CRITERIA];
        if (mask[i]) {
            ATH__TRY(ath_batch_read(batch, ATH_FIELD_CRITERIA, i, values));
            values[k] = met[i] ? 1.0 : 0.0;
            ATH__TRY(ath_batch_write(batch, ATH_FIELD_CRITERIA, i, values));
        }
    }
    return ATH_OK;
}

ath_status ath__convergence_custom(ath_dynamics *dyn, ath_batch *batch)
{
    ath__books *books = &dyn->plan.books;
    const int32_t n = ath_batch_n_systems(batch);
    for (int32_t p = 0; p < dyn->n_parts; p++) {
        const ath__part *part = &dyn->parts[p];
        int32_t n_due = 0;
        if (!ath__convergence_by_host(part)) {
            continue;
        }
        for (int32_t i = 0; i < n; i++) {
            const int64_t steps = books->stage_steps[ath__batch_slot(batch, i)];
            books->mask[i] = books->part[i] == p && convergence_rest(dyn, part, steps) == 1;
            n_due += books->mask[i];
        }
        for (int32_t k = 0; n_due > 0 && k < part->convergence.n_criteria; k++) {
            const ath_criterion *c = &part->criteria[k];
            if (c->custom) {
                memset(books->met, 0, (size_t)n);
                ATH__TRY(c->custom(c->user, batch, books->mask, books->met));
                ATH__TRY(convergence_tell(batch, k, books->mask, books->met));
            }
        }
    }
    return ATH_OK;
}

/* ---- evaluation on the host ---- */

static ath_status convergence_missing(ath_context *ctx, const ath_batch *batch, const char *name)
{
    char names[512];
    size_t n = 0;
    names[0] = '\0';
    for (ath_field_id id = 0; id < ath_field_count(ctx); id++) {
        const char *other = ath_field_describe(ctx, id)->name;
        const size_t length = strlen(other);
        if (ath_batch_has_field(batch, id) && n + length + 3 < sizeof names) {
            memcpy(names + n, n ? ", " : "", n ? 2 : 0);
            n += n ? 2 : 0;
            memcpy(names + n, other, length + 1);
            n += length;
        }
    }
    return ath__fail(ctx, ATH_E_NOT_FOUND,
                     "field for convergence check not found: '%s'; the batch has %s", name, names);
}

/* Rows of one system on the host, and what the criterion gives for them. */
static ath_status convergence_measure(ath_context *ctx, const ath_batch *batch, int32_t i,
                                      const ath__rule *rule, ath_field_id field, double *value)
{
    const int64_t n = rule->level == ATH_LEVEL_ATOM ? ath_batch_n_atoms_of(batch, i) : 1;
    const size_t row = (size_t)rule->width * (size_t)ath_dtype_bytes((ath_dtype)rule->dtype);
    const size_t n_fixed = rule->free_only ? 3 * (size_t)n : 0;
    void *rows = NULL;
    uint8_t *fixed = NULL;
    ath_status status = ath__alloc(ctx, (size_t)n, row, &rows);
    status = status < 0 ? status : ath__alloc(ctx, n_fixed, 1, &fixed);
    status = status < 0 || n == 0 ? status : ath_batch_read(batch, field, i, rows);
    if (status >= 0 && n_fixed > 0) {
        status = ath_batch_read(batch, ATH_FIELD_FIXED, i, fixed);
    }
    if (status >= 0) {
        *value = ath__stage_measure(rule, rows, fixed, 0, n);
    }
    ath__free(ctx, &fixed, n_fixed, 1);
    ath__free(ctx, &rows, (size_t)n, row);
    return status;
}

ath_status ath__convergence_look(const ath_dynamics *dyn, const ath_batch *batch,
                                 const void *rows[ATH__MAX_SOURCES])
{
    for (int32_t i = 0; i < dyn->n_sources; i++) {
        rows[i] = ath__batch_field(batch, dyn->sources[i]);
        if (!rows[i] && ath_batch_n_systems(batch) > 0) {
            return convergence_missing(dyn->ctx, batch,
                                       ath_field_describe(dyn->ctx, dyn->sources[i])->name);
        }
    }
    return ATH_OK;
}

static ath_status convergence_evaluate_one(ath_context *ctx, const ath_criterion *c,
                                           const ath_batch *batch, uint8_t *met, double *values)
{
    const int32_t n = ath_batch_n_systems(batch);
    uint8_t *all = NULL, *own = NULL;
    if (!c->custom) {
        if (!ath_batch_has_field(batch, c->field)) {
            return convergence_missing(ctx, batch, ath_field_describe(ctx, c->field)->name);
        }
        const ath__rule rule = convergence_rule(ctx, c, 0);
        for (int32_t i = 0; i < n; i++) {
            double value = 0.0;
            ATH__TRY(convergence_measure(ctx, batch, i, &rule, c->field, &value));
            values[(int64_t)i * ATH_MAX_CRITERIA] = value;
            met[i] = met[i] && value <= c->threshold;
        }
        return ATH_OK;
    }
    ath_status status = ath__alloc(ctx, (size_t)n, 1, &all);
    status = status < 0 ? status : ath__alloc(ctx, (size_t)n, 1, &own);
    if (status >= 0 && n > 0) {
        memset(all, 1, (size_t)n);
        status = c->custom(c->user, batch, all, own);
    }
    for (int32_t i = 0; i < n && status >= 0; i++) {
        values[(int64_t)i * ATH_MAX_CRITERIA] = own[i] ? 1.0 : 0.0;
        met[i] = met[i] && own[i];
    }
    ath__free(ctx, &all, (size_t)n, 1);
    ath__free(ctx, &own, (size_t)n, 1);
    return status;
}

ath_status ath_convergence_evaluate(ath_context *ctx, const ath_convergence *convergence,
                                    const ath_batch *batch, uint8_t *met, double *values)
{
    ath_criterion criteria[ATH_MAX_CRITERIA];
    double *own = NULL;
    if (!convergence || !batch || !met) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "convergence: criteria, batch or result is NULL");
    }
    ATH__TRY(convergence_check(ctx, convergence));
    const int32_t n_criteria = convergence_list(convergence, NULL, criteria);
    const size_t n = (size_t)ath_batch_n_systems(batch), cells = n * ATH_MAX_CRITERIA;
    ATH__TRY(ath__alloc(ctx, values ? 0 : cells, sizeof *own, &own));
    double *to = values ? values : own;
    for (size_t i = 0; i < cells; i++) {
        to[i] = NAN;
    }
    memset(met, 1, n);
    ath_status status = ATH_OK;
    for (int32_t k = 0; k < n_criteria && status >= 0 && n > 0; k++) {
        status = convergence_evaluate_one(ctx, &criteria[k], batch, met, to + k);
    }
    ath__free(ctx, &own, values ? 0 : cells, sizeof *own);
    return status;
}

/* ---- text ---- */

static ath_status convergence_bad(ath_context *ctx, const char *item, size_t n, const char *what)
{
    return ath__fail(ctx, ATH_E_OPTION, "criterion '%.*s': %s", (int)n, item, what);
}

/* "FIELD" or "FIELD:REDUCE", n characters. */
static ath_status convergence_parse_field(ath_context *ctx, const char *name, size_t n,
                                          ath_criterion *out)
{
    static const char *const reductions[] = {"none", "min", "max", "norm", "mean", "sum", "maxabs"};
    char field[64];
    const char *colon = memchr(name, ':', n);
    const size_t length = colon ? (size_t)(colon - name) : n;
    if (length == 0 || length >= sizeof field) {
        return convergence_bad(ctx, name, n, "no name of a field");
    }
    memcpy(field, name, length);
    field[length] = '\0';
    if (ath_field_find(ctx, field, &out->field) < 0) {
        return convergence_bad(ctx, name, n,
                               "neither fmax, smax, max_stress, energy_change nor a field's name");
    }
    out->dim = -1;
    if (!colon) {
        return ATH_OK;
    }
    for (int k = 0; k <= ATH_REDUCE_MAXABS; k++) {
        if (strlen(reductions[k]) == n - length - 1 &&
            memcmp(colon + 1, reductions[k], n - length - 1) == 0) {
            out->reduce = (ath_reduce)k;
            return ATH_OK;
        }
    }
    return convergence_bad(ctx, name, n,
                           "the reduction must be min, max, norm, mean, sum or maxabs");
}

static ath_status convergence_parse_item(ath_context *ctx, const char *item, size_t n,
                                         ath_criterion *out)
{
    const char *equal = memchr(item, '=', n);
    size_t used = 0;
    double value = 0.0;
    if (!equal) {
        return convergence_bad(ctx, item, n, "must be NAME=threshold");
    }
    const size_t name = (size_t)(equal - item), rest = n - name - 1;
    if (ath__parse_double(equal + 1, rest, &value, &used) != ATH_OK || used != rest) {
        return convergence_bad(ctx, item, n, "the threshold must be a number");
    }
    *out = (ath_criterion){0};
    if (name == 4 && memcmp(item, "fmax", 4) == 0) {
        *out = convergence_fmax(value);
    } else if (name == 4 && memcmp(item, "smax", 4) == 0) {
        *out = convergence_smax(value);
    } else if (name == 10 && memcmp(item, "max_stress", 10) == 0) {
        *out = convergence_stress(value);
    } else {
        ATH__TRY(convergence_parse_field(ctx, item, name, out));
        out->threshold = value;
    }
    if (value < 0.0 && (out->reduce == ATH_REDUCE_NORM || out->reduce == ATH_REDUCE_MAXABS)) {
        return convergence_bad(ctx, item, n, "could never be met");
    }
    return convergence_check_one(ctx, out);
}

ath_status ath_criteria_parse(ath_context *ctx, const char *text,
                              ath_criterion out[ATH_MAX_CRITERIA], int32_t *n)
{
    *n = 0;
    if (!text) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "criteria: no text");
    }
    for (;;) {
        text += strspn(text, " ");
        size_t length = strcspn(text, ",");
        const char *next = text[length] ? text + length + 1 : NULL;
        while (length > 0 && text[length - 1] == ' ') {
            length--;
        }
        if (*n == ATH_MAX_CRITERIA) {
            return ath__fail(ctx, ATH_E_OPTION, "criteria: at most %d", (int)ATH_MAX_CRITERIA);
        }
        ATH__TRY(convergence_parse_item(ctx, text, length, &out[*n]));
        (*n)++;
        if (!next) {
            return ATH_OK;
        }
        text = next;
    }
}
