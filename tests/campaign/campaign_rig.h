/* What the tests of campaigns share: a small one, of clusters that are relaxed and then shaken, on
 * a disk in memory, with a text file that grows beside the journal; and what it must come to,
 * whatever has happened on the way.
 */
#ifndef TESTS_CAMPAIGN_CAMPAIGN_RIG_H
#define TESTS_CAMPAIGN_CAMPAIGN_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <athanor/campaign.h>

#include "base/base.h"
#include "base/failing.h"
#include "campaign/disk.h"
#include "data/bytes.h"

enum {
    RIG_SYSTEMS = 14,
    RIG_POISONED = 3, /* two atoms nearly in one place */
    RIG_ALIEN = 5,    /* an element that the model does not know */
    RIG_BROKEN = 9,   /* refused where it is read */
    RIG_BATCH = 4,
    RIG_MOST = 40,
    RIG_TEXT = 1 << 14
};

/* How a campaign is run. */
typedef struct rig_plan {
    int n;              /* structures; 0: RIG_SYSTEMS */
    int64_t stop_at;    /* step of the process at which it is asked to stop, from 1; 0: never */
    int level;          /* of that; 0: 1 */
    int64_t stop_every; /* steps at which it is asked as well, and then goes on; 0: never */
    int group;          /* 0: 3 */
    bool stop_first;    /* before the first step */
    bool by_size;
    int max_atoms; /* of that, 0: 14 */
    bool all_poisoned;
    double share;              /* quarantine_share */
    double checkpoint_seconds; /* 0: none but when it stops */
    ath_uid identity;
    const char *folder; /* NULL: "c" */
} rig_plan;

typedef struct rig {
    rig_plan plan;
    disk *d; /* NULL: real files */
    failing memory;
    ath_context *ctx;
    ath_device *device;
    ath_model *lj, *term, *model;
    ath_integrator *fire, *langevin;
    ath_sampler *source, *sampler;
    ath_dynamics *parts[2], *dyn;
    ath_campaign *campaign;
    int next; /* structure */
    volatile sig_atomic_t stop;
    int64_t n_hooked, n_evaluated, n_progress;
    int n_unbalanced;
    bool resumed, goes_on;
    bool forgot; /* a refusal could not be written down */
    ath__file text;
    char path[DISK_NAME], lines[RIG_TEXT], note[16];
    size_t n_lines;
    bool has_note;
    char message[256]; /* the last one */
    uint64_t written;  /* bytes of the text file that are on the disk */
    uint64_t noted;    /* length of the text file when the checkpoint was written */
} rig;

/* ---- the input ---- */

static inline ath_status rig_fill(const rig *r, ath_system *s, int i)
{
    const int32_t n = ath_system_n_atoms(s);
    void *p = NULL;
    uint64_t x = (uint64_t)i * 2654435761u + 1;
    ath_status status = ath_system_field(s, ATH_FIELD_NUMBERS, &p);
    for (int32_t k = 0; k < n && status == ATH_OK; k++) {
        ((int32_t *)p)[k] = i == RIG_ALIEN ? 2 : 18;
    }
    status = status == ATH_OK ? ath_system_field(s, ATH_FIELD_POSITIONS, &p) : status;
    for (int32_t k = 0; k < 3 * n && status == ATH_OK; k++) {
        const int32_t cell[3] = {k / 3 % 2, k / 6 % 2, k / 12};
        x = x * 6364136223846793005u + 1442695040888963407u;
        ((double *)p)[k] = 3.9 * cell[k % 3] + 0.4 * (double)(x >> 11) / 9007199254740992.0;
    }
    if (status == ATH_OK && (i == RIG_POISONED || r->plan.all_poisoned)) {
        double *a = p;
        a[3] = a[0] + 0.8;
        a[4] = a[1];
        a[5] = a[2];
    }
    return status == ATH_OK ? ath_system_set_source(s, "in.xyz", i) : status;
}

