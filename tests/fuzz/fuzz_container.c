/* libFuzzer target: bytes as a container, as a packet and as the body of a record. What comes out
 * is packed again, and must come out of that the same; nothing may crash, leak, or ask for more
 * memory than a small multiple of the input.
 */

#include "data/container.h"
#include "fuzz/target.h"

/* A system that could be read survives another round, and writes the same bytes again. */
static void fuzz_round(ath_context *ctx, const ath_system *system)
{
    ath__bytes once = {0}, twice = {0};
    ath_system *back = NULL;
    REQUIRE(ath__packet_encode(system, &once) == ATH_OK);
    REQUIRE(ath__packet_decode(ctx, once.data, once.size, &back) == ATH_OK);
    REQUIRE(ath__packet_encode(back, &twice) == ATH_OK);
    REQUIRE(once.size == twice.size && memcmp(once.data, twice.data, once.size) == 0);
    ath_system_destroy(&back);
    ath__bytes_free(ctx, &once);
    ath__bytes_free(ctx, &twice);
}

static void fuzz_packet(ath_context *ctx, const void *data, size_t size)
{
    ath_packet *packet = NULL;
    if (ath_packet_open(ctx, data, size, &packet) != ATH_OK) {
        REQUIRE(packet == NULL);
        return;
    }
    const int32_t n = ath_packet_n_systems(packet);
    for (int32_t i = 0; i < n; i++) {
        ath_system *system = NULL;
        ath_packet_info info;
        (void)ath_packet_peek(packet, i, &info);
        if (ath_packet_unpack(packet, i, &system) == ATH_OK) {
            fuzz_round(ctx, system);
        }
        ath_system_destroy(&system);
    }
    (void)ath_packet_check(packet);
    ath_packet_destroy(&packet);
}

static void fuzz_container(ath_context *ctx, const uint8_t *data, size_t size)
{
    ath_container_reader *reader = NULL;
    ath_section section;
    ath_status s;
    if (ath_container_open_memory(ctx, "input", data, size, &reader) != ATH_OK) {
        return;
    }
    while ((s = ath_container_next(reader, &section)) != ATH_END) {
        REQUIRE(section.bytes == 0 ||
                ((const uint8_t *)section.data >= data && section.bytes <= size));
        if (section.id == ATH_SECTION_PACKET || s != ATH_OK) {
            fuzz_packet(ctx, section.data, section.bytes);
        }
    }
    ath_container_close(&reader);
}

/* A fuzzer cannot make checksums: it gets the layers behind them directly. */
static void fuzz_record(ath_context *ctx, const uint8_t *data, size_t size)
{
    ath_system *system = NULL;
    if (ath__packet_decode(ctx, data, size, &system) == ATH_OK) {
        fuzz_round(ctx, system);
    }
    ath_system_destroy(&system);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    failing memory = {0};
    ath_context_config config = failing_config(&memory);
    ath_context *ctx = NULL;
    REQUIRE(ath_context_create(&config, &ctx) == ATH_OK);
    fuzz_container(ctx, data, size);
    fuzz_packet(ctx, data, size);
    fuzz_record(ctx, data, size);
    /* a record may begin anywhere: let the seeds' records be found */
    for (size_t at = ath__head_find(data, size, 0, ATH__MARK_RECORD); at < size;
         at = ath__head_find(data, size, at + 1, ATH__MARK_RECORD)) {
        fuzz_record(ctx, data + at + ATH__SECTION_HEAD, size - at - ATH__SECTION_HEAD);
    }
    ath_context_destroy(&ctx);
    REQUIRE(memory.n_blocks == 0 && memory.n_wrong == 0);
    REQUIRE(memory.peak_bytes < 32 * size + (1 << 17));
    return 0;
}
