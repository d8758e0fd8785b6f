private import Glibc
package import Settings

/// What somebody may do with the daemon.
package enum Access: Sendable, Equatable {
    /// Search, and look at what is found and at the daemon's state.
    case search
    /// That, and change what is watched, kept and used.
    case full
}

/// Who may do what over the Unix socket, by the user and the groups that the kernel names: not by what the file's mode lets connect.
///
/// The daemon's own user and root may do everything. Nobody else may do anything that the configuration doesn't grant.
package struct SocketAccess: Sendable {
    private let users: Set<UInt32>
    private let groups: Set<UInt32>
    private let searchUsers: Set<UInt32>
    private let searchGroups: Set<UInt32>

    /// Grants what is named, and nothing else.
    package init(
        users: Set<UInt32> = [], groups: Set<UInt32> = [], searchUsers: Set<UInt32> = [], searchGroups: Set<UInt32> = []
    ) {
        self.users = users
        self.groups = groups
        self.searchUsers = searchUsers
        self.searchGroups = searchGroups
    }

    /// Looks the configured names up. Blocking.
    ///
    /// - Throws: `ConfigurationError` for a user or a group that this system doesn't know.
    package init(_ settings: Configuration.Access = Configuration.Access()) throws(ConfigurationError) {
        self.init(
            users: try Self.users(settings.users, "access.users").union([geteuid(), 0]),
            groups: try Self.groups(settings.groups, "access.groups"),
            searchUsers: try Self.users(settings.searchUsers, "access.search_users"),
            searchGroups: try Self.groups(settings.searchGroups, "access.search_groups"))
    }

    /// - Parameter groups: all that the process is in.
    /// - Returns: nil for somebody who may do nothing.
    package func access(user: UInt32, groups: some Sequence<UInt32>) -> Access? {
        if users.contains(user) || groups.contains(where: self.groups.contains) { return .full }
        return searchUsers.contains(user) || groups.contains(where: searchGroups.contains) ? .search : nil
    }

    func access(of peer: Peer) -> Access? {
        guard case .process(_, let user, let groups) = peer else { return nil }
        return access(user: user, groups: groups)
    }

    private static func users(_ names: [String], _ key: String) throws(ConfigurationError) -> Set<UInt32> {
        try identifiers(names, key, "user") { name in unsafe getpwnam(name).map { unsafe $0.pointee.pw_uid } }
    }

    private static func groups(_ names: [String], _ key: String) throws(ConfigurationError) -> Set<UInt32> {
        try identifiers(names, key, "group") { name in unsafe getgrnam(name).map { unsafe $0.pointee.gr_gid } }
    }

    private static func identifiers(
        _ names: [String], _ key: String, _ kind: String, _ find: (String) -> UInt32?
    ) throws(ConfigurationError) -> Set<UInt32> {
        var found: Set<UInt32> = []
        for name in names {
            guard let identifier = find(name) ?? UInt32(name) else {
                throw ConfigurationError(
                    .invalidValue, origin: key,
                    message:
                        "there is no \(kind) “\(name)” on this system; `getent \(kind == "user" ? "passwd" : "group")` lists them"
                )
            }
            found.insert(identifier)
        }
        return found
    }
}
