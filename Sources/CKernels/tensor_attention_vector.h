// Small matrix products and the attention that is made of them. Part of tensor_kernels_vector.h.

// A tile of `rows` by `columns` vectors of c, in registers; its last vector holds `tail` columns.
INLINE void tile(const int rows, const int columns, const bool partial, int64_t tail, int64_t k, const float *a,
                 int64_t a_row, int64_t a_column, const float *b, int64_t b_stride, float *c, int64_t c_stride, bool adding) {
    vector sums[16][2];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
#pragma clang loop unroll(full)
        for (int j = 0; j < columns; j++) sums[i][j] = splat(0);
    }
    for (int64_t p = 0; p < k; p++, a += a_column, b += b_stride) {
        vector line[2];
#pragma clang loop unroll(full)
        for (int j = 0; j < columns; j++) {
            line[j] = partial && j == columns - 1 ? (vector)load_first(b + j * LANES, tail) : load(b + j * LANES);
        }
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i++) {
            vector factor = splat(a[i * a_row]);
#pragma clang loop unroll(full)
            for (int j = 0; j < columns; j++) sums[i][j] = factor * line[j] + sums[i][j];
        }
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
#pragma clang loop unroll(full)
        for (int j = 0; j < columns; j++) {
            float *place = c + i * c_stride + j * LANES;
            if (partial && j == columns - 1) {
                store_first(place, tail, adding ? sums[i][j] + (vector)load_first(place, tail) : sums[i][j]);
            } else {
                store(place, adding ? sums[i][j] + load(place) : sums[i][j]);
            }
        }
    }
}

INLINE void stripe(const int rows, const int columns, const bool partial, int64_t tail, int64_t m, int64_t k,
                   const float *a, int64_t a_row, int64_t a_column, const float *b, int64_t b_stride, float *c,
                   int64_t c_stride, bool adding) {
    int64_t i = 0;
    for (; i + rows <= m; i += rows) {
        tile(rows, columns, partial, tail, k, a + i * a_row, a_row, a_column, b, b_stride, c + i * c_stride, c_stride, adding);
    }
    for (; i + 4 <= m; i += 4) {
        tile(4, columns, partial, tail, k, a + i * a_row, a_row, a_column, b, b_stride, c + i * c_stride, c_stride, adding);
    }
    for (; i < m; i++) {
        tile(1, columns, partial, tail, k, a + i * a_row, a_row, a_column, b, b_stride, c + i * c_stride, c_stride, adding);
    }
}

static void small_product(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_column, const float *b,
                          int64_t b_stride, float *c, int64_t c_stride, bool adding) {
    int64_t j = 0;
    for (; j + 2 * LANES <= n; j += 2 * LANES) {
        stripe(TILE_ROWS_2, 2, false, 0, m, k, a, a_row, a_column, b + j, b_stride, c + j, c_stride, adding);
    }
    if (j + LANES <= n) {
        stripe(TILE_ROWS_1, 1, false, 0, m, k, a, a_row, a_column, b + j, b_stride, c + j, c_stride, adding);
        j += LANES;
    }
    if (j < n) stripe(TILE_ROWS_1, 1, true, n - j, m, k, a, a_row, a_column, b + j, b_stride, c + j, c_stride, adding);
}

// to[depth, lanes] = factor * from[rows, depth] transposed, zeros beyond `rows`.
static void transpose(const float *from, int64_t stride, int64_t rows, int64_t depth, float factor, float *to, int64_t lanes) {
    for (int64_t c = 0; c < depth; c++) {
        float *line = to + c * lanes;
        int64_t i = 0;
        for (; i < rows; i++) line[i] = from[i * stride + c] * factor;
        for (; i < lanes; i++) line[i] = 0;
    }
}

