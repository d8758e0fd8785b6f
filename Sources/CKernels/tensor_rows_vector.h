// Functions of rows: normalisation and softmax. Part of tensor_kernels_vector.h.

static void layer_norm(const saccade_layer_norm *norm, float *y) {
    int64_t count = norm->count;
    float portion = 1.0f / (float)count;
    for (int64_t r = 0; r < norm->rows; r++, y += count) {
        const float *x = norm->x + r * count;
        float mean = sum(x, count) * portion;
        vector squares = 0;
        int64_t i = 0;
        for (; i + LANES <= count; i += LANES) {
            vector centred = load(x + i) - mean;
            squares = centred * centred + squares;
        }
        float variance = total(squares);
        for (; i < count; i++) variance += (x[i] - mean) * (x[i] - mean);
        float inverse = 1.0f / sqrtf(variance * portion + norm->epsilon);
        norm->mean[r] = mean;
        norm->inverse_deviation[r] = inverse;
        for (i = 0; i < count; i += LANES) {
            int64_t left = count - i;
            vector normalised = (load_any(x + i, left) - mean) * inverse;
            store_any(y + i, left, normalised * load_any(norm->gamma + i, left) + load_any(norm->beta + i, left));
        }
    }
}

static void layer_norm_gradient(const saccade_layer_norm *norm, const float *dy, float *dx, float *dgamma, float *dbeta) {
    int64_t count = norm->count;
    float portion = 1.0f / (float)count;
    for (int64_t r = 0; r < norm->rows; r++, dy += count, dx += count) {
        const float *x = norm->x + r * count;
        float mean = norm->mean[r], inverse = norm->inverse_deviation[r];
        vector sums = 0, products = 0;
        for (int64_t i = 0; i < count; i += LANES) {
            int64_t left = count - i;
            vector gradient = load_any(dy + i, left);
            vector normalised = (load_any(x + i, left) - mean) * inverse;
            vector weighted = gradient * load_any(norm->gamma + i, left);
            store_any(dgamma + i, left, gradient * normalised + load_any(dgamma + i, left));
            store_any(dbeta + i, left, gradient + load_any(dbeta + i, left));
            sums += weighted;
            products = weighted * normalised + products;
        }
        float sum = total(sums) * portion, product = total(products) * portion;
        for (int64_t i = 0; i < count; i += LANES) {
            int64_t left = count - i;
            vector normalised = (load_any(x + i, left) - mean) * inverse;
            vector weighted = load_any(dy + i, left) * load_any(norm->gamma + i, left);
            store_any(dx + i, left, (weighted - sum - normalised * product) * inverse);
        }
    }
}

static float greatest(const float *x, int64_t count) {
    vector best = splat(-INFINITY);
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES) best = larger(load(x + i), best);
    float result = greatest_lane(best);
    for (; i < count; i++) result = x[i] > result ? x[i] : result;
    return result;
}

static void softmax(const float *x, float *y, int64_t rows, int64_t count) {
    for (int64_t r = 0; r < rows; r++, x += count, y += count) {
        float shift = greatest(x, count);
        vector sums = 0;
        int64_t i = 0;
        for (; i + LANES <= count; i += LANES) {
            vector value = exponential_of_negative(load(x + i) - shift);
            store(y + i, value);
            sums += value;
        }
        float all = total(sums);
        if (i < count) {
            vector value = exponential_of_negative(load_any(x + i, count - i) - shift);
            store_any(y + i, count - i, value);
            for (int64_t lane = 0; lane < count - i; lane++) all += value[lane];
        }
        scale(y, 1.0f / all, y, count);
    }
}

static void softmax_gradient(const float *y, const float *dy, float *dx, int64_t rows, int64_t count) {
    for (int64_t r = 0; r < rows; r++, y += count, dy += count, dx += count) {
        float projection = dot(y, dy, count);
        for (int64_t i = 0; i < count; i += LANES) {
            int64_t left = count - i;
            store_any(dx + i, left, load_any(y + i, left) * (load_any(dy + i, left) - projection));
        }
    }
}

static void log_sum_exp(const float *x, float *result, int64_t rows, int64_t count) {
    for (int64_t r = 0; r < rows; r++, x += count) {
        float shift = greatest(x, count);
        if (!isfinite(shift)) {
            result[r] = shift;
            continue;
        }
        vector sums = 0;
        int64_t i = 0;
        for (; i + LANES <= count; i += LANES) sums += exponential_of_negative(load(x + i) - shift);
        float all = total(sums);
        if (i < count) {
            vector value = exponential_of_negative(load_any(x + i, count - i) - shift);
            for (int64_t lane = 0; lane < count - i; lane++) all += value[lane];
        }
        result[r] = shift + logf(all);
    }
}

static void shifted_exponential(const float *x, float shift, float factor, float *y, int64_t count) {
    for (int64_t i = 0; i < count; i += LANES) {
        store_any(y + i, count - i, exponential(load_any(x + i, count - i) - shift) * factor);
    }
}
