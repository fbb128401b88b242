/* The books as the host sees them: status, reason, flags and counters of all systems, and what part
 * moves which system in the step that is being made. They are looked at where hooks, criteria of
 * the host or calls by hand need them, never in a step without. Where the host can read the device
 * this costs nothing; elsewhere it is a copy and a wait.
 */
#include <string.h>

#include "dynamics/dynamics_private.h"

/* Bytes of one system in the copies: status, reason, flags; steps in the stage and in all. */
enum { BOOKS_ROW = 3 * sizeof(int32_t) + 2 * sizeof(int64_t) };

void ath__books_free(ath_dynamics *dyn)
{
    ath__books *books = &dyn->plan.books;
    ath__free(dyn->ctx, &books->copies, books->n_copies, BOOKS_ROW);
    ath__free(dyn->ctx, &books->part, (size_t)books->n, sizeof *books->part);
    ath__free(dyn->ctx, &books->mask, (size_t)books->n, 1);
    ath__free(dyn->ctx, &books->met, (size_t)books->n, 1);
    *books = (ath__books){0};
}

static ath_status books_make(ath_dynamics *dyn, size_t n, size_t n_copies)
{
    ath__books *books = &dyn->plan.books;
    books->n = (int32_t)n;
    books->n_copies = n_copies;
    ATH__TRY(ath__alloc(dyn->ctx, n_copies, BOOKS_ROW, &books->copies));
    ATH__TRY(ath__alloc(dyn->ctx, n, sizeof *books->part, &books->part));
    ATH__TRY(ath__alloc(dyn->ctx, n, 1, &books->mask));
    return ath__alloc(dyn->ctx, n, 1, &books->met);
}

ath_status ath__books_fit(ath_dynamics *dyn, const ath_batch *batch)
{
    const bool shared = dyn->plan.device->shared;
    const int32_t n = ath_batch_capacity(batch);
    if (n <= dyn->plan.books.n) {
        return ATH_OK;
    }
    ath__books_free(dyn);
    const ath_status status = books_make(dyn, (size_t)n, shared ? 0 : (size_t)n);
    if (status < 0) {
        ath__books_free(dyn);
    }
    return status;
}

ath_status ath__books_look(ath_dynamics *dyn, const ath_batch *batch)
{
    ath__books *books = &dyn->plan.books;
    ath_device *device = dyn->plan.device;
    const size_t n = (size_t)ath_batch_capacity(batch);
    ath__view view;
    ath__batch_view(batch, &view);
    if (device->shared) {
        books->status = view.status;
        books->reason = view.reason;
        books->flags = view.flags;
        books->stage_steps = view.stage_steps;
        books->age = view.age;
        return ATH_OK;
    }
    int64_t *stage_steps = books->copies, *age = stage_steps + n;
    int32_t *status = (int32_t *)(age + n), *reason = status + n, *flags = reason + n;
    books->status = status;
    books->reason = reason;
    books->flags = flags;
    books->stage_steps = stage_steps;
    books->age = age;
    if (n == 0) {
        return ATH_OK;
    }
    ATH__TRY(ath__device_download(device, stage_steps, view.stage_steps, n * sizeof *stage_steps));
    ATH__TRY(ath__device_download(device, age, view.age, n * sizeof *age));
    ATH__TRY(ath__device_download(device, status, view.status, n * sizeof *status));
    ATH__TRY(ath__device_download(device, reason, view.reason, n * sizeof *reason));
    return ath__device_download(device, flags, view.flags, n * sizeof *flags);
}

/* Part that moves the system in this slot, if it is in the middle of its life. */
static int32_t books_part(const ath_dynamics *dyn, int32_t slot)
{
    const ath__books *books = &dyn->plan.books;
    return books->reason[slot] != ATH_REASON_NONE
               ? -1
               : ath__part_of(books->status[slot], dyn->n_parts,
                              dyn->fused ? -1 : dyn->exit_status);
}

ath_status ath__books_note(ath_dynamics *dyn, const ath_batch *batch)
{
    ath__books *books = &dyn->plan.books;
    ATH__TRY(ath__books_look(dyn, batch));
    for (int32_t i = 0; i < ath_batch_n_systems(batch); i++) {
        books->part[i] = books_part(dyn, ath__batch_slot(batch, i));
    }
    return ATH_OK;
}

ath_status ath__books_note_entering(ath_dynamics *dyn, const ath_batch *batch)
{
    ath__books *books = &dyn->plan.books;
    ATH__TRY(ath__books_note(dyn, batch));
    for (int32_t i = 0; i < ath_batch_n_systems(batch); i++) {
        const int32_t flags = books->flags[ath__batch_slot(batch, i)];
        books->part[i] = flags & (ATH__SLOT_ENTER | ATH__SLOT_FRESH) ? books->part[i] : -1;
    }
    return ATH_OK;
}

ath_status ath__books_mask(ath_dynamics *dyn, const ath_batch *batch, int32_t flags, int32_t live,
                           uint8_t *mask, int32_t *n)
{
    ATH__TRY(ath__books_look(dyn, batch));
    *n = 0;
    for (int32_t i = 0; i < ath_batch_n_systems(batch); i++) {
        const int32_t slot = ath__batch_slot(batch, i);
        mask[i] = (dyn->plan.books.flags[slot] & flags) == flags &&
                  (live < 0 || (books_part(dyn, slot) >= 0) == (live == 1));
        *n += mask[i];
    }
    return ATH_OK;
}

ath_status ath__books_dismiss(ath_batch *batch, int32_t index)
{
    ath_device *device = ath_batch_device(batch);
    ath__view view;
    int32_t flags = 0;
    ath__batch_view(batch, &view);
    int32_t *d_flags = view.flags + ath__batch_slot(batch, index);
    ATH__TRY(ath__device_download(device, &flags, d_flags, sizeof flags));
    flags |= ATH__SLOT_DISMISSED;
    return ath__device_upload(device, d_flags, &flags, sizeof flags);
}

ath_status ath__books_flag(ath_dynamics *dyn, ath_batch *batch, const uint8_t *choose,
                           int32_t clear, int32_t set)
{
    const size_t n = (size_t)ath_batch_capacity(batch);
    ath__view view;
    ATH__TRY(ath__books_look(dyn, batch));
    ath__batch_view(batch, &view);
    int32_t *flags = dyn->plan.device->shared ? view.flags : (int32_t *)dyn->plan.books.flags;
    for (int32_t i = 0; i < ath_batch_n_systems(batch); i++) {
        if (choose[i]) {
            const int32_t slot = ath__batch_slot(batch, i);
            flags[slot] = (flags[slot] & ~clear) | set;
        }
    }
    return dyn->plan.device->shared || n == 0
               ? ATH_OK
               : ath__device_upload(dyn->plan.device, view.flags, flags, n * sizeof *flags);
}
