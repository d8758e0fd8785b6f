#include "quantised_levels.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <math.h>
#include <string.h>

#define AVX2 __attribute__((target("avx2,fma")))
#define AVXVNNI __attribute__((target("avx2,fma,avxvnni")))
#define UNROLL _Pragma("clang loop unroll(full)")

static const int32_t lanes[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};

// Writes the sums of 8 columns of one row, of which `left` are there.
__attribute__((always_inline)) static inline AVX2 void store(const saccade_quantised_tile *t, int r, int column,
                                                             __m256i sums) {
    const int left = t->columns - column;
    if (left <= 0) return;
    const __m256i mask = _mm256_loadu_si256((const __m256i *)(lanes + 8 - (left < 8 ? left : 8)));
    const __m256 scale = _mm256_mul_ps(_mm256_set1_ps(t->row_scales[r]), _mm256_load_ps(t->scales + column));
    const __m256 y = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums), scale, _mm256_load_ps(t->bias + column));
    _mm256_maskstore_ps(t->output + r * t->stride + column, mask, y);
}

// The products of 16-bit integers can't overflow, where those of bytes (vpmaddubsw) saturate. 12 sums of 4 columns, each in halves.
__attribute__((always_inline)) static inline AVX2 void tile_fixed(const saccade_quantised_tile *t, const int rows, int row,
                                                                  int column) {
    __m256i sums[6][2];
    UNROLL for (int r = 0; r < rows; r++) sums[r][0] = sums[r][1] = _mm256_setzero_si256();
    const uint8_t *bytes = t->bytes + row * t->pitch;
    const int8_t *weights = t->weights + column * 4;
    for (int g = t->groups; g > 0; g--) {
        const __m256i w0 = _mm256_cvtepi8_epi16(_mm_load_si128((const __m128i *)weights));
        const __m256i w1 = _mm256_cvtepi8_epi16(_mm_load_si128((const __m128i *)(weights + 16)));
        UNROLL for (int r = 0; r < rows; r++) {
            int group;
            memcpy(&group, bytes + r * t->pitch, 4);
            const __m256i x = _mm256_broadcastq_epi64(_mm_cvtepu8_epi16(_mm_cvtsi32_si128(group)));
            sums[r][0] = _mm256_add_epi32(sums[r][0], _mm256_madd_epi16(x, w0));
            sums[r][1] = _mm256_add_epi32(sums[r][1], _mm256_madd_epi16(x, w1));
        }
        bytes += 4;
        weights += SACCADE_QUANTISED_COLUMNS * 4;
    }
    const __m256i corrections = _mm256_load_si256((const __m256i *)(t->corrections + column));
    UNROLL for (int r = 0; r < rows; r++) {
        // The horizontal sums are columns 0 1 4 5 2 3 6 7.
        const __m256i mixed = _mm256_hadd_epi32(sums[r][0], sums[r][1]);
        const __m256i columns = _mm256_permute4x64_epi64(mixed, _MM_SHUFFLE(3, 1, 2, 0));
        store(t, row + r, column, _mm256_add_epi32(columns, corrections));
    }
}

#define ROWS(n) case n: tile_fixed(t, n, row, column); break;

AVX2 void saccade_quantised_tile_avx2(const saccade_quantised_tile *t) {
    for (int column = 0; column < t->columns; column += 8) {
        for (int row = 0; row < t->rows; row += 6) {
            switch (t->rows - row) {
                ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) default: tile_fixed(t, 6, row, column);
            }
        }
    }
}

#undef ROWS

// 12 sums of 8 columns, two vectors of weights and a group of activations: 15 of the 16 registers.
__attribute__((always_inline)) static inline AVXVNNI void vnni_fixed(const saccade_quantised_tile *t, const int rows, int row,
                                                                     int column) {
    __m256i sums[6][2];
    UNROLL for (int r = 0; r < rows; r++) {
        sums[r][0] = _mm256_load_si256((const __m256i *)(t->corrections + column));
        sums[r][1] = _mm256_load_si256((const __m256i *)(t->corrections + column + 8));
    }
    const uint8_t *bytes = t->bytes + row * t->pitch;
    const int8_t *weights = t->weights + column * 4;
    for (int g = t->groups; g > 0; g--) {
        const __m256i w0 = _mm256_load_si256((const __m256i *)weights);
        const __m256i w1 = _mm256_load_si256((const __m256i *)(weights + 32));
        UNROLL for (int r = 0; r < rows; r++) {
            int group;
            memcpy(&group, bytes + r * t->pitch, 4);
            const __m256i x = _mm256_set1_epi32(group);
            sums[r][0] = _mm256_dpbusd_avx_epi32(sums[r][0], x, w0);
            sums[r][1] = _mm256_dpbusd_avx_epi32(sums[r][1], x, w1);
        }
        bytes += 4;
        weights += SACCADE_QUANTISED_COLUMNS * 4;
    }
    UNROLL for (int r = 0; r < rows; r++) {
        store(t, row + r, column, sums[r][0]);
        store(t, row + r, column + 8, sums[r][1]);
    }
}

#define ROWS(n) case n: vnni_fixed(t, n, row, column); break;

AVXVNNI void saccade_quantised_tile_avxvnni(const saccade_quantised_tile *t) {
    for (int column = 0; column < t->columns; column += 16) {
        for (int row = 0; row < t->rows; row += 6) {
            switch (t->rows - row) {
                ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) default: vnni_fixed(t, 6, row, column);
            }
        }
    }
}

AVX2 void saccade_quantise_row_avx2(const float *input, int inputs, uint8_t *bytes, float *scale) {
    const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
    __m256i largest = _mm256_setzero_si256();
    const int whole = inputs / 8 * 8;
    for (int i = 0; i < whole; i += 8) {
        const __m256i x = _mm256_loadu_si256((const __m256i *)(input + i));
        largest = _mm256_max_epu32(largest, _mm256_and_si256(x, magnitude));
    }
    uint32_t most = 0, parts[8];
    _mm256_storeu_si256((__m256i *)parts, largest);
    for (int i = 0; i < 8; i++) most = parts[i] > most ? parts[i] : most;
    for (int i = whole; i < inputs; i++) {
        uint32_t part;
        memcpy(&part, input + i, 4);
        part &= 0x7fffffff;
        most = part > most ? part : most;
    }
    const float factor = saccade_quantised_factor(most, scale);
    const __m256 factors = _mm256_set1_ps(factor);
    const __m256i middle = _mm256_set1_epi32(128);
    int i = 0;
    for (; factor > 0 && i < whole; i += 8) {
        const __m256i integers = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(input + i), factors));
        const __m256i shifted = _mm256_add_epi32(integers, middle);
        const __m256i words = _mm256_packus_epi32(shifted, shifted), packed = _mm256_packus_epi16(words, words);
        const int low = _mm256_extract_epi32(packed, 0), high = _mm256_extract_epi32(packed, 4);
        memcpy(bytes + i, &low, 4);
        memcpy(bytes + i + 4, &high, 4);
    }
    for (; i < saccade_quantised_pitch(inputs); i++) {
        const int integer = i < inputs && factor > 0 ? (int)lrintf(input[i] * factor) : 0;
        bytes[i] = (uint8_t)(128 + integer);
    }
}

#endif
