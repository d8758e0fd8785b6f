#include "CKernels.h"

#include <math.h>
#include <stdlib.h>

// Coefficients are integers of this many binary places, as Pillow has them: 8 bits of the pixel, 2 of overshoot and these fill 32.
enum { places = 32 - 8 - 2 };

static double triangle(double x) {
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

static double cubic(double x) {
    const double a = -0.5;
    x = fabs(x);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

// What each output of one axis is made of: `width` coefficients at most, from a first input on.
typedef struct {
    int width;
    int *firsts;
    int *counts;
    int32_t *coefficients;
} axis_t;

static void release(axis_t *axis) {
    free(axis->firsts);
    free(axis->counts);
    free(axis->coefficients);
}

static int prepare(axis_t *axis, int inputs, int outputs, int is_cubic) {
    double (*filter)(double) = is_cubic ? cubic : triangle;
    double scale = (double)inputs / outputs, shrink = scale < 1 ? 1 : scale;
    double support = (is_cubic ? 2 : 1) * shrink;
    axis->width = (int)ceil(support) * 2 + 1;
    axis->firsts = malloc(sizeof(int) * (size_t)outputs);
    axis->counts = malloc(sizeof(int) * (size_t)outputs);
    axis->coefficients = malloc(sizeof(int32_t) * (size_t)outputs * (size_t)axis->width);
    double *weights = malloc(sizeof(double) * (size_t)axis->width);
    int done = axis->firsts && axis->counts && axis->coefficients && weights;
    for (int output = 0; done && output < outputs; output++) {
        double centre = (output + 0.5) * scale, sum = 0;
        int first = (int)(centre - support + 0.5), end = (int)(centre + support + 0.5);
        if (first < 0) first = 0;
        if (end > inputs) end = inputs;
        int count = end - first;
        for (int i = 0; i < count; i++) sum += weights[i] = filter((i + first - centre + 0.5) / shrink);
        for (int i = 0; i < count; i++) {
            double weight = (sum != 0 ? weights[i] / sum : weights[i]) * (1 << places);
            axis->coefficients[(ptrdiff_t)output * axis->width + i] = (int32_t)(weight + (weight < 0 ? -0.5 : 0.5));
        }
        axis->firsts[output] = first;
        axis->counts[output] = count;
    }
    free(weights);
    return done;
}

static uint8_t rounded(int32_t sum) {
    sum >>= places;
    return sum < 0 ? 0 : sum > 255 ? 255 : (uint8_t)sum;
}

// A row of pixels to a shorter or longer one.
static void resample_row(const uint8_t *input, const axis_t *axis, int outputs, uint8_t *output) {
    for (int x = 0; x < outputs; x++) {
        const int32_t *coefficients = axis->coefficients + (ptrdiff_t)x * axis->width;
        const uint8_t *pixel = input + 3 * (ptrdiff_t)axis->firsts[x];
        int32_t red = 1 << (places - 1), green = red, blue = red;
        for (int i = 0; i < axis->counts[x]; i++, pixel += 3) {
            red += pixel[0] * coefficients[i];
            green += pixel[1] * coefficients[i];
            blue += pixel[2] * coefficients[i];
        }
        output[3 * x] = rounded(red);
        output[3 * x + 1] = rounded(green);
        output[3 * x + 2] = rounded(blue);
    }
}

// Some rows of `bytes` bytes, one above the other, to one.
static void resample_rows(
    const uint8_t *input, ptrdiff_t bytes, const int32_t *coefficients, int count, int32_t *sums, uint8_t *output) {
    for (ptrdiff_t x = 0; x < bytes; x++) sums[x] = 1 << (places - 1);
    for (int row = 0; row < count; row++, input += bytes) {
        int32_t coefficient = coefficients[row];
        for (ptrdiff_t x = 0; x < bytes; x++) sums[x] += input[x] * coefficient;
    }
    for (ptrdiff_t x = 0; x < bytes; x++) output[x] = rounded(sums[x]);
}

int saccade_resample_rgb_u8(
    const uint8_t *input, int width, int height, uint8_t *output, int columns, int rows, int is_cubic) {
    axis_t across = {0}, down = {0};
    ptrdiff_t bytes = 3 * (ptrdiff_t)columns;
    uint8_t *narrowed = malloc((size_t)bytes * (size_t)height);
    int32_t *sums = malloc(sizeof(int32_t) * (size_t)bytes);
    int done = prepare(&across, width, columns, is_cubic) & prepare(&down, height, rows, is_cubic);
    done = done && narrowed && sums;
    if (done) {
        for (int y = 0; y < height; y++) {
            resample_row(input + 3 * (ptrdiff_t)y * width, &across, columns, narrowed + y * bytes);
        }
        for (int y = 0; y < rows; y++) {
            resample_rows(
                narrowed + down.firsts[y] * bytes, bytes, down.coefficients + (ptrdiff_t)y * down.width, down.counts[y],
                sums, output + y * bytes);
        }
    }
    free(narrowed);
    free(sums);
    release(&across);
    release(&down);
    return done;
}
