/* Log: one row per system, as CSV, JSON lines, or to a function.
 *
 * The rows of a call are formed in memory and then given to the file as a whole, so that a failure
 * to form one leaves the file at the end of a line. The length of the file is what a checkpoint
 * needs of it.
 */
#include "dynamics/hooks/hook_rows.h"

#include <math.h>
#include <string.h>

#include <athanor/units.h>

#include "data/cell.h"
#include "data/system_private.h"

/* Columns that can be replaced by one of the user's. */
enum { LOG_STATUS, LOG_ENERGY, LOG_FMAX, LOG_TEMPERATURE, LOG_COLUMNS };
enum { LOG_FORCES, LOG_FIXED, LOG_MASSES, LOG_VELOCITIES, LOG_SPACES };
enum { LOG_THERMO = sizeof(ath_log_thermo) / sizeof(double) };
enum { LOG_SAVED = 8 }; /* bytes in a checkpoint: length of the file */

static const char *const log_columns[LOG_COLUMNS] = {"status", "energy", "fmax", "temperature"};

static const char *const log_thermo_columns[LOG_THERMO] = {
    "kinetic", "conserved", "pressure", "pxx",    "pyy",    "pzz",
    "pyz",     "pxz",       "pxy",      "volume", "density"};

typedef struct log_hook {
    ath_context *ctx;
    ath_hook_log_config config; /* path and scalars are the hook's own */
    char *path;
    ath_log_scalar *scalars; /* [n_scalars] */
    char **names;            /* [n_scalars], of the scalars */
    int32_t *replaces;       /* [n_scalars]: LOG_..., or -1 */
    double *values;          /* [n_scalars] of the row at hand */
    ath__file file;
    bool opened, resumed; /* resumed: the file is known from a checkpoint */
    int32_t n_waiting;    /* rows since the last flush */
    ath_status failed;    /* of a flush that nobody could be told of */
    ath__bytes text;
    ath__hook_space spaces[LOG_SPACES];
} log_hook;

/* ---- the values of a row ---- */

static double log_fmax(const double *f, const uint8_t *fixed, int32_t n)
{
    double largest = 0.0;
    for (int64_t i = 0; i < n; i++) {
        double f2 = 0.0;
        for (int k = 0; k < 3; k++) {
            const double x = fixed[3 * i + k] ? 0.0 : f[3 * i + k];
            f2 += x * x;
        }
        largest = !(f2 <= largest) ? f2 : largest; /* NaN stays */
        if (f2 != f2) {
            break;
        }
    }
    return sqrt(largest);
}

/* What a row is made of: the rows of one system. */
typedef struct log_rows {
    int32_t n;
    const double *forces, *masses, *velocities; /* [n][3], [n], [n][3] */
    const uint8_t *fixed;                       /* [n][3] */
    const double *cell, *stress;                /* [9] */
    const int32_t *pbc;                         /* [3] */
    double energy, dof, bath;
} log_rows;

/* Volume and pressures, of a system that is periodic everywhere. */
static void log_pressures(const log_rows *r, ath_log_thermo *out)
{
    static const int rows[6] = {0, 1, 2, 1, 0, 0}, columns[6] = {0, 1, 2, 2, 2, 1};
    const double volume = ath__cell_volume(r->cell);
    const bool bulk = r->pbc[0] && r->pbc[1] && r->pbc[2] && volume > 0.0;
    double mass = 0.0, sum[6] = {0.0};
    for (int64_t i = 0; i < r->n; i++) {
        const double *v = r->velocities + 3 * i;
        mass += r->masses[i];
        for (int k = 0; k < 6; k++) {
            sum[k] += r->masses[i] * v[rows[k]] * v[columns[k]];
        }
    }
    for (int k = 0; k < 6; k++) {
        const double p = sum[k] / volume - r->stress[3 * rows[k] + columns[k]];
        out->pressures[k] = bulk ? p * ATH_GPA_PER_EV_A3 : (double)NAN;
    }
    out->pressure = (out->pressures[0] + out->pressures[1] + out->pressures[2]) / 3.0;
    out->volume = bulk ? volume : (double)NAN;
    out->density = bulk ? mass / volume * ATH_G_CM3_PER_AMU_A3 : (double)NAN;
}

