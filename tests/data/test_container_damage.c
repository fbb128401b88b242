/* Damaged and hostile containers: every flipped byte and every cut is noticed and costs one system
 * at most, and no bytes whatever make the reader misbehave.
 */
#include "data/container_rig.h"

/* ---- damage ---- */

typedef struct survey {
    int complaints; /* what the reader found wrong */
    bool refused;   /* it would not open */
    int n_intact;   /* systems read, and equal to what was written */
    bool intact[N_SYSTEMS];
    int n_others; /* unknown sections read without complaint */
} survey;

static void survey_packet(fixture *f, const ath_section *section, survey *out)
{
    ath_packet *packet = NULL;
    if (ath_packet_open(f->ctx, section->data, section->bytes, &packet) != ATH_OK) {
        out->complaints++;
        return;
    }
    out->complaints += ath_packet_check(packet) != ATH_OK;
    for (int32_t i = 0; i < ath_packet_n_systems(packet); i++) {
        ath_system *got = NULL;
        const ath_status s = ath_packet_unpack(packet, i, &got);
        if (s == ATH_OK) {
            kit_same(f->systems[i], got, true);
            kit_same_life(f->systems[i], got);
            out->n_intact += !out->intact[i];
            out->intact[i] = true;
        } else {
            assert_int_equal(s, ATH_E_CHECKSUM);
            out->complaints++;
        }
        ath_system_destroy(&got);
    }
    ath_packet_destroy(&packet);
}

/* Reads whatever can be read, as a careful user would: packets also out of damaged sections. */
static survey survey_of(fixture *f, const uint8_t *data, size_t bytes)
{
    survey out = {0};
    ath_container_reader *reader = NULL;
    ath_section section;
    ath_status s = ath_container_open_memory(f->ctx, "m", data, bytes, &reader);
    if (s != ATH_OK) {
        assert_int_equal(s, ATH_E_FORMAT);
        out.refused = true;
        out.complaints++;
        return out;
    }
    for (int guard = 0; (s = ath_container_next(reader, &section)) != ATH_END; guard++) {
        assert_true(guard < 100);
        assert_true(s == ATH_OK || s == ATH_E_CHECKSUM || s == ATH_E_FORMAT);
        out.complaints += s != ATH_OK;
        if (section.bytes > 0) {
            assert_true((const uint8_t *)section.data >= data &&
                        (const uint8_t *)section.data + section.bytes <= data + bytes);
        }
        if (s == ATH_OK && section.id == SECTION_OTHER) {
            out.n_others++;
        } else if (section.bytes > 0 && (section.id == ATH_SECTION_PACKET || section.id == 0)) {
            survey_packet(f, &section, &out);
        }
    }
    ath_container_close(&reader);
    return out;
}

/* Every byte, all eight bits in turn and all at once: noticed, and at most one thing is lost. */
static void test_every_flipped_byte(void **state)
{
    fixture *f = *state;
    const void *data = NULL;
    size_t bytes = 0;
    ath_container *container = make_container(f);
    assert_int_equal(ath_container_finish(container, &data, &bytes), ATH_OK);
    uint8_t *copy = malloc(bytes);
    memcpy(copy, data, bytes);
    const survey whole = survey_of(f, copy, bytes);
    assert_int_equal(whole.complaints, 0);
    assert_int_equal(whole.n_intact, N_SYSTEMS);
    assert_int_equal(whole.n_others, 2);
    int n_lost = 0;
    for (size_t i = 0; i < bytes; i++) {
        const uint8_t flips[] = {0xff, (uint8_t)(1 << i % 8), (uint8_t)(1 << (i + 3) % 8)};
        for (size_t k = 0; k < sizeof flips; k++) {
            copy[i] ^= flips[k];
            const survey s = survey_of(f, copy, bytes);
            copy[i] ^= flips[k];
            assert_true(s.complaints > 0);
            assert_false(s.refused);
            assert_true(s.n_intact + s.n_others >= N_SYSTEMS + 2 - 1);
            n_lost += s.n_intact < N_SYSTEMS;
        }
    }
    assert_true(n_lost > 0);
    free(copy);
    ath_container_destroy(&container);
}

