/* Computes energies, forces and stresses for a script that minimizes by itself.
 *
 *     force_tool MODEL < REQUESTS > ANSWERS
 *
 * A request: the number of atoms; three numbers 0 or 1, periodic or not; nine of the cell, row by
 * row; for each atom its atomic number and position. An answer is one line: energy, stress (nine
 * components, 0 unless periodic along all three vectors), forces; eV and angstrom. All is separated
 * by white space. The last request is followed by the end of the file.
 */
#include <stdio.h>

#include <athanor/dynamics.h>

typedef struct tool {
    ath_context *ctx;
    ath_device *device;
    ath_model *model;
    ath_dynamics *dynamics;
} tool;

/* Memory of a field of `system`; NULL if there is none left. */
static void *field(ath_system *system, ath_field_id id)
{
    void *rows = NULL;
    return ath_system_field(system, id, &rows) < 0 ? NULL : rows;
}

/* ATH_END at the end of the file. */
static ath_status request(ath_context *ctx, ath_system **out)
{
    int n = 0;
    const int got = scanf("%d", &n);
    if (got != 1) {
        return got == EOF ? ATH_END : ATH_E_FORMAT;
    }
    const ath_status status = ath_system_create(ctx, n, out);
    if (status < 0) {
        return status;
    }
    int32_t *pbc = field(*out, ATH_FIELD_PBC), *numbers = field(*out, ATH_FIELD_NUMBERS);
    double *h = field(*out, ATH_FIELD_CELL), *r = field(*out, ATH_FIELD_POSITIONS);
    if (!pbc || !numbers || !h || !r) {
        return ATH_E_NO_MEMORY;
    }
    int read = 0;
    for (int k = 0; k < 3; k++) {
        read += scanf("%d", &pbc[k]);
    }
    for (int k = 0; k < 9; k++) {
        read += scanf("%lf", &h[k]);
    }
    for (int i = 0; i < n; i++) {
        read += scanf("%d %lf %lf %lf", &numbers[i], &r[3 * i], &r[3 * i + 1], &r[3 * i + 2]);
    }
    return read == 12 + 4 * n ? ATH_OK : ATH_E_FORMAT;
}

static ath_status answer(const tool *t, ath_system *system)
{
    ath_batch *batch = NULL;
    void *energy = NULL, *stress = NULL, *forces = NULL;
    ath_status status = ath_model_accepts(t->model, system);
    status = status < 0 ? status : ath_batch_from_systems(t->ctx, t->device, &system, 1, &batch);
    status = status < 0 ? status : ath_dynamics_compute(t->dynamics, batch);
    status = status < 0 ? status : ath_batch_rows(batch, ATH_FIELD_ENERGY, 0, &energy);
    status = status < 0 ? status : ath_batch_rows(batch, ATH_FIELD_STRESS, 0, &stress);
    status = status < 0 ? status : ath_batch_rows(batch, ATH_FIELD_FORCES, 0, &forces);
    if (status >= 0) {
        printf("%.17g", *(const double *)energy);
        for (int k = 0; k < 9; k++) {
            printf(" %.17g", ((const double *)stress)[k]);
        }
        for (int k = 0; k < 3 * ath_system_n_atoms(system); k++) {
            printf(" %.17g", ((const double *)forces)[k]);
        }
        printf("\n");
        fflush(stdout);
    }
    ath_batch_destroy(&batch);
    return status;
}

static ath_status serve(tool *t, const char *model)
{
    ath_dynamics_config config = ath_dynamics_defaults();
    ath_status status = ath_device_open(t->ctx, "host", &t->device);
    status = status < 0 ? status : ath_model_create(t->ctx, model, &t->model);
    config.model = t->model;
    config.n_threads = 1;
    status = status < 0 ? status : ath_dynamics_create(t->ctx, &config, &t->dynamics);
    while (status == ATH_OK) {
        ath_system *system = NULL;
        status = request(t->ctx, &system);
        status = status == ATH_OK ? answer(t, system) : status;
        ath_system_destroy(&system);
    }
    return status;
}

int main(int argc, char **argv)
{
    tool t = {0};
    if (argc != 2 || ath_context_create(NULL, &t.ctx) < 0) {
        return 64;
    }
    const ath_status status = serve(&t, argv[1]);
    if (status < 0) {
        fprintf(stderr, "force_tool: %s: %s\n", ath_status_text(status),
                ath_context_message(t.ctx));
    }
    ath_dynamics_destroy(&t.dynamics);
    ath_model_destroy(&t.model);
    ath_device_close(&t.device);
    ath_context_destroy(&t.ctx);
    return status < 0;
}
