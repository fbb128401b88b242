/* Every size, count and length of a container in turn set to the borders of 32 and 64 bits, with
 * all checksums made to fit, so that the number itself is what a reader meets. Each is refused, no
 * request for memory is out of proportion, and the context can read the intact container after it.
 *
 * Where these numbers are is worked out here anew, from docs/formats.md.
 */
#include "base/sizes.h"
#include "data/container_rig.h"

enum { SIZES_PLACES = 1024, SIZES_HEADS = 32, SIZES_CONTAINER = 16, SIZES_HEAD = 32 };

typedef struct sizes_place {
    size_t at;
    int width;     /* bytes of the number: 4 or 8 */
    bool harmless; /* other values may make sense as well */
    const char *what;
} sizes_place;

/* Where things are in a container. */
typedef struct sizes_map {
    const uint8_t *data;
    size_t bytes, at;
    uint32_t n_atoms; /* of the present record */
    sizes_place places[SIZES_PLACES];
    int n_places;
    size_t heads[SIZES_HEADS]; /* of sections and records */
    int n_heads;
} sizes_map;

static uint64_t sizes_get(sizes_map *m, int width)
{
    const uint8_t *at = m->data + m->at;
    m->at += (size_t)width;
    assert_true(m->at <= m->bytes);
    return width == 4 ? ath__le_get32(at) : ath__le_get64(at);
}

/* A number that is a size. */
static uint64_t sizes_take(sizes_map *m, int width, bool harmless, const char *what)
{
    assert_true(m->n_places < SIZES_PLACES);
    m->places[m->n_places++] =
        (sizes_place){.at = m->at, .width = width, .harmless = harmless, .what = what};
    return sizes_get(m, width);
}

static void sizes_map_text(sizes_map *m, const char *what)
{
    const uint64_t n = sizes_take(m, 4, false, what);
    m->at += n == UINT32_MAX ? 0 : n;
}

static void sizes_map_field(sizes_map *m)
{
    sizes_map_text(m, "name of a field");
    sizes_map_text(m, "unit of a field");
    const bool rows = sizes_get(m, 4) == ATH_LEVEL_ATOM;
    (void)sizes_get(m, 4);
    /* without rows any width is as good as another */
    (void)sizes_take(m, 4, rows && m->n_atoms == 0, "width of a field");
    (void)sizes_get(m, 8);
    m->at += sizes_take(m, 8, false, "bytes of a field");
}

static void sizes_map_extra(sizes_map *m)
{
    static const size_t sizes[3] = {8, 8, 1};
    sizes_map_text(m, "name of an extra");
    const bool rows = sizes_get(m, 4) == ATH_LEVEL_ATOM;
    const uint64_t type = sizes_get(m, 4);
    const uint64_t width = sizes_take(m, 4, rows && m->n_atoms == 0, "width of an extra");
    (void)sizes_take(m, 4, true, "rows of an extra"); /* a matrix may be read as a list */
    const uint64_t n = width * (rows ? m->n_atoms : 1);
    for (uint64_t i = 0; i < n && type == ATH_EXTRA_STRING; i++) {
        sizes_map_text(m, "text");
    }
    m->at += type == ATH_EXTRA_STRING ? 0 : n * sizes[type];
}

static void sizes_map_record(sizes_map *m)
{
    m->at += 16;
    m->n_atoms = (uint32_t)sizes_take(m, 4, false, "atoms");
    const uint64_t n_fields = sizes_take(m, 4, false, "fields"),
                   n_extras = sizes_take(m, 4, false, "extras");
    m->at += 8;
    const uint64_t n_system = sizes_take(m, 4, false, "system state"),
                   n_atom = sizes_take(m, 4, m->n_atoms == 0, "atom state");
    m->at += 20;
    sizes_map_text(m, "source");
    if (m->places[m->n_places - 1].at + 4 == m->at) {
        m->places[m->n_places - 1].harmless = true; /* no source and an empty one */
    }
    for (uint64_t i = 0; i < n_fields; i++) {
        sizes_map_field(m);
    }
    m->at += 8 * (n_system + n_atom * m->n_atoms);
    for (uint64_t i = 0; i < n_extras; i++) {
        sizes_map_extra(m);
    }
}

/* A head of a section or a record; the end of what it announces. */
static size_t sizes_map_head(sizes_map *m, bool record)
{
    assert_true(m->n_heads < SIZES_HEADS);
    m->heads[m->n_heads++] = m->at;
    m->at += 8;
    (void)(record ? sizes_take(m, 4, false, "number of a record") : sizes_get(m, 4));
    (void)sizes_take(m, 4, false, record ? "records" : "number of a section");
    const uint64_t length = sizes_take(m, 8, false, record ? "record" : "section");
    m->at += 8;
    return m->at + length;
}

