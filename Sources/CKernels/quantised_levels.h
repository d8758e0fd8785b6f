#ifndef SACCADE_QUANTISED_LEVELS_H
#define SACCADE_QUANTISED_LEVELS_H

#include "saccade_quantised.h"

// What each kernel provides; `quantised.c` chooses among them.

// A piece of a product: at most 12 rows by 32 columns.
typedef struct {
    const uint8_t *bytes;         // [groups, 12, 4]
    const float *row_scales;      // [rows]
    const int8_t *weights;        // [groups, 32, 4]
    const int32_t *corrections;   // [32]
    const float *scales, *bias;   // [32]
    float *output;                // the tile's first column of its first row
    ptrdiff_t stride;             // from row to row of output
    int groups;                   // of four inputs
    int rows, columns;            // that are there
} saccade_quantised_tile;

// How many groups of four some inputs make.
static inline int saccade_quantised_groups(int inputs) { return (inputs + 3) / 4; }

void saccade_quantised_tile_scalar(const saccade_quantised_tile *tile);
void saccade_quantise_row_scalar(const float *input, int inputs, uint8_t *bytes, float *scale);

#if defined(__x86_64__)
void saccade_quantised_tile_avx2(const saccade_quantised_tile *tile);
void saccade_quantised_tile_avxvnni(const saccade_quantised_tile *tile);
void saccade_quantised_tile_avx512vnni(const saccade_quantised_tile *tile);
void saccade_quantise_row_avx2(const float *input, int inputs, uint8_t *bytes, float *scale);
void saccade_quantise_row_avx512(const float *input, int inputs, uint8_t *bytes, float *scale);
#endif

#endif
