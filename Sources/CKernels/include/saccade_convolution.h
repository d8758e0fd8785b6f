#ifndef SACCADE_CONVOLUTION_H
#define SACCADE_CONVOLUTION_H

#include <stddef.h>
#include <stdint.h>

#include "saccade_simd.h"

// Convolutions of an inverted residual network for inference: channels-last float maps, batch norm already folded into
// weights and biases, every number of channels a multiple of 8 except the network's input.
//
// All functions run in the calling thread and touch only their arguments, so images can be computed side by side.

// Weights of a matrix product [rows, inputs] x [inputs, outputs], laid out for one instruction set.
typedef struct {
    saccade_simd_level level;
    int inputs;
    int outputs;
    float *weights;  // panels of columns, each [inputs, width]; 64-byte aligned
    float *bias;     // [outputs]
} saccade_pointwise;

// Packs weights [outputs, inputs] (row-major) and a bias [outputs]. Returns NULL when there is no memory, or when
// `outputs` is not a multiple of 8.
saccade_pointwise *saccade_pointwise_create(saccade_simd_level level, int inputs, int outputs, const float *weights,
                                            const float *bias);
void saccade_pointwise_destroy(saccade_pointwise *pointwise);

// output[r][o] = act(bias[o] + sum_i input[r][i] * weights[o][i]) (+ residual[r][o], after act).
//   input: [rows, inputs], residual: [rows, outputs] or NULL, output: [rows, outputs].
//   act: min(max(x, 0), 6) when `relu6` is not zero, else x.
// Reference: ReLU6 and linear bottlenecks as in Sandler et al., "MobileNetV2", CVPR 2018.
void saccade_pointwise_apply(const saccade_pointwise *pointwise, const float *input, int rows, int relu6,
                             const float *residual, float *output);

// Weights of a depthwise convolution, laid out [kernel, kernel, channels].
typedef struct {
    saccade_simd_level level;
    int channels;
    int kernel;  // 3 or 5
    int stride;  // 1 or 2
    float *weights;
    float *bias;  // [channels]
} saccade_depthwise;

// Packs weights [channels, kernel, kernel] and a bias [channels]. Returns NULL when there is no memory, or when the
// kernel, the stride or the channels are none of the above.
saccade_depthwise *saccade_depthwise_create(saccade_simd_level level, int channels, int kernel, int stride,
                                            const float *weights, const float *bias);
void saccade_depthwise_destroy(saccade_depthwise *depthwise);

// One row of output, with ReLU6: output[x][c] = relu6(bias[c] + sum_ij rows[i][x * stride + j][c] * weights[i][j][c]).
//   rows: `kernel` rows of input, each [(width - 1) * stride + kernel, channels], padding included.
//   output: [width, channels].
void saccade_depthwise_row(const saccade_depthwise *depthwise, const float *const *rows, int width, float *output);

// What makes the wide rows that the depthwise convolution of a block reads.
typedef enum {
    SACCADE_ROWS_EXPAND,  // a pointwise product with ReLU6 over the block's input map
    SACCADE_ROWS_COPY,    // the block's input map itself: expand ratio 1
    SACCADE_ROWS_STEM,    // the network's first convolution, 3x3, stride 2, ReLU6, over 8-bit RGB
} saccade_row_source;

// What the stem takes from a pixel's 8-bit value, and what it then divides it by.
#define SACCADE_STEM_MEAN 127.0f
#define SACCADE_STEM_DEVIATION 128.0f

// An inverted residual: wide rows -> depthwise convolution -> linear projection (+ input).
// Computed a few rows at a time, so that the wide map is never in memory as a whole.
typedef struct {
    saccade_row_source source;
    const saccade_pointwise *expand;  // the stem's weights [outputs, 3 rows, 3 columns, 3 channels] for ROWS_STEM; NULL for COPY
    const saccade_depthwise *depthwise;
    const saccade_pointwise *project;
    int residual;  // add the input to the output: needs stride 1 and equal channels
} saccade_block;

// Floats of scratch that `saccade_block_apply` needs for an input map (or picture) of this size.
size_t saccade_block_scratch(const saccade_block *block, int height, int width);

// Runs a block over one image.
//   input: float [height, width, channels], or uint8_t [height, width, 3] for ROWS_STEM, which are taken as (x - MEAN) / DEVIATION.
//   output: [ceil(height / strides), ceil(width / strides), project->outputs]; may not overlap the input.
//   scratch: as many floats as `saccade_block_scratch` says, 64-byte aligned.
// Padding is TensorFlow's SAME: zeros, the odd one at the end.
void saccade_block_apply(const saccade_block *block, const void *input, int height, int width, float *output,
                         float *scratch);

#endif