static void sizes_map_container(sizes_map *m)
{
    m->at = SIZES_CONTAINER;
    while (m->at < m->bytes) {
        const bool packet = memcmp(m->data + m->at + 4, "PACK", 4) == 0;
        const size_t end = sizes_map_head(m, false);
        while (packet && m->at < end) {
            const size_t next = sizes_map_head(m, true);
            sizes_map_record(m);
            assert_int_equal(m->at, next);
        }
        m->at = end;
    }
    assert_int_equal(m->at, m->bytes);
}

/* Makes all checksums fit; records come after the section that holds them. */
static void sizes_seal(const sizes_map *m, uint8_t *data)
{
    for (int k = m->n_heads - 1; k >= 0; k--) {
        uint8_t *head = data + m->heads[k];
        const size_t left = m->bytes - m->heads[k] - SIZES_HEAD;
        const uint64_t length = ath__le_get64(head + 16);
        ath__le_put32(head + 24,
                      ath__crc32c(0, head + SIZES_HEAD, length < left ? (size_t)length : left));
        ath__le_put32(head + 28, ath__crc32c(0, head, 28));
    }
}

/* ---- reading ---- */

typedef struct sizes_answer {
    int refused, n_systems;
} sizes_answer;

static void sizes_read_packet(ath_context *ctx, ath_batch *batch, const ath_section *section,
                              sizes_answer *out)
{
    ath_packet *packet = NULL;
    if (ath_packet_open(ctx, section->data, section->bytes, &packet) != ATH_OK) {
        out->refused++;
        return;
    }
    out->refused += ath_packet_check(packet) != ATH_OK;
    for (int32_t i = 0; i < ath_packet_n_systems(packet); i++) {
        ath_system *system = NULL;
        ath_packet_info info;
        const ath_status s = ath_packet_unpack(packet, i, &system);
        out->refused += s != ATH_OK || ath_packet_peek(packet, i, &info) != ATH_OK;
        assert_true((s == ATH_OK) == (system != NULL));
        ath_system_destroy(&system);
        assert_true((ath_packet_unpack_into(packet, i, batch) == ATH_OK) == (s == ATH_OK));
        out->n_systems += s == ATH_OK;
    }
    ath_packet_destroy(&packet);
}

static sizes_answer sizes_read(ath_context *ctx, ath_device *device, const uint8_t *data,
                               size_t bytes)
{
    sizes_answer out = {0};
    ath_container_reader *reader = NULL;
    ath_batch *batch = NULL;
    ath_section section;
    ath_status s;
    assert_int_equal(ath_batch_from_systems(ctx, device, NULL, 0, &batch), ATH_OK);
    assert_int_equal(ath_container_open_memory(ctx, "m", data, bytes, &reader), ATH_OK);
    while ((s = ath_container_next(reader, &section)) != ATH_END) {
        out.refused += s != ATH_OK;
        if (section.bytes > 0 && section.id != SECTION_OTHER) {
            sizes_read_packet(ctx, batch, &section, &out);
        }
    }
    ath_container_close(&reader);
    ath_batch_destroy(&batch);
    return out;
}

/* One place with one value; data is a copy that may be changed and is restored. */
static void sizes_try(const sizes_map *m, uint8_t *data, const sizes_place *place, uint64_t value)
{
    sizes_memory watch;
    const ath_context_config config = sizes_config(&watch, m->bytes);
    ath_context *ctx = NULL;
    ath_device *device = NULL;
    assert_int_equal(ath_context_create(&config, &ctx), ATH_OK);
    assert_int_equal(ath_device_open(ctx, "mock", &device), ATH_OK);
    if (place->width == 4) {
        ath__le_put32(data + place->at, (uint32_t)value);
    } else {
        ath__le_put64(data + place->at, value);
    }
    sizes_seal(m, data);
    const sizes_answer got = sizes_read(ctx, device, data, m->bytes);
    if (watch.n_over > 0 || (got.refused == 0 && !place->harmless)) {
        fail_msg("%s at byte %zu = %llu: %s, largest request %zu bytes", place->what, place->at,
                 (unsigned long long)value, got.refused ? "refused" : "taken", watch.largest);
    }
    memcpy(data, m->data, m->bytes);
    /* harmless: a field without rows may have been declared otherwise before the refusal */
    if (got.refused > 0 && !place->harmless) {
        const sizes_answer whole = sizes_read(ctx, device, data, m->bytes);
        if (whole.refused > 0 || whole.n_systems != N_SYSTEMS) {
            fail_msg("after %s = %llu: %s", place->what, (unsigned long long)value,
                     ath_context_message(ctx));
        }
    }
    ath_device_close(&device);
    ath_context_destroy(&ctx);
    assert_true(watch.memory.n_blocks == 0 && watch.memory.n_wrong == 0);
}

