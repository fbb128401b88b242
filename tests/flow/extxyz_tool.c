/* Reads extended XYZ and prints what it means as JSON, one object a frame, or writes it again. For
 * comparisons with other programs (ase_check.py): extxyz_tool describe FILE, extxyz_tool copy IN
 * OUT.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <athanor/extxyz.h>

static void tool_string(const char *text)
{
    putchar('"');
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p < 0x20 || *p == '"' || *p == '\\') {
            printf("\\u%04x", *p);
        } else {
            putchar(*p);
        }
    }
    putchar('"');
}

/* With a point or an exponent, so that it stays a real number. */
static void tool_real(double value)
{
    char text[40];
    snprintf(text, sizeof text, "%.17g", value);
    printf("%s%s", text, strpbrk(text, ".en") ? "" : ".0");
}

static void tool_reals(const ath_system *system, ath_field field, const char *name, size_t n)
{
    const double *x = ath_system_peek(system, field);
    if (x) {
        printf(", \"%s\": [", name);
        for (size_t i = 0; i < n; i++) {
            printf("%s", i ? ", " : "");
            tool_real(x[i]);
        }
        printf("]");
    }
}

static void tool_value(const ath_extra *extra, size_t i)
{
    switch (extra->type) {
    case ATH_EXTRA_REAL:
        tool_real(((const double *)extra->values)[i]);
        break;
    case ATH_EXTRA_INT:
        printf("%lld", (long long)((const int64_t *)extra->values)[i]);
        break;
    case ATH_EXTRA_BOOL:
        printf(((const uint8_t *)extra->values)[i] ? "true" : "false");
        break;
    case ATH_EXTRA_STRING:
        tool_string(((const char *const *)extra->values)[i]);
        break;
    }
}

/* {"name": scalar or list, or list of rows}; atoms have a row each. */
static void tool_extras(const ath_system *system, ath_level level, const char *name)
{
    bool any = false;
    printf(", \"%s\": {", name);
    for (int32_t k = 0; k < ath_system_n_extras(system); k++) {
        ath_extra extra;
        if (ath_system_extra(system, k, &extra) != ATH_OK || extra.level != level) {
            continue;
        }
        const size_t atoms = (size_t)ath_system_n_atoms(system), width = (size_t)extra.width;
        const size_t rows = level == ATH_LEVEL_ATOM ? (width > 1 ? atoms : 1)
                                                    : (size_t)(extra.n_rows > 1 ? extra.n_rows : 1);
        const size_t n = level == ATH_LEVEL_ATOM ? atoms * width : width;
        const bool scalar = level == ATH_LEVEL_SYSTEM && extra.n_rows == 0 && width == 1;
        printf("%s", any ? ", " : "");
        any = true;
        tool_string(extra.name);
        printf(": %s", scalar ? "" : rows > 1 ? "[[" : "[");
        for (size_t i = 0; i < n; i++) {
            printf("%s", i == 0 ? "" : rows > 1 && i % (n / rows) == 0 ? "], [" : ", ");
            tool_value(&extra, i);
        }
        printf("%s", scalar ? "" : rows > 1 ? "]]" : "]");
    }
    printf("}");
}

static void tool_describe(const ath_system *system)
{
    const size_t n = (size_t)ath_system_n_atoms(system);
    const int32_t *numbers = ath_system_peek(system, ATH_FIELD_NUMBERS);
    const int32_t *pbc = ath_system_peek(system, ATH_FIELD_PBC);
    const uint8_t *fixed = ath_system_peek(system, ATH_FIELD_FIXED);
    printf("{\"pbc\": [%d, %d, %d], \"numbers\": [", pbc[0], pbc[1], pbc[2]);
    for (size_t i = 0; i < n; i++) {
        printf("%s%d", i ? ", " : "", numbers[i]);
    }
    printf("]");
    tool_reals(system, ATH_FIELD_POSITIONS, "positions", 3 * n);
    tool_reals(system, ATH_FIELD_CELL, "cell", 9);
    tool_reals(system, ATH_FIELD_VELOCITIES, "velocities", 3 * n);
    tool_reals(system, ATH_FIELD_FORCES, "forces", 3 * n);
    tool_reals(system, ATH_FIELD_MASSES, "masses", n);
    tool_reals(system, ATH_FIELD_ENERGY, "energy", 1);
    tool_reals(system, ATH_FIELD_STRESS, "stress", 9);
    if (fixed) {
        printf(", \"fixed\": [");
        for (size_t i = 0; i < 3 * n; i++) {
            printf("%s%d", i ? ", " : "", fixed[i]);
        }
        printf("]");
    }
    tool_extras(system, ATH_LEVEL_SYSTEM, "info");
    tool_extras(system, ATH_LEVEL_ATOM, "arrays");
    printf("}\n");
}

static ath_status tool_run(ath_context *ctx, const char *in, const char *out)
{
    ath_extxyz_reader *reader = NULL;
    ath_writer *writer = NULL;
    ath_system *system = NULL;
    ath_status status = ath_extxyz_open(ctx, in, &reader);
    if (status == ATH_OK && out) {
        status = ath_writer_open(ctx, out, &writer);
    }
    while (status == ATH_OK) {
        status = ath_extxyz_next(reader, &system);
        if (status == ATH_OK && !out) {
            tool_describe(system);
        } else if (status == ATH_OK) {
            status = ath_extxyz_write(
                writer, system, ATH_EXTXYZ_VELOCITIES | ATH_EXTXYZ_FORCES | ATH_EXTXYZ_FIXED, NULL);
        }
        ath_system_destroy(&system);
    }
    const ath_status closed = ath_writer_close(&writer);
    ath_extxyz_close(&reader);
    return status == ATH_END ? closed : status;
}

int main(int argc, char **argv)
{
    const bool copy = argc == 4 && strcmp(argv[1], "copy") == 0;
    ath_context *ctx = NULL;
    if (!copy && !(argc == 3 && strcmp(argv[1], "describe") == 0)) {
        fprintf(stderr, "usage: extxyz_tool describe FILE | extxyz_tool copy IN OUT\n");
        return 64;
    }
    if (ath_context_create(NULL, &ctx) != ATH_OK) {
        return 70;
    }
    const ath_status status = tool_run(ctx, argv[2], copy ? argv[3] : NULL);
    if (status != ATH_OK) {
        fprintf(stderr, "%s\n", ath_context_message(ctx));
    }
    ath_context_destroy(&ctx);
    return status == ATH_OK ? 0 : 65;
}
