import API
import ArgumentParser
import Catalog
import Foundation
import Settings
import SystemPackage
import Terminal
import Threads

/// Makes the library what it was when a backup was made.
struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Make the library what it was when a backup was made; the daemon must be stopped.",
        discussion: """
            All of the backup is checked before anything changes, and then all of it is there, or nothing has changed. Media that \
            have come, moved or gone since are found when the daemon starts.

              systemctl --user stop saccade
              saccade restore library.tar --replace
              systemctl --user start saccade
            """
    )

    @Argument(help: ArgumentHelp("A file that `saccade backup` has made.", valueName: "file"), completion: .file())
    var file: String

    @Flag(help: "Give up the index that is there.")
    var replace = false

    @OptionGroup(title: "Places") var places: PlaceOptions

    func run() async throws {
        let configuration = try places.load()
        let restore = CatalogRestore(from: .absolute(file), to: configuration.state)
        let endings = HalfMade.removed(CatalogRestore.unfinishedFolder(in: configuration.state))
        defer { for ending in endings { ending.cancel() } }
        let description = try await BlockingExecutor.shared.run { [replace] in
            do {
                return try restore.run(replacing: replace)
            } catch let error as CatalogError where error.code == .locked {
                throw CommandFailure(.inUse, "\(error.message) Nothing was changed.")
            }
        }
        let created = RFC3339.format(description.created)
        Terminal.output.line(
            "\(configuration.state) is as it was at \(created): \(Quantities.bytes(description.bytes))"
                + (description.hasRerankFeatures ? "" : ", without rerank features, which are made again"))
        Terminal.error.line("Next: start the daemon, or saccade search \"…\"")
    }
}
