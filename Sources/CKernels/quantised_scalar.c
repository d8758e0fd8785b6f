#include <math.h>

#include "quantised_levels.h"

// The reference that the other kernels are tested against: loops in the order of the definition.

void saccade_quantised_tile_scalar(const saccade_quantised_tile *t) {
    for (int r = 0; r < t->rows; r++) {
        for (int c = 0; c < t->columns; c++) {
            int32_t sum = t->corrections[c];
            for (int g = 0; g < t->groups; g++) {
                const uint8_t *bytes = t->bytes + (g * SACCADE_QUANTISED_ROWS + r) * 4;
                const int8_t *weights = t->weights + (g * SACCADE_QUANTISED_COLUMNS + c) * 4;
                for (int i = 0; i < 4; i++) sum += (int32_t)bytes[i] * weights[i];
            }
            t->output[r * t->stride + c] = (float)sum * (t->row_scales[r] * t->scales[c]) + t->bias[c];
        }
    }
}

void saccade_quantise_row_scalar(const float *input, int inputs, uint8_t *bytes, float *scale) {
    float largest = 0, zero = 0;
    for (int i = 0; i < inputs; i++) {
        const float magnitude = fabsf(input[i]);
        if (magnitude > largest) largest = magnitude;
        zero += input[i] * 0;  // NaN as soon as a number isn't finite
    }
    *scale = zero == 0 ? largest / 127 : NAN;
    // Magnitudes below 1e-36 are none: their reciprocal isn't finite.
    const float factor = zero == 0 && largest > 1e-36f ? 127 / largest : 0;
    const int groups = saccade_quantised_groups(inputs);
    for (int i = 0; i < groups * 4; i++) {
        const int integer = i < inputs && factor > 0 ? (int)lrintf(input[i] * factor) : 0;
        bytes[i / 4 * SACCADE_QUANTISED_ROWS * 4 + i % 4] = (uint8_t)(128 + integer);
    }
}
