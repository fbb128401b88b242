/* Going back to a good state: what a retry does is what a run from that state with the gentler
 * setting does, to the bit; it is the same in any company, in pieces, through checkpoints, and on
 * host and mock; one that fails leaves, and a rewind makes it fail again in the same way.
 */
#include "dynamics/retry_rig.h"

#include <math.h>

#include <athanor/container.h>

static const int32_t every[ALL] = {0, 1, 2, 3, 4, 5};

/* ---- one retry, made by hand ---- */

typedef struct state {
    double x[6], v[6];
} pair_state;

static pair_state state_of(const fixture *f, const ath_batch *batch, int32_t i)
{
    pair_state s;
    OK(f->ctx, ath_batch_read(batch, ATH_FIELD_POSITIONS, i, s.x));
    OK(f->ctx, ath_batch_read(batch, ATH_FIELD_VELOCITIES, i, s.v));
    return s;
}

/* Steps of two atoms from a state; *met: the step at which the limit on forces is met, or -1. */
static pair_state by_hand(const fixture *f, const char *integrator, const pair_state *from,
                          int steps, int *met)
{
    ath_system *s = meeting(f->ctx, 1.0, 0.0, "by hand");
    ath_integrator *it = NULL;
    ath_batch *batch = NULL;
    void *p = NULL;
    OK(f->ctx, ath_system_field(s, ATH_FIELD_POSITIONS, &p));
    memcpy(p, from->x, sizeof from->x);
    OK(f->ctx, ath_system_field(s, ATH_FIELD_VELOCITIES, &p));
    memcpy(p, from->v, sizeof from->v);
    const ath_batch_config config = {.size = sizeof config, .device = f->device};
    OK(f->ctx, ath_batch_create(f->ctx, &config, &batch));
    OK(f->ctx, ath_batch_add(batch, s));
    OK(f->ctx, ath_integrator_create(f->ctx, integrator, &it));
    ath_dynamics_config plain = ath_dynamics_defaults();
    plain.model = f->model;
    plain.integrator = it;
    ath_dynamics *dyn = make(f, &plain);
    *met = -1;
    for (int k = 1; k <= steps && *met < 0; k++) {
        double force[6];
        OK(f->ctx, ath_dynamics_run(dyn, batch, 1));
        OK(f->ctx, ath_batch_read(batch, ATH_FIELD_FORCES, 0, force));
        const double size = sqrt(force[0] * force[0] + force[1] * force[1] + force[2] * force[2]);
        *met = size > LIMIT ? k : -1;
    }
    const pair_state out = state_of(f, batch, 0);
    ath_batch_destroy(&batch);
    ath_dynamics_destroy(&dyn);
    ath_integrator_destroy(&it);
    ath_system_destroy(&s);
    return out;
}

static void same_state(const pair_state *a, const pair_state *b)
{
    assert_memory_equal(a->x, b->x, sizeof a->x);
    assert_memory_equal(a->v, b->v, sizeof a->v);
}

/* The step at which the coarse run meets the limit, and the good state before it. */
static int first_attempt(const fixture *f, int32_t which, pair_state *good, int *kept)
{
    const ath_batch_config config = {.size = sizeof config, .device = f->device};
    ath_batch *batch = NULL;
    int met = -1, none = -1;
    OK(f->ctx, ath_batch_create(f->ctx, &config, &batch));
    OK(f->ctx, ath_batch_add(batch, f->systems[which]));
    const pair_state start = state_of(f, batch, 0);
    ath_batch_destroy(&batch);
    (void)by_hand(f, COARSE, &start, STEPS, &met);
    assert_true(met > EVERY && met < STEPS);
    *kept = (met - 1) / EVERY * EVERY;
    *good = by_hand(f, COARSE, &start, *kept, &none);
    assert_int_equal(none, -1);
    return met;
}

