#ifndef SACCADE_TENSOR_KERNELS_H
#define SACCADE_TENSOR_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

#include "saccade_simd.h"

// The arithmetic of layers on float, one table of functions for each instruction set. Counts are elements; matrices are
// row-major; every function runs in the calling thread. Where a result may overwrite an operand it is said.
//
// The scalar table uses libm and is the reference. The others use polynomials: their exponential is within 2 units in the
// last place, the error function within 1.5e-7 absolute.

typedef enum {
    SACCADE_RELU,
    SACCADE_GELU,
    SACCADE_SWISH,
    SACCADE_TANH,
    SACCADE_SIGMOID,
    SACCADE_EXP,
    SACCADE_LOG,
    SACCADE_RELU6,
    SACCADE_QUICK_GELU,  // x * logistic(1.702 x)
    SACCADE_TANH_GELU,   // x * (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
} saccade_unary_operation;

typedef enum { SACCADE_ADD, SACCADE_SUBTRACT, SACCADE_MULTIPLY } saccade_binary_operation;

typedef enum { SACCADE_MASK_NONE, SACCADE_MASK_CAUSAL, SACCADE_MASK_ANTICAUSAL } saccade_attention_mask;

// Rows [rows, count] to be normalised, and the statistics of each row.
typedef struct {
    const float *x, *gamma, *beta;
    float *mean, *inverse_deviation;
    int64_t rows, count;
    float epsilon;
} saccade_layer_norm;

// Probabilities are kept with keys as rows and queries as columns, so that a vector holds neighbouring queries: neither
// keys nor values are ever rearranged, and softmax needs no sums across a vector. Rows are padded to this many floats.
enum { SACCADE_QUERY_LANES = 16 };

// One head of one item: queries [queries, depth], keys and values [keys, depth], whose rows lie a stride apart.
// Query i sees key j when j < key_length and (causal) j <= i or (anticausal) j >= i.
typedef struct {
    const float *query, *key, *value;
    int64_t query_stride, key_stride, value_stride;
    float *probabilities;  // [keys, queries rounded up to SACCADE_QUERY_LANES]
    float *output;
    int64_t output_stride;
    int64_t queries, keys, key_length, depth;
    saccade_attention_mask mask;
    float *scratch;  // saccade_attention_scratch(queries, keys, depth) floats
} saccade_attention_head;

// doutput and dquery have the strides of output and query; dkey and dvalue those of key and value.
typedef struct {
    const float *doutput;
    float *dquery;  // overwritten
    float *dkey, *dvalue;
    bool adding;  // to dkey and dvalue; else they are overwritten
} saccade_attention_gradient;

// p = p * decay - rate * m / (sqrt(v) * correction + epsilon) after m and v have taken in g * gradient_scale.
typedef struct {
    float rate, correction, beta1, beta2, epsilon, decay, gradient_scale;
} saccade_adamw_step;

// A depthwise convolution of one map [height, width, channels] with TensorFlow's SAME padding, and ReLU6 on its result.
typedef struct {
    int64_t height, width, channels;
    int64_t kernel, stride;  // 3 or 5; 1 or 2
    const float *weights;    // [kernel * kernel, channels]
    const float *bias;       // [channels]
    float *scratch;          // saccade_depthwise_map_scratch(map) floats
} saccade_depthwise_map;

// The mask of element i is a hash of seed and i.
typedef struct {
    uint32_t offset, seed, threshold;
    float scale;
} saccade_dropout;

