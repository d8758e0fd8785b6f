#include "saccade_scan.h"

#include <math.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// f is in steps of 1/254 of the coarse step, so that +-127 reaches exactly half a coarse step.
#define FINE_STEPS 254
#define COARSE_CENTRE 7.5f
// Below this a vector is stored as zero: its step would have no reciprocal.
#define SMALLEST_MAGNITUDE 1e-30f

static uint8_t *coarse_word(const saccade_scan_codes *codes, size_t slot, size_t group) {
    size_t block = slot / SACCADE_SCAN_BLOCK, lane = slot % SACCADE_SCAN_BLOCK;
    return codes->coarse + ((block * codes->groups + group) * SACCADE_SCAN_BLOCK + lane) * 4;
}

// Rotation

// In place, `size` a power of two, scaled to be orthogonal.
static void hadamard(float *vector, size_t size) {
    for (size_t half = 1; half < size; half *= 2) {
        for (size_t start = 0; start < size; start += 2 * half) {
            for (size_t i = start; i < start + half; i++) {
                float a = vector[i], b = vector[i + half];
                vector[i] = a + b;
                vector[i + half] = a - b;
            }
        }
    }
    float scale = 1.0f / sqrtf((float)size);
    for (size_t i = 0; i < size; i++) vector[i] *= scale;
}

// The finaliser of SplitMix64: a well mixed bit for each element and round, the same in every process.
static int flips(uint64_t element, uint64_t round) {
    uint64_t z = (element + 1) * 0x9E3779B97F4A7C15u + round * 0xD1B54A32D192ED03u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (int)((z ^ (z >> 31)) & 1);
}

void saccade_scan_rotate(float *vector, size_t dimensions) {
    size_t power = 1;
    while (power * 2 <= dimensions) power *= 2;
    for (uint64_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < dimensions; i++) {
            if (flips(i, round)) vector[i] = -vector[i];
        }
        hadamard(vector, power);
        // Other lengths than powers of two: a second transform over the last elements mixes the two ends.
        if (power < dimensions) hadamard(vector + dimensions - power, power);
    }
}

// Codes

void saccade_scan_encode(const saccade_scan_codes *codes, size_t slot, const float *vector, size_t dimensions) {
    float largest = 0;
    for (size_t i = 0; i < dimensions; i++) largest = fmaxf(largest, fabsf(vector[i]));
    float step = largest < SMALLEST_MAGNITUDE ? 0 : largest / COARSE_CENTRE;
    float inverse = step > 0 ? 1 / step : 0;
    int8_t *fine = codes->fine + slot * codes->groups * 8;
    double residual = 0;
    for (size_t group = 0; group < codes->groups; group++) {
        uint8_t *word = coarse_word(codes, slot, group);
        for (size_t i = 0; i < 8; i++) {
            size_t element = group * 8 + i;
            float position = vector[element] * inverse + COARSE_CENTRE;
            float code = fminf(fmaxf(rintf(position), 0), 15);
            float left = position - code;
            fine[element] = (int8_t)fminf(fmaxf(rintf(left * FINE_STEPS), -127), 127);
            if (element < dimensions) residual += (double)left * left;
            if (i < 4) {
                word[i] = (uint8_t)code;
            } else {
                word[i - 4] |= (uint8_t)((uint8_t)code << 4);
            }
        }
    }
    codes->step[slot] = step;
    codes->residual[slot] = step * (float)sqrt(residual);
}

void saccade_scan_copy(const saccade_scan_codes *from, size_t from_slot, const saccade_scan_codes *to, size_t to_slot) {
    size_t groups = from->groups;
    saccade_scan_copy_coarse(from, from_slot, to, to_slot);
    memcpy(to->fine + to_slot * groups * 8, from->fine + from_slot * groups * 8, groups * 8);
}

void saccade_scan_copy_coarse(
    const saccade_scan_codes *from, size_t from_slot, const saccade_scan_codes *to, size_t to_slot) {
    for (size_t group = 0; group < from->groups; group++) {
        memcpy(coarse_word(to, to_slot, group), coarse_word(from, from_slot, group), 4);
    }
    to->step[to_slot] = from->step[from_slot];
    to->residual[to_slot] = from->residual[from_slot];
}

