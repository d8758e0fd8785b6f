internal import Foundation
internal import SystemPackage

/// Databases that a restore has unpacked and checked, on their way into the state folder.
///
/// The folder gets the name `restored` when it is whole; from then on the state is what is in it, whatever happens: who opens
/// the state next to write moves on what isn't moved yet.
struct RestoredFiles {
    let state: FilePath

    var half: FilePath { state.appending("restoring") }
    var whole: FilePath { state.appending("restored") }
    /// In the order in which they are moved.
    static let names = ["memories.sqlite", "catalog.sqlite"]

    private var isWhole: Bool { DatabaseFile.isThere(whole.string) }

    /// Lets what was restored take the place of what is there, and forgets a restore that was cut short before it was whole.
    func finish() throws(CatalogError) {
        try? FileManager.default.removeItem(atPath: half.string)
        guard isWhole else { return }
        IndexFiles.remove(in: state)
        do {
            for name in Self.names where DatabaseFile.isThere(whole.appending(name).string) {
                let file = state.appending(name)
                // The old log must not be taken for one of the new file.
                DatabaseFile.removeLog(of: file)
                try DatabaseFile.move(whole.appending(name), to: file)
            }
            try FileManager.default.removeItem(atPath: whole.string)
        } catch {
            throw CatalogError(.unreadable, "What was restored in \(whole) can't be moved to \(state): \(error)")
        }
    }

    /// - Throws: ``CatalogError`` `busy` when the state is partly what it was before a restore.
    func requireFinished() throws(CatalogError) {
        guard isWhole else { return }
        throw CatalogError(
            .busy, "A restore of \(state) was interrupted: start the daemon or run `saccade index`, which finishes it.")
    }
}
