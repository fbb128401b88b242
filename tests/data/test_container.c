/* Containers and packets: what goes in comes out. Damage is in test_container_damage.c.
 *
 * test_container --seeds DIR writes the seed files of the fuzzer; without it the committed ones are
 * read, so that a change of the format cannot pass unnoticed.
 */
#include "data/container_rig.h"

static void test_packets(void **state)
{
    fixture *f = *state;
    ath_packet *packet = make_packet(f, N_SYSTEMS), *again = NULL;
    size_t bytes = 0, total = 0;
    ath_system *got = NULL;
    ath_packet_info info;
    const void *data = ath_packet_data(packet, &bytes);
    assert_int_equal(ath_packet_n_systems(packet), N_SYSTEMS);
    assert_int_equal(ath_packet_check(packet), ATH_OK);
    assert_int_equal(ath_packet_open(f->ctx, data, bytes, &again), ATH_OK);
    assert_int_equal(ath_packet_n_systems(again), N_SYSTEMS);
    assert_int_equal(ath_packet_check(again), ATH_OK);
    for (int32_t i = 0; i < N_SYSTEMS; i++) {
        assert_record(f->systems[i], packet, i);
        assert_record(f->systems[i], again, i);
        assert_int_equal(ath_packet_peek(packet, i, &info), ATH_OK);
        total += info.bytes;
    }
    assert_int_equal(total, bytes);
    assert_int_equal(ath_packet_unpack(packet, N_SYSTEMS, &got), ATH_E_RANGE);
    assert_int_equal(ath_packet_unpack(packet, -1, &got), ATH_E_RANGE);
    ath_packet_destroy(&again);
    ath_packet_destroy(&packet);
    ath_packet_destroy(&packet);
    packet = make_packet(f, 0);
    assert_int_equal(ath_packet_n_systems(packet), 0);
    data = ath_packet_data(packet, &bytes);
    assert_int_equal(bytes, 0);
    assert_int_equal(ath_packet_open(f->ctx, data, bytes, &again), ATH_OK);
    assert_int_equal(ath_packet_n_systems(again), 0);
    assert_int_equal(ath_packet_check(again), ATH_OK);
    ath_packet_destroy(&again);
    ath_packet_destroy(&packet);
    assert_int_equal(ath_packet_pack(f->ctx, f->systems, ATH_PACKET_MAX + 1, &packet), ATH_E_RANGE);
    assert_int_equal(ath_packet_pack(f->ctx, f->systems, -1, &packet), ATH_E_RANGE);
    assert_null(packet);
}

/* Out of one batch, into another: all goes on. And the bytes are those of the systems themselves.
 */
