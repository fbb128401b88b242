/* journal_record.c - the bytes of one record, and of what closes a group (docs/formats.md). */
#include <string.h>

#include "campaign/journal_private.h"
#include "data/bytes.h"
#include "data/system_private.h"

ath_status ath__record_encode(ath_context *ctx, const ath_record *record, const ath_system *system,
                              ath__bytes *out)
{
    uint8_t head[ATH__RECORD_HEAD];
    const char *text = record->text ? record->text : "", *file = record->file ? record->file : "";
    const size_t n_text = strlen(text), n_file = strlen(file);
    ath_packet *packet = NULL;
    size_t bytes = 0;
    if (n_text > UINT32_MAX || n_file > UINT32_MAX) {
        return ath__fail(ctx, ATH_E_RANGE, "journal: a text of %zu bytes is too long",
                         n_text > n_file ? n_text : n_file);
    }
    ath__le_put64(head, record->uid.lo);
    ath__le_put64(head + 8, record->uid.hi);
    ath__le_put32(head + 16, (uint32_t)record->stage);
    ath__le_put32(head + 20, (uint32_t)record->state);
    ath__le_put32(head + 24, (uint32_t)record->reason);
    ath__le_put32(head + 28, system ? (uint32_t)ath_system_n_atoms(system) : 0);
    ath__le_put64(head + 32, (uint64_t)record->steps);
    ath__le_put64(head + 40, (uint64_t)record->frame);
    ath__le_put64(head + 48, (uint64_t)record->place);
    ath__le_put32(head + 56, (uint32_t)n_text);
    ath__le_put32(head + 60, (uint32_t)n_file);
    ATH__TRY(ath__bytes_append(ctx, out, head, sizeof head));
    ATH__TRY(ath__bytes_append(ctx, out, text, n_text));
    ATH__TRY(ath__bytes_append(ctx, out, file, n_file));
    if (system == NULL) {
        return ATH_OK;
    }
    /* what the integrator knew serves those that have failed, to be seen failing again */
    ath_system bare = *system;
    if (record->state != ATH_STATE_QUARANTINED) {
        bare.life = (ath__life){0};
    }
    ath_system *const one = &bare; /* is only read */
    ATH__TRY(ath_packet_pack(ctx, &one, 1, &packet));
    const void *data = ath_packet_data(packet, &bytes);
    const ath_status status = ath__bytes_append(ctx, out, data, bytes);
    ath_packet_destroy(&packet);
    return status;
}

ath_status ath__record_decode(const uint8_t *data, size_t bytes, ath_record *out,
                              const uint8_t **texts, uint32_t lengths[2], size_t *packet)
{
    *out = (ath_record){0};
    if (bytes < ATH__RECORD_HEAD) {
        return ATH_E_FORMAT;
    }
    const uint32_t stage = ath__le_get32(data + 16), state = ath__le_get32(data + 20);
    const uint32_t reason = ath__le_get32(data + 24), n_atoms = ath__le_get32(data + 28);
    lengths[0] = ath__le_get32(data + 56);
    lengths[1] = ath__le_get32(data + 60);
    const uint64_t all = ATH__RECORD_HEAD + (uint64_t)lengths[0] + lengths[1];
    if (all > bytes || stage > INT32_MAX || n_atoms > INT32_MAX || state >= ATH_N_STATES ||
        reason >= ATH_N_REASONS) {
        return ATH_E_FORMAT;
    }
    out->uid = (ath_uid){ath__le_get64(data), ath__le_get64(data + 8)};
    out->stage = (int32_t)stage;
    out->state = (ath_state)state;
    out->reason = (ath_reason)reason;
    out->n_atoms = (int32_t)n_atoms;
    out->steps = (int64_t)ath__le_get64(data + 32);
    out->frame = (int64_t)ath__le_get64(data + 40);
    out->place = (int64_t)ath__le_get64(data + 48);
    out->has_system = all < bytes;
    out->bytes = bytes + ATH__SECTION_HEAD;
    *texts = data + ATH__RECORD_HEAD;
    *packet = (size_t)all;
    return ATH_OK;
}

void ath__commit_encode(const ath__commit *commit, uint8_t out[ATH__COMMIT_BYTES])
{
    ath__le_put64(out, (uint64_t)commit->number);
    ath__le_put64(out + 8, (uint64_t)commit->time);
    ath__le_put32(out + 16, (uint32_t)commit->n_records);
    ath__le_put32(out + 20, ATH_N_STATES);
    ath__le_put32(out + 24, ATH_N_REASONS);
    uint8_t *at = out + ATH__COMMIT_HEAD;
    for (int k = 0; k < ATH_N_STATES; k++, at += 8) {
        ath__le_put64(at, (uint64_t)commit->counts[k]);
    }
    for (int k = 0; k < ATH_N_REASONS; k++, at += 8) {
        ath__le_put64(at, (uint64_t)commit->reasons[k]);
    }
}

/* n numbers, of which we know what to do with the first n_ours; returns what is behind them. */
static const uint8_t *commit_counts(const uint8_t *at, uint32_t n, int64_t *out, uint32_t n_ours)
{
    for (uint32_t k = 0; k < n && k < n_ours; k++) {
        out[k] = (int64_t)ath__le_get64(at + 8 * (size_t)k);
    }
    return at + 8 * (size_t)n;
}

ath_status ath__commit_decode(const uint8_t *data, size_t bytes, ath__commit *out)
{
    *out = (ath__commit){0};
    if (bytes < ATH__COMMIT_HEAD) {
        return ATH_E_FORMAT;
    }
    const uint32_t n_states = ath__le_get32(data + 20), n_reasons = ath__le_get32(data + 24);
    const uint64_t number = ath__le_get64(data);
    if (number > ATH__MAX_GROUPS ||
        ATH__COMMIT_HEAD + 8 * ((uint64_t)n_states + n_reasons) != bytes) {
        return ATH_E_FORMAT;
    }
    out->number = (int64_t)number;
    out->time = (int64_t)ath__le_get64(data + 8);
    out->n_records = (int64_t)ath__le_get32(data + 16);
    data = commit_counts(data + ATH__COMMIT_HEAD, n_states, out->counts, ATH_N_STATES);
    (void)commit_counts(data, n_reasons, out->reasons, ATH_N_REASONS);
    return ATH_OK;
}
