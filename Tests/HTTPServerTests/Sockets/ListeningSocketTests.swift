import Foundation
import Glibc
import HTTPServer
import SystemPackage
import TestSupport
import Testing

struct ListeningSocketTests {
    private func failure(_ body: () throws -> Void) -> SocketError.Code? {
        do {
            try body()
            return nil
        } catch {
            return (error as? SocketError)?.code
        }
    }

    @Test(arguments: [(false, 0o600), (true, 0o666)])
    func `the socket is its owner's alone unless others may ask, and missing directories are made`(
        isForOthers: Bool, mode: mode_t
    ) throws {
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("deep/er/s")
        let socket = try ListeningSocket.bind(path: path, isForOthers: isForOthers)
        defer { close(socket.descriptor) }
        var status = stat()
        #expect(lstat(path.string, &status) == 0)
        #expect(status.st_mode & 0o777 == mode)
        socket.file?.remove()
        #expect(lstat(path.string, &status) != 0)
    }

    @Test func `a stale socket file is replaced`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("s")
        close(try ListeningSocket.bind(path: path).descriptor)
        #expect(try !Self.canConnect(path))
        let second = try ListeningSocket.bind(path: path)
        defer { close(second.descriptor) }
        #expect(try Self.canConnect(path))
    }

    @Test func `a socket that is answered is left alone`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("s")
        let first = try ListeningSocket.bind(path: path)
        defer { close(first.descriptor) }
        #expect(failure { _ = try ListeningSocket.bind(path: path) } == .inUse)
        #expect(try ListeningSocketTests.canConnect(path))
    }

    @Test func `a file that is no socket is left alone`() throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write(Data("precious".utf8), to: "s")
        #expect(failure { _ = try ListeningSocket.bind(path: path) } == .notASocket)
        #expect(try Data(contentsOf: URL(filePath: path.string)) == Data("precious".utf8))
    }

    @Test func `a path that is too long for the kernel says so`() throws {
        let path = FilePath("/tmp/" + String(repeating: "x", count: 103))
        #expect(failure { _ = try ListeningSocket.bind(path: path) } == .pathTooLong)
    }

    @Test func `the file of a successor is not removed`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("s")
        let first = try ListeningSocket.bind(path: path)
        close(first.descriptor)
        let second = try ListeningSocket.bind(path: path)
        defer { close(second.descriptor) }
        first.file?.remove()
        #expect(try ListeningSocketTests.canConnect(path))
    }

    @Test func `a passed descriptor serves requests`() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("s")
        let passed = try SocketActivation.adopt(ListeningSocket.bind(path: path).descriptor)
        #expect(passed.file == nil)
        try await RunningServer.run(listener: .unix(passed)) { _ async throws in
            let client = try await RawClient.connect(to: path)
            try await client.send(RawClient.request("GET", "/v1/clips/7"))
            #expect(try await client.response().status == 200)
        }
        var status = stat()
        #expect(lstat(path.string, &status) == 0, "the file belongs to whoever passed the socket")
    }

    @Test func `a passed descriptor that is no listening Unix socket is refused`() throws {
        var pair: [Int32] = [0, 0]
        #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0)
        defer { for descriptor in pair { close(descriptor) } }
        #expect(failure { _ = try SocketActivation.adopt(pair[0]) } == .wrongDescriptor)
        let file = open("/dev/null", O_RDONLY)
        defer { close(file) }
        #expect(failure { _ = try SocketActivation.adopt(file) } == .wrongDescriptor)
    }

    @Test func `sockets that are meant for another process are not taken`() throws {
        #expect(try SocketActivation.take(environment: ["LISTEN_PID": "1", "LISTEN_FDS": "1"]).isEmpty)
        #expect(try SocketActivation.take(environment: [:]).isEmpty)
        #expect(try SocketActivation.take(environment: ["LISTEN_PID": "\(getpid())", "LISTEN_FDS": "-3"]).isEmpty)
    }

    static func canConnect(_ path: FilePath) throws -> Bool {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.string.utf8)) }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
    }
}
