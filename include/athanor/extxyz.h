/* Extended XYZ: reading and writing structures.
 *
 * The format is the one of ASE, OVITO, QUIP and GPUMD: a count line, a comment line of key=value
 * pairs with Lattice, pbc and Properties, then one line per atom. The reader works on one frame at
 * a time from memory that it holds; it accepts every dialect listed in docs/formats.md and keeps
 * what it does not know as extras. Numbers under a key that is the name of a registered field of
 * systems (F64) are both: the field holds them, and the extra is what a writer writes again; a key
 * of that name with anything else is an error. The writer writes doubles with the fewest digits
 * that read back to the same bits.
 *
 * Errors are ATH_E_FORMAT with "FILE:LINE:COLUMN: what was expected". After an error in one frame
 * the reader goes on with the next one if the count line allows to find it. Nothing here touches a
 * device.
 */
#ifndef ATHANOR_EXTXYZ_H
#define ATHANOR_EXTXYZ_H

#include <stdbool.h>

#include <athanor/system.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ath_extxyz_reader ath_extxyz_reader;

/* path "-" is standard input. ATH_E_IO or ATH_E_NOT_FOUND if it cannot be read. */
ATH_API ath_status ath_extxyz_open(ath_context *ctx, const char *path, ath_extxyz_reader **out);
/* The same on bytes, which must stay valid; `name` is used in messages. */
ATH_API ath_status ath_extxyz_open_memory(ath_context *ctx, const char *name, const char *bytes,
                                          size_t n_bytes, ath_extxyz_reader **out);
ATH_API void ath_extxyz_close(ath_extxyz_reader **reader);
/* The next frame, with its source set; ATH_END after the last. ATH_E_FORMAT: this frame is bad (see
 * ath_context_message); call again for the next one. ATH_E_NO_MEMORY leaves the reader before it.
 */
ATH_API ath_status ath_extxyz_next(ath_extxyz_reader *reader, ath_system **out);
/* Passes over one frame without making a system; ATH_END after the last. ATH_E_FORMAT only where
 * the borders of the frame are at fault; they are the same as for ath_extxyz_next. */
ATH_API ath_status ath_extxyz_skip(ath_extxyz_reader *reader);
/* Frame number of the last frame returned, refused or skipped; -1 before the first. */
ATH_API int64_t ath_extxyz_frame(const ath_extxyz_reader *reader);

/* What ath_extxyz_format writes besides species, positions, cell, pbc and extras. */
enum {
    ATH_EXTXYZ_VELOCITIES = 1, /* as ASE's momenta (amu * angstrom / ASE time), if carried */
    ATH_EXTXYZ_FORCES = 2,  /* column forces, key energy, key stress (9 numbers) if it has a cell */
    ATH_EXTXYZ_FIXED = 4,   /* column move_mask, if carried */
    ATH_EXTXYZ_WRAPPED = 8, /* pos is moved into the cell, along the vectors that are periodic */
    ATH_EXTXYZ_UNWRAPPED = 16 /* column unwrapped: the positions as they are */
};
typedef struct ath_writer ath_writer;
/* A new file (an old one is cut to nothing), or "-" for standard output. */
ATH_API ath_status ath_writer_open(ath_context *ctx, const char *path, ath_writer **out);
/* Goes on behind what the file has, which must end with a newline (ATH_E_FORMAT); makes it if there
 * is none. */
ATH_API ath_status ath_writer_append(ath_context *ctx, const char *path, ath_writer **out);
/* Hands all frames to the operating system; `sync`: to the disk. ATH_E_IO is final, as below. */
ATH_API ath_status ath_writer_flush(ath_writer *writer, bool sync);
/* Bytes of the file, with those that are not handed over yet. */
ATH_API int64_t ath_writer_length(const ath_writer *writer);
/* Appends one frame as text to a file opened by ath_writer_open or append. `keys` is further text
 * for the comment line, already formatted ("step=3 uid=..."), or NULL; extras of the same names are
 * left out. After a failed write (ATH_E_IO) the file takes no more; other failures write nothing.
 */
ATH_API ath_status ath_extxyz_write(ath_writer *writer, const ath_system *system, unsigned what,
                                    const char *keys);
/* Flushes and closes; reports what could not be written. Clears the pointer in any case. */
ATH_API ath_status ath_writer_close(ath_writer **writer);

#ifdef __cplusplus
}
#endif
#endif
