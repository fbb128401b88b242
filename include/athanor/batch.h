/* A batch: many systems on one device, one array per field.
 *
 * A system owns a slot (a row of each system field) and one contiguous range of atom rows, padded
 * to 32. Slots never move except in ath_batch_compact, atoms are never reordered. The public order
 * is a permutation over slots: systems keep the order in which they came; newcomers go to the end.
 * Capacity grows by doubling, between steps only, and bumps the epoch; pointers into the batch die
 * with the epoch.
 *
 * index arguments are positions in the public order, 0 <= index < n_systems, else ATH_E_RANGE.
 * Calls that copy to or from the host synchronise with the batch's device (marked S).
 */
#ifndef ATHANOR_BATCH_H
#define ATHANOR_BATCH_H

#include <athanor/device.h>
#include <athanor/system.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ath_batch ath_batch;

typedef struct ath_batch_config {
    size_t size;         /* sizeof(struct ath_batch_config) */
    ath_device *device;  /* borrowed; NULL is an error */
    int32_t n_systems;   /* capacity to begin with, >= 0 */
    int64_t n_atoms;     /* rows to begin with, >= 0; rounded up to 32, as each system's are */
    int32_t max_systems; /* never hold more; 0: no limit */
    int64_t max_atoms;   /* never hold more, counted without padding; 0: no limit */
} ath_batch_config;

ATH_API ath_status ath_batch_create(ath_context *ctx, const ath_batch_config *config,
                                    ath_batch **out);
ATH_API void ath_batch_destroy(ath_batch **batch);
/* An empty batch with the user fields of `like` and the given capacity, without limits. */
ATH_API ath_status ath_batch_create_like(const ath_batch *like, int32_t n_systems, int64_t n_atoms,
                                         ath_batch **out);
/* A batch of n systems, in order. S */
ATH_API ath_status ath_batch_from_systems(ath_context *ctx, ath_device *device,
                                          ath_system *const *systems, int32_t n, ath_batch **out);

ATH_API int32_t ath_batch_n_systems(const ath_batch *batch);
ATH_API int64_t ath_batch_n_atoms(const ath_batch *batch);  /* of the systems, without padding */
ATH_API int32_t ath_batch_capacity(const ath_batch *batch); /* slots */
ATH_API int64_t ath_batch_atom_capacity(const ath_batch *batch); /* rows */
ATH_API uint64_t ath_batch_epoch(const ath_batch *batch);
/* -1 if there is no such system. */
ATH_API int32_t ath_batch_n_atoms_of(const ath_batch *batch, int32_t index);
ATH_API ath_device *ath_batch_device(const ath_batch *batch);

/* Adds one system at the end of the public order; the system is copied, extras included, and is new
 * to whoever runs the batch: its forces are due. Fields that only one side has get their default on
 * the other (union); masses those of the elements, dof 3 N less the fixed components. ATH_E_RANGE
 * where a limit of the config would be passed; the batch is then unchanged. ATH_E_ARGUMENT for a
 * system of another context: a packet takes it across. S */
ATH_API ath_status ath_batch_add(ath_batch *batch, const ath_system *system);
/* Adds all systems of `other` in its order; all or nothing. ATH_E_ARGUMENT if other == batch. S */
ATH_API ath_status ath_batch_append(ath_batch *batch, const ath_batch *other);
/* A copy of one system, all fields and extras. S */
ATH_API ath_status ath_batch_get(const ath_batch *batch, int32_t index, ath_system **out);
/* A new batch of the listed systems in that order; repeats allowed; n >= 1. S */
ATH_API ath_status ath_batch_select(const ath_batch *batch, const int32_t *indices, int32_t n,
                                    ath_batch **out);
/* Copies the systems with mask[index] != 0 that fit into the free capacity of dst, in order,
 * without growing it; a system that does not fit is skipped and later, smaller ones are still
 * tried. copied[index] (n_systems of src; may be NULL) says which were copied. S */
ATH_API ath_status ath_batch_put(ath_batch *dst, const ath_batch *src, const uint8_t *mask,
                                 uint8_t *copied);
/* Removes the systems with mask[index] != 0; the rest keep their order, slots and rows. */
ATH_API ath_status ath_batch_trim(ath_batch *batch, const uint8_t *mask);
/* Removes all systems; capacity and addresses stay. */
ATH_API void ath_batch_zero(ath_batch *batch);
/* Moves systems together in public order, so that all free rows are at the end. Bumps the epoch.
 * S */
ATH_API ath_status ath_batch_compact(ath_batch *batch);
/* Grows to at least this capacity. Bumps the epoch if anything moved. S */
ATH_API ath_status ath_batch_reserve(ath_batch *batch, int32_t n_systems, int64_t n_atoms);

/* Makes a registered user field part of the batch. */
ATH_API ath_status ath_batch_add_field(ath_batch *batch, ath_field_id field);
ATH_API int ath_batch_has_field(const ath_batch *batch, ath_field_id field);
/* Device address of the rows of one system; on the host device it can be read and written directly.
 * Dies with the epoch. ATH_E_NOT_FOUND if the batch does not have the field. */
ATH_API ath_status ath_batch_rows(const ath_batch *batch, ath_field_id field, int32_t index,
                                  void **out);
/* Copies the rows of one system to or from host memory (n_atoms or 1 rows). Writing positions,
 * numbers, cell or pbc makes its forces due again. `dof` is not changed by writing anything else: a
 * dynamics counts when a system enters a stage. S */
ATH_API ath_status ath_batch_read(const ath_batch *batch, ath_field_id field, int32_t index,
                                  void *out);
ATH_API ath_status ath_batch_write(ath_batch *batch, ath_field_id field, int32_t index,
                                   const void *values);
ATH_API ath_uid ath_batch_uid(const ath_batch *batch, int32_t index); /* zero if no such system */

#ifdef __cplusplus
}
#endif
#endif
