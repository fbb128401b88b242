/* Checkpoints: everything that the future of a run depends on, in one container.
 *
 *   ENGN   what the dynamics is made of (a text, one line per fact) and how far it has come
 *   SAMP   position of the sampler, if there is one
 *   HOOK   state of a hook that has some: its number, then its own bytes; one section each
 *   PACK   the systems in public order, at most CHECKPOINT_PACKET to a packet
 *
 * docs/formats.md gives the bytes. The text of a file must be that of the dynamics that reads it,
 * line by line: bits can only go on where they would have. What does not reach bits (threads,
 * tiles, skin, capacity) is not in it.
 */
#include <string.h>

#include "data/bytes.h"
#include "dynamics/phases.h"

#include <athanor/container.h>

enum { CHECKPOINT_PACKET = 1024, CHECKPOINT_VERSION = 1, CHECKPOINT_NUMBERS = 12 };
/* How many numbers the section ENGN has in each version; those that are not there are 0. */
static const size_t checkpoint_counts[] = {10, 11, CHECKPOINT_NUMBERS};
enum { CHECKPOINT_ENGINE_VERSION = 2 };
#define CHECKPOINT_ENGINE ATH_SECTION_ID('E', 'N', 'G', 'N')
#define CHECKPOINT_SAMPLER ATH_SECTION_ID('S', 'A', 'M', 'P')
#define CHECKPOINT_HOOK ATH_SECTION_ID('H', 'O', 'O', 'K')

/* ---- what a dynamics is made of ---- */

static ath_status checkpoint_real(ath_context *ctx, ath__bytes *out, const char *name, double value)
{
    char text[32];
    (void)ath__format_double(value, text);
    return ath__bytes_print(ctx, out, " %s=%s", name, text);
}

static ath_status checkpoint_criteria(const ath_dynamics *dyn, int32_t p, ath__bytes *out)
{
    const ath__part *part = &dyn->parts[p];
    const ath_convergence *c = &part->convergence;
    for (int32_t k = 0; part->assessed && k < c->n_criteria; k++) {
        const ath_criterion *one = &part->criteria[k];
        const ath_field_info *info = ath_field_describe(dyn->ctx, one->field);
        ATH__TRY(ath__bytes_print(dyn->ctx, out, "part %d criterion %d: %s reduce=%d dim=%d",
                                  (int)p, (int)k,
                                  one->custom ? "(function)"
                                  : info      ? info->name
                                              : "?",
                                  (int)one->reduce, (int)one->dim));
        ATH__TRY(checkpoint_real(dyn->ctx, out, "threshold", one->threshold));
        ATH__TRY(ath__bytes_print(
            dyn->ctx, out, " frequency=%lld migrates=%d source=%d target=%d\n",
            (long long)c->frequency, (int)c->migrates, (int)c->source, (int)c->target));
    }
    return ATH_OK;
}

/* Guards that are off leave no trace, as in files that were written before there were any. */
static ath_status checkpoint_guards(const ath_dynamics *dyn, int32_t p, ath__bytes *out)
{
    const ath_dynamics_config *c = &dyn->parts[p].config;
    if (!(c->max_displacement > 0.0 || c->max_temperature > 0.0 || c->max_volume_change > 0.0 ||
          c->min_distance > 0.0 || c->good_every > 0)) {
        return ATH_OK;
    }
    ATH__TRY(ath__bytes_print(dyn->ctx, out, "part %d guards:", (int)p));
    ATH__TRY(checkpoint_real(dyn->ctx, out, "max_displacement", c->max_displacement));
    ATH__TRY(checkpoint_real(dyn->ctx, out, "max_temperature", c->max_temperature));
    ATH__TRY(checkpoint_real(dyn->ctx, out, "max_volume_change", c->max_volume_change));
    ATH__TRY(checkpoint_real(dyn->ctx, out, "min_distance", c->min_distance));
    return ath__bytes_print(dyn->ctx, out, " good_every=%lld retries=%d\n",
                            (long long)c->good_every, (int)c->retries);
}

