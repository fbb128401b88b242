/* Large systems of the EMT kernel, for one thread or a team. Private to emt_kernel.c.
 *
 * A system of more than ATH__TEAM_ATOMS atoms is cut into ATH__EMT_SECTIONS sections of whole
 * blocks of atoms, whoever computes it. A section is worked through as a small system is: each pair
 * once, from the row of its lower atom, and what the rows of a section give to their own atoms and
 * to partners in any section is added up, in the order of the rows, in sums that belong to the
 * section alone. The sums of all sections are then added for each atom, in the order of the
 * sections; so are pair energy and virial. The energy of the embedding is summed by blocks, added
 * in their order. The members of a team take sections as they come; which member computes which
 * changes no bits.
 *
 * Why not from full rows, where an atom needs no sums but its own: every pair would be evaluated
 * twice in either pass, and evaluating is what takes the time; two members would gain next to
 * nothing.
 *
 * Sums of a section are cleared block by block as its pairs reach the block for the first time, and
 * only such blocks are read: where atoms that are near each other have near indices, these are few.
 * Adding a sum that is zero changes no bits either: no sum here is ever -0.
 *
 * Not here: pairs kept between the passes. They would come back from memory that is slower than
 * evaluating them again.
 */
#ifndef ATHANOR_MODELS_EMT_SECTIONS_H
#define ATHANOR_MODELS_EMT_SECTIONS_H

#include <stdatomic.h>
#include <string.h>

#include "models/emt_rows.h"

/* One system, as one member sees it. */
typedef struct emt_large {
    emt_system system; /* shared arrays of atoms; sums of the present section; own chunk */
    const ath__share *share;
    int32_t begin, end;               /* atoms of this member, where atoms are divided */
    int32_t n_blocks;                 /* with one for row n */
    double *sigma[ATH__EMT_SECTIONS]; /* [section][atom], from the section's first block on */
    double *force[ATH__EMT_SECTIONS]; /* [section][atom][4], as emt_atoms.force */
    uint8_t *open[ATH__EMT_SECTIONS]; /* [section][block]: the sums are in use */
    emt_sums *sums;                   /* [section] */
    double *energy;                   /* [block], of the embedding, eV */
    double *total;                    /* [atom], sigma of all sections */
    atomic_int *next;                 /* [2]: the section that is to be taken next in a pass */
} emt_large;

static inline void emt_section_range(const emt_large *l, int32_t section, int32_t *begin,
                                     int32_t *end)
{
    const ath__share share = {.member = section, .size = ATH__EMT_SECTIONS};
    int64_t first, last;
    ath__share_range(&share, l->system.geometry.n, &first, &last);
    *begin = (int32_t)first;
    *end = (int32_t)last;
}

/* Lays out the work memory. */
static inline void emt_large_layout(emt_large *l, int32_t n, char *at)
{
    const int64_t rows = (int64_t)(n / ATH__BLOCK + 1) * ATH__BLOCK; /* at least n + 1 */
    emt_atoms *a = &l->system.atoms;
    l->system.geometry.n = n;
    l->n_blocks = (int32_t)(rows / ATH__BLOCK);
    a->x = emt_take(&at, 8 * rows);
    a->y = emt_take(&at, 8 * rows);
    a->z = emt_take(&at, 8 * rows);
    a->slope = emt_take(&at, 8 * rows);
    l->total = emt_take(&at, 8 * rows);
    a->first = emt_take(&at, 8 * rows);
    a->key = emt_take(&at, 4 * rows);
    l->energy = emt_take(&at, 8 * l->n_blocks);
    l->sums = emt_take(&at, ATH__EMT_SECTIONS * (int64_t)sizeof(emt_sums));
    l->next = emt_take(&at, 2 * (int64_t)sizeof *l->next);
    for (int32_t p = 0; p < ATH__EMT_SECTIONS; p++) {
        int32_t begin, end;
        emt_section_range(l, p, &begin, &end);
        l->open[p] = emt_take(&at, l->n_blocks);
        l->sigma[p] = (double *)emt_take(&at, 8 * (rows - begin)) - begin;
        l->force[p] = (double *)emt_take(&at, 32 * (rows - begin)) - 4 * (int64_t)begin;
    }
    at += l->share->member * (int64_t)ATH__EMT_MEMBER_BYTES;
    emt_take_pairs(&at, ATH__EMT_CHUNK + 16, &l->system.chunk);
}

