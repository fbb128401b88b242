/* Neighbour lists, host side: who owns which entries, and what has to be built anew.
 *
 * All lists share one array of entries; a slot owns a range of it, handed out by ath__ranges in
 * units of NEIGHBORS_UNIT. A first range is guessed from the density of atoms; a list that turns
 * out longer stalls its system until ath__neighbors_grow has found it a larger one. The array grows
 * by copying, so lists that are in order stay so. What a list contains is the kernel's business
 * alone (neighbors_kernel.c); no guess, range or moment of growing reaches a force.
 */
#include "neighbors/neighbors.h"

#include <string.h>

#include "data/cell.h"
#include "data/ranges.h"

enum {
    NEIGHBORS_UNIT = 64,         /* entries */
    NEIGHBORS_CANDIDATES = 65536 /* held in work memory, and four per atom */
};
#define NEIGHBORS_MAX_REACH 1e6     /* angstrom */
#define NEIGHBORS_USUAL_DENSITY 0.1 /* atoms per cubic angstrom, where no cell tells */

/* What the host knows of a slot. */
typedef struct neighbors_slot {
    ath_uid uid;
    int64_t first;                   /* row */
    int32_t n_atoms;                 /* -1: free */
    int32_t unit, n_units;           /* range of entries */
    int32_t next_unit, next_n_units; /* while growing */
    bool changed;                    /* its list does not hold any more */
    bool to_place;                   /* needs a range, of a size to be guessed */
} neighbors_slot;

struct ath__neighbors {
    ath_context *ctx;
    ath_device *device;
    ath__neighbors_config config;
    ath__list_view list; /* device memory */
    int32_t n_slots;
    int64_t n_rows;
    ath__ranges ranges;     /* of list.entry */
    int32_t max_atoms;      /* of a system at the last fit */
    const ath_batch *batch; /* at the last fit, for comparison only */
    uint64_t epoch;
    int64_t earlier_builds; /* counted in arrays that are gone */
    /* host memory, [n_slots] */
    neighbors_slot *slots;
    int64_t *words;
    int32_t *ints;
    double *cells; /* [][9] */
    int32_t *pbc;  /* [][3] */
};

/* The device arrays but `entry`: place in the view, bytes of a row, per atom or per slot. */
typedef struct neighbors_array {
    size_t offset, row_bytes;
    bool atom;
} neighbors_array;

static const neighbors_array neighbors_arrays[] = {
    {offsetof(ath__list_view, start), sizeof(int64_t), false},
    {offsetof(ath__list_view, room), sizeof(int64_t), false},
    {offsetof(ath__list_view, needed), sizeof(int64_t), false},
    {offsetof(ath__list_view, valid), sizeof(int32_t), false},
    {offsetof(ath__list_view, built_cell), 9 * sizeof(double), false},
    {offsetof(ath__list_view, builds), sizeof(int64_t), false},
    {offsetof(ath__list_view, path), sizeof(int32_t), false},
    {offsetof(ath__list_view, row), sizeof(int32_t), true},
    {offsetof(ath__list_view, count), sizeof(int32_t), true},
    {offsetof(ath__list_view, wrap), 3 * sizeof(int32_t), true},
    {offsetof(ath__list_view, built_positions), 3 * sizeof(double), true},
};
enum { NEIGHBORS_N_ARRAYS = sizeof neighbors_arrays / sizeof neighbors_arrays[0] };

static void **neighbors_address(ath__list_view *list, const neighbors_array *array)
{
    return (void **)(void *)((char *)list + array->offset);
}

static size_t neighbors_entries(const ath__neighbors *nl)
{
    return (size_t)nl->ranges.n_units * NEIGHBORS_UNIT;
}

/* ---- arrays ---- */

static void neighbors_free_arrays(ath__neighbors *nl, ath__list_view *list, int32_t n_slots,
                                  int64_t n_rows)
{
    for (int k = 0; k < NEIGHBORS_N_ARRAYS; k++) {
        const neighbors_array *array = &neighbors_arrays[k];
        void **at = neighbors_address(list, array);
        ath__device_free(nl->device, *at, array->atom ? (size_t)n_rows : (size_t)n_slots,
                         array->row_bytes);
        *at = NULL;
    }
}

