#include "saccade_simd.h"

#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

static saccade_simd_level supported_level = SACCADE_SIMD_SCALAR;
static saccade_simd_level detected_level = SACCADE_SIMD_SCALAR;

#if defined(__x86_64__)
// Whether the processor multiplies tiles of bytes, and Linux lets this process: their 8 KB of registers must be asked for.
static int has_tiles(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    const unsigned tiles = 1u << 24, bytes = 1u << 25;
    if ((d & tiles) == 0 || (d & bytes) == 0) return 0;
    const int request = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
    return syscall(SYS_arch_prctl, request, tile_data) == 0;
}
#endif

static saccade_simd_level probe(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return SACCADE_SIMD_SCALAR;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512dq")
        || !__builtin_cpu_supports("avx512vl")) {
        return SACCADE_SIMD_AVX2;
    }
    if (!__builtin_cpu_supports("avx512vnni")) return SACCADE_SIMD_AVX512;
    return has_tiles() ? SACCADE_SIMD_AMX : SACCADE_SIMD_AVX512VNNI;
#else
    return SACCADE_SIMD_SCALAR;
#endif
}

__attribute__((constructor)) static void detect(void) {
    supported_level = probe();
    detected_level = supported_level;
    const char *wanted = getenv("SACCADE_SIMD");
    if (wanted == NULL) return;
    for (int level = SACCADE_SIMD_SCALAR; level <= SACCADE_SIMD_AMX; level++) {
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
        case SACCADE_SIMD_AMX: return "amx";
    }
    return "unknown";
}
