#ifndef SACCADE_PICTURE_H
#define SACCADE_PICTURE_H

#include <stddef.h>
#include <stdint.h>

// Means of the `columns` × `rows` blocks into which a plane of bytes is divided, row-major. Large blocks are sampled.
// `stride` bytes from line to line; width, height, columns and rows at least 1.
void saccade_block_means_u8(
    const uint8_t *plane, ptrdiff_t stride, int width, int height, int columns, int rows, uint8_t *means);

// The mean absolute difference of two pictures of `columns` × `rows` bytes after the best shift of each block of 4 × 4 by up
// to 2 either way; columns and rows are multiples of 4.
float saccade_shifted_difference_u8(const uint8_t *before, const uint8_t *after, int columns, int rows);

#endif
