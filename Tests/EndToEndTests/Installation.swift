import Foundation
import SystemPackage

/// The programs under test: the ones that were built beside the test runner.
enum Installation {
    static let directory: FilePath = {
        let runner = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "/"
        return FilePath(runner).removingLastComponent()
    }()

    static var saccade: FilePath { directory.appending("saccade") }
    static var decoder: FilePath { directory.appending("saccade-decode") }
}

/// What a program that has ended left behind.
struct Outcome: Sendable {
    var status: Int32
    var output: Data
    var errors: String

    var text: String { String(decoding: output, as: UTF8.self) }

    func decoded<Value: Decodable>(_ type: Value.Type, with decoder: JSONDecoder = JSONDecoder()) throws -> Value {
        try decoder.decode(type, from: output)
    }
}

/// Runs `saccade` to its end, in an environment that knows nothing of the user's own configuration.
///
/// - Parameters:
///   - home: stands for the user's home directory.
///   - input: what the program reads; nothing if absent.
func saccade(
    _ arguments: [String], home: FilePath, environment more: [String: String] = [:], input: String? = nil
) async throws -> Outcome {
    try await run(Installation.saccade, arguments, home: home, environment: more, input: input)
}

/// Runs a program to its end, as ``saccade(_:home:environment:input:)``.
func run(
    _ program: FilePath, _ arguments: [String], home: FilePath, environment more: [String: String] = [:],
    input: String? = nil
) async throws -> Outcome {
    let process = Process()
    process.executableURL = URL(filePath: program.string)
    process.arguments = arguments
    process.environment = cleanEnvironment(home: home).merging(more) { $1 }
    process.currentDirectoryURL = URL(filePath: home.string)
    let name = UUID().uuidString
    let output = home.appending("\(name).out")
    let errors = home.appending("\(name).err")
    for file in [output, errors] { try Data().write(to: URL(filePath: file.string)) }
    let source = home.appending("\(name).in")
    defer { for file in [source, output, errors] { try? FileManager.default.removeItem(atPath: file.string) } }
    process.standardInput = FileHandle.nullDevice
    if let input {
        try Data(input.utf8).write(to: URL(filePath: source.string))
        process.standardInput = try FileHandle(forReadingFrom: URL(filePath: source.string))
    }
    // Closed here: Foundation keeps a process, and so its handles, for ever.
    let handles = try [output, errors].map { try FileHandle(forWritingTo: URL(filePath: $0.string)) }
    defer { for handle in handles { try? handle.close() } }
    process.standardOutput = handles[0]
    process.standardError = handles[1]
    try await process.runToEnd()
    return Outcome(
        status: process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus,
        output: try Data(contentsOf: URL(filePath: output.string)),
        errors: String(decoding: try Data(contentsOf: URL(filePath: errors.string)), as: UTF8.self)
    )
}

/// Only what a program needs to find its libraries and others. The kernels' core is taken out because this process has set it
/// for itself, and the program would believe that a person had.
func cleanEnvironment(home: FilePath) -> [String: String] {
    var environment = ProcessInfo.processInfo.environment.filter { name, _ in
        !name.hasPrefix("SACCADE_") && !name.hasPrefix("XDG_") && !name.hasSuffix("_DIRECTORY")
            && !["NOTIFY_SOCKET", "OPENBLAS_CORETYPE"].contains(name)
    }
    environment["HOME"] = home.string
    return environment
}

extension Process {
    func runToEnd() async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            terminationHandler = { _ in continuation.resume() }
            do {
                try run()
            } catch {
                terminationHandler = nil
                continuation.resume(throwing: error)
            }
        }
    }
}