static void log_compute(const log_rows *r, bool thermo, ath_log_row *row)
{
    const double kinetic = ath__hook_kinetic(r->n, r->masses, r->velocities);
    row->energy = r->energy;
    row->fmax = log_fmax(r->forces, r->fixed, r->n);
    row->temperature = r->dof > 0.0 ? 2.0 * kinetic / (r->dof * ATH_BOLTZMANN) : 0.0;
    if (thermo) {
        row->thermo.kinetic = kinetic;
        row->thermo.conserved = r->energy + kinetic + r->bath;
        log_pressures(r, &row->thermo);
    }
}

static ath_status log_measure(log_hook *it, const ath_batch *batch, int32_t index, ath_log_row *row)
{
    static const ath_field_id fields[LOG_SPACES] = {ATH_FIELD_FORCES, ATH_FIELD_FIXED,
                                                    ATH_FIELD_MASSES, ATH_FIELD_VELOCITIES};
    double cell[9], stress[9];
    int32_t pbc[3];
    for (int k = 0; k < LOG_SPACES; k++) {
        ATH__TRY(ath__hook_look(it->ctx, &it->spaces[k], batch, fields[k], index));
    }
    log_rows r = {
        .n = ath_batch_n_atoms_of(batch, index),
        .forces = it->spaces[LOG_FORCES].rows,
        .masses = it->spaces[LOG_MASSES].rows,
        .velocities = it->spaces[LOG_VELOCITIES].rows,
        .fixed = it->spaces[LOG_FIXED].rows,
        .cell = cell,
        .stress = stress,
        .pbc = pbc,
    };
    ATH__TRY(ath_batch_read(batch, ATH_FIELD_STATUS, index, &row->status));
    ATH__TRY(ath_batch_read(batch, ATH_FIELD_ENERGY, index, &r.energy));
    ATH__TRY(ath_batch_read(batch, ATH_FIELD_DOF, index, &r.dof));
    if (it->config.thermo) {
        ATH__TRY(ath_batch_read(batch, ATH_FIELD_BATH, index, &r.bath));
        ATH__TRY(ath_batch_read(batch, ATH_FIELD_CELL, index, cell));
        ATH__TRY(ath_batch_read(batch, ATH_FIELD_PBC, index, pbc));
        ATH__TRY(ath_batch_read(batch, ATH_FIELD_STRESS, index, stress));
    }
    log_compute(&r, it->config.thermo, row);
    return ATH_OK;
}

/* The rows of a field, or zeros. */
static const void *log_peek(const ath_system *system, ath_field_id field, const void *zeros)
{
    const void *rows = ath_system_peek(system, field);
    return rows ? rows : zeros;
}

