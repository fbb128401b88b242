/* The log: columns and numbers, formats, going on behind a file, checkpoints, failing files. */
#include "dynamics/hook_checks.h"

#include <errno.h>
#include <fcntl.h>

#include "base/base.h"

/* ---- reading what was written ---- */

static char *read_text(const char *path)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *text = calloc(1, 1 << 20);
    text[fread(text, 1, (1 << 20) - 1, f)] = '\0';
    fclose(f);
    return text;
}

static int32_t count_lines(const char *text)
{
    int32_t n = 0;
    for (; *text; text++) {
        n += *text == '\n';
    }
    return n;
}

/* The k-th value of the line-th line, as text. */
static void cell_of(const char *text, int32_t line, int32_t k, char *out, size_t room)
{
    for (; line > 0; line--) {
        text = strchr(text, '\n') + 1;
    }
    for (; k > 0; k--) {
        text = strchr(text, ',') + 1;
    }
    const size_t n = strcspn(text, ",\n");
    assert_true(n < room);
    memcpy(out, text, n);
    out[n] = '\0';
}

static double real_of(const char *text, int32_t line, int32_t k)
{
    char cell[64];
    cell_of(text, line, k, cell, sizeof cell);
    return strtod(cell, NULL);
}

/* ---- columns ---- */

static double forty_two(void *user, const ath_batch *batch, int32_t index)
{
    (void)user, (void)batch, (void)index;
    return 42.0;
}

static void check_columns(const char *device)
{
    checks c;
    ath_hook hook;
    char cell[64], uid[33];
    double energy = 0.0, dof = 0.0, kinetic = 0.0, masses[64], v[192];
    checks_open(&c, device);
    const double base = 0.1;
    const ath_log_scalar scalars[2] = {
        {.name = "index", .value = checks_index, .user = (void *)(uintptr_t)&base},
        {.name = "fmax", .value = forty_two}};
    const ath_hook_log_config config = {
        .size = sizeof config, .path = c.path, .scalars = scalars, .n_scalars = 2};
    OK(c.ctx, ath_hook_log(c.ctx, &config, &hook));
    assert_int_equal(hook.stage, ATH_STAGE_AFTER_STEP);
    assert_int_equal(hook.frequency, 1);
    c.batch = checks_all(&c);
    checks_dynamics(&c, &hook, 1);
    OK(c.ctx, ath_dynamics_run(c.dyn, c.batch, 3));
    char *text = read_text(c.path);
    static const char header[] = "step,graph_idx,status,energy,fmax,temperature,index,uid\n";
    assert_memory_equal(text, header, sizeof header - 1);
    assert_int_equal(count_lines(text), 1 + 3 * CHECKS_SYSTEMS);
    for (int32_t i = 0; i < CHECKS_SYSTEMS; i++) {
        const int32_t line = 1 + 2 * CHECKS_SYSTEMS + i, n = ath_batch_n_atoms_of(c.batch, i);
        assert_true(real_of(text, line, 0) == 2.0);
        assert_true(real_of(text, line, 1) == (double)i);
        assert_true(real_of(text, line, 2) == 0.0);
        checks_read(&c, ATH_FIELD_ENERGY, i, &energy);
        assert_true(real_of(text, line, 3) == energy); /* to the last bit */
        assert_true(real_of(text, line, 4) == 42.0);
        checks_read(&c, ATH_FIELD_DOF, i, &dof);
        checks_read(&c, ATH_FIELD_MASSES, i, masses);
        checks_read(&c, ATH_FIELD_VELOCITIES, i, v);
        kinetic = 0.0;
        for (int32_t k = 0; k < 3 * n; k++) {
            kinetic += 0.5 * masses[k / 3] * v[k] * v[k];
        }
        const double t = 2.0 * kinetic / (dof * ATH_BOLTZMANN);
        assert_true(fabs(real_of(text, line, 5) / t - 1.0) < 1e-12);
        assert_true(real_of(text, line, 6) == 0.1 + (double)i);
        ath_uid_format(ath_batch_uid(c.batch, i), uid);
        cell_of(text, line, 7, cell, sizeof cell);
        assert_string_equal(cell, uid);
    }
    free(text);
    ath_dynamics_destroy(&c.dyn);
    ath_hook_free(&hook);
    checks_close(&c);
}