static inline ath_status rig_next(void *user, ath_system **out)
{
    rig *r = user;
    const int n = r->plan.n > 0 ? r->plan.n : RIG_SYSTEMS;
    if (r->next == n) {
        return ATH_END;
    }
    if (r->next == RIG_BROKEN) {
        r->next++;
        return ath__fail(r->ctx, ATH_E_FORMAT, "structure %d is broken", RIG_BROKEN);
    }
    ATH__TRY(ath_system_create(r->ctx, 2 + 3 * r->next % 5, out));
    const ath_status status = rig_fill(r, *out, r->next);
    if (status != ATH_OK) {
        ath_system_destroy(out);
        return status;
    }
    r->next++;
    return ATH_OK;
}

/* ---- the model: a term that adds nothing, but counts and refuses ---- */

static inline ath_status rig_compute(void *user, const ath_model_view *v)
{
    rig *r = user;
    for (int32_t k = 0; k < v->n_systems; k++) {
        const int32_t slot = v->slots[k];
        memset(v->forces + 3 * v->first[slot], 0, sizeof(double) * 3 * (size_t)v->n_atoms[slot]);
        if (v->want_energy) {
            v->energy[slot] = 0.0;
        }
        if (v->want_stress) {
            memset(v->stress + 9 * (size_t)slot, 0, 9 * sizeof(double));
        }
        r->n_evaluated++;
    }
    return ATH_OK;
}

static inline ath_status rig_accepts(void *user, const ath_system *system)
{
    const int32_t *numbers = ath_system_peek(system, ATH_FIELD_NUMBERS);
    (void)user;
    return numbers[0] == 18 ? ATH_OK : ATH_E_UNSUPPORTED;
}

static inline ath_status rig_make_model(rig *r)
{
    const ath_callback_config config = {.size = sizeof config,
                                        .name = "nothing",
                                        .batch_invariant = true,
                                        .user = r,
                                        .compute = rig_compute,
                                        .accepts = rig_accepts};
    ATH__TRY(ath_model_create(r->ctx, "lj:epsilon=0.0104,sigma=3.4,cutoff=8.5", &r->lj));
    ATH__TRY(ath_model_callback(r->ctx, &config, &r->term));
    ath_model *terms[2] = {r->lj, r->term};
    const double weights[2] = {1.0, 1.0};
    return ath_model_sum(r->ctx, terms, weights, 2, &r->model);
}

/* ---- callbacks of the dynamics ---- */

static inline bool rig_known(void *user, ath_uid uid)
{
    return ath_campaign_known(((rig *)user)->campaign, uid);
}

static inline ath_status rig_rejected(void *user, const char *file, int64_t frame,
                                      ath_reason reason, const char *message)
{
    rig *r = user;
    const ath_status status =
        ath_campaign_refuse(r->campaign, file, frame, 2 * frame, reason, message);
    r->forgot |= status < 0;
    return status;
}

static inline ath_status rig_progress(void *user, const ath_dynamics *dyn)
{
    rig *r = user;
    ath_campaign_balance b = {.size = sizeof b};
    r->n_progress++;
    r->n_unbalanced += ath_campaign_weigh(r->campaign, dyn, &b) != ATH_OK ||
                       b.n_in != b.n_done + b.n_open || b.n_open > RIG_BATCH ||
                       b.n_records < b.n_done;
    return ATH_OK;
}

static inline ath_status rig_hook(void *user, const ath_hook_context *c)
{
    rig *r = user;
    (void)c;
    r->n_hooked++;
    if (r->n_hooked == r->plan.stop_at) {
        r->stop = r->plan.level > 0 ? r->plan.level : 1;
    } else if (r->plan.stop_every > 0 && r->n_hooked % r->plan.stop_every == 0) {
        r->stop = 1;
        r->goes_on = true;
    }
    return ATH_OK;
}

/* ---- callbacks of the campaign ---- */