ath_status ath_log_measure(const ath_system *system, ath_log_row *out)
{
    static const double none[9] = {0.0};
    static const int32_t free_space[3] = {0, 0, 0};
    double *zeros = NULL;
    if (!system || !out || out->size != sizeof *out) {
        return ATH_E_ARGUMENT;
    }
    ath_context *ctx = system->ctx;
    const size_t n = (size_t)ath_system_n_atoms(system);
    ATH__TRY(ath__alloc(ctx, 4 * n + 1, sizeof *zeros, &zeros));
    const int32_t *numbers = ath_system_peek(system, ATH_FIELD_NUMBERS);
    for (size_t i = 0; numbers && i < n; i++) {
        zeros[3 * n + i] = ath_element_mass(numbers[i]);
    }
    const log_rows r = {
        .n = (int32_t)n,
        .forces = log_peek(system, ATH_FIELD_FORCES, zeros),
        .masses = log_peek(system, ATH_FIELD_MASSES, zeros + 3 * n),
        .velocities = log_peek(system, ATH_FIELD_VELOCITIES, zeros),
        .fixed = log_peek(system, ATH_FIELD_FIXED, zeros),
        .cell = log_peek(system, ATH_FIELD_CELL, none),
        .stress = log_peek(system, ATH_FIELD_STRESS, none),
        .pbc = log_peek(system, ATH_FIELD_PBC, free_space),
        .energy = *(const double *)log_peek(system, ATH_FIELD_ENERGY, none),
        .dof = *(const double *)log_peek(system, ATH_FIELD_DOF, none),
        .bath = *(const double *)log_peek(system, ATH_FIELD_BATH, none),
    };
    *out = (ath_log_row){.size = sizeof *out,
                         .status = *(const int32_t *)log_peek(system, ATH_FIELD_STATUS, none),
                         .uid = ath_system_uid(system)};
    log_compute(&r, true, out);
    ath__free(ctx, &zeros, 4 * n + 1, sizeof *zeros);
    return ATH_OK;
}

static ath_status log_fill(log_hook *it, const ath_hook_context *context, int32_t index,
                           ath_log_row *row)
{
    *row = (ath_log_row){.size = sizeof *row,
                         .step = context->step_count,
                         .graph_idx = index,
                         .uid = ath_batch_uid(context->batch, index),
                         .scalars = it->values,
                         .n_scalars = it->config.n_scalars};
    if (it->config.own_steps) {
        ATH__TRY(ath_batch_read(context->batch, ATH_FIELD_AGE, index, &row->step));
    }
    ATH__TRY(log_measure(it, context->batch, index, row));
    for (int32_t k = 0; k < it->config.n_scalars; k++) {
        const ath_log_scalar *s = &it->scalars[k];
        it->values[k] = s->value(s->user, context->batch, index);
    }
    return ATH_OK;
}

/* ---- the text of a row ---- */

static bool log_json(const log_hook *it)
{
    return it->config.format == ATH_LOG_JSON_LINES;
}

static ath_status log_real(log_hook *it, const char *name, double value)
{
    char text[32] = "null";
    if (!log_json(it)) {
        ath__format_double(value, text);
        return ath__bytes_print(it->ctx, &it->text, ",%s", text);
    }
    if (isfinite(value)) {
        ath__format_double(value, text);
    }
    return ath__bytes_print(it->ctx, &it->text, ",\"%s\":%s", name, text);
}

/* One of the columns that can be replaced. */
static ath_status log_column(log_hook *it, const ath_log_row *row, int32_t column)
{
    const double values[LOG_COLUMNS] = {0.0, row->energy, row->fmax, row->temperature};
    for (int32_t k = 0; k < it->config.n_scalars; k++) {
        if (it->replaces[k] == column) {
            return log_real(it, log_columns[column], it->values[k]);
        }
    }
    if (column == LOG_STATUS) {
        return ath__bytes_print(it->ctx, &it->text, log_json(it) ? ",\"status\":%d" : ",%d",
                                (int)row->status);
    }
    return log_real(it, log_columns[column], values[column]);
}

static ath_status log_print(log_hook *it, const ath_log_row *row)
{
    char uid[33];
    ath_uid_format(row->uid, uid);
    ATH__TRY(ath__bytes_print(it->ctx, &it->text,
                              log_json(it) ? "{\"step\":%lld,\"graph_idx\":%d" : "%lld,%d",
                              (long long)row->step, (int)row->graph_idx));
    for (int32_t c = 0; c < LOG_COLUMNS; c++) {
        ATH__TRY(log_column(it, row, c));
    }
    double thermo[LOG_THERMO];
    memcpy(thermo, &row->thermo, sizeof thermo);
    for (int32_t k = 0; it->config.thermo && k < LOG_THERMO; k++) {
        ATH__TRY(log_real(it, log_thermo_columns[k], thermo[k]));
    }
    for (int32_t k = 0; k < it->config.n_scalars; k++) {
        ATH__TRY(it->replaces[k] < 0 ? log_real(it, it->scalars[k].name, it->values[k]) : ATH_OK);
    }
    return ath__bytes_print(it->ctx, &it->text, log_json(it) ? ",\"uid\":\"%s\"}\n" : ",%s\n", uid);
}

