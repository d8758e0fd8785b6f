#ifndef SACCADE_CLINUX_H
#define SACCADE_CLINUX_H

// What the Swift importer can not see of Linux: macros, varargs, and what glibc declares for _GNU_SOURCE only. Nothing else
// belongs here.

#include <sys/types.h>

// prctl(2) is variadic. Both return 0, or -1 with errno.
int saccade_no_new_privileges(void);
int saccade_die_with_parent(void);

// pipe2(2) with O_CLOEXEC; the pipe holds at least `bytes` where the system allows it. Returns 0, or -1 with errno.
int saccade_pipe(int descriptors[2], int bytes);

// posix_spawn(3) with `input` and `output` as descriptors 0 and 1, 2 inherited and all others closed, signals reset to their
// defaults, in a process group of its own. Returns 0 or an error number.
int saccade_spawn(const char *path, char *const arguments[], char *const environment[], int input, int output, pid_t *child);

#endif
