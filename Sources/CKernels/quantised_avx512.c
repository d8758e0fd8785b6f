#include "quantised_levels.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <math.h>
#include <string.h>

#define VNNI __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx512vnni,fma")))
#define AVX512 __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,fma")))
#define UNROLL _Pragma("clang loop unroll(full)")

// 24 sums of 16 columns, two vectors of weights and a broadcast group of activations: 27 of the 32 registers.
__attribute__((always_inline)) static inline VNNI void tile_fixed(const saccade_quantised_tile *t, const int rows) {
    __m512i sums[12][2];
    UNROLL for (int r = 0; r < rows; r++) {
        sums[r][0] = _mm512_load_si512(t->corrections);
        sums[r][1] = _mm512_load_si512(t->corrections + 16);
    }
    const uint8_t *bytes = t->bytes;
    const int8_t *weights = t->weights;
    for (int g = t->groups; g > 0; g--) {
        const __m512i w0 = _mm512_load_si512(weights), w1 = _mm512_load_si512(weights + 64);
        UNROLL for (int r = 0; r < rows; r++) {
            int group;
            memcpy(&group, bytes + r * t->pitch, 4);
            const __m512i x = _mm512_set1_epi32(group);
            sums[r][0] = _mm512_dpbusd_epi32(sums[r][0], x, w0);
            sums[r][1] = _mm512_dpbusd_epi32(sums[r][1], x, w1);
        }
        bytes += 4;
        weights += SACCADE_QUANTISED_COLUMNS * 4;
    }
    UNROLL for (int v = 0; v < 2; v++) {
        const int left = t->columns - v * 16;
        if (left <= 0) return;
        const __mmask16 mask = left >= 16 ? 0xffff : (__mmask16)((1 << left) - 1);
        const __m512 scales = _mm512_load_ps(t->scales + v * 16), bias = _mm512_load_ps(t->bias + v * 16);
        UNROLL for (int r = 0; r < rows; r++) {
            const __m512 scale = _mm512_mul_ps(_mm512_set1_ps(t->row_scales[r]), scales);
            const __m512 y = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[r][v]), scale, bias);
            _mm512_mask_storeu_ps(t->output + r * t->stride + v * 16, mask, y);
        }
    }
}

#define ROWS(n) case n: tile_fixed(t, n); break;

VNNI void saccade_quantised_tile_avx512vnni(const saccade_quantised_tile *t) {
    switch (t->rows) {
        ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6) ROWS(7) ROWS(8) ROWS(9) ROWS(10) ROWS(11) ROWS(12)
    }
}

// The 16 lanes of which `left` are there.
__attribute__((always_inline)) static inline __mmask16 lanes(int left) {
    return left >= 16 ? 0xffff : left <= 0 ? 0 : (__mmask16)((1 << left) - 1);
}

AVX512 void saccade_quantise_row_avx512(const float *input, int inputs, uint8_t *bytes, float *scale) {
    const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
    __m512i largest = _mm512_setzero_si512();
    for (int i = 0; i < inputs; i += 16) {
        const __m512i x = _mm512_maskz_loadu_epi32(lanes(inputs - i), input + i);
        largest = _mm512_max_epu32(largest, _mm512_and_si512(x, magnitude));
    }
    const float factor = saccade_quantised_factor(_mm512_reduce_max_epu32(largest), scale);
    const __m512 factors = _mm512_set1_ps(factor);
    const __m512i middle = _mm512_set1_epi32(128);
    for (int i = 0; i < saccade_quantised_pitch(inputs); i += 16) {
        const __m512 x = _mm512_maskz_loadu_ps(factor > 0 ? lanes(inputs - i) : 0, input + i);
        const __m512i integers = _mm512_add_epi32(_mm512_cvtps_epi32(_mm512_mul_ps(x, factors)), middle);
        _mm_storeu_si128((__m128i *)(bytes + i), _mm512_cvtepi32_epi8(integers));
    }
}

#endif
