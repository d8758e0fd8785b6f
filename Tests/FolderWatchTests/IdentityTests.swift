import Catalog
import FolderWatch
import Foundation
import Synchronization
import SystemPackage
import TestSupport
import Testing

@Suite struct IdentityTests {
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
