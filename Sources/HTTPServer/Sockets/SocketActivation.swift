private import Glibc

/// Sockets that systemd opened for us (sd_listen_fds(3)).
package enum SocketActivation {
    private static let firstDescriptor: Int32 = 3

    /// Takes the sockets that are meant for this process, and takes their variables out of its environment, so that the
    /// decode workers don't believe that they are theirs.
    ///
    /// - Parameters:
    ///   - environment: Where `LISTEN_PID` and `LISTEN_FDS` are looked up.
    /// - Returns: None when this process wasn't activated by a socket.
    /// - Throws: `SocketError` when a descriptor isn't a listening Unix stream socket.
    package static func take(environment: [String: String]) throws(SocketError) -> [ListeningSocket] {
        defer {
            for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID"] { unsafe unsetenv(name) }
        }
        guard environment["LISTEN_PID"].flatMap({ Int32($0) }) == getpid(),
            let count = environment["LISTEN_FDS"].flatMap({ Int32($0) }), (1...64).contains(count)
        else { return [] }
        var sockets: [ListeningSocket] = []
        for descriptor in firstDescriptor..<(firstDescriptor + count) {
            sockets.append(try adopt(descriptor))
        }
        return sockets
    }

    /// Checks a descriptor from outside and makes it ours: closed on exec, not blocking.
    package static func adopt(_ descriptor: Int32) throws(SocketError) -> ListeningSocket {
        guard option(SO_DOMAIN, of: descriptor) == AF_UNIX,
            option(SO_TYPE, of: descriptor) == Int32(SOCK_STREAM.rawValue),
            option(SO_ACCEPTCONN, of: descriptor) == 1
        else {
            throw SocketError(
                .wrongDescriptor,
                "descriptor \(descriptor) is not a listening Unix stream socket; saccade.socket needs ListenStream= with a "
                    + "path, and Accept=no"
            )
        }
        let flags = fcntl(descriptor, F_GETFL)
        guard flags >= 0, fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0,
            fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0
        else { throw ListeningSocket.system("can't set up descriptor \(descriptor)") }
        return ListeningSocket(descriptor: descriptor, file: nil)
    }

    private static func option(_ name: Int32, of descriptor: Int32) -> Int32? {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        guard unsafe getsockopt(descriptor, SOL_SOCKET, name, &value, &length) == 0 else { return nil }
        return value
    }
}
