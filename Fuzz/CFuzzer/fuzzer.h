// libFuzzer as a library: https://llvm.org/docs/LibFuzzer.html, "Using libFuzzer as a library".
#pragma once

#include <stddef.h>
#include <stdint.h>

/// Runs the fuzzer with the arguments of a program that libFuzzer has its own `main` for, and returns that program's status.
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*body)(const uint8_t *bytes, size_t count));
