#ifndef SACCADE_CKERNELS_H
#define SACCADE_CKERNELS_H

// Umbrella header: one header for each family of kernels, each with its scalar reference beside the fast versions.
#include "saccade_convolution.h"
#include "saccade_half.h"
#include "saccade_inverted.h"
#include "saccade_picture.h"
#include "saccade_quantised.h"
#include "saccade_resampling.h"
#include "saccade_scan.h"
#include "saccade_simd.h"
#include "saccade_tensor_kernels.h"
#include "saccade_threads.h"

#endif
