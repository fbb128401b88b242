/* Systems: one structure in host memory.
 *
 * A system is an array of pointers, one per field id, each to rows of its own, made when they are
 * first asked for and never moved; extras and source are in extras.c, identity in uid.c. Memory is
 * that of the fields in use.
 */
#include <string.h>

#include "data/system_private.h"

void ath__field_fill(const ath_field_info *info, void *to, size_t n)
{
    switch (info->dtype) {
#define ATH_X(name, type, bytes)                                                                   \
    case ATH_##name:                                                                               \
        for (size_t i = 0; i < n; i++) {                                                           \
            ((type *)to)[i] = (type)info->fallback;                                                \
        }                                                                                          \
        break;
        ATH_DTYPE_LIST(ATH_X)
#undef ATH_X
    case ATH_N_DTYPES:
        break;
    }
}

ath_status ath_system_create(ath_context *ctx, int64_t n_atoms, ath_system **out)
{
    ath_system *system = NULL;
    void *rows;
    if (ctx == NULL || out == NULL) {
        return ath__fail(ctx, ATH_E_ARGUMENT, "ath_system_create: NULL argument");
    }
    *out = NULL;
    if (n_atoms < 0 || n_atoms > INT32_MAX) {
        return ath__fail(ctx, ATH_E_RANGE, "a system has 0 to 2147483647 atoms, not %lld",
                         (long long)n_atoms);
    }
    ATH__TRY(ath__alloc(ctx, 1, sizeof *system, &system));
    system->ctx = ctx;
    system->n_atoms = (int32_t)n_atoms;
    ath_status s = ath_system_field(system, ATH_FIELD_POSITIONS, &rows);
    if (s == ATH_OK) {
        s = ath_system_field(system, ATH_FIELD_NUMBERS, &rows);
    }
    if (s != ATH_OK) {
        ath_system_destroy(&system);
        return s;
    }
    *out = system;
    return ATH_OK;
}

static void system_free_life(ath_system *system)
{
    ath__life *life = &system->life;
    ath__free(system->ctx, &life->system_state, (size_t)life->n_system_state, sizeof(uint64_t));
    ath__free(system->ctx, &life->atom_state, (size_t)life->n_atom_state * (size_t)system->n_atoms,
              sizeof(uint64_t));
    *life = (ath__life){0};
}

void ath_system_destroy(ath_system **system)
{
    if (system == NULL || *system == NULL) {
        return;
    }
    ath_system *s = *system;
    ath_context *ctx = s->ctx;
    for (ath_field_id id = 0; id < ATH_MAX_FIELDS; id++) {
        if (s->fields[id]) {
            const ath_field_info *info = ath_field_describe(ctx, id);
            ath__free(ctx, &s->fields[id], ath__system_room(s, info),
                      (size_t)ath_dtype_bytes(info->dtype));
        }
    }
    ath__baggage_free(ctx, &s->bag);
    system_free_life(s);
    ath__free(ctx, system, 1, sizeof *s);
}

int32_t ath_system_n_atoms(const ath_system *system)
{
    return system ? system->n_atoms : 0;
}

ath_status ath_system_field(ath_system *system, ath_field_id field, void **out)
{
    if (system == NULL || out == NULL) {
        return ATH_E_ARGUMENT;
    }
    *out = NULL;
    const ath_field_info *info = ath_field_describe(system->ctx, field);
    if (info == NULL || info->level == ATH_LEVEL_EDGE) {
        return ath__fail(system->ctx, ATH_E_UNKNOWN, "there is no field %d", field);
    }
    if (system->fields[field] == NULL) {
        const size_t n = ath__system_room(system, info); /* two 31-bit numbers: no overflow */
        void *rows = NULL;
        ATH__TRY(ath__alloc(system->ctx, n, (size_t)ath_dtype_bytes(info->dtype), &rows));
        ath__field_fill(info, rows, n);
        if (field == ATH_FIELD_MASSES) {
            const int32_t *numbers = system->fields[ATH_FIELD_NUMBERS];
            for (int32_t i = 0; i < system->n_atoms; i++) {
                ((double *)rows)[i] = ath_element_mass(numbers[i]);
            }
        }
        system->fields[field] = rows;
    }
    *out = system->fields[field];
    return ATH_OK;
}

const void *ath_system_peek(const ath_system *system, ath_field_id field)
{
    return system && field >= 0 && field < ATH_MAX_FIELDS ? system->fields[field] : NULL;
}

