import Basics
import ArgumentParser
import Catalog
import Client
import Foundation
import Settings
import Synchronization
import SystemPackage
import Terminal
import Threads

/// Keeps everything that is in the databases in one file.
struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Write the library as it is now into one file, while searches and indexing go on.",
        discussion: """
            The file has folders, media, clips, vectors, words, saved searches and which model was chosen; not the media, the model \
            folders, the configuration file, thumbnails and previews. It is a tar file with digests. Without a daemon the \
            databases are read directly.

              saccade backup library.tar
              saccade backup library.tar --without-rerank-features
              saccade restore library.tar
            """
    )

    @Argument(help: ArgumentHelp("The file to write.", valueName: "file"), completion: .file())
    var file: String

    @Flag(help: "Leave the rerank features out, most of the bytes; after a restore they are made again from the media.")
    var withoutRerankFeatures = false

    @Flag(help: "Overwrite the file.")
    var replace = false

    @OptionGroup(title: "Places") var places: PlaceOptions

    func run() async throws {
        let configuration = try places.load()
        let file = FilePath.absolute(file)
        guard replace || !FileManager.default.fileExists(atPath: file.string) else {
            throw CommandFailure(.output, "\(file) exists already: name another file, or give --replace.")
        }
        let partial = FilePath(file.string + ".partial")
        let endings = HalfMade.removed(partial)
        defer { for ending in endings { ending.cancel() } }
        do {
            try await write(partial, configuration)
            let description = try await BlockingExecutor.shared.run {
                let description = try CatalogRestore.check(partial)
                try Self.rename(partial, to: file)
                return description
            }
            report(description, file)
        } catch {
            try? FileManager.default.removeItem(atPath: partial.string)
            throw error
        }
    }

    private func write(_ partial: FilePath, _ configuration: Settings.Configuration) async throws {
        let output = try Output(partial)
        let client = ServiceClient(socket: places.socketToAsk(configuration))
        do throws(ClientError) {
            try await client.download("/v1/backup?rerank_features=\(!withoutRerankFeatures)") { output.put($0) }
        } catch {
            guard error.code == .unavailable else { throw error }
            guard FileManager.default.fileExists(atPath: Catalog.catalogFile(in: configuration.state).string) else {
                throw CommandFailure(.noInput, "There is no index in \(configuration.state), and \(error.message)")
            }
            try await BlockingExecutor.shared.run { [withoutRerankFeatures] in
                try Self.readDirectly(
                    configuration.state, withRerankFeatures: !withoutRerankFeatures, into: output)
            }
        }
        try await BlockingExecutor.shared.run { try output.finish() }
    }

    /// Reads the databases themselves, where no daemon runs.
    private static func readDirectly(
        _ state: FilePath, withRerankFeatures hasFeatures: Bool, into output: Output
    ) throws {
        let catalog = try Catalog(state: state, access: .readWrite)
        defer { catalog.close() }
        for notice in catalog.notices { Terminal.error.line("saccade: \(notice)") }
        let backup = try catalog.backup(
            withRerankFeatures: hasFeatures, program: ProgramVersion.text, at: Date().timeIntervalSince1970)
        defer { backup.end() }
        while let bytes = try backup.next(), output.put(bytes) {}
    }

    private static func rename(_ partial: FilePath, to file: FilePath) throws {
        let status = unsafe partial.withPlatformString { from in
            unsafe file.withPlatformString { unsafe Foundation.rename(from, $0) }
        }
        guard status == 0 else {
            throw CommandFailure(.output, "\(file) can't be written: \(Errno(rawValue: errno))")
        }
    }

    private func report(_ description: BackupDescription, _ file: FilePath) {
        let what = description.hasRerankFeatures ? "" : ", without rerank features"
        Terminal.output.line("\(Terminal.printable(file.string)): \(Quantities.bytes(description.bytes))\(what)")
        Terminal.error.line("Not in it are the media, the folders of models, and the configuration file.")
    }
}

/// The file that is being written.
private final class Output: Sendable {
    private let path: FilePath
    private let file: FileDescriptor
    private let failure = Mutex<(any Error)?>(nil)

    init(_ path: FilePath) throws {
        self.path = path
        do {
            file = try FileDescriptor.open(
                path, .writeOnly, options: [.create, .truncate, .closeOnExec], permissions: .ownerReadWrite)
        } catch {
            throw CommandFailure(.output, "\(path) can't be written: \(error)")
        }
    }

    deinit { try? file.close() }

    /// - Returns: whether more may come.
    func put(_ bytes: [UInt8]) -> Bool {
        do {
            try file.writeAll(bytes)
            return true
        } catch {
            failure.withLock { $0 = error }
            return false
        }
    }

    /// Has all of it on the disk.
    ///
    /// - Throws: why it could not be written.
    func finish() throws {
        var failure = failure.withLock { $0 }
        if failure == nil, fsync(file.rawValue) != 0 { failure = Errno(rawValue: errno) }
        guard let failure else { return }
        let isFull = (failure as? Errno).map { [.noSpace, .diskQuotaExceeded].contains($0) } ?? false
        throw CommandFailure(
            .output,
            isFull
                ? "No space is left for \(path): free some, or name another place. Nothing was kept."
                : "\(path) can't be written: \(failure). Nothing was kept.")
    }
}
