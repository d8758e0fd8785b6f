// The reference of the faster tables: one plain loop an operation, libm for the functions.

#include <math.h>
#include <string.h>

#include "tensor_kernels.h"

static float logistic(float x) { return 1 / (1 + expf(-x)); }

// (1 + tanh(y)) / 2 is the logistic function of 2 y: here 2 y for the GELU by tanh, and its slope.
static float tanh_gelu_argument(float x) { return x * (1.59576912f + 0.0713548163f * x * x); }

static float tanh_gelu_argument_slope(float x) { return 1.59576912f + 0.214064449f * x * x; }

static float normal_cumulative(float x) { return 0.5f * erfcf(-x * 0.70710678f); }

static float value_of(saccade_unary_operation operation, float x) {
    switch (operation) {
        case SACCADE_RELU: return x > 0 ? x : 0;
        case SACCADE_GELU: return x * normal_cumulative(x);
        case SACCADE_SWISH: return x * logistic(x);
        case SACCADE_TANH: return tanhf(x);
        case SACCADE_SIGMOID: return logistic(x);
        case SACCADE_EXP: return expf(x);
        case SACCADE_LOG: return logf(x);
        case SACCADE_RELU6: return x > 0 ? x < 6 ? x : 6 : 0;
        case SACCADE_QUICK_GELU: return x * logistic(1.702f * x);
        case SACCADE_TANH_GELU: return x * logistic(tanh_gelu_argument(x));
    }
    return x;
}

static float slope_of(saccade_unary_operation operation, float x) {
    float y = 0;
    switch (operation) {
        case SACCADE_RELU: return x > 0 ? 1 : 0;
        case SACCADE_GELU: return normal_cumulative(x) + x * 0.39894228f * expf(-0.5f * x * x);
        case SACCADE_SWISH: y = logistic(x); return y * (1 + x * (1 - y));
        case SACCADE_TANH: y = tanhf(x); return 1 - y * y;
        case SACCADE_SIGMOID: y = logistic(x); return y * (1 - y);
        case SACCADE_EXP: return expf(x);
        case SACCADE_LOG: return 1 / x;
        case SACCADE_RELU6: return x > 0 && x < 6 ? 1 : 0;
        case SACCADE_QUICK_GELU: y = logistic(1.702f * x); return y * (1 + 1.702f * x * (1 - y));
        case SACCADE_TANH_GELU:
            y = logistic(tanh_gelu_argument(x));
            return y * (1 + x * (1 - y) * tanh_gelu_argument_slope(x));
    }
    return 1;
}

static void unary(saccade_unary_operation operation, const float *x, float *y, int64_t count) {
    for (int64_t i = 0; i < count; i++) y[i] = value_of(operation, x[i]);
}

static void unary_gradient(saccade_unary_operation operation, const float *x, const float *dy, float *dx, int64_t count) {
    for (int64_t i = 0; i < count; i++) dx[i] = dy[i] * slope_of(operation, x[i]);
}

static void combine(saccade_binary_operation operation, const float *a, const float *b, float *out, int64_t rows,
                    int64_t count) {
    for (int64_t r = 0; r < rows; r++, a += count, out += count) {
        for (int64_t i = 0; i < count; i++) {
            out[i] = operation == SACCADE_ADD ? a[i] + b[i] : operation == SACCADE_SUBTRACT ? a[i] - b[i] : a[i] * b[i];
        }
    }
}

static void accumulate(const float *x, float factor, float *y, int64_t count) {
    for (int64_t i = 0; i < count; i++) y[i] += factor * x[i];
}

static void scale(const float *x, float factor, float *y, int64_t count) {
    for (int64_t i = 0; i < count; i++) y[i] = factor * x[i];
}

static void accumulate_product(const float *a, const float *b, float *y, int64_t count) {
    for (int64_t i = 0; i < count; i++) y[i] += a[i] * b[i];
}

static void dropout(saccade_dropout pass, const float *x, float *y, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        y[i] = saccade_hash(pass.offset + (uint32_t)i, pass.seed) >= pass.threshold ? x[i] * pass.scale : 0;
    }
}

static float dot(const float *a, const float *b, int64_t count) {
    float sum = 0;
    for (int64_t i = 0; i < count; i++) sum += a[i] * b[i];
    return sum;
}

static float sum(const float *x, int64_t count) {
    float sum = 0;
    for (int64_t i = 0; i < count; i++) sum += x[i];
    return sum;
}

static double sum_of_squares(const float *x, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += (double)x[i] * x[i];
    return sum;
}

static void accumulate_rows(const float *x, int64_t rows, int64_t stride, float *y, int64_t count) {
    for (int64_t r = 0; r < rows; r++) accumulate(x + r * stride, 1, y, count);
}

