/* Creation of integrators: names, options and their limits, the echo, state layout and entry
 * values, tables that are refused, and allocations that fail one after the other.
 */
#include "integrators/rig.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <athanor/units.h>

static ath_context *context(void **state)
{
    return *state;
}

static int setup(void **state)
{
    ath_context *ctx = NULL;
    const ath_status status = ath_context_create(NULL, &ctx);
    *state = ctx;
    return status == ATH_OK ? 0 : -1;
}

static int teardown(void **state)
{
    ath_context *ctx = *state;
    ath_context_destroy(&ctx);
    return 0;
}

/* Creates, expects a status, and returns the integrator or NULL. */
static ath_integrator *create(ath_context *ctx, const char *text, ath_status expected)
{
    ath_integrator *integrator = NULL;
    const ath_status status = ath_integrator_create(ctx, text, &integrator);
    if (status != expected) {
        print_error("'%s': %s: %s\n", text, ath_status_name(status), ath_context_message(ctx));
    }
    assert_int_equal(status, expected);
    assert_true((integrator != NULL) == (expected == ATH_OK));
    return integrator;
}

static void refused(ath_context *ctx, const char *text, ath_status expected, const char *word)
{
    create(ctx, text, expected);
    if (!strstr(ath_context_message(ctx), word)) {
        print_error("'%s': message '%s' lacks '%s'\n", text, ath_context_message(ctx), word);
    }
    assert_non_null(strstr(ath_context_message(ctx), word));
}

static void test_names(void **state)
{
    ath_context *ctx = context(state);
    refused(ctx, "nev", ATH_E_UNKNOWN, "nve");
    refused(ctx, "langevine:temperature=3", ATH_E_UNKNOWN, "langevin");
    refused(ctx, "", ATH_E_UNKNOWN, "''");
    refused(ctx, "NVE", ATH_E_UNKNOWN, "NVE");
    char longer[200];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    refused(ctx, longer, ATH_E_UNKNOWN, "xxx");
    ath_integrator *integrator = NULL;
    assert_int_equal(ath_integrator_create(ctx, NULL, &integrator), ATH_E_ARGUMENT);
    assert_int_equal(ath_integrator_create(ctx, "nve", NULL), ATH_E_ARGUMENT);
    ath_integrator_destroy(&integrator);
    ath_integrator_destroy(NULL);
}

/* "name:option=value". */
static void with_option(char *out, size_t size, const char *name, const ath_option *o, double value)
{
    char number[32];
    ath__format_double(value, number);
    snprintf(out, size, "%s:%s=%s", name, o->name, number);
}

/* Every limit of every numeric option: just outside is refused by name. */
static void test_ranges(void **state)
{
    ath_context *ctx = context(state);
    const char *name, *help;
    const ath_option *options;
    int n = 0;
    for (int32_t i = 0; ath_integrator_list(i, &name, &help, &options) == ATH_OK; i++) {
        assert_true(strlen(help) > 10);
        for (const ath_option *o = options; o->type != ATH_OPTION_END; o++) {
            char text[200];
            assert_non_null(o->help);
            if ((o->type != ATH_OPTION_REAL && o->type != ATH_OPTION_INT) ||
                (o->min == 0.0 && o->max == 0.0)) {
                continue;
            }
            const double step = o->type == ATH_OPTION_INT ? 1.0 : 0.0;
            const double below = step > 0 ? o->min - 1 : o->min - 0.01 * (o->max - o->min);
            const double above = step > 0 ? o->max + 1 : o->max + 0.01 * (o->max - o->min);
            with_option(text, sizeof text, name, o, below);
            refused(ctx, text, ATH_E_OPTION, o->name);
            with_option(text, sizeof text, name, o, above);
            refused(ctx, text, ATH_E_OPTION, o->name);
            snprintf(text, sizeof text, "%s:%s=nan", name, o->name);
            refused(ctx, text, ATH_E_OPTION, o->name);
            n++;
        }
        char text[200];
        snprintf(text, sizeof text, "%s:no_such_option=1", name);
        refused(ctx, text, ATH_E_OPTION, "no_such_option");
    }
    assert_true(n >= 4);
    assert_int_equal(ath_integrator_list(-1, &name, &help, &options), ATH_E_RANGE);
}

static void test_fire_checks(void **state)
{
    ath_context *ctx = context(state);
    refused(ctx, "fire:dt=2,dt_max=1", ATH_E_OPTION, "dt_max");
    refused(ctx, "fire:dt=2,dt_min=3", ATH_E_OPTION, "dt_min");
    ath_integrator *integrator = create(ctx, "fire:dt=2,dt_max=2,dt_min=2", ATH_OK);
    ath_integrator_destroy(&integrator);
}

