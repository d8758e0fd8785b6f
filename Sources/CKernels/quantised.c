#include "saccade_quantised.h"

#include <stdlib.h>
#include <string.h>

#include "quantised_levels.h"

int saccade_quantised_supports(saccade_quantised_kernel kernel) {
    switch (kernel) {
        case SACCADE_QUANTISED_SCALAR: return 1;
#if defined(__x86_64__)
        case SACCADE_QUANTISED_AVX2: return saccade_simd_supported() >= SACCADE_SIMD_AVX2;
        case SACCADE_QUANTISED_AVXVNNI:
            return saccade_simd_supported() >= SACCADE_SIMD_AVX2 && __builtin_cpu_supports("avxvnni");
        case SACCADE_QUANTISED_AVX512VNNI: return saccade_simd_supported() >= SACCADE_SIMD_AVX512VNNI;
        case SACCADE_QUANTISED_AMX: return saccade_simd_supported() >= SACCADE_SIMD_AMX;
#endif
        default: return 0;
    }
}

saccade_quantised_kernel saccade_quantised_detected(void) {
    if (saccade_simd_detected() >= SACCADE_SIMD_AMX) return SACCADE_QUANTISED_AMX;
    if (saccade_simd_detected() >= SACCADE_SIMD_AVX512VNNI) return SACCADE_QUANTISED_AVX512VNNI;
    if (saccade_simd_detected() < SACCADE_SIMD_AVX2) return SACCADE_QUANTISED_SCALAR;
    // A level that was lowered by hand doesn't get instructions that it doesn't name.
    const int lowered = saccade_simd_detected() < saccade_simd_supported();
    return !lowered && saccade_quantised_supports(SACCADE_QUANTISED_AVXVNNI) ? SACCADE_QUANTISED_AVXVNNI
                                                                             : SACCADE_QUANTISED_AVX2;
}

const char *saccade_quantised_name(saccade_quantised_kernel kernel) {
    switch (kernel) {
        case SACCADE_QUANTISED_SCALAR: return "scalar";
        case SACCADE_QUANTISED_AVX2: return "avx2";
        case SACCADE_QUANTISED_AVXVNNI: return "avxvnni";
        case SACCADE_QUANTISED_AVX512VNNI: return "avx512vnni";
        case SACCADE_QUANTISED_AMX: return "amx";
    }
    return "unknown";
}

static void *aligned_zeros(size_t bytes) {
    void *pointer = NULL;
    if (posix_memalign(&pointer, 64, bytes) != 0) return NULL;
    return memset(pointer, 0, bytes);
}

int saccade_quantised_panels(int outputs) { return (outputs + SACCADE_QUANTISED_COLUMNS - 1) / SACCADE_QUANTISED_COLUMNS; }

size_t saccade_quantised_size(int rows, int inputs) {
    const size_t blocks = ((size_t)rows + 15) / 16;
    return blocks * 16 * saccade_quantised_pitch(inputs);
}

static size_t panel_bytes(int inputs) { return (size_t)saccade_quantised_pitch(inputs) * SACCADE_QUANTISED_COLUMNS; }

