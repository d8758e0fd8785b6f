#ifndef SACCADE_QUANTISED_H
#define SACCADE_QUANTISED_H

#include <stddef.h>
#include <stdint.h>

#include "saccade_simd.h"

// Matrix products in 8 bits: weights with one scale an output, rows of activations quantised as they come with one scale a row,
// sums in 32-bit integers, which all kernels compute to the same bits.
//
// All functions run in the calling thread and write only what they are given, so rows and panels can be computed side by side.

// Which instructions multiply.
typedef enum {
    SACCADE_QUANTISED_SCALAR = 0,
    SACCADE_QUANTISED_AVX2 = 1,        // products of 16-bit integers
    SACCADE_QUANTISED_AVXVNNI = 2,     // vpdpbusd on 256 bits: Alder Lake, Zen 5
    SACCADE_QUANTISED_AVX512VNNI = 3,  // vpdpbusd on 512 bits: Ice Lake, Zen 4
    SACCADE_QUANTISED_AMX = 4,         // tdpbusd on tiles of 16 rows of 64 bytes: Sapphire Rapids
} saccade_quantised_kernel;

// Whether this processor has them.
int saccade_quantised_supports(saccade_quantised_kernel kernel);

// The fastest of those that the processor has and `saccade_simd_detected` allows.
saccade_quantised_kernel saccade_quantised_detected(void);

// "scalar", "avx2", "avxvnni", "avx512vnni" or "amx".
const char *saccade_quantised_name(saccade_quantised_kernel kernel);

// Rows that are best computed together: a multiple of what every kernel takes at once.
#define SACCADE_QUANTISED_ROWS 192
// Columns of weights that lie together.
#define SACCADE_QUANTISED_COLUMNS 32

// The most inputs: more could overflow a sum.
#define SACCADE_QUANTISED_MOST_INPUTS 65536

// Weights of a product [rows, inputs] x [inputs, outputs].
typedef struct {
    int inputs;
    int outputs;
    int8_t *weights;       // panels of 32 columns, each [inputs rounded up to 64 / 4, 32, 4]; 64-byte aligned, zeros where there is nothing
    int32_t *corrections;  // [outputs, rounded up to panels]: -128 x the column's sum, for activations are stored as 128 + integer
    float *scales;         // likewise
    float *bias;           // likewise
} saccade_quantised;

// Packs integers [outputs, inputs] (row-major), the scales of the outputs and a bias, which may be NULL. Weight = integer x scale.
// Returns NULL when there is no memory, or when a size is none.
saccade_quantised *saccade_quantised_create(int inputs, int outputs, const int8_t *integers, const float *scales,
                                            const float *bias);
void saccade_quantised_destroy(saccade_quantised *quantised);

// Panels of columns of some outputs.
int saccade_quantised_panels(int outputs);

// Bytes of one row of quantised activations: its inputs, rounded up to 64.
static inline int saccade_quantised_pitch(int inputs) { return (inputs + 63) / 64 * 64; }

// Bytes that rows of activations take once they are quantised: rows rounded up to 16, because some kernels read so many.
size_t saccade_quantised_size(int rows, int inputs);

// Quantises rows [rows, inputs]: byte = 128 + round(x / scale), scale = the row's largest magnitude / 127.
//   bytes: [rows, inputs rounded up to 64], of `saccade_quantised_size`; scales: [rows].
// A row with a number that isn't finite has the scale NaN, and so has its product.
void saccade_quantise_rows(saccade_quantised_kernel kernel, const float *input, int rows, int inputs, uint8_t *bytes,
                           float *scales);

// output[r][o] = bias[o] + (bytes[r] . integers[o]) x row scale x scale, of the panels first..<end. output: [rows, outputs].
void saccade_quantised_apply(saccade_quantised_kernel kernel, const saccade_quantised *quantised, const uint8_t *bytes,
                             const float *row_scales, int rows, int first_panel, int end_panel, float *output);

#endif
