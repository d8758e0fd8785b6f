#include "saccade_inverted.h"

#include <math.h>
#include <string.h>

// Lanes that are compared side by side.
#define LANES 32

static inline __attribute__((always_inline)) void greatest_of_row(
    const float *row, size_t columns, uint32_t *place, float *greatest) {
    float lanes[LANES];
    for (size_t i = 0; i < LANES; i++) lanes[i] = -INFINITY;
    size_t column = 0;
    for (; column + LANES <= columns; column += LANES) {
        for (size_t i = 0; i < LANES; i++) lanes[i] = row[column + i] > lanes[i] ? row[column + i] : lanes[i];
    }
    float most = -INFINITY;
    for (size_t i = 0; i < LANES; i++) most = lanes[i] > most ? lanes[i] : most;
    for (; column < columns; column++) most = row[column] > most ? row[column] : most;
    *greatest = most;
    *place = 0;
    for (size_t i = 0; i < columns; i++) {
        if (row[i] == most) {
            *place = (uint32_t)i;
            break;
        }
    }
}

static void greatest_scalar(const float *scores, size_t rows, size_t columns, uint32_t *places, float *greatest) {
    for (size_t row = 0; row < rows; row++) greatest_of_row(scores + row * columns, columns, places + row, greatest + row);
}

#if defined(__x86_64__)

__attribute__((target("avx2"))) static void greatest_avx2(
    const float *scores, size_t rows, size_t columns, uint32_t *places, float *greatest) {
    for (size_t row = 0; row < rows; row++) greatest_of_row(scores + row * columns, columns, places + row, greatest + row);
}

__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,prefer-256-bit"))) static void greatest_avx512(
    const float *scores, size_t rows, size_t columns, uint32_t *places, float *greatest) {
    for (size_t row = 0; row < rows; row++) greatest_of_row(scores + row * columns, columns, places + row, greatest + row);
}

#endif

void saccade_greatest(
    saccade_simd_level level, const float *scores, size_t rows, size_t columns, uint32_t *places, float *greatest) {
#if defined(__x86_64__)
    if (level >= SACCADE_SIMD_AVX512) return greatest_avx512(scores, rows, columns, places, greatest);
    if (level == SACCADE_SIMD_AVX2) return greatest_avx2(scores, rows, columns, places, greatest);
#endif
    (void)level;
    greatest_scalar(scores, rows, columns, places, greatest);
}

static uint64_t turned(uint64_t word, int bits) { return word << bits | word >> (64 - bits); }

// Four lanes of multiplications and turns, as xxHash64 has them, so that the processor works on them side by side.
uint64_t saccade_checksum(const void *bytes, size_t size) {
    const uint64_t odd = 0x9E3779B185EBCA87u, other = 0xC2B2AE3D27D4EB4Fu;
    const uint8_t *byte = bytes;
    uint64_t lanes[4] = {odd, other, ~odd, ~other};
    size_t left = size;
    for (; left >= 32; left -= 32, byte += 32) {
        uint64_t words[4];
        memcpy(words, byte, 32);
        for (int i = 0; i < 4; i++) lanes[i] = turned(lanes[i] + words[i] * other, 31) * odd;
    }
    uint64_t rest[4] = {0};
    memcpy(rest, byte, left);
    uint64_t sum = size;
    for (int i = 0; i < 4; i++) {
        lanes[i] = turned(lanes[i] + rest[i] * other, 31) * odd;
        sum = (sum ^ lanes[i]) * odd + other;
        sum ^= sum >> 29;
    }
    return sum;
}
