// Depthwise convolutions and their gradients. Part of tensor_kernels_vector.h.
//
// Channels are taken LANES at a time. A map's slice of them is copied between zeros first: then it lies together in a near
// cache, and no tap needs to know where the map ends.

// Outputs of a row that are computed together.
#define PIXELS 8
#define UNROLL _Pragma("clang loop unroll(full)")

// The slice [c, c + LANES) of a map, its places `step` apart in rows of `pitch` places that begin at row and column `top`, `left`.
// Where `y` is given, the values are gradients that pass only where 0 < y < 6.
INLINE void pack_slice(const float *x, const float *y, int64_t height, int64_t width, int64_t channels, int64_t c, float *slice,
                       int64_t rows, int64_t pitch, int64_t top, int64_t left, int64_t step) {
    memset(slice, 0, sizeof(float) * rows * pitch * LANES);
    int64_t rest = channels - c;
    for (int64_t row = 0; row < height; row++) {
        float *to = slice + ((top + row * step) * pitch + left) * LANES;
        const float *from = x + row * width * channels + c;
        for (int64_t column = 0; column < width; column++, from += channels, to += step * LANES) {
            vector value = load_any(from, rest);
            if (y) {
                vector result = load_any(y + (from - x), rest);
                value = ((result > 0.0f) & (result < 6.0f)) ? value : splat(0);
            }
            store(to, value);
        }
    }
}

// The taps' slices, in their order or from the last to the first.
INLINE void pack_taps(const saccade_depthwise_map *map, int64_t c, bool reversed, float *taps) {
    int64_t count = map->kernel * map->kernel;
    for (int64_t tap = 0; tap < count; tap++) {
        int64_t source = reversed ? count - 1 - tap : tap;
        store(taps + tap * LANES, load_any(map->weights + source * map->channels + c, map->channels - c));
    }
}

// sums[p] += the window at `in` + p * stride under the taps.
INLINE void correlate(const float *in, int64_t pitch, const float *taps, const int kernel, const int stride, const int pixels,
                      vector *sums) {
    UNROLL for (int i = 0; i < kernel; i++, in += pitch * LANES, taps += kernel * LANES) {
        vector w[5];
        UNROLL for (int j = 0; j < kernel; j++) w[j] = load(taps + j * LANES);
        UNROLL for (int column = 0; column < (pixels - 1) * stride + kernel; column++) {
            vector value = load(in + column * LANES);
            UNROLL for (int p = 0; p < pixels; p++) {
                const int j = column - p * stride;
                if (j >= 0 && j < kernel) sums[p] += value * w[j];
            }
        }
    }
}

// sums[j] += what tap j of one row of taps saw, times the gradients of `pixels` outputs, which lie `stride` places apart.
INLINE void correlate_gradient(const float *in, const float *dy, const int kernel, const int stride, const int pixels,
                               vector *sums) {
    vector g[PIXELS];
    UNROLL for (int p = 0; p < pixels; p++) g[p] = load(dy + p * stride * LANES);
    UNROLL for (int column = 0; column < (pixels - 1) * stride + kernel; column++) {
        vector value = load(in + column * LANES);
        UNROLL for (int p = 0; p < pixels; p++) {
            const int j = column - p * stride;
            if (j >= 0 && j < kernel) sums[j] += value * g[p];
        }
    }
}

#define EACH_PIXELS(width) \
    int64_t x = 0; \
    for (; x + 8 <= width; x += 8) STEP(8) \
    for (; x + 4 <= width; x += 4) STEP(4) \
    for (; x + 2 <= width; x += 2) STEP(2) \
    for (; x < width; x++) STEP(1)

INLINE void depthwise_shape(const saccade_depthwise_map *map, const float *input, float *output, const int kernel,
                            const int stride) {
    saccade_same_padding rows = saccade_same(map->height, kernel, stride), columns = saccade_same(map->width, kernel, stride);
    int64_t channels = map->channels;
    float *slice = map->scratch, *taps = slice + rows.padded * columns.padded * LANES;
    for (int64_t c = 0; c < channels; c += LANES) {
        int64_t rest = channels - c;
        pack_slice(input, NULL, map->height, map->width, channels, c, slice, rows.padded, columns.padded, rows.before,
                   columns.before, 1);
        pack_taps(map, c, false, taps);
        vector bias = load_any(map->bias + c, rest);
        for (int64_t y = 0; y < rows.out; y++) {
            const float *in = slice + y * stride * columns.padded * LANES;
            float *out = output + y * columns.out * channels + c;
#define STEP(pixels) \
            { \
                vector sums[pixels]; \
                UNROLL for (int p = 0; p < pixels; p++) sums[p] = bias; \
                correlate(in + x * stride * LANES, columns.padded, taps, kernel, stride, pixels, sums); \
                UNROLL for (int p = 0; p < pixels; p++) \
                    store_any(out + (x + p) * channels, rest, value_of(SACCADE_RELU6, sums[p])); \
            }
            EACH_PIXELS(columns.out)
#undef STEP
        }
    }
}

