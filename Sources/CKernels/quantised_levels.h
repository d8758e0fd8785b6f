#ifndef SACCADE_QUANTISED_LEVELS_H
#define SACCADE_QUANTISED_LEVELS_H

#include <math.h>
#include <string.h>

#include "saccade_quantised.h"

// What each kernel provides; `quantised.c` chooses among them.

// A piece of a product: at most 32 columns, by at most 12 rows, or 32 of the tiles' kernel.
typedef struct {
    const uint8_t *bytes;         // [rows, pitch]
    ptrdiff_t pitch;              // bytes from row to row of activations
    const float *row_scales;      // [rows]
    const int8_t *weights;        // [groups, 32, 4]
    const int32_t *corrections;   // [32]
    const float *scales, *bias;   // [32]
    float *output;                // the tile's first column of its first row
    ptrdiff_t stride;             // from row to row of output
    int groups;                   // of four inputs, a multiple of 16
    int rows, columns;            // that are there
} saccade_quantised_tile;

// What a row is multiplied by before it is rounded, 0 for a row of zeros and for one that isn't finite, and its scale.
//   largest: the bits of its largest magnitude.
static inline float saccade_quantised_factor(uint32_t largest, float *scale) {
    float most;
    memcpy(&most, &largest, 4);
    const int finite = largest < 0x7f800000;
    *scale = finite ? most / 127 : NAN;
    // Magnitudes below 1e-36 are none: their reciprocal isn't finite.
    return finite && most > 1e-36f ? 127 / most : 0;
}

void saccade_quantised_tile_scalar(const saccade_quantised_tile *tile);
void saccade_quantise_row_scalar(const float *input, int inputs, uint8_t *bytes, float *scale);

#if defined(__x86_64__)
void saccade_quantised_tile_avx2(const saccade_quantised_tile *tile);
void saccade_quantised_tile_avxvnni(const saccade_quantised_tile *tile);
void saccade_quantised_tile_avx512vnni(const saccade_quantised_tile *tile);
void saccade_quantise_row_avx2(const float *input, int inputs, uint8_t *bytes, float *scale);
void saccade_quantise_row_avx512(const float *input, int inputs, uint8_t *bytes, float *scale);

// Tiles of 16 rows are read whole, whatever their number of rows. Between begin and end, in one thread, the tiles' registers are in use.
void saccade_quantised_amx_begin(void);
void saccade_quantised_amx_end(void);
void saccade_quantised_tile_amx(const saccade_quantised_tile *tile);
#endif

#endif
