/// What a decode worker may use.
package struct WorkerLimits: Sendable, Equatable {
    /// Bytes of address space. FFmpeg's libraries alone map about 300 MiB.
    package var addressSpace: Int
    /// Seconds of CPU time without getting on in the media.
    package var stalledCPUSeconds: Int
    /// Pixels of one picture.
    package var pixels: Int

    package init(addressSpace: Int = 2 << 30, stalledCPUSeconds: Int = 120, pixels: Int = 128 << 20) {
        self.addressSpace = addressSpace
        self.stalledCPUSeconds = stalledCPUSeconds
        self.pixels = pixels
    }
}
