import Catalog
import Foundation
import SystemPackage

extension FuzzTarget {
    /// A backup.
    static let backups = FuzzTarget(name: "backups") {
        let folder = FilePath(scratch.string + ".state")
        defer { try? FileManager.default.removeItem(atPath: folder.string) }
        let catalog = try Catalog(state: folder, access: .readWrite)
        defer { catalog.close() }
        return try [true, false].map { hasFeatures in
            let backup = try catalog.backup(withRerankFeatures: hasFeatures, program: "0", at: 0)
            var bytes: [UInt8] = []
            while let next = try backup.next() { bytes += next }
            return bytes
        }
    } check: { input in
        guard (try? Data(input).write(to: URL(filePath: scratch.string))) != nil else {
            fatalError("\(scratch) can't be written")
        }
        do throws(CatalogError) {
            let description = try CatalogRestore.check(scratch)
            require(description.bytes <= Int64(input.count), "a backup has what its description says")
        } catch {
            require(
                [.damaged, .foreign, .newerSchema].contains(error.code) && !error.message.isEmpty,
                "a refusal says what is wrong")
        }
    }

    /// In memory where there is such a place.
    private static let scratch = FilePath(
        (FileManager.default.fileExists(atPath: "/dev/shm") ? "/dev/shm" : "/tmp") + "/saccade-fuzz-\(getpid()).tar")
}
