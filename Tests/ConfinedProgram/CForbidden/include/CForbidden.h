#ifndef SACCADE_CFORBIDDEN_H
#define SACCADE_CFORBIDDEN_H

#include <sys/types.h>

// What a decoder that a file has taken over would try.
struct saccade_surroundings {
    // Of the user that the worker has: a file, a folder, and another process.
    const char *file;
    const char *folder;
    pid_t victim;
    // The descriptor that the worker was given.
    int media;
};

int saccade_forbidden_count(void);
const char *saccade_forbidden_name(int number);

// Tries the thing of that number. Returns 0 when it was done, otherwise the error number with which it was refused.
int saccade_try_forbidden(int number, const struct saccade_surroundings *surroundings);

#endif