static void test_md_checks(void **state)
{
    ath_context *ctx = context(state);
    refused(ctx, "langevin:temperature=100,temperature_change=-101", ATH_E_OPTION, "below 0");
    refused(ctx, "nose_hoover:temperature=100,temperature_change=-101", ATH_E_OPTION, "below 0");
    refused(ctx, "csvr:temperature=100,temperature_change=-101", ATH_E_OPTION, "below 0");
    refused(ctx, "npt:temperature=100,temperature_change=-101", ATH_E_OPTION, "below 0");
    refused(ctx, "crescale:temperature=100,temperature_change=-101", ATH_E_OPTION, "below 0");
    refused(ctx, "npt:pressure_xx=1", ATH_E_OPTION, "coupling");
    refused(ctx, "npt:pressure_xy=1,coupling=aniso", ATH_E_OPTION, "coupling");
    refused(ctx, "nph:pressure_zz=1", ATH_E_OPTION, "coupling");
    refused(ctx, "crescale:pressure_yz=1,coupling=aniso", ATH_E_OPTION, "coupling");
    refused(ctx, "nose_hoover:yoshida=2", ATH_E_OPTION, "yoshida");
    ath_integrator *integrator =
        create(ctx, "npt:pressure_xx=1,pressure_xy=0.5,coupling=triclinic", ATH_OK);
    ath_integrator_destroy(&integrator);
}

/* The echo names every option and gives the same integrator again. */
static void test_echo(void **state)
{
    ath_context *ctx = context(state);
    const char *name, *help;
    const ath_option *options;
    for (int32_t i = 0; ath_integrator_list(i, &name, &help, &options) == ATH_OK; i++) {
        ath_integrator *one = create(ctx, name, ATH_OK);
        assert_string_equal(ath_integrator_name(one), name);
        for (const ath_option *o = options; o->type != ATH_OPTION_END; o++) {
            assert_non_null(strstr(ath_integrator_text(one), o->name));
        }
        ath_integrator *two = create(ctx, ath_integrator_text(one), ATH_OK);
        assert_string_equal(ath_integrator_text(one), ath_integrator_text(two));
        ath_integrator_destroy(&one);
        ath_integrator_destroy(&two);
        assert_null(two);
    }
    ath_integrator *it = create(ctx, "langevin:temperature=12.5,timestep=0.1", ATH_OK);
    assert_string_equal(ath_integrator_text(it),
                        "langevin:timestep=0.1,temperature=12.5,friction=0.01,temperature_change=0,"
                        "ramp=0");
    ath_integrator_destroy(&it);
}

static void entry_row(ath_context *ctx, const char *text, const double *expected, int32_t n)
{
    ath_integrator *integrator = create(ctx, text, ATH_OK);
    int32_t n_system = -1, n_atom = -1;
    double row[32];
    ath__integrator_cells(integrator, &n_system, &n_atom);
    assert_int_equal(n_system, n);
    assert_int_equal(n_atom, 0);
    row[n] = 77.0;
    ath__integrator_entry_row(integrator, row);
    for (int32_t i = 0; i < n; i++) {
        assert_true(row[i] >= expected[i] * (1 - 1e-15) && row[i] <= expected[i] * (1 + 1e-15));
    }
    assert_true(row[n] == 77.0);
    ath_integrator_destroy(&integrator);
}