static void neighbors_free_host(ath__neighbors *nl, ath__neighbors *from)
{
    const size_t n = (size_t)from->n_slots;
    ath__free(nl->ctx, &from->slots, n, sizeof *from->slots);
    ath__free(nl->ctx, &from->words, n, sizeof *from->words);
    ath__free(nl->ctx, &from->ints, n, sizeof *from->ints);
    ath__free(nl->ctx, &from->cells, n, 9 * sizeof *from->cells);
    ath__free(nl->ctx, &from->pbc, n, 3 * sizeof *from->pbc);
}

static ath_status neighbors_alloc(ath__neighbors *nl, ath__neighbors *to)
{
    const size_t n = (size_t)to->n_slots;
    for (int k = 0; k < NEIGHBORS_N_ARRAYS; k++) {
        const neighbors_array *array = &neighbors_arrays[k];
        ATH__TRY(ath__device_alloc(nl->device, array->atom ? (size_t)to->n_rows : n,
                                   array->row_bytes, neighbors_address(&to->list, array)));
    }
    ATH__TRY(ath__alloc(nl->ctx, n, sizeof *to->slots, &to->slots));
    ATH__TRY(ath__alloc(nl->ctx, n, sizeof *to->words, &to->words));
    ATH__TRY(ath__alloc(nl->ctx, n, sizeof *to->ints, &to->ints));
    ATH__TRY(ath__alloc(nl->ctx, n, 9 * sizeof *to->cells, &to->cells));
    return ath__alloc(nl->ctx, n, 3 * sizeof *to->pbc, &to->pbc);
}

/* Arrays of another size; every list is invalid afterwards. Nothing has changed on failure. */
static ath_status neighbors_resize(ath__neighbors *nl, int32_t n_slots, int64_t n_rows)
{
    int64_t builds = 0;
    ath__neighbors next = {.n_slots = n_slots, .n_rows = n_rows};
    ATH__TRY(ath__neighbors_builds(nl, &builds));
    const ath_status status = neighbors_alloc(nl, &next);
    if (status < 0) {
        neighbors_free_arrays(nl, &next.list, n_slots, n_rows);
        neighbors_free_host(nl, &next);
        return status;
    }
    for (int32_t slot = 0; slot < n_slots; slot++) {
        next.slots[slot].n_atoms = -1;
    }
    if (nl->n_slots > 0) {
        memcpy(next.slots, nl->slots, (size_t)nl->n_slots * sizeof *nl->slots);
    }
    neighbors_free_arrays(nl, &nl->list, nl->n_slots, nl->n_rows);
    neighbors_free_host(nl, nl);
    next.list.entry = nl->list.entry;
    nl->list = next.list;
    nl->n_slots = n_slots;
    nl->n_rows = n_rows;
    nl->slots = next.slots;
    nl->words = next.words;
    nl->ints = next.ints;
    nl->cells = next.cells;
    nl->pbc = next.pbc;
    nl->earlier_builds = builds;
    return ATH_OK;
}

/* ---- ranges of entries ---- */

/* Sees to `units` free units, not necessarily in one piece. Lists keep their place. */
static ath_status neighbors_reserve(ath__neighbors *nl, int64_t units)
{
    ath__neighbor *entry = NULL;
    const int64_t old = nl->ranges.n_units;
    if (units <= nl->ranges.n_free) {
        return ATH_OK;
    }
    int64_t n = old + units - nl->ranges.n_free;
    n = n > old + old / 2 ? n : old + old / 2;
    if (n > INT32_MAX) {
        return ath__fail(nl->ctx, ATH_E_NO_MEMORY, "neighbour lists of %lld entries are too long",
                         (long long)(n * NEIGHBORS_UNIT));
    }
    ATH__TRY(ath__device_alloc(nl->device, (size_t)n * NEIGHBORS_UNIT, sizeof *entry, &entry));
    ath_status status = ATH_OK;
    if (old > 0) {
        status = ath__device_move(nl->device, entry, nl->list.entry,
                                  neighbors_entries(nl) * sizeof *entry);
    }
    if (status == ATH_OK) {
        const size_t old_entries = neighbors_entries(nl);
        status = ath__ranges_grow(nl->ctx, &nl->ranges, (int32_t)n);
        if (status == ATH_OK) {
            ath__device_free(nl->device, nl->list.entry, old_entries, sizeof *entry);
            nl->list.entry = entry;
            return ATH_OK;
        }
    }
    ath__device_free(nl->device, entry, (size_t)n * NEIGHBORS_UNIT, sizeof *entry);
    return status;
}