// -1 in the lanes of the queries that see key j, for the queries from `first` on.
INLINE integers sight(const saccade_attention_head *head, int64_t first, int64_t j) {
    integers lane;
    for (int i = 0; i < LANES; i++) lane[i] = i;
    integers query = lane + (int)first;
    return head->mask == SACCADE_MASK_CAUSAL ? query >= (int)j : query <= (int)j;
}

// Softmax down the columns of scores[keys, lanes], in place. A column that sees nothing becomes zeros.
static void column_softmax(const saccade_attention_head *head, float *scores, int64_t lanes) {
    for (int64_t first = 0; first < lanes; first += LANES) {
        vector best = splat(-INFINITY);
        for (int64_t j = 0; j < head->key_length; j++) {
            vector score = load(scores + j * lanes + first);
            if (head->mask != SACCADE_MASK_NONE) {
                score = sight(head, first, j) ? score : splat(-INFINITY);
                store(scores + j * lanes + first, score);
            }
            best = larger(score, best);
        }
        best = best == -INFINITY ? splat(0) : best;
        vector sums = 0;
        for (int64_t j = 0; j < head->key_length; j++) {
            vector value = exponential_of_negative(load(scores + j * lanes + first) - best);
            store(scores + j * lanes + first, value);
            sums += value;
        }
        vector inverse = sums > 0.0f ? 1.0f / sums : splat(0);
        for (int64_t j = 0; j < head->key_length; j++) {
            store(scores + j * lanes + first, load(scores + j * lanes + first) * inverse);
        }
    }
}

static void attend(const saccade_attention_head *head) {
    int64_t lanes = saccade_query_stride(head->queries), depth = head->depth, keys = head->key_length;
    float *turned = head->scratch, *scores = head->probabilities;
    transpose(head->query, head->query_stride, head->queries, depth, 1.0f / sqrtf((float)depth), turned, lanes);
    small_product(keys, lanes, depth, head->key, head->key_stride, 1, turned, lanes, scores, lanes, false);
    column_softmax(head, scores, lanes);
    memset(scores + keys * lanes, 0, sizeof(float) * (head->keys - keys) * lanes);
    small_product(head->queries, depth, keys, scores, 1, lanes, head->value, head->value_stride, head->output,
                  head->output_stride, false);
}

static void attend_gradient(const saccade_attention_head *head, const saccade_attention_gradient *gradient) {
    int64_t lanes = saccade_query_stride(head->queries), depth = head->depth, keys = head->key_length;
    const float *probabilities = head->probabilities;
    float *turned = head->scratch, *scores = turned + lanes * depth;
    float factor = 1.0f / sqrtf((float)depth);
    transpose(gradient->doutput, head->output_stride, head->queries, depth, 1, turned, lanes);
    small_product(keys, lanes, depth, head->value, head->value_stride, 1, turned, lanes, scores, lanes, false);
    for (int64_t first = 0; first < lanes; first += LANES) {
        vector projection = 0;
        for (int64_t j = 0; j < keys; j++) {
            int64_t place = j * lanes + first;
            projection = load(probabilities + place) * load(scores + place) + projection;
        }
        for (int64_t j = 0; j < keys; j++) {
            int64_t place = j * lanes + first;
            store(scores + place, load(probabilities + place) * (load(scores + place) - projection) * factor);
        }
    }
    small_product(head->queries, depth, keys, scores, 1, lanes, head->key, head->key_stride, gradient->dquery,
                  head->query_stride, false);
    small_product(keys, depth, head->queries, scores, lanes, 1, head->query, head->query_stride, gradient->dkey,
                  head->key_stride, gradient->adding);
    small_product(keys, depth, head->queries, probabilities, lanes, 1, gradient->doutput, head->output_stride,
                  gradient->dvalue, head->value_stride, gradient->adding);
    if (gradient->adding) return;
    for (int64_t j = keys; j < head->keys; j++) {
        memset(gradient->dkey + j * head->key_stride, 0, sizeof(float) * depth);
        memset(gradient->dvalue + j * head->value_stride, 0, sizeof(float) * depth);
    }
}
