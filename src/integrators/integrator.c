/* integrator.c - the registry of integrators, and what all of them share: creation from a text or a
 * table, the echo of the options, the layout of the state and its values on entry.
 *
 * Not here: any update (NAME.c, NAME_kernel.c), and the filling of state when a system enters a
 * stage, which dynamics does with ath__integrator_entry_row.
 */
#include <string.h>

#include "integrators/integrator.h"

#define ATH__INTEGRATOR(name) extern const ath__integrator_ops ath__integrator_##name;
#include "integrators/registry.def"
#undef ATH__INTEGRATOR

static const ath__integrator_ops *const integrator_registry[] = {
#define ATH__INTEGRATOR(name) &ath__integrator_##name,
#include "integrators/registry.def"
#undef ATH__INTEGRATOR
};

enum { INTEGRATOR_COUNT = sizeof integrator_registry / sizeof *integrator_registry };

/* The name in front of the colon, cut to the room there is: names of ours are shorter. */
enum { INTEGRATOR_NAME = 64 };

static ath_status integrator_unknown(ath_context *ctx, const char *name)
{
    const char *names[INTEGRATOR_COUNT + 1] = {0};
    for (int i = 0; i < INTEGRATOR_COUNT; i++) {
        names[i] = integrator_registry[i]->name;
    }
    const char *near = ath__nearest(name, names);
    return ath__fail(ctx, ATH_E_UNKNOWN, "no integrator is called '%s'%s%s%s", name,
                     near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

ath_status ath_integrator_create(ath_context *ctx, const char *text, ath_integrator **out)
{
    if (!ctx || !text || !out) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "integrator: context, text or result is NULL");
    }
    *out = NULL;
    char name[INTEGRATOR_NAME];
    const size_t length = strcspn(text, ":");
    const size_t n = length < sizeof name ? length : sizeof name - 1;
    memcpy(name, text, n);
    name[n] = '\0';
    for (int i = 0; i < INTEGRATOR_COUNT; i++) {
        if (length == n && !strcmp(name, integrator_registry[i]->name)) {
            return ath__integrator_create_from(ctx, integrator_registry[i],
                                               text[length] ? text + length + 1 : NULL, out);
        }
    }
    return integrator_unknown(ctx, name);
}

/* "name:key=value,..." with every option, or the name alone if there are none. */
static ath_status integrator_echo(ath_integrator *integrator)
{
    const ath__integrator_ops *ops = integrator->ops;
    const size_t name = strlen(ops->name);
    const int n = ath_options_print(ops->options, integrator->state, NULL, 0);
    if (n < 0) {
        return ath__fail(integrator->ctx, ATH_E_INTERNAL, "%s: options cannot be written",
                         ops->name);
    }
    const size_t rest = n > 0 ? (size_t)n + 1 : 0;
    ATH__TRY(ath__alloc(integrator->ctx, name + rest + 1, 1, &integrator->text));
    memcpy(integrator->text, ops->name, name);
    if (n > 0) {
        integrator->text[name] = ':';
        ath_options_print(ops->options, integrator->state, integrator->text + name + 1, rest);
    }
    return ATH_OK;
}

ath_status ath__integrator_create_from(ath_context *ctx, const ath__integrator_ops *ops,
                                       const char *options, ath_integrator **out)
{
    *out = NULL;
    if (ops->abi != ATH_ABI) {
        return ath__fail(ctx, ATH_E_ABI, "integrator '%s': its table has ABI %u, this library %u",
                         ops->name, (unsigned)ops->abi, (unsigned)ATH_ABI);
    }
    ath_integrator *integrator = NULL;
    ATH__TRY(ath__alloc(ctx, 1, sizeof *integrator, &integrator));
    integrator->ops = ops;
    integrator->ctx = ctx;
    ath_status status = ath__alloc(ctx, ops->state_size, 1, &integrator->state);
    if (status == ATH_OK) {
        status = ath_options_parse(ctx, ops->options, ops->name, options, integrator->state);
    }
    if (status != ATH_OK) { /* nothing but the two blocks exists */
        ath__free(ctx, &integrator->state, ops->state_size, 1);
        ath__free(ctx, &integrator, 1, sizeof *integrator);
        return status;
    }
    if (ops->init) {
        status = ops->init(ctx, integrator->state);
    }
    if (status == ATH_OK) {
        integrator->ops = ops->variant ? ops->variant(integrator->state) : ops;
        status = integrator_echo(integrator);
    }
    if (status != ATH_OK) {
        ath_integrator_destroy(&integrator);
        return status;
    }
    *out = integrator;
    return ATH_OK;
}

