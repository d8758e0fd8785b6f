#ifndef SACCADE_THREADS_H
#define SACCADE_THREADS_H

// How many processors this process may run on, at least 1. sched_getaffinity and its sets are macros that aren't imported.
int saccade_processor_count(void);

// Tells the processor that this is a waiting loop. The importer has no such instruction.
static inline void saccade_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif
