import CLinux
import Glibc

/// What keeps a decode worker from everything but the descriptors that it was given.
///
/// A decoder that a file has taken over can then compute, and say things to the daemon, and nothing else: it opens no file, begins no program, reaches no
/// other process and no network. A kernel or container without one of the layers leaves the others; `saccade doctor` tells which there are.
package struct Confinement: Sendable, Equatable {
    /// The version of Landlock that refuses all paths; nil where there is none.
    package let landlock: Int?
    /// Whether system calls are filtered.
    package let filtersCalls: Bool

    /// Confines this process for good, once its libraries are loaded and its limits are set (``ProcessLimits``), and before it has other threads.
    ///
    /// - Parameter endsWhenRefused: see ``WorkerLimits/endsWhenRefused``.
    package static func enter(endsWhenRefused: Bool) -> Confinement {
        // Also keeps other workers, which have the same user, from this one.
        saccade_refuse_tracing()
        let version = saccade_refuse_paths()
        let filters = saccade_allow_decoding_only(endsWhenRefused) == 0
        return Confinement(landlock: version > 0 ? Int(version) : nil, filtersCalls: filters)
    }
}