static ath_status checkpoint_part(const ath_dynamics *dyn, int32_t p, ath__bytes *out)
{
    const ath__part *part = &dyn->parts[p];
    const ath_dynamics_config *c = &part->config;
    ATH__TRY(ath__bytes_print(
        dyn->ctx, out, "part %d: %s integrator=%s n_steps=%lld seed=%lld", (int)p, part->name,
        part->integrator ? ath_integrator_text(part->integrator) : "none",
        (long long)(dyn->budgeted ? c->n_steps : ATH_UNSET), (long long)c->seed));
    ATH__TRY(checkpoint_real(dyn->ctx, out, "temperature", c->temperature));
    ATH__TRY(checkpoint_real(dyn->ctx, out, "max_force", c->max_force));
    ATH__TRY(ath__bytes_print(dyn->ctx, out, " velocities=%d assess_on_entry=%d stop_at_limit=%d",
                              (int)c->velocities, (int)c->assess_on_entry, (int)c->stop_at_limit));
    ATH__TRY(ath__bytes_print(
        dyn->ctx, out,
        " remove_momentum=%d remove_rotation=%d exact_temperature=%d hold_centre=%d\n",
        (int)c->remove_momentum, (int)c->remove_rotation, (int)c->exact_temperature,
        (int)c->hold_centre));
    ATH__TRY(checkpoint_guards(dyn, p, out));
    return checkpoint_criteria(dyn, p, out);
}

/* One line per fact, each closed by a newline. */
static ath_status checkpoint_describe(const ath_dynamics *dyn, ath__bytes *out)
{
    ath_context *ctx = dyn->ctx;
    ATH__TRY(ath__bytes_print(ctx, out, "model: %s\nmodel hash: %s\nfused: %d\nexit status: %d\n",
                              ath_model_text(dyn->model), ath_model_hash(dyn->model),
                              (int)dyn->fused, (int)dyn->exit_status));
    for (int32_t p = 0; p < dyn->n_parts; p++) {
        ATH__TRY(checkpoint_part(dyn, p, out));
    }
    for (int32_t i = 0; i < dyn->n_own; i++) {
        const ath__own *own = &dyn->own[i];
        ATH__TRY(ath__bytes_print(ctx, out, "own option: %s part=%d cell=%d\n",
                                  ath_field_describe(ctx, dyn->own_fields[own->source])->name,
                                  (int)own->part, (int)own->cell));
    }
    for (int32_t i = 0; i < dyn->hooks.n; i++) {
        const ath__entry *e = &dyn->hooks.entries[i];
        ATH__TRY(ath__bytes_print(ctx, out,
                                  "hook %d: %s part=%d stages=%u frequency=%lld access=%u\n",
                                  (int)i, e->hook.name ? e->hook.name : "hook", (int)e->part,
                                  e->stages, (long long)e->hook.frequency, e->hook.access));
    }
    return ath__bytes_print(ctx, out, "sampler: %s\n", dyn->inflight.sampler ? "yes" : "no");
}

static void checkpoint_numbers(const ath_dynamics *dyn, int64_t out[CHECKPOINT_NUMBERS])
{
    const ath_dynamics_stats *s = &dyn->stats;
    const int64_t numbers[CHECKPOINT_NUMBERS] = {dyn->step_count,         s->steps,
                                                 s->system_steps,         s->atom_steps,
                                                 s->list_builds,          s->n_in,
                                                 s->n_finished,           s->n_rejected,
                                                 s->busy_system_steps,    s->full_system_steps,
                                                 dyn->inflight.n_dropped, s->n_retried};
    memcpy(out, numbers, sizeof numbers);
}

/* ---- writing ---- */

static ath_status checkpoint_save_engine(const ath_dynamics *dyn, ath_container *container)
{
    ath_dynamics copy = *dyn;
    ath__bytes bytes = {0};
    int64_t numbers[CHECKPOINT_NUMBERS];
    uint8_t head[8 * CHECKPOINT_NUMBERS];
    ATH__TRY(ath_dynamics_get_stats(dyn, &copy.stats)); /* with what members have counted */
    checkpoint_numbers(&copy, numbers);
    ath__le_copy(head, numbers, CHECKPOINT_NUMBERS, sizeof *numbers);
    ath_status status = ath__bytes_append(dyn->ctx, &bytes, head, sizeof head);
    status = status < 0 ? status : checkpoint_describe(dyn, &bytes);
    if (status >= 0) {
        status = ath_container_add(container, CHECKPOINT_ENGINE, CHECKPOINT_ENGINE_VERSION,
                                   bytes.data, bytes.size);
    }
    ath__bytes_free(dyn->ctx, &bytes);
    return status;
}

