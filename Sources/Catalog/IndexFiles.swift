internal import Foundation
internal import Glibc
package import SystemPackage

/// The files of vectors that indexes may have beside the databases. They hold nothing that the databases don't, so they are in no backup, and go
/// when the databases become others.
package enum IndexFiles {
    private static let start = "vectors-"
    private static let end = ".inverted"

    package static func path(of index: IndexID, in state: FilePath) -> FilePath {
        state.appending("\(start)\(index)\(end)")
    }

    /// Removes the files, finished or not, but those of some indexes.
    package static func remove(in state: FilePath, besides kept: Set<IndexID> = []) {
        let names = Set(kept.map { "\(start)\($0)\(end)" })
        for name in all(in: state) where !names.contains(name) {
            _ = unsafe state.appending(name).withPlatformString { unsafe unlink($0) }
        }
    }

    /// What they take on disk, in bytes.
    package static func byteCount(in state: FilePath) -> Int {
        all(in: state).reduce(0) { sum, name in
            let attributes = try? FileManager.default.attributesOfItem(atPath: state.appending(name).string)
            return sum + ((attributes?[.size] as? Int) ?? 0)
        }
    }

    private static func all(in state: FilePath) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: state.string)) ?? []
        return names.filter { $0.hasPrefix(start) && ($0.hasSuffix(end) || $0.hasSuffix(end + ".new")) }
    }
}
