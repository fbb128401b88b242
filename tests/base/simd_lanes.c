/* Every function of base/simd.h once; compiled per instruction set, as kernels are. */
#include "base/simd_lanes.h"

#include "base/simd.h"
#include "device/kernel.h"

#define SIMD_PASTE_(a, b) a##b
#define SIMD_PASTE(a, b) SIMD_PASTE_(a, b)

static void simd_doubles(const simd_input *in, simd_output *out)
{
    ath__v8d a = ath__v8d_load(in->a), b = ath__v8d_load(in->b), c = ath__v8d_load(in->c);
    ath__v8l lt = ath__v8d_lt(a, b);
    ath__v8d_store(out->set, ath__v8d_set(in->a[3]));
    ath__v8d_store(out->add, a + b);
    ath__v8d_store(out->multiply, a * b);
    ath__v8d_store(out->divide, a / b);
    ath__v8d_store(out->root, ath__v8d_sqrt(ath__v8d_abs(a)));
    ath__v8d_store(out->fused, ath__v8d_fma(a, b, c));
    ath__v8d_store(out->select, ath__v8d_select(lt, b, c));
    ath__v8d_store(out->keep, ath__v8d_keep(lt, c));
    ath__v8d_store(out->absolute, ath__v8d_abs(b));
    ath__v8d_store(out->least, ath__v8d_min(a, b));
    ath__v8d_store(out->most, ath__v8d_max(a, b));
    /* a * b + c must stay two roundings */
    ath__v8d_store(out->chain, (a * b + c) / ath__v8d_sqrt(a * a + b * b) - c * ath__v8d_set(3.0));
    out->sum8 = ath__v8d_sum(a);
    ath__v8l_store(out->less, lt);
    ath__v8l_store(out->less_equal, ath__v8d_le(a, b));
    ath__v8l_store(out->equal, ath__v8d_eq(a, b));
    ath__v8l_store(out->select_l, ath__v8l_select(lt, ath__v8l_set(-7), ath__v8l_load(out->equal)));
    out->any = ath__v8l_any(lt) != 0;
    out->none = ath__v8l_any(ath__v8d_lt(a, a)) != 0;
    out->all = ath__v8l_any(~ath__v8d_eq(c, c)) == 0;
}

static void simd_floats(const simd_input *in, simd_output *out)
{
    ath__v16f x = ath__v16f_load(in->x), y = ath__v16f_load(in->y), z = ath__v16f_load(in->z);
    ath__v16i lt = ath__v16f_lt(x, y);
    ath__v16f_store(out->set_f, ath__v16f_set(in->x[5]));
    ath__v16f_store(out->add_f, x + y);
    ath__v16f_store(out->multiply_f, x * y);
    ath__v16f_store(out->divide_f, x / y);
    ath__v16f_store(out->root_f, ath__v16f_sqrt(ath__v16f_abs(x)));
    ath__v16f_store(out->fused_f, ath__v16f_fma(x, y, z));
    ath__v16f_store(out->select_f, ath__v16f_select(lt, y, z));
    ath__v16f_store(out->keep_f, ath__v16f_keep(lt, z));
    ath__v16f_store(out->absolute_f, ath__v16f_abs(y));
    ath__v16i_store(out->less_f, lt);
    ath__v16i_store(out->less_equal_f, ath__v16f_le(x, y));
    ath__v16i_store(out->equal_f, ath__v16f_eq(x, y));
    ath__v16i_store(out->select_i,
                    ath__v16i_select(lt, ath__v16i_set(-3), ath__v16i_load(out->equal_f)));
    out->any_f = ath__v16i_any(lt) != 0;
    out->sum16 = ath__v16f_sum(x);

    ath__v8d low, high;
    ath__v16f_widen(x, &low, &high);
    ath__v8d_store(out->low, low);
    ath__v8d_store(out->high, high);
    ath__v8d_store(out->fold, ath__v16f_fold(y));
    ath__v16f_store(out->narrow, ath__v16f_narrow(ath__v8d_load(in->a), ath__v8d_load(in->b)));
}

void SIMD_PASTE(simd_lanes_, ATH__ISA)(const simd_input *in, simd_output *out)
{
    simd_doubles(in, out);
    simd_floats(in, out);
}
