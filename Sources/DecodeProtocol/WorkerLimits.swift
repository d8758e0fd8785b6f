/// What a decode worker may use, and the arguments by which it is told: as with the messages, one side writes what the
/// other reads.
package struct WorkerLimits: Sendable, Equatable {
    /// Bytes of address space. FFmpeg's libraries alone map about 300 MiB.
    package var addressSpace: Int
    /// Seconds of CPU time without getting on in the media.
    package var stalledCPUSeconds: Int
    /// Pixels of one picture.
    package var pixels: Int
    /// Threads of one decoder.
    package var threads: Int
    /// Whether it has the processor and the disk only when nobody else wants them.
    package var givesWay: Bool
    /// Whether a system call that it may not make ends it, which shows where it was made, instead of failing.
    package var endsWhenRefused: Bool

    package init(
        addressSpace: Int = 2 << 30, stalledCPUSeconds: Int = 120, pixels: Int = 128 << 20, threads: Int = 2,
        givesWay: Bool = false, endsWhenRefused: Bool = false
    ) {
        self.addressSpace = addressSpace
        self.stalledCPUSeconds = stalledCPUSeconds
        self.pixels = pixels
        self.threads = threads
        self.givesWay = givesWay
        self.endsWhenRefused = endsWhenRefused
    }

    /// The worker's arguments.
    /// - Parameter parent: the process that starts it, and with which it ends.
    package func arguments(parent: Int32) -> [String] {
        [
            "--parent", "\(parent)", "--memory", "\(addressSpace)", "--cpu", "\(stalledCPUSeconds)",
            "--pixels", "\(pixels)", "--threads", "\(threads)",
        ] + (givesWay ? ["--gives-way", "1"] : []) + (endsWhenRefused ? ["--ends-when-refused", "1"] : [])
    }

    /// Reads the worker's arguments; `parent` is nil if they don't name one.
    /// - Throws: `WireError` for an option that isn't known or has no positive number.
    package static func parse(_ arguments: [String]) throws(WireError) -> (limits: WorkerLimits, parent: Int32?) {
        var limits = WorkerLimits()
        var parent: Int32?
        var rest = arguments[...]
        while let option = rest.popFirst() {
            guard let text = rest.popFirst(), let value = Int(text), value > 0 else {
                throw WireError(.content, "\(option) needs a positive number.")
            }
            switch option {
            case "--parent": parent = Int32(exactly: value)
            case "--memory": limits.addressSpace = value
            case "--cpu": limits.stalledCPUSeconds = value
            case "--pixels": limits.pixels = value
            case "--threads": limits.threads = value
            case "--gives-way": limits.givesWay = true
            case "--ends-when-refused": limits.endsWhenRefused = true
            default: throw WireError(.content, "There is no option \(option).")
            }
        }
        return (limits, parent)
    }
}