void saccade_scan_prepare(saccade_scan_query *query, const float *vector, size_t dimensions, float confidence) {
    size_t size = query->groups * 8;
    float largest = 0;
    double square = 0;
    for (size_t i = 0; i < size; i++) {
        largest = fmaxf(largest, fabsf(vector[i]));
        square += (double)vector[i] * vector[i];
        query->exact[i] = vector[i];
    }
    float scale = largest < SMALLEST_MAGNITUDE ? 0 : largest / 127;
    float inverse = scale > 0 ? 1 / scale : 0;
    double error = 0;
    int64_t sum = 0;
    for (size_t i = 0; i < size; i++) {
        float code = rintf(vector[i] * inverse);
        query->rounded[i] = (int8_t)code;
        sum += (int64_t)code;
        double left = (double)vector[i] - (double)code * scale;
        error += left * left;
    }
    // A coarse score misses q . (x - x') and (q - q') . x'. After the rotation both are sums of many small terms of
    // random sign, so each has a standard deviation of |a| |b| / sqrt(dimensions); |x'| is at most 7.5 steps a dimension.
    double norm = sqrt(square), root = sqrt((double)dimensions);
    query->scale = scale;
    query->residual_weight = (float)(confidence * norm / root);
    // The last term covers the rounding of the float arithmetic of the coarse score itself.
    double slack = confidence * COARSE_CENTRE * sqrt(error) + 1e-5 * COARSE_CENTRE * norm * root;
    query->bias = (float)(slack - (double)COARSE_CENTRE * scale * (double)sum);
}

// Scalar reference

static uint16_t lanes_of(const saccade_scan_codes *codes, size_t block) {
    size_t left = codes->count - block * SACCADE_SCAN_BLOCK;
    return left >= SACCADE_SCAN_BLOCK ? 0xFFFF : (uint16_t)((1u << left) - 1);
}

static size_t append_lanes(uint32_t *slots, size_t found, size_t block, uint32_t lanes) {
    for (; lanes != 0; lanes &= lanes - 1) {
        slots[found++] = (uint32_t)(block * SACCADE_SCAN_BLOCK) + (uint32_t)__builtin_ctz(lanes);
    }
    return found;
}

static uint32_t reaching_scalar(
    const saccade_scan_codes *codes, const saccade_scan_query *query, size_t block, float threshold) {
    int32_t sums[SACCADE_SCAN_BLOCK] = {0};
    const uint8_t *words = codes->coarse + block * codes->groups * SACCADE_SCAN_BLOCK * 4;
    for (size_t group = 0; group < codes->groups; group++) {
        const int8_t *part = query->rounded + group * 8;
        for (size_t lane = 0; lane < SACCADE_SCAN_BLOCK; lane++, words += 4) {
            for (size_t i = 0; i < 4; i++) {
                sums[lane] += (words[i] & 15) * part[i] + (words[i] >> 4) * part[i + 4];
            }
        }
    }
    uint32_t lanes = 0;
    for (size_t lane = 0; lane < SACCADE_SCAN_BLOCK; lane++) {
        size_t slot = block * SACCADE_SCAN_BLOCK + lane;
        float bound = codes->step[slot] * ((float)sums[lane] * query->scale + query->bias)
            + codes->residual[slot] * query->residual_weight;
        lanes |= (uint32_t)(bound >= threshold) << lane;
    }
    return lanes;
}

static float finished(const double sums[8], float step) {
    double four[4], two[2];
    for (int i = 0; i < 4; i++) four[i] = sums[i] + sums[i + 4];
    for (int i = 0; i < 2; i++) two[i] = four[i] + four[i + 2];
    return (float)((two[0] + two[1]) * ((double)step / FINE_STEPS));
}