static void test_every_size(void **state)
{
    fixture *f = *state;
    const void *whole = NULL;
    size_t bytes = 0;
    int n_tried = 0;
    assert_int_equal(ath__system_set_life(f->systems[1], 2, 3), ATH_OK); /* of no atoms */
    ath_container *container = make_container(f);
    assert_int_equal(ath_container_finish(container, &whole, &bytes), ATH_OK);
    sizes_map *m = calloc(1, sizeof *m);
    uint8_t *data = malloc(bytes);
    assert_true(m && data);
    *m = (sizes_map){.data = whole, .bytes = bytes};
    sizes_map_container(m);
    memcpy(data, whole, bytes);
    sizes_seal(m, data);
    assert_memory_equal(data, whole, bytes); /* the map is right */
    for (int k = 0; k < m->n_places; k++) {
        const sizes_place *place = &m->places[k];
        const uint64_t top = place->width == 4 ? UINT32_MAX : UINT64_MAX;
        m->at = place->at;
        const uint64_t is = sizes_get(m, place->width);
        for (int v = 0; v < SIZES_VALUES; v++) {
            if (sizes_values[v] <= top && sizes_values[v] != is) {
                sizes_try(m, data, place, sizes_values[v]);
                n_tried++;
            }
        }
    }
    print_message("%d places, %d values\n", m->n_places, n_tried);
    assert_true(m->n_places > 100);
    free(data);
    free(m);
    ath_container_destroy(&container);
}

/* A record of fewer bytes than its fixed part, with checksums that fit: neither shown nor read. */
static void test_short_records(void **state)
{
    fixture *f = *state;
    for (size_t n = 0; n < 64; n++) {
        uint8_t *data = calloc(1, SIZES_HEAD + n);
        ath_packet *packet = NULL;
        ath_packet_info info;
        ath_system *system = NULL;
        assert_non_null(data);
        const ath__head head = {
            .a = 1, .b = 0, .c = 1, .length = n, .crc = ath__crc32c(0, data + SIZES_HEAD, n)};
        ath__head_write(data, ATH__MARK_RECORD, &head);
        assert_int_equal(ath_packet_open(f->ctx, data, SIZES_HEAD + n, &packet), ATH_OK);
        assert_int_equal(ath_packet_peek(packet, 0, &info), n < 20 ? ATH_E_FORMAT : ATH_OK);
        assert_int_equal(ath_packet_unpack(packet, 0, &system), ATH_E_FORMAT);
        ath_packet_destroy(&packet);
        free(data);
    }
}

/* A field that a record holds twice. */
static void test_field_twice(void **state)
{
    fixture *f = *state;
    ath_system *system = NULL, *back = NULL;
    ath__bytes body = {0};
    ath_field_id last = 0;
    assert_int_equal(ath_system_create(f->ctx, 0, &system), ATH_OK);
    for (ath_field_id id = 0; id < ATH_MAX_FIELDS; id++) {
        last = system->fields[id] ? id : last;
    }
    assert_int_equal(ath__packet_encode(system, &body), ATH_OK);
    assert_int_equal(ath__packet_decode(f->ctx, body.data, body.size, &back), ATH_OK);
    ath_system_destroy(&back);
    const ath_field_info *info = ath_field_describe(f->ctx, last);
    const size_t values = info->level == ATH_LEVEL_ATOM
                              ? 0
                              : (size_t)info->width * (size_t)ath_dtype_bytes(info->dtype);
    const size_t n = 36 + strlen(info->name) + strlen(info->unit) + values;
    assert_int_equal(ath__bytes_reserve(f->ctx, &body, n), ATH_OK);
    memcpy(body.data + body.size, body.data + body.size - n, n);
    body.size += n;
    ath__le_put32(body.data + 20, ath__le_get32(body.data + 20) + 1);
    assert_int_equal(ath__packet_decode(f->ctx, body.data, body.size, &back), ATH_E_FORMAT);
    assert_non_null(strstr(ath_context_message(f->ctx), "twice"));
    assert_null(back);
    ath__bytes_free(f->ctx, &body);
    ath_system_destroy(&system);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_size, setup, teardown),
        cmocka_unit_test_setup_teardown(test_short_records, setup, teardown),
        cmocka_unit_test_setup_teardown(test_field_twice, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