/* Energies, pressures, volume and density: of a row of the log, and of the same system outside. */
static void check_thermo(const char *device)
{
    checks c;
    ath_hook hook;
    checks_open(&c, device);
    const ath_log_scalar taken = {.name = "density", .value = forty_two};
    ath_hook_log_config config = {
        .size = sizeof config, .path = c.path, .thermo = true, .scalars = &taken, .n_scalars = 1};
    assert_int_equal(ath_hook_log(c.ctx, &config, &hook), ATH_E_ARGUMENT);
    assert_non_null(strstr(ath_context_message(c.ctx), "density"));
    config.scalars = NULL;
    config.n_scalars = 0;
    OK(c.ctx, ath_hook_log(c.ctx, &config, &hook));
    c.batch = checks_all(&c);
    checks_dynamics(&c, &hook, 1);
    OK(c.ctx, ath_dynamics_run(c.dyn, c.batch, 2));
    char *text = read_text(c.path);
    static const char header[] = "step,graph_idx,status,energy,fmax,temperature,kinetic,conserved,"
                                 "pressure,pxx,pyy,pzz,pyz,pxz,pxy,volume,density,uid\n";
    assert_memory_equal(text, header, sizeof header - 1);
    int32_t n_bulk = 0;
    for (int32_t i = 0; i < CHECKS_SYSTEMS; i++) {
        const int32_t line = 1 + CHECKS_SYSTEMS + i, n = ath_batch_n_atoms_of(c.batch, i);
        double masses[64], v[192], h[9], stress[9], bath = 0.0, energy = 0.0, mass = 0.0;
        double kinetic = 0.0, xy = 0.0;
        int32_t pbc[3];
        ath_system *system = NULL;
        ath_log_row row = {.size = sizeof row};
        checks_read(&c, ATH_FIELD_MASSES, i, masses);
        checks_read(&c, ATH_FIELD_VELOCITIES, i, v);
        checks_read(&c, ATH_FIELD_CELL, i, h);
        checks_read(&c, ATH_FIELD_PBC, i, pbc);
        checks_read(&c, ATH_FIELD_STRESS, i, stress);
        checks_read(&c, ATH_FIELD_ENERGY, i, &energy);
        checks_read(&c, ATH_FIELD_BATH, i, &bath);
        for (int32_t k = 0; k < n; k++) {
            const double *u = v + 3 * k;
            mass += masses[k];
            kinetic += 0.5 * masses[k] * (u[0] * u[0] + u[1] * u[1] + u[2] * u[2]);
            xy += masses[k] * u[0] * u[1];
        }
        assert_true(fabs(real_of(text, line, 6) / kinetic - 1.0) < 1e-12);
        assert_true(fabs(real_of(text, line, 7) - (energy + kinetic + bath)) < 1e-12);
        OK(c.ctx, ath_batch_get(c.batch, i, &system));
        OK(c.ctx, ath_log_measure(system, &row));
        ath_system_destroy(&system);
        assert_true(row.energy == energy && row.thermo.conserved == real_of(text, line, 7));
        const double volume =
            fabs(h[0] * (h[4] * h[8] - h[5] * h[7]) - h[1] * (h[3] * h[8] - h[5] * h[6]) +
                 h[2] * (h[3] * h[7] - h[4] * h[6]));
        if (!(pbc[0] && pbc[1] && pbc[2])) {
            assert_true(isnan(real_of(text, line, 8)) && isnan(real_of(text, line, 16)));
            assert_true(isnan(row.thermo.pressure) && isnan(row.thermo.volume));
            continue;
        }
        n_bulk++;
        const double pxy = (xy / volume - stress[1]) * ATH_GPA_PER_EV_A3;
        assert_true(fabs(real_of(text, line, 14) - pxy) < 1e-12 * (1.0 + fabs(pxy)));
        assert_true(fabs(real_of(text, line, 15) / volume - 1.0) < 1e-12);
        assert_true(fabs(real_of(text, line, 16) / (mass / volume * 1.6605390666) - 1.0) < 1e-12);
        assert_true(row.thermo.pressures[5] == real_of(text, line, 14));
    }
    assert_true(n_bulk > 0);
    free(text);
    ath_dynamics_destroy(&c.dyn);
    ath_hook_free(&hook);
    checks_close(&c);
}

