#include "convolution_levels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX512 __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,fma")))

#define TARGET AVX512
#define NAME(x) x##_zmm
#define VEC __m512
#define LANES 16
#define LOAD _mm512_loadu_ps
#define STORE _mm512_storeu_ps
#define SET1 _mm512_set1_ps
#define FMADD _mm512_fmadd_ps
#define ADD _mm512_add_ps
#define RELU6(x) _mm512_min_ps(_mm512_max_ps(x, _mm512_setzero_ps()), _mm512_set1_ps(6.0f))
#define TILE_ROWS 8
#define PIXELS 8
#include "convolution_x86.h"

// The last 8 of a number of channels that isn't a multiple of 16.
#define TARGET AVX512
#define NAME(x) x##_ymm
#define VEC __m256
#define LANES 8
#define LOAD _mm256_loadu_ps
#define STORE _mm256_storeu_ps
#define SET1 _mm256_set1_ps
#define FMADD _mm256_fmadd_ps
#define ADD _mm256_add_ps
#define RELU6(x) _mm256_min_ps(_mm256_max_ps(x, _mm256_setzero_ps()), _mm256_set1_ps(6.0f))
#define TILE_ROWS 8
#define PIXELS 8
#include "convolution_x86.h"

AVX512 static void panel_tile(const saccade_tile *tile, int rows, int width) {
    const int wide = width / 16;
    if (wide > 0) tile_zmm(tile, rows, wide);
    if (width % 16 == 0) return;
    saccade_tile last = *tile;
    last.weights += wide * 16;
    last.bias += wide * 16;
    last.output += wide * 16;
    if (last.residual) last.residual += wide * 16;
    tile_ymm(&last, rows, 1);
}

AVX512 void saccade_product_avx512(const saccade_pointwise *p, const saccade_product_layout *layout, int rows) {
    saccade_each_tile(p, layout, rows, SACCADE_SIMD_AVX512, 8, panel_tile);
}

AVX512 void saccade_depthwise_row_avx512(const saccade_depthwise *d, const float *const *rows, int width, float *output) {
    depthwise_row_zmm(d, rows, width, 0, output);
    if (d->channels % 16 != 0) depthwise_row_ymm(d, rows, width, d->channels / 16 * 16, output);
}

#endif