/* Takes `units` in one piece. */
static ath_status neighbors_take(ath__neighbors *nl, int32_t units, int32_t *out)
{
    *out = 0;
    if (units == 0) {
        return ATH_OK;
    }
    *out = ath__ranges_take(&nl->ranges, units);
    if (*out < 0) {
        /* the free units are in pieces: as many again, all new and so together */
        ATH__TRY(neighbors_reserve(nl, (int64_t)nl->ranges.n_free + units));
        *out = ath__ranges_take(&nl->ranges, units);
    }
    return ATH_OK;
}

static void neighbors_release(ath__neighbors *nl, neighbors_slot *s)
{
    if (s->n_units > 0) {
        ath__ranges_give(&nl->ranges, s->unit, s->n_units);
    }
    s->unit = s->n_units = 0;
}

/* Units for this many entries, at most what a list can have. */
static int32_t neighbors_units(double entries)
{
    const double limit = (double)INT32_MAX - NEIGHBORS_UNIT;
    entries = entries < limit ? entries : limit;
    return (int32_t)(((int64_t)entries + NEIGHBORS_UNIT - 1) / NEIGHBORS_UNIT);
}

/* A guess for a system that has no list yet: atoms in a sphere at the density of its cell, and a
 * fifth more. 0 if it needs none. */
static int32_t neighbors_guess(const ath__neighbors *nl, int32_t slot)
{
    const ath__neighbors_config *c = &nl->config;
    const double *cell = nl->cells + 9 * (int64_t)slot;
    const int32_t *pbc = nl->pbc + 3 * (int64_t)slot;
    const int32_t n = nl->slots[slot].n_atoms;
    const double reach = c->cutoff + c->skin, others = n > 0 ? n - 1 : 0;
    double per_atom = c->first_guess;
    if (n == 0 || ath__all_pairs_enough(n, cell, pbc, c->cutoff, c->all_pairs_max)) {
        return 0;
    }
    if (c->first_guess == 0) {
        const double sphere = 4.19 * reach * reach * reach;
        per_atom = sphere * NEIGHBORS_USUAL_DENSITY;
        if (pbc[0] && pbc[1] && pbc[2]) {
            per_atom = sphere * n / ath__cell_volume(cell);
        } else if (!(pbc[0] || pbc[1] || pbc[2]) && others < per_atom) {
            per_atom = others;
        }
        /* A cell that makes a nonsense of this will be dealt with by the kernel. */
        per_atom = per_atom < 4096.0 ? 1.2 * per_atom + 8.0 : 4096.0;
    }
    return neighbors_units(per_atom * n);
}

/* Brings the ranges to the device, and marks lists invalid: those of changed slots, or all. */
static ath_status neighbors_upload(ath__neighbors *nl, bool all)
{
    const size_t n = (size_t)nl->n_slots;
    for (int32_t slot = 0; slot < nl->n_slots; slot++) {
        nl->words[slot] = (int64_t)nl->slots[slot].unit * NEIGHBORS_UNIT;
    }
    ATH__TRY(ath__device_upload(nl->device, nl->list.start, nl->words, n * sizeof *nl->words));
    for (int32_t slot = 0; slot < nl->n_slots; slot++) {
        nl->words[slot] = (int64_t)nl->slots[slot].n_units * NEIGHBORS_UNIT;
    }
    ATH__TRY(ath__device_upload(nl->device, nl->list.room, nl->words, n * sizeof *nl->words));
    if (all) {
        return ath__neighbors_invalidate(nl);
    }
    ATH__TRY(ath__device_download(nl->device, nl->ints, nl->list.valid, n * sizeof *nl->ints));
    for (int32_t slot = 0; slot < nl->n_slots; slot++) {
        nl->ints[slot] = nl->slots[slot].changed ? 0 : nl->ints[slot];
    }
    return ath__device_upload(nl->device, nl->list.valid, nl->ints, n * sizeof *nl->ints);
}