ath_status ath__system_set_life(ath_system *system, int32_t n_system_state, int32_t n_atom_state)
{
    ath__life life = {
        .present = true, .n_system_state = n_system_state, .n_atom_state = n_atom_state};
    size_t n;
    if (ath__mul((size_t)n_atom_state, (size_t)system->n_atoms, &n)) {
        return ath__fail(system->ctx, ATH_E_NO_MEMORY, "integrator state is too large");
    }
    ATH__TRY(ath__alloc(system->ctx, (size_t)n_system_state, sizeof(uint64_t), &life.system_state));
    const ath_status s = ath__alloc(system->ctx, n, sizeof(uint64_t), &life.atom_state);
    if (s != ATH_OK) {
        ath__free(system->ctx, &life.system_state, (size_t)n_system_state, sizeof(uint64_t));
        return s;
    }
    system_free_life(system);
    system->life = life;
    return ATH_OK;
}

static ath_status system_copy_life(const ath_system *from, ath_system *to)
{
    const ath__life *life = &from->life;
    if (!life->present) {
        return ATH_OK;
    }
    ATH__TRY(ath__system_set_life(to, life->n_system_state, life->n_atom_state));
    to->life.flags = life->flags;
    to->life.target = life->target;
    if (life->system_state) {
        memcpy(to->life.system_state, life->system_state,
               (size_t)life->n_system_state * sizeof(uint64_t));
    }
    if (life->atom_state) {
        memcpy(to->life.atom_state, life->atom_state,
               (size_t)life->n_atom_state * (size_t)from->n_atoms * sizeof(uint64_t));
    }
    return ATH_OK;
}

static ath_status system_copy(const ath_system *from, ath_system *to)
{
    for (ath_field_id id = 0; id < ATH_MAX_FIELDS; id++) {
        if (from->fields[id]) {
            const ath_field_info *info = ath_field_describe(from->ctx, id);
            void *rows;
            ATH__TRY(ath_system_field(to, id, &rows));
            memcpy(rows, from->fields[id],
                   ath__system_values(from, info) * (size_t)ath_dtype_bytes(info->dtype));
        }
    }
    to->uid = from->uid;
    ATH__TRY(system_copy_life(from, to));
    return ath__baggage_clone(from->ctx, &from->bag, &to->bag);
}

ath_status ath_system_clone(const ath_system *system, ath_system **out)
{
    if (system == NULL || out == NULL) {
        return ATH_E_ARGUMENT;
    }
    ATH__TRY(ath_system_create(system->ctx, system->n_atoms, out));
    const ath_status s = system_copy(system, *out);
    if (s != ATH_OK) {
        ath_system_destroy(out);
    }
    return s;
}

/* ---- extras, source, uid ---- */

ath_status ath_system_set_extra(ath_system *system, const ath_extra *extra)
{
    return system ? ath__extra_set(system->ctx, &system->bag, system->n_atoms, extra)
                  : ATH_E_ARGUMENT;
}

int32_t ath_system_n_extras(const ath_system *system)
{
    return system ? system->bag.n_extras : 0;
}

ath_status ath_system_extra(const ath_system *system, int32_t index, ath_extra *out)
{
    if (system == NULL || out == NULL) {
        return ATH_E_ARGUMENT;
    }
    if (index < 0 || index >= system->bag.n_extras) {
        return ath__fail(system->ctx, ATH_E_RANGE, "there is no extra %d, there are %d", index,
                         system->bag.n_extras);
    }
    ath__extra_describe(&system->bag.extras[index], out);
    return ATH_OK;
}

ath_status ath_system_find_extra(const ath_system *system, ath_level level, const char *name,
                                 ath_extra *out)
{
    if (system == NULL || name == NULL || out == NULL) {
        return ATH_E_ARGUMENT;
    }
    for (int32_t i = 0; i < system->bag.n_extras; i++) {
        const ath__extra_item *item = &system->bag.extras[i];
        if (item->level == level && strcmp(item->name, name) == 0) {
            ath__extra_describe(item, out);
            return ATH_OK;
        }
    }
    return ath__fail(system->ctx, ATH_E_NOT_FOUND, "the system has no extra '%s'", name);
}

ath_status ath_system_set_source(ath_system *system, const char *file, int64_t frame)
{
    char *copy = NULL;
    if (system == NULL) {
        return ATH_E_ARGUMENT;
    }
    if (file) {
        ATH__TRY(ath__strdup(system->ctx, file, &copy));
    }
    ath__strfree(system->ctx, &system->bag.source);
    system->bag.source = copy;
    system->bag.frame = frame;
    return ATH_OK;
}

const char *ath_system_source(const ath_system *system, int64_t *frame)
{
    if (frame) {
        *frame = system ? system->bag.frame : 0;
    }
    return system ? system->bag.source : NULL;
}

void ath_system_set_uid(ath_system *system, ath_uid uid)
{
    if (system) {
        system->uid = uid;
    }
}

ath_uid ath_system_uid(const ath_system *system)
{
    return system ? system->uid : (ath_uid){0, 0};
}
