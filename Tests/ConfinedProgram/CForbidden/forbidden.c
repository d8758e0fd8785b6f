#define _GNU_SOURCE
#include "CForbidden.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

typedef const struct saccade_surroundings *surroundings;

#define TRY(name, expression) \
    static long name(surroundings it) { \
        (void)it; \
        return (long)(expression); \
    }

// Most go past glibc, which checks, falls back and makes others of some calls.
#define CALL(...) syscall(__VA_ARGS__)

static void path_of(char *path, size_t room, surroundings it, const char *name) { snprintf(path, room, "%s/%s", it->folder, name); }

TRY(read_a_file, openat(AT_FDCWD, it->file, O_RDONLY))
TRY(read_passwords, openat(AT_FDCWD, "/etc/passwd", O_RDONLY))
TRY(write_to_a_file, openat(AT_FDCWD, it->file, O_WRONLY))
TRY(truncate_a_file, truncate(it->file, 0))
TRY(truncate_the_media, ftruncate(it->media, 0))
TRY(unlink_a_file, unlink(it->file))
TRY(change_a_mode, chmod(it->file, 0777))
TRY(change_the_media_s_mode, fchmod(it->media, 0777))
TRY(look_at_a_file, ({ struct stat s; stat(it->file, &s); }))
TRY(look_at_a_file_with_statx, ({ struct statx s; CALL(SYS_statx, AT_FDCWD, it->file, 0, STATX_BASIC_STATS, &s); }))
TRY(lock_the_media, fcntl(it->media, F_SETLEASE, F_RDLCK))
TRY(map_the_media, mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, it->media, 0) == MAP_FAILED ? -1 : 0)
TRY(list_a_folder, openat(AT_FDCWD, it->folder, O_RDONLY | O_DIRECTORY))
TRY(change_the_folder, chdir("/"))
TRY(change_the_root, chroot(it->folder))
TRY(open_with_openat2, ({ struct open_how how = {.flags = O_RDONLY}; CALL(SYS_openat2, AT_FDCWD, it->file, &how, sizeof how); }))
TRY(open_with_creat, ({ char p[4096]; path_of(p, sizeof p, it, "new"); creat(p, 0600); }))
TRY(rename_a_file, ({ char p[4096]; path_of(p, sizeof p, it, "stolen"); rename(it->file, p); }))
TRY(link_a_file, ({ char p[4096]; path_of(p, sizeof p, it, "link"); link(it->file, p); }))
TRY(make_a_symbolic_link, ({ char p[4096]; path_of(p, sizeof p, it, "link"); symlink(it->file, p); }))
TRY(make_a_folder, ({ char p[4096]; path_of(p, sizeof p, it, "new"); mkdir(p, 0700); }))
TRY(make_a_pipe_in_a_folder, ({ char p[4096]; path_of(p, sizeof p, it, "pipe"); mkfifo(p, 0600); }))
TRY(open_the_media_to_write, ({ char p[64]; snprintf(p, sizeof p, "/proc/self/fd/%d", it->media); openat(AT_FDCWD, p, O_RDWR); }))
TRY(make_a_file_in_memory, CALL(SYS_memfd_create, "a", 0))
TRY(mount_a_file_system, mount("none", it->folder, "tmpfs", 0, NULL))

TRY(fork_a_process, ({ long c = CALL(SYS_clone, SIGCHLD, 0, 0, 0, 0); if (c == 0) _exit(0); c; }))
TRY(fork_with_clone3, ({ uint64_t a[8] = {0, 0, 0, 0, SIGCHLD}; long c = CALL(SYS_clone3, a, sizeof a); if (c == 0) _exit(0); c; }))
#ifdef SYS_fork
TRY(fork_the_old_way, ({ long c = CALL(SYS_fork); if (c == 0) _exit(0); c; }))
#endif
TRY(share_memory_with_a_process, ({ long c = CALL(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0); if (c == 0) _exit(0); c; }))
TRY(run_a_shell, ({ char *a[] = {"/bin/sh", "-c", "exit 0", NULL}; execve("/bin/sh", a, NULL); }))
TRY(run_a_shell_by_descriptor, ({ char *a[] = {"sh", NULL}; CALL(SYS_execveat, it->media, "", a, NULL, AT_EMPTY_PATH); }))
TRY(make_a_user_namespace, unshare(CLONE_NEWUSER))
TRY(fork_into_a_user_namespace, ({ long c = CALL(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0); if (c == 0) _exit(0); c; }))
TRY(join_a_namespace, CALL(SYS_setns, it->media, 0))

TRY(trace_a_process, ptrace(PTRACE_SEIZE, it->victim, 0, 0))
TRY(be_traced, ptrace(PTRACE_TRACEME, 0, 0, 0))
TRY(read_a_process_s_memory, ({ char b; struct iovec l = {&b, 1}, r = {(void *)it, 1}; process_vm_readv(it->victim, &l, 1, &r, 1, 0); }))
TRY(write_a_process_s_memory, ({ char b = 0; struct iovec l = {&b, 1}, r = {(void *)it, 1}; process_vm_writev(it->victim, &l, 1, &r, 1, 0); }))
TRY(open_a_process_s_memory, ({ char p[64]; snprintf(p, sizeof p, "/proc/%d/mem", (int)it->victim); openat(AT_FDCWD, p, O_RDWR); }))
TRY(signal_a_process, kill(it->victim, SIGCONT))
TRY(signal_a_process_s_thread, CALL(SYS_tgkill, it->victim, it->victim, SIGCONT))
TRY(hold_a_process, CALL(SYS_pidfd_open, it->victim, 0))
TRY(limit_a_process, ({ struct rlimit l; prlimit(it->victim, RLIMIT_NOFILE, NULL, &l); }))
TRY(slow_a_process, setpriority(PRIO_PROCESS, (id_t)it->victim, 19))