static void test_entry(void **state)
{
    ath_context *ctx = context(state);
    const double fs = 10.180505710759414, k = 8.617333262145179e-5;
    entry_row(ctx, "nve", (double[]){1.0 / fs}, 1);
    entry_row(ctx, "nve:timestep=2.5", (double[]){2.5 / fs}, 1);
    entry_row(ctx, "langevin:timestep=2,temperature=350,friction=0.02",
              (double[]){2.0 / fs, 350 * k, 0.02 * fs, 0, 0}, 5);
    entry_row(ctx, "nose_hoover:chain=5,tau_t=50,temperature_change=100,ramp=1000",
              (double[]){1 / fs, 300 * k, 100 * k, 1000, 50 / fs, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
              16);
    entry_row(ctx, "fire", (double[]){1.018 / fs, 0.1, 0.0, 1.0}, 4);
    entry_row(ctx, "fire:dt=3,alpha_start=0.25", (double[]){3 / fs, 0.25, 0.0, 1.0}, 4);
}

/* Every declared option index and level is sound. */
static void test_tables(void **state)
{
    ath_context *ctx = context(state);
    const char *name, *help;
    const ath_option *options;
    for (int32_t i = 0; ath_integrator_list(i, &name, &help, &options) == ATH_OK; i++) {
        ath_integrator *it = create(ctx, name, ATH_OK);
        int32_t n_options = 0, n = 0, n_system, n_atom;
        for (const ath_option *o = options; o->type != ATH_OPTION_END; o++) {
            assert_true(o->offset < it->ops->state_size);
            n_options++;
        }
        for (const ath__state_info *s = it->ops->states; s->name; s++) {
            assert_true(s->option >= 0 && s->option <= n_options);
            assert_true(s->n > 0 && (s->option == 0 || s->scale != 0.0));
            assert_true(s->times >= 0 && s->times <= n_options && (s->times > 0 || !s->square));
            if (s->times > 0) { /* the option's default, or its square */
                const int32_t times = atoi(options[s->times - 1].fallback);
                assert_int_equal(options[s->times - 1].type, ATH_OPTION_INT);
                n += s->n * times * (s->square ? times : 1);
            } else {
                n += s->n;
            }
        }
        ath__integrator_cells(it, &n_system, &n_atom);
        assert_int_equal(n, n_system + n_atom);
        assert_true(it->ops->needs[0] == ATH_FIELD_FORCES);
        assert_true(it->ops->needs[1] == (it->ops->moves_cell ? (int)ATH_FIELD_STRESS : -1));
        assert_true(it->ops->provides[0] >= 0);
        assert_non_null(it->ops->pre_update);
        ath_integrator_destroy(&it);
    }
}

static int table_fini_calls;

static ath_status table_init(ath_context *ctx, void *state)
{
    (void)state;
    return ath__fail(ctx, ATH_E_OPTION, "not today");
}

static void table_fini(ath_context *ctx, void *state)
{
    (void)ctx;
    (void)state;
    table_fini_calls++;
}

/* A table of one's own; a wrong ABI; an init that fails is followed by fini. */
static void test_own_table(void **state)
{
    ath_context *ctx = context(state);
    ath_integrator *nve = create(ctx, "nve", ATH_OK), *it = NULL;
    ath__integrator_ops ops = *nve->ops;
    ops.name = "mine";
    assert_int_equal(ath__integrator_create_from(ctx, &ops, "timestep=3", &it), ATH_OK);
    assert_string_equal(ath_integrator_text(it), "mine:timestep=3,grid=false");
    ath_integrator_destroy(&it);
    ops.abi = ATH_ABI + 1;
    assert_int_equal(ath__integrator_create_from(ctx, &ops, NULL, &it), ATH_E_ABI);
    assert_null(it);
    ops.abi = ATH_ABI;
    ops.init = table_init;
    ops.fini = table_fini;
    table_fini_calls = 0;
    assert_int_equal(ath__integrator_create_from(ctx, &ops, NULL, &it), ATH_E_OPTION);
    assert_null(it);
    assert_int_equal(table_fini_calls, 1);
    ath_integrator_destroy(&nve);
}

/* An allocator that fails from the n-th allocation on and counts what is alive. */
typedef struct failing {
    int64_t left, alive;
} failing;

static void *failing_resize(void *user, void *block, size_t old_bytes, size_t new_bytes)
{
    failing *f = user;
    (void)old_bytes;
    if (new_bytes == 0) {
        f->alive -= block != NULL;
        free(block);
        return NULL;
    }
    if (f->left-- <= 0) {
        return NULL;
    }
    void *fresh = NULL;
    if (posix_memalign(&fresh, 64, new_bytes)) {
        return NULL;
    }
    if (block) {
        memcpy(fresh, block, old_bytes < new_bytes ? old_bytes : new_bytes);
        free(block);
    } else {
        f->alive++;
    }
    return fresh;
}

static void check_no_memory(const char *text)
{
    bool done = false;
    for (int64_t n = 0; !done; n++) {
        failing f = {.left = INT64_MAX};
        ath_context_config config = {.size = sizeof config, .allocator = {failing_resize, &f}};
        ath_context *ctx = NULL;
        ath_integrator *it = NULL;
        assert_int_equal(ath_context_create(&config, &ctx), ATH_OK);
        f.left = n;
        const ath_status status = ath_integrator_create(ctx, text, &it);
        done = status == ATH_OK;
        assert_true(done || status == ATH_E_NO_MEMORY);
        assert_true(done == (it != NULL));
        assert_true(!done || n >= 3); /* object, options, text */
        ath_integrator_destroy(&it);
        ath_context_destroy(&ctx);
        assert_int_equal(f.alive, 0);
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    check_no_memory("langevin:temperature=5");
    check_no_memory("lbfgs:cell=full,mask=110001"); /* with a text among the options */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ranges, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fire_checks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_md_checks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_echo, setup, teardown),
        cmocka_unit_test_setup_teardown(test_entry, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tables, setup, teardown),
        cmocka_unit_test_setup_teardown(test_own_table, setup, teardown),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
