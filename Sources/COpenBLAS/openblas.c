#define _GNU_SOURCE
#include "COpenBLAS.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { row_major = 101, no_transpose = 111, transpose = 112 };

typedef void sgemm_function(int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *, int);
typedef void dgemm_function(int, int, int, int, int, int, double, const double *, int, const double *, int, double, double *, int);
typedef char *text_function(void);
typedef void threads_function(int);

static char wanted_core[64];
static bool core_is_users;
static pthread_once_t load_once = PTHREAD_ONCE_INIT;
static bool loaded;
static char failure[512];
static sgemm_function *sgemm;
static dgemm_function *dgemm;
static text_function *core_name;
static text_function *configuration;

// Measured with OpenBLAS 0.3.21 on one core of an EPYC 9004 (Zen 4), GFLOP/s of sgemm for m x n x k, op(b) transposed:
//                  2048x384x384  2048x1536x384  1024x3756x256  16x1536x384  64x64x64
//     SKYLAKEX               99            106            102           66       114
//     COOPERLAKE             98            101            100           65       115
//     ZEN                    94            101            102           69        77
//     HASWELL                96            101            103           69        93
// COOPERLAKE has the sgemm of SKYLAKEX and differs in bfloat16, which isn't used here, so it is never needed.
const char *saccade_blas_core_for(bool avx2_fma, bool avx512, bool amd) {
    if (!avx2_fma) return NULL;
    if (avx512) return "SKYLAKEX";
    return amd ? "ZEN" : "HASWELL";
}

void saccade_blas_choose_core(const char *users) {
    core_is_users = users != NULL && users[0] != '\0';
    const char *core = users;
#if defined(__x86_64__)
    if (!core_is_users) {
        __builtin_cpu_init();
        bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
        bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")
            && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd");
        core = saccade_blas_core_for(avx2, avx512, __builtin_cpu_is("amd"));
    }
#endif
    snprintf(wanted_core, sizeof wanted_core, "%s", core != NULL ? core : "");
    if (wanted_core[0] != '\0') setenv("OPENBLAS_CORETYPE", wanted_core, 1);
}

// setenv isn't safe beside other threads' getenv: before main there are none.
__attribute__((constructor)) static void prepare(void) {
    saccade_blas_choose_core(getenv("OPENBLAS_CORETYPE"));
    // The library would start a thread for each core while it loads; the work is divided by our own threads.
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
}

static const char *library_name = "libopenblas.so.0";

static void load(void) {
    void *library = dlopen(library_name, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        const char *reason = dlerror();
        snprintf(failure, sizeof failure, "%s", reason != NULL ? reason : "the dynamic linker gives no reason");
        return;
    }
    sgemm = (sgemm_function *)dlsym(library, "cblas_sgemm");
    dgemm = (dgemm_function *)dlsym(library, "cblas_dgemm");
    core_name = (text_function *)dlsym(library, "openblas_get_corename");
    configuration = (text_function *)dlsym(library, "openblas_get_config");
    threads_function *set_threads = (threads_function *)dlsym(library, "openblas_set_num_threads");
    if (sgemm == NULL || dgemm == NULL || core_name == NULL || configuration == NULL || set_threads == NULL) {
        snprintf(failure, sizeof failure, "%s lacks a function that OpenBLAS has", library_name);
        return;
    }
    set_threads(1);
    loaded = true;
}

bool saccade_blas_load_library(const char *name) {
    library_name = name;
    return saccade_blas_load();
}

bool saccade_blas_load(void) {
    pthread_once(&load_once, load);
    return loaded;
}

const char *saccade_blas_failure(void) { return failure; }

const char *saccade_blas_wanted_core(void) { return wanted_core; }

bool saccade_blas_core_is_users(void) { return core_is_users; }

const char *saccade_blas_core_name(void) { return loaded ? core_name() : ""; }

const char *saccade_blas_configuration(void) { return loaded ? configuration() : ""; }

void saccade_sgemm(bool transpose_a, bool transpose_b, int m, int n, int k, float alpha, const float *a, int lda,
                   const float *b, int ldb, float beta, float *c, int ldc) {
    sgemm(row_major, transpose_a ? transpose : no_transpose, transpose_b ? transpose : no_transpose, m, n, k, alpha, a, lda,
          b, ldb, beta, c, ldc);
}

void saccade_dgemm(bool transpose_a, bool transpose_b, int m, int n, int k, double alpha, const double *a, int lda,
                   const double *b, int ldb, double beta, double *c, int ldc) {
    dgemm(row_major, transpose_a ? transpose : no_transpose, transpose_b ? transpose : no_transpose, m, n, k, alpha, a, lda,
          b, ldb, beta, c, ldc);
}
