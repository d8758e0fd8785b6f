// Preloaded into a program, ends it or fails it at the n-th write, synchronisation, opening or mapping of a file in one folder: crash_test.py.
//
//   SACCADE_FAULT_FOLDER   the folder
//   SACCADE_FAULT_CALL     write, sync, open or map
//   SACCADE_FAULT_NUMBER   which one, from 1; 0 for none
//   SACCADE_FAULT_ACTION   kill: the process, before the call; fail: it and all that follow, with EIO, or ENOSPC for a write
//   SACCADE_FAULT_STACKS   a file that gets a number for the call stack of each, a line for each, when the program ends
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_CALLS = 1 << 16, MOST_FRAMES = 64 };

static atomic_long count;
static uint64_t stacks[MOST_CALLS];

// The same wherever the program and its libraries lie in memory.
static uint64_t call_stack(void) {
    void *frames[MOST_FRAMES];
    const int depth = backtrace(frames, MOST_FRAMES);
    uint64_t sum = 14695981039346656037u;
    for (int frame = 0; frame < depth; frame++) {
        Dl_info place;
        if (dladdr(frames[frame], &place) == 0) continue;
        sum = (sum ^ (uint64_t)((char *)frames[frame] - (char *)place.dli_fbase)) * 1099511628211u;
    }
    return sum;
}

static int lies_in_folder(const char *path) {
    const char *folder = getenv("SACCADE_FAULT_FOLDER");
    return folder != NULL && strncmp(path, folder, strlen(folder)) == 0;
}

static int is_of_folder(int descriptor) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    const ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return lies_in_folder(path);
}

// Whether the call is to fail.
static int fails(const char *call) {
    const char *wanted = getenv("SACCADE_FAULT_CALL"), *number = getenv("SACCADE_FAULT_NUMBER"),
               *action = getenv("SACCADE_FAULT_ACTION");
    if (wanted == NULL || number == NULL || action == NULL || strcmp(wanted, call) != 0) return 0;
    const long here = atomic_fetch_add(&count, 1) + 1, there = atol(number);
    if (there == 0 && here <= MOST_CALLS) stacks[here - 1] = call_stack();
    if (there == 0 || here < there) return 0;
    if (strcmp(action, "kill") == 0) kill(getpid(), SIGKILL);
    return 1;
}

__attribute__((destructor)) static void tell(void) {
    const char *path = getenv("SACCADE_FAULT_STACKS");
    const long calls = atomic_load(&count);
    if (path == NULL) return;
    FILE *file = fopen(path, "w");
    if (file == NULL) return;
    for (long call = 0; call < calls; call++) fprintf(file, "%llx\n", (unsigned long long)stacks[call % MOST_CALLS]);
    fclose(file);
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t pwrite64(int descriptor, const void *bytes, size_t size, off64_t offset) {
    if (is_of_folder(descriptor) && fails("write")) return errno = ENOSPC, -1;
    return NEXT(pwrite64)(descriptor, bytes, size, offset);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t size, off_t offset) {
    if (is_of_folder(descriptor) && fails("write")) return errno = ENOSPC, -1;
    return NEXT(pwrite)(descriptor, bytes, size, offset);
}

ssize_t write(int descriptor, const void *bytes, size_t size) {
    if (is_of_folder(descriptor) && fails("write")) return errno = ENOSPC, -1;
    return NEXT(write)(descriptor, bytes, size);
}

int fdatasync(int descriptor) {
    if (is_of_folder(descriptor) && fails("sync")) return errno = EIO, -1;
    return NEXT(fdatasync)(descriptor);
}

int fsync(int descriptor) {
    if (is_of_folder(descriptor) && fails("sync")) return errno = EIO, -1;
    return NEXT(fsync)(descriptor);
}

#define OPEN(name)                                                            \
    int name(const char *path, int flags, ...) {                              \
        va_list arguments;                                                    \
        va_start(arguments, flags);                                           \
        const mode_t mode = va_arg(arguments, mode_t);                        \
        va_end(arguments);                                                    \
        if (lies_in_folder(path) && fails("open")) return errno = EIO, -1;    \
        return NEXT(name)(path, flags, mode);                                 \
    }
OPEN(open)
OPEN(open64)

void *mmap64(void *address, size_t length, int protection, int flags, int descriptor, off64_t offset) {
    if (descriptor >= 0 && is_of_folder(descriptor) && fails("map")) return errno = ENOMEM, MAP_FAILED;
    return NEXT(mmap64)(address, length, protection, flags, descriptor, offset);
}

void *mmap(void *address, size_t length, int protection, int flags, int descriptor, off_t offset) {
    if (descriptor >= 0 && is_of_folder(descriptor) && fails("map")) return errno = ENOMEM, MAP_FAILED;
    return NEXT(mmap)(address, length, protection, flags, descriptor, offset);
}
