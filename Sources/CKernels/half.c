#include "saccade_half.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

static float half_to_float(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    uint32_t exponent = (half >> 10) & 0x1F;
    uint32_t fraction = half & 0x3FF;
    uint32_t bits;
    if (exponent == 0x1F) {
        bits = sign | 0x7F800000 | (fraction << 13) | (fraction != 0 ? 0x00400000 : 0);
    } else if (exponent != 0) {
        bits = sign | ((exponent + 112) << 23) | (fraction << 13);
    } else {
        float magnitude = (float)fraction * 0x1p-24f;
        memcpy(&bits, &magnitude, sizeof bits);
        bits |= sign;
    }
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint16_t float_to_half(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint16_t sign = (uint16_t)((bits >> 16) & 0x8000);
    uint32_t magnitude = bits & 0x7FFFFFFF;
    if (magnitude > 0x7F800000) return sign | 0x7E00 | (uint16_t)((magnitude >> 13) & 0x3FF);
    if (magnitude >= 0x477FF000) return sign | 0x7C00;
    if (magnitude < 0x38800000) {
        // Adding 1/2 aligns the last bit of a subnormal half with the last bit of the sum, and rounds to even.
        float small, sum;
        memcpy(&small, &magnitude, sizeof small);
        sum = small + 0.5f;
        uint32_t sum_bits;
        memcpy(&sum_bits, &sum, sizeof sum_bits);
        return sign | (uint16_t)(sum_bits - 0x3F000000);
    }
    uint32_t odd = (magnitude >> 13) & 1;
    return sign | (uint16_t)((magnitude - 0x38000000 + 0xFFF + odd) >> 13);
}

static void half_to_float_scalar(const uint16_t *source, float *target, size_t count) {
    for (size_t i = 0; i < count; i++) target[i] = half_to_float(source[i]);
}

static void float_to_half_scalar(const float *source, uint16_t *target, size_t count) {
    for (size_t i = 0; i < count; i++) target[i] = float_to_half(source[i]);
}

#if defined(__x86_64__)
__attribute__((target("avx2,f16c"))) static void half_to_float_avx2(const uint16_t *source, float *target, size_t count) {
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        _mm256_storeu_ps(target + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(source + i))));
    }
    half_to_float_scalar(source + i, target + i, count - i);
}

__attribute__((target("avx2,f16c"))) static void float_to_half_avx2(const float *source, uint16_t *target, size_t count) {
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        __m128i half = _mm256_cvtps_ph(_mm256_loadu_ps(source + i), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        _mm_storeu_si128((__m128i *)(target + i), half);
    }
    float_to_half_scalar(source + i, target + i, count - i);
}
#endif

// AVX-512 gains nothing here: both widths are bound by memory.
void saccade_half_to_float_at(saccade_simd_level level, const uint16_t *source, float *target, size_t count) {
#if defined(__x86_64__)
    if (level >= SACCADE_SIMD_AVX2) return half_to_float_avx2(source, target, count);
#endif
    half_to_float_scalar(source, target, count);
}

void saccade_float_to_half_at(saccade_simd_level level, const float *source, uint16_t *target, size_t count) {
#if defined(__x86_64__)
    if (level >= SACCADE_SIMD_AVX2) return float_to_half_avx2(source, target, count);
#endif
    float_to_half_scalar(source, target, count);
}

void saccade_half_to_float(const uint16_t *source, float *target, size_t count) {
    saccade_half_to_float_at(saccade_simd_detected(), source, target, count);
}

void saccade_float_to_half(const float *source, uint16_t *target, size_t count) {
    saccade_float_to_half_at(saccade_simd_detected(), source, target, count);
}
