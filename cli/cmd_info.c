/* athanor info: what this build can do, and what is in a file of structures. */
#include <string.h>

#include <athanor/device.h>
#include <athanor/extxyz.h>

#include "cli.h"
#include "input.h"

enum { INFO_MAX_ELEMENT = 118, INFO_MAX_KEYS = 32, INFO_KEY_BYTES = 32 };

typedef ath_status (*info_list_fn)(int32_t index, const char **name, const char **help,
                                   const ath_option **options);

/* Models or integrators, each with the table of its options. */
static void info_implementations(cli *c, const char *title, info_list_fn list, bool options)
{
    const char *name = NULL, *help = NULL;
    const ath_option *table = NULL;
    fprintf(c->out, "%s:\n", title);
    for (int32_t i = 0; list(i, &name, &help, &table) == ATH_OK; i++) {
        fprintf(c->out, "  %-12s %s\n", name, help);
        if (options) {
            cli_options_table(c, table);
        }
    }
}

static void info_devices(cli *c)
{
    const char *name = NULL, *remark = NULL;
    fprintf(c->out, "devices:\n");
    for (int32_t i = 0; ath_device_list(c->ctx, i, &name, &remark) == ATH_OK; i++) {
        fprintf(c->out, "  %-12s %s\n", name, remark);
    }
}

/* What the structures of the input have in common. */
typedef struct info_tally {
    int64_t n, n_refused, n_atoms, smallest, largest;
    int64_t n_of[INFO_MAX_ELEMENT + 1]; /* atoms by atomic number, 0: unknown */
    int64_t n_pbc[4];                   /* structures by number of periodic directions */
    int64_t n_velocities, n_fixed;
    char keys[INFO_MAX_KEYS][INFO_KEY_BYTES]; /* further keys and columns */
    int n_keys;
} info_tally;

static void info_keys(info_tally *t, const ath_system *system)
{
    ath_extra extra;
    for (int32_t i = 0; i < ath_system_n_extras(system); i++) {
        int k = 0;
        if (ath_system_extra(system, i, &extra) < 0) {
            continue;
        }
        while (k < t->n_keys && strncmp(t->keys[k], extra.name, INFO_KEY_BYTES - 1) != 0) {
            k++;
        }
        if (k == t->n_keys && k < INFO_MAX_KEYS) {
            snprintf(t->keys[t->n_keys++], INFO_KEY_BYTES, "%s", extra.name);
        }
    }
}

static void info_system(info_tally *t, ath_system *system)
{
    const int32_t n = ath_system_n_atoms(system);
    const int32_t *numbers = ath_system_peek(system, ATH_FIELD_NUMBERS);
    const int32_t *pbc = ath_system_peek(system, ATH_FIELD_PBC);
    int periodic = 0;
    t->smallest = t->n == 0 || n < t->smallest ? n : t->smallest;
    t->largest = n > t->largest ? n : t->largest;
    t->n++;
    t->n_atoms += n;
    for (int32_t i = 0; i < n; i++) {
        const int32_t z = numbers[i];
        t->n_of[z >= 0 && z <= INFO_MAX_ELEMENT ? z : 0]++;
    }
    for (int k = 0; k < 3 && pbc; k++) {
        periodic += pbc[k] != 0;
    }
    t->n_pbc[periodic]++;
    t->n_velocities += ath_system_peek(system, ATH_FIELD_VELOCITIES) != NULL;
    t->n_fixed += ath_system_peek(system, ATH_FIELD_FIXED) != NULL;
    info_keys(t, system);
}

static void info_print(cli *c, const info_tally *t)
{
    fprintf(c->out, "structures   %lld", (long long)t->n);
    if (t->n_refused) {
        fprintf(c->out, " and %lld that cannot be read", (long long)t->n_refused);
    }
    fprintf(c->out, "\natoms        %lld (%lld to %lld in a structure)\nelements    ",
            (long long)t->n_atoms, (long long)t->smallest, (long long)t->largest);
    for (int z = 0; z <= INFO_MAX_ELEMENT; z++) {
        if (t->n_of[z]) {
            fprintf(c->out, " %s %lld", ath_element_symbol(z), (long long)t->n_of[z]);
        }
    }
    fprintf(c->out, "\nperiodic     %lld in 3 directions, %lld in 2, %lld in 1, %lld in none\n",
            (long long)t->n_pbc[3], (long long)t->n_pbc[2], (long long)t->n_pbc[1],
            (long long)t->n_pbc[0]);
    fprintf(c->out,
            "velocities   in %lld structures\nfixed atoms  in %lld structures\nother keys  ",
            (long long)t->n_velocities, (long long)t->n_fixed);
    for (int k = 0; k < t->n_keys; k++) {
        fprintf(c->out, " %s", t->keys[k]);
    }
    fprintf(c->out, "%s\n", t->n_keys ? t->n_keys == INFO_MAX_KEYS ? " ..." : "" : " none");
}

static int info_files(cli *c, const cli_settings *s)
{
    cli_input in = {0};
    info_tally tally = {0};
    ath_system *system = NULL;
    ath_status status = ATH_OK;
    int code = cli_input_open(c, s, &in);
    while (!code && (status = ath_sampler_next(in.sampler, -1, &system)) != ATH_END) {
        if (status == ATH_OK) {
            info_system(&tally, system);
            ath_system_destroy(&system);
        } else if (status == ATH_E_FORMAT) {
            tally.n_refused++;
            if (s->strict) {
                code = cli_fail_status(c, status);
            } else {
                cli_warn(c, "%s", ath_context_message(c->ctx));
            }
        } else {
            code = cli_fail_status(c, status);
            code = status == ATH_E_RANGE ? CLI_NO_INPUT : code;
        }
    }
    if (!code) {
        info_print(c, &tally);
        if (tally.n == 0) {
            code = cli_fail(c, CLI_DATA, "there is no structure that can be read in the input");
        } else if (tally.n_refused) {
            code = CLI_PARTIAL;
        }
    }
    cli_input_close(c, &in);
    return code;
}

static int info_run(cli *c, const cli_settings *s)
{
    const bool all = !s->models && !s->integrators && !s->devices && s->n_inputs == 0;
    if (all) {
        fprintf(c->out, "athanor %s (ABI %u)\n", ath_version(), ATH_ABI);
    }
    if (s->models || all) {
        info_implementations(c, "models", ath_model_list, !all);
    }
    if (s->integrators || all) {
        info_implementations(c, "integrators", ath_integrator_list, !all);
    }
    if (s->devices || all) {
        info_devices(c);
    }
    return s->n_inputs ? info_files(c, s) : CLI_OK;
}

const cli_command cli_command_info = {
    .name = "info",
    .bit = CLI_INFO,
    .operands = "[IN...]",
    .summary = "what is in a file; models, integrators, devices",
    .about =
        "Without anything: the version and what this build offers. With files: what is in them.",
    .run = info_run,
};
