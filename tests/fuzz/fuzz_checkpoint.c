/* libFuzzer target: bytes as a checkpoint of a small dynamics with a sampler and a hook. Loaded,
 * run for two steps, saved, loaded again: nothing may crash or leak or ask for more memory than the
 * bytes justify; what is refused has changed nothing; what is accepted is the same when it has been
 * saved and loaded. A fuzzer cannot make checksums: bits of the first byte say which of them are
 * made right first, those of sections and of records of systems (1) and that of the position of the
 * sampler (2).
 */
#include <athanor/dynamics.h>

#include "campaign/disk.h"
#include "data/bytes.h"
#include "data/container.h"
#include "fuzz/target.h"

enum { FUZZ_MAX = 1 << 15, FUZZ_QUEUE = 4, FUZZ_ATOMS = 200 };

/* ---- checksums ---- */

static void fuzz_mend_head(uint8_t *head, size_t left)
{
    const uint64_t length = ath__le_get64(head + 16);
    const size_t n = length <= left ? (size_t)length : left;
    ath__le_put64(head + 16, n);
    ath__le_put32(head + 24, ath__crc32c(0, head + ATH__SECTION_HEAD, n));
    ath__le_put32(head + 28, ath__crc32c(0, head, 28));
}

/* Heads wherever their mark stands, from the back: records are inside of sections. */
static void fuzz_mend(uint8_t *data, size_t size, bool position)
{
    for (size_t at = size; at-- > 0;) {
        uint8_t *head = data + at;
        if (size - at < ATH__SECTION_HEAD ||
            (ath__le_get32(head) != ATH__MARK_SECTION && ath__le_get32(head) != ATH__MARK_RECORD) ||
            memcmp(head, "ATHSMPL1", 8) == 0) { /* a position of a sampler begins like a head */
            continue;
        }
        const size_t left = size - at - ATH__SECTION_HEAD;
        const uint64_t length = ath__le_get64(head + 16);
        if (position && ath__le_get32(head + 4) == ATH_SECTION_ID('S', 'A', 'M', 'P') &&
            length >= 8 && length <= left) {
            uint8_t *end = head + ATH__SECTION_HEAD + length - 8;
            ath__le_put64(end, ath__crc32c(0, head + ATH__SECTION_HEAD, (size_t)length - 8));
        }
        fuzz_mend_head(head, left);
    }
    if (size >= ATH__CONTAINER_HEAD) {
        ath__le_put32(data + 12, ath__crc32c(0, data, 12));
    }
}

/* ---- the dynamics ---- */

typedef struct fuzz {
    ath_context *ctx;
    ath_device *device;
    ath_model *model;
    ath_integrator *fire, *langevin;
    ath_sampler *sampler;
    ath_dynamics *parts[2], *dyn;
    int next;
    uint64_t state; /* of the hook */
} fuzz;

static ath_status fuzz_next(void *user, ath_system **out)
{
    fuzz *f = user;
    void *p = NULL;
    if (f->next == FUZZ_QUEUE) {
        return ATH_END;
    }
    const int32_t n = 1 + f->next++ % 3;
    REQUIRE(ath_system_create(f->ctx, n, out) == ATH_OK);
    REQUIRE(ath_system_field(*out, ATH_FIELD_NUMBERS, &p) == ATH_OK);
    for (int32_t i = 0; i < n; i++) {
        ((int32_t *)p)[i] = 18;
    }
    REQUIRE(ath_system_field(*out, ATH_FIELD_POSITIONS, &p) == ATH_OK);
    for (int32_t i = 0; i < n; i++) {
        ((double *)p)[3 * i] = 3.7 * i;
    }
    return ATH_OK;
}

static ath_status fuzz_call(void *user, const ath_hook_context *c)
{
    *(uint64_t *)user += (uint64_t)c->n_masked + 1;
    return ATH_OK;
}

static ath_status fuzz_save(void *user, void *data, size_t *bytes)
{
    if (data) {
        memcpy(data, user, sizeof(uint64_t));
    }
    *bytes = sizeof(uint64_t);
    return ATH_OK;
}

static ath_status fuzz_load(void *user, const void *data, size_t bytes)
{
    if (bytes != sizeof(uint64_t)) {
        return ATH_E_FORMAT;
    }
    memcpy(user, data, bytes);
    return ATH_OK;
}

static void fuzz_close(fuzz *f)
{
    ath_dynamics_destroy(&f->dyn);
    ath_dynamics_destroy(&f->parts[0]);
    ath_dynamics_destroy(&f->parts[1]);
    ath_sampler_destroy(&f->sampler);
    f->next = 0;
    f->state = 0;
}

