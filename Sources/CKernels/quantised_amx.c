#include "quantised_levels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define AMX __attribute__((target("amx-tile,amx-int8,avx512f,avx512vl,avx512bw,avx512dq,fma")))
#define AVX512 __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,fma")))

// What the eight registers hold: 16 rows of 64 bytes each.
typedef struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_configuration;

static const tile_configuration whole_tiles = {
    .palette = 1, .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64}, .rows = {16, 16, 16, 16, 16, 16, 16, 16}};

AMX void saccade_quantised_amx_begin(void) { _tile_loadconfig(&whole_tiles); }

AMX void saccade_quantised_amx_end(void) { _tile_release(); }

// Writes the sums of 16 columns of some rows.
__attribute__((always_inline)) static inline AVX512 void store(const saccade_quantised_tile *t, const int32_t *sums, int row,
                                                               int column) {
    const int left = t->columns - column;
    const __mmask16 mask = left >= 16 ? 0xffff : (__mmask16)((1 << left) - 1);
    const __m512i corrections = _mm512_load_si512(t->corrections + column);
    const __m512 scales = _mm512_load_ps(t->scales + column), bias = _mm512_load_ps(t->bias + column);
    const int end = t->rows - row < 16 ? t->rows - row : 16;
    for (int r = 0; r < end; r++) {
        const __m512i sum = _mm512_add_epi32(_mm512_load_si512(sums + r * 16), corrections);
        const __m512 scale = _mm512_mul_ps(_mm512_set1_ps(t->row_scales[row + r]), scales);
        const __m512 y = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), scale, bias);
        _mm512_mask_storeu_ps(t->output + (row + r) * t->stride + column, mask, y);
    }
}

// Sums in registers 0 to 3, activations in 4 and 5, weights in 6 and 7: rows and columns that aren't there cost nothing. Activations pass by
// the first cache, which the weights of a panel need for the next rows: they would come from the second again.
AMX void saccade_quantised_tile_amx(const saccade_quantised_tile *t) {
    _Alignas(64) int32_t sums[4][256];
    const int steps = t->groups / 16;
    const uint8_t *bytes = t->bytes, *below = bytes + 16 * t->pitch;
    const int8_t *weights = t->weights;
    const int lower = t->rows > 16, right = t->columns > 16;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    if (lower && right) {
        for (int step = 0; step < steps; step++) {
            // Where the sums go is fetched meanwhile, four rows a step.
            for (int r = step * 4; r < step * 4 + 4 && r < t->rows; r++) {
                __builtin_prefetch(t->output + r * t->stride, 1);
                __builtin_prefetch(t->output + r * t->stride + 16, 1);
            }
            _tile_stream_loadd(4, bytes + step * 64, t->pitch);
            _tile_loadd(6, weights, 128);
            _tile_dpbusd(0, 4, 6);
            _tile_loadd(7, weights + 64, 128);
            _tile_dpbusd(1, 4, 7);
            _tile_stream_loadd(5, below + step * 64, t->pitch);
            _tile_dpbusd(2, 5, 6);
            _tile_dpbusd(3, 5, 7);
            weights += 16 * SACCADE_QUANTISED_COLUMNS * 4;
        }
    } else {
        for (int step = 0; step < steps; step++) {
            _tile_loadd(4, bytes + step * 64, t->pitch);
            _tile_loadd(6, weights, 128);
            _tile_dpbusd(0, 4, 6);
            if (right) {
                _tile_loadd(7, weights + 64, 128);
                _tile_dpbusd(1, 4, 7);
            } else if (lower) {
                _tile_loadd(5, below + step * 64, t->pitch);
                _tile_dpbusd(2, 5, 6);
            }
            weights += 16 * SACCADE_QUANTISED_COLUMNS * 4;
        }
    }
    _tile_stored(0, sums[0], 64);
    if (right) _tile_stored(1, sums[1], 64);
    if (lower) _tile_stored(2, sums[2], 64);
    if (lower && right) _tile_stored(3, sums[3], 64);
    store(t, sums[0], 0, 0);
    if (right) store(t, sums[1], 0, 16);
    if (lower) store(t, sums[2], 16, 0);
    if (lower && right) store(t, sums[3], 16, 16);
}

#endif