/* ---- fit ---- */

/* Compares every slot with the batch; gives back the ranges of those that changed. Returns how many
 * did. */
static int32_t neighbors_compare(ath__neighbors *nl, const ath_batch *batch)
{
    const int32_t *order = ath__batch_order(batch);
    const int32_t n = ath_batch_n_systems(batch);
    int32_t n_changed = 0;
    for (int32_t slot = 0; slot < nl->n_slots; slot++) {
        neighbors_slot *s = &nl->slots[slot];
        s->changed = s->n_atoms >= 0 &&
                     (slot >= ath_batch_capacity(batch) || ath__batch_slot_atoms(batch, slot) < 0);
        if (s->changed) {
            neighbors_release(nl, s);
            s->n_atoms = -1;
            s->to_place = false;
            n_changed++;
        }
    }
    nl->max_atoms = 0;
    for (int32_t index = 0; index < n; index++) {
        neighbors_slot *s = &nl->slots[order[index]];
        const ath_uid uid = ath_batch_uid(batch, index);
        const int64_t first = ath__batch_first_row(batch, order[index]);
        const int32_t n_atoms = ath__batch_slot_atoms(batch, order[index]);
        nl->max_atoms = n_atoms > nl->max_atoms ? n_atoms : nl->max_atoms;
        s->changed = s->n_atoms != n_atoms || s->first != first || s->uid.lo != uid.lo ||
                     s->uid.hi != uid.hi;
        if (s->changed) {
            neighbors_release(nl, s);
            s->uid = uid;
            s->first = first;
            s->n_atoms = n_atoms;
            s->to_place = true;
            n_changed++;
        }
    }
    return n_changed;
}

/* Ranges for the slots whose size is to be guessed. */
static ath_status neighbors_place(ath__neighbors *nl, const ath_batch *batch)
{
    ath__view view;
    const size_t n = (size_t)ath_batch_capacity(batch);
    int64_t units = 0;
    ath__batch_view(batch, &view);
    ATH__TRY(ath__device_download(nl->device, nl->cells, view.cell, n * 9 * sizeof *nl->cells));
    ATH__TRY(ath__device_download(nl->device, nl->pbc, view.pbc, n * 3 * sizeof *nl->pbc));
    for (int32_t slot = 0; slot < nl->n_slots; slot++) {
        units += nl->slots[slot].to_place ? neighbors_guess(nl, slot) : 0;
    }
    ATH__TRY(neighbors_reserve(nl, units));
    for (int32_t slot = 0; slot < nl->n_slots; slot++) {
        neighbors_slot *s = &nl->slots[slot];
        if (s->to_place) {
            const int32_t guess = neighbors_guess(nl, slot);
            ATH__TRY(neighbors_take(nl, guess, &s->unit));
            s->n_units = guess;
            s->to_place = false;
        }
    }
    return ATH_OK;
}

ath_status ath__neighbors_fit(ath__neighbors *nl, const ath_batch *batch)
{
    const int32_t n_slots = ath_batch_capacity(batch);
    const int64_t n_rows = ath_batch_atom_capacity(batch);
    bool all = nl->batch != batch || nl->epoch != ath_batch_epoch(batch);
    if (ath_batch_device(batch) != nl->device) {
        return ath__fail(nl->ctx, ATH_E_ARGUMENT,
                         "neighbour lists: the batch is on another device");
    }
    if (n_slots > nl->n_slots || n_rows > nl->n_rows) {
        ATH__TRY(neighbors_resize(nl, n_slots > nl->n_slots ? n_slots : nl->n_slots,
                                  n_rows > nl->n_rows ? n_rows : nl->n_rows));
        all = true;
    }
    nl->batch = NULL; /* a fit that fails half way is begun again by the next one */
    const int32_t n_changed = neighbors_compare(nl, batch);
    if (n_changed > 0 || all) {
        ATH__TRY(neighbors_place(nl, batch));
        ATH__TRY(neighbors_upload(nl, all));
    }
    nl->batch = batch;
    nl->epoch = ath_batch_epoch(batch);
    return ATH_OK;
}