INLINE void depthwise_gradient_shape(const saccade_depthwise_map *map, const float *input, const float *output,
                                     const float *doutput, float *dinput, float *dweights, float *dbias, const int kernel,
                                     const int stride) {
    saccade_same_padding rows = saccade_same(map->height, kernel, stride), columns = saccade_same(map->width, kernel, stride);
    int64_t channels = map->channels, margin = kernel - 1;
    int64_t wide_rows = rows.padded + margin, wide_pitch = columns.padded + margin;
    float *slice = map->scratch, *gradient = slice + rows.padded * columns.padded * LANES;
    float *taps = gradient + wide_rows * wide_pitch * LANES;
    for (int64_t c = 0; c < channels; c += LANES) {
        int64_t rest = channels - c;
        pack_slice(input, NULL, map->height, map->width, channels, c, slice, rows.padded, columns.padded, rows.before,
                   columns.before, 1);
        // With a stride, zeros lie between the outputs' gradients: the input's gradient is then a convolution of stride 1.
        pack_slice(doutput, output, rows.out, columns.out, channels, c, gradient, wide_rows, wide_pitch, margin, margin, stride);
        pack_taps(map, c, true, taps);
        vector total_bias = 0;
        for (int64_t i = 0; i < kernel; i++) {
            vector sums[5] = {0};
            for (int64_t y = 0; y < rows.out; y++) {
                const float *in = slice + (y * stride + i) * columns.padded * LANES;
                const float *dy = gradient + ((margin + y * stride) * wide_pitch + margin) * LANES;
#define STEP(pixels) correlate_gradient(in + x * stride * LANES, dy + x * stride * LANES, kernel, stride, pixels, sums);
                EACH_PIXELS(columns.out)
#undef STEP
                if (i > 0) continue;
                for (int64_t column = 0; column < columns.out; column++) total_bias += load(dy + column * stride * LANES);
            }
            UNROLL for (int j = 0; j < kernel; j++) {
                float *to = dweights + (i * kernel + j) * channels + c;
                store_any(to, rest, load_any(to, rest) + sums[j]);
            }
        }
        store_any(dbias + c, rest, load_any(dbias + c, rest) + total_bias);
        for (int64_t y = 0; y < map->height; y++) {
            const float *in = gradient + ((rows.before + y) * wide_pitch + columns.before) * LANES;
            const float *own = slice + ((rows.before + y) * columns.padded + columns.before) * LANES;
            float *out = dinput + y * map->width * channels + c;
#define STEP(pixels) \
            { \
                vector sums[pixels] = {0}; \
                correlate(in + x * LANES, wide_pitch, taps, kernel, 1, pixels, sums); \
                UNROLL for (int p = 0; p < pixels; p++) { \
                    vector value = load(own + (x + p) * LANES); \
                    store_any(out + (x + p) * channels, rest, ((value > 0.0f) & (value < 6.0f)) ? sums[p] : splat(0)); \
                } \
            }
            EACH_PIXELS(map->width)
#undef STEP
        }
    }
}

#define EACH_SHAPE \
    switch (map->kernel * 2 + map->stride) { \
        case 7: CALL(3, 1); break; \
        case 8: CALL(3, 2); break; \
        case 11: CALL(5, 1); break; \
        case 12: CALL(5, 2); break; \
    }

static void depthwise(const saccade_depthwise_map *map, const float *x, float *y) {
#define CALL(kernel, stride) depthwise_shape(map, x, y, kernel, stride)
    EACH_SHAPE
#undef CALL
}

static void depthwise_gradient(const saccade_depthwise_map *map, const float *x, const float *y, const float *dy, float *dx,
                               float *dweights, float *dbias) {
#define CALL(kernel, stride) depthwise_gradient_shape(map, x, y, dy, dx, dweights, dbias, kernel, stride)
    EACH_SHAPE
#undef CALL
}
