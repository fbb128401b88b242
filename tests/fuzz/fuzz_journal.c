/* libFuzzer target: bytes as the first segment of a journal. Opened to read, then to write, a
 * record put, opened again: nothing may crash or leak, no record that was there may be lost, and
 * what can be read must be whole. A fuzzer cannot make checksums: if the first byte is odd, those
 * of all sections are made right first.
 */
#include <athanor/journal.h>

#include "campaign/disk.h"
#include "data/bytes.h"
#include "data/container.h"
#include "fuzz/target.h"

enum { FUZZ_MAX = 1 << 16 };

/* Heads wherever their mark stands, with lengths that fit. */
static void fuzz_mend(uint8_t *data, size_t size)
{
    for (size_t at = 0; at + ATH__SECTION_HEAD <= size; at++) {
        uint8_t *head = data + at;
        if (ath__le_get32(head) != ATH__MARK_SECTION) {
            continue;
        }
        const size_t left = size - at - ATH__SECTION_HEAD;
        const uint64_t length = ath__le_get64(head + 16);
        const size_t n = length <= left ? (size_t)length : left;
        ath__le_put64(head + 16, n);
        ath__le_put32(head + 24, ath__crc32c(0, head + ATH__SECTION_HEAD, n));
        ath__le_put32(head + 28, ath__crc32c(0, head, 28));
        at += ATH__SECTION_HEAD + n - 1;
    }
}

static ath_status fuzz_open(ath_context *ctx, bool write, ath_journal **out)
{
    const ath_journal_config config = {
        .size = sizeof config, .write = write, .segment_bytes = 4096};
    return ath_journal_open(ctx, "j", &config, out);
}

/* All records can be read; those with a system as far as it makes sense. */
static int64_t fuzz_read(ath_journal *j)
{
    const int64_t n = ath_journal_length(j);
    for (int64_t i = 0; i < n; i++) {
        ath_record r, again;
        ath_system *system = NULL;
        int64_t index = -1;
        REQUIRE(ath_journal_record(j, i, &r) == ATH_OK);
        REQUIRE(ath_journal_read(j, i, &again, NULL) == ATH_OK);
        REQUIRE(strlen(again.text) < FUZZ_MAX && strlen(again.file) < FUZZ_MAX);
        REQUIRE(ath_journal_has(j, r.uid, r.stage, &index) && index == i);
        (void)ath_journal_read(j, i, &again, &system);
        ath_system_destroy(&system);
    }
    return n;
}

static void fuzz_write(ath_context *ctx, int64_t had)
{
    ath_journal *j = NULL;
    const ath_record r = {.uid = {UINT64_MAX, 7}, .stage = 1 << 30};
    bool fresh = false;
    ath_journal_state s = {.size = sizeof s};
    if (fuzz_open(ctx, true, &j) != ATH_OK) {
        return;
    }
    const int64_t n = fuzz_read(j);
    REQUIRE(n >= had);
    REQUIRE(ath_journal_put(j, &r, NULL, &fresh) == ATH_OK);
    REQUIRE(ath_journal_commit(j) == ATH_OK);
    ath_journal_close(&j);
    for (int write = 0; write < 2; write++) {
        REQUIRE(fuzz_open(ctx, write, &j) == ATH_OK);
        REQUIRE(fuzz_read(j) == n + fresh);
        REQUIRE(ath_journal_inspect(j, &s) == ATH_OK);
        REQUIRE(s.n_recovered == 0);
        ath_journal_close(&j);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    failing memory = {0};
    static disk d;
    ath_context_config config = failing_config(&memory);
    ath_context *ctx = NULL;
    ath_journal *j = NULL;
    int64_t had = 0;
    if (size < 1 || size > FUZZ_MAX) {
        return 0;
    }
    disk_io(&d, &config.io);
    disk_store(&d, "j/00000001.journal", data + 1, size - 1);
    if (data[0] & 1) {
        disk_file *f = disk_find(&d, "j/00000001.journal");
        fuzz_mend(f->data, f->size);
    }
    REQUIRE(ath_context_create(&config, &ctx) == ATH_OK);
    if (fuzz_open(ctx, false, &j) == ATH_OK) {
        had = fuzz_read(j);
        ath_journal_close(&j);
    }
    fuzz_write(ctx, had);
    ath_context_destroy(&ctx);
    REQUIRE(memory.n_blocks == 0 && memory.n_wrong == 0 && d.n_open == 0);
    disk_free(&d);
    return 0;
}