static void layer_norm(const saccade_layer_norm *norm, float *y) {
    int64_t count = norm->count;
    for (int64_t r = 0; r < norm->rows; r++) {
        const float *x = norm->x + r * count;
        float mean = sum(x, count) / count, variance = 0;
        for (int64_t i = 0; i < count; i++) variance += (x[i] - mean) * (x[i] - mean);
        float inverse = 1 / sqrtf(variance / count + norm->epsilon);
        norm->mean[r] = mean;
        norm->inverse_deviation[r] = inverse;
        for (int64_t i = 0; i < count; i++) y[r * count + i] = (x[i] - mean) * inverse * norm->gamma[i] + norm->beta[i];
    }
}

static void layer_norm_gradient(const saccade_layer_norm *norm, const float *dy, float *dx, float *dgamma, float *dbeta) {
    int64_t count = norm->count;
    for (int64_t r = 0; r < norm->rows; r++, dy += count, dx += count) {
        const float *x = norm->x + r * count;
        float mean = norm->mean[r], inverse = norm->inverse_deviation[r], total = 0, product = 0;
        for (int64_t i = 0; i < count; i++) {
            float normalised = (x[i] - mean) * inverse;
            dgamma[i] += dy[i] * normalised;
            dbeta[i] += dy[i];
            total += dy[i] * norm->gamma[i];
            product += dy[i] * norm->gamma[i] * normalised;
        }
        for (int64_t i = 0; i < count; i++) {
            float normalised = (x[i] - mean) * inverse;
            dx[i] = inverse * (dy[i] * norm->gamma[i] - total / count - normalised * product / count);
        }
    }
}

static float log_sum_exp_of(const float *x, int64_t count) {
    float greatest = -INFINITY, total = 0;
    for (int64_t i = 0; i < count; i++) greatest = x[i] > greatest ? x[i] : greatest;
    if (!isfinite(greatest)) return greatest;
    for (int64_t i = 0; i < count; i++) total += expf(x[i] - greatest);
    return greatest + logf(total);
}

static void softmax(const float *x, float *y, int64_t rows, int64_t count) {
    for (int64_t r = 0; r < rows; r++, x += count, y += count) {
        float greatest = -INFINITY, total = 0;
        for (int64_t i = 0; i < count; i++) greatest = x[i] > greatest ? x[i] : greatest;
        for (int64_t i = 0; i < count; i++) total += y[i] = expf(x[i] - greatest);
        for (int64_t i = 0; i < count; i++) y[i] /= total;
    }
}

static void softmax_gradient(const float *y, const float *dy, float *dx, int64_t rows, int64_t count) {
    for (int64_t r = 0; r < rows; r++, y += count, dy += count, dx += count) {
        float projection = dot(y, dy, count);
        for (int64_t i = 0; i < count; i++) dx[i] = y[i] * (dy[i] - projection);
    }
}

static void log_sum_exp(const float *x, float *result, int64_t rows, int64_t count) {
    for (int64_t r = 0; r < rows; r++) result[r] = log_sum_exp_of(x + r * count, count);
}

static void shifted_exponential(const float *x, float shift, float factor, float *y, int64_t count) {
    for (int64_t i = 0; i < count; i++) y[i] = factor * expf(x[i] - shift);
}

static bool sees(const saccade_attention_head *head, int64_t i, int64_t j) {
    if (j >= head->key_length) return false;
    return head->mask == SACCADE_MASK_NONE || (head->mask == SACCADE_MASK_CAUSAL ? j <= i : j >= i);
}

static void attend(const saccade_attention_head *head) {
    int64_t lanes = saccade_query_stride(head->queries);
    float factor = 1 / sqrtf((float)head->depth);
    memset(head->probabilities, 0, sizeof(float) * lanes * head->keys);
    for (int64_t i = 0; i < head->queries; i++) {
        float *output = head->output + i * head->output_stride;
        float *column = head->probabilities + i;
        float greatest = -INFINITY, total = 0;
        memset(output, 0, sizeof(float) * head->depth);
        for (int64_t j = 0; j < head->keys; j++) {
            if (!sees(head, i, j)) continue;
            column[j * lanes] =
                factor * dot(head->query + i * head->query_stride, head->key + j * head->key_stride, head->depth);
            greatest = column[j * lanes] > greatest ? column[j * lanes] : greatest;
        }
        for (int64_t j = 0; j < head->keys; j++) {
            if (sees(head, i, j)) total += column[j * lanes] = expf(column[j * lanes] - greatest);
        }
        for (int64_t j = 0; j < head->keys; j++) {
            if (!sees(head, i, j)) continue;
            column[j * lanes] /= total;
            accumulate(head->value + j * head->value_stride, column[j * lanes], output, head->depth);
        }
    }
}