static ath_status checkpoint_save_sampler(const ath_dynamics *dyn, ath_container *container)
{
    void *data = NULL;
    size_t bytes = 0;
    if (!dyn->inflight.sampler) {
        return ATH_OK;
    }
    ATH__TRY(ath_sampler_save(dyn->inflight.sampler, NULL, &bytes));
    ATH__TRY(ath__alloc(dyn->ctx, bytes, 1, &data));
    ath_status status = ath_sampler_save(dyn->inflight.sampler, data, &bytes);
    if (status >= 0) {
        status = ath_container_add(container, CHECKPOINT_SAMPLER, CHECKPOINT_VERSION, data, bytes);
    }
    ath__free(dyn->ctx, &data, bytes, 1);
    return status;
}

static ath_status checkpoint_save_hook(const ath_dynamics *dyn, int32_t i, ath_container *container)
{
    const ath_hook *hook = &dyn->hooks.entries[i].hook;
    uint8_t *data = NULL;
    size_t bytes = 0;
    ATH__TRY(hook->save(hook->user, NULL, &bytes));
    const size_t room = bytes + 4;
    ATH__TRY(ath__alloc(dyn->ctx, room, 1, &data));
    ath__le_put32(data, (uint32_t)i);
    ath_status status = hook->save(hook->user, data + 4, &bytes);
    if (status >= 0) {
        status = ath_container_add(container, CHECKPOINT_HOOK, CHECKPOINT_VERSION, data, bytes + 4);
    }
    ath__free(dyn->ctx, &data, room, 1);
    return status;
}

static ath_status checkpoint_save_systems(const ath_dynamics *dyn, const ath_batch *batch,
                                          ath_container *container)
{
    const int32_t n = batch ? ath_batch_n_systems(batch) : 0;
    int32_t indices[CHECKPOINT_PACKET];
    for (int32_t first = 0; first < n; first += CHECKPOINT_PACKET) {
        const int32_t k = n - first < CHECKPOINT_PACKET ? n - first : CHECKPOINT_PACKET;
        ath_packet *packet = NULL;
        for (int32_t i = 0; i < k; i++) {
            indices[i] = first + i;
        }
        ATH__TRY(ath_packet_pack_batch(batch, indices, k, &packet));
        const ath_status status = ath_container_add_packet(container, packet);
        ath_packet_destroy(&packet);
        ATH__TRY(status);
    }
    (void)dyn;
    return ATH_OK;
}

ath_status ath_dynamics_pack(ath_dynamics *dyn, ath_batch *batch, ath_container *container)
{
    if (!container) {
        return ath__fail(dyn->ctx, ATH_E_ARGUMENT, "pack: no container");
    }
    batch = batch ? batch : dyn->inflight.batch;
    if (batch) {
        ATH__TRY(ath__refill_settle(dyn, batch)); /* else it would be in no file */
    }
    if (batch && ath_batch_n_systems(batch) > 0) {
        ATH__TRY(ath__dynamics_take(dyn, batch)); /* what was never run is saved as new to us */
    }
    ath_status status = checkpoint_save_engine(dyn, container);
    status = status < 0 ? status : checkpoint_save_sampler(dyn, container);
    for (int32_t i = 0; i < dyn->hooks.n && status >= 0; i++) {
        status = dyn->hooks.entries[i].hook.save ? checkpoint_save_hook(dyn, i, container) : ATH_OK;
    }
    return status < 0 ? status : checkpoint_save_systems(dyn, batch, container);
}

ath_status ath_dynamics_save(ath_dynamics *dyn, ath_batch *batch, const char *path)
{
    ath_container *container = NULL;
    if (!path) {
        return ath__fail(dyn->ctx, ATH_E_ARGUMENT, "save: no path");
    }
    ATH__TRY(ath_container_create(dyn->ctx, &container));
    ath_status status = ath_dynamics_pack(dyn, batch, container);
    status = status < 0 ? status : ath_container_save(container, path);
    ath_container_destroy(&container);
    return status;
}