/* Clears the sums of a block if this has not been done. */
static inline void emt_open_block(emt_large *l, int32_t section, int32_t block)
{
    if (!l->open[section][block]) {
        l->open[section][block] = 1;
        memset(l->sigma[section] + (int64_t)block * ATH__BLOCK, 0, 8 * ATH__BLOCK);
    }
}

/* Opens the blocks of all partners of a group. Atoms of a row ascend. */
static inline void emt_open_partners(emt_large *l, int32_t section, const emt_group *group)
{
    const int32_t *const atom = l->system.chunk.atom;
    for (int32_t r = 0; r < group->n_rows; r++) {
        const int32_t end = group->at[r] + group->n_pairs[r];
        for (int32_t m = group->at[r]; m < end; m += 8) {
            const int32_t last = m + 7 < end ? m + 7 : end - 1;
            emt_open_block(l, section, atom[m] / ATH__BLOCK);
            if (atom[m] / ATH__BLOCK != atom[last] / ATH__BLOCK) {
                for (int32_t k = m + 1; k <= last; k++) {
                    emt_open_block(l, section, atom[k] / ATH__BLOCK);
                }
            }
        }
    }
}

/* The same for a row that does not fit into the chunk. */
static inline void emt_open_row(emt_large *l, int32_t section, int32_t i)
{
    const emt_geometry *g = &l->system.geometry;
    for (emt_cursor c = emt_row_half(g, i); c.next < c.end; c.next++) {
        emt_open_block(l, section, g->entry[c.next].atom / ATH__BLOCK);
    }
}

static inline void emt_section_density(emt_large *l, int32_t section)
{
    emt_system *s = &l->system;
    emt_group group;
    int32_t begin, end;
    emt_section_range(l, section, &begin, &end);
    memset(l->open[section], 0, (size_t)l->n_blocks);
    for (int32_t b = begin / ATH__BLOCK; b * ATH__BLOCK < end; b++) {
        emt_open_block(l, section, b);
    }
    emt_open_block(l, section, l->n_blocks - 1); /* row n */
    s->atoms.sigma = l->sigma[section];
    for (int32_t i = begin; i < end;) {
        emt_pick_group(s, i, end, 0, &group);
        emt_open_partners(l, section, &group);
        emt_density_group(s, &group, end);
        if (group.n_rows == 0) {
            emt_open_row(l, section, i);
            emt_density_long(s, i);
        }
        i += group.n_rows > 0 ? group.n_rows : 1;
    }
}

static inline void emt_section_force(emt_large *l, int32_t section, int want_stress)
{
    emt_system *s = &l->system;
    int32_t begin, end;
    emt_section_range(l, section, &begin, &end);
    for (int32_t b = begin / ATH__BLOCK; b < l->n_blocks; b++) {
        if (l->open[section][b]) {
            memset(l->force[section] + 4 * (int64_t)b * ATH__BLOCK, 0, 32 * ATH__BLOCK);
        }
    }
    s->atoms.force = l->force[section];
    memset(&s->sums, 0, sizeof s->sums);
    emt_force_again(s, begin, end, want_stress);
    l->sums[section] = s->sums;
}