static void check_retry(const char *device)
{
    fixture f;
    fixture_open(&f, device, COARSE);
    pair_state good[2];
    int met[2], kept[2], again[2];
    pair_state last[2];
    for (int k = 0; k < 2; k++) {
        met[k] = first_attempt(&f, MILD + k, &good[k], &kept[k]);
        last[k] = by_hand(&f, FINE, &good[k], STEPS - met[k], &again[k]);
    }
    assert_true(again[0] == -1 && again[1] > 0); /* gentler helps one of them */
    const ath_dynamics_config config = fixture_config(&f, true);
    ath_dynamics *dyn = make(&f, &config);
    ath_batch *batch = batch_of(&f, every, ALL);
    OK(f.ctx, ath_dynamics_run(dyn, batch, STEPS));
    for (int k = 0; k < 2; k++) {
        const pair_state got = state_of(&f, batch, MILD + k);
        const int steps = kept[k] + (k == 0 ? STEPS - met[k] : again[k]);
        same_state(&got, &last[k]);
        assert_int_equal(read_int(&f, batch, ATH_FIELD_REASON, MILD + k),
                         k == 0 ? ATH_REASON_NONE : ATH_REASON_MAX_FORCE);
        assert_int_equal(read_int(&f, batch, ATH_FIELD_RETRIES, MILD + k), 1);
        assert_int_equal(read_long(&f, batch, ATH_FIELD_STAGE_STEPS, MILD + k), steps);
        assert_int_equal(read_long(&f, batch, ATH_FIELD_AGE, MILD + k), steps);
    }
    for (int32_t i = 0; i < CALM; i++) {
        assert_int_equal(read_int(&f, batch, ATH_FIELD_RETRIES, i), 0);
        assert_int_equal(read_long(&f, batch, ATH_FIELD_STAGE_STEPS, i), STEPS);
    }
    assert_int_equal(retried(&f, dyn), 2);
    ath_batch_destroy(&batch);
    ath_dynamics_destroy(&dyn);
    fixture_close(&f);
}

static void test_retry(void **state)
{
    (void)state;
    check_retry("host");
    check_retry("mock");
}

/* ---- whoever else is there ---- */

/* Multiplies velocities; what it does depends on the system's own step alone. */
static ath_status push(void *user, const ath_hook_context *context)
{
    const fixture *f = user;
    for (int32_t i = 0; i < ath_batch_n_systems(context->batch); i++) {
        double v[192];
        if (!context->mask[i]) {
            continue;
        }
        const int32_t n = 3 * ath_batch_n_atoms_of(context->batch, i);
        OK(f->ctx, ath_batch_read(context->batch, ATH_FIELD_VELOCITIES, i, v));
        for (int32_t k = 0; k < n; k++) {
            v[k] *= 1.0 + 1e-3;
        }
        OK(f->ctx, ath_batch_write(context->batch, ATH_FIELD_VELOCITIES, i, v));
    }
    return ATH_OK;
}

static uint64_t digest_of(const fixture *f, const ath_batch *batch, int32_t i)
{
    return structures_digest(f->ctx, batch, i) * 31 +
           (uint64_t)read_int(f, batch, ATH_FIELD_RETRIES, i);
}

typedef struct way {
    const char *device;
    int32_t which[ALL], n, threads, tile, piece;
    bool saved; /* and loaded after each piece */
    int push;   /* own steps between calls of a hook; 0: none */
} way;

static void way_run(const fixture *f, const way *w, uint64_t out[ALL])
{
    ath_dynamics_config config = fixture_config(f, true);
    config.max_displacement = 3.0;
    config.max_temperature = 1e9;
    config.max_volume_change = 10.0;
    config.min_distance = 0.2;
    config.n_threads = w->threads;
    config.tile_bytes = w->tile;
    const ath_hook hook = {.size = sizeof hook,
                           .name = "push",
                           .stage = ATH_STAGE_AFTER_STEP,
                           .frequency = w->push,
                           .access = ATH_HOOK_WRITES | ATH_HOOK_OWN_STEPS,
                           .user = (void *)f,
                           .call = push};
    config.hooks = &hook;
    config.n_hooks = w->push > 0;
    ath_batch *batch = batch_of(f, w->which, w->n);
    ath_dynamics *dyn = make(f, &config);
    for (int made = 0; made < STEPS; made += w->piece) {
        const int left = STEPS - made;
        assert_true(ath_dynamics_run(dyn, batch, left < w->piece ? left : w->piece) >= 0);
        if (w->saved) {
            OK(f->ctx, ath_dynamics_save(dyn, batch, f->path));
            ath_dynamics_destroy(&dyn);
            ath_batch_destroy(&batch);
            dyn = make(f, &config);
            OK(f->ctx, ath_dynamics_load(dyn, f->device, f->path, &batch));
        }
    }
    int64_t n = 0;
    for (int32_t i = 0; i < w->n; i++) {
        out[w->which[i]] = digest_of(f, batch, i);
        n += w->which[i] >= CALM;
    }
    assert_int_equal(retried(f, dyn), n);
    ath_batch_destroy(&batch);
    ath_dynamics_destroy(&dyn);
}

