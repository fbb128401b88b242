/* The registry of fields: the core's, which are constant, and a context's own.
 *
 * Core fields come from ATH_FIELD_LIST; user fields follow them in order of registration. The array
 * of user fields gets its full size with the first of them and never moves, so that descriptions
 * stay valid as long as the context. Element tables and storage of rows are elsewhere.
 */
#include "base/base.h"

#include <math.h>
#include <string.h>

enum { FIELD_MAX_USER = ATH_MAX_FIELDS - ATH_N_CORE_FIELDS, FIELD_MAX_NAME = 63 };

static const ath_field_info field_core[ATH_N_CORE_FIELDS] = {
#define ATH_X(id, name, level, dtype, width, unit, value, help)                                    \
    {name, ATH_LEVEL_##level, ATH_##dtype, width, unit, value, help},
    ATH_FIELD_LIST(ATH_X)
#undef ATH_X
};

_Static_assert(FIELD_MAX_USER > 0, "ATH_MAX_FIELDS leaves no room for user fields");

int32_t ath_dtype_bytes(ath_dtype dtype)
{
    static const int32_t bytes[ATH_N_DTYPES] = {
#define ATH_X(name, type, bytes) bytes,
        ATH_DTYPE_LIST(ATH_X)
#undef ATH_X
    };
    return (unsigned)dtype < ATH_N_DTYPES ? bytes[dtype] : 0;
}

int32_t ath_field_count(const ath_context *ctx)
{
    return ATH_N_CORE_FIELDS + (ctx ? ctx->n_fields : 0);
}

const ath_field_info *ath_field_describe(const ath_context *ctx, ath_field_id id)
{
    if (id < 0 || id >= ath_field_count(ctx)) {
        return NULL;
    }
    return id < ATH_N_CORE_FIELDS ? &field_core[id] : &ctx->fields[id - ATH_N_CORE_FIELDS];
}

/* The id of a name, or -1. */
static ath_field_id field_lookup(const ath_context *ctx, const char *name)
{
    for (ath_field_id id = 0; id < ath_field_count(ctx); id++) {
        const ath_field_info *info = ath_field_describe(ctx, id);
        if (info && strcmp(info->name, name) == 0) {
            return id;
        }
    }
    return -1;
}

ath_status ath_field_find(ath_context *ctx, const char *name, ath_field_id *out)
{
    if (!ctx || !name || !out) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "ath_field_find: NULL argument");
    }
    *out = field_lookup(ctx, name);
    if (*out >= 0) {
        return ATH_OK;
    }
    const char *names[ATH_MAX_FIELDS + 1] = {NULL};
    for (int32_t i = 0; i < ath_field_count(ctx); i++) {
        const ath_field_info *info = ath_field_describe(ctx, i);
        names[i] = info ? info->name : "";
    }
    const char *near = ath__nearest(name, names);
    return ath__fail(ctx, ATH_E_UNKNOWN, "unknown field '%s'%s%s%s", name,
                     near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static bool field_name_ok(const char *name)
{
    size_t n = strlen(name);
    if (n == 0 || n > FIELD_MAX_NAME) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        char c = name[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        bool other = (c >= '0' && c <= '9') || c == '-' || c == '.';
        if (!letter && (i == 0 || !other)) {
            return false;
        }
    }
    return true;
}

/* Can a value of this type be `x`? */
static bool field_value_fits(ath_dtype dtype, double x)
{
    double lo, hi; /* lo <= x < hi */
    switch (dtype) {
    case ATH_F64:
        return true;
    case ATH_F32:
        return !isfinite(x) || fabs(x) <= 0x1.fffffep127;
    case ATH_I64:
        lo = -0x1p63, hi = 0x1p63;
        break;
    case ATH_I32:
        lo = -0x1p31, hi = 0x1p31;
        break;
    case ATH_U8:
        lo = 0.0, hi = 256.0;
        break;
    default:
        return false;
    }
    return x >= lo && x < hi && x == floor(x);
}

static bool field_same(const ath_field_info *a, const ath_field_info *b)
{
    const char *unit_a = a->unit ? a->unit : "", *unit_b = b->unit ? b->unit : "";
    return a->level == b->level && a->dtype == b->dtype && a->width == b->width &&
           memcmp(&a->fallback, &b->fallback, sizeof a->fallback) == 0 &&
           strcmp(unit_a, unit_b) == 0;
}

static ath_status field_check(ath_context *ctx, const ath_field_info *info)
{
    if (!field_name_ok(info->name)) {
        return ath__fail(ctx, ATH_E_ARGUMENT,
                         "field '%s': a name has 1 to %d letters, digits or any of _-. and begins "
                         "with a letter or _",
                         info->name, (int)FIELD_MAX_NAME);
    }
    if (info->level != ATH_LEVEL_ATOM && info->level != ATH_LEVEL_SYSTEM) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "field '%s': level must be atom or system",
                         info->name);
    }
    if (ath_dtype_bytes(info->dtype) == 0 || info->width < 1) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "field '%s': unknown dtype or width below 1",
                         info->name);
    }
    if (!field_value_fits(info->dtype, info->fallback)) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "field '%s': its dtype cannot hold its default",
                         info->name);
    }
    return ATH_OK;
}

