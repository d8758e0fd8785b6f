#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

int saccade_no_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }

int saccade_die_with_parent(void) { return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); }

int saccade_refuse_tracing(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

int saccade_open_beneath(int directory, const char *path, int flags) {
    struct open_how how = {
        .flags = (uint64_t)(O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags), .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

union descriptor_message {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

ssize_t saccade_send(int socket, const void *bytes, size_t count, int descriptor) {
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    union descriptor_message control;
    if (descriptor >= 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = &control;
        message.msg_controllen = sizeof control.bytes;
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.header), &descriptor, sizeof descriptor);
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

ssize_t saccade_receive(int socket, void *bytes, size_t count, int *descriptor) {
    struct iovec part = {.iov_base = bytes, .iov_len = count};
    union descriptor_message control;
    // Room for one descriptor: the kernel closes what doesn't fit.
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_LEN(sizeof(int))};
    ssize_t received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    if (received < 0) return received;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(descriptor, CMSG_DATA(header), sizeof *descriptor);
    return received;
}

int saccade_pipe(int descriptors[2], int bytes) {
    if (pipe2(descriptors, O_CLOEXEC) != 0) return -1;
    // A smaller pipe works as well: the size is a limit of the user, not an error.
    int saved = errno;
    (void)fcntl(descriptors[1], F_SETPIPE_SZ, bytes);
    errno = saved;
    return 0;
}

int saccade_spawn(const char *path, char *const arguments[], char *const environment[], int input, int output, pid_t *child) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int status = posix_spawn_file_actions_init(&actions);
    if (status != 0) return status;
    status = posix_spawnattr_init(&attributes);
    if (status == 0) {
        short flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
        status = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
        if (status == 0) status = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
        if (status == 0) status = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
        if (status == 0) status = posix_spawnattr_setflags(&attributes, flags);
        if (status == 0) status = posix_spawnattr_setpgroup(&attributes, 0);
        if (status == 0) status = posix_spawnattr_setsigmask(&attributes, &none);
        if (status == 0) status = posix_spawnattr_setsigdefault(&attributes, &all);
        if (status == 0) status = posix_spawn(child, path, &actions, &attributes, arguments, environment);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return status;
}

uint32_t saccade_inotify_mask(void) {
    return IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF |
           IN_ATTRIB | IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK;
}

int saccade_file_system(const char *directory, uint32_t *magic, dev_t *device) {
    struct statfs system;
    struct stat status;
    if (statfs(directory, &system) != 0 || stat(directory, &status) != 0) return -1;
    *magic = (uint32_t)system.f_type;
    *device = status.st_dev;
    return 0;
}

unsigned saccade_major(dev_t device) { return major(device); }
unsigned saccade_minor(dev_t device) { return minor(device); }

int saccade_open_for_writing(int fd) {
    // A read lease is granted only while nobody has the file open to write: fcntl(2), F_SETLEASE. Who opens it to write while we
    // hold the lease sends a signal: one that does nothing, instead of SIGIO, which would end the program.
    fcntl(fd, F_SETSIG, SIGURG);
    if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0) {
        fcntl(fd, F_SETLEASE, F_UNLCK);
        return 0;
    }
    return errno == EAGAIN ? 1 : -1;
}

void saccade_return_blocks_from(int bytes) { mallopt(M_MMAP_THRESHOLD, bytes); }

void saccade_share_heaps(int heaps) { mallopt(M_ARENA_MAX, heaps); }

void saccade_return_free_pages(void) { malloc_trim(0); }

void saccade_give_way(void) {
    // Of linux/ioprio.h, which not every system has: IOPRIO_WHO_PROCESS, where 0 is the calling thread, and IOPRIO_CLASS_IDLE.
    enum { who_process = 1, class_idle = 3, class_shift = 13 };
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 10);
    syscall(SYS_ioprio_set, who_process, 0, class_idle << class_shift);
}

static _Thread_local _Bool is_marked;

void saccade_mark_thread(void) { is_marked = 1; }

_Bool saccade_is_thread_marked(void) { return is_marked; }

void saccade_name_thread(const char *name) {
    char shortened[16] = {0};
    strncpy(shortened, name, sizeof shortened - 1);
    pthread_setname_np(pthread_self(), shortened);
}