static void test_company(void **state)
{
    static const way ways[] = {
        {"host", {0, 1, 2, 3, 4, 5}, 6, 1, 0, STEPS, false, 0},
        {"host", {0, 1, 2, 3}, 4, 1, 0, STEPS, false, 0},
        {"host", {4}, 1, 1, 0, STEPS, false, 0},
        {"host", {5}, 1, 1, 0, STEPS, false, 0},
        {"host", {5, 3, 4, 1, 0, 2}, 6, 2, 1, STEPS, false, 0},
        {"host", {0, 1, 2, 3, 4, 5}, 6, 1, 0, 1, false, 0},
        {"host", {4, 5, 0}, 3, 2, 1, 7, true, 0},
        {"host", {0, 1, 2, 3, 4, 5}, 6, 1, 0, 1, true, 0},
        {"mock", {0, 1, 2, 3, 4, 5}, 6, 1, 0, STEPS, false, 0},
        {"mock", {5, 1, 4}, 3, 1, 0, 4, true, 0},
        {"host", {0, 1, 2, 3, 4, 5}, 6, 1, 0, STEPS, false, 5},
        {"host", {4}, 1, 1, 0, STEPS, false, 5},
        {"host", {5}, 1, 1, 0, STEPS, false, 5},
        {"host", {5, 2, 4}, 3, 2, 1, 9, true, 5},
        {"mock", {4, 3, 5}, 3, 1, 0, STEPS, false, 5},
    };
    uint64_t first[ALL];
    (void)state;
    for (size_t k = 0; k < sizeof ways / sizeof *ways; k++) {
        fixture f;
        uint64_t got[ALL] = {0};
        fixture_open(&f, ways[k].device, COARSE);
        way_run(&f, &ways[k], got);
        for (int32_t i = 0; i < ways[k].n; i++) {
            const int32_t which = ways[k].which[i];
            if (k == 0 || (ways[k].push && !ways[k - 1].push)) {
                first[which] = got[which];
            }
            assert_true(got[which] == first[which]);
        }
        fixture_close(&f);
    }
}

/* ---- files that were written before ---- */

/* The section ENGN as version 1 had it: without the last of its numbers. */
static void older(const fixture *f)
{
    ath_container_reader *reader = NULL;
    ath_container *out = NULL;
    ath_section section = {0};
    OK(f->ctx, ath_container_open(f->ctx, f->path, &reader));
    OK(f->ctx, ath_container_create(f->ctx, &out));
    while (ath_container_next(reader, &section) == ATH_OK) {
        if (section.id != ATH_SECTION_ID('E', 'N', 'G', 'N')) {
            OK(f->ctx,
               ath_container_add(out, section.id, section.version, section.data, section.bytes));
            continue;
        }
        uint8_t *bytes = malloc(section.bytes);
        assert_int_equal(section.version, 2);
        memcpy(bytes, section.data, 88);
        memcpy(bytes + 88, (const uint8_t *)section.data + 96, section.bytes - 96);
        OK(f->ctx, ath_container_add(out, section.id, 1, bytes, section.bytes - 8));
        free(bytes);
    }
    ath_container_close(&reader);
    OK(f->ctx, ath_container_save(out, f->path));
    ath_container_destroy(&out);
}

