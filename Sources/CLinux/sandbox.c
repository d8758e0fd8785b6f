#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// Landlock, as linux/landlock.h has it; the headers of a system that is older than its kernel know only the first versions.

enum { landlock_version_flag = 1 };

struct landlock_ruleset {
    uint64_t files;  // from version 1
    uint64_t network;  // from version 4
    uint64_t scopes;  // from version 6
};

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_restrict_self 446
#endif

int saccade_landlock_version(void) {
    return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, landlock_version_flag);
}

int saccade_refuse_paths(void) {
    int version = saccade_landlock_version();
    if (version < 1) return version;
    // All that a version knows: it refuses what it doesn't. 13 rights on files to begin with, then to link or move to another folder (2), to truncate (3),
    // to use devices with ioctl(2) (5).
    struct landlock_ruleset ruleset = {.files = (UINT64_C(1) << 13) - 1};
    if (version >= 2) ruleset.files |= UINT64_C(1) << 13;
    if (version >= 3) ruleset.files |= UINT64_C(1) << 14;
    if (version >= 5) ruleset.files |= UINT64_C(1) << 15;
    // TCP: to bind and to connect.
    if (version >= 4) ruleset.network = 3;
    // Abstract Unix sockets and signals, beyond this process.
    if (version >= 6) ruleset.scopes = 3;
    size_t size = version >= 6 ? sizeof ruleset
                  : version >= 4 ? offsetof(struct landlock_ruleset, scopes)
                                 : offsetof(struct landlock_ruleset, network);
    int descriptor = (int)syscall(SYS_landlock_create_ruleset, &ruleset, size, 0);
    if (descriptor < 0) return -1;
    // No rule is added: nothing is allowed.
    long status = syscall(SYS_landlock_restrict_self, descriptor, 0);
    int saved = errno;
    close(descriptor);
    errno = saved;
    return status == 0 ? version : -1;
}

// seccomp(2).

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#ifdef ARCHITECTURE

enum { longest_program = 512 };

struct program {
    struct sock_filter code[longest_program];
    unsigned short length;
};

static void add(struct program *program, struct sock_filter instruction) {
    if (program->length < longest_program) program->code[program->length++] = instruction;
}

static void load(struct program *program, size_t offset) {
    add(program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

static void answer(struct program *program, uint32_t action) {
    add(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

// The lower half of an argument: both architectures are little-endian.
static size_t argument(int number) { return offsetof(struct seccomp_data, args) + 8 * (size_t)number; }

// A call whatever its arguments are.
static void allow(struct program *program, long call) {
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 1));
    answer(program, SECCOMP_RET_ALLOW);
}

// A condition on the lower half of an argument: `(argument & mask) == value`.
struct condition {
    int argument;
    uint32_t mask, value;
};

// A call when all of its conditions hold; otherwise it gets the answer `refusal`.
static void allow_if(struct program *program, long call, const struct condition *conditions, int count, uint32_t refusal) {
    // Each condition takes 4 instructions; after them comes one that allows.
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, (uint8_t)(4 * count + 1)));
    for (int each = 0; each < count; each++) {
        load(program, argument(conditions[each].argument));
        add(program, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, conditions[each].mask));
        add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, conditions[each].value, 1, 0));
        answer(program, refusal);
    }
    answer(program, SECCOMP_RET_ALLOW);
}

int saccade_allow_decoding_only(_Bool ends_when_refused) {
    // What decoding was seen to use (strace(1), over every format and request), and what glibc may take instead on another processor or version.
    // Nothing here takes a path or an address, makes a descriptor of something else, or reaches another process.
    static const long calls[] = {
        SYS_read, SYS_futex, SYS_writev, SYS_lseek, SYS_write, SYS_pread64, SYS_close, SYS_rt_sigprocmask, SYS_brk, SYS_munmap, SYS_madvise,
        SYS_getrusage, SYS_exit, SYS_set_robust_list, SYS_rseq, SYS_sched_yield, SYS_sched_getaffinity, SYS_getcpu, SYS_membarrier,
        SYS_clock_gettime, SYS_clock_getres, SYS_clock_nanosleep, SYS_nanosleep, SYS_gettimeofday, SYS_getrandom, SYS_getpid, SYS_gettid,
        SYS_rt_sigaction, SYS_rt_sigreturn, SYS_sigaltstack, SYS_restart_syscall, SYS_sysinfo, SYS_exit_group,
#ifdef SYS_time
        SYS_time,
#endif
    };
    const uint32_t refusal = ends_when_refused ? SECCOMP_RET_TRAP : SECCOMP_RET_ERRNO | EPERM;
    struct program program = {.length = 0};
    // Calls of another architecture have other numbers: i386's on x86_64. Those of x32 are none of the list.
    load(&program, offsetof(struct seccomp_data, arch));
    add(&program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0));
    answer(&program, SECCOMP_RET_KILL_PROCESS);
    load(&program, offsetof(struct seccomp_data, nr));
    for (size_t each = 0; each < sizeof calls / sizeof *calls; each++) allow(&program, calls[each]);

    // Memory that is no file and that can't be run.
    const struct condition memory[] = {{2, PROT_EXEC, 0}, {3, MAP_ANONYMOUS, MAP_ANONYMOUS}};
    allow_if(&program, SYS_mmap, memory, 2, refusal);
    const struct condition protection[] = {{2, PROT_EXEC, 0}};
    allow_if(&program, SYS_mprotect, protection, 1, refusal);
    allow(&program, SYS_mremap);

    // Threads, as pthread_create(3) makes them, and no process. glibc asks for clone3(2) first, whose arguments a filter can't see, and does without.
    const uint32_t thread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID |
                            CLONE_CHILD_CLEARTID;
    const struct condition threads[] = {{0, ~UINT32_C(0), thread}};
    allow_if(&program, SYS_clone, threads, 1, refusal);
    add(&program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1));
    answer(&program, SECCOMP_RET_ERRNO | ENOSYS);

    // Names of threads; limits of this process, which a lowered one can't raise; abort(3).
    const struct condition name[] = {{0, ~UINT32_C(0), PR_SET_NAME}};
    allow_if(&program, SYS_prctl, name, 1, refusal);
    const struct condition own[] = {{0, ~UINT32_C(0), 0}};
    allow_if(&program, SYS_prlimit64, own, 1, refusal);
    const struct condition self[] = {{0, ~UINT32_C(0), (uint32_t)getpid()}};
    allow_if(&program, SYS_tgkill, self, 1, refusal);

    // Requests come with the descriptor of their media.
    const struct condition requests[] = {{0, ~UINT32_C(0), STDIN_FILENO}};
    allow_if(&program, SYS_recvmsg, requests, 1, refusal);

    // glibc asks the system how many processors it has and how it gives out memory, iconv(3) for its tables, and all do without: no reason to end.
    add(&program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 1));
    answer(&program, SECCOMP_RET_ERRNO | EPERM);
    answer(&program, refusal);

    if (program.length == longest_program) {
        errno = E2BIG;
        return -1;
    }
    struct sock_fprog filter = {.len = program.length, .filter = program.code};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0);
}

#else

int saccade_allow_decoding_only(_Bool ends_when_refused) {
    (void)ends_when_refused;
    errno = ENOSYS;
    return -1;
}

#endif
