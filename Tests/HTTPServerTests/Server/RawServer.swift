import Foundation
import Glibc
import HTTPServer
import SystemPackage

/// A server that does to each connection what a test says, one after the other, on a thread of its own.
final class RawServer: Sendable {
    let socket: FilePath
    private let listening: ListeningSocket

    /// - Parameter body: gets each connection; it is closed when it returns.
    init(at socket: FilePath, _ body: @escaping @Sendable (Int32) -> Void) throws {
        let listening = try ListeningSocket.bind(path: socket)
        self.socket = socket
        self.listening = listening
        Thread.detachNewThread {
            var entry = pollfd(fd: listening.descriptor, events: Int16(POLLIN), revents: 0)
            while poll(&entry, 1, -1) >= 0, entry.revents & Int16(POLLIN) != 0 {
                let connection = accept(listening.descriptor, nil, nil)
                guard connection >= 0 else { break }
                body(connection)
                close(connection)
            }
            close(listening.descriptor)
        }
    }

    deinit {
        listening.file?.remove()
        shutdown(listening.descriptor, Int32(SHUT_RDWR))
    }

    /// Sends all of `text`.
    static func send(_ text: String, to connection: Int32) {
        _ = Array(text.utf8).withUnsafeBytes { Glibc.send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    }

    /// Reads until `end` has come, or there is no more.
    static func receive(until end: String, from connection: Int32) {
        var received: [UInt8] = []
        var bytes = [UInt8](repeating: 0, count: 4096)
        while received.suffix(end.utf8.count) != Array(end.utf8)[...] {
            let count = read(connection, &bytes, bytes.count)
            guard count > 0 else { return }
            received += bytes.prefix(count)
        }
    }
}