static void test_older(void **state)
{
    (void)state;
    for (int old = 0; old < 2; old++) {
        fixture f;
        ath_dynamics_stats stats[2];
        fixture_open(&f, "host", COARSE);
        ath_dynamics_config config = fixture_config(&f, true);
        config.good_every = old ? 0 : EVERY; /* files of old know of no good states */
        config.retries = !old;
        ath_dynamics *dyn = make(&f, &config);
        ath_batch *batch = batch_of(&f, every, ALL);
        OK(f.ctx, ath_dynamics_run(dyn, batch, 20));
        OK(f.ctx, ath_dynamics_get_stats(dyn, &stats[0]));
        assert_int_equal(stats[0].n_retried, old ? 0 : 2);
        OK(f.ctx, ath_dynamics_save(dyn, batch, f.path));
        if (old) {
            older(&f);
        }
        ath_batch_destroy(&batch);
        ath_dynamics_destroy(&dyn);
        dyn = make(&f, &config);
        OK(f.ctx, ath_dynamics_load(dyn, f.device, f.path, &batch));
        OK(f.ctx, ath_dynamics_get_stats(dyn, &stats[1]));
        assert_int_equal(stats[1].n_retried, stats[0].n_retried);
        assert_int_equal(stats[1].system_steps, stats[0].system_steps);
        assert_int_equal(ath_dynamics_step_count(dyn), 20);
        ath_batch_destroy(&batch);
        ath_dynamics_destroy(&dyn);
        fixture_close(&f);
    }
}

/* ---- back by hand ---- */

/* Takes the wild one back and runs: it must fail as it has. */
static void fails_again(const fixture *f, ath_dynamics *dyn, ath_batch *batch, int32_t i,
                        const ath_batch *as, int32_t k, int64_t apart)
{
    const int64_t steps = read_long(f, as, ATH_FIELD_STAGE_STEPS, k);
    const uint64_t digest = digest_of(f, as, k);
    const int32_t reason = read_int(f, as, ATH_FIELD_REASON, k);
    assert_int_equal(reason, ATH_REASON_MAX_FORCE);
    OK(f->ctx, ath_dynamics_rewind(dyn, batch, i));
    assert_int_equal(read_int(f, batch, ATH_FIELD_REASON, i), ATH_REASON_NONE);
    assert_int_equal(read_int(f, batch, ATH_FIELD_STATUS, i), 0);
    const int64_t from = read_long(f, batch, ATH_FIELD_STAGE_STEPS, i);
    assert_true(from % apart == 0 && from < steps && steps - from <= apart);
    assert_true(ath_dynamics_run(dyn, batch, steps - from - 1) >= 0);
    assert_int_equal(read_int(f, batch, ATH_FIELD_REASON, i), ATH_REASON_NONE);
    OK(f->ctx, ath_dynamics_run(dyn, batch, STEPS));
    assert_int_equal(read_int(f, batch, ATH_FIELD_REASON, i), reason);
    assert_int_equal(read_long(f, batch, ATH_FIELD_STAGE_STEPS, i), steps);
    assert_true(digest_of(f, batch, i) == digest);
}

/* Through a packet, behind others, into another batch of another dynamics. */
static void fails_elsewhere(const fixture *f, const ath_batch *from, bool retry, int64_t apart)
{
    const int32_t wild[1] = {WILD}, calm[2] = {1, 0};
    ath_packet *packet = NULL, *copy = NULL;
    size_t bytes = 0;
    ath_dynamics_config config = fixture_config(f, retry);
    config.good_every = apart;
    ath_dynamics *dyn = make(f, &config);
    OK(f->ctx, ath_packet_pack_batch(from, wild, 1, &packet));
    const void *data = ath_packet_data(packet, &bytes);
    OK(f->ctx, ath_packet_open(f->ctx, data, bytes, &copy));
    for (int32_t others = 0; others < 2; others++) {
        ath_batch *batch = batch_of(f, calm, 0);
        OK(f->ctx, ath_packet_unpack_into(copy, 0, batch));
        for (int32_t i = 0; i < 2 * others; i++) {
            OK(f->ctx, ath_batch_add(batch, f->systems[calm[i]]));
        }
        fails_again(f, dyn, batch, 0, from, WILD, apart);
        ath_batch_destroy(&batch);
    }
    /* one that keeps nothing, and one that keeps something else */
    ath_integrator *fine = NULL;
    OK(f->ctx, ath_integrator_create(f->ctx, FINE, &fine));
    for (int k = 0; k < 2; k++) {
        ath_dynamics_config other = config;
        other.good_every = k == 0 ? 0 : apart;
        other.integrator = k == 0 ? config.integrator : fine;
        ath_dynamics *stranger = make(f, &other);
        ath_batch *batch = batch_of(f, calm, 0);
        OK(f->ctx, ath_packet_unpack_into(copy, 0, batch));
        assert_int_equal(ath_dynamics_rewind(stranger, batch, 0), ATH_E_STATE);
        assert_int_equal(read_int(f, batch, ATH_FIELD_REASON, 0), ATH_REASON_MAX_FORCE);
        ath_batch_destroy(&batch);
        ath_dynamics_destroy(&stranger);
    }
    ath_integrator_destroy(&fine);
    ath_packet_destroy(&copy);
    ath_packet_destroy(&packet);
    ath_dynamics_destroy(&dyn);
}

