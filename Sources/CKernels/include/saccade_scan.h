#ifndef SACCADE_SCAN_H
#define SACCADE_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "saccade_simd.h"

// The scan of a vector index: dot products of one query with many vectors that are stored as two planes of codes.
//
// A vector x is stored with a step s so that x[i] is about s * (c[i] - 7.5 + f[i] / 254):
//   - the coarse plane holds c, 4 bits an element, interleaved by 16 vectors so that one register holds four bytes of each;
//     it alone is read for every vector, which is what makes the scan fast: memory's speed bounds it;
//   - the fine plane holds f, 8 bits an element, and is read only for the few vectors that the coarse plane leaves over.
//
// Elements come in groups of 8 (`groups` = padded dimensions / 8); a group is four coarse bytes, whose low nibbles are
// elements 0 to 3 and whose high nibbles are elements 4 to 7.

#define SACCADE_SCAN_BLOCK 16

// The codes of `count` vectors. Arrays are padded to whole blocks of 16 vectors.
typedef struct {
    uint8_t *coarse;   // [blocks][groups][16][4]
    int8_t *fine;      // [16 * blocks][8 * groups]
    float *step;       // [16 * blocks]
    float *residual;   // [16 * blocks], the Euclidean norm of what the coarse plane alone leaves out
    size_t count;
    size_t groups;
} saccade_scan_codes;

// A query, made by saccade_scan_prepare. The arrays belong to the caller.
typedef struct {
    int8_t *rounded;         // [8 * groups], the query in steps of `scale`
    double *exact;           // [8 * groups]
    size_t groups;
    float scale;
    float bias;              // what to add to scale * dot before the multiplication with a vector's step
    float residual_weight;   // bound on the coarse score's error, per unit of residual
} saccade_scan_query;

// Multiplies `vector` [dimensions] by a fixed random-looking orthogonal matrix (sign flips and Hadamard transforms), in
// O(dimensions log dimensions). Dot products stay as they are; energy spreads evenly over the elements, so that
// the quantisation error is small and points in no particular direction whatever the data is.
void saccade_scan_rotate(float *vector, size_t dimensions);

// Stores `vector` [8 * groups] (rotated, finite, padded with zeros beyond `dimensions`) at `slot`.
void saccade_scan_encode(const saccade_scan_codes *codes, size_t slot, const float *vector, size_t dimensions);

// Copies one stored vector between two sets of codes with the same number of groups.
void saccade_scan_copy(const saccade_scan_codes *from, size_t from_slot, const saccade_scan_codes *to, size_t to_slot);

// As saccade_scan_copy, without the fine plane.
void saccade_scan_copy_coarse(
    const saccade_scan_codes *from, size_t from_slot, const saccade_scan_codes *to, size_t to_slot);

// Writes the vector that is stored at `slot`, whose fine codes are `fine` [8 * groups], to `vector` [8 * groups], rotated as it is stored.
void saccade_scan_decode(const saccade_scan_codes *codes, size_t slot, const int8_t *fine, float *vector);

// Fills `query` from `vector` [8 * groups] (rotated, finite, padded with zeros). `confidence` is the number of standard
// deviations of the coarse score's error that saccade_scan_candidates allows for.
void saccade_scan_prepare(saccade_scan_query *query, const float *vector, size_t dimensions, float confidence);

// Writes the slots of the vectors in blocks [first, first + blocks) whose score can reach `threshold`, in ascending order, to
// `slots` (room for 16 * blocks) and returns how many they are. `admitted`, when not NULL, has a bit for
// each vector of each of those blocks; vectors without it are passed over, and blocks without any aren't read.
size_t saccade_scan_candidates(
    saccade_simd_level level, const saccade_scan_codes *codes, const saccade_scan_query *query, size_t first, size_t blocks,
    const uint16_t *admitted, float threshold, uint32_t *slots);

// Scores `count` vectors with both planes: scores[i] is the dot product with slots[i]. The sums are made in double precision
// in one fixed order of exact products, so every level gives the same bits.
void saccade_scan_scores(
    saccade_simd_level level, const saccade_scan_codes *codes, const saccade_scan_query *query, const uint32_t *slots,
    size_t count, float *scores);

// As saccade_scan_scores, of slots in ascending order, with a fine plane that lies elsewhere: that of slots[i] is at
// fine + (slots[i] - slots[0]) * pitch.
void saccade_scan_scores_apart(
    saccade_simd_level level, const saccade_scan_codes *codes, const saccade_scan_query *query, const uint32_t *slots,
    size_t count, const int8_t *fine, size_t pitch, float *scores);

#endif