ath_status ath__integrator_create_state(ath_context *ctx, const ath__integrator_ops *ops,
                                        void **state, const char *text, ath_integrator **out)
{
    ath_integrator *integrator = NULL;
    *out = NULL;
    ATH__TRY(ath__alloc(ctx, 1, sizeof *integrator, &integrator));
    const ath_status status = ath__strdup(ctx, text, &integrator->text);
    if (status != ATH_OK) {
        ath__free(ctx, &integrator, 1, sizeof *integrator);
        return status;
    }
    integrator->ops = ops;
    integrator->ctx = ctx;
    integrator->state = *state;
    *state = NULL;
    *out = integrator;
    return ATH_OK;
}

void ath_integrator_destroy(ath_integrator **integrator)
{
    if (!integrator || !*integrator) {
        return;
    }
    ath_integrator *it = *integrator;
    const size_t state_size = it->ops->state_size; /* the table may lie in the state */
    if (it->ops->fini) {
        it->ops->fini(it->ctx, it->state);
    }
    ath_options_free(it->ctx, it->ops->options, it->state);
    ath__strfree(it->ctx, &it->text);
    ath__free(it->ctx, &it->state, state_size, 1);
    ath__free(it->ctx, integrator, 1, sizeof *it);
}

const char *ath_integrator_name(const ath_integrator *integrator)
{
    return integrator->ops->name;
}

const char *ath_integrator_text(const ath_integrator *integrator)
{
    return integrator->text;
}

ath_status ath_integrator_list(int32_t index, const char **name, const char **help,
                               const ath_option **options)
{
    if (index < 0) {
        return ATH_E_RANGE;
    }
    if (index >= INTEGRATOR_COUNT) {
        return ATH_END;
    }
    const ath__integrator_ops *ops = integrator_registry[index];
    if (name) {
        *name = ops->name;
    }
    if (help) {
        *help = ops->help;
    }
    if (options) {
        *options = ops->options;
    }
    return ATH_OK;
}

/* The value of an option as a number; texts have none. */
static double integrator_option(const ath_option *option, const void *state)
{
    const char *at = (const char *)state + option->offset;
    double real = 0.0;
    int64_t whole = 0;
    switch (option->type) {
    case ATH_OPTION_REAL:
        memcpy(&real, at, sizeof real);
        return real;
    case ATH_OPTION_BOOL:
    case ATH_OPTION_INT:
    case ATH_OPTION_CHOICE:
        memcpy(&whole, at, sizeof whole);
        return (double)whole;
    default:
        return real;
    }
}

int32_t ath__integrator_items(const ath_integrator *integrator, const ath__state_info *s)
{
    if (s->times <= 0) {
        return s->n;
    }
    const int32_t times =
        (int32_t)integrator_option(&integrator->ops->options[s->times - 1], integrator->state);
    return s->square ? s->n * times * times : s->n * times;
}

void ath__integrator_deform(const ath_integrator *integrator, ath__deform_parameters *out)
{
    *out = (ath__deform_parameters){.cell = ATH__DEFORM_NONE};
    if (integrator->ops->deform) {
        integrator->ops->deform(integrator->state, out);
    }
}

size_t ath__integrator_work(const ath_integrator *integrator, int32_t n)
{
    const size_t usual = ath__update_work(n), blocks = (size_t)n / ATH__BLOCK + 1;
    if (!integrator || !integrator->ops->block_work) {
        return usual;
    }
    const size_t own = ATH__UPDATE_WORK + blocks * integrator->ops->block_work(integrator->state);
    return own > usual ? own : usual;
}

void ath__integrator_cells(const ath_integrator *integrator, int32_t *n_system, int32_t *n_atom)
{
    *n_system = 0;
    *n_atom = 0;
    for (const ath__state_info *s = integrator->ops->states; s && s->name; s++) {
        *(s->level == ATH_LEVEL_SYSTEM ? n_system : n_atom) += ath__integrator_items(integrator, s);
    }
}

void ath__integrator_entry_row(const ath_integrator *integrator, double *out)
{
    const ath__integrator_ops *ops = integrator->ops;
    for (const ath__state_info *s = ops->states; s && s->name; s++) {
        double value = s->fallback;
        if (s->option > 0) {
            value = integrator_option(&ops->options[s->option - 1], integrator->state) * s->scale;
        }
        const int32_t n = s->level == ATH_LEVEL_SYSTEM ? ath__integrator_items(integrator, s) : 0;
        for (int32_t i = 0; i < n; i++) {
            *out++ = value;
        }
    }
}