static void attend_gradient(const saccade_attention_head *head, const saccade_attention_gradient *gradient) {
    int64_t lanes = saccade_query_stride(head->queries), depth = head->depth;
    float factor = 1 / sqrtf((float)depth);
    if (!gradient->adding) {
        for (int64_t j = 0; j < head->keys; j++) {
            memset(gradient->dkey + j * head->key_stride, 0, sizeof(float) * depth);
            memset(gradient->dvalue + j * head->value_stride, 0, sizeof(float) * depth);
        }
    }
    for (int64_t i = 0; i < head->queries; i++) {
        const float *doutput = gradient->doutput + i * head->output_stride, *column = head->probabilities + i;
        float *dquery = gradient->dquery + i * head->query_stride, projection = 0;
        memset(dquery, 0, sizeof(float) * depth);
        for (int64_t j = 0; j < head->keys; j++) {
            projection += column[j * lanes] * dot(doutput, head->value + j * head->value_stride, depth);
        }
        for (int64_t j = 0; j < head->keys; j++) {
            float p = column[j * lanes];
            float ds = factor * p * (dot(doutput, head->value + j * head->value_stride, depth) - projection);
            accumulate(doutput, p, gradient->dvalue + j * head->value_stride, depth);
            accumulate(head->key + j * head->key_stride, ds, dquery, depth);
            accumulate(head->query + i * head->query_stride, ds, gradient->dkey + j * head->key_stride, depth);
        }
    }
}

static void adamw(saccade_adamw_step step, float *parameter, const float *gradient, float *first, float *second,
                  int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        float g = gradient[i] * step.gradient_scale;
        first[i] = step.beta1 * first[i] + (1 - step.beta1) * g;
        second[i] = step.beta2 * second[i] + (1 - step.beta2) * g * g;
        float denominator = sqrtf(second[i]) * step.correction + step.epsilon;
        parameter[i] = parameter[i] * step.decay - step.rate * first[i] / denominator;
    }
}

static void small_product(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_column, const float *b,
                          int64_t b_stride, float *c, int64_t c_stride, bool adding) {
    for (int64_t i = 0; i < m; i++) {
        if (!adding) memset(c + i * c_stride, 0, sizeof(float) * n);
        for (int64_t p = 0; p < k; p++) accumulate(b + p * b_stride, a[i * a_row + p * a_column], c + i * c_stride, n);
    }
}

// Calls `body` with every place of the output, tap, and place of the input under it.
#define EACH_TAP(map, body) \
    do { \
        saccade_same_padding rows = saccade_same((map)->height, (map)->kernel, (map)->stride); \
        saccade_same_padding columns = saccade_same((map)->width, (map)->kernel, (map)->stride); \
        for (int64_t y = 0; y < rows.out; y++) { \
            for (int64_t x = 0; x < columns.out; x++) { \
                for (int64_t tap = 0; tap < (map)->kernel * (map)->kernel; tap++) { \
                    int64_t row = y * (map)->stride + tap / (map)->kernel - rows.before; \
                    int64_t column = x * (map)->stride + tap % (map)->kernel - columns.before; \
                    if (row < 0 || row >= (map)->height || column < 0 || column >= (map)->width) continue; \
                    int64_t to = (y * columns.out + x) * (map)->channels; \
                    int64_t from = (row * (map)->width + column) * (map)->channels; \
                    for (int64_t c = 0; c < (map)->channels; c++) body; \
                } \
            } \
        } \
    } while (0)

static int64_t outputs_of(const saccade_depthwise_map *map) {
    return saccade_same(map->height, map->kernel, map->stride).out * saccade_same(map->width, map->kernel, map->stride).out;
}

static void depthwise(const saccade_depthwise_map *map, const float *in, float *out) {
    int64_t channels = map->channels, places = outputs_of(map);
    for (int64_t place = 0; place < places; place++) memcpy(out + place * channels, map->bias, sizeof(float) * channels);
    EACH_TAP(map, out[to + c] += in[from + c] * map->weights[tap * channels + c]);
    unary(SACCADE_RELU6, out, out, places * channels);
}

static void depthwise_gradient(const saccade_depthwise_map *map, const float *in, const float *out, const float *dout, float *din,
                               float *dweights, float *dbias) {
    int64_t channels = map->channels, inputs = map->height * map->width * channels;
    memset(din, 0, sizeof(float) * inputs);
#define GRADIENT (dout[to + c] * slope_of(SACCADE_RELU6, out[to + c]))
    EACH_TAP(map, dweights[tap * channels + c] += in[from + c] * GRADIENT);
    EACH_TAP(map, din[from + c] += map->weights[tap * channels + c] * GRADIENT);
#undef GRADIENT
    for (int64_t i = 0; i < outputs_of(map) * channels; i++) {
        dbias[i % channels] += dout[i] * slope_of(SACCADE_RELU6, out[i]);
    }
    unary_gradient(SACCADE_RELU6, in, din, din, inputs);
}

const saccade_tensor_kernels saccade_tensor_kernels_scalar = {
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
