/* thermo.csv: a row per system and so many steps, in the order in which rows were made: what
 * happened to it (uid and step say whose row it is, and when), its energies and what its integrator
 * conserves, temperature, pressures, volume and density. The last row of a system is that of its
 * end.
 *
 * Pressures, volume and density of systems that are not periodic everywhere are left empty.
 */
#include <math.h>

#include <athanor/hooks.h>

#include "run.h"

static void thermo_cell(cli_thermo *t, cli_text *text, double value)
{
    cli_text_add(t->c, text, ",", 1);
    if (!isnan(value)) {
        cli_text_double(t->c, text, value);
    }
}

static int thermo_write(cli_thermo *t, const ath_log_row *row, int64_t step)
{
    const ath_log_thermo *m = &row->thermo;
    const double values[] = {(double)step * t->timestep,
                             row->energy,
                             m->kinetic,
                             m->conserved,
                             row->temperature,
                             m->pressure,
                             m->pressures[0],
                             m->pressures[1],
                             m->pressures[2],
                             m->pressures[3],
                             m->pressures[4],
                             m->pressures[5],
                             m->volume,
                             m->density,
                             row->fmax};
    cli_text text = {0};
    char uid[33];
    ath_uid_format(row->uid, uid);
    cli_text_print(t->c, &text, "%s,%lld", uid, (long long)step);
    for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
        thermo_cell(t, &text, values[k]);
    }
    cli_text_add(t->c, &text, "\n", 1);
    const int code = cli_text_check(t->c, &text);
    if (!code) {
        cli_file_write(&t->file, text.data, text.size);
        t->n_rows++;
    }
    cli_text_free(t->c, &text);
    return code ? code : t->file.code;
}

static ath_status thermo_row(void *user, const ath_log_row *row)
{
    return thermo_write(user, row, row->step) ? ATH_E_IO : ATH_OK;
}

int cli_thermo_begin(cli_thermo *t)
{
    const ath_hook_log_config config = {
        .size = sizeof config, .row = thermo_row, .user = t, .thermo = true, .own_steps = true};
    if (t->every <= 0) {
        return CLI_OK;
    }
    const ath_status status = ath_hook_log(t->c->ctx, &config, &t->hook);
    if (status < 0) {
        t->every = 0;
        return cli_fail_status(t->c, status);
    }
    t->hook.stage = ATH_STAGE_BEFORE_STEP;
    t->hook.frequency = t->every;
    return CLI_OK;
}

/* Behind what an earlier run has left; a new file begins with its header. */
static int thermo_open(void *owner)
{
    static const char header[] =
        "uid,step,time_fs,energy_eV,kinetic_eV,conserved_eV,temperature_K,pressure_GPa,pxx_GPa,"
        "pyy_GPa,pzz_GPa,pyz_GPa,pxz_GPa,pxy_GPa,volume_A3,density_g_cm3,fmax_eV_A\n";
    cli_thermo *t = owner;
    const bool fresh = cli_file_length(t->path.data) == 0;
    const int code = cli_file_append(t->c, t->path.data, &t->file);
    if (!code && fresh) {
        cli_file_write(&t->file, header, sizeof header - 1);
    }
    return code ? code : t->file.code;
}

static int thermo_flush(void *owner)
{
    cli_thermo *t = owner;
    if (t->file.c) {
        cli_file_flush(&t->file);
    }
    return t->file.code;
}

int cli_thermo_add(cli_thermo *t, cli_streams *streams)
{
    static char name[] = "thermo.csv";
    const cli_stream stream = {.name = name,
                               .format = ATH_TEXT_LINES,
                               .open = thermo_open,
                               .flush = thermo_flush,
                               .owner = t};
    if (t->every <= 0) {
        return CLI_OK;
    }
    const int code = cli_folder_path(t->c, streams->folder, name, &t->path);
    return code ? code : cli_streams_add(streams, &stream);
}

int cli_thermo_last(cli_thermo *t, const ath_system *system)
{
    const int64_t *steps = ath_system_peek(system, ATH_FIELD_STAGE_STEPS);
    ath_log_row row = {.size = sizeof row};
    if (t->every <= 0 || !t->file.c) {
        return CLI_OK;
    }
    const ath_status status = ath_log_measure(system, &row);
    return status < 0 ? cli_fail_status(t->c, status) : thermo_write(t, &row, steps ? *steps : 0);
}

int cli_thermo_close(cli_thermo *t)
{
    return t->every > 0 ? cli_file_close(&t->file) : CLI_OK;
}

void cli_thermo_free(cli_thermo *t)
{
    if (t->every > 0) {
        ath_hook_free(&t->hook);
    }
    cli_text_free(t->c, &t->path);
}