saccade_quantised *saccade_quantised_create(int inputs, int outputs, const int8_t *integers, const float *scales,
                                            const float *bias) {
    if (inputs <= 0 || inputs > SACCADE_QUANTISED_MOST_INPUTS || outputs <= 0) return NULL;
    saccade_quantised *q = calloc(1, sizeof *q);
    if (q == NULL) return NULL;
    const size_t panels = saccade_quantised_panels(outputs), columns = panels * SACCADE_QUANTISED_COLUMNS;
    q->inputs = inputs;
    q->outputs = outputs;
    q->weights = aligned_zeros(panels * panel_bytes(inputs));
    q->corrections = aligned_zeros(columns * sizeof(int32_t));
    q->scales = aligned_zeros(columns * sizeof(float));
    q->bias = aligned_zeros(columns * sizeof(float));
    if (q->weights == NULL || q->corrections == NULL || q->scales == NULL || q->bias == NULL) {
        saccade_quantised_destroy(q);
        return NULL;
    }
    for (int o = 0; o < outputs; o++) {
        int8_t *column = q->weights + o / SACCADE_QUANTISED_COLUMNS * panel_bytes(inputs)
            + o % SACCADE_QUANTISED_COLUMNS * 4;
        int32_t sum = 0;
        for (int i = 0; i < inputs; i++) {
            const int8_t integer = integers[(size_t)o * inputs + i];
            column[(size_t)(i / 4) * SACCADE_QUANTISED_COLUMNS * 4 + i % 4] = integer;
            sum += integer;
        }
        q->corrections[o] = -128 * sum;
    }
    memcpy(q->scales, scales, outputs * sizeof(float));
    if (bias != NULL) memcpy(q->bias, bias, outputs * sizeof(float));
    return q;
}

void saccade_quantised_destroy(saccade_quantised *quantised) {
    if (quantised == NULL) return;
    free(quantised->weights);
    free(quantised->corrections);
    free(quantised->scales);
    free(quantised->bias);
    free(quantised);
}

void saccade_quantise_rows(saccade_quantised_kernel kernel, const float *input, int rows, int inputs, uint8_t *bytes,
                           float *scales) {
    void (*quantise)(const float *, int, uint8_t *, float *) = saccade_quantise_row_scalar;
#if defined(__x86_64__)
    if (kernel >= SACCADE_QUANTISED_AVX512VNNI) quantise = saccade_quantise_row_avx512;
    else if (kernel != SACCADE_QUANTISED_SCALAR) quantise = saccade_quantise_row_avx2;
#endif
    const size_t pitch = saccade_quantised_pitch(inputs);
    for (int r = 0; r < rows; r++) quantise(input + (size_t)r * inputs, inputs, bytes + r * pitch, scales + r);
}

void saccade_quantised_apply(saccade_quantised_kernel kernel, const saccade_quantised *q, const uint8_t *bytes,
                             const float *row_scales, int rows, int first_panel, int end_panel, float *output) {
    void (*compute)(const saccade_quantised_tile *) = saccade_quantised_tile_scalar;
    int together = 12;
#if defined(__x86_64__)
    if (kernel == SACCADE_QUANTISED_AMX) {
        compute = saccade_quantised_tile_amx;
        together = 32;
        saccade_quantised_amx_begin();
    } else if (kernel == SACCADE_QUANTISED_AVX512VNNI) compute = saccade_quantised_tile_avx512vnni;
    else if (kernel == SACCADE_QUANTISED_AVXVNNI) compute = saccade_quantised_tile_avxvnni;
    else if (kernel == SACCADE_QUANTISED_AVX2) compute = saccade_quantised_tile_avx2;
#endif
    const int pitch = saccade_quantised_pitch(q->inputs);
    saccade_quantised_tile tile = {.pitch = pitch, .stride = q->outputs, .groups = pitch / 4};
    for (int panel = first_panel; panel < end_panel; panel++) {
        const int column = panel * SACCADE_QUANTISED_COLUMNS, left = q->outputs - column;
        tile.columns = left < SACCADE_QUANTISED_COLUMNS ? left : SACCADE_QUANTISED_COLUMNS;
        tile.weights = q->weights + panel * panel_bytes(q->inputs);
        tile.corrections = q->corrections + column;
        tile.scales = q->scales + column;
        tile.bias = q->bias + column;
        for (int row = 0; row < rows; row += together) {
            tile.rows = rows - row < together ? rows - row : together;
            tile.bytes = bytes + (size_t)row * pitch;
            tile.row_scales = row_scales + row;
            tile.output = output + (size_t)row * q->outputs + column;
            compute(&tile);
        }
    }
#if defined(__x86_64__)
    if (kernel == SACCADE_QUANTISED_AMX) saccade_quantised_amx_end();
#endif
}