/* Cut anywhere: noticed, and what lies before the cut is there. */
static void test_every_truncation(void **state)
{
    fixture *f = *state;
    const void *data = NULL;
    size_t bytes = 0, end = ATH__CONTAINER_HEAD + ATH__SECTION_HEAD + 3 + ATH__SECTION_HEAD;
    size_t ends[N_SYSTEMS];
    ath_container *container = make_container(f);
    ath_packet *packet = make_packet(f, N_SYSTEMS);
    for (int32_t i = 0; i < N_SYSTEMS; i++) {
        ath_packet_info info;
        assert_int_equal(ath_packet_peek(packet, i, &info), ATH_OK);
        ends[i] = end += info.bytes;
    }
    assert_int_equal(ath_container_finish(container, &data, &bytes), ATH_OK);
    for (size_t n = 0; n < bytes; n++) {
        uint8_t *copy = malloc(n ? n : 1); /* a heap block of its own, so that overreads are seen */
        memcpy(copy, data, n);
        const survey s = survey_of(f, copy, n);
        assert_true(s.complaints > 0);
        for (int32_t i = 0; i < N_SYSTEMS; i++) {
            assert_int_equal(s.intact[i], n >= ends[i]);
        }
        free(copy);
    }
    ath_packet_destroy(&packet);
    ath_container_destroy(&container);
}

/* A run of bytes overwritten, cut out or doubled: noticed; records that it does not touch are there
 * (a doubled or shifted record is still one). */
static void test_bursts(void **state)
{
    fixture *f = *state;
    const void *data = NULL;
    size_t bytes = 0;
    ath_container *container = make_container(f);
    assert_int_equal(ath_container_finish(container, &data, &bytes), ATH_OK);
    int best = 0;
    for (int trial = 0; trial < 3000; trial++) {
        const size_t at = kit_next(&f->rng) % bytes, room = bytes - at;
        const size_t n = 1 + kit_next(&f->rng) % (room < 300 ? room : 300);
        uint8_t *copy = malloc(2 * bytes);
        size_t total = bytes;
        memcpy(copy, data, bytes);
        if (trial % 3 == 0) {
            for (size_t i = 0; i < n; i++) {
                copy[at + i] = (uint8_t)kit_next(&f->rng);
            }
        } else if (trial % 3 == 1) {
            memmove(copy + at, copy + at + n, bytes - at - n);
            total = bytes - n;
        } else {
            memmove(copy + at + n, copy + at, bytes - at);
            total = bytes + n;
        }
        if (total != bytes || memcmp(copy, data, bytes) != 0) {
            const survey s = survey_of(f, copy, total);
            assert_true(s.complaints > 0);
            best = s.n_intact > best ? s.n_intact : best;
        }
        free(copy);
    }
    assert_int_equal(best, N_SYSTEMS);
    ath_container_destroy(&container);
}

/* Sections left out, doubled or exchanged, and bytes behind the end. */
static void test_missing_sections(void **state)
{
    fixture *f = *state;
    const void *data = NULL;
    size_t bytes = 0;
    ath_container *container = make_container(f);
    assert_int_equal(ath_container_finish(container, &data, &bytes), ATH_OK);
    uint8_t *copy = calloc(1, bytes + 100);
    const size_t first = ATH__CONTAINER_HEAD, length = ATH__SECTION_HEAD + 3;
    memcpy(copy, data, first);
    memcpy(copy + first, (const uint8_t *)data + first + length, bytes - first - length);
    survey s = survey_of(f, copy, bytes - length);
    assert_true(s.complaints == 1 && s.n_intact == N_SYSTEMS && s.n_others == 1);
    memcpy(copy, data, first + length);
    memcpy(copy + first + length, (const uint8_t *)data + first, bytes - first);
    s = survey_of(f, copy, bytes + length);
    assert_true(s.complaints > 0 && s.n_intact == N_SYSTEMS && s.n_others == 3);
    memcpy(copy, data, bytes);
    s = survey_of(f, copy, bytes + 1);
    assert_true(s.complaints > 0 && s.n_intact == N_SYSTEMS && s.n_others == 2);
    /* the end is there, but the section before it is not */
    memcpy(copy + bytes - 2 * ATH__SECTION_HEAD, copy + bytes - ATH__SECTION_HEAD,
           ATH__SECTION_HEAD);
    s = survey_of(f, copy, bytes - ATH__SECTION_HEAD);
    assert_true(s.complaints == 1 && s.n_others == 1);
    free(copy);
    ath_container_destroy(&container);
}

/* Records doubled, exchanged, left out, or of another packet: told, and each system at most once.
 */