static void test_batches(void **state)
{
    fixture *f = *state;
    ath_batch *from = NULL, *to = NULL;
    ath_packet *packet = NULL, *alike = NULL;
    ath_system *got[2] = {NULL, NULL};
    size_t bytes[2] = {0, 0};
    assert_int_equal(ath_batch_from_systems(f->ctx, f->device, f->systems, N_SYSTEMS, &from),
                     ATH_OK);
    assert_int_equal(ath__batch_state(from, 3, 2), ATH_OK);
    ath__view v;
    const uint64_t cells[6] = {1, 2, 3, 4, 5, 6};
    ath__batch_view(from, &v);
    const int32_t slot = ath__batch_slot(from, 0);
    assert_int_equal(ath__device_upload(f->device, v.system_state + 3 * slot, cells, 24), ATH_OK);
    assert_int_equal(ath__device_upload(f->device,
                                        v.atom_state + 2 * ath__batch_first_row(from, slot), cells,
                                        sizeof cells),
                     ATH_OK);
    const int32_t order[3] = {2, 0, 1};
    assert_int_equal(ath_packet_pack_batch(from, order, 3, &packet), ATH_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ath_batch_get(from, order[i], &got[i]), ATH_OK);
    }
    assert_int_equal(ath_packet_unpack_into(packet, 1, NULL), ATH_E_ARGUMENT);
    assert_int_equal(ath_batch_create_like(from, 0, 0, &to), ATH_OK);
    assert_int_equal(ath__batch_state(to, 0, 0), ATH_OK);
    for (int32_t i = 0; i < 2; i++) {
        assert_int_equal(ath_packet_unpack_into(packet, i, to), ATH_OK);
    }
    assert_int_equal(ath__batch_n_system_state(to), 3);
    for (int32_t i = 0; i < 2; i++) {
        ath_system *now = NULL;
        assert_int_equal(ath_batch_get(to, i, &now), ATH_OK);
        kit_same(got[i], now, true);
        kit_same_life(got[i], now);
        ath_system_destroy(&now);
    }
    assert_int_equal(got[1]->life.system_state[2], 3);
    /* one implementation: the same bytes from the copies */
    ath_packet_destroy(&packet);
    assert_int_equal(ath_packet_pack_batch(from, order, 2, &packet), ATH_OK);
    assert_int_equal(ath_packet_pack(f->ctx, got, 2, &alike), ATH_OK);
    const void *a = ath_packet_data(packet, &bytes[0]), *b = ath_packet_data(alike, &bytes[1]);
    assert_int_equal(bytes[0], bytes[1]);
    assert_memory_equal(a, b, bytes[0]);
    ath_packet_destroy(&alike);
    assert_int_equal(ath_packet_pack_batch(from, (int32_t[]){0, 4}, 2, &alike), ATH_E_RANGE);
    assert_null(alike);
    ath_packet_destroy(&packet);
    ath_system_destroy(&got[0]);
    ath_system_destroy(&got[1]);
    ath_batch_destroy(&from);
    ath_batch_destroy(&to);
}

/* A context that has never heard of the fields hands them on, byte for byte. */
static void test_unknown_fields(void **state)
{
    fixture *f = *state;
    ath_context *other = NULL;
    ath_packet *packet = make_packet(f, N_SYSTEMS), *here = NULL, *back = NULL;
    ath_system *systems[N_SYSTEMS] = {NULL};
    size_t bytes = 0, n = 0;
    const void *data = ath_packet_data(packet, &bytes);
    assert_int_equal(ath_context_create(NULL, &other), ATH_OK);
    assert_int_equal(ath_packet_open(other, data, bytes, &here), ATH_OK);
    assert_int_equal(ath_field_count(other), ATH_N_CORE_FIELDS);
    for (int32_t i = 0; i < N_SYSTEMS; i++) {
        assert_int_equal(ath_packet_unpack(here, i, &systems[i]), ATH_OK);
    }
    ath_field_id id = -1;
    assert_int_equal(ath_field_find(other, "kit_f64", &id), ATH_OK);
    assert_true(ath_field_describe(other, id)->fallback == -1.5);
    assert_string_equal(ath_field_describe(other, id)->unit, "eV");
    /* ids differ from context to context, so the order of fields may; the systems do not */
    assert_int_equal(ath_packet_pack(other, systems, N_SYSTEMS, &back), ATH_OK);
    data = ath_packet_data(back, &n);
    assert_int_equal(n, bytes);
    ath_packet *home = NULL;
    assert_int_equal(ath_packet_open(f->ctx, data, n, &home), ATH_OK);
    for (int32_t i = 0; i < N_SYSTEMS; i++) {
        assert_record(f->systems[i], home, i);
        ath_system_destroy(&systems[i]);
    }
    ath_packet_destroy(&home);
    ath_packet_destroy(&back);
    ath_packet_destroy(&here);
    ath_context_destroy(&other);
    /* one that means something else by the name refuses */
    assert_int_equal(ath_context_create(NULL, &other), ATH_OK);
    ath_field_info info = kit_infos[0];
    info.width = 3;
    assert_int_equal(ath_field_register(other, &info, &id), ATH_OK);
    kit_fill(f->systems[0], f->user[0], &f->rng);
    ath_packet_destroy(&packet);
    packet = make_packet(f, 1);
    data = ath_packet_data(packet, &bytes);
    assert_int_equal(ath_packet_open(other, data, bytes, &here), ATH_OK);
    assert_int_equal(ath_packet_unpack(here, 0, &systems[0]), ATH_E_EXISTS);
    assert_null(systems[0]);
    ath_packet_destroy(&here);
    ath_packet_destroy(&packet);
    ath_context_destroy(&other);
}