static void field_clear(ath_context *ctx, ath_field_info *f)
{
    ath__strfree(ctx, (char **)&f->name);
    ath__strfree(ctx, (char **)&f->unit);
    ath__strfree(ctx, (char **)&f->help);
}

/* Copies info to the end of the array; nothing is kept if an allocation fails. */
static ath_status field_add(ath_context *ctx, const ath_field_info *info)
{
    if (!ctx->fields) {
        ATH__TRY(ath__alloc(ctx, FIELD_MAX_USER, sizeof *ctx->fields, &ctx->fields));
    }
    ath_field_info *f = &ctx->fields[ctx->n_fields];
    *f = *info;
    char *name = NULL, *unit = NULL, *help = NULL;
    ath_status status = ath__strdup(ctx, info->name, &name);
    if (status == ATH_OK) {
        status = ath__strdup(ctx, info->unit ? info->unit : "", &unit);
    }
    if (status == ATH_OK) {
        status = ath__strdup(ctx, info->help ? info->help : "", &help);
    }
    f->name = name;
    f->unit = unit;
    f->help = help;
    if (status != ATH_OK) {
        field_clear(ctx, f);
        return status;
    }
    ctx->n_fields++;
    return ATH_OK;
}

ath_status ath_field_register(ath_context *ctx, const ath_field_info *info, ath_field_id *out)
{
    if (!ctx || !info || !info->name || !out) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "ath_field_register: NULL argument");
    }
    *out = field_lookup(ctx, info->name);
    if (*out >= 0) {
        const ath_field_info *known = ath_field_describe(ctx, *out);
        if (known && field_same(known, info)) {
            return ATH_OK;
        }
        *out = -1;
        return ath__fail(ctx, ATH_E_EXISTS,
                         "field '%s' exists already with another level, dtype, width, unit or "
                         "default",
                         info->name);
    }
    ATH__TRY(field_check(ctx, info));
    if (ctx->n_fields >= FIELD_MAX_USER) {
        return ath__fail(ctx, ATH_E_RANGE, "field '%s': there are %d fields already", info->name,
                         (int)ATH_MAX_FIELDS);
    }
    ATH__TRY(field_add(ctx, info));
    *out = ATH_N_CORE_FIELDS + ctx->n_fields - 1;
    return ATH_OK;
}

void ath__fields_free(ath_context *ctx)
{
    for (int32_t i = 0; i < ctx->n_fields; i++) {
        field_clear(ctx, &ctx->fields[i]);
    }
    ctx->n_fields = 0;
    ath__free(ctx, &ctx->fields, FIELD_MAX_USER, sizeof *ctx->fields);
}