static void check_rewind(const char *device, bool retry, int64_t apart)
{
    fixture f;
    fixture_open(&f, device, COARSE);
    ath_dynamics_config config = fixture_config(&f, retry);
    config.good_every = apart;
    ath_dynamics *dyn = make(&f, &config);
    ath_batch *batch = batch_of(&f, every, ALL), *copy = NULL;
    OK(f.ctx, ath_dynamics_run(dyn, batch, STEPS));
    const uint64_t calm = digest_of(&f, batch, 2);
    OK(f.ctx, ath_batch_select(batch, every, ALL, &copy));
    fails_elsewhere(&f, batch, retry, apart);
    assert_int_equal(ath_dynamics_rewind(dyn, batch, ALL), ATH_E_RANGE);
    assert_int_equal(ath_dynamics_rewind(dyn, NULL, 0), ATH_E_ARGUMENT);
    assert_true(digest_of(&f, batch, 2) == calm);
    fails_again(&f, dyn, batch, WILD, copy, WILD, apart);
    assert_int_equal(retried(&f, dyn), retry ? 2 : 0);
    ath_batch_destroy(&copy);
    ath_batch_destroy(&batch);
    ath_dynamics_destroy(&dyn);
    fixture_close(&f);
}

static void test_rewind(void **state)
{
    (void)state;
    for (int64_t apart = EVERY; apart <= 4 * EVERY; apart += 3 * EVERY) {
        check_rewind("host", true, apart);
        check_rewind("host", false, apart);
        check_rewind("mock", true, apart);
        check_rewind("mock", false, apart);
    }
}

/* No good state: it fails on entry. */
static void test_nothing_good(void **state)
{
    fixture f;
    (void)state;
    fixture_open(&f, "host", COARSE);
    ath_system_destroy(&f.systems[WILD]);
    f.systems[WILD] = meeting(f.ctx, 2.0, 0.1, "wild");
    const ath_dynamics_config config = fixture_config(&f, true);
    ath_dynamics *dyn = make(&f, &config);
    ath_batch *batch = batch_of(&f, every, ALL);
    OK(f.ctx, ath_dynamics_run(dyn, batch, 3));
    assert_int_equal(read_int(&f, batch, ATH_FIELD_REASON, WILD), ATH_REASON_MAX_FORCE);
    assert_int_equal(read_long(&f, batch, ATH_FIELD_STAGE_STEPS, WILD), 0);
    assert_int_equal(ath_dynamics_rewind(dyn, batch, WILD), ATH_E_STATE);
    OK(f.ctx, ath_dynamics_rewind(dyn, batch, 0)); /* active as it is: to its entry */
    assert_int_equal(read_long(&f, batch, ATH_FIELD_STAGE_STEPS, 0), 0);
    assert_int_equal(retried(&f, dyn), 0);
    ath_batch_destroy(&batch);
    ath_dynamics_destroy(&dyn);
    fixture_close(&f);
}

/* ---- stages ---- */

typedef struct life {
    uint64_t digest;
    int32_t retries, reason;
} life;

/* Two stages of so many steps, a hook of own steps if `every_steps` is not 0: in the first stage,
 * or, where it is negative, in all of them. */
