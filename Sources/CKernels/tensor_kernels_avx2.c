#if defined(__x86_64__)

#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "tensor_kernels.h"

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

#define LANES 8
#define TILE_ROWS_1 8
#define TILE_ROWS_2 6
#define TABLE saccade_tensor_kernels_avx2

static inline __m256i first_lanes(int64_t count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static inline __m256 load_first(const float *p, int64_t count) { return _mm256_maskload_ps(p, first_lanes(count)); }

static inline void store_first(float *p, int64_t count, __m256 value) { _mm256_maskstore_ps(p, first_lanes(count), value); }

#include "tensor_kernels_vector.h"

#pragma clang attribute pop

#endif
