#include <math.h>
#include <string.h>

#include "quantised_levels.h"

// The reference that the other kernels are tested against: loops in the order of the definition.

void saccade_quantised_tile_scalar(const saccade_quantised_tile *t) {
    for (int r = 0; r < t->rows; r++) {
        for (int c = 0; c < t->columns; c++) {
            int32_t sum = t->corrections[c];
            for (int g = 0; g < t->groups; g++) {
                const uint8_t *bytes = t->bytes + r * t->pitch + g * 4;
                const int8_t *weights = t->weights + (g * SACCADE_QUANTISED_COLUMNS + c) * 4;
                for (int i = 0; i < 4; i++) sum += (int32_t)bytes[i] * weights[i];
            }
            t->output[r * t->stride + c] = (float)sum * (t->row_scales[r] * t->scales[c]) + t->bias[c];
        }
    }
}

void saccade_quantise_row_scalar(const float *input, int inputs, uint8_t *bytes, float *scale) {
    // Magnitudes have the order of their bits, and what isn't finite comes last.
    uint32_t largest = 0;
    for (int i = 0; i < inputs; i++) {
        uint32_t magnitude;
        memcpy(&magnitude, input + i, 4);
        magnitude &= 0x7fffffff;
        if (magnitude > largest) largest = magnitude;
    }
    const float factor = saccade_quantised_factor(largest, scale);
    for (int i = 0; i < saccade_quantised_pitch(inputs); i++) {
        const int integer = i < inputs && factor > 0 ? (int)lrintf(input[i] * factor) : 0;
        bytes[i] = (uint8_t)(128 + integer);
    }
}