static void test_sections(void **state)
{
    fixture *f = *state;
    const void *data = NULL, *same = NULL;
    size_t bytes = 0, n = 0;
    ath_container *container = make_container(f), *copy = NULL;
    ath_container_reader *reader = NULL;
    ath_section section;
    assert_int_equal(ath_container_add(container, 0, 1, "x", 1), ATH_E_ARGUMENT);
    assert_int_equal(ath_container_add(container, ATH_SECTION_END, 1, "x", 1), ATH_E_ARGUMENT);
    assert_int_equal(ath_container_add(container, SECTION_OTHER, 1, NULL, 1), ATH_E_ARGUMENT);
    assert_int_equal(ath_container_finish(container, &data, &bytes), ATH_OK);
    assert_int_equal(ath_container_finish(container, &same, &n), ATH_OK);
    assert_ptr_equal(data, same);
    assert_int_equal(n, bytes);
    assert_int_equal(ath_container_add(container, SECTION_OTHER, 1, "x", 1), ATH_E_STATE);
    /* a reader that knows nothing copies everything */
    assert_int_equal(ath_container_create(f->ctx, &copy), ATH_OK);
    assert_int_equal(ath_container_open_memory(f->ctx, "m", data, bytes, &reader), ATH_OK);
    uint32_t ids[8], versions[8];
    int k = 0;
    while (ath_container_next(reader, &section) == ATH_OK) {
        ids[k] = section.id;
        versions[k++] = section.version;
        assert_int_equal(
            ath_container_add(copy, section.id, section.version, section.data, section.bytes),
            ATH_OK);
    }
    assert_int_equal(k, 3);
    assert_true(ids[0] == SECTION_OTHER && versions[0] == 3 && ids[1] == ATH_SECTION_PACKET &&
                versions[2] == 4);
    assert_int_equal(ath_container_next(reader, &section), ATH_END);
    assert_int_equal(ath_container_next(reader, &section), ATH_END);
    assert_int_equal(section.id, 0);
    assert_int_equal(ath_container_finish(copy, &same, &n), ATH_OK);
    assert_int_equal(n, bytes);
    assert_memory_equal(data, same, bytes);
    ath_container_close(&reader);
    ath_container_close(&reader);
    ath_container_destroy(&copy);
    ath_container_destroy(&container);
    ath_container_destroy(&container);
}