/* sigma of all sections, and the embedding, for the atoms of this member. */
static inline void emt_join_density(emt_large *l)
{
    const int32_t n = l->system.geometry.n;
    l->system.atoms.sigma = l->total;
    for (int32_t i = l->begin; i < l->end; i += ATH__BLOCK) {
        const int32_t b = i / ATH__BLOCK;
        double *const total = l->total + i;
        memset(total, 0, 8 * ATH__BLOCK);
        for (int32_t p = 0; p < ATH__EMT_SECTIONS; p++) {
            for (int32_t k = 0; l->open[p][b] && k < ATH__BLOCK; k++) {
                total[k] += l->sigma[p][i + k];
            }
        }
        l->energy[b] = emt_embed(&l->system, i, n - i < ATH__BLOCK ? n : i + ATH__BLOCK);
    }
}

/* Forces of all sections, for the atoms of this member. forces: [n][3], of the system. */
static inline void emt_join_forces(const emt_large *l, double *forces)
{
    for (int32_t i = l->begin; i < l->end; i += ATH__BLOCK) {
        const int32_t b = i / ATH__BLOCK, last = l->end - i < ATH__BLOCK ? l->end : i + ATH__BLOCK;
        double sum[4 * ATH__BLOCK] = {0.0};
        for (int32_t p = 0; p < ATH__EMT_SECTIONS; p++) {
            const double *force = l->force[p] + 4 * (int64_t)i;
            for (int32_t k = 0; l->open[p][b] && k < 4 * ATH__BLOCK; k++) {
                sum[k] += force[k];
            }
        }
        for (int64_t k = i; k < last; k++) {
            for (int c = 0; c < 3; c++) {
                forces[3 * k + c] = sum[4 * (k - i) + c];
            }
        }
    }
}

/* Energy and stress, from the sums of blocks and sections. */
static inline void emt_join_sums(emt_large *l, const ath__force_args *a, int32_t slot)
{
    emt_sums *sums = &l->system.sums;
    double energy = 0.0;
    memset(sums, 0, sizeof *sums);
    for (int32_t p = 0; p < ATH__EMT_SECTIONS; p++) {
        for (int m = 0; m < 8; m++) {
            sums->pair[m] += l->sums[p].pair[m];
            for (int k = 0; k < 6; k++) {
                sums->stress[k][m] += l->sums[p].stress[k][m];
            }
        }
    }
    for (int32_t b = 0; b * ATH__BLOCK < l->system.geometry.n; b++) {
        energy += l->energy[b];
    }
    if (a->want & ATH__WANT_ENERGY) {
        a->view.energy[slot] = energy - emt_sum8(sums->pair);
    }
    if (a->want & ATH__WANT_STRESS) {
        emt_write_stress(&l->system, a, slot);
    }
}

/* All members of the team call it, for the same slot. The work memory may be in use before and
 * after. */
static inline void emt_compute_together(const ath__force_args *a, int32_t slot,
                                        const ath__share *share)
{
    emt_large l = {.system = {.par = a->params}, .share = share};
    int64_t begin, end;
    int section;
    ath__share_range(share, a->view.n_atoms[slot], &begin, &end);
    l.begin = (int32_t)begin;
    l.end = (int32_t)end;
    emt_large_layout(&l, a->view.n_atoms[slot], a->work);
    emt_begin(&l.system, a, slot);
    ath__meet(share);
    emt_load_atoms(&l.system, a, slot, begin, end);
    if (share->member == 0) {
        l.system.atoms.slope[l.system.geometry.n] = 0.0;
        atomic_store(&l.next[0], 0);
        atomic_store(&l.next[1], 0);
    }
    ath__meet(share);
    while ((section = atomic_fetch_add(&l.next[0], 1)) < ATH__EMT_SECTIONS) {
        emt_section_density(&l, section);
    }
    ath__meet(share);
    emt_join_density(&l);
    ath__meet(share);
    while ((section = atomic_fetch_add(&l.next[1], 1)) < ATH__EMT_SECTIONS) {
        emt_section_force(&l, section, (a->want & ATH__WANT_STRESS) != 0);
    }
    ath__meet(share);
    emt_join_forces(&l, a->view.forces + 3 * a->view.first[slot]);
    if (share->member == 0) {
        emt_join_sums(&l, a, slot);
    }
    ath__meet(share);
}

#endif