static void test_shuffled_records(void **state)
{
    fixture *f = *state;
    ath_packet *whole = make_packet(f, 3), *part = make_packet(f, 2), *opened = NULL;
    size_t at[4] = {0}, bytes = 0;
    uint8_t mixed[3][8192];
    const uint8_t *data = ath_packet_data(whole, &bytes), *other = ath_packet_data(part, NULL);
    for (int32_t i = 0; i < 3; i++) {
        ath_packet_info info;
        assert_int_equal(ath_packet_peek(whole, i, &info), ATH_OK);
        at[i + 1] = at[i] + info.bytes;
    }
    assert_true(at[3] == bytes && 2 * bytes < sizeof mixed[0]);
    memcpy(mixed[0], data, bytes); /* 0 1 2 2 */
    memcpy(mixed[0] + bytes, data + at[2], bytes - at[2]);
    memcpy(mixed[1], data + at[1], bytes - at[1]); /* 1 2 0 */
    memcpy(mixed[1] + bytes - at[1], data, at[1]);
    memcpy(mixed[2], data, at[1]); /* 0, then one of a packet of two */
    memcpy(mixed[2] + at[1], other + at[1], at[2] - at[1]);
    const size_t sizes[3] = {2 * bytes - at[2], bytes, at[2]};
    const int intact[3][3] = {{1, 1, 1}, {0, 1, 1}, {1, 0, 0}};
    for (int k = 0; k < 3; k++) {
        assert_int_equal(ath_packet_open(f->ctx, mixed[k], sizes[k], &opened), ATH_OK);
        assert_int_equal(ath_packet_check(opened), ATH_E_CHECKSUM);
        assert_int_equal(ath_packet_n_systems(opened), 3);
        for (int32_t i = 0; i < 3; i++) {
            ath_packet_info info;
            assert_int_equal(ath_packet_peek(opened, i, &info),
                             intact[k][i] ? ATH_OK : ATH_E_CHECKSUM);
            if (intact[k][i]) {
                assert_record(f->systems[i], opened, i);
            }
        }
        ath_packet_destroy(&opened);
    }
    ath_packet_destroy(&whole);
    ath_packet_destroy(&part);
}

static void test_newer_versions(void **state)
{
    fixture *f = *state;
    const void *data = NULL;
    size_t bytes = 0;
    ath_container *container = make_container(f);
    ath_container_reader *reader = NULL;
    assert_int_equal(ath_container_finish(container, &data, &bytes), ATH_OK);
    uint8_t *copy = malloc(bytes);
    memcpy(copy, data, bytes);
    ath__le_put32(copy + 8, ATH__CONTAINER_VERSION + 1);
    ath__le_put32(copy + 12, ath__crc32c(0, copy, 12));
    assert_int_equal(ath_container_open_memory(f->ctx, "m", copy, bytes, &reader),
                     ATH_E_UNSUPPORTED);
    assert_non_null(strstr(ath_context_message(f->ctx), "newer"));
    assert_null(reader);
    ath_packet *packet = make_packet(f, 2), *opened = NULL;
    const void *records = ath_packet_data(packet, &bytes);
    copy = realloc(copy, bytes);
    memcpy(copy, records, bytes);
    ath__head head;
    assert_true(ath__head_read(copy, ATH__MARK_RECORD, &head));
    head.a = ATH__PACKET_VERSION + 1;
    ath__head_write(copy, ATH__MARK_RECORD, &head);
    assert_int_equal(ath_packet_open(f->ctx, copy, bytes, &opened), ATH_E_UNSUPPORTED);
    assert_non_null(strstr(ath_context_message(f->ctx), "newer"));
    assert_null(opened);
    assert_int_equal(ath_container_open_memory(f->ctx, "m", "no container", 12, &reader),
                     ATH_E_FORMAT);
    assert_int_equal(ath_container_open_memory(f->ctx, "m", NULL, 0, &reader), ATH_E_FORMAT);
    ath_packet_destroy(&packet);
    free(copy);
    ath_container_destroy(&container);
}

/* ---- hostile bytes: the checksums are right, the content is not ---- */