static float score_scalar(
    const saccade_scan_codes *codes, const saccade_scan_query *query, size_t slot, const int8_t *fine) {
    double sums[8] = {0};
    for (size_t group = 0; group < codes->groups; group++) {
        const uint8_t *word = coarse_word(codes, slot, group);
        for (size_t i = 0; i < 8; i++) {
            int code = i < 4 ? word[i] & 15 : word[i - 4] >> 4;
            int value = (2 * code - 15) * (FINE_STEPS / 2) + fine[group * 8 + i];
            sums[i] += query->exact[group * 8 + i] * value;
        }
    }
    return finished(sums, codes->step[slot]);
}

#if defined(__x86_64__)

// AVX2

// The pairs of a group make at most 4 * 15 * 127, which is far from the limits of 16 bits.
__attribute__((target("avx2,fma"))) static uint32_t reaching_avx2(
    const saccade_scan_codes *codes, const saccade_scan_query *query, size_t block, float threshold) {
    const __m256i nibble = _mm256_set1_epi8(15), ones = _mm256_set1_epi16(1);
    __m256i sums[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
    const uint8_t *words = codes->coarse + block * codes->groups * SACCADE_SCAN_BLOCK * 4;
    for (size_t group = 0; group < codes->groups; group++, words += SACCADE_SCAN_BLOCK * 4) {
        int32_t part[2];
        memcpy(part, query->rounded + group * 8, 8);
        __m256i low = _mm256_set1_epi32(part[0]), high = _mm256_set1_epi32(part[1]);
        for (int half = 0; half < 2; half++) {
            __m256i word = _mm256_loadu_si256((const __m256i *)(words + half * 32));
            __m256i first = _mm256_maddubs_epi16(_mm256_and_si256(word, nibble), low);
            __m256i second = _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(word, 4), nibble), high);
            sums[half] = _mm256_add_epi32(sums[half], _mm256_madd_epi16(_mm256_add_epi16(first, second), ones));
        }
    }
    uint32_t lanes = 0;
    for (int half = 0; half < 2; half++) {
        size_t slot = block * SACCADE_SCAN_BLOCK + (size_t)half * 8;
        __m256 dots = _mm256_fmadd_ps(
            _mm256_cvtepi32_ps(sums[half]), _mm256_set1_ps(query->scale), _mm256_set1_ps(query->bias));
        __m256 margin = _mm256_mul_ps(_mm256_loadu_ps(codes->residual + slot), _mm256_set1_ps(query->residual_weight));
        __m256 bound = _mm256_fmadd_ps(_mm256_loadu_ps(codes->step + slot), dots, margin);
        __m256 passes = _mm256_cmp_ps(bound, _mm256_set1_ps(threshold), _CMP_GE_OQ);
        lanes |= (uint32_t)_mm256_movemask_ps(passes) << (half * 8);
    }
    return lanes;
}

// The eight values 254 * (c - 7.5) + f of a group, as integers.
__attribute__((target("avx2"), always_inline)) static inline __m256i group_values(
    const uint8_t *word, const int8_t *fine) {
    uint32_t packed;
    memcpy(&packed, word, 4);
    uint64_t codes = (uint64_t)(packed & 0x0F0F0F0Fu) | (uint64_t)((packed >> 4) & 0x0F0F0F0Fu) << 32;
    __m256i coarse = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)codes));
    __m256i rest = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)fine));
    __m256i centred = _mm256_sub_epi32(_mm256_slli_epi32(coarse, 1), _mm256_set1_epi32(15));
    return _mm256_add_epi32(_mm256_mullo_epi32(centred, _mm256_set1_epi32(FINE_STEPS / 2)), rest);
}

__attribute__((target("avx2,fma"))) static float score_avx2(
    const saccade_scan_codes *codes, const saccade_scan_query *query, size_t slot, const int8_t *fine) {
    __m256d low = _mm256_setzero_pd(), high = _mm256_setzero_pd();
    const uint8_t *word = coarse_word(codes, slot, 0);
    const double *exact = query->exact;
    for (size_t group = 0; group < codes->groups; group++, word += SACCADE_SCAN_BLOCK * 4, fine += 8, exact += 8) {
        __m256i values = group_values(word, fine);
        __m256d first = _mm256_cvtepi32_pd(_mm256_castsi256_si128(values));
        __m256d second = _mm256_cvtepi32_pd(_mm256_extracti128_si256(values, 1));
        low = _mm256_fmadd_pd(first, _mm256_loadu_pd(exact), low);
        high = _mm256_fmadd_pd(second, _mm256_loadu_pd(exact + 4), high);
    }
    double sums[8];
    _mm256_storeu_pd(sums, low);
    _mm256_storeu_pd(sums + 4, high);
    return finished(sums, codes->step[slot]);
}

