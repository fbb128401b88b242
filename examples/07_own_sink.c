/* A sink of one's own: of all systems put into it, it keeps the k lowest in energy, in order. Ten
 * argon dimers go through a Lennard-Jones model; the two nearest to its minimum (3.816) remain. */
#include <stdio.h>

#include <athanor/dynamics.h>
#include <athanor/sink.h>

enum { K = 2 };
typedef struct lowest {
    int64_t n;
    ath_system *systems[K + 1]; /* [n], ascending; one more than K for a moment */
} lowest;
static double energy(const ath_system *system)
{
    return *(const double *)ath_system_peek(system, ATH_FIELD_ENERGY);
}
/* There is always room: what is higher than the k lowest is let go. */
static ath_status lowest_reserve(void *state, int64_t n_atoms)
{
    (void)state, (void)n_atoms;
    return ATH_OK;
}
static ath_status lowest_write(void *state, const ath_system *system)
{
    lowest *l = state;
    ath_system *copy = NULL;
    const ath_status s = ath_system_clone(system, &copy);
    int64_t at = l->n;
    for (; s >= 0 && at > 0 && energy(l->systems[at - 1]) > energy(copy); at--) {
        l->systems[at] = l->systems[at - 1];
    }
    l->systems[at] = copy;
    l->n += s >= 0;
    if (l->n > K) {
        ath_system_destroy(&l->systems[--l->n]);
    }
    return s;
}
static void lowest_extent(const void *state, int64_t *length, int64_t *capacity)
{
    *length = ((const lowest *)state)->n;
    *capacity = INT64_MAX;
}
static void lowest_fini(ath_context *ctx, void *state)
{
    (void)ctx;
    for (lowest *l = state; l->n > 0;) {
        ath_system_destroy(&l->systems[--l->n]);
    }
}
static const ath_sink_ops ops = {.abi = ATH_SINK_ABI,
                                 .name = "lowest",
                                 .state_size = sizeof(lowest),
                                 .fini = lowest_fini,
                                 .reserve = lowest_reserve,
                                 .write = lowest_write,
                                 .extent = lowest_extent};

int main(void)
{
    ath_context *ctx = NULL;
    ath_device *device = NULL;
    ath_system *dimer = NULL;
    ath_batch *batch = NULL;
    ath_dynamics *dynamics = NULL;
    ath_sink *sink = NULL;
    void *x = NULL;
    double r[K] = {0.0};
    ath_dynamics_config config = ath_dynamics_defaults();
    ath_status s = ath_context_create(NULL, &ctx);
    s = s < 0 ? s : ath_device_open(ctx, "host", &device);
    s = s < 0 ? s : ath_model_create(ctx, "lj:epsilon=0.0104,sigma=3.4,cutoff=9", &config.model);
    s = s < 0 ? s : ath_dynamics_create(ctx, &config, &dynamics);
    s = s < 0 ? s : ath_sink_create_from(ctx, &ops, NULL, &sink);
    s = s < 0 ? s : ath_system_create(ctx, 2, &dimer);
    s = s < 0 ? s : ath_system_field(dimer, ATH_FIELD_POSITIONS, &x);
    for (int i = 0; s >= 0 && i < 10; i++) {
        ((double *)x)[0] = 4.4 - 0.1 * i; /* angstrom */
        s = ath_batch_from_systems(ctx, device, &dimer, 1, &batch);
        ath_system_destroy(&dimer);
        s = s < 0 ? s : ath_dynamics_compute(dynamics, batch);
        s = s < 0 ? s : ath_batch_get(batch, 0, &dimer);
        s = s < 0 ? s : ath_system_field(dimer, ATH_FIELD_POSITIONS, &x);
        s = s < 0 ? s : ath_sink_put(sink, dimer);
        ath_batch_destroy(&batch);
    }
    for (int i = 0; s >= 0 && i < K && ath_sink_length(sink) == K; i++) {
        const lowest *l = ath_sink_state(sink);
        r[i] = *(const double *)ath_system_peek(l->systems[i], ATH_FIELD_POSITIONS);
    }
    printf("%.1f and %.1f angstrom remain %s\n", r[0], r[1], s < 0 ? ath_context_message(ctx) : "");
    ath_sink_destroy(&sink);
    ath_system_destroy(&dimer);
    ath_dynamics_destroy(&dynamics);
    ath_model_destroy(&config.model);
    ath_device_close(&device);
    ath_context_destroy(&ctx);
    return !(r[0] > 3.79 && r[0] < 3.81 && r[1] > 3.89 && r[1] < 3.91);
}
