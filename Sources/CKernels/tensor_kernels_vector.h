// The vector tables' functions, written once for any width. The including file defines LANES, TILE_ROWS_1, TILE_ROWS_2, TABLE,
// load_first and store_first, and sets the target.

#pragma clang fp contract(fast)

typedef float vector __attribute__((ext_vector_type(LANES)));
typedef int integers __attribute__((ext_vector_type(LANES)));
typedef unsigned hashes __attribute__((ext_vector_type(LANES)));
typedef float unaligned __attribute__((ext_vector_type(LANES), aligned(4)));

#define INLINE static inline __attribute__((always_inline))

INLINE vector load(const float *p) { return *(const unaligned *)p; }

INLINE void store(float *p, vector value) { *(unaligned *)p = value; }

INLINE vector splat(float value) { return (vector)value; }

INLINE vector load_any(const float *p, int64_t count) {
    return count >= LANES ? load(p) : (vector)load_first(p, count);
}

INLINE void store_any(float *p, int64_t count, vector value) {
    if (count >= LANES) {
        store(p, value);
    } else {
        store_first(p, count, value);
    }
}

INLINE vector larger(vector a, vector b) { return a > b ? a : b; }

INLINE float total(vector v) {
    float part[LANES];
    store(part, v);
    for (int half = LANES / 2; half > 0; half /= 2) {
        for (int i = 0; i < half; i++) part[i] += part[i + half];
    }
    return part[0];
}

INLINE float greatest_lane(vector v) {
    float result = v[0];
    for (int i = 1; i < LANES; i++) result = v[i] > result ? v[i] : result;
    return result;
}

// e^x = 2^n * e^r with |r| <= ln 2 / 2. Polynomial: Cephes, expf.c. 2^n is applied in two halves, so that results down to the
// denormals and up to the greatest number are right; NaN stays NaN.
INLINE vector exponential(vector x) {
    vector clamped = x > 89.0f ? splat(89.0f) : x;
    clamped = clamped < -104.0f ? splat(-104.0f) : clamped;
    vector n = __builtin_elementwise_roundeven(clamped * 1.44269504f);
    vector r = clamped - n * 0.693359375f;
    r = r - n * -2.12194440e-4f;
    vector y = r * 1.9875691500e-4f + 1.3981999507e-3f;
    y = y * r + 8.3334519073e-3f;
    y = y * r + 4.1665795894e-2f;
    y = y * r + 1.6666665459e-1f;
    y = y * r + 5.0000001201e-1f;
    y = y * (r * r) + r + 1.0f;
    integers whole = __builtin_convertvector(n, integers);
    integers half = whole >> 1;
    integers rest = whole - half;
    union { integers bits; vector value; } first = {.bits = (half + 127) << 23}, second = {.bits = (rest + 127) << 23};
    return y * first.value * second.value;
}

// For arguments of at most 0, where e^x can be flushed to 0 below 2^-126 and one scaling is enough.
INLINE vector exponential_of_negative(vector x) {
    vector clamped = x < -87.0f ? splat(-87.0f) : x;
    vector n = __builtin_elementwise_roundeven(clamped * 1.44269504f);
    vector r = clamped - n * 0.693359375f;
    r = r - n * -2.12194440e-4f;
    vector y = r * 1.9875691500e-4f + 1.3981999507e-3f;
    y = y * r + 8.3334519073e-3f;
    y = y * r + 4.1665795894e-2f;
    y = y * r + 1.6666665459e-1f;
    y = y * r + 5.0000001201e-1f;
    y = y * (r * r) + r + 1.0f;
    union { integers bits; vector value; } power = {.bits = (__builtin_convertvector(n, integers) + 127) << 23};
    return x < -87.0f ? splat(0) : y * power.value;
}

INLINE vector logistic(vector x) { return 1.0f / (1.0f + exponential(-x)); }

INLINE vector tanh_of(vector x) {
    vector square = x * x;
    // The quotient loses digits near 0, where the series is short.
    vector series = square * -5.396825397e-2f + 1.333333333e-1f;
    series = (series * square - 3.333333333e-1f) * square * x + x;
    vector quotient = 1.0f - 2.0f / (exponential(x + x) + 1.0f);
    return __builtin_elementwise_abs(x) < 0.2f ? series : quotient;
}