static void test_thermo(void **state)
{
    (void)state;
    check_thermo("host");
    check_thermo("mock");
}

static void test_columns(void **state)
{
    (void)state;
    check_columns("host");
    check_columns("mock");
}

/* fmax leaves fixed components out; values that are no numbers are written as such. */
static void test_values(void **state)
{
    static const int32_t one = 1;
    (void)state;
    checks c;
    ath_hook hooks[2];
    char path[160];
    checks_open(&c, "host");
    snprintf(path, sizeof path, "%s.json", c.path);
    unlink(path);
    const ath_hook_log_config csv = {.size = sizeof csv, .path = c.path};
    const ath_hook_log_config json = {
        .size = sizeof json, .format = ATH_LOG_JSON_LINES, .path = path};
    OK(c.ctx, ath_hook_log(c.ctx, &csv, &hooks[0]));
    OK(c.ctx, ath_hook_log(c.ctx, &json, &hooks[1]));
    c.batch = checks_batch(&c, &one, 1);
    checks_dynamics(&c, hooks, 2);
    const int32_t n = ath_batch_n_atoms_of(c.batch, 0);
    double *forces = calloc(3 * (size_t)n, sizeof *forces);
    uint8_t *fixed = calloc(3 * (size_t)n, 1);
    const double energy = NAN;
    forces[0] = 3.0, forces[1] = 100.0, forces[2] = 4.0;
    fixed[1] = 1;
    checks_write(&c, ATH_FIELD_FORCES, 0, forces);
    checks_write(&c, ATH_FIELD_FIXED, 0, fixed);
    checks_write(&c, ATH_FIELD_ENERGY, 0, &energy);
    const uint8_t mask = 1;
    OK(c.ctx, ath_dynamics_open(c.dyn));
    OK(c.ctx, checks_call(&c, &hooks[0], &mask));
    OK(c.ctx, checks_call(&c, &hooks[1], &mask));
    ath_dynamics_close(c.dyn);
    char *text = read_text(c.path), cell[64];
    cell_of(text, 1, 3, cell, sizeof cell);
    assert_string_equal(cell, "nan");
    assert_true(real_of(text, 1, 4) == 5.0);
    free(text);
    text = read_text(path);
    assert_non_null(strstr(text, "{\"step\":42,\"graph_idx\":0,\"status\":0,\"energy\":null,"
                                 "\"fmax\":5,"));
    assert_int_equal(count_lines(text), 1);
    free(text);
    free(forces);
    free(fixed);
    ath_dynamics_destroy(&c.dyn);
    ath_hook_free(&hooks[0]);
    ath_hook_free(&hooks[1]);
    unlink(path);
    checks_close(&c);
}

typedef struct rows_seen {
    int32_t n, fail_at;
} rows_seen;

static ath_status take_row(void *user, const ath_log_row *row)
{
    rows_seen *seen = user;
    assert_int_equal(row->size, sizeof *row);
    assert_int_equal(row->graph_idx, seen->n % CHECKS_SYSTEMS);
    assert_int_equal(row->step, 2 * (seen->n / CHECKS_SYSTEMS));
    return ++seen->n == seen->fail_at ? ATH_E_IO : ATH_OK;
}

static void test_callback(void **state)
{
    (void)state;
    checks c;
    ath_hook hook;
    rows_seen seen = {.fail_at = 3 * CHECKS_SYSTEMS};
    checks_open(&c, "host");
    const ath_hook_log_config config = {
        .size = sizeof config, .row = take_row, .user = &seen, .own_steps = true};
    OK(c.ctx, ath_hook_log(c.ctx, &config, &hook));
    hook.frequency = 2;
    c.batch = checks_all(&c);
    checks_dynamics(&c, &hook, 1);
    OK(c.ctx, ath_dynamics_run(c.dyn, c.batch, 4));
    assert_int_equal(seen.n, 2 * CHECKS_SYSTEMS);
    assert_int_equal(ath_dynamics_run(c.dyn, c.batch, 4), ATH_E_IO);
    ath_dynamics_destroy(&c.dyn);
    ath_hook_free(&hook);
    checks_close(&c);
}

/* ---- going on ---- */