static void test_files(void **state)
{
    fixture *f = *state;
    char path[] = "/tmp/test_container_XXXXXX";
    const int fd = mkstemp(path);
    ath_container *container = make_container(f);
    ath_container_reader *reader = NULL;
    ath_section section;
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(ath_container_save(container, path), ATH_OK);
    assert_int_equal(ath_container_open(f->ctx, path, &reader), ATH_OK);
    assert_int_equal(ath_container_next(reader, &section), ATH_OK);
    assert_memory_equal(section.data, "abc", 3);
    assert_int_equal(ath_container_next(reader, &section), ATH_OK);
    assert_int_equal(section.id, ATH_SECTION_PACKET);
    ath_packet *packet = NULL;
    assert_int_equal(ath_packet_open(f->ctx, section.data, section.bytes, &packet), ATH_OK);
    assert_record(f->systems[2], packet, 2);
    ath_packet_destroy(&packet);
    ath_container_close(&reader);
    unlink(path);
    assert_true(ath_container_open(f->ctx, path, &reader) < 0);
    assert_null(reader);
    assert_true(ath_container_save(container, "/nowhere/at/all") < 0);
    ath_container_destroy(&container);
}
/* What callers may get wrong: told, and nothing is made. */
static void test_arguments(void **state)
{
    fixture *f = *state;
    ath_context *ctx = f->ctx;
    ath_container *container = NULL;
    ath_container_reader *reader = NULL;
    ath_packet *packet = NULL;
    ath_system *system = NULL;
    ath_section section;
    ath_packet_info info;
    size_t bytes = 7;
    assert_int_equal(ath_container_create(ctx, NULL), ATH_E_ARGUMENT);
    assert_int_equal(ath_container_create(NULL, &container), ATH_E_ARGUMENT);
    assert_int_equal(ath_container_add(NULL, SECTION_OTHER, 1, "x", 1), ATH_E_ARGUMENT);
    assert_int_equal(ath_container_finish(NULL, NULL, &bytes), ATH_E_ARGUMENT);
    assert_int_equal(ath_container_create(ctx, &container), ATH_OK);
    assert_int_equal(ath_container_add_packet(container, NULL), ATH_E_ARGUMENT);
    assert_int_equal(ath_container_save(container, NULL), ATH_E_ARGUMENT);
    assert_int_equal(ath_container_add(container, SECTION_OTHER, 1, "x", SIZE_MAX - 8),
                     ATH_E_NO_MEMORY);
    ath_container_destroy(&container);
    assert_int_equal(ath_container_open(ctx, NULL, &reader), ATH_E_ARGUMENT);
    assert_int_equal(ath_container_open_memory(ctx, "m", NULL, 1, &reader), ATH_E_ARGUMENT);
    assert_int_equal(ath_container_next(NULL, &section), ATH_E_ARGUMENT);
    assert_int_equal(ath_packet_pack(ctx, NULL, 1, &packet), ATH_E_ARGUMENT);
    assert_int_equal(ath_packet_pack(ctx, &system, 1, &packet), ATH_E_ARGUMENT);
    assert_int_equal(ath_packet_pack_batch(NULL, NULL, 0, &packet), ATH_E_ARGUMENT);
    assert_int_equal(ath_packet_open(ctx, NULL, 1, &packet), ATH_E_ARGUMENT);
    assert_int_equal(ath_packet_check(NULL), ATH_E_ARGUMENT);
    assert_int_equal(ath_packet_peek(NULL, 0, &info), ATH_E_ARGUMENT);
    assert_int_equal(ath_packet_unpack(NULL, 0, &system), ATH_E_ARGUMENT);
    assert_int_equal(ath_packet_n_systems(NULL), 0);
    assert_null(ath_packet_data(NULL, &bytes));
    assert_int_equal(bytes, 0);
    assert_true(container == NULL && reader == NULL && packet == NULL && system == NULL);
}

/* A unit that a reader would not take back is not written. */
static void test_long_unit(void **state)
{
    fixture *f = *state;
    char unit[300];
    ath_field_id id = -1;
    ath_packet *packet = NULL;
    memset(unit, 'u', sizeof unit - 1);
    unit[sizeof unit - 1] = '\0';
    const ath_field_info info = {"long_unit", ATH_LEVEL_SYSTEM, ATH_F64, 1, unit, 0.0, ""};
    assert_int_equal(ath_field_register(f->ctx, &info, &id), ATH_OK);
    kit_fill(f->systems[0], id, &f->rng);
    assert_int_equal(ath_packet_pack(f->ctx, f->systems, 1, &packet), ATH_E_RANGE);
    assert_null(packet);
}

/* ---- every allocation fails in turn ---- */

static ath_status whole_way(fixture *f, const char *path)
{
    ath_container *container = NULL;
    ath_container_reader *reader = NULL;
    ath_packet *packet = NULL, *opened = NULL;
    ath_batch *batch = NULL;
    ath_section section;
    ath_status s = ath_packet_pack(f->ctx, f->systems, N_SYSTEMS, &packet);
    s = s == ATH_OK ? ath_container_create(f->ctx, &container) : s;
    s = s == ATH_OK ? ath_container_add_packet(container, packet) : s;
    s = s == ATH_OK ? ath_container_save(container, path) : s;
    s = s == ATH_OK ? ath_container_open(f->ctx, path, &reader) : s;
    s = s == ATH_OK ? ath_container_next(reader, &section) : s;
    s = s == ATH_OK ? ath_packet_open(f->ctx, section.data, section.bytes, &opened) : s;
    s = s == ATH_OK ? ath_batch_from_systems(f->ctx, f->device, NULL, 0, &batch) : s;
    for (int32_t i = 0; i < N_SYSTEMS && s == ATH_OK; i++) {
        s = ath_packet_unpack_into(opened, i, batch);
        assert_int_equal(ath_batch_n_systems(batch), s == ATH_OK ? i + 1 : i);
    }
    ath_packet_destroy(&packet);
    if (s == ATH_OK) {
        const int32_t all[N_SYSTEMS] = {0, 1, 2, 3};
        s = ath_packet_pack_batch(batch, all, N_SYSTEMS, &packet);
    }
    ath_batch_destroy(&batch);
    ath_packet_destroy(&opened);
    ath_packet_destroy(&packet);
    ath_container_close(&reader);
    ath_container_destroy(&container);
    return s;
}