/* ---- grow ---- */

/* Larger ranges for the lists that overflowed, beside the present ones; returns how many there are.
 */
static ath_status neighbors_outgrow(ath__neighbors *nl, int32_t *n_grown)
{
    int64_t units = 0;
    for (int32_t slot = 0; slot < nl->n_slots; slot++) {
        neighbors_slot *s = &nl->slots[slot];
        s->changed = s->n_atoms >= 0 && nl->words[slot] > (int64_t)s->n_units * NEIGHBORS_UNIT;
        if (s->changed) {
            const double enough = 1.125 * (double)nl->words[slot];
            s->next_n_units = neighbors_units(enough);
            const int32_t least =
                (int32_t)((nl->words[slot] + NEIGHBORS_UNIT - 1) / NEIGHBORS_UNIT);
            s->next_n_units = s->next_n_units > least ? s->next_n_units : least;
            s->next_unit = -1;
            units += s->next_n_units;
            ++*n_grown;
        }
    }
    ATH__TRY(neighbors_reserve(nl, units));
    for (int32_t slot = 0; slot < nl->n_slots; slot++) {
        neighbors_slot *s = &nl->slots[slot];
        if (s->changed) {
            ATH__TRY(neighbors_take(nl, s->next_n_units, &s->next_unit));
        }
    }
    return ATH_OK;
}

/* Takes the larger ranges over, or gives them back. */
static void neighbors_settle(ath__neighbors *nl, bool keep)
{
    for (int32_t slot = 0; slot < nl->n_slots; slot++) {
        neighbors_slot *s = &nl->slots[slot];
        if (s->changed && s->next_unit >= 0) {
            const int32_t unit = s->next_unit, n_units = s->next_n_units;
            if (keep) {
                neighbors_release(nl, s);
                s->unit = unit;
                s->n_units = n_units;
            } else {
                ath__ranges_give(&nl->ranges, unit, n_units);
            }
        }
        s->next_n_units = 0;
    }
}

static ath_status neighbors_resume(ath__neighbors *nl, const ath_batch *batch)
{
    ath__view view;
    const int32_t n = ath_batch_capacity(batch);
    const size_t bytes = (size_t)n * sizeof *nl->ints;
    ath__batch_view(batch, &view);
    ATH__TRY(ath__device_download(nl->device, nl->ints, view.flags, bytes));
    for (int32_t slot = 0; slot < n; slot++) {
        nl->ints[slot] &= nl->slots[slot].changed ? ~ATH__SLOT_STALLED : ~0;
    }
    return ath__device_upload(nl->device, view.flags, nl->ints, bytes);
}

ath_status ath__neighbors_grow(ath__neighbors *nl, const ath_batch *batch, int32_t *n_grown)
{
    *n_grown = 0;
    if (nl->batch != batch || nl->epoch != ath_batch_epoch(batch)) {
        return ath__fail(nl->ctx, ATH_E_STATE, "neighbour lists: grown before fitted to the batch");
    }
    ATH__TRY(ath__device_download(nl->device, nl->words, nl->list.needed,
                                  (size_t)nl->n_slots * sizeof *nl->words));
    const ath_status status = neighbors_outgrow(nl, n_grown);
    neighbors_settle(nl, status == ATH_OK);
    if (status < 0) {
        *n_grown = 0;
        return status;
    }
    if (*n_grown > 0) {
        ATH__TRY(neighbors_upload(nl, false));
        ATH__TRY(neighbors_resume(nl, batch));
    }
    return ATH_OK;
}

