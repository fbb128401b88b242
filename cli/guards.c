/* Guards: what relax, md and run ask of a system in every step, and the second chance of one that
 * does not meet it.
 */
#include "run.h"

bool cli_volume_factor(double value)
{
    return value == 0.0 || value > 1.0;
}

void cli_guards(const cli_guard_settings *g, ath_dynamics_config *out)
{
    out->max_force = g->max_force;
    out->max_displacement = g->max_displacement;
    out->max_temperature = g->max_temperature;
    out->max_volume_change = g->max_volume_change;
    out->min_distance = g->min_distance;
    out->retries = g->retry == CLI_RETRY_AUTO;
    out->good_every = g->retry == CLI_RETRY_AUTO ? g->good_every : 0;
}

int cli_guards_check(cli *c, const char *command, const cli_guard_settings *g)
{
    return cli_volume_factor(g->max_volume_change)
               ? CLI_OK
               : cli_fail(c, CLI_USAGE,
                          "%s: --max-volume-change is a factor above 1, or 0 for no limit",
                          command);
}