static void test_out_of_memory(void **state)
{
    fixture *f = *state;
    char path[] = "/tmp/test_container_XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(whole_way(f, path), ATH_OK); /* so that what contexts keep is there */
    const int64_t blocks = f->memory.n_blocks;
    ath_status s = ATH_E_NO_MEMORY;
    int64_t n = 0;
    while (s != ATH_OK) {
        f->memory.n_calls = 0;
        f->memory.fail_at = ++n;
        s = whole_way(f, path);
        f->memory.fail_at = 0;
        assert_true(s == ATH_OK || s == ATH_E_NO_MEMORY);
        assert_int_equal(f->memory.n_blocks, blocks);
    }
    assert_true(n > 200);
    unlink(path);
}

/* ---- seeds ---- */

static const char *const seed_names[] = {"whole", "empty", "one", "cut"};

/* The k-th seed, made anew. */
static void make_seed(fixture *f, int k, ath__bytes *out)
{
    const void *data = NULL;
    size_t bytes = 0;
    ath_container *container = NULL;
    if (k == 0 || k == 3) {
        container = make_container(f);
    } else {
        assert_int_equal(ath_container_create(f->ctx, &container), ATH_OK);
    }
    if (k == 2) {
        ath_packet *packet = make_packet(f, 1);
        assert_int_equal(ath_container_add_packet(container, packet), ATH_OK);
        ath_packet_destroy(&packet);
    }
    assert_int_equal(ath_container_finish(container, &data, &bytes), ATH_OK);
    assert_int_equal(ath__bytes_append(f->ctx, out, data, k == 3 ? bytes * 3 / 4 : bytes), ATH_OK);
    ath_container_destroy(&container);
}

/* The committed files are what this library writes: the format has not changed. */
static void test_seeds(void **state)
{
    fixture *f = *state;
    for (int k = 0; k < 4; k++) {
        char path[512];
        ath__bytes file = {0}, made = {0};
        snprintf(path, sizeof path, "%s/tests/fuzz/corpus_container/%s.ath", ATH_SOURCE_DIR,
                 seed_names[k]);
        assert_int_equal(ath__file_read(f->ctx, path, 0, &file), ATH_OK);
        make_seed(f, k, &made);
        assert_int_equal(file.size, made.size);
        assert_memory_equal(file.data, made.data, made.size);
        ath__bytes_free(f->ctx, &file);
        ath__bytes_free(f->ctx, &made);
    }
}

static int write_seeds(const char *folder)
{
    void *state = NULL;
    if (setup(&state) != 0) {
        return 1;
    }
    fixture *f = state;
    for (int k = 0; k < 4; k++) {
        char path[512];
        ath__bytes made = {0};
        snprintf(path, sizeof path, "%s/%s.ath", folder, seed_names[k]);
        make_seed(f, k, &made);
        if (ath__file_replace(f->ctx, path, made.data, made.size) != ATH_OK) {
            fprintf(stderr, "%s\n", ath_context_message(f->ctx));
            return 1;
        }
        ath__bytes_free(f->ctx, &made);
    }
    return teardown(&state);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_packets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_batches, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unknown_fields, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sections, setup, teardown),
        cmocka_unit_test_setup_teardown(test_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_arguments, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_unit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_out_of_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_seeds, setup, teardown),
    };
    if (argc == 3 && strcmp(argv[1], "--seeds") == 0) {
        return write_seeds(argv[2]);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
