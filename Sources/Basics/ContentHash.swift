internal import CCrypto

/// SHA-256 (FIPS 180-4) of bytes that come in parts: the one hash of content, for media and for models.
///
/// libcrypto computes it, with the processor's own instructions where it has them.
@safe
package struct ContentHash: ~Copyable {
    /// Bytes of a digest.
    package static let size = 32

    private let context: OpaquePointer

    package init() {
        guard let context = unsafe EVP_MD_CTX_new() else { fatalError("there is no memory left for a hash") }
        unsafe self.context = unsafe context
        check(unsafe EVP_DigestInit_ex(context, EVP_sha256(), nil))
    }

    deinit { unsafe EVP_MD_CTX_free(context) }

    /// Adds bytes. O(n).
    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        check(unsafe EVP_DigestUpdate(context, start, bytes.count))
    }

    /// Adds bytes. O(n).
    package mutating func update(_ bytes: RawSpan) {
        unsafe bytes.withUnsafeBytes { unsafe update($0) }
    }

    /// Adds bytes. O(n).
    package mutating func update(_ bytes: some Collection<UInt8>) {
        let isDone: Void? = bytes.withContiguousStorageIfAvailable { unsafe update(UnsafeRawBufferPointer($0)) }
        if isDone == nil { unsafe Array(bytes).withUnsafeBytes { unsafe update($0) } }
    }

    /// The digest of all bytes that were added: ``size`` bytes.
    package consuming func finish() -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: Self.size) { digest, count in
            check(unsafe EVP_DigestFinal_ex(context, digest.baseAddress, nil))
            count = Self.size
        }
    }

    /// Bytes as hexadecimal digits, two a byte.
    package static func hexadecimal(_ bytes: some Collection<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// libcrypto refuses SHA-256 only where its configuration forbids it, and then nothing here can have a name.
    private func check(_ status: Int32) {
        guard status == 1 else { fatalError("libcrypto refused to compute SHA-256; check its configuration") }
    }
}