// Abramowitz and Stegun 7.1.26 for erfc(|x|/sqrt 2); *density is the normal density.
INLINE vector normal_cumulative(vector x, vector *density) {
    vector gauss = exponential_of_negative(x * x * -0.5f);
    vector t = 1.0f / (__builtin_elementwise_abs(x) * (0.3275911f * 0.70710678f) + 1.0f);
    vector y = t * 1.061405429f - 1.453152027f;
    y = y * t + 1.421413741f;
    y = y * t - 0.284496736f;
    y = y * t + 0.254829592f;
    vector half = y * t * gauss * 0.5f;
    *density = gauss * 0.39894228f;
    return x < 0.0f ? half : 1.0f - half;
}

INLINE vector logarithm(vector x) {
    for (int i = 0; i < LANES; i++) x[i] = logf(x[i]);
    return x;
}

// (1 + tanh(y)) / 2 is the logistic function of 2 y: here 2 y for the GELU by tanh, and its slope.
INLINE vector tanh_gelu_argument(vector x) { return x * (x * x * 0.0713548163f + 1.59576912f); }

INLINE vector tanh_gelu_argument_slope(vector x) { return x * x * 0.214064449f + 1.59576912f; }

INLINE vector value_of(saccade_unary_operation operation, vector x) {
    vector density;
    switch (operation) {
        case SACCADE_RELU: return x > 0.0f ? x : splat(0);
        case SACCADE_GELU: return x * normal_cumulative(x, &density);
        case SACCADE_SWISH: return x * logistic(x);
        case SACCADE_TANH: return tanh_of(x);
        case SACCADE_SIGMOID: return logistic(x);
        case SACCADE_EXP: return exponential(x);
        case SACCADE_LOG: return logarithm(x);
        case SACCADE_RELU6: x = x > 0.0f ? x : splat(0); return x < 6.0f ? x : splat(6);
        case SACCADE_QUICK_GELU: return x * logistic(x * 1.702f);
        case SACCADE_TANH_GELU: return x * logistic(tanh_gelu_argument(x));
    }
    return x;
}

INLINE vector slope_of(saccade_unary_operation operation, vector x) {
    vector y;
    switch (operation) {
        case SACCADE_RELU: return x > 0.0f ? splat(1) : splat(0);
        case SACCADE_GELU: {
            vector density;
            vector cumulative = normal_cumulative(x, &density);
            return cumulative + x * density;
        }
        case SACCADE_SWISH: y = logistic(x); return y * (1.0f + x * (1.0f - y));
        case SACCADE_TANH: y = tanh_of(x); return 1.0f - y * y;
        case SACCADE_SIGMOID: y = logistic(x); return y * (1.0f - y);
        case SACCADE_EXP: return exponential(x);
        case SACCADE_LOG: return 1.0f / x;
        case SACCADE_RELU6: return ((x > 0.0f) & (x < 6.0f)) ? splat(1) : splat(0);
        case SACCADE_QUICK_GELU: y = logistic(x * 1.702f); return y * (1.0f + x * 1.702f * (1.0f - y));
        case SACCADE_TANH_GELU:
            y = logistic(tanh_gelu_argument(x));
            return y * (1.0f + x * (1.0f - y) * tanh_gelu_argument_slope(x));
    }
    return splat(1);
}

INLINE void unary_loop(saccade_unary_operation operation, const float *x, float *y, int64_t count) {
    for (int64_t i = 0; i < count; i += LANES) {
        store_any(y + i, count - i, value_of(operation, load_any(x + i, count - i)));
    }
}

INLINE void slope_loop(saccade_unary_operation operation, const float *x, const float *dy, float *dx, int64_t count) {
    for (int64_t i = 0; i < count; i += LANES) {
        vector slope = slope_of(operation, load_any(x + i, count - i));
        store_any(dx + i, count - i, load_any(dy + i, count - i) * slope);
    }
}