/* The line of a system that ends; ready writes it. */
static inline int64_t rig_place(void *user, const ath_system *system)
{
    rig *r = user;
    int64_t frame = 0;
    char uid[33];
    const double *energy = ath_system_peek(system, ATH_FIELD_ENERGY);
    (void)ath_system_source(system, &frame);
    ath_uid_format(ath_system_uid(system), uid);
    r->n_lines += (size_t)snprintf(r->lines + r->n_lines, sizeof r->lines - r->n_lines,
                                   "%d,%s,%a\n", (int)frame, uid, energy ? *energy : 0.0);
    assert_true(r->n_lines < sizeof r->lines);
    return 2 * frame + 1;
}

/* Behind what is known to be on the disk. */
static inline ath_status rig_text(rig *r)
{
    const ath_status status = ath__file_cut(r->ctx, r->path, r->written);
    ATH__TRY(status == ATH_E_NOT_FOUND && r->written == 0 ? ATH_OK : status);
    ATH__TRY(ath__file_append(r->ctx, r->path, &r->text));
    return ath__file_sync_directory(r->ctx, r->path);
}

/* After a failure the file is closed, and the next call writes all of it again. */
static inline ath_status rig_ready(void *user)
{
    rig *r = user;
    ath_status status = r->text.path ? ATH_OK : rig_text(r);
    status = status == ATH_OK ? ath__file_write(&r->text, r->lines, r->n_lines) : status;
    status = status == ATH_OK ? ath__file_flush(&r->text, true) : status;
    if (status != ATH_OK) {
        (void)ath__file_close(&r->text);
        return status;
    }
    r->n_lines = 0;
    r->written = r->text.length;
    return ATH_OK;
}

static inline ath_status rig_save(void *user, const void **data, size_t *bytes)
{
    rig *r = user;
    ATH__TRY(rig_ready(user));
    memset(r->note, 'n', sizeof r->note);
    ath__le_put64((uint8_t *)r->note, r->text.length);
    *data = r->note;
    *bytes = sizeof r->note;
    return ATH_OK;
}

static inline ath_status rig_load(void *user, const void *data, size_t bytes)
{
    rig *r = user;
    assert_int_equal(bytes, data ? sizeof r->note : 0);
    assert_non_null(ath_campaign_journal(r->campaign));
    r->has_note = data != NULL;
    r->noted = data ? ath__le_get64(data) : 0;
    assert_true(!data || !memcmp((const char *)data + 8, "nnnnnnnn", 8));
    return ath_campaign_trim(r->campaign, r->path, ATH_TEXT_LINES, (int64_t)r->noted);
}

/* ---- a process ---- */

static inline const char *rig_folder(const rig *r)
{
    return r->plan.folder ? r->plan.folder : "c";
}

static inline ath_status rig_make_sampler(rig *r)
{
    ATH__TRY(ath_sampler_from_callback(r->ctx, rig_next, r, &r->source));
    if (!r->plan.by_size) {
        r->sampler = r->source;
        return ATH_OK;
    }
    const ath_sampler_size_config config = {.size = sizeof config,
                                            .source = r->source,
                                            .max_atoms =
                                                r->plan.max_atoms > 0 ? r->plan.max_atoms : 14,
                                            .max_systems = RIG_BATCH,
                                            .window = 5};
    return ath_sampler_by_size(r->ctx, &config, &r->sampler);
}

static inline ath_status rig_make_dynamics(rig *r)
{
    ath_dynamics_config config = ath_dynamics_defaults();
    const ath_convergence until = {.size = sizeof until, .fmax = 0.004};
    const ath_hook hook = {.size = sizeof hook,
                           .name = "stopper",
                           .stage = ATH_STAGE_AFTER_STEP,
                           .frequency = 1,
                           .user = r,
                           .call = rig_hook};
    ath_sink *sink = NULL;
    ATH__TRY(ath_campaign_sink(r->campaign, &sink));
    config.model = r->model;
    config.integrator = r->fire;
    config.convergence_hook = &until;
    config.n_steps = 9;
    config.velocities = ATH_VELOCITIES_ZERO;
    config.max_force = 1e2;
    config.n_threads = 1;
    config.sampler = r->sampler;
    config.sinks = &sink;
    config.n_sinks = 1;
    config.max_batch_size = RIG_BATCH;
    config.refill_frequency = 2;
    config.device = r->device;
    config.rejected = rig_rejected;
    config.known = rig_known;
    config.progress = rig_progress;
    config.user = r;
    config.stop = &r->stop;
    ATH__TRY(ath_dynamics_create(r->ctx, &config, &r->parts[0]));
    config.integrator = r->langevin;
    config.convergence_hook = NULL;
    config.n_steps = 4;
    config.velocities = ATH_VELOCITIES_THERMAL;
    config.temperature = 30;
    config.seed = 5;
    ATH__TRY(ath_dynamics_create(r->ctx, &config, &r->parts[1]));
    ATH__TRY(ath_fuse(r->ctx, r->parts, 2, &r->dyn));
    return ath_dynamics_register_hook(r->dyn, &hook);
}