/* ---- the rest ---- */

ath_status ath__neighbors_create(ath_context *ctx, const ath__neighbors_config *config,
                                 ath__neighbors **out)
{
    ath__neighbors *nl = NULL;
    const double reach = config->cutoff + config->skin;
    *out = NULL;
    if (!(config->cutoff > 0.0) || !(config->skin >= 0.0) || !(reach <= NEIGHBORS_MAX_REACH) ||
        config->first_guess < 0) {
        return ath__fail(ctx, ATH_E_RANGE,
                         "neighbour lists: cutoff %g A and skin %g A must lie in (0, 1e6]",
                         config->cutoff, config->skin);
    }
    ATH__TRY(ath__alloc(ctx, 1, sizeof *nl, &nl));
    nl->ctx = ctx;
    nl->device = config->device;
    nl->config = *config;
    ath__ranges_init(&nl->ranges);
    *out = nl;
    return ATH_OK;
}

void ath__neighbors_destroy(ath__neighbors **nl)
{
    if (nl == NULL || *nl == NULL) {
        return;
    }
    ath__neighbors *n = *nl;
    ath_context *ctx = n->ctx;
    ath__device_free(n->device, n->list.entry, neighbors_entries(n), sizeof *n->list.entry);
    neighbors_free_arrays(n, &n->list, n->n_slots, n->n_rows);
    neighbors_free_host(n, n);
    ath__ranges_free(ctx, &n->ranges);
    ath__free(ctx, nl, 1, sizeof *n);
}

size_t ath__neighbors_work(const ath__neighbors *nl, int32_t max_atoms, int32_t n_members)
{
    (void)nl; /* what a system needs beyond this makes it slower, not impossible */
    const size_t alone =
        ath__neighbors_bytes(max_atoms, NEIGHBORS_CANDIDATES + 4 * (int64_t)max_atoms);
    if (n_members <= 1) {
        return alone;
    }
    const size_t together =
        ath__neighbors_shared(max_atoms) +
        (size_t)n_members * ath__neighbors_private(max_atoms, NEIGHBORS_CANDIDATES + max_atoms / 8);
    const bool divided = max_atoms > ATH__TEAM_ATOMS && together > alone;
    return ath__neighbors_notes(n_members) + (divided ? together : alone);
}

ath_status ath__neighbors_update(ath__neighbors *nl, ath__stream *stream, const ath__view *view,
                                 const int32_t *d_slots, const int32_t *d_n_slots, void *d_work,
                                 size_t work_bytes)
{
    const ath__neighbors_args args = {
        .view = *view,
        .list = nl->list,
        .slots = d_slots,
        .n_slots = d_n_slots,
        .work = d_work,
        .work_bytes = (int64_t)work_bytes,
        .cutoff = nl->config.cutoff,
        .skin = nl->config.skin,
        .all_pairs_max = nl->config.all_pairs_max,
    };
    return ath__launch(stream, ATH_K_NEIGHBORS_UPDATE, &args);
}

void ath__neighbors_view(const ath__neighbors *nl, ath__list_view *out)
{
    *out = nl->list;
}

ath_status ath__neighbors_invalidate(ath__neighbors *nl)
{
    ath__stream *stream = &nl->device->stream;
    if (nl->n_slots == 0) {
        return ATH_OK;
    }
    ATH__TRY(nl->device->ops->fill(stream, nl->list.valid, 0,
                                   (size_t)nl->n_slots * sizeof *nl->list.valid));
    return nl->device->ops->wait(stream);
}

ath_status ath__neighbors_builds(ath__neighbors *nl, int64_t *out)
{
    *out = nl->earlier_builds;
    if (nl->n_slots == 0) {
        return ATH_OK;
    }
    ATH__TRY(ath__device_download(nl->device, nl->words, nl->list.builds,
                                  (size_t)nl->n_slots * sizeof *nl->words));
    for (int32_t slot = 0; slot < nl->n_slots; slot++) {
        *out += nl->words[slot];
    }
    return ATH_OK;
}