static ath_status log_header(log_hook *it)
{
    it->text.size = 0;
    if (log_json(it)) {
        return ATH_OK;
    }
    ATH__TRY(ath__bytes_print(it->ctx, &it->text, "step,graph_idx,%s,%s,%s,%s",
                              log_columns[LOG_STATUS], log_columns[LOG_ENERGY],
                              log_columns[LOG_FMAX], log_columns[LOG_TEMPERATURE]));
    for (int32_t k = 0; it->config.thermo && k < LOG_THERMO; k++) {
        ATH__TRY(ath__bytes_print(it->ctx, &it->text, ",%s", log_thermo_columns[k]));
    }
    for (int32_t k = 0; k < it->config.n_scalars; k++) {
        ATH__TRY(it->replaces[k] < 0
                     ? ath__bytes_print(it->ctx, &it->text, ",%s", it->scalars[k].name)
                     : ATH_OK);
    }
    return ath__bytes_print(it->ctx, &it->text, ",uid\n");
}

/* ---- the file ---- */

/* What is in the file already must have the columns of this log. */
static ath_status log_check_header(log_hook *it)
{
    ath__bytes head = {0};
    ATH__TRY(log_header(it));
    if (it->file.length == 0 || it->text.size == 0) {
        return ATH_OK;
    }
    ATH__TRY(ath__file_head(it->ctx, it->path, it->text.size, &head));
    const bool same =
        head.size == it->text.size && memcmp(head.data, it->text.data, head.size) == 0;
    ath__bytes_free(it->ctx, &head);
    return same ? ATH_OK
                : ath__fail(it->ctx, ATH_E_FORMAT, "log: '%s' has other columns than this log",
                            it->path);
}

/* The text goes into the file's memory, and on as the configuration says. */
static ath_status log_send(log_hook *it, int32_t n_rows)
{
    ATH__TRY(ath__file_write(&it->file, it->text.data, it->text.size));
    it->n_waiting += n_rows;
    if (it->n_waiting < it->config.flush_rows) {
        return ATH_OK;
    }
    it->n_waiting = 0;
    return ath__file_flush(&it->file, false);
}

/* Opens the file if it is not open, and gives it its header. */
static ath_status log_ready(log_hook *it)
{
    if (it->failed < 0) {
        return ath__fail(it->ctx, it->failed, "log: '%s' lacks rows of an earlier run", it->path);
    }
    if (it->opened || !it->path) {
        return ATH_OK;
    }
    ATH__TRY(it->config.append || it->resumed
                 ? ath__file_append(it->ctx, it->path, &it->file)
                 : ath__file_create(it->ctx, it->path, true, &it->file));
    ath_status status = log_check_header(it);
    if (status >= 0 && it->file.length == 0) {
        status = ath__file_write(&it->file, it->text.data, it->text.size);
        status = status < 0 ? status : ath__file_flush(&it->file, false);
    }
    if (status < 0) {
        const char *text = ath_context_message(it->ctx);
        char message[512];
        const size_t n = strnlen(text, sizeof message - 1);
        memcpy(message, text, n);
        message[n] = '\0';
        it->file.failed = true; /* nothing of it is worth writing: just close */
        (void)ath__file_close(&it->file);
        return ath__fail(it->ctx, status, "%s", message);
    }
    it->opened = true;
    return ATH_OK;
}

/* ---- the hook ---- */

static ath_status log_open(void *user, ath_dynamics *dynamics)
{
    (void)dynamics;
    return log_ready(user);
}

