internal import CKernels
internal import Glibc

/// How many threads share one computation.
package enum ThreadCount {
    /// `SACCADE_THREADS`, at most 256; else the number of processors that this process may run on. Read once.
    package static let configured: Int = {
        if let text = unsafe getenv("SACCADE_THREADS"), let wanted = unsafe Int(String(cString: text)), wanted > 0 {
            return min(wanted, 256)
        }
        return max(1, Int(saccade_processor_count()))
    }()
}