static void stages_run(const fixture *f, const int32_t *which, int32_t n, int64_t every_steps,
                       int32_t threads, int32_t late, life out[ALL])
{
    const ath_hook hook = {.size = sizeof hook,
                           .name = "push",
                           .stage = ATH_STAGE_BEFORE_STEP,
                           .frequency = llabs(every_steps),
                           .access = ATH_HOOK_WRITES | ATH_HOOK_OWN_STEPS,
                           .user = (void *)f,
                           .call = push};
    ath_dynamics *parts[2] = {NULL}, *dyn = NULL;
    ath_dynamics_config config = fixture_config(f, true);
    config.n_steps = STEPS;
    config.hooks = &hook;
    config.n_hooks = every_steps > 0;
    config.n_threads = threads;
    config.tile_bytes = threads > 1;
    parts[0] = make(f, &config);
    config.n_hooks = 0;
    config.n_steps = 10;
    config.max_force = 0.0;
    parts[1] = make(f, &config);
    OK(f->ctx, ath_fuse(f->ctx, parts, 2, &dyn));
    if (every_steps < 0) {
        OK(f->ctx, ath_dynamics_register_hook(dyn, &hook));
    }
    ath_batch *batch = batch_of(f, which, n - late);
    for (int32_t i = n - late; i < n; i++) { /* the last ones come one by one, two steps apart */
        assert_true(ath_dynamics_run(dyn, batch, 2) >= 0);
        OK(f->ctx, ath_batch_add(batch, f->systems[which[i]]));
    }
    OK(f->ctx, ath_dynamics_run(dyn, batch, ATH_UNSET));
    for (int32_t i = 0; i < n; i++) {
        out[which[i]] = (life){.digest = digest_of(f, batch, i),
                               .retries = read_int(f, batch, ATH_FIELD_RETRIES, i),
                               .reason = read_int(f, batch, ATH_FIELD_REASON, i)};
        assert_int_equal(read_int(f, batch, ATH_FIELD_STATUS, i), which[i] == WILD ? 3 : 2);
        assert_true(which[i] == WILD || read_long(f, batch, ATH_FIELD_AGE, i) == STEPS + 10);
    }
    assert_true(retried(f, dyn) >= (n == ALL ? 2 : 0));
    ath_batch_destroy(&batch);
    ath_dynamics_destroy(&dyn);
    ath_dynamics_destroy(&parts[0]);
    ath_dynamics_destroy(&parts[1]);
}

static void check_stages(const char *device, int64_t every_steps)
{
    fixture f;
    life whole[ALL], other[ALL];
    const int32_t pair[2] = {WILD, MILD}, mixed[4] = {MILD, 3, 1, WILD};
    fixture_open(&f, device, COARSE);
    stages_run(&f, every, ALL, every_steps, 1, 0, whole);
    assert_int_equal(whole[WILD].reason, ATH_REASON_MAX_FORCE);
    assert_int_equal(whole[WILD].retries, 1);
    assert_int_equal(whole[MILD].reason, ATH_REASON_BUDGET);
    assert_int_equal(whole[MILD].retries, 0); /* of the second stage */
    for (int32_t i = 0; i < ALL; i++) {
        stages_run(&f, &i, 1, every_steps, 1, 0, other);
        assert_memory_equal(&other[i], &whole[i], sizeof other[i]);
    }
    stages_run(&f, pair, 2, every_steps, 1, 0, other);
    assert_memory_equal(&other[MILD], &whole[MILD], 2 * sizeof *other);
    stages_run(&f, mixed, 4, every_steps, 2, 0, other);
    assert_memory_equal(&other[MILD], &whole[MILD], 2 * sizeof *other);
    for (int32_t late = 1; late <= 4; late++) {
        stages_run(&f, every, ALL, every_steps, 1, late, other);
        assert_memory_equal(other, whole, sizeof other);
    }
    fixture_close(&f);
}

static void test_stages(void **state)
{
    (void)state;
    static const int64_t steps[] = {0, 5, 7, -5, -3};
    for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
        check_stages("host", steps[k]);
        check_stages("mock", steps[k]);
    }
}

/* ---- memory, and what is not retried ---- */

static int64_t requests(int64_t steps)
{
    fixture f;
    fixture_open(&f, "host", COARSE);
    ath_dynamics_config config = fixture_config(&f, true);
    config.max_displacement = 1e3;
    config.max_temperature = 1e9;
    config.max_volume_change = 10.0;
    config.min_distance = 0.2;
    ath_dynamics *dyn = make(&f, &config);
    ath_batch *batch = batch_of(&f, every, ALL);
    OK(f.ctx, ath_dynamics_run(dyn, batch, 1));
    const int64_t before = f.memory.n_calls;
    OK(f.ctx, ath_dynamics_run(dyn, batch, steps));
    const int64_t n = f.memory.n_calls - before;
    assert_true(steps < STEPS || retried(&f, dyn) == 2);
    ath_batch_destroy(&batch);
    ath_dynamics_destroy(&dyn);
    fixture_close(&f);
    return n;
}