static ath_hook open_log(checks *c, bool append, int32_t flush_rows)
{
    ath_hook hook;
    const ath_hook_log_config config = {.size = sizeof config,
                                        .path = c->path,
                                        .append = append,
                                        .own_steps = true,
                                        .flush_rows = flush_rows};
    OK(c->ctx, ath_hook_log(c->ctx, &config, &hook));
    checks_dynamics(c, &hook, 1);
    return hook;
}

static void close_log(checks *c, ath_hook *hook)
{
    ath_dynamics_destroy(&c->dyn);
    ath_hook_free(hook);
}

/* Two runs of one hook, then two hooks, give what one run gives; other columns are refused. */
static void test_append(void **state)
{
    (void)state;
    char *texts[2];
    for (int k = 0; k < 2; k++) {
        checks c;
        checks_open(&c, "host");
        c.batch = checks_all(&c);
        ath_hook hook = open_log(&c, false, k ? 1000 : 0);
        OK(c.ctx, ath_dynamics_run(c.dyn, c.batch, k ? 9 : 2));
        OK(c.ctx, ath_dynamics_run(c.dyn, c.batch, k ? 0 : 3));
        close_log(&c, &hook);
        if (k == 0) {
            hook = open_log(&c, false, 0);
            assert_int_equal(ath_dynamics_run(c.dyn, c.batch, 4), ATH_E_EXISTS);
            assert_non_null(strstr(ath_context_message(c.ctx), c.path));
            close_log(&c, &hook);
            hook = open_log(&c, true, 5);
            OK(c.ctx, ath_dynamics_run(c.dyn, c.batch, 4));
            close_log(&c, &hook);
        }
        texts[k] = read_text(c.path);
        const ath_log_scalar scalar = {.name = "index", .value = checks_index};
        const ath_hook_log_config other = {.size = sizeof other,
                                           .path = c.path,
                                           .append = true,
                                           .scalars = &scalar,
                                           .n_scalars = 1};
        OK(c.ctx, ath_hook_log(c.ctx, &other, &hook));
        checks_dynamics(&c, &hook, 1);
        assert_int_equal(ath_dynamics_run(c.dyn, c.batch, 1), ATH_E_FORMAT);
        assert_non_null(strstr(ath_context_message(c.ctx), "other columns"));
        close_log(&c, &hook);
        checks_close(&c);
    }
    assert_int_equal(count_lines(texts[0]), 1 + 9 * CHECKS_SYSTEMS);
    assert_string_equal(texts[0], texts[1]);
    free(texts[0]);
    free(texts[1]);
}

/* What was written behind a checkpoint is cut off by loading it, down to a torn line. */
static void test_checkpoint(void **state)
{
    (void)state;
    checks c;
    uint8_t saved[64];
    size_t bytes = 0;
    checks_open(&c, "host");
    c.batch = checks_all(&c);
    ath_hook hook = open_log(&c, false, 1000);
    OK(c.ctx, hook.save(hook.user, NULL, &bytes));
    assert_true(bytes > 0 && bytes <= sizeof saved);
    OK(c.ctx, ath_dynamics_run(c.dyn, c.batch, 3));
    OK(c.ctx, hook.save(hook.user, saved, &bytes));
    char *before = read_text(c.path);
    assert_int_equal(count_lines(before), 1 + 3 * CHECKS_SYSTEMS);
    OK(c.ctx, ath_dynamics_run(c.dyn, c.batch, 2));
    assert_int_equal(hook.load(hook.user, saved, bytes), ATH_E_STATE); /* it is being written */
    close_log(&c, &hook);
    FILE *f = fopen(c.path, "ab");
    assert_non_null(f);
    fputs("5,0,0,-1.", f);
    fclose(f);
    hook = open_log(&c, true, 0);
    assert_int_equal(ath_dynamics_run(c.dyn, c.batch, 1), ATH_E_FORMAT); /* ends inside a line */
    close_log(&c, &hook);
    for (int append = 0; append < 2; append++) {
        hook = open_log(&c, append, 0);
        assert_int_equal(hook.load(hook.user, saved, bytes - 1), ATH_E_FORMAT);
        OK(c.ctx, hook.load(hook.user, saved, bytes));
        char *after = read_text(c.path);
        assert_string_equal(before, after);
        free(after);
        OK(c.ctx, ath_dynamics_run(c.dyn, c.batch, 1));
        after = read_text(c.path);
        assert_int_equal(count_lines(after), 1 + 4 * CHECKS_SYSTEMS);
        assert_memory_equal(before, after, strlen(before));
        free(after);
        close_log(&c, &hook);
    }
    assert_int_equal(truncate(c.path, 20), 0);
    hook = open_log(&c, true, 0);
    assert_int_equal(hook.load(hook.user, saved, bytes), ATH_E_FORMAT); /* rows are missing */
    assert_non_null(strstr(ath_context_message(c.ctx), c.path));
    close_log(&c, &hook);
    free(before);
    checks_close(&c);
}

