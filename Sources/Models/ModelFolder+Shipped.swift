import Foundation
package import SystemPackage

extension ModelFolder {
    /// The name of the model that comes with the program.
    package static let shippedName = "saccade-small"

    /// The folder of the model that comes with the program.
    ///
    /// `$SACCADE_MODEL`, else `../share/saccade/models/NAME` beside the program, else `models/NAME` in a folder above it: in a
    /// checkout.
    ///
    /// - Throws: ``ModelError`` that lists the places.
    package static func shipped(
        environment: [String: String] = ProcessInfo.processInfo.environment, executable: FilePath? = nil
    ) throws -> FilePath {
        if let named = environment["SACCADE_MODEL"], !named.isEmpty { return FilePath(named) }
        let name = "models/" + shippedName
        var folder =
            executable
            ?? FilePath((try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "/")
        folder.removeLastComponent()
        // From `bin`, and from `libexec/saccade`.
        let prefixes = [folder.removingLastComponent(), folder.removingLastComponent().removingLastComponent()]
        var places = prefixes.map { $0.appending("share/saccade/" + name) }
        while !folder.isEmpty {
            places.append(folder.appending(name))
            if !folder.removeLastComponent() { break }
        }
        if let found = places.first(where: {
            FileManager.default.fileExists(atPath: $0.appending("config.json").string)
        }) {
            return found
        }
        throw ModelError(
            .unreadable,
            "no model was found beside the program; give its folder with --model, SACCADE_MODEL or `model:`")
    }
}
