#ifndef SACCADE_CLINUX_H
#define SACCADE_CLINUX_H

// What the Swift importer can not see of Linux: macros, varargs, and what glibc declares for _GNU_SOURCE only. Nothing else
// belongs here.

#include <stdint.h>
#include <sys/types.h>

// prctl(2) is variadic. All return 0, or -1 with errno.
int saccade_no_new_privileges(void);
int saccade_die_with_parent(void);
// PR_SET_DUMPABLE 0: no core file, and no other process of this user may trace this one or look into its memory.
int saccade_refuse_tracing(void);

// The version of Landlock that the kernel has, at least 1, or -1 with errno where it has none.
int saccade_landlock_version(void);

// Takes every path from the calling thread and those that it begins, for good, and TCP and signals to other processes where the kernel knows how:
// landlock(7). Descriptors that are open stay open. Needs saccade_no_new_privileges(). Returns the version of Landlock, or -1 with errno.
int saccade_refuse_paths(void);

// Leaves the calling thread, and those that it begins, the system calls that decoding needs, for good (seccomp(2)): memory, threads, time, and reading and
// writing what is open. All others fail with EPERM; or, when `ends_when_refused`, end the process with SIGSYS, which tests want. Needs
// saccade_no_new_privileges(). Returns 0, or -1 with errno: EINVAL or ENOSYS where the kernel has no such filters.
int saccade_allow_decoding_only(_Bool ends_when_refused);

// openat2(2) with O_RDONLY, O_CLOEXEC, O_NONBLOCK and O_NOCTTY and `flags`: a path below `directory` that neither "..", nor an absolute path, nor a symbolic link
// leads out of. Returns a descriptor, or -1 with errno: EXDEV for a path that leads out, ENOSYS before Linux 5.6.
int saccade_open_beneath(int directory, const char *path, int flags);

// sendmsg(2) of `count` bytes to a socket, with a descriptor (SCM_RIGHTS) unless it is negative; never blocks, raises no SIGPIPE. As send(2).
ssize_t saccade_send(int socket, const void *bytes, size_t count, int descriptor);

// recvmsg(2) of at most `count` bytes from a socket. `descriptor` is set to one that came with them, closed on exec, and otherwise left alone. As recv(2).
ssize_t saccade_receive(int socket, void *bytes, size_t count, int *descriptor);

// pipe2(2) with O_CLOEXEC; the pipe holds at least `bytes` where the system allows it. Returns 0, or -1 with errno.
int saccade_pipe(int descriptors[2], int bytes);

// posix_spawn(3) with `input` and `output` as descriptors 0 and 1, 2 inherited and all others closed, signals reset to their
// defaults, in a process group of its own. Returns 0 or an error number.
int saccade_spawn(const char *path, char *const arguments[], char *const environment[], int input, int output, pid_t *child);

// What a watch on a directory listens to; see inotify(7).
uint32_t saccade_inotify_mask(void);

// statfs(2)'s f_type and stat(2)'s st_dev of a directory. Returns 0, or -1 with errno.
int saccade_file_system(const char *directory, uint32_t *magic, dev_t *device);

// makedev(3)'s parts, which are macros.
unsigned saccade_major(dev_t device);
unsigned saccade_minor(dev_t device);

// 1 when another descriptor of the file behind `fd` may write, 0 when none does, -1 when the kernel won't say, as on file
// systems without leases or for a file of another user. `fd` must have been opened to be read only.
int saccade_open_for_writing(int fd);

// M_MMAP_THRESHOLD of mallopt(3): blocks of at least `bytes` go back to the system when they are freed. Left to itself glibc raises
// the bound to the largest block that was freed, and keeps them.
void saccade_return_blocks_from(int bytes);

// M_ARENA_MAX of mallopt(3): heaps that threads share. Left to itself glibc gives nearly every thread a heap of its own, each of which keeps what was
// freed in it. Call it before other threads begin.
void saccade_share_heaps(int heaps);

// malloc_trim(3): gives whole free pages of all heaps back to the system.
void saccade_return_free_pages(void);

// Has the calling thread give way to others: nice(2) by 10, and the idle class at the disk (ioprio_set(2)). Threads that it begins do so too, and can't
// take it back. Where the system refuses, nothing changes.
void saccade_give_way(void);

// A mark on the calling thread, which is off to begin with.
void saccade_mark_thread(void);
_Bool saccade_is_thread_marked(void);

// pthread_setname_np(3) for the calling thread; all but the first 15 bytes of `name` are left out.
void saccade_name_thread(const char *name);

#endif