/* ---- reading ---- */

/* Compares line by line; the first that differs is reported. */
static ath_status checkpoint_compare(ath_context *ctx, const char *path, const char *file,
                                     size_t n_file, const ath__bytes *own)
{
    const char *mine = (const char *)own->data, *end = file + n_file;
    const char *mine_end = mine + own->size;
    while (file < end || mine < mine_end) {
        const char *a = file < end ? memchr(file, '\n', (size_t)(end - file)) : NULL;
        const char *b = mine < mine_end ? memchr(mine, '\n', (size_t)(mine_end - mine)) : NULL;
        const size_t n = (size_t)((a ? a : end) - file), m = (size_t)((b ? b : mine_end) - mine);
        if (n != m || memcmp(file, mine, n) != 0) {
            return ath__fail(ctx, ATH_E_STATE,
                             "%s: belongs to another dynamics: \"%.*s\" there, \"%.*s\" here", path,
                             (int)(n < 300 ? n : 300), file, (int)(m < 300 ? m : 300), mine);
        }
        file = a ? a + 1 : end;
        mine = b ? b + 1 : mine_end;
    }
    return ATH_OK;
}

static ath_status checkpoint_load_engine(ath_dynamics *dyn, const char *path,
                                         const ath_section *section, int64_t *numbers)
{
    const size_t n = checkpoint_counts[section->version], head = 8 * n;
    ath__bytes own = {0};
    if (section->bytes < head) {
        return ath__fail(dyn->ctx, ATH_E_FORMAT, "%s: the section of the engine is cut off", path);
    }
    ath_status status = checkpoint_describe(dyn, &own);
    if (status >= 0) {
        status = checkpoint_compare(dyn->ctx, path, (const char *)section->data + head,
                                    section->bytes - head, &own);
    }
    ath__bytes_free(dyn->ctx, &own);
    ath__le_copy(numbers, section->data, n, sizeof *numbers);
    for (size_t i = 0; i < n && status >= 0; i++) { /* they are added to */
        status = numbers[i] >= 0 && numbers[i] < INT64_MAX / 4
                     ? status
                     : ath__fail(dyn->ctx, ATH_E_FORMAT, "%s: %lld of something cannot be", path,
                                 (long long)numbers[i]);
    }
    return status;
}

static ath_status checkpoint_load_hook(ath_dynamics *dyn, const char *path,
                                       const ath_section *section)
{
    const uint8_t *data = section->data;
    const uint32_t i = section->bytes >= 4 ? ath__le_get32(data) : UINT32_MAX;
    if (i >= (uint32_t)dyn->hooks.n || !dyn->hooks.entries[i].hook.load) {
        return ath__fail(dyn->ctx, ATH_E_FORMAT, "%s: state of a hook that there is not", path);
    }
    const ath_hook *hook = &dyn->hooks.entries[i].hook;
    char *message = dyn->ctx->message, first = *message;
    *message = '\0';
    const ath_status status = hook->load(hook->user, data + 4, section->bytes - 4);
    if (status < 0 && !*message) { /* one that says nothing */
        return ath__fail(dyn->ctx, status, "%s: hook %u (%s) does not take its state: %s", path, i,
                         hook->name ? hook->name : "hook", ath_status_text(status));
    }
    *message = *message ? *message : first;
    return status;
}

static ath_status checkpoint_load_packet(ath_context *ctx, const ath_section *section,
                                         ath_batch *batch)
{
    ath_packet *packet = NULL;
    ATH__TRY(ath_packet_open(ctx, section->data, section->bytes, &packet));
    ath_status status = ath_packet_check(packet);
    for (int32_t i = 0; i < ath_packet_n_systems(packet) && status >= 0; i++) {
        status = ath_packet_unpack_into(packet, i, batch);
    }
    ath_packet_destroy(&packet);
    return status;
}

