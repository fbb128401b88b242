/* journal_record.c - the bytes of one record (docs/formats.md). */
#include <string.h>

#include "campaign/journal_private.h"
#include "data/bytes.h"

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
    ath__le_put32(head + 48, (uint32_t)n_text);
    ath__le_put32(head + 52, (uint32_t)n_file);
    ATH__TRY(ath__bytes_append(ctx, out, head, sizeof head));
    ATH__TRY(ath__bytes_append(ctx, out, text, n_text));
    ATH__TRY(ath__bytes_append(ctx, out, file, n_file));
    if (system == NULL) {
        return ATH_OK;
    }
    ath_system *const one = (ath_system *)system; /* is only read */
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
    lengths[0] = ath__le_get32(data + 48);
    lengths[1] = ath__le_get32(data + 52);
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
    out->has_system = all < bytes;
    out->bytes = bytes + ATH__SECTION_HEAD;
    *texts = data + ATH__RECORD_HEAD;
    *packet = (size_t)all;
    return ATH_OK;
}
