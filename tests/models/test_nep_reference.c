/* The model "nep" against the reference files on every instruction set: energies, forces and
 * virials of every structure, all structures of a set in one call. Skipped (77) without the
 * reference data.
 */
#include "model_checks.h"
#include "test_nep_rig.h"

typedef struct worst {
    double energy, force, virial;
} worst;

static void reference_near(double *most, double value, double expected, double tolerance,
                           const char *what, const rig_case *c)
{
    const double d = fabs(value - expected);
    if (!(d <= tolerance)) {
        fail_msg("%s: %s %.17g, reference %.17g, off by %.2e", c->name, what, value, expected, d);
    }
    *most = fmax(*most, d);
}

static void reference_case(const rig_case *c, const model_result *r, worst *w)
{
    assert_int_equal(r->n_atoms, c->n);
    reference_near(&w->energy, r->energy / c->n, c->energy / c->n, NEP_TOLERANCE_ENERGY, "energy",
                   c);
    for (int32_t k = 0; k < 3 * c->n; k++) {
        reference_near(&w->force, r->forces[k], c->forces[k], NEP_TOLERANCE_FORCE, "force", c);
    }
    for (int k = 0; k < 9; k++) {
        reference_near(&w->virial, -r->stress[k] * c->volume, c->virial[k], NEP_TOLERANCE_VIRIAL,
                       "virial", c);
    }
}

static void reference_on(const char *device)
{
    int structures = 0;
    worst all = {0};
    for (int k = 0; k < RIG_FILES; k++) {
        ath_system *systems[RIG_MAX_STRUCTURES];
        model_bench bench;
        rig_set set;
        char path[1024], text[1100];
        rig_model_path(k, path, sizeof path);
        snprintf(text, sizeof text, "nep:file=%s", path);
        if (!model_bench_open(&bench, NULL, device, NULL, text)) {
            print_message("no %s here: not compared\n", device);
            return;
        }
        rig_open(bench.ctx, rig_files[k].reference, &set);
        for (int c = 0; c < set.count; c++) {
            systems[c] = set.cases[c].system;
            assert_int_equal(ath_model_accepts(bench.model, systems[c]), ATH_OK);
        }
        worst w = {0};
        model_result *r = model_results(&bench, systems, set.count, MODEL_ALL);
        for (int c = 0; c < set.count; c++) {
            reference_case(&set.cases[c], &r[c], &w);
        }
        model_results_free(r, set.count);
        structures += set.count;
        all.energy = fmax(all.energy, w.energy);
        all.force = fmax(all.force, w.force);
        all.virial = fmax(all.virial, w.virial);
        rig_close(&set);
        model_bench_close(&bench);
    }
    assert_true(structures >= 71);
    print_message("%s: %d structures: %.1e eV/atom, %.1e eV/A, %.1e eV\n", device, structures,
                  all.energy, all.force, all.virial);
}

static void reference_base(void **unused)
{
    (void)unused;
    reference_on("host:isa=base");
}

static void reference_v3(void **unused)
{
    (void)unused;
    reference_on("host:isa=v3");
}

static void reference_v4(void **unused)
{
    (void)unused;
    reference_on("host:isa=v4");
}

int main(void)
{
    if (!rig_present()) {
        printf("skipped: no " NEP_DATA "/models\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_base),
        cmocka_unit_test(reference_v3),
        cmocka_unit_test(reference_v4),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
