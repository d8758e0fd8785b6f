// A template without include guards: the kernels for one kind of vector. Whoever includes it defines
//   NAME(x)                           a name for this kind's x
//   TARGET                            the function attribute
//   VEC, LANES                        a vector of floats and their number
//   LOAD STORE SET1 FMADD ADD RELU6   on VEC
//   TILE_ROWS                         rows of a product that are computed together: 4, or 8 where there are 32 registers
//   PIXELS                            most outputs of a depthwise row that are computed together: 4 or 8

#define INLINE __attribute__((always_inline)) static inline TARGET
#define UNROLL _Pragma("clang loop unroll(full)")

// A tile of `rows` x (`vectors` * LANES) of a product.
INLINE void NAME(tile_fixed)(const saccade_tile *t, const int rows, const int vectors) {
    VEC sums[8][3];
    UNROLL for (int v = 0; v < vectors; v++) {
        const VEC b = LOAD(t->bias + v * LANES);
        UNROLL for (int r = 0; r < rows; r++) sums[r][v] = b;
    }
    const float *weights = t->weights;
    const ptrdiff_t width = t->panel_width, stride = t->input_stride;
    const float *in0 = t->input, *in4 = t->input + 4 * stride;
    const int inputs = t->inputs;
    _Pragma("clang loop unroll_count(2)") for (int i = 0; i < inputs; i++) {
        VEC w[3];
        UNROLL for (int v = 0; v < vectors; v++) w[v] = LOAD(weights + v * LANES);
        weights += width;
        UNROLL for (int r = 0; r < rows; r++) {
            const VEC x = SET1(r < 4 ? in0[r * stride + i] : in4[(r - 4) * stride + i]);
            UNROLL for (int v = 0; v < vectors; v++) sums[r][v] = FMADD(x, w[v], sums[r][v]);
        }
    }
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int v = 0; v < vectors; v++) {
            VEC y = sums[r][v];
            if (t->relu6) y = RELU6(y);
            if (t->residual) y = ADD(y, LOAD(t->residual + t->offsets[r] + v * LANES));
            STORE(t->output + t->offsets[r] + v * LANES, y);
        }
    }
}

#if TILE_ROWS > 4
#define EACH_ROWS(vectors) ROWS(1, vectors) ROWS(2, vectors) ROWS(3, vectors) ROWS(4, vectors) \
    ROWS(5, vectors) ROWS(6, vectors) ROWS(7, vectors) ROWS(8, vectors)
#else
#define EACH_ROWS(vectors) ROWS(1, vectors) ROWS(2, vectors) ROWS(3, vectors) ROWS(4, vectors)
#endif
#define ROWS(n, vectors) case n: NAME(tile_fixed)(t, n, vectors); break;

TARGET __attribute__((noinline)) static void NAME(tile)(const saccade_tile *t, int rows, int vectors) {
    switch (vectors) {
        case 1: switch (rows) { EACH_ROWS(1) } break;
        case 2: switch (rows) { EACH_ROWS(2) } break;
        case 3: switch (rows) { EACH_ROWS(3) } break;
    }
}

#undef ROWS
#undef EACH_ROWS

// `pixels` neighbouring outputs of a depthwise row in channels [c, c + LANES).
INLINE void NAME(depthwise_pixels)(const saccade_depthwise *d, const float *const *rows, int x, int c, const int kernel,
                                   const int stride, const int pixels, float *output) {
    const ptrdiff_t channels = d->channels;
    VEC sums[8];
    const VEC b = LOAD(d->bias + c);
    UNROLL for (int p = 0; p < pixels; p++) sums[p] = b;
    UNROLL for (int i = 0; i < kernel; i++) {
        const float *row = rows[i] + (ptrdiff_t)x * stride * channels + c;
        const float *weights = d->weights + (ptrdiff_t)i * kernel * channels + c;
        VEC w[5];
        UNROLL for (int j = 0; j < kernel; j++) w[j] = LOAD(weights + j * channels);
        UNROLL for (int column = 0; column < (pixels - 1) * stride + kernel; column++) {
            const VEC in = LOAD(row + column * channels);
            UNROLL for (int p = 0; p < pixels; p++) {
                const int j = column - p * stride;
                if (j >= 0 && j < kernel) sums[p] = FMADD(in, w[j], sums[p]);
            }
        }
    }
    UNROLL for (int p = 0; p < pixels; p++) STORE(output + (x + p) * channels + c, RELU6(sums[p]));
}

INLINE void NAME(depthwise_shape)(const saccade_depthwise *d, const float *const *rows, int width, int first,
                                  const int kernel, const int stride, float *output) {
    const int end = first + (d->channels - first) / LANES * LANES;
    int x = 0;
#define STEP(pixels)                                                                                                     \
    for (; x + pixels <= width; x += pixels) {                                                                           \
        for (int c = first; c < end; c += LANES) NAME(depthwise_pixels)(d, rows, x, c, kernel, stride, pixels, output);  \
    }
#if PIXELS > 4
    STEP(8)
#endif
    STEP(4)
    STEP(2)
    STEP(1)
#undef STEP
}

TARGET static void NAME(depthwise_row)(const saccade_depthwise *d, const float *const *rows, int width, int first,
                                       float *output) {
    switch (d->kernel * 2 + d->stride) {
        case 7: NAME(depthwise_shape)(d, rows, width, first, 3, 1, output); break;
        case 8: NAME(depthwise_shape)(d, rows, width, first, 3, 2, output); break;
        case 11: NAME(depthwise_shape)(d, rows, width, first, 5, 1, output); break;
        case 12: NAME(depthwise_shape)(d, rows, width, first, 5, 2, output); break;
    }
}

#undef INLINE
#undef UNROLL
#undef NAME
#undef TARGET
#undef VEC
#undef LANES
#undef LOAD
#undef STORE
#undef SET1
#undef FMADD
#undef ADD
#undef RELU6
#undef TILE_ROWS
#undef PIXELS
