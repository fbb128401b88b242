/* bench_emt: speed of the EMT kernel alone: many small systems on one core, or large ones on a team
 * (rig.h).
 *
 *   bench_emt STRUCTURES.extxyz [SKIN [MEMBERS]]
 *
 * Every row is one instruction set of the host device and what is computed. A time is that of the
 * processor for one thread, on the clock for a team of MEMBERS. Systems that a team does not divide
 * are computed by one member.
 */
#include "rig.h"

#include <athanor/extxyz.h>

static void read_systems(rig *b, const char *path)
{
    ath_extxyz_reader *reader = NULL;
    ath_system *system = NULL;
    rig_check(b, ath_extxyz_open(b->ctx, path, &reader), path);
    ath_status status = ath_extxyz_next(reader, &system);
    for (; status != ATH_END; status = ath_extxyz_next(reader, &system)) {
        rig_check(b, status, path);
        rig_check(b, ath_model_accepts(b->model, system), path);
        rig_add(b, system);
    }
    ath_extxyz_close(&reader);
}

int main(int argc, char **argv)
{
    static const char *const isas[] = {"host:isa=v4", "host:isa=v3", "host:isa=base"};
    if (argc < 2) {
        fprintf(stderr, "usage: bench_emt STRUCTURES.extxyz [SKIN [MEMBERS]]\n");
        return 64;
    }
    const double skin = argc > 2 ? strtod(argv[2], NULL) : 0.5;
    rig_head();
    for (size_t d = 0; d < sizeof isas / sizeof *isas; d++) {
        rig b = {.members = argc > 3 ? (int32_t)strtol(argv[3], NULL, 10) : 0};
        rig_begin(&b, isas[d], "emt");
        read_systems(&b, argv[1]);
        rig_ready(&b, skin);
        char systems[32];
        snprintf(systems, sizeof systems, "%d systems", (int)ath_batch_n_systems(b.batch));
        rig_measure(&b, systems, isas[d]);
        rig_end(&b);
    }
    return 0;
}
