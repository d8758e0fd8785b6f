#ifndef SACCADE_SIMD_H
#define SACCADE_SIMD_H

// The instruction sets that kernels are written for. A level includes the ones below it on its own architecture.
typedef enum {
    SACCADE_SIMD_SCALAR = 0,
    SACCADE_SIMD_AVX2 = 1,        // with FMA
    SACCADE_SIMD_AVX512 = 2,      // F, BW, DQ, VL
    SACCADE_SIMD_AVX512VNNI = 3,  // AVX512 and VNNI
    SACCADE_SIMD_AMX = 4,         // AVX512VNNI, and tiles of bytes (AMX-INT8)
} saccade_simd_level;

// The best level that this processor and operating system support, lowered by SACCADE_SIMD=scalar|avx2|avx512|avx512vnni|amx.
// Detected once, before main.
saccade_simd_level saccade_simd_detected(void);

// The same, without the environment's override: what tests may ask every kernel to run at.
saccade_simd_level saccade_simd_supported(void);

// "scalar", "avx2", "avx512", "avx512vnni" or "amx".
const char *saccade_simd_name(saccade_simd_level level);

#endif