/* One section; unknown ones are passed over. */
static ath_status checkpoint_load_section(ath_dynamics *dyn, const char *path, const ath_section *s,
                                          ath_batch *batch, int64_t *numbers)
{
    const bool known =
        s->id == CHECKPOINT_ENGINE || s->id == CHECKPOINT_SAMPLER || s->id == CHECKPOINT_HOOK;
    const uint32_t newest =
        s->id == CHECKPOINT_ENGINE ? CHECKPOINT_ENGINE_VERSION : CHECKPOINT_VERSION;
    if (known && s->version > newest) {
        return ath__fail(dyn->ctx, ATH_E_UNSUPPORTED, "%s: written by a newer version", path);
    }
    switch (s->id) {
    case CHECKPOINT_ENGINE:
        return checkpoint_load_engine(dyn, path, s, numbers);
    case CHECKPOINT_SAMPLER:
        return dyn->inflight.sampler
                   ? ath_sampler_load(dyn->inflight.sampler, s->data, s->bytes)
                   : ath__fail(dyn->ctx, ATH_E_FORMAT, "%s: has a sampler, but here is none", path);
    case CHECKPOINT_HOOK:
        return checkpoint_load_hook(dyn, path, s);
    case ATH_SECTION_PACKET:
        return checkpoint_load_packet(dyn->ctx, s, batch);
    default:
        return ATH_OK;
    }
}

static ath_status checkpoint_read(ath_dynamics *dyn, const char *path, ath_batch *batch,
                                  int64_t *numbers)
{
    ath_container_reader *reader = NULL;
    ath_section section = {0};
    bool has_engine = false;
    ATH__TRY(ath_container_open(dyn->ctx, path, &reader));
    ath_status status = ath_container_next(reader, &section);
    while (status == ATH_OK) {
        if (!has_engine && section.id != CHECKPOINT_ENGINE) {
            status = ath__fail(dyn->ctx, ATH_E_FORMAT, "%s: not a checkpoint of a dynamics", path);
            break;
        }
        has_engine = true;
        status = checkpoint_load_section(dyn, path, &section, batch, numbers);
        status = status < 0 ? status : ath_container_next(reader, &section);
    }
    ath_container_close(&reader);
    if (status == ATH_END && !has_engine) {
        return ath__fail(dyn->ctx, ATH_E_FORMAT, "%s: not a checkpoint of a dynamics", path);
    }
    return status == ATH_END ? ATH_OK : status;
}

static void checkpoint_adopt(ath_dynamics *dyn, const int64_t numbers[CHECKPOINT_NUMBERS])
{
    ath_dynamics_stats *s = &dyn->stats;
    dyn->step_count = numbers[0];
    s->steps = numbers[1];
    s->system_steps = numbers[2];
    s->atom_steps = numbers[3];
    s->list_builds = numbers[4];
    s->n_in = numbers[5];
    s->n_finished = numbers[6];
    s->n_rejected = numbers[7];
    s->busy_system_steps = numbers[8];
    s->full_system_steps = numbers[9];
    dyn->inflight.n_dropped = numbers[10];
    s->n_retried = numbers[11];
    dyn->inflight.left = true; /* perhaps: the next refill looks */
}

ath_status ath_dynamics_load(ath_dynamics *dyn, ath_device *device, const char *path,
                             ath_batch **out)
{
    ath_batch *batch = NULL;
    int64_t numbers[CHECKPOINT_NUMBERS] = {0};
    if (!path || !device) {
        return ath__fail(dyn->ctx, ATH_E_ARGUMENT, "load: needs a path and a device");
    }
    if (dyn->step_count != 0 || dyn->stats.steps != 0 || (!out && dyn->inflight.batch)) {
        return ath__fail(dyn->ctx, ATH_E_STATE,
                         "load: only into a dynamics that has made no step%s",
                         dyn->step_count ? "" : " and has no batch");
    }
    const ath_batch_config config = {.size = sizeof config, .device = device};
    ATH__TRY(ath_batch_create(dyn->ctx, &config, &batch));
    ath_status status = checkpoint_read(dyn, path, batch, numbers);
    if (status >= 0) {
        checkpoint_adopt(dyn, numbers);
        status = ath__refill_forget(dyn, batch);
    }
    if (status < 0) {
        ath_batch_destroy(&batch);
        return status;
    }
    ath__batch_set_owner(batch, dyn->id);
    if (out) {
        *out = batch;
    } else {
        dyn->inflight.batch = batch;
        dyn->inflight.own = true;
    }
    return ATH_OK;
}