// AVX-512

#define AVX512_TARGET "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"

__attribute__((target(AVX512_TARGET), always_inline)) static inline uint32_t passing_avx512(
    const saccade_scan_codes *codes, const saccade_scan_query *query, size_t block, float threshold, __m512i sums) {
    size_t slot = block * SACCADE_SCAN_BLOCK;
    __m512 dots = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums), _mm512_set1_ps(query->scale), _mm512_set1_ps(query->bias));
    __m512 margin = _mm512_mul_ps(_mm512_loadu_ps(codes->residual + slot), _mm512_set1_ps(query->residual_weight));
    __m512 bound = _mm512_fmadd_ps(_mm512_loadu_ps(codes->step + slot), dots, margin);
    return _mm512_cmp_ps_mask(bound, _mm512_set1_ps(threshold), _CMP_GE_OQ);
}

__attribute__((target(AVX512_TARGET))) static uint32_t reaching_avx512(
    const saccade_scan_codes *codes, const saccade_scan_query *query, size_t block, float threshold) {
    const __m512i nibble = _mm512_set1_epi8(15), ones = _mm512_set1_epi16(1);
    __m512i sums = _mm512_setzero_si512();
    const uint8_t *words = codes->coarse + block * codes->groups * SACCADE_SCAN_BLOCK * 4;
    for (size_t group = 0; group < codes->groups; group++, words += SACCADE_SCAN_BLOCK * 4) {
        int32_t part[2];
        memcpy(part, query->rounded + group * 8, 8);
        __m512i word = _mm512_loadu_si512(words);
        __m512i first = _mm512_maddubs_epi16(_mm512_and_si512(word, nibble), _mm512_set1_epi32(part[0]));
        __m512i second = _mm512_maddubs_epi16(
            _mm512_and_si512(_mm512_srli_epi16(word, 4), nibble), _mm512_set1_epi32(part[1]));
        sums = _mm512_add_epi32(sums, _mm512_madd_epi16(_mm512_add_epi16(first, second), ones));
    }
    return passing_avx512(codes, query, block, threshold, sums);
}

__attribute__((target(AVX512_TARGET ",avx512vnni"))) static uint32_t reaching_avx512vnni(
    const saccade_scan_codes *codes, const saccade_scan_query *query, size_t block, float threshold) {
    const __m512i nibble = _mm512_set1_epi8(15);
    __m512i first = _mm512_setzero_si512(), second = _mm512_setzero_si512();
    const uint8_t *words = codes->coarse + block * codes->groups * SACCADE_SCAN_BLOCK * 4;
    for (size_t group = 0; group < codes->groups; group++, words += SACCADE_SCAN_BLOCK * 4) {
        int32_t part[2];
        memcpy(part, query->rounded + group * 8, 8);
        __m512i word = _mm512_loadu_si512(words);
        first = _mm512_dpbusd_epi32(first, _mm512_and_si512(word, nibble), _mm512_set1_epi32(part[0]));
        __m512i high = _mm512_and_si512(_mm512_srli_epi16(word, 4), nibble);
        second = _mm512_dpbusd_epi32(second, high, _mm512_set1_epi32(part[1]));
    }
    return passing_avx512(codes, query, block, threshold, _mm512_add_epi32(first, second));
}

