/* What dynamics and flow need of a batch beyond its public header. Private to the library. */
#ifndef ATHANOR_DATA_BATCH_PRIVATE_H
#define ATHANOR_DATA_BATCH_PRIVATE_H

#include <athanor/batch.h>

#include "data/view.h"
#include "device/device.h"

/* Addresses of the present epoch. system_state and atom_state are NULL until asked for. */
void ath__batch_view(const ath_batch *batch, ath__view *out);
/* Rows of integrator state: n 8-byte cells per slot and per atom row. Grows with the batch, is copied
 * by compact, append, select and packets. Calling again with other sizes reallocates and zeroes. */
ath_status ath__batch_state(ath_batch *batch, int32_t n_system_state, int32_t n_atom_state);
int32_t ath__batch_n_system_state(const ath_batch *batch);
int32_t ath__batch_n_atom_state(const ath_batch *batch);
/* Slot of a position in the public order, and the whole permutation (host memory, n_systems long). */
int32_t ath__batch_slot(const ath_batch *batch, int32_t index);
const int32_t *ath__batch_order(const ath_batch *batch);
/* Host copies of what never changes while a system is in the batch. */
int64_t ath__batch_first_row(const ath_batch *batch, int32_t slot);
int32_t ath__batch_slot_atoms(const ath_batch *batch, int32_t slot);
/* Rows reserved for a slot: n_atoms padded to 32. */
int32_t ath__batch_slot_rows(const ath_batch *batch, int32_t slot);
/* True if this system could be added now within the limits (growing allowed). */
bool ath__batch_has_room(const ath_batch *batch, int32_t n_systems, int64_t n_atoms);

#endif