/* Whatever the bytes say, memory stays within a small multiple of them. */
static void test_hostile_records(void **state)
{
    fixture *f = *state;
    ath__bytes body = {0};
    int n_ok = 0, n_bad = 0;
    for (int which = 0; which < N_SYSTEMS; which++) {
        body.size = 0;
        assert_int_equal(ath__packet_encode(f->systems[which], &body), ATH_OK);
        for (int trial = 0; trial < 4000; trial++) {
            uint8_t *copy = malloc(body.size);
            const int n_changes = 1 + kit_below(&f->rng, 3);
            ath_system *got = NULL;
            memcpy(copy, body.data, body.size);
            for (int k = 0; k < n_changes; k++) {
                static const uint8_t values[] = {0, 1, 2, 3, 4, 0x7f, 0x80, 0xfe, 0xff};
                const size_t at = kit_next(&f->rng) % (k ? body.size : body.size / 4 + 1);
                copy[at] = kit_next(&f->rng) & 1 ? values[kit_below(&f->rng, 9)]
                                                 : (uint8_t)kit_next(&f->rng);
            }
            const size_t size = trial % 5 ? body.size : kit_next(&f->rng) % body.size;
            const size_t before = f->memory.bytes;
            f->memory.peak_bytes = before;
            const ath_status s = ath__packet_decode(f->ctx, copy, size, &got);
            assert_true(f->memory.peak_bytes - before < 4 * body.size + 16384 + sizeof *got);
            assert_true((s == ATH_OK) == (got != NULL));
            assert_true(s == ATH_OK || s == ATH_E_FORMAT || s == ATH_E_EXISTS || s == ATH_E_RANGE);
            n_ok += s == ATH_OK;
            n_bad += s != ATH_OK;
            ath_system_destroy(&got);
            free(copy);
        }
    }
    assert_true(n_ok > 1000 && n_bad > 1000);
    ath__bytes_free(f->ctx, &body);
}

/* A record by hand, to reach what random changes do not. */
static void test_absurd_sizes(void **state)
{
    fixture *f = *state;
    ath_system *got = NULL, *tiny = NULL;
    ath__bytes body = {0};
    assert_int_equal(ath_system_create(f->ctx, 0, &tiny), ATH_OK);
    assert_int_equal(ath__packet_encode(tiny, &body), ATH_OK);
    static const struct {
        size_t at;
        uint32_t value;
    } changes[] = {{16, 1},          {16, 0x7fffffff}, {16, 0xffffffff}, {20, 1},
                   {20, 0},          {20, 65},         {20, 0xffffffff}, {24, 1},
                   {24, 0xffffffff}, {28, 2},          {36, 1},          {40, 0x7fffffff},
                   {44, 1},          {64, 5},          {64, 0x7ffffff0}};
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        uint8_t *copy = malloc(body.size);
        memcpy(copy, body.data, body.size);
        ath__le_put32(copy + changes[i].at, changes[i].value);
        const size_t before = f->memory.bytes;
        f->memory.peak_bytes = before;
        assert_int_equal(ath__packet_decode(f->ctx, copy, body.size, &got), ATH_E_FORMAT);
        assert_null(got);
        assert_true(f->memory.peak_bytes - before < 16384);
        free(copy);
    }
    for (size_t n = 0; n < body.size; n++) {
        assert_int_equal(ath__packet_decode(f->ctx, body.data, n, &got), ATH_E_FORMAT);
    }
    /* a field of two thousand million values of no atoms is nothing, and costs nothing */
    ath_field_info info = {"wide", ATH_LEVEL_ATOM, ATH_F64, INT32_MAX, "", 0, ""};
    ath_field_id id = -1;
    void *rows = NULL;
    assert_int_equal(ath_field_register(f->ctx, &info, &id), ATH_OK);
    assert_int_equal(ath_system_field(tiny, id, &rows), ATH_OK);
    body.size = 0;
    assert_int_equal(ath__packet_encode(tiny, &body), ATH_OK);
    assert_true(body.size < 1000);
    assert_int_equal(ath__packet_decode(f->ctx, body.data, body.size, &got), ATH_OK);
    ath_system_destroy(&got);
    ath_system_destroy(&tiny);
    ath__bytes_free(f->ctx, &body);
}
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_flipped_byte, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_truncation, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bursts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_missing_sections, setup, teardown),
        cmocka_unit_test_setup_teardown(test_shuffled_records, setup, teardown),
        cmocka_unit_test_setup_teardown(test_newer_versions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hostile_records, setup, teardown),
        cmocka_unit_test_setup_teardown(test_absurd_sizes, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