static void log_close(void *user, ath_dynamics *dynamics)
{
    log_hook *it = user;
    (void)dynamics;
    if (!it->opened || it->n_waiting == 0) {
        return;
    }
    it->n_waiting = 0;
    const ath_status status = ath__file_flush(&it->file, false);
    if (status < 0) {
        it->failed = status;
        ath__log(it->ctx, ATH_LOG_ERROR, "dynamics", "%s", ath_context_message(it->ctx));
    }
}

static ath_status log_call(void *user, const ath_hook_context *context)
{
    log_hook *it = user;
    int32_t n_rows = 0;
    it->text.size = 0;
    for (int32_t i = 0; context->n_masked && i < ath_batch_n_systems(context->batch); i++) {
        ath_log_row row;
        if (!context->mask[i]) {
            continue;
        }
        ATH__TRY(log_fill(it, context, i, &row));
        ATH__TRY(it->path ? log_print(it, &row) : it->config.row(it->config.user, &row));
        n_rows++;
    }
    return it->path && n_rows > 0 ? log_send(it, n_rows) : ATH_OK;
}

static ath_status log_save(void *user, void *data, size_t *bytes)
{
    log_hook *it = user;
    uint8_t length[LOG_SAVED];
    *bytes = LOG_SAVED;
    if (!data) {
        return ATH_OK;
    }
    ATH__TRY(log_ready(it));
    it->n_waiting = 0;
    ATH__TRY(ath__file_flush(&it->file, true));
    for (int k = 0; k < LOG_SAVED; k++) {
        length[k] = (uint8_t)(it->file.length >> 8 * k);
    }
    memcpy(data, length, sizeof length);
    return ATH_OK;
}

static ath_status log_load(void *user, const void *data, size_t bytes)
{
    log_hook *it = user;
    uint64_t length = 0;
    if (bytes != LOG_SAVED) {
        return ath__fail(it->ctx, ATH_E_FORMAT, "log: %zu bytes of state, not %d", bytes,
                         LOG_SAVED);
    }
    if (it->opened) {
        return ath__fail(it->ctx, ATH_E_STATE, "log: '%s' is being written", it->path);
    }
    for (int k = 0; k < LOG_SAVED; k++) {
        length |= (uint64_t)((const uint8_t *)data)[k] << 8 * k;
    }
    if (!it->config.mended) {
        ATH__TRY(ath__file_cut(it->ctx, it->path, length));
    }
    it->resumed = true;
    return ATH_OK;
}

static void log_destroy(void *user)
{
    log_hook *it = user;
    ath_context *ctx = it->ctx;
    const size_t n = (size_t)it->config.n_scalars;
    if (ath__file_close(&it->file) < 0) { /* nobody is left to be told */
        ath__log(ctx, ATH_LOG_ERROR, "dynamics", "%s", ath_context_message(ctx));
    }
    for (size_t k = 0; it->names && k < n; k++) {
        ath__strfree(ctx, &it->names[k]);
    }
    ath__free(ctx, &it->names, n, sizeof *it->names);
    ath__free(ctx, &it->scalars, n, sizeof *it->scalars);
    ath__free(ctx, &it->replaces, n, sizeof *it->replaces);
    ath__free(ctx, &it->values, n, sizeof *it->values);
    ath__strfree(ctx, &it->path);
    ath__bytes_free(ctx, &it->text);
    ath__hook_release(ctx, it->spaces, LOG_SPACES);
    ath__free(ctx, &it, 1, sizeof *it);
}

/* ---- making ---- */

static bool log_name_ok(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789_-./";
    return name && name[0] && strspn(name, letters) == strlen(name);
}

