import API
import Basics
import Client
import Foundation
import Glibc
import Settings
import SystemPackage
import Terminal

/// The folders and the socket of this configuration.
enum PlaceChecks {
    static func all(_ configuration: Configuration, socket: FilePath) async -> [Finding] {
        [state(configuration.state), space(configuration.state), await self.socket(socket, configuration.access)]
    }

    private static func state(_ path: FilePath) -> Finding {
        var information = stat()
        guard unsafe path.withPlatformString({ unsafe stat($0, &information) }) == 0 else {
            let parent = existingAncestor(of: path)
            guard access(parent, W_OK) else {
                return .wrong(
                    "state", "\(path) doesn't exist and can't be created in \(parent)",
                    do: "Change the folder's permissions, or name another with --state."
                )
            }
            return .good("state", "\(path) will be created at first use")
        }
        guard information.st_mode & S_IFMT == S_IFDIR else {
            return .wrong("state", "\(path) is not a directory", do: "Name another folder with --state.")
        }
        guard access(path, R_OK | W_OK | X_OK) else {
            return .wrong(
                "state", "\(path) isn't writable by you", do: "Change its owner, or name another with --state.")
        }
        guard information.st_mode & 0o077 == 0 else {
            return .notice(
                "state",
                "others can look into \(path) (mode \(String(information.st_mode & 0o777, radix: 8))), which tells what "
                    + "you have and search for", do: "chmod go= \(path)")
        }
        return .good("state", "\(path), mode \(String(information.st_mode & 0o777, radix: 8))")
    }

    private static func space(_ path: FilePath) -> Finding {
        let place = existingAncestor(of: path)
        guard let free = FreeSpace.bytes(in: place) else {
            return .notice("disk", "free space of \(place) is unknown", do: "Check that it is mounted.")
        }
        guard free >= 1 << 30 else {
            return .wrong(
                "disk", "\(Quantities.bytes(free)) free for the state", do: "Free 1 GB or more, or move --state.")
        }
        return .good("disk", "\(Quantities.bytes(free)) free for the state")
    }

    private static func socket(_ path: FilePath, _ access: Configuration.Access) async -> Finding {
        guard path.length <= 107 else {
            return .wrong("socket", "\(path) is longer than Linux's 107 bytes", do: "Name a shorter one with --socket.")
        }
        var information = stat()
        guard unsafe path.withPlatformString({ unsafe stat($0, &information) }) == 0 else {
            return .notice(
                "socket", "no daemon at \(path)", do: "Start one with `saccade serve` to keep folders indexed.")
        }
        let mode = String(information.st_mode & 0o777, radix: 8)
        guard information.st_mode & 0o007 == 0 || access.isGranted else {
            return .notice(
                "socket",
                "every user can connect to \(path) (mode \(mode)), although none but its owner may ask anything",
                do: "chmod go= \(path), or name who may ask with access.search_users and the like.")
        }
        let folder = path.removingLastComponent()
        var place = stat()
        if access.isGranted, unsafe folder.withPlatformString({ unsafe stat($0, &place) }) == 0,
            place.st_mode & 0o011 == 0
        {
            return .notice(
                "socket",
                "\(guests(access)), but nobody can reach \(path): its folder has mode \(String(place.st_mode & 0o777, radix: 8))",
                do: "Name a socket in a folder that they may enter with `socket` in the configuration.")
        }
        do {
            let status = try await ServiceClient(socket: path, timeout: 10).request(
                .get, "/v1/status", as: API.Status.self)
            guard status.version == ProgramVersion.text else {
                return .notice(
                    "socket", "the daemon is version \(status.version), this program \(ProgramVersion.text)",
                    do: "Restart the daemon."
                )
            }
            return .good(
                "socket", "a daemon (process \(status.pid)) answers at \(path), mode \(mode); \(guests(access))")
        } catch {
            return .wrong("socket", "nobody answers at \(path)", do: error.message)
        }
    }

    /// Who may ask besides the daemon's own user and root, as far as this user's configuration is the daemon's.
    private static func guests(_ access: Configuration.Access) -> String {
        let full = access.users + access.groups.map { "group \($0)" }
        let searching = access.searchUsers + access.searchGroups.map { "group \($0)" }
        let granted = [
            full.isEmpty ? nil : "\(full.joined(separator: ", ")) may do everything",
            searching.isEmpty ? nil : "\(searching.joined(separator: ", ")) may search",
        ].compactMap { $0 }
        return granted.isEmpty ? "only its user and root may ask" : granted.joined(separator: ", ")
    }

    private static func existingAncestor(of path: FilePath) -> FilePath {
        var place = path
        while !access(place, F_OK), place.removeLastComponent() {}
        return place.isEmpty ? FilePath.current : place
    }

    private static func access(_ path: FilePath, _ mode: Int32) -> Bool {
        unsafe path.withPlatformString { unsafe Glibc.access($0, mode) == 0 }
    }
}
