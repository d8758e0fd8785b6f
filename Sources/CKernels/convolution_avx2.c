#include "convolution_levels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2,fma")))
#define TARGET AVX2
#define NAME(x) x##_avx2
#define VEC __m256
#define LANES 8
#define LOAD _mm256_loadu_ps
#define STORE _mm256_storeu_ps
#define SET1 _mm256_set1_ps
#define FMADD _mm256_fmadd_ps
#define ADD _mm256_add_ps
#define RELU6(x) _mm256_min_ps(_mm256_max_ps(x, _mm256_setzero_ps()), _mm256_set1_ps(6.0f))
#define TILE_ROWS 4
#define PIXELS 4
#include "convolution_x86.h"

AVX2 static void panel_tile(const saccade_tile *tile, int rows, int width) { tile_avx2(tile, rows, width / 8); }

AVX2 void saccade_product_avx2(const saccade_pointwise *p, const saccade_product_layout *layout, int rows) {
    saccade_each_tile(p, layout, rows, SACCADE_SIMD_AVX2, 4, panel_tile);
}

AVX2 void saccade_depthwise_row_avx2(const saccade_depthwise *d, const float *const *rows, int width, float *output) {
    depthwise_row_avx2(d, rows, width, 0, output);
}

#endif