static void test_no_allocation(void **state)
{
    (void)state;
    assert_int_equal(requests(1), requests(STEPS));
}

/* Each request for memory of a rewind fails in turn. */
static void check_memory(const char *device)
{
    fixture f;
    fixture_open(&f, device, COARSE);
    const ath_dynamics_config config = fixture_config(&f, true);
    ath_dynamics *dyn = make(&f, &config);
    ath_batch *batch = batch_of(&f, every, ALL), *copy = NULL;
    OK(f.ctx, ath_dynamics_run(dyn, batch, STEPS));
    OK(f.ctx, ath_batch_select(batch, every, ALL, &copy));
    ath_dynamics_destroy(&dyn);
    for (int64_t k = 1;; k++) {
        ath_batch *again = NULL;
        OK(f.ctx, ath_batch_select(copy, every, ALL, &again));
        dyn = make(&f, &config);
        f.memory.fail_at = f.memory.n_calls + k;
        const ath_status status = ath_dynamics_rewind(dyn, again, WILD);
        f.memory.fail_at = 0;
        if (status == ATH_OK) {
            assert_true(k > 3);
            fails_again(&f, dyn, again, WILD, copy, WILD, EVERY);
        } else {
            assert_int_equal(status, ATH_E_NO_MEMORY);
        }
        ath_dynamics_destroy(&dyn);
        ath_batch_destroy(&again);
        if (status == ATH_OK) {
            break;
        }
    }
    ath_batch_destroy(&copy);
    ath_batch_destroy(&batch);
    fixture_close(&f);
}

static void test_memory(void **state)
{
    (void)state;
    check_memory("host");
    check_memory("mock");
}

static ath_status dismiss(void *user, const ath_hook_context *context)
{
    (void)user;
    return context->dynamics ? ath_dynamics_quarantine((ath_dynamics *)context->dynamics,
                                                       context->batch, 1, ATH_REASON_NON_FINITE)
                             : ATH_E_INTERNAL;
}

static void check_dismissed(const char *device)
{
    fixture f;
    fixture_open(&f, device, COARSE);
    const ath_hook hook = {.size = sizeof hook,
                           .name = "dismiss",
                           .stage = ATH_STAGE_AFTER_STEP,
                           .frequency = 12,
                           .access = ATH_HOOK_WRITES,
                           .call = dismiss};
    ath_dynamics_config config = fixture_config(&f, true);
    config.hooks = &hook;
    config.n_hooks = 1;
    ath_dynamics *dyn = make(&f, &config);
    ath_batch *batch = batch_of(&f, every, 2);
    OK(f.ctx, ath_dynamics_run(dyn, batch, 11));
    assert_int_equal(read_int(&f, batch, ATH_FIELD_REASON, 1), ATH_REASON_NON_FINITE);
    assert_int_equal(read_int(&f, batch, ATH_FIELD_RETRIES, 1), 0);
    OK(f.ctx, ath_dynamics_rewind(dyn, batch, 1)); /* by hand it can go back */
    assert_int_equal(read_long(&f, batch, ATH_FIELD_STAGE_STEPS, 1), 0);
    OK(f.ctx, ath_dynamics_run(dyn, batch, 1));
    assert_int_equal(read_int(&f, batch, ATH_FIELD_REASON, 1), ATH_REASON_NONE);
    ath_batch_destroy(&batch);
    ath_dynamics_destroy(&dyn);
    fixture_close(&f);
}

static void test_dismissed(void **state)
{
    (void)state;
    check_dismissed("host");
    check_dismissed("mock");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_retry),         cmocka_unit_test(test_company),
        cmocka_unit_test(test_rewind),        cmocka_unit_test(test_older),
        cmocka_unit_test(test_nothing_good),  cmocka_unit_test(test_stages),
        cmocka_unit_test(test_no_allocation), cmocka_unit_test(test_memory),
        cmocka_unit_test(test_dismissed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
