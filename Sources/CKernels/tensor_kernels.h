#ifndef SACCADE_TENSOR_KERNELS_TABLES_H
#define SACCADE_TENSOR_KERNELS_TABLES_H

#include "saccade_tensor_kernels.h"

extern const saccade_tensor_kernels saccade_tensor_kernels_scalar;
#if defined(__x86_64__)
extern const saccade_tensor_kernels saccade_tensor_kernels_avx2;
extern const saccade_tensor_kernels saccade_tensor_kernels_avx512;
#endif

// The finaliser of MurmurHash3 over a multiple of the golden ratio.
static inline uint32_t saccade_hash(uint32_t index, uint32_t seed) {
    uint32_t hash = (index * 0x9e3779b9u) ^ seed;
    hash = (hash ^ (hash >> 16)) * 0x85ebca6bu;
    hash = (hash ^ (hash >> 13)) * 0xc2b2ae35u;
    return hash ^ (hash >> 16);
}

#endif
