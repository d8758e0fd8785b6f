#include "saccade_convolution.h"

#include <stdlib.h>
#include <string.h>

#include "convolution_levels.h"

static float *aligned_floats(size_t count) {
    void *pointer = NULL;
    return posix_memalign(&pointer, 64, (count ? count : 1) * sizeof(float)) == 0 ? pointer : NULL;
}

static size_t rounded(size_t floats) { return (floats + 15) / 16 * 16; }

// MARK: products

saccade_pointwise *saccade_pointwise_create(saccade_simd_level level, int inputs, int outputs, const float *weights,
                                            const float *bias) {
    if (inputs <= 0 || outputs <= 0 || outputs % 8 != 0) return NULL;
    saccade_pointwise *p = calloc(1, sizeof *p);
    if (p == NULL) return NULL;
    p->level = level;
    p->inputs = inputs;
    p->outputs = outputs;
    p->weights = aligned_floats((size_t)inputs * outputs);
    p->bias = aligned_floats(outputs);
    if (p->weights == NULL || p->bias == NULL) {
        saccade_pointwise_destroy(p);
        return NULL;
    }
    memcpy(p->bias, bias, outputs * sizeof(float));
    float *panel = p->weights;
    for (int column = 0; column < outputs;) {
        const int width = saccade_panel_width(level, outputs - column);
        for (int i = 0; i < inputs; i++) {
            for (int o = 0; o < width; o++) *panel++ = weights[(size_t)(column + o) * inputs + i];
        }
        column += width;
    }
    return p;
}

void saccade_pointwise_destroy(saccade_pointwise *pointwise) {
    if (pointwise == NULL) return;
    free(pointwise->weights);
    free(pointwise->bias);
    free(pointwise);
}

static void product(const saccade_pointwise *p, const saccade_product_layout *layout, int rows) {
    switch (p->level) {
#if defined(__x86_64__)
        case SACCADE_SIMD_AMX:
        case SACCADE_SIMD_AVX512VNNI:
        case SACCADE_SIMD_AVX512: saccade_product_avx512(p, layout, rows); return;
        case SACCADE_SIMD_AVX2: saccade_product_avx2(p, layout, rows); return;
#endif
        default: saccade_product_scalar(p, layout, rows);
    }
}

void saccade_pointwise_apply(const saccade_pointwise *pointwise, const float *input, int rows, int relu6,
                             const float *residual, float *output) {
    if (rows <= 0) return;
    const saccade_product_layout layout = {
        .input = input,
        .input_stride = pointwise->inputs,
        .output = output,
        .residual = residual,
        .group = rows,
        .group_stride = 0,
        .relu6 = relu6,
    };
    product(pointwise, &layout, rows);
}

// MARK: depthwise

saccade_depthwise *saccade_depthwise_create(saccade_simd_level level, int channels, int kernel, int stride,
                                            const float *weights, const float *bias) {
    if (channels <= 0 || channels % 8 != 0 || (kernel != 3 && kernel != 5) || (stride != 1 && stride != 2)) return NULL;
    saccade_depthwise *d = calloc(1, sizeof *d);
    if (d == NULL) return NULL;
    d->level = level;
    d->channels = channels;
    d->kernel = kernel;
    d->stride = stride;
    const int taps = kernel * kernel;
    d->weights = aligned_floats((size_t)taps * channels);
    d->bias = aligned_floats(channels);
    if (d->weights == NULL || d->bias == NULL) {
        saccade_depthwise_destroy(d);
        return NULL;
    }
    memcpy(d->bias, bias, channels * sizeof(float));
    for (int tap = 0; tap < taps; tap++) {
        for (int c = 0; c < channels; c++) d->weights[(size_t)tap * channels + c] = weights[(size_t)c * taps + tap];
    }
    return d;
}

void saccade_depthwise_destroy(saccade_depthwise *depthwise) {
    if (depthwise == NULL) return;
    free(depthwise->weights);
    free(depthwise->bias);
    free(depthwise);
}