static void fuzz_open(fuzz *f)
{
    const ath_hook hook = {.size = sizeof hook,
                           .name = "count",
                           .stage = ATH_STAGE_AFTER_STEP,
                           .frequency = 1,
                           .user = &f->state,
                           .call = fuzz_call,
                           .save = fuzz_save,
                           .load = fuzz_load};
    const ath_convergence until = {.size = sizeof until, .fmax = 0.001};
    ath_dynamics_config config = ath_dynamics_defaults();
    REQUIRE(ath_sampler_from_callback(f->ctx, fuzz_next, f, &f->sampler) == ATH_OK);
    config.model = f->model;
    config.integrator = f->fire;
    config.convergence_hook = &until;
    config.n_steps = 5;
    config.n_threads = 1;
    config.sampler = f->sampler;
    config.device = f->device;
    config.max_batch_size = 3;
    config.hooks = &hook;
    config.n_hooks = 1;
    REQUIRE(ath_dynamics_create(f->ctx, &config, &f->parts[0]) == ATH_OK);
    config.integrator = f->langevin;
    config.convergence_hook = NULL;
    config.velocities = ATH_VELOCITIES_THERMAL;
    config.temperature = 30;
    config.n_hooks = 0;
    REQUIRE(ath_dynamics_create(f->ctx, &config, &f->parts[1]) == ATH_OK);
    REQUIRE(ath_fuse(f->ctx, f->parts, 2, &f->dyn) == ATH_OK);
}

static void fuzz_begin(fuzz *f, failing *memory, disk *d)
{
    ath_context_config config = failing_config(memory);
    disk_io(d, &config.io);
    REQUIRE(ath_context_create(&config, &f->ctx) == ATH_OK);
    REQUIRE(ath_device_open(f->ctx, "host", &f->device) == ATH_OK);
    REQUIRE(ath_model_create(f->ctx, "lj:epsilon=0.0104,sigma=3.4,cutoff=8.5", &f->model) ==
            ATH_OK);
    REQUIRE(ath_integrator_create(f->ctx, "fire", &f->fire) == ATH_OK);
    REQUIRE(ath_integrator_create(f->ctx, "langevin:timestep=4,temperature=30,friction=0.01",
                                  &f->langevin) == ATH_OK);
}

static void fuzz_end(fuzz *f)
{
    ath_integrator_destroy(&f->fire);
    ath_integrator_destroy(&f->langevin);
    ath_model_destroy(&f->model);
    ath_device_close(&f->device);
    ath_context_destroy(&f->ctx);
}

/* Saved, loaded and saved again it has the same bytes. */
static void fuzz_round(fuzz *f, disk *d)
{
    REQUIRE(ath_dynamics_save(f->dyn, NULL, "once") == ATH_OK);
    fuzz_close(f);
    fuzz_open(f);
    REQUIRE(ath_dynamics_load(f->dyn, f->device, "once", NULL) == ATH_OK);
    REQUIRE(ath_dynamics_save(f->dyn, NULL, "twice") == ATH_OK);
    const disk_file *a = disk_find(d, "once"), *b = disk_find(d, "twice");
    REQUIRE(a && b && a->size == b->size && !memcmp(a->data, b->data, a->size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    failing memory = {0};
    static disk d;
    fuzz f = {0};
    if (size < 1 || size > FUZZ_MAX) {
        return 0;
    }
    disk_store(&d, "in", data + 1, size - 1);
    if (data[0] & 1) {
        fuzz_mend(disk_find(&d, "in")->data, size - 1, (data[0] & 2) != 0);
    }
    fuzz_begin(&f, &memory, &d);
    fuzz_open(&f);
    const ath_status status = ath_dynamics_load(f.dyn, f.device, "in", NULL);
    REQUIRE(memory.peak_bytes < 256 * size + (1 << 20));
    if (status != ATH_OK) {
        REQUIRE(status < 0 && *ath_context_message(f.ctx));
        REQUIRE(ath_dynamics_step_count(f.dyn) == 0 && !ath_dynamics_active_batch(f.dyn));
    } else if (ath_batch_n_atoms(ath_dynamics_active_batch(f.dyn)) <= FUZZ_ATOMS) {
        fuzz_round(&f, &d);
        (void)ath_dynamics_run(f.dyn, NULL, 2); /* may fail, or quarantine what makes no sense */
    }
    fuzz_close(&f);
    fuzz_end(&f);
    REQUIRE(memory.n_blocks == 0 && memory.n_wrong == 0 && d.n_open == 0);
    disk_free(&d);
    return 0;
}
