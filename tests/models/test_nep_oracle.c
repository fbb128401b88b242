/* The scalar NEP evaluator against the reference files: energy and virial of each atom, forces, in
 * every structure. Skipped (77) without the reference data.
 */
#include "test_nep_rig.h"

#include "models/nep_scalar.h"

typedef struct worst {
    double energy, force, virial, atom_virial;
} worst;

static double largest(double so_far, const double *a, const double *b, size_t n, double tolerance,
                      const char *what)
{
    for (size_t k = 0; k < n; k++) {
        const double d = fabs(a[k] - b[k]);
        if (!(d <= tolerance)) {
            fail_msg("%s %zu: %.17g, reference %.17g, off by %.2e", what, k, a[k], b[k], d);
        }
        so_far = fmax(so_far, d);
    }
    return so_far;
}

static void oracle_case(ath_context *ctx, const ath__nep_file *file, const rig_case *c, worst *w)
{
    const size_t n = (size_t)c->n;
    double *values = calloc(13 * n, sizeof *values), total[9] = {0.0}, energy = 0.0;
    assert_non_null(values);
    ath__nep_result r = {values, values + n, values + 4 * n};
    if (ath__nep_scalar(ctx, file, c->system, &r) != ATH_OK) {
        fail_msg("%s", ath_context_message(ctx));
    }
    for (size_t i = 0; i < n; i++) {
        energy += r.energies[i];
        for (int k = 0; k < 9; k++) {
            total[k] += r.virials[9 * i + (size_t)k];
        }
    }
    w->energy = largest(w->energy, r.energies, c->energies, n, NEP_TOLERANCE_ENERGY, "energy");
    w->force = largest(w->force, r.forces, c->forces, 3 * n, NEP_TOLERANCE_FORCE, "force");
    w->virial = largest(w->virial, total, c->virial, 9, NEP_TOLERANCE_VIRIAL, "virial");
    w->atom_virial =
        largest(w->atom_virial, r.virials, c->virials, 9 * n, NEP_TOLERANCE_VIRIAL, "atom virial");
    assert_true(fabs(energy - c->energy) <= NEP_TOLERANCE_ENERGY * c->n);
    free(values);
}

static void oracle_all(void **unused)
{
    (void)unused;
    int structures = 0;
    assert_int_equal(rig_count(NEP_DATA "/reference", ".json"), RIG_FILES);
    for (int k = 0; k < RIG_FILES; k++) {
        ath_context *ctx = NULL;
        ath__nep_file file;
        rig_set set;
        worst w = {0};
        char path[1024];
        assert_int_equal(ath_context_create(NULL, &ctx), ATH_OK);
        rig_model_path(k, path, sizeof path);
        if (ath__nep_read(ctx, path, &file) != ATH_OK) {
            fail_msg("%s", ath_context_message(ctx));
        }
        rig_open(ctx, rig_files[k].reference, &set);
        for (int c = 0; c < set.count; c++) {
            oracle_case(ctx, &file, &set.cases[c], &w);
        }
        structures += set.count;
        print_message("%-34s %2d structures: energy %.1e force %.1e virial %.1e per atom %.1e\n",
                      rig_files[k].reference, set.count, w.energy, w.force, w.virial,
                      w.atom_virial);
        rig_close(&set);
        ath__nep_free(ctx, &file);
        ath_context_destroy(&ctx);
    }
    assert_true(structures >= 71);
}

int main(void)
{
    if (!rig_present()) {
        printf("skipped: no " NEP_DATA "/models\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(oracle_all)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