static ath_status log_check_scalars(ath_context *ctx, const ath_hook_log_config *c)
{
    static const char *const taken[] = {"step", "graph_idx", "uid"};
    if (c->n_scalars < 0 || (c->n_scalars > 0 && !c->scalars)) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "log: %d scalars, but no array", (int)c->n_scalars);
    }
    for (int32_t i = 0; i < c->n_scalars; i++) {
        const ath_log_scalar *s = &c->scalars[i];
        if (!log_name_ok(s->name) || !s->value) {
            return ath__fail(ctx, ATH_E_ARGUMENT,
                             "log: scalar %d needs a function and a name of letters, digits and "
                             "_ - . /",
                             (int)i);
        }
        bool twice = false;
        for (int k = 0; k < 3; k++) {
            twice = twice || strcmp(s->name, taken[k]) == 0;
        }
        for (int32_t k = 0; k < i; k++) {
            twice = twice || strcmp(s->name, c->scalars[k].name) == 0;
        }
        for (int32_t k = 0; c->thermo && k < LOG_THERMO; k++) {
            twice = twice || strcmp(s->name, log_thermo_columns[k]) == 0;
        }
        if (twice) {
            return ath__fail(ctx, ATH_E_ARGUMENT, "log: there is a column '%s' already", s->name);
        }
    }
    return ATH_OK;
}

static ath_status log_check(ath_context *ctx, const ath_hook_log_config *c)
{
    if (!c || c->size != sizeof *c) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "log: no configuration of this version");
    }
    if (!c->path == !c->row) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "log: needs a path or a function for rows%s",
                         c->path ? ", not both" : "");
    }
    if (c->format != ATH_LOG_CSV && c->format != ATH_LOG_JSON_LINES) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "log: there is no format %d", (int)c->format);
    }
    if (c->flush_rows < 0) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "log: flush_rows must not be negative");
    }
    return log_check_scalars(ctx, c);
}

static ath_status log_take(log_hook *it, const ath_hook_log_config *c)
{
    const size_t n = (size_t)c->n_scalars;
    ATH__TRY(ath__alloc(it->ctx, n, sizeof *it->scalars, &it->scalars));
    it->config.n_scalars = c->n_scalars;
    ATH__TRY(ath__alloc(it->ctx, n, sizeof *it->names, &it->names));
    ATH__TRY(ath__alloc(it->ctx, n, sizeof *it->replaces, &it->replaces));
    ATH__TRY(ath__alloc(it->ctx, n, sizeof *it->values, &it->values));
    for (size_t k = 0; k < n; k++) {
        ATH__TRY(ath__strdup(it->ctx, c->scalars[k].name, &it->names[k]));
        const char *name = it->names[k];
        it->scalars[k] = (ath_log_scalar){name, c->scalars[k].value, c->scalars[k].user};
        it->replaces[k] = -1;
        for (int32_t column = 0; column < LOG_COLUMNS; column++) {
            it->replaces[k] = strcmp(name, log_columns[column]) == 0 ? column : it->replaces[k];
        }
    }
    return c->path ? ath__strdup(it->ctx, c->path, &it->path) : ATH_OK;
}

ath_status ath_hook_log(ath_context *ctx, const ath_hook_log_config *config, ath_hook *out)
{
    log_hook *it = NULL;
    ATH__TRY(ath__hook_begin(ctx, "log", out));
    ATH__TRY(log_check(ctx, config));
    ATH__TRY(ath__hook_make(ctx, "log", sizeof *it, &it, out));
    it->ctx = ctx;
    it->config = *config;
    it->config.path = NULL;
    it->config.scalars = NULL;
    it->config.n_scalars = 0;
    out->access = ATH_HOOK_READS_ENERGY | (config->own_steps ? ATH_HOOK_OWN_STEPS : 0u);
    out->call = log_call;
    out->destroy = log_destroy;
    if (config->path) {
        out->open = log_open;
        out->close = log_close;
        out->save = log_save;
        out->load = log_load;
    }
    const ath_status status = log_take(it, config);
    if (status < 0) {
        ath_hook_free(out);
    }
    return status;
}