void saccade_depthwise_row(const saccade_depthwise *d, const float *const *rows, int width, float *output) {
    switch (d->level) {
#if defined(__x86_64__)
        case SACCADE_SIMD_AMX:
        case SACCADE_SIMD_AVX512VNNI:
        case SACCADE_SIMD_AVX512: saccade_depthwise_row_avx512(d, rows, width, output); return;
        case SACCADE_SIMD_AVX2: saccade_depthwise_row_avx2(d, rows, width, output); return;
#endif
        default: saccade_depthwise_row_scalar(d, rows, width, output);
    }
}

// MARK: blocks

// The wide rows of a tile and their depthwise result stay below this, so that they don't leave the second-level cache.
static const size_t tile_floats = 448 * 1024 / sizeof(float);

typedef struct {
    int height, width;          // of the wide map: the block's input, or the stem's output
    int out_height, out_width;  // of the block's output
    int top, left;              // padding of the wide map
    int tile_rows;              // rows of output that are computed together
    int ring_rows;              // wide rows that are kept
    size_t row_floats;          // of a wide row with its padding
    size_t stem_row_floats;     // of a picture's row with its padding; 0 without a stem
    int stem_top, stem_left;
} geometry;

static int same_padding(int size, int kernel, int stride) {
    const int out = (size + stride - 1) / stride;
    const int total = (out - 1) * stride + kernel - size;
    return total > 0 ? total / 2 : 0;
}

static geometry plan(const saccade_block *block, int height, int width) {
    geometry g = {.height = height, .width = width};
    if (block->source == SACCADE_ROWS_STEM) {
        g.height = (height + 1) / 2;
        g.width = (width + 1) / 2;
        g.stem_row_floats = rounded((size_t)(g.width * 2 + 1) * 3);
        g.stem_top = same_padding(height, 3, 2);
        g.stem_left = same_padding(width, 3, 2);
    }
    const int kernel = block->depthwise->kernel, stride = block->depthwise->stride;
    const size_t channels = block->depthwise->channels;
    g.out_height = (g.height + stride - 1) / stride;
    g.out_width = (g.width + stride - 1) / stride;
    g.top = same_padding(g.height, kernel, stride);
    g.left = same_padding(g.width, kernel, stride);
    g.row_floats = ((size_t)(g.out_width - 1) * stride + kernel) * channels;
    const size_t fixed = (size_t)kernel * g.row_floats;
    const size_t each = (size_t)stride * g.row_floats + (size_t)g.out_width * channels;
    const size_t rows = fixed < tile_floats ? (tile_floats - fixed) / each : 0;
    g.tile_rows = rows < 1 ? 1 : rows > (size_t)g.out_height ? g.out_height : (int)rows;
    const int tiles = (g.out_height + g.tile_rows - 1) / g.tile_rows;
    g.tile_rows = (g.out_height + tiles - 1) / tiles;
    g.ring_rows = (g.tile_rows - 1) * stride + kernel;
    return g;
}

size_t saccade_block_scratch(const saccade_block *block, int height, int width) {
    const geometry g = plan(block, height, width);
    const size_t channels = block->depthwise->channels;
    return rounded((g.ring_rows + 1) * g.row_floats) + rounded((size_t)g.tile_rows * g.out_width * channels)
        + 3 * g.stem_row_floats + (g.stem_row_floats ? rounded((size_t)g.width * 27) : 0);
}

static void copy_rows(const geometry *g, const float *input, int first, int count, int channels, float *ring_row) {
    for (int y = 0; y < count; y++) {
        memcpy(ring_row + y * g->row_floats + (size_t)g->left * channels,
               input + (size_t)(first + y) * g->width * channels, (size_t)g->width * channels * sizeof(float));
    }
}

static void expand_rows(const saccade_block *block, const geometry *g, const float *input, int first, int count,
                        float *ring_row) {
    const saccade_pointwise *p = block->expand;
    const saccade_product_layout layout = {
        .input = input + (size_t)first * g->width * p->inputs,
        .input_stride = p->inputs,
        .output = ring_row + (size_t)g->left * p->outputs,
        .residual = NULL,
        .group = g->width,
        .group_stride = (ptrdiff_t)g->row_floats,
        .relu6 = 1,
    };
    product(p, &layout, count * g->width);
}

