import Dispatch
import Foundation
import SystemPackage

/// A file or a folder that is of no use until it has its name.
enum HalfMade {
    /// Attempts, since files may be added meanwhile.
    private static let attempts = 100

    /// Has SIGINT and SIGTERM remove it before they end the program.
    static func removed(_ path: FilePath) -> [any DispatchSourceSignal] {
        [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { @Sendable in
                for _ in 0..<attempts where FileManager.default.fileExists(atPath: path.string) {
                    try? FileManager.default.removeItem(atPath: path.string)
                }
                // What a shell reports of a program that the signal has ended.
                _exit(128 + number)
            }
            source.resume()
            return source
        }
    }
}
