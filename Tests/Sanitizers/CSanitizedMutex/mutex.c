// Swift's Mutex, made visible to ThreadSanitizer. A lock that nobody holds is taken in code that the compiler inlined and instrumented. One
// that somebody waits for is taken and released by two functions of the standard library, which isn't instrumented: each contended lock
// would be reported as a race. These two stand before them and tell the sanitizer what they do.
// Source: swift/stdlib/public/Synchronization/Mutex/LinuxImpl.swift.
#define _GNU_SOURCE
#include "CSanitizedMutex.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context))

void __tsan_acquire(void *address);
void __tsan_release(void *address);

SWIFT void lock_slow(uint32_t thread, SELF void *handle) __asm__("$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF");
SWIFT void unlock_slow(SELF void *handle) __asm__("$s15Synchronization12_MutexHandleV11_unlockSlowyyF");

static void *next(const char *name) {
    void *function = dlsym(RTLD_NEXT, name);
    if (function == NULL) abort();
    return function;
}

SWIFT void lock_slow(uint32_t thread, SELF void *handle) {
    SWIFT void (*const real)(uint32_t, SELF void *) = next("$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF");
    real(thread, handle);
    __tsan_acquire(handle);
}

SWIFT void unlock_slow(SELF void *handle) {
    SWIFT void (*const real)(SELF void *) = next("$s15Synchronization12_MutexHandleV11_unlockSlowyyF");
    __tsan_release(handle);
    real(handle);
}
