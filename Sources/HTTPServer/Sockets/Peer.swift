private import Glibc
import Logging
import NIOCore

/// Who is at the other end of a connection.
enum Peer: Sendable, Equatable {
    /// The process that connected, as the kernel knows it (`SO_PEERCRED`, unix(7)).
    case process(pid: Int32, user: UInt32, group: UInt32)
    case address(String)
    case unknown

    static func of(_ channel: any Channel) async -> Peer {
        guard case .unixDomainSocket = channel.localAddress, let options = channel as? any SocketOptionProvider else {
            return channel.remoteAddress.map { .address("\($0)") } ?? .unknown
        }
        let option = NIOBSDSocket.Option(rawValue: SO_PEERCRED)
        guard
            let found: PeerCredentials = try? await options.unsafeGetSocketOption(level: .socket, name: option)
                .get(),
            found.pid > 0
        else { return .unknown }
        return .process(pid: found.pid, user: found.user, group: found.group)
    }

    var metadata: Logger.Metadata {
        switch self {
        case .process(let pid, let user, let group): ["pid": "\(pid)", "uid": "\(user)", "gid": "\(group)"]
        case .address(let address): ["peer": "\(address)"]
        case .unknown: ["peer": "unknown"]
        }
    }
}

/// The kernel's `struct ucred`, which glibc's headers show to GNU sources only.
private struct PeerCredentials: Sendable {
    var pid: Int32
    var user: UInt32
    var group: UInt32
}
