import API
import Foundation
import Glibc
import SystemPackage
import Testing

struct RawResponse: Sendable {
    var status: Int
    /// Names in lower case.
    var headers: [String: String]
    var body: Data

    var text: String { String(decoding: body, as: UTF8.self) }

    func decode<T: Decodable>(_ type: T.Type) throws -> T {
        try API.decoder().decode(type, from: body)
    }

    /// The code of an error body; asserts that there is a message too.
    var errorCode: String? {
        guard let error = try? decode(API.ErrorBody.self) else { return nil }
        #expect(!error.error.message.isEmpty)
        #expect(headers["content-type"] == "application/json; charset=utf-8")
        return error.error.code.rawValue
    }
}

/// A client that sends just the bytes that it is told to, on threads of its own: its calls block.
final class RawClient: Sendable {
    struct Failure: Error {
        var what: String
    }

    private let descriptor: Int32
    private let queue = DispatchQueue(label: "raw client")

    init(descriptor: Int32) {
        self.descriptor = descriptor
        var timeout = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit {
        close(descriptor)
    }

    static func connect(to path: FilePath) async throws -> RawClient {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        let client = RawClient(descriptor: descriptor)
        try await client.connect(to: path)
        return client
    }

    private func connect(to path: FilePath) async throws {
        try await block { [descriptor] in
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            let bytes = Array(path.string.utf8)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
            let result = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            guard result == 0 else { throw Failure(what: "connect: \(Errno(rawValue: errno))") }
        }
    }

    /// Connects as often as a socket that accepts nobody lets it.
    static func fillQueue(of path: FilePath) async throws -> [RawClient] {
        var clients: [RawClient] = []
        while clients.count < 5000 {
            let client = RawClient(descriptor: socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0))
            _ = fcntl(client.descriptor, F_SETFL, O_NONBLOCK)
            do {
                try await client.connect(to: path)
            } catch is Failure {
                break
            }
            clients.append(client)
        }
        return clients
    }

    static func connect(toPort port: Int) async throws -> RawClient {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        let client = RawClient(descriptor: descriptor)
        try await client.block {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = UInt16(port).bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            let result = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            guard result == 0 else { throw Failure(what: "connect: \(Errno(rawValue: errno))") }
        }
        return client
    }

    /// A port that nobody listened on a moment ago.
    static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 ? getsockname(descriptor, $0, &length) : -1
            }
        }
        guard result == 0 else { throw Failure(what: "no free port") }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    static func request(_ method: String, _ path: String, body: Data? = nil, headers: String = "") -> Data {
        var text = "\(method) \(path) HTTP/1.1\r\nHost: localhost\r\n\(headers)"
        if let body { text += "Content-Length: \(body.count)\r\n" }
        return Data((text + "\r\n").utf8) + (body ?? Data())
    }

    private func block<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Swift.Result { try body() }) }
        }
    }

    /// - Returns: How many bytes were taken: less than all when the server hung up or doesn't read.
    @discardableResult
    func send(_ data: Data) async throws -> Int {
        try await block { [descriptor] in
            data.withUnsafeBytes { buffer in
                var sent = 0
                while sent < buffer.count {
                    let count = Glibc.send(
                        descriptor, buffer.baseAddress! + sent, buffer.count - sent, Int32(MSG_NOSIGNAL))
                    guard count > 0 else { break }
                    sent += count
                }
                return sent
            }
        }
    }

    func send(_ text: String) async throws {
        try await send(Data(text.utf8))
    }

    /// - Returns: Empty at the end of the stream.
    func receive() async throws -> Data {
        try await block { [descriptor] in
            var buffer = [UInt8](repeating: 0, count: 65_536)
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count < 0, errno == ECONNRESET { return Data() }
            guard count >= 0 else { throw Failure(what: "recv: \(Errno(rawValue: errno))") }
            return Data(buffer[0..<count])
        }
    }

    /// Reads until the text has come or the stream ends.
    func receive(until text: String) async throws -> String {
        var data = Data()
        while data.range(of: Data(text.utf8)) == nil {
            let more = try await receive()
            guard !more.isEmpty else { break }
            data += more
        }
        return String(decoding: data, as: UTF8.self)
    }

    /// Reads one response whose body has a length.
    func response() async throws -> RawResponse {
        var data = Data()
        let end = Data("\r\n\r\n".utf8)
        while true {
            if let range = data.range(of: end) {
                let lines = String(decoding: data[..<range.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
                var headers: [String: String] = [:]
                for line in lines.dropFirst() {
                    let parts = line.split(separator: ":", maxSplits: 1)
                    headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
                }
                let status = Int(lines[0].split(separator: " ")[1]) ?? 0
                let length = Int(headers["content-length"] ?? "0") ?? 0
                var body = data[range.upperBound...]
                while body.count < length {
                    let more = try await receive()
                    guard !more.isEmpty else { throw Failure(what: "the body ends early") }
                    body += more
                }
                return RawResponse(status: status, headers: headers, body: Data(body.prefix(length)))
            }
            let more = try await receive()
            guard !more.isEmpty else { throw Failure(what: "the stream ends before a response") }
            data += more
        }
    }

    /// Reads one response whose body comes in chunks (RFC 9112, section 7.1).
    func chunkedResponse() async throws -> RawResponse {
        var rest = Data(try await receive(until: "\r\n\r\n").utf8)
        guard let end = rest.range(of: Data("\r\n\r\n".utf8)) else { throw Failure(what: "no head") }
        let lines = String(decoding: rest[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
        let fields = lines.dropFirst().map { line in
            let parts = line.split(separator: ":", maxSplits: 1)
            return (parts[0].lowercased(), parts[1].trimmingCharacters(in: .whitespaces))
        }
        rest = Data(rest[end.upperBound...])
        var body = Data()
        while true {
            while rest.range(of: Data("\r\n".utf8)) == nil { rest += try await moreOfChunks() }
            guard let line = rest.range(of: Data("\r\n".utf8)),
                let size = Int(String(decoding: rest[..<line.lowerBound], as: UTF8.self), radix: 16)
            else { throw Failure(what: "a chunk without a size") }
            rest = Data(rest[line.upperBound...])
            while rest.count < size + 2 { rest += try await moreOfChunks() }
            guard size > 0 else { break }
            body += rest.prefix(size)
            rest = Data(rest.dropFirst(size + 2))
        }
        return RawResponse(
            status: Int(lines[0].split(separator: " ")[1]) ?? 0,
            headers: Dictionary(fields) { first, _ in first },
            body: body
        )
    }

    private func moreOfChunks() async throws -> Data {
        let more = try await receive()
        guard !more.isEmpty else { throw Failure(what: "the last chunk is missing") }
        return more
    }

    /// Waits until the server has closed the connection, without reading what it sent.
    func waitForHangUp() async throws {
        try await block { [descriptor] in
            var watched = pollfd(fd: descriptor, events: 0, revents: 0)
            guard poll(&watched, 1, 60_000) == 1 else { throw Failure(what: "the server didn't hang up") }
        }
    }

    func closeSending() {
        shutdown(descriptor, Int32(SHUT_WR))
    }
}