static inline ath_status rig_open_campaign(rig *r)
{
    ath_campaign_config config = {.size = sizeof config,
                                  .identity = r->plan.identity,
                                  .segment_bytes = 8192,
                                  .group = r->plan.group > 0 ? r->plan.group : 3,
                                  .group_seconds = -1.0,
                                  .ready = rig_ready,
                                  .sampler = r->sampler,
                                  .n_stages = 2,
                                  .place = rig_place,
                                  .quarantine_share = r->plan.share,
                                  .stop = &r->stop,
                                  .notes = {rig_save, rig_load},
                                  .user = r};
    config.checkpoint_seconds = r->plan.checkpoint_seconds > 0 ? r->plan.checkpoint_seconds : -1.0;
    return ath_campaign_open(r->ctx, rig_folder(r), &config, &r->campaign);
}

/* All but resuming. The rig is to be closed whatever comes of it. */
static inline ath_status rig_open(rig *r, disk *d, const rig_plan *plan)
{
    const int64_t fail_at = r->memory.fail_at;
    *r = (rig){.plan = *plan, .d = d, .memory = {.fail_at = fail_at}};
    ath_context_config config = failing_config(&r->memory);
    if (d) {
        disk_io(d, &config.io);
    }
    snprintf(r->path, sizeof r->path, "%s/out.csv", rig_folder(r));
    ATH__TRY(ath_context_create(&config, &r->ctx));
    ATH__TRY(ath_device_open(r->ctx, "host", &r->device));
    ATH__TRY(rig_make_model(r));
    ATH__TRY(ath_integrator_create(r->ctx, "fire", &r->fire));
    ATH__TRY(ath_integrator_create(r->ctx, "langevin:timestep=4,temperature=30,friction=0.01",
                                   &r->langevin));
    ATH__TRY(rig_make_sampler(r));
    ATH__TRY(rig_open_campaign(r));
    return rig_make_dynamics(r);
}

static inline ath_status rig_resume(rig *r)
{
    ATH__TRY(ath_campaign_resume(r->campaign, r->dyn, r->device, &r->resumed));
    const ath_status there = ath__file_size(r->ctx, r->path, &r->written);
    ATH__TRY(there == ATH_E_NOT_FOUND ? ATH_OK : there);
    if (r->written == 0) {
        r->n_lines = (size_t)snprintf(r->lines, sizeof r->lines, "frame,uid,energy\n");
    }
    return ATH_OK;
}

/* To the end, or to where it was asked to stop. */
static inline ath_status rig_run(rig *r)
{
    ath_status status;
    do {
        r->goes_on = false;
        r->stop = r->plan.stop_first;
        status = ath_campaign_run(r->campaign, r->dyn);
    } while (status == ATH_AGAIN && r->goes_on);
    return status;
}

