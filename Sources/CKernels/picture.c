#include "CKernels.h"

void saccade_block_means_u8(
    const uint8_t *plane, ptrdiff_t stride, int width, int height, int columns, int rows, uint8_t *means) {
    for (int row = 0; row < rows; row++) {
        int top = (int)((int64_t)row * height / rows);
        int bottom = (int)((int64_t)(row + 1) * height / rows);
        if (bottom <= top) bottom = top + 1;
        // A third of the lines is enough for a mean over a large block.
        int step = bottom - top > 8 ? 3 : 1;
        for (int column = 0; column < columns; column++) {
            int left = (int)((int64_t)column * width / columns);
            int right = (int)((int64_t)(column + 1) * width / columns);
            if (right <= left) right = left + 1;
            uint32_t sum = 0, lines = 0;
            for (int y = top; y < bottom; y += step, lines++) {
                const uint8_t *line = plane + (ptrdiff_t)y * stride;
                uint32_t part = 0;
                for (int x = left; x < right; x++) part += line[x];
                sum += part / (uint32_t)(right - left);
            }
            means[row * columns + column] = (uint8_t)(sum / lines);
        }
    }
}

enum { block = 4, reach = 2 };

static int clamp(int value, int limit) { return value < 0 ? 0 : value >= limit ? limit - 1 : value; }

float saccade_shifted_difference_u8(const uint8_t *before, const uint8_t *after, int columns, int rows) {
    uint64_t total = 0;
    for (int top = 0; top < rows; top += block) {
        for (int left = 0; left < columns; left += block) {
            uint32_t best = UINT32_MAX;
            for (int dy = -reach; dy <= reach; dy++) {
                for (int dx = -reach; dx <= reach; dx++) {
                    uint32_t sum = 0;
                    for (int y = top; y < top + block; y++) {
                        const uint8_t *line = before + clamp(y + dy, rows) * columns;
                        for (int x = left; x < left + block; x++) {
                            int difference = (int)line[clamp(x + dx, columns)] - (int)after[y * columns + x];
                            sum += (uint32_t)(difference < 0 ? -difference : difference);
                        }
                    }
                    if (sum < best) best = sum;
                }
            }
            total += best;
        }
    }
    return (float)total / (float)(columns * rows);
}
