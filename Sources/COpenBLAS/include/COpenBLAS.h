#ifndef SACCADE_COPENBLAS_H
#define SACCADE_COPENBLAS_H

#include <stdbool.h>

// OpenBLAS reads OPENBLAS_CORETYPE once, while it is being loaded, and the versions that distributions ship fall back to
// their oldest kernels on a processor that is newer than they are. So it isn't linked: a constructor that runs before main
// sets the variable from the processor's features (a value that the user has set wins), and the library is opened at first use.

// Opens the library at the first call; later calls return the first one's outcome. Safe from any thread.
bool saccade_blas_load(void);

// The same for a library of another name, when none has been opened. For tests, in a process of their own.
bool saccade_blas_load_library(const char *name);

// What the constructor does with the value of OPENBLAS_CORETYPE, NULL for none. For tests, before the library is opened.
void saccade_blas_choose_core(const char *users);

// Why loading failed, in the dynamic linker's words; empty while it hasn't failed.
const char *saccade_blas_failure(void);

// The value given to OPENBLAS_CORETYPE, by us or by the user; empty when the choice is left to OpenBLAS.
const char *saccade_blas_wanted_core(void);

// True when OPENBLAS_CORETYPE was set before the process started.
bool saccade_blas_core_is_users(void);

// The core whose kernels the loaded library runs, in the library's spelling ("SkylakeX"), and its build configuration.
// Empty before a successful load.
const char *saccade_blas_core_name(void);
const char *saccade_blas_configuration(void);

// The best core name for a processor with these features; NULL leaves the choice to OpenBLAS.
const char *saccade_blas_core_for(bool avx2_fma, bool avx512, bool amd);

// c[m,n] = alpha * op(a) * op(b) + beta * c, row-major, in the calling thread.
// The library must be loaded.
void saccade_sgemm(bool transpose_a, bool transpose_b, int m, int n, int k, float alpha, const float *a, int lda,
                   const float *b, int ldb, float beta, float *c, int ldc);
void saccade_dgemm(bool transpose_a, bool transpose_b, int m, int n, int k, double alpha, const double *a, int lda,
                   const double *b, int ldb, double beta, double *c, int ldc);

#endif
