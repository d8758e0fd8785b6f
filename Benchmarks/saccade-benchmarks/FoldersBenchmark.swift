import Basics
import Catalog
import FolderWatch
import Foundation
import Synchronization
import SystemPackage
import Threads

/// Scans of many small files, and directories that are renamed while they are watched: seconds of each.
///
/// Arguments: how many files, how many directories, how many of these are renamed, and the size of a file; 192 KiB are hashed of one at most.
func folders(_ arguments: [String]) throws -> [Comparison] {
    let numbers = arguments.compactMap { Int($0) }
    let (files, directories) = (numbers.first ?? 100_000, numbers.count > 1 ? numbers[1] : 20_000)
    let renames = min(directories, numbers.count > 2 ? numbers[2] : 5000)
    let size = max(8, numbers.count > 3 ? numbers[3] : 8192)
    let home = FileManager.default.temporaryDirectory.appendingPathComponent("saccade-folders-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: home) }
    let folder = home.appendingPathComponent("root")
    for directory in 0..<directories {
        try FileManager.default.createDirectory(
            at: folder.appendingPathComponent("\(directory / 100)/\(directory)"), withIntermediateDirectories: true)
    }
    for file in 0..<files {
        let directory = file % directories
        var bytes = Data(repeating: UInt8(truncatingIfNeeded: file), count: size)
        bytes.replaceSubrange(0..<8, with: withUnsafeBytes(of: file) { Data($0) })
        let place = folder.appendingPathComponent("\(directory / 100)/\(directory)/\(file).mp4")
        try bytes.write(to: place)
    }
    print("\(files) files of \(size) bytes in \(directories) directories")
    let root = try FilePath.realPath(of: FilePath(folder.path))
    let catalog = try Catalog(state: FilePath(home.appendingPathComponent("state").path), access: .readWrite)
    defer { catalog.close() }
    _ = try catalog.prepareIndex(digest: "none", dimensions: 4, storesRerankFeatures: false, model: nil, at: 0)
    let record = try catalog.addRoot(root, device: nil, at: 0)
    func measure(_ what: String, _ body: () throws -> Void) rethrows {
        let began = ContinuousClock.now
        try body()
        let seconds = Double((ContinuousClock.now - began) / .milliseconds(1)) / 1000
        print("\(what.padding(toLength: 34, withPad: " ", startingAt: 0)) \(String(format: "%8.2f s", seconds))")
    }
    func scanner(_ watcher: some DirectoryWatcher) -> FolderScanner {
        FolderScanner(
            catalog: catalog, files: LinuxFileSystem(), watcher: watcher, clock: SystemClock(),
            settings: FolderSettings(settleTime: 0), catchUp: {}, report: { _ in })
    }
    let first = scanner(try InotifyWatcher())
    try measure("first scan") { try first.scan(ScanScope(roots: [record.id])) }
    let watcher = try InotifyWatcher()
    let second = scanner(watcher)
    try measure("scan after a restart") { try second.scan(ScanScope(roots: [record.id])) }
    print("  files known, watches: \(try catalog.roots().first?.fileCount ?? 0), \(watcher.count)")
    // Their files are known by their stamps, so that the scan follows them.
    let told = DispatchSemaphore(value: 0)
    watcher.onHint { told.signal() }
    try measure("renames, as the kernel tells them") {
        for directory in 0..<renames {
            let place = folder.appendingPathComponent("\(directory / 100)")
            try FileManager.default.moveItem(
                at: place.appendingPathComponent("\(directory)"), to: place.appendingPathComponent("moved-\(directory)")
            )
        }
        // Each renamed directory gives up its watch, unless the kernel's queue has overflowed.
        let (wanted, deadline) = (directories + (directories + 99) / 100 + 1 - renames, DispatchTime.now() + 60)
        while watcher.count > wanted, DispatchTime.now() < deadline { _ = told.wait(timeout: .now() + 0.01) }
    }
    let hints = watcher.takeHints()
    try measure("their scan\(hints.overflowed ? ", of everything" : "")") {
        try second.scan(
            ScanScope(
                roots: hints.overflowed ? [record.id] : [], trees: hints.trees, directories: hints.directories))
    }
    print("  files known: \(try catalog.roots().first?.fileCount ?? 0)")
    return []
}
