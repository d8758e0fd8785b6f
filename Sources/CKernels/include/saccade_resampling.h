#ifndef SACCADE_RESAMPLING_H
#define SACCADE_RESAMPLING_H

#include <stdint.h>

// Resamples a picture to `columns` × `rows` pixels, to the last bit as Pillow's Image.resize does up to version 12: by a triangle or
// by Keys's cubic (a = −1/2), each as wide as the pixels that it shrinks; first across, then down, rounded to 8 bits in between.
//
// Pictures are row-major RGB, 3 bytes a pixel, no padding; all sides are at least 1. 0 when there is no memory, else 1.
// Source: Pillow 12, src/libImaging/Resample.c; Keys, "Cubic convolution interpolation for digital image processing", 1981.
int saccade_resample_rgb_u8(
    const uint8_t *input, int width, int height, uint8_t *output, int columns, int rows, int is_cubic);

#endif
