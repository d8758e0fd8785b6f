#if defined(__x86_64__)

#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "tensor_kernels.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma"))), apply_to = function)

#define LANES 16
#define TILE_ROWS_1 16
#define TILE_ROWS_2 8
#define TABLE saccade_tensor_kernels_avx512

static inline __m512 load_first(const float *p, int64_t count) {
    return _mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), p);
}

static inline void store_first(float *p, int64_t count, __m512 value) {
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << count) - 1), value);
}

#include "tensor_kernels_vector.h"

#pragma clang attribute pop

#endif
