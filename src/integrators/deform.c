/* deform.c - checks of the options with which a minimizer moves the cell (deform.h), and what the
 * kernels get of them.
 */
#include "integrators/deform_options.h"

#include <string.h>

enum { DEFORM_ALL = 0x1ff }; /* all nine components */

/* Bits of the components that a mask leaves free, or -1. */
static int32_t deform_free(const char *mask)
{
    static const int places[6] = {0, 4, 8, 5, 2, 1}; /* of xx yy zz yz xz xy */
    int32_t bits = 0;
    if (strlen(mask) != 6 || strspn(mask, "01") != 6) {
        return -1;
    }
    for (int k = 0; k < 6; k++) {
        const int i = places[k] / 3, j = places[k] % 3;
        bits |= mask[k] == '1' ? 1 << (3 * i + j) | 1 << (3 * j + i) : 0;
    }
    return bits;
}

ath_status ath__deform_check(ath_context *ctx, const char *owner, const ath__deform_options *o)
{
    const int32_t bits = deform_free(o->mask), diagonal = 1 << 0 | 1 << 4 | 1 << 8;
    if (bits < 0) {
        return ath__fail(ctx, ATH_E_OPTION,
                         "%s: mask='%s' must be six digits 0 or 1, for xx yy zz yz xz xy", owner,
                         o->mask);
    }
    if (o->cell == ATH__DEFORM_ISO && bits != DEFORM_ALL) {
        return ath__fail(ctx, ATH_E_OPTION, "%s: cell=iso leaves nothing to mask, but mask=%s",
                         owner, o->mask);
    }
    if (o->cell == ATH__DEFORM_SHAPE && o->form == ATH__DEFORM_UNIT && !(bits & diagonal)) {
        return ath__fail(ctx, ATH_E_OPTION,
                         "%s: cell=shape,form=unit needs one of xx yy zz to keep the volume, but "
                         "mask=%s",
                         owner, o->mask);
    }
    return ATH_OK;
}

ath__deform_parameters ath__deform_make(const ath__deform_options *o, int32_t first)
{
    return (ath__deform_parameters){.factor = o->cell_factor,
                                    .max_strain = o->max_strain,
                                    .cell = (int32_t)o->cell,
                                    .form = (int32_t)o->form,
                                    .free = deform_free(o->mask),
                                    .first = first};
}
