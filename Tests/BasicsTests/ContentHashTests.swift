import Basics
import Foundation
import SystemPackage
import TestSupport
import Testing

@Suite struct ContentHashTests {
    private func digest(of bytes: [UInt8], inPartsOf size: Int) -> String {
        var hash = ContentHash()
        for start in stride(from: 0, to: bytes.count, by: size) {
            hash.update(bytes[start..<min(start + size, bytes.count)])
        }
        return ContentHash.hexadecimal(hash.finish())
    }

    /// FIPS 180-4's examples.
    @Test(arguments: [
        ("", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        ("a", 1_000_000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
    ])
    func `The digest is SHA-256`(text: String, times: Int, digest: String) {
        let bytes = Array(String(repeating: text, count: times).utf8)
        #expect(self.digest(of: bytes, inPartsOf: 1013) == digest)
        #expect(self.digest(of: bytes, inPartsOf: max(1, bytes.count)) == digest)
    }

    @Test func `Every length around a block's end is padded to whole blocks`() async throws {
        let directory = try TemporaryDirectory()
        for count in [54, 55, 56, 57, 63, 64, 65, 119, 120, 128] {
            let bytes = [UInt8](repeating: 0x61, count: count)
            let file = try directory.write(Data(bytes), to: "\(count)")
            let output = try await TestVideo.run("sha256sum", [file.string])
            #expect(String(decoding: output, as: UTF8.self).hasPrefix(digest(of: bytes, inPartsOf: 7)))
        }
    }

    @Test func `Arrays, spans, buffers and collections without storage are hashed alike`() {
        let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let expected = digest(of: bytes, inPartsOf: 1000)
        var span = ContentHash()
        var buffer = ContentHash()
        var lazy = ContentHash()
        span.update(bytes.span.bytes)
        bytes.withUnsafeBytes { buffer.update($0) }
        lazy.update((0..<1000).lazy.map { UInt8(truncatingIfNeeded: $0 &* 7) })
        #expect(ContentHash.hexadecimal(span.finish()) == expected)
        #expect(ContentHash.hexadecimal(buffer.finish()) == expected)
        #expect(ContentHash.hexadecimal(lazy.finish()) == expected)
    }

    @Test func `Digits keep their leading zeros`() {
        #expect(ContentHash.hexadecimal([0, 1, 0xAB]) == "0001ab")
    }
}
