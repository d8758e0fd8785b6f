#ifndef SACCADE_CONVOLUTION_LEVELS_H
#define SACCADE_CONVOLUTION_LEVELS_H

#include "saccade_convolution.h"

// What each instruction set provides; `convolution.c` chooses among them.

// Where the rows of a product lie: row r is read at input + r * input_stride, and written at
// output + (r / group) * group_stride + (r % group) * outputs; a residual is laid out as the output.
typedef struct {
    const float *input;
    ptrdiff_t input_stride;
    float *output;
    const float *residual;
    int group;
    ptrdiff_t group_stride;
    int relu6;
} saccade_product_layout;

// A piece of a product: some rows of one panel of columns.
typedef struct {
    const float *weights;  // [inputs, panel_width]
    ptrdiff_t panel_width;
    const float *bias;
    const float *input;
    ptrdiff_t input_stride;
    float *output;          // the panel's first column of row 0
    const float *residual;  // likewise, or NULL
    ptrdiff_t offsets[8];   // of the rows, from `output` and `residual`
    int inputs;
    int relu6;
} saccade_tile;

// Columns of the next panel when `remaining` columns are left to pack or multiply.
static inline int saccade_panel_width(saccade_simd_level level, int remaining) {
    switch (level) {
        case SACCADE_SIMD_SCALAR: return remaining;
        case SACCADE_SIMD_AVX2: return remaining == 32 ? 16 : remaining >= 24 ? 24 : remaining;
        default:
            // 64 and 56 columns are two panels of nearly equal width rather than a wide one and a very narrow one.
            return remaining == 64 || remaining == 56 ? 32 : remaining >= 48 ? 48 : remaining;
    }
}

// Cuts a product into tiles of at most `most_rows` rows and nearly equal numbers of rows, panel after panel.
__attribute__((always_inline)) static inline void saccade_each_tile(
    const saccade_pointwise *p, const saccade_product_layout *layout, int rows, saccade_simd_level level, int most_rows,
    void (*compute)(const saccade_tile *tile, int rows, int width)) {
    const int tiles = (rows + most_rows - 1) / most_rows;
    saccade_tile tile = {
        .weights = p->weights,
        .input_stride = layout->input_stride,
        .inputs = p->inputs,
        .relu6 = layout->relu6,
    };
    for (int column = 0; column < p->outputs;) {
        const int width = saccade_panel_width(level, p->outputs - column);
        tile.panel_width = width;
        tile.bias = p->bias + column;
        tile.output = layout->output + column;
        tile.residual = layout->residual ? layout->residual + column : 0;
        tile.input = layout->input;
        int in_group = 0;
        ptrdiff_t offset = 0;
        for (int done = 0, index = 0; index < tiles; index++) {
            const int count = (int)((int64_t)(index + 1) * rows / tiles) - done;
            for (int r = 0; r < count; r++) {
                tile.offsets[r] = offset + (ptrdiff_t)in_group * p->outputs;
                if (++in_group == layout->group) {
                    in_group = 0;
                    offset += layout->group_stride;
                }
            }
            compute(&tile, count, width);
            tile.input += count * layout->input_stride;
            done += count;
        }
        tile.weights += (ptrdiff_t)width * p->inputs;
        column += width;
    }
}

void saccade_product_scalar(const saccade_pointwise *p, const saccade_product_layout *layout, int rows);
void saccade_depthwise_row_scalar(const saccade_depthwise *d, const float *const *rows, int width, float *output);

#if defined(__x86_64__)
void saccade_product_avx2(const saccade_pointwise *p, const saccade_product_layout *layout, int rows);
void saccade_product_avx512(const saccade_pointwise *p, const saccade_product_layout *layout, int rows);
void saccade_depthwise_row_avx2(const saccade_depthwise *d, const float *const *rows, int width, float *output);
void saccade_depthwise_row_avx512(const saccade_depthwise *d, const float *const *rows, int width, float *output);
#endif

#endif