static inline void rig_close(rig *r)
{
    ath_dynamics_destroy(&r->dyn);
    ath_dynamics_destroy(&r->parts[0]);
    ath_dynamics_destroy(&r->parts[1]);
    (void)ath__file_close(&r->text);
    ath_campaign_close(&r->campaign);
    if (r->sampler != r->source) {
        ath_sampler_destroy(&r->sampler);
    }
    ath_sampler_destroy(&r->source);
    ath_integrator_destroy(&r->fire);
    ath_integrator_destroy(&r->langevin);
    ath_model_destroy(&r->model);
    ath_model_destroy(&r->term);
    ath_model_destroy(&r->lj);
    ath_device_close(&r->device);
    ath_context_destroy(&r->ctx);
    assert_int_equal(r->memory.n_blocks, 0);
    assert_int_equal(r->memory.n_wrong, 0);
    assert_true(r->n_unbalanced == 0 || r->forgot);
    assert_int_equal(r->d ? r->d->n_open : 0, 0);
}

/* One process from its beginning to its end; *r says afterwards what it did. */
static inline ath_status rig_process(rig *r, disk *d, const rig_plan *plan)
{
    ath_status status = rig_open(r, d, plan);
    status = status == ATH_OK ? rig_resume(r) : status;
    status = status == ATH_OK ? rig_run(r) : status;
    snprintf(r->message, sizeof r->message, "%s", ath_context_message(r->ctx));
    rig_close(r);
    return status;
}

/* ---- what it has come to ---- */

typedef struct rig_record {
    ath_record r;
    char text[128], file[16];
    uint64_t digest; /* of all that the system carries */
    int64_t age;
} rig_record;

typedef struct rig_outcome {
    int n;
    rig_record records[RIG_MOST]; /* by place */
    char text[RIG_TEXT];          /* lines in alphabetical order */
} rig_outcome;

static inline uint64_t rig_digest(ath_context *ctx, ath_system *s)
{
    ath_packet *packet = NULL;
    size_t bytes = 0;
    uint64_t h = 1469598103934665603u;
    assert_int_equal(ath_packet_pack(ctx, &s, 1, &packet), ATH_OK);
    const uint8_t *p = ath_packet_data(packet, &bytes);
    for (size_t i = 0; i < bytes; i++) {
        h = (h ^ p[i]) * 1099511628211u;
    }
    ath_packet_destroy(&packet);
    return h;
}

static inline int rig_by_place(const void *a, const void *b)
{
    const int64_t x = ((const rig_record *)a)->r.place, y = ((const rig_record *)b)->r.place;
    return (x > y) - (x < y);
}

static inline int rig_by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static inline void rig_sort_lines(const void *text, size_t size, char *out)
{
    char *lines[RIG_MOST], copy[RIG_TEXT];
    int n = 0;
    assert_true(size > 0 && size < sizeof copy && ((const char *)text)[size - 1] == '\n');
    memcpy(copy, text, size);
    copy[size] = '\0';
    for (char *line = copy; *line; line = strchr(line, '\0') + 1) {
        char *end = strchr(line, '\n');
        assert_true(end && n < RIG_MOST);
        *end = '\0';
        lines[n++] = line;
        if (end == copy + size - 1) {
            break;
        }
    }
    qsort(lines, (size_t)n, sizeof *lines, rig_by_text);
    *out = '\0';
    for (int i = 0; i < n; i++) {
        strcat(strcat(out, lines[i]), "\n");
    }
}

/* What stands in a journal. In order of handing out: systems have a number that depends on the
 * order, which a sampler that chooses does not keep; it is made 0. */
static inline void rig_read(ath_journal *j, ath_context *ctx, bool numbered, rig_outcome *out)
{
    out->n = (int)ath_journal_length(j);
    assert_true(out->n <= RIG_MOST);
    for (int i = 0; i < out->n; i++) {
        rig_record *to = &out->records[i];
        ath_system *s = NULL;
        *to = (rig_record){0};
        assert_int_equal(ath_journal_read(j, i, &to->r, &s), ATH_OK);
        snprintf(to->text, sizeof to->text, "%s", to->r.text);
        snprintf(to->file, sizeof to->file, "%s", to->r.file);
        to->r.text = to->r.file = NULL;
        if (s) {
            void *row = NULL;
            const int64_t *age = ath_system_peek(s, ATH_FIELD_AGE);
            assert_non_null(age);
            to->age = *age;
            assert_int_equal(ath_system_field(s, ATH_FIELD_SYSTEM_ID, &row), ATH_OK);
            if (!numbered) {
                memset(row, 0, sizeof(int64_t));
            }
            to->digest = rig_digest(ctx, s);
            ath_system_destroy(&s);
        }
    }
    qsort(out->records, (size_t)out->n, sizeof *out->records, rig_by_place);
}