#define FOR_EACH_UNARY(CALL) \
    switch (operation) { \
        case SACCADE_RELU: CALL(SACCADE_RELU); break; \
        case SACCADE_GELU: CALL(SACCADE_GELU); break; \
        case SACCADE_SWISH: CALL(SACCADE_SWISH); break; \
        case SACCADE_TANH: CALL(SACCADE_TANH); break; \
        case SACCADE_SIGMOID: CALL(SACCADE_SIGMOID); break; \
        case SACCADE_EXP: CALL(SACCADE_EXP); break; \
        case SACCADE_LOG: CALL(SACCADE_LOG); break; \
        case SACCADE_RELU6: CALL(SACCADE_RELU6); break; \
        case SACCADE_QUICK_GELU: CALL(SACCADE_QUICK_GELU); break; \
        case SACCADE_TANH_GELU: CALL(SACCADE_TANH_GELU); break; \
    }

static void unary(saccade_unary_operation operation, const float *x, float *y, int64_t count) {
#define CALL(constant) unary_loop(constant, x, y, count)
    FOR_EACH_UNARY(CALL)
#undef CALL
}

static void unary_gradient(saccade_unary_operation operation, const float *x, const float *dy, float *dx, int64_t count) {
#define CALL(constant) slope_loop(constant, x, dy, dx, count)
    FOR_EACH_UNARY(CALL)
#undef CALL
}

INLINE vector combination(saccade_binary_operation operation, vector a, vector b) {
    return operation == SACCADE_ADD ? a + b : operation == SACCADE_SUBTRACT ? a - b : a * b;
}

INLINE void combine_loop(saccade_binary_operation operation, const float *a, const float *b, float *out, int64_t rows,
                         int64_t count) {
    if (count == 1) {
        vector other = splat(*b);
        for (int64_t i = 0; i < rows; i += LANES) {
            store_any(out + i, rows - i, combination(operation, load_any(a + i, rows - i), other));
        }
        return;
    }
    for (int64_t r = 0; r < rows; r++, a += count, out += count) {
        for (int64_t i = 0; i < count; i += LANES) {
            int64_t left = count - i;
            store_any(out + i, left, combination(operation, load_any(a + i, left), load_any(b + i, left)));
        }
    }
}

static void combine(saccade_binary_operation operation, const float *a, const float *b, float *out, int64_t rows,
                    int64_t count) {
    switch (operation) {
        case SACCADE_ADD: combine_loop(SACCADE_ADD, a, b, out, rows, count); break;
        case SACCADE_SUBTRACT: combine_loop(SACCADE_SUBTRACT, a, b, out, rows, count); break;
        case SACCADE_MULTIPLY: combine_loop(SACCADE_MULTIPLY, a, b, out, rows, count); break;
    }
}

static void accumulate(const float *x, float factor, float *y, int64_t count) {
    for (int64_t i = 0; i < count; i += LANES) {
        int64_t left = count - i;
        store_any(y + i, left, load_any(x + i, left) * factor + load_any(y + i, left));
    }
}

static void scale(const float *x, float factor, float *y, int64_t count) {
    for (int64_t i = 0; i < count; i += LANES) store_any(y + i, count - i, load_any(x + i, count - i) * factor);
}

static void accumulate_product(const float *a, const float *b, float *y, int64_t count) {
    for (int64_t i = 0; i < count; i += LANES) {
        int64_t left = count - i;
        store_any(y + i, left, load_any(a + i, left) * load_any(b + i, left) + load_any(y + i, left));
    }
}

static void dropout(saccade_dropout pass, const float *x, float *y, int64_t count) {
    hashes lane;
    for (int i = 0; i < LANES; i++) lane[i] = (unsigned)i;
    for (int64_t i = 0; i < count; i += LANES) {
        hashes hash = ((lane + (pass.offset + (unsigned)i)) * 0x9e3779b9u) ^ pass.seed;
        hash = (hash ^ (hash >> 16)) * 0x85ebca6bu;
        hash = (hash ^ (hash >> 13)) * 0xc2b2ae35u;
        hash ^= hash >> 16;
        vector kept = load_any(x + i, count - i) * pass.scale;
        store_any(y + i, count - i, hash >= pass.threshold ? kept : splat(0));
    }
}