typedef struct {
    // y[i] = f(x[i]); y may be x.
    void (*unary)(saccade_unary_operation, const float *x, float *y, int64_t count);
    // dx[i] = dy[i] * f'(x[i]); dx may be dy.
    void (*unary_gradient)(saccade_unary_operation, const float *x, const float *dy, float *dx, int64_t count);
    // out[r, i] = f(a[r, i], b[i]); out may be a.
    void (*combine)(saccade_binary_operation, const float *a, const float *b, float *out, int64_t rows, int64_t count);
    // y += factor * x.
    void (*accumulate)(const float *x, float factor, float *y, int64_t count);
    // y = factor * x; y may be x.
    void (*scale)(const float *x, float factor, float *y, int64_t count);
    // y += a * b.
    void (*accumulate_product)(const float *a, const float *b, float *y, int64_t count);
    // y = mask ? x * scale : 0; y may be x.
    void (*dropout)(saccade_dropout, const float *x, float *y, int64_t count);
    float (*dot)(const float *a, const float *b, int64_t count);
    float (*sum)(const float *x, int64_t count);
    double (*sum_of_squares)(const float *x, int64_t count);
    // y[i] += sum over r of x[r * stride + i].
    void (*accumulate_rows)(const float *x, int64_t rows, int64_t stride, float *y, int64_t count);
    void (*layer_norm)(const saccade_layer_norm *, float *y);
    // dgamma and dbeta are added to; dx may be dy.
    void (*layer_norm_gradient)(const saccade_layer_norm *, const float *dy, float *dx, float *dgamma, float *dbeta);
    // Row by row; y may be x, dx may be dy.
    void (*softmax)(const float *x, float *y, int64_t rows, int64_t count);
    void (*softmax_gradient)(const float *y, const float *dy, float *dx, int64_t rows, int64_t count);
    void (*log_sum_exp)(const float *x, float *result, int64_t rows, int64_t count);
    // y = factor * e^(x - shift); y may be x.
    void (*shifted_exponential)(const float *x, float shift, float factor, float *y, int64_t count);
    void (*attend)(const saccade_attention_head *);
    void (*attend_gradient)(const saccade_attention_head *, const saccade_attention_gradient *);
    void (*adamw)(saccade_adamw_step, float *parameter, const float *gradient, float *first, float *second, int64_t count);
    // c[m, n] = (adding ? c : 0) + a * b with b[k, n] in rows, and a's element (i, p) at a[i * a_row + p * a_column].
    void (*small_product)(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_column, const float *b,
                          int64_t b_stride, float *c, int64_t c_stride, bool adding);
    // y = relu6(x convolved + bias): [ceil(height / stride), ceil(width / stride), channels].
    void (*depthwise)(const saccade_depthwise_map *, const float *x, float *y);
    // For an x that is itself the result of a ReLU6: dx is the gradient before it. dweights and dbias are added to.
    void (*depthwise_gradient)(const saccade_depthwise_map *, const float *x, const float *y, const float *dy, float *dx,
                               float *dweights, float *dbias);
} saccade_tensor_kernels;

// The functions for an instruction set; those of the next lower one where it has none of its own.
const saccade_tensor_kernels *saccade_tensor_kernels_at(saccade_simd_level level);

static inline int64_t saccade_query_stride(int64_t queries) {
    return (queries + SACCADE_QUERY_LANES - 1) / SACCADE_QUERY_LANES * SACCADE_QUERY_LANES;
}

static inline int64_t saccade_attention_scratch(int64_t queries, int64_t keys, int64_t depth) {
    return saccade_query_stride(queries) * (depth + keys + 2);
}

// One axis of a convolution with SAME padding: zeros go on either side, the odd one at the end.
typedef struct {
    int64_t out;     // outputs
    int64_t padded;  // inputs with the zeros
    int64_t before;  // zeros before the first input
} saccade_same_padding;

static inline saccade_same_padding saccade_same(int64_t size, int64_t kernel, int64_t stride) {
    int64_t out = (size + stride - 1) / stride, padded = (out - 1) * stride + kernel;
    return (saccade_same_padding){out, padded, (padded - size) / 2};
}

static inline int64_t saccade_depthwise_map_scratch(const saccade_depthwise_map *map) {
    int64_t kernel = map->kernel;
    int64_t rows = saccade_same(map->height, kernel, map->stride).padded;
    int64_t columns = saccade_same(map->width, kernel, map->stride).padded;
    return 16 * (rows * columns + (rows + kernel - 1) * (columns + kernel - 1) + kernel * kernel);
}

#endif
