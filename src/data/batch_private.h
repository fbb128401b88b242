/* What dynamics and flow need of a batch beyond its public header. Private to the library. */
#ifndef ATHANOR_DATA_BATCH_PRIVATE_H
#define ATHANOR_DATA_BATCH_PRIVATE_H

#include <athanor/batch.h>

#include "data/view.h"
#include "device/device.h"

/* Addresses of the present epoch. system_state and atom_state are NULL until asked for. */
void ath__batch_view(const ath_batch *batch, ath__view *out);
/* Device address of the first row of a field; NULL if the batch does not have it. */
const void *ath__batch_field(const ath_batch *batch, ath_field_id field);
/* Rows of integrator state: n 8-byte cells per slot and per atom row. Grows with the batch, is
 * copied by compact, append, select and packets. Calling again with other sizes reallocates, zeroes
 * and bumps the epoch; a failure changes nothing. */
ath_status ath__batch_state(ath_batch *batch, int32_t n_system_state, int32_t n_atom_state);
int32_t ath__batch_n_system_state(const ath_batch *batch);
int32_t ath__batch_n_atom_state(const ath_batch *batch);
/* Slot of a position in the public order, and the whole permutation (host memory, [n_systems]). */
int32_t ath__batch_slot(const ath_batch *batch, int32_t index);
const int32_t *ath__batch_order(const ath_batch *batch);
/* Host copies of what never changes while a system is in the batch. */
int64_t ath__batch_first_row(const ath_batch *batch, int32_t slot);
int32_t ath__batch_slot_atoms(const ath_batch *batch, int32_t slot);
/* Rows reserved for a slot: n_atoms padded to 32. */
int32_t ath__batch_slot_rows(const ath_batch *batch, int32_t slot);
/* True if n systems with this many atoms in all could be added within the limits (growing allowed,
 * limits count atoms without padding). */
bool ath__batch_has_room(const ath_batch *batch, int32_t n_systems, int64_t n_atoms);

/* One system out of a batch, with its life: flags, target and integrator state. Synchronises. */
ath_status ath__batch_export(const ath_batch *batch, int32_t slot, ath_system **out);
/* One system into a batch, at the end of the public order. keep: its life goes on (flags, target,
 * state; state rows of another size are cut or filled with zeros; a batch without state rows gets
 * them); else it is new, with the flags FRESH, STALE and ENTER, target 0 and state zero. grow
 * false: ATH_AGAIN if it does not fit into the present capacity. Synchronises. */
ath_status ath__batch_import(ath_batch *batch, const ath_system *system, bool keep, bool grow);
/* Removes the last n systems of the public order. */
void ath__batch_drop_last(ath_batch *batch, int32_t n);
/* Number of the dynamics whose integrator state the rows hold; 0: none yet. Append, select and
 * packets do not carry it: a batch made from them has owner 0. */
uint64_t ath__batch_owner(const ath_batch *batch);
void ath__batch_set_owner(ath_batch *batch, uint64_t owner);

#endif
