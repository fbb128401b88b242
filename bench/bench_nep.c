/* bench_nep: speed of the NEP kernel alone, on one core (rig.h).
 *
 *   bench_nep NEP.txt [SKIN [DEVICE]]
 *
 * Three sets of fcc crystals, whose sites get the first 16 elements of the file at random (from a
 * fixed seed) and whose atoms are displaced by up to 0.1 angstrom: one of 1,008 atoms, 1,000 of 64
 * atoms, and one of 23,328 atoms, which the kernel computes as for a team. The lattice constant is
 * 4 angstrom, that of the mean of the 16 metals of UNEP-v1 under some tension.
 */
#include "rig.h"

#include <string.h>

#include "models/nep.h"

enum { MAX_ELEMENTS = 16 };
#define LATTICE 4.0 /* angstrom */
#define RATTLE 0.1

typedef struct elements {
    int32_t numbers[MAX_ELEMENTS], n;
    uint64_t seed;
} elements;

typedef struct set {
    const char *text;
    int count, cells[3];
} set;

/* In [0, 1). */
static double draw(elements *e)
{
    e->seed = e->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(e->seed >> 11) * 0x1p-53;
}

static elements read_elements(const rig *b, const char *path)
{
    ath__nep_file file;
    elements e = {.seed = 20241};
    rig_check(b, ath__nep_read(b->ctx, path, &file), path);
    e.n = file.n_types < MAX_ELEMENTS ? file.n_types : MAX_ELEMENTS;
    memcpy(e.numbers, file.numbers, (size_t)e.n * sizeof *e.numbers);
    ath__nep_free(b->ctx, &file);
    return e;
}

static void add_crystal(rig *b, elements *e, const int cells[3])
{
    static const double site[4][3] = {{0, 0, 0}, {0, 0.5, 0.5}, {0.5, 0, 0.5}, {0.5, 0.5, 0}};
    const int32_t n = 4 * cells[0] * cells[1] * cells[2];
    const double edges[3] = {LATTICE * cells[0], LATTICE * cells[1], LATTICE * cells[2]};
    double *x = NULL;
    int32_t *numbers = NULL;
    ath_system *system = rig_system(b, n, edges, &x, &numbers);
    for (int32_t i = 0; i < n; i++) {
        const int32_t cell = i / 4;
        const int at[3] = {cell / (cells[1] * cells[2]), cell / cells[2] % cells[1],
                           cell % cells[2]};
        for (int k = 0; k < 3; k++) {
            x[3 * i + k] = LATTICE * (at[k] + site[i % 4][k]) + RATTLE * (2.0 * draw(e) - 1.0);
        }
        numbers[i] = e->numbers[(int)(draw(e) * e->n)];
    }
    rig_add(b, system);
}

static void measure(const char *device, const char *path, double skin, const set *which)
{
    char text[4096];
    rig b = {0};
    snprintf(text, sizeof text, "nep:file=\"%s\"", path);
    rig_begin(&b, device, text);
    elements e = read_elements(&b, path);
    for (int k = 0; k < which->count; k++) {
        add_crystal(&b, &e, which->cells);
    }
    rig_ready(&b, skin);
    rig_measure(&b, which->text, device);
    rig_end(&b);
}

int main(int argc, char **argv)
{
    static const char *const isas[] = {"host:isa=v4", "host:isa=v3"};
    static const set sets[] = {
        {"1 x 1008", 1, {6, 6, 7}}, {"1000 x 64", 1000, {4, 2, 2}}, {"1 x 23328", 1, {18, 18, 18}}};
    if (argc < 2) {
        fprintf(stderr, "usage: bench_nep NEP.txt [SKIN [DEVICE]]\n");
        return 64;
    }
    const double skin = argc > 2 ? strtod(argv[2], NULL) : 0.5;
    rig_head();
    for (int d = 0; d < (argc > 3 ? 1 : 2); d++) {
        for (size_t k = 0; k < sizeof sets / sizeof *sets; k++) {
            measure(argc > 3 ? argv[3] : isas[d], argv[1], skin, &sets[k]);
        }
    }
    return 0;
}
