#include "saccade_simd.h"

#include <stdlib.h>
#include <string.h>

static saccade_simd_level supported_level = SACCADE_SIMD_SCALAR;
static saccade_simd_level detected_level = SACCADE_SIMD_SCALAR;

static saccade_simd_level probe(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return SACCADE_SIMD_SCALAR;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512dq")
        || !__builtin_cpu_supports("avx512vl")) {
        return SACCADE_SIMD_AVX2;
    }
    return __builtin_cpu_supports("avx512vnni") ? SACCADE_SIMD_AVX512VNNI : SACCADE_SIMD_AVX512;
#else
    return SACCADE_SIMD_SCALAR;
#endif
}

__attribute__((constructor)) static void detect(void) {
    supported_level = probe();
    detected_level = supported_level;
    const char *wanted = getenv("SACCADE_SIMD");
    if (wanted == NULL) return;
    for (int level = SACCADE_SIMD_SCALAR; level <= SACCADE_SIMD_AVX512VNNI; level++) {
        if (strcmp(wanted, saccade_simd_name(level)) == 0 && level < (int)supported_level) detected_level = level;
    }
}

saccade_simd_level saccade_simd_detected(void) { return detected_level; }

saccade_simd_level saccade_simd_supported(void) { return supported_level; }

const char *saccade_simd_name(saccade_simd_level level) {
    switch (level) {
        case SACCADE_SIMD_SCALAR: return "scalar";
        case SACCADE_SIMD_AVX2: return "avx2";
        case SACCADE_SIMD_AVX512: return "avx512";
        case SACCADE_SIMD_AVX512VNNI: return "avx512vnni";
    }
    return "unknown";
}