/* On real files if there is no disk. */
static inline void rig_outcome_of(disk *d, const char *folder, bool numbered, rig_outcome *out)
{
    failing memory = {0};
    ath_context *ctx = NULL;
    ath_journal *j = NULL;
    ath__bytes text = {0};
    char path[64];
    ath_context_config config = failing_config(&memory);
    const ath_journal_config reading = {.size = sizeof reading};
    if (d) {
        disk_io(d, &config.io);
    }
    assert_int_equal(ath_context_create(&config, &ctx), ATH_OK);
    snprintf(path, sizeof path, "%s/journal", folder);
    assert_int_equal(ath_journal_open(ctx, path, &reading, &j), ATH_OK);
    rig_read(j, ctx, numbered, out);
    ath_journal_close(&j);
    snprintf(path, sizeof path, "%s/out.csv", folder);
    assert_int_equal(ath__file_read(ctx, path, 0, &text), ATH_OK);
    rig_sort_lines(text.data, text.size, out->text);
    ath__bytes_free(ctx, &text);
    ath_context_destroy(&ctx);
    assert_int_equal(memory.n_blocks, 0);
}

/* The same records, each once, and the same lines. */
static inline void rig_same(const rig_outcome *a, const rig_outcome *b)
{
    assert_int_equal(a->n, b->n);
    for (int i = 0; i < a->n; i++) {
        const rig_record *x = &a->records[i], *y = &b->records[i];
        assert_true(x->r.uid.lo == y->r.uid.lo && x->r.uid.hi == y->r.uid.hi);
        assert_int_equal(x->r.stage, y->r.stage);
        assert_int_equal(x->r.state, y->r.state);
        assert_int_equal(x->r.reason, y->r.reason);
        assert_int_equal(x->r.n_atoms, y->r.n_atoms);
        assert_int_equal(x->r.steps, y->r.steps);
        assert_int_equal(x->r.frame, y->r.frame);
        assert_int_equal(x->r.place, y->r.place);
        assert_int_equal(x->r.has_system, y->r.has_system);
        assert_int_equal(x->r.bytes, y->r.bytes);
        assert_string_equal(x->text, y->text);
        assert_string_equal(x->file, y->file);
        assert_int_equal(x->age, y->age);
        assert_true(x->digest == y->digest);
    }
    assert_string_equal(a->text, b->text);
}

/* What a run comes to that nothing disturbs: made once for each kind of sampler. */
static inline const rig_outcome *rig_reference(bool by_size)
{
    static rig_outcome whole[2];
    rig_outcome *out = &whole[by_size];
    if (out->n == 0) {
        disk d = {0};
        rig r = {0};
        const rig_plan plan = {.by_size = by_size};
        assert_int_equal(rig_process(&r, &d, &plan), ATH_OK);
        rig_outcome_of(&d, "c", !by_size, out);
        assert_int_equal(out->n, RIG_SYSTEMS);
        disk_free(&d);
    }
    return out;
}

/* A disk on which the campaign has come to its end as it must. */
static inline void rig_ended_well(disk *d, bool by_size)
{
    static rig_outcome got;
    rig_outcome_of(d, "c", !by_size, &got);
    rig_same(&got, rig_reference(by_size));
}

/* The process on this disk is gone, whatever it was; another one ends the campaign. */
static inline void rig_finish(disk *d, const rig_plan *how)
{
    rig r = {0};
    const rig_plan plan = {.by_size = how->by_size, .group = how->group};
    const ath_status status = rig_process(&r, d, &plan);
    if (status != ATH_OK) {
        fail_msg("%s: %s", ath_status_name(status), r.message);
    }
    rig_ended_well(d, how->by_size);
}

#endif
