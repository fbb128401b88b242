/* What test_simd.c compares: every function of base/simd.h on the same input, as raw bytes. */
#ifndef TESTS_BASE_SIMD_LANES_H
#define TESTS_BASE_SIMD_LANES_H

#include <stdint.h>

typedef struct simd_input {
    double a[8], b[8], c[8];
    float x[16], y[16], z[16];
} simd_input;

typedef struct simd_output {
    double set[8], sum8, add[8], multiply[8], divide[8], root[8], fused[8], select[8], keep[8];
    double absolute[8], least[8], most[8], chain[8], fold[8], low[8], high[8];
    int64_t less[8], less_equal[8], equal[8], select_l[8];
    float set_f[16], add_f[16], multiply_f[16], divide_f[16], root_f[16], fused_f[16];
    float select_f[16], keep_f[16], absolute_f[16], narrow[16], sum16;
    int32_t less_f[16], less_equal_f[16], equal_f[16], select_i[16];
    int32_t any, any_f, none, all;
} simd_output;

void simd_lanes_base(const simd_input *in, simd_output *out);
void simd_lanes_v3(const simd_input *in, simd_output *out);
void simd_lanes_v4(const simd_input *in, simd_output *out);

#endif