// A picture's row as the network's input, between its zeros; all zeros for a row outside the picture.
static void normalised_row(const geometry *g, const uint8_t *picture, int y, int height, int width, float *row) {
    memset(row, 0, g->stem_row_floats * sizeof(float));
    if (y < 0 || y >= height) return;
    const uint8_t *pixels = picture + (size_t)y * width * 3;
    float *out = row + (size_t)g->stem_left * 3;
    for (int i = 0; i < width * 3; i++) out[i] = ((float)pixels[i] - SACCADE_STEM_MEAN) * (1.0f / SACCADE_STEM_DEVIATION);
}

static void stem_rows(const saccade_block *block, const geometry *g, const uint8_t *picture, int height, int width, int first,
                      int count, float *ring_row, float *scratch) {
    const saccade_pointwise *p = block->expand;
    float *neighbourhoods = scratch + 3 * g->stem_row_floats;
    for (int y = first; y < first + count; y++) {
        for (int i = 0; i < 3; i++) {
            float *row = scratch + i * g->stem_row_floats;
            normalised_row(g, picture, 2 * y + i - g->stem_top, height, width, row);
            for (int x = 0; x < g->width; x++) {
                for (int k = 0; k < 9; k++) neighbourhoods[x * 27 + i * 9 + k] = row[x * 6 + k];
            }
        }
        saccade_pointwise_apply(p, neighbourhoods, g->width, 1, NULL,
                                ring_row + (y - first) * g->row_floats + (size_t)g->left * p->outputs);
    }
}

void saccade_block_apply(const saccade_block *block, const void *input, int height, int width, float *output,
                         float *scratch) {
    const geometry g = plan(block, height, width);
    const saccade_depthwise *d = block->depthwise;
    const int channels = d->channels, kernel = d->kernel, stride = d->stride, outputs = block->project->outputs;
    float *ring = scratch;
    float *zeros = ring + g.ring_rows * g.row_floats;
    float *deep = ring + rounded((g.ring_rows + 1) * g.row_floats);
    float *stem = deep + rounded((size_t)g.tile_rows * g.out_width * channels);

    const size_t left = (size_t)g.left * channels, right = left + (size_t)g.width * channels;
    memset(zeros, 0, g.row_floats * sizeof(float));
    for (int row = 0; row < g.ring_rows; row++) {
        memset(ring + row * g.row_floats, 0, left * sizeof(float));
        memset(ring + row * g.row_floats + right, 0, (g.row_floats - right) * sizeof(float));
    }

    int made = 0;
    for (int y = 0; y < g.out_height; y += g.tile_rows) {
        const int rows = g.out_height - y < g.tile_rows ? g.out_height - y : g.tile_rows;
        const int wanted = (y + rows - 1) * stride + kernel - g.top;
        const int end = wanted < g.height ? wanted : g.height;
        while (made < end) {
            const int slot = made % g.ring_rows;
            const int count = end - made < g.ring_rows - slot ? end - made : g.ring_rows - slot;
            float *ring_row = ring + slot * g.row_floats;
            switch (block->source) {
                case SACCADE_ROWS_EXPAND: expand_rows(block, &g, input, made, count, ring_row); break;
                case SACCADE_ROWS_COPY: copy_rows(&g, input, made, count, channels, ring_row); break;
                case SACCADE_ROWS_STEM: stem_rows(block, &g, input, height, width, made, count, ring_row, stem); break;
            }
            made += count;
        }
        for (int row = 0; row < rows; row++) {
            const float *taps[5];
            for (int i = 0; i < kernel; i++) {
                const int source = (y + row) * stride + i - g.top;
                taps[i] = source < 0 || source >= g.height ? zeros : ring + (source % g.ring_rows) * g.row_floats;
            }
            saccade_depthwise_row(d, taps, g.out_width, deep + (size_t)row * g.out_width * channels);
        }
        const size_t at = (size_t)y * g.out_width * outputs;
        saccade_pointwise_apply(block->project, deep, rows * g.out_width, 0,
                                block->residual ? (const float *)input + at : NULL, output + at);
    }
}
