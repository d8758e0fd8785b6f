#include "convolution_levels.h"

// The reference that the other levels are tested against: loops in the order of the definition.

static float relu6(float x) { return x < 0 ? 0 : x > 6 ? 6 : x; }

void saccade_product_scalar(const saccade_pointwise *p, const saccade_product_layout *layout, int rows) {
    const int outputs = p->outputs;
    for (int r = 0; r < rows; r++) {
        const float *in = layout->input + r * layout->input_stride;
        const ptrdiff_t at = (r / layout->group) * layout->group_stride + (ptrdiff_t)(r % layout->group) * outputs;
        float *out = layout->output + at;
        for (int o = 0; o < outputs; o++) out[o] = p->bias[o];
        for (int i = 0; i < p->inputs; i++) {
            for (int o = 0; o < outputs; o++) out[o] += in[i] * p->weights[(size_t)i * outputs + o];
        }
        for (int o = 0; o < outputs; o++) {
            if (layout->relu6) out[o] = relu6(out[o]);
            if (layout->residual) out[o] += layout->residual[at + o];
        }
    }
}

void saccade_depthwise_row_scalar(const saccade_depthwise *d, const float *const *rows, int width, float *output) {
    const int channels = d->channels;
    for (int x = 0; x < width; x++) {
        for (int c = 0; c < channels; c++) {
            float sum = d->bias[c];
            for (int i = 0; i < d->kernel; i++) {
                for (int j = 0; j < d->kernel; j++) {
                    sum += rows[i][(size_t)(x * d->stride + j) * channels + c]
                        * d->weights[(size_t)(i * d->kernel + j) * channels + c];
                }
            }
            output[(size_t)x * channels + c] = relu6(sum);
        }
    }
}
