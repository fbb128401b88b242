/* libFuzzer target: bytes as a NEP file. Beyond not crashing: nothing leaks, memory stays within
 * what the input justifies, a file that is accepted promises exactly the numbers it has, and can be
 * evaluated.
 */
#include <stdbool.h>

#include <athanor/model.h>

#include "fuzz/target.h"
#include "models/nep_scalar.h"

/* Two atoms of the first type, near to one another. */
static void fuzz_evaluate(ath_context *ctx, const ath__nep_file *file)
{
    double values[26];
    ath__nep_result r = {values, values + 2, values + 8};
    ath_system *system = NULL;
    void *rows = NULL;
    REQUIRE(ath_system_create(ctx, 2, &system) == ATH_OK);
    REQUIRE(ath_system_field(system, ATH_FIELD_NUMBERS, &rows) == ATH_OK);
    ((int32_t *)rows)[0] = ((int32_t *)rows)[1] = file->numbers[0];
    REQUIRE(ath_system_field(system, ATH_FIELD_POSITIONS, &rows) == ATH_OK);
    ((double *)rows)[3] = 0.75 * file->cutoff[0][0];
    REQUIRE(ath__nep_scalar(ctx, file, system, &r) == ATH_OK);
    ath_system_destroy(&system);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    failing memory = {0};
    ath_context_config config = failing_config(&memory);
    ath_context *ctx = NULL;
    ath__nep_file file;
    REQUIRE(ath_context_create(&config, &ctx) == ATH_OK);
    if (ath__nep_parse(ctx, "input", (const char *)data, size, &file) == ATH_OK) {
        int64_t lines = 0;
        for (size_t k = 0; k < size; k++) {
            lines += data[k] == '\n';
        }
        REQUIRE(file.n_values <= lines + 1);
        REQUIRE(file.values != NULL && file.n_types >= 1 && file.dimension >= 1);
        REQUIRE(ath__nep_begins((const char *)data, size) || data[0] == ' ' || data[0] == '\t' ||
                data[0] == '\r' || data[0] == '\v' || data[0] == '\f');
        REQUIRE(memory.peak_bytes < 8 * size + (1 << 15));
        fuzz_evaluate(ctx, &file);
        ath__nep_free(ctx, &file);
    } else {
        REQUIRE(file.values == NULL && ath_context_message(ctx)[0] != '\0');
        REQUIRE(memory.peak_bytes < 8 * size + (1 << 15));
    }
    ath_context_destroy(&ctx);
    REQUIRE(memory.n_blocks == 0 && memory.n_wrong == 0);
    return 0;
}