TRY(make_a_tcp_socket, socket(AF_INET, SOCK_STREAM, 0))
TRY(make_a_unix_socket, socket(AF_UNIX, SOCK_STREAM, 0))
TRY(make_a_netlink_socket, socket(AF_NETLINK, SOCK_RAW, 0))
TRY(make_a_pair_of_sockets, ({ int p[2]; socketpair(AF_UNIX, SOCK_STREAM, 0, p); }))
TRY(connect_its_socket, ({ struct sockaddr_un a = {.sun_family = AF_UNIX}; connect(STDIN_FILENO, (struct sockaddr *)&a, sizeof a); }))
TRY(send_a_descriptor, ({ struct msghdr m = {0}; sendmsg(STDIN_FILENO, &m, MSG_DONTWAIT | MSG_NOSIGNAL); }))
TRY(make_a_pipe, ({ int p[2]; pipe(p); }))

TRY(map_memory_to_run, mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0)
TRY(make_memory_run, ({ void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); mprotect(p, 4096, PROT_READ | PROT_EXEC); }))
TRY(have_all_memory_run, CALL(SYS_personality, 0x0400000))
TRY(share_memory, shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600))

TRY(be_traceable, prctl(PR_SET_DUMPABLE, 1, 0, 0, 0))
TRY(outlive_its_parent, prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0))
TRY(type_into_the_terminal, ioctl(STDERR_FILENO, TIOCSTI, "x"))
TRY(watch_a_folder, inotify_init1(0))
TRY(load_a_kernel_program, CALL(SYS_bpf, 0, NULL, 0))
TRY(count_events, CALL(SYS_perf_event_open, NULL, 0, -1, -1, 0))
TRY(handle_page_faults, CALL(SYS_userfaultfd, 0))
TRY(queue_calls, CALL(SYS_io_uring_setup, 1, NULL))
TRY(keep_a_key, CALL(SYS_keyctl, 0, 0, 0, 0, 0))
TRY(become_another_user, setuid(0))

#undef TRY

static const struct {
    const char *name;
    long (*attempt)(surroundings);
} all[] = {
#define ROW(name) {#name, name}
    ROW(read_a_file), ROW(read_passwords), ROW(write_to_a_file), ROW(truncate_a_file), ROW(truncate_the_media), ROW(unlink_a_file),
    ROW(change_a_mode), ROW(change_the_media_s_mode), ROW(look_at_a_file), ROW(look_at_a_file_with_statx), ROW(lock_the_media), ROW(map_the_media),
    ROW(list_a_folder), ROW(change_the_folder), ROW(change_the_root), ROW(open_with_openat2), ROW(open_with_creat), ROW(rename_a_file),
    ROW(link_a_file), ROW(make_a_symbolic_link), ROW(make_a_folder), ROW(make_a_pipe_in_a_folder), ROW(open_the_media_to_write),
    ROW(make_a_file_in_memory), ROW(mount_a_file_system), ROW(fork_a_process), ROW(fork_with_clone3),
#ifdef SYS_fork
    ROW(fork_the_old_way),
#endif
    ROW(share_memory_with_a_process), ROW(run_a_shell), ROW(run_a_shell_by_descriptor), ROW(make_a_user_namespace),
    ROW(fork_into_a_user_namespace), ROW(join_a_namespace), ROW(trace_a_process), ROW(be_traced), ROW(read_a_process_s_memory),
    ROW(write_a_process_s_memory), ROW(open_a_process_s_memory), ROW(signal_a_process), ROW(signal_a_process_s_thread), ROW(hold_a_process),
    ROW(limit_a_process), ROW(slow_a_process), ROW(make_a_tcp_socket), ROW(make_a_unix_socket), ROW(make_a_netlink_socket),
    ROW(make_a_pair_of_sockets), ROW(connect_its_socket), ROW(send_a_descriptor), ROW(make_a_pipe), ROW(map_memory_to_run), ROW(make_memory_run),
    ROW(have_all_memory_run), ROW(share_memory), ROW(be_traceable), ROW(outlive_its_parent), ROW(type_into_the_terminal), ROW(watch_a_folder),
    ROW(load_a_kernel_program), ROW(count_events), ROW(handle_page_faults), ROW(queue_calls), ROW(keep_a_key), ROW(become_another_user),
#undef ROW
};

int saccade_forbidden_count(void) { return (int)(sizeof all / sizeof *all); }

const char *saccade_forbidden_name(int number) { return all[number].name; }

int saccade_try_forbidden(int number, const struct saccade_surroundings *surroundings) {
    errno = 0;
    return all[number].attempt(surroundings) < 0 ? errno : 0;
}
