import CLinux
package import DecodeProtocol
import Glibc

/// What a decode worker takes away from itself before it looks at a byte of a file.
package struct ProcessLimits {
    private let limits: WorkerLimits

    /// Sets the limits of this process for good: address space, no core file, few descriptors, no files written,
    /// no new privileges, an end with its parent.
    ///
    /// - Parameter parent: the process that started this one.
    /// - Returns: nil if the parent is gone already, or a limit can't be set.
    package init?(_ limits: WorkerLimits, parent: Int32) {
        self.limits = limits
        guard Self.set(__rlimit_resource_t(RLIMIT_AS.rawValue), UInt(limits.addressSpace)),
            Self.set(__rlimit_resource_t(RLIMIT_CORE.rawValue), 0),
            Self.set(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), 64),
            Self.set(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), 0), saccade_no_new_privileges() == 0,
            saccade_die_with_parent() == 0,
            getppid() == parent
        else { return nil }
        if limits.givesWay { saccade_give_way() }
        // Beyond RLIMIT_FSIZE a write fails instead of killing: an error stream may well be a file.
        signal(SIGXFSZ, SIG_IGN)
        renewCPUTime()
    }

    /// Grants the CPU time of `WorkerLimits.stalledCPUSeconds` on top of what was used so far.
    package func renewCPUTime() {
        var used = rusage()
        unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &used)
        let seconds = used.ru_utime.tv_sec + used.ru_stime.tv_sec + 1
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_CPU.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = min(UInt(seconds + limits.stalledCPUSeconds), limit.rlim_max)
        unsafe setrlimit(__rlimit_resource_t(RLIMIT_CPU.rawValue), &limit)
    }

    private static func set(_ resource: __rlimit_resource_t, _ value: UInt) -> Bool {
        var limit = rlimit()
        guard unsafe getrlimit(resource, &limit) == 0 else { return false }
        let allowed = min(value, limit.rlim_max)
        limit = rlimit(rlim_cur: allowed, rlim_max: allowed)
        return unsafe setrlimit(resource, &limit) == 0
    }
}
