private import Glibc
import Logging
import NIOCore

/// Who is at the other end of a connection.
enum Peer: Sendable, Equatable {
    /// The process that connected, as the kernel knows it (`SO_PEERCRED` and `SO_PEERGROUPS`, unix(7)). The first of its groups is the one that it
    /// acts for.
    case process(pid: Int32, user: UInt32, groups: [UInt32])
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
        return .process(pid: found.pid, user: found.user, groups: [found.group] + (await others(options)))
    }

    /// `SO_PEERGROUPS` of asm-generic/socket.h, which glibc's headers don't show to Swift.
    private static let peerGroups: Int32 = 59

    /// The groups that the process is in beside the one that it acts for; none where the kernel is older than 4.13, or there are more than 1024.
    private static func others(_ options: any SocketOptionProvider) async -> [UInt32] {
        let found: InlineArray<1024, UInt32>? = try? await options.unsafeGetSocketOption(
            level: .socket, name: NIOBSDSocket.Option(rawValue: peerGroups)
        ).get()
        guard let found else { return [] }
        // NIO gives the room back as it was filled, over zeros: root's group is only seen where it is the one that the process acts for.
        return found.indices.map { found[$0] }.filter { $0 != 0 }
    }

    var metadata: Logger.Metadata {
        switch self {
        case .process(let pid, let user, let groups):
            ["pid": "\(pid)", "uid": "\(user)", "gid": "\(groups.first.map { "\($0)" } ?? "")"]
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
