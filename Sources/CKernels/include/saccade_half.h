#ifndef SACCADE_HALF_H
#define SACCADE_HALF_H

#include <stddef.h>
#include <stdint.h>

#include "saccade_simd.h"

// IEEE 754 binary16 to binary32 and back (to nearest, ties to even), `count` elements; the buffers may not overlap.
// The ..._at forms run at a given level, for tests.
void saccade_half_to_float(const uint16_t *source, float *target, size_t count);
void saccade_float_to_half(const float *source, uint16_t *target, size_t count);
void saccade_half_to_float_at(saccade_simd_level level, const uint16_t *source, float *target, size_t count);
void saccade_float_to_half_at(saccade_simd_level level, const float *source, uint16_t *target, size_t count);

#endif
