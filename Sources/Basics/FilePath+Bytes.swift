package import SystemPackage

extension FilePath {
    /// The path's bytes, without the terminating zero; they need not be UTF-8.
    package var bytes: [UInt8] {
        unsafe withPlatformString { pointer in
            var bytes: [UInt8] = []
            var index = 0
            while unsafe pointer[index] != 0 {
                bytes.append(UInt8(bitPattern: unsafe pointer[index]))
                index += 1
            }
            return bytes
        }
    }

    /// A path of any bytes; ends at the first zero.
    package init(bytes: some Sequence<UInt8>) {
        var terminated = bytes.prefix { $0 != 0 }.map { CChar(bitPattern: $0) }
        terminated.append(0)
        self = unsafe terminated.withUnsafeBufferPointer { unsafe FilePath(platformString: $0.baseAddress!) }
    }
}
