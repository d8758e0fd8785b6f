#include "tensor_kernels.h"

const saccade_tensor_kernels *saccade_tensor_kernels_at(saccade_simd_level level) {
#if defined(__x86_64__)
    if (level >= SACCADE_SIMD_AVX512) return &saccade_tensor_kernels_avx512;
    if (level >= SACCADE_SIMD_AVX2) return &saccade_tensor_kernels_avx2;
#endif
    (void)level;
    return &saccade_tensor_kernels_scalar;
}
