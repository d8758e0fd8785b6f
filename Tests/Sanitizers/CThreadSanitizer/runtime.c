// Makes visible to ThreadSanitizer what Swift's libraries, which aren't instrumented, do between threads.
//
// Mutex: a lock that nobody holds is taken in code that the compiler inlined and instrumented. One that somebody waits for is taken and released
// by two functions of the standard library: each contended lock would be reported as a race. Two functions of the same names stand before them
// and tell the sanitizer. Source: swift/stdlib/public/Synchronization/Mutex/LinuxImpl.swift.
//
// Tasks: the runtime tells the sanitizer when a task goes from one thread to another, once its hook is called. On Linux the sanitizer, linked into
// the program, finds a weak hook of its own instead: so it is called here. Source: swift/stdlib/public/Threading/ThreadSanitizer.cpp.
#define _GNU_SOURCE
#include "CThreadSanitizer.h"

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

__attribute__((constructor)) static void show_tasks(void) {
    void (*const enable)(void) = dlsym(RTLD_DEFAULT, "__tsan_on_initialize");
    if (enable == NULL) abort();
    enable();
}