static float dot(const float *a, const float *b, int64_t count) {
    vector first = 0, second = 0;
    int64_t i = 0;
    for (; i + 2 * LANES <= count; i += 2 * LANES) {
        first = load(a + i) * load(b + i) + first;
        second = load(a + i + LANES) * load(b + i + LANES) + second;
    }
    for (; i < count; i += LANES) first = load_any(a + i, count - i) * load_any(b + i, count - i) + first;
    return total(first + second);
}

static float sum(const float *x, int64_t count) {
    vector first = 0, second = 0;
    int64_t i = 0;
    for (; i + 2 * LANES <= count; i += 2 * LANES) {
        first += load(x + i);
        second += load(x + i + LANES);
    }
    for (; i < count; i += LANES) first += load_any(x + i, count - i);
    return total(first + second);
}

static double sum_of_squares(const float *x, int64_t count) {
    typedef double doubles __attribute__((ext_vector_type(LANES)));
    doubles sums = 0;
    for (int64_t i = 0; i < count; i += LANES) {
        doubles wide = __builtin_convertvector(load_any(x + i, count - i), doubles);
        sums = wide * wide + sums;
    }
    double result = 0;
    for (int i = 0; i < LANES; i++) result += sums[i];
    return result;
}

static void accumulate_rows(const float *x, int64_t rows, int64_t stride, float *y, int64_t count) {
    int64_t r = 0;
    // Eight rows at a time: eight streams to prefetch, and y is read and written an eighth as often.
    for (; r + 8 <= rows; r += 8) {
        const float *block = x + r * stride;
        for (int64_t i = 0; i < count; i += LANES) {
            int64_t left = count - i;
            vector a = load_any(block + i, left) + load_any(block + stride + i, left);
            vector b = load_any(block + 2 * stride + i, left) + load_any(block + 3 * stride + i, left);
            vector c = load_any(block + 4 * stride + i, left) + load_any(block + 5 * stride + i, left);
            vector d = load_any(block + 6 * stride + i, left) + load_any(block + 7 * stride + i, left);
            store_any(y + i, left, load_any(y + i, left) + ((a + b) + (c + d)));
        }
    }
    for (; r < rows; r++) accumulate(x + r * stride, 1, y, count);
}

static void adamw(saccade_adamw_step step, float *parameter, const float *gradient, float *first, float *second,
                  int64_t count) {
    for (int64_t i = 0; i < count; i += LANES) {
        int64_t left = count - i;
        vector g = load_any(gradient + i, left) * step.gradient_scale;
        vector m = load_any(first + i, left) * step.beta1 + g * (1 - step.beta1);
        vector v = load_any(second + i, left) * step.beta2 + g * g * (1 - step.beta2);
        store_any(first + i, left, m);
        store_any(second + i, left, v);
        vector denominator = __builtin_elementwise_sqrt(v) * step.correction + step.epsilon;
        store_any(parameter + i, left, load_any(parameter + i, left) * step.decay - m * step.rate / denominator);
    }
}

#include "tensor_rows_vector.h"
#include "tensor_attention_vector.h"
#include "tensor_convolution_vector.h"

const saccade_tensor_kernels TABLE = {
    .unary = unary,
    .unary_gradient = unary_gradient,
    .combine = combine,
    .accumulate = accumulate,
    .scale = scale,
    .accumulate_product = accumulate_product,
    .dropout = dropout,
    .dot = dot,
    .sum = sum,
    .sum_of_squares = sum_of_squares,
    .accumulate_rows = accumulate_rows,
    .layer_norm = layer_norm,
    .layer_norm_gradient = layer_norm_gradient,
    .softmax = softmax,
    .softmax_gradient = softmax_gradient,
    .log_sum_exp = log_sum_exp,
    .shifted_exponential = shifted_exponential,
    .attend = attend,
    .attend_gradient = attend_gradient,
    .adamw = adamw,
    .small_product = small_product,
    .depthwise = depthwise,
    .depthwise_gradient = depthwise_gradient,
};
