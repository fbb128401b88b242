/* One result in its written forms (form.h).
 *
 * Energies in eV, forces in eV/angstrom, max_stress in GPa: max over i, j of |sigma_ij|. Numbers
 * have as many digits as it takes to read them back; the table is for people and has fewer.
 */
#include <math.h>
#include <string.h>

#include "form.h"
#include "run.h"

const char cli_form_csv_head[] =
    "uid,file,frame,name,n_atoms,stage,state,reason,steps,energy,fmax,max_stress\n";
const char cli_form_table_head[] =
    "structure\tatoms\tenergy[eV]\tfmax[eV/A]\tpressure[GPa]\tstate\n";

cli_form cli_form_of(cli *c, const cli_manifest *m, const char *provenance)
{
    cli_form form = {.c = c,
                     .stages = m->stages,
                     .n_stages = m->n_stages,
                     .what = ATH_EXTXYZ_FORCES | ATH_EXTXYZ_FIXED,
                     .sparse_velocities = m->momenta == CLI_MOMENTA_MOVING,
                     .provenance = provenance};
    form.what |= m->momenta == CLI_MOMENTA_NONE ? 0u : ATH_EXTXYZ_VELOCITIES;
    return form;
}

const char *cli_form_stage(const cli_form *f, int32_t stage, char buffer[16])
{
    if (stage >= 0 && (size_t)stage < f->n_stages) {
        return f->stages[stage].name;
    }
    snprintf(buffer, 16, "%d", (int)stage);
    return buffer;
}

const char *cli_form_name(const ath_system *system)
{
    ath_extra extra;
    if (ath_system_find_extra(system, ATH_LEVEL_SYSTEM, "name", &extra) != ATH_OK ||
        extra.type != ATH_EXTRA_STRING || extra.width != 1) {
        return "";
    }
    return *(const char *const *)extra.values;
}

static double form_real(const ath_system *system, ath_field field)
{
    const double *value = ath_system_peek(system, field);
    return value ? *value : (double)NAN;
}

static void form_number(cli *c, cli_text *out, const char *before, double value)
{
    cli_text_print(c, out, "%s", before);
    cli_text_double(c, out, value);
}

void cli_form_csv(const cli_form *f, const ath_record *r, const ath_system *system, cli_text *out)
{
    cli *c = f->c;
    char uid[33] = "", stage[16];
    bool has = false;
    double pressure = 0.0;
    if (system) {
        ath_uid_format(r->uid, uid);
    }
    cli_text_print(c, out, "%s,", uid);
    cli_text_csv(c, out, r->file);
    cli_text_print(c, out, ",%lld,", (long long)r->frame);
    if (system) {
        cli_text_csv(c, out, cli_form_name(system));
        cli_text_print(c, out, ",%d", (int)ath_system_n_atoms(system));
    } else {
        cli_text_print(c, out, ",");
    }
    cli_text_print(c, out, ",");
    cli_text_csv(c, out, cli_form_stage(f, r->stage, stage));
    cli_text_print(c, out, ",%s,%s,%lld,", ath_state_name(r->state), ath_reason_name(r->reason),
                   (long long)r->steps);
    if (!system) {
        cli_text_print(c, out, ",,\n");
        return;
    }
    const double stress = cli_max_stress(system, &pressure, &has);
    form_number(c, out, "", form_real(system, ATH_FIELD_ENERGY));
    form_number(c, out, ",", form_real(system, ATH_FIELD_FMAX));
    cli_text_print(c, out, ",");
    if (has) {
        cli_text_double(c, out, stress);
    }
    cli_text_print(c, out, "\n");
}

void cli_form_row(const cli_form *f, const ath_record *r, const ath_system *system, cli_text *out)
{
    cli *c = f->c;
    bool has = false;
    double pressure = 0.0;
    const char *name = system ? cli_form_name(system) : "";
    if (*name) {
        cli_text_print(c, out, "%s", name);
    } else {
        cli_text_print(c, out, "%s@%lld", r->file, (long long)r->frame);
    }
    if (!system) {
        cli_text_print(c, out, "\t-\t-\t-\t-\t%s\n", ath_reason_name(r->reason));
        return;
    }
    (void)cli_max_stress(system, &pressure, &has);
    cli_text_print(c, out, "\t%d\t%.8f\t%.6f\t", (int)ath_system_n_atoms(system),
                   form_real(system, ATH_FIELD_ENERGY), form_real(system, ATH_FIELD_FMAX));
    if (has) {
        cli_text_print(c, out, "%.6f", pressure);
    } else {
        cli_text_print(c, out, "-");
    }
    cli_text_print(c, out, "\t%s\n",
                   r->reason == ATH_REASON_BUDGET ? "ok" : ath_reason_name(r->reason));
}

void cli_form_word(cli *c, cli_text *out, const char *word)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-+";
    const bool quoted = *word == '\0' || word[strspn(word, plain)] != '\0';
    cli_text_print(c, out, "%s", quoted ? "\"" : "");
    for (; *word; word++) {
        /* a line break would end the comment line */
        const char byte = (unsigned char)*word < 0x20 ? ' ' : *word;
        cli_text_print(c, out, "%s%c", byte == '"' || byte == '\\' ? "\\" : "", byte);
    }
    cli_text_print(c, out, "%s", quoted ? "\"" : "");
}

static bool form_at_rest(const ath_system *system)
{
    const double *v = ath_system_peek(system, ATH_FIELD_VELOCITIES);
    for (int64_t i = 0; v && i < 3 * (int64_t)ath_system_n_atoms(system); i++) {
        if (v[i] != 0.0) {
            return false;
        }
    }
    return true;
}

int cli_form_frame(const cli_form *f, const ath_record *r, const ath_system *system,
                   ath_writer *writer)
{
    cli *c = f->c;
    const int32_t *converged = ath_system_peek(system, ATH_FIELD_CONVERGED);
    const int64_t *age = ath_system_peek(system, ATH_FIELD_AGE);
    char stage[16];
    cli_text keys = {0};
    unsigned what = f->what;
    cli_text_print(c, &keys,
                   "converged=%c reason=%s steps=%lld fmax=", converged && *converged ? 'T' : 'F',
                   ath_reason_name(r->reason), (long long)r->steps);
    cli_text_double(c, &keys, form_real(system, ATH_FIELD_FMAX));
    if (f->n_stages > 1) { /* which one, and the steps in all of them */
        cli_text_print(c, &keys, " stage=");
        cli_form_word(c, &keys, cli_form_stage(f, r->stage, stage));
        cli_text_print(c, &keys, " total_steps=%lld", (long long)(age ? *age : 0));
    }
    cli_text_print(c, &keys, " %s", f->provenance);
    if (f->sparse_velocities && form_at_rest(system)) {
        what &= ~(unsigned)ATH_EXTXYZ_VELOCITIES;
    }
    int code = cli_text_check(c, &keys);
    if (!code) {
        const ath_status status = ath_extxyz_write(writer, system, what, keys.data);
        code = status < 0 ? cli_fail_status(c, status) : CLI_OK;
    }
    cli_text_free(c, &keys);
    return code;
}