/* ---- failing files ---- */

typedef struct faults {
    ath_io real;
    int64_t n_calls, fail_at;
    int n_open;
} faults;

static bool faults_now(void *user)
{
    faults *f = user;
    return ++f->n_calls == f->fail_at;
}

static int faults_open(void *user, const char *path, int flags, int mode)
{
    faults *f = user;
    const int fd = faults_now(user) ? -EIO : f->real.open(f->real.user, path, flags, mode);
    f->n_open += fd >= 0;
    return fd;
}

static int64_t faults_read(void *user, int fd, void *buffer, size_t bytes)
{
    faults *f = user;
    return faults_now(user) ? -EIO : f->real.read(f->real.user, fd, buffer, bytes);
}

static int64_t faults_write(void *user, int fd, const void *buffer, size_t bytes)
{
    faults *f = user;
    return faults_now(user) ? -ENOSPC : f->real.write(f->real.user, fd, buffer, bytes);
}

static int64_t faults_read_at(void *user, int fd, void *buffer, size_t bytes, int64_t offset)
{
    faults *f = user;
    return faults_now(user) ? -EIO : f->real.read_at(f->real.user, fd, buffer, bytes, offset);
}

static int faults_sync(void *user, int fd)
{
    faults *f = user;
    return faults_now(user) ? -EIO : f->real.sync(f->real.user, fd);
}

static int faults_close(void *user, int fd)
{
    faults *f = user;
    const int result = f->real.close(f->real.user, fd);
    f->n_open--;
    return faults_now(user) ? -EIO : result;
}

/* Each i/o call fails in turn; either the run or what comes after it says so. */
static void check_faults(int32_t flush_rows)
{
    int64_t n_failed = 0, n_by_run = 0;
    for (int64_t n = 1;; n++) {
        checks c;
        faults f = {.fail_at = 0};
        uint8_t saved[64];
        size_t bytes = sizeof saved;
        checks_open(&c, "host");
        c.batch = checks_all(&c);
        f.real = c.ctx->config.io;
        c.ctx->config.io.user = &f;
        c.ctx->config.io.open = faults_open;
        c.ctx->config.io.read = faults_read;
        c.ctx->config.io.read_at = faults_read_at;
        c.ctx->config.io.write = faults_write;
        c.ctx->config.io.sync = faults_sync;
        c.ctx->config.io.close = faults_close;
        ath_hook hook = open_log(&c, true, flush_rows);
        f.n_calls = 0;
        f.fail_at = n;
        ath_status status = ath_dynamics_run(c.dyn, c.batch, 2);
        if (flush_rows == 0) {
            assert_true(status == ATH_OK || strstr(ath_context_message(c.ctx), c.path));
            n_by_run += status == ATH_E_IO;
            assert_true(f.n_calls < n || status == ATH_E_IO);
        }
        status = status < 0 ? status : hook.save(hook.user, saved, &bytes);
        assert_true(status == ATH_OK || status == ATH_E_IO);
        const bool told = status < 0 || c.n_logged > 0;
        c.n_logged = 0;
        close_log(&c, &hook);
        assert_int_equal(f.n_open, 0);
        const bool reached = f.n_calls >= n;
        assert_true(!reached || told || c.n_logged > 0);
        c.ctx->config.io = f.real;
        checks_close(&c);
        n_failed += reached;
        if (!reached) {
            break;
        }
    }
    assert_true(n_failed >= 6);
    assert_true(flush_rows > 0 || n_by_run >= 5);
}

static void test_faults(void **state)
{
    (void)state;
    check_faults(0);
    check_faults(1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns), cmocka_unit_test(test_thermo),
        cmocka_unit_test(test_values),  cmocka_unit_test(test_callback),
        cmocka_unit_test(test_append),  cmocka_unit_test(test_checkpoint),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
