#ifndef SACCADE_INVERTED_H
#define SACCADE_INVERTED_H

#include <stddef.h>
#include <stdint.h>

#include "saccade_simd.h"

// What an inverted file needs beside the scan of its lists.

// The place of the greatest of each row of `scores` [rows, columns], the first of equal ones, and the greatest itself. A row has at least one
// column; what isn't a number is never the greatest, and a row of nothing else has place 0.
void saccade_greatest(
    saccade_simd_level level, const float *scores, size_t rows, size_t columns, uint32_t *places, float *greatest);

// A checksum that tells damaged bytes from whole ones, not a digest: who means to can make bytes that fit.
uint64_t saccade_checksum(const void *bytes, size_t size);

#endif
