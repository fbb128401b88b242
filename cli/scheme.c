/* The text of an integrator, "NAME:key=value,...", from what the user wrote of it and from options
 * of the command line: what stands in the user's own text counts.
 */
#include <string.h>

#include "run.h"

static bool scheme_has(const cli_scheme *t, const char *key)
{
    for (const ath_option *o = t->options; o && o->type != ATH_OPTION_END; o++) {
        if (!strcmp(o->name, key)) {
            return true;
        }
    }
    return false;
}

/* Whether the user's own text gives the option already. */
static bool scheme_given(const cli_scheme *t, const char *key)
{
    const size_t n = strlen(key);
    const char *p = strchr(t->name, ':');
    for (; p; p = strchr(p + 1, ',')) {
        if (!strncmp(p + 1, key, n) && p[1 + n] == '=') {
            return true;
        }
    }
    return false;
}

int cli_scheme_begin(cli *c, const char *command, const char *name, cli_scheme *out)
{
    const char *listed = NULL;
    const ath_option *options = NULL;
    const size_t length = strcspn(name, ":");
    *out = (cli_scheme){.c = c, .command = command, .name = name, .n = strlen(name)};
    for (int32_t i = 0; ath_integrator_list(i, &listed, NULL, &options) == ATH_OK; i++) {
        if (strlen(listed) == length && !strncmp(listed, name, length)) {
            out->options = options;
        }
    }
    if (out->n >= sizeof out->text) {
        return cli_fail(c, CLI_USAGE, "%s: the options of the integrator are too long", command);
    }
    memcpy(out->text, name, out->n + 1);
    return CLI_OK;
}

void cli_scheme_add(cli_scheme *t, const char *key, const char *value, const char *flag)
{
    if (!value || t->code) {
        return;
    }
    if (!scheme_has(t, key)) {
        if (flag) {
            t->code = cli_fail(t->c, CLI_USAGE, "%s: --%s means nothing to integrator '%.*s'",
                               t->command, flag, (int)strcspn(t->name, ":"), t->name);
        }
        return;
    }
    if (scheme_given(t, key)) {
        return;
    }
    const size_t room = sizeof t->text - t->n;
    const int n =
        snprintf(t->text + t->n, room, "%c%s=%s", strchr(t->text, ':') ? ',' : ':', key, value);
    if (n < 0 || (size_t)n >= room) {
        t->code =
            cli_fail(t->c, CLI_USAGE, "%s: the options of the integrator are too long", t->command);
        return;
    }
    t->n += (size_t)n;
}

void cli_scheme_add_real(cli_scheme *t, const char *key, double value, const char *flag)
{
    char text[64];
    (void)snprintf(text, sizeof text, "%.17g", value);
    cli_scheme_add(t, key, text, flag);
}