__attribute__((target(AVX512_TARGET))) static float score_avx512(
    const saccade_scan_codes *codes, const saccade_scan_query *query, size_t slot, const int8_t *fine) {
    __m512d sum = _mm512_setzero_pd();
    const uint8_t *word = coarse_word(codes, slot, 0);
    const double *exact = query->exact;
    for (size_t group = 0; group < codes->groups; group++, word += SACCADE_SCAN_BLOCK * 4, fine += 8, exact += 8) {
        sum = _mm512_fmadd_pd(_mm512_cvtepi32_pd(group_values(word, fine)), _mm512_loadu_pd(exact), sum);
    }
    double sums[8];
    _mm512_storeu_pd(sums, sum);
    return finished(sums, codes->step[slot]);
}

#endif

// Dispatch

typedef uint32_t (*reaching_function)(const saccade_scan_codes *, const saccade_scan_query *, size_t, float);
typedef float (*score_function)(const saccade_scan_codes *, const saccade_scan_query *, size_t, const int8_t *);

static reaching_function reaching_at(saccade_simd_level level) {
#if defined(__x86_64__)
    switch (level) {
        case SACCADE_SIMD_AMX:
        case SACCADE_SIMD_AVX512VNNI: return reaching_avx512vnni;
        case SACCADE_SIMD_AVX512: return reaching_avx512;
        case SACCADE_SIMD_AVX2: return reaching_avx2;
        case SACCADE_SIMD_SCALAR: break;
    }
#endif
    (void)level;
    return reaching_scalar;
}

static score_function score_at(saccade_simd_level level) {
#if defined(__x86_64__)
    switch (level) {
        case SACCADE_SIMD_AMX:
        case SACCADE_SIMD_AVX512VNNI:
        case SACCADE_SIMD_AVX512: return score_avx512;
        case SACCADE_SIMD_AVX2: return score_avx2;
        case SACCADE_SIMD_SCALAR: break;
    }
#endif
    (void)level;
    return score_scalar;
}

size_t saccade_scan_candidates(
    saccade_simd_level level, const saccade_scan_codes *codes, const saccade_scan_query *query, size_t first, size_t blocks,
    const uint16_t *admitted, float threshold, uint32_t *slots) {
    reaching_function reaching = reaching_at(level);
    size_t found = 0;
    for (size_t i = 0; i < blocks; i++) {
        uint32_t lanes = lanes_of(codes, first + i);
        if (admitted != NULL) lanes &= admitted[i];
        if (lanes == 0) continue;
        lanes &= reaching(codes, query, first + i, threshold);
        found = append_lanes(slots, found, first + i, lanes);
    }
    return found;
}

void saccade_scan_scores(
    saccade_simd_level level, const saccade_scan_codes *codes, const saccade_scan_query *query, const uint32_t *slots,
    size_t count, float *scores) {
    score_function score = score_at(level);
    size_t row = codes->groups * 8;
    for (size_t i = 0; i < count && i < 4; i++) {
        for (size_t byte = 0; byte < row; byte += 64) __builtin_prefetch(codes->fine + slots[i] * row + byte);
    }
    for (size_t i = 0; i < count; i++) {
        if (i + 4 < count) {
            for (size_t byte = 0; byte < row; byte += 64) __builtin_prefetch(codes->fine + slots[i + 4] * row + byte);
        }
        scores[i] = score(codes, query, slots[i], codes->fine + slots[i] * row);
    }
}

void saccade_scan_scores_apart(
    saccade_simd_level level, const saccade_scan_codes *codes, const saccade_scan_query *query, const uint32_t *slots,
    size_t count, const int8_t *fine, size_t pitch, float *scores) {
    score_function score = score_at(level);
    for (size_t i = 0; i < count; i++) scores[i] = score(codes, query, slots[i], fine + (slots[i] - slots[0]) * pitch);
}

void saccade_scan_decode(const saccade_scan_codes *codes, size_t slot, const int8_t *fine, float *vector) {
    float step = codes->step[slot] / FINE_STEPS;
    for (size_t group = 0; group < codes->groups; group++) {
        const uint8_t *word = coarse_word(codes, slot, group);
        for (size_t i = 0; i < 8; i++) {
            int code = i < 4 ? word[i] & 15 : word[i - 4] >> 4;
            vector[group * 8 + i] = step * (float)((2 * code - 15) * (FINE_STEPS / 2) + fine[group * 8 + i]);
        }
    }
}
