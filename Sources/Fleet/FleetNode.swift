internal import Basics
internal import Foundation
package import SystemPackage

/// Which node this is. The id is made once and kept in the state folder.
package struct FleetNode: Sendable, Equatable {
    /// 32 hexadecimal digits.
    package let id: String
    /// What people call it.
    package let name: String
    /// The URL under which others reach its HTTP listener, if they do.
    package let address: String?

    package init(id: String, name: String, address: String?) {
        self.id = id
        self.name = name
        self.address = address
    }

    static func file(in state: FilePath) -> FilePath { state.appending("fleet-node") }

    /// The node of a state folder.
    ///
    /// - Parameter name: nil for the machine's.
    /// - Throws: ``PostgresError`` where the file can't be read or made, or holds something else.
    package init(state: FilePath, name: String?, address: String?) throws {
        let file = Self.file(in: state)
        self.name = name ?? ProcessInfo.processInfo.hostName
        self.address = address
        if let text = try? String(contentsOfFile: file.string, encoding: .utf8) {
            let id = text.trimmingCharacters(in: .whitespacesAndNewlines)
            guard id.utf8.count == 32, id.allSatisfy(\.isHexDigit) else {
                throw PostgresError(
                    state: "22000", "\(file) is no node's id: remove it, and the node joins the fleet as a new one.")
            }
            self.id = id
            return
        }
        let id = ContentHash.hexadecimal((0..<16).map { _ in UInt8.random(in: 0 ... .max) })
        do {
            try Data("\(id)\n".utf8).write(to: URL(filePath: file.string), options: .atomic)
        } catch {
            throw PostgresError(state: "58030", "\(file) can't be written: \(error.localizedDescription)")
        }
        self.id = id
    }
}
