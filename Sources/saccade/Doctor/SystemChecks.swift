import CKernels
import COpenBLAS
import Foundation
import SystemPackage
import Terminal
import Threads

/// The machine: processor, kernels, limits of the system.
enum SystemChecks {
    static func all() -> [Finding] {
        [kernels(), blas(), watches(), openFiles()]
    }

    private static func kernels() -> Finding {
        let used = unsafe String(cString: saccade_simd_name(saccade_simd_detected()))
        let best = unsafe String(cString: saccade_simd_name(saccade_simd_supported()))
        if used != best {
            return .notice(
                "kernels", "\(used); this processor supports \(best)",
                do: "SACCADE_SIMD is set in the environment: unset it for full speed."
            )
        }
        if used == "scalar" {
            return .notice(
                "kernels", "scalar", do: "This processor has neither AVX2 nor AVX-512: indexing will be slow.")
        }
        return .good("kernels", "\(used), \(Quantities.count(ThreadCount.configured, "thread"))")
    }

    private static func blas() -> Finding {
        guard saccade_blas_load() else {
            let reason = unsafe String(cString: saccade_blas_failure())
            return .wrong("OpenBLAS", reason, do: "Install libopenblas0 (Debian: apt-get install libopenblas0).")
        }
        let core = unsafe String(cString: saccade_blas_core_name())
        let wanted = unsafe String(cString: saccade_blas_wanted_core())
        if saccade_blas_core_is_users() {
            return .notice(
                "OpenBLAS", "core \(core)",
                do: "OPENBLAS_CORETYPE is set in the environment: unset it to let Saccade choose.")
        }
        if !wanted.isEmpty, wanted.lowercased() != core.lowercased() {
            return .notice(
                "OpenBLAS", "core \(core), although \(wanted) was requested",
                do: "The library has no kernels for this processor: install a newer libopenblas0 for full speed."
            )
        }
        return .good("OpenBLAS", "core \(core)")
    }

    /// Each watched directory takes one watch.
    private static func watches() -> Finding {
        guard let limit = kernelNumber("fs/inotify/max_user_watches") else {
            return .wrong(
                "inotify", "the kernel's limits can't be read",
                do: "Changes may only be found by rescans; see ingest.rescan_seconds."
            )
        }
        let detail = "up to \(Quantities.count(limit)) directories can be watched"
        guard limit >= 8192 else {
            return .notice(
                "inotify", detail,
                do: "Raise it for large trees: sysctl fs.inotify.max_user_watches=524288 (in /etc/sysctl.d to stay)."
            )
        }
        return .good("inotify", detail)
    }

    private static func openFiles() -> Finding {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return .notice("open files", "the limit can't be read", do: "Nothing to do unless files fail to open.")
        }
        let count = Int(clamping: limit.rlim_cur)
        guard count >= 1024 else {
            return .notice("open files", "at most \(count)", do: "Raise it to 1024 or more: ulimit -n 1024.")
        }
        return .good("open files", "at most \(Quantities.count(count))")
    }

    private static func kernelNumber(_ name: String) -> Int? {
        guard let text = try? String(contentsOfFile: "/proc/sys/\(name)", encoding: .utf8) else { return nil }
        return Int(text.trimmingCharacters(in: .whitespacesAndNewlines))
    }
}
