import Catalog
import FolderWatch
import Foundation
import Synchronization
import SystemPackage
import TestSupport
import Testing

@Suite struct IdentityTests {
    private func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// FIPS 180-4's examples, and the lengths around a block's end from coreutils' sha256sum.
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
        var hash = SHA256()
        let bytes = Array(String(repeating: text, count: times).utf8)
        for start in stride(from: 0, to: bytes.count, by: 1013) {
            hash.update(bytes[start..<min(start + 1013, bytes.count)])
        }
        #expect(hex(hash.finish()) == digest)
    }

    @Test func `Every length around a block's end is padded to whole blocks`() async throws {
        let directory = try TemporaryDirectory()
        for count in [54, 55, 56, 57, 63, 64, 65, 119, 120, 128] {
            let file = try directory.write(Data(repeating: 0x61, count: count), to: "\(count)")
            let output = try await TestVideo.run("sha256sum", [file.string])
            var hash = SHA256()
            hash.update([UInt8](repeating: 0x61, count: count))
            #expect(String(decoding: output, as: UTF8.self).hasPrefix(hex(hash.finish())))
        }
    }

    @Test func `Head, middle, tail and size make the identity, whatever the path`() throws {
        let directory = try TemporaryDirectory()
        let region = Int(LinuxFileSystem.regionSize)
        let base = Data((0..<(6 * region)).map { UInt8(truncatingIfNeeded: $0 / 251) })
        let files = LinuxFileSystem()
        func identity(_ change: (inout Data) -> Void = { _ in }) throws -> ContentIdentity {
            var data = base
            change(&data)
            return try files.identity(of: try directory.write(data, to: "\(UInt32.random(in: 0 ... .max))"))
        }
        let original = try identity()
        #expect(try identity() == original)
        for offset in [0, region - 1, 3 * region, 6 * region - 1] {
            #expect(try identity { $0[offset] ^= 1 } != original)
        }
        #expect(try identity { $0.append(0) } != original)
        #expect(try identity { $0[region + 5] ^= 1 } == original)
    }

    @Test(arguments: [1, 1000, 3 * 65536 - 1, 3 * 65536])
    func `A small file is hashed whole`(count: Int) throws {
        let directory = try TemporaryDirectory()
        let files = LinuxFileSystem()
        let base = Data(repeating: 7, count: count)
        let original = try files.identity(of: try directory.write(base, to: "a"))
        for offset in [0, count / 3, count / 2, 2 * count / 3, count - 1] {
            var data = base
            data[offset] ^= 1
            #expect(try files.identity(of: try directory.write(data, to: "b")) != original)
        }
    }

    @Test func `A file that is open to write is told`() throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write(Data("1".utf8), to: "a")
        let files = LinuxFileSystem()
        #expect(!files.isOpenForWriting(path))
        let writer = try FileDescriptor.open(path, .writeOnly)
        #expect(files.isOpenForWriting(path))
        try writer.close()
        #expect(!files.isOpenForWriting(path))
    }

    private final class Writing: Sendable {
        let isOver = Atomic(false)
    }

    @Test func `Who opens a file to write while that is asked doesn't end the program`() async throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write(Data("1".utf8), to: "a")
        let writing = Writing()
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                while !writing.isOver.load(ordering: .relaxed) {
                    if let writer = try? FileDescriptor.open(path, .readWrite) { try? writer.close() }
                }
            }
            for _ in 0..<20_000 { _ = LinuxFileSystem().isOpenForWriting(path) }
            writing.isOver.store(true, ordering: .relaxed)
        }
    }
}
