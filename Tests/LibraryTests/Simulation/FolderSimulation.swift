import Basics
import Catalog
import DecodeProtocol
import FolderFakes
import FolderWatch
import Foundation
import Library
import Logging
import Search
import Synchronization
import SystemPackage
import TestSupport
import Threads

/// Runs a ``FolderScenario`` beside a library, and compares what the index holds with what it must.
///
/// Passes over the folders are made one after the other, when the seed says so, some with changes in their midst; all of that is the same in
/// each run of a seed. What is indexed, and what changes meanwhile, runs beside each other, as in the daemon.
final class FolderSimulation {
    /// The index isn't what it must be.
    struct Failure: Error, CustomStringConvertible {
        var seed: UInt64
        var findings: [String]
        var log: [String]

        var description: String {
            """
            seed \(seed), after \(log.count) steps:
            \(findings.prefix(20).joined(separator: "\n"))
            what happened to it:
            \(log.filter { line in names.contains { line.contains($0) } }.suffix(60).joined(separator: "\n"))
            the last of what happened:
            \(log.suffix(80).joined(separator: "\n"))
            """
        }

        /// Paths and numbers of contents.
        private var names: Set<Substring> {
            Set(
                findings.prefix(20).flatMap { finding in
                    finding.matches(of: #/ #\d+ |/\S+/#).map { $0.output }
                })
        }
    }

    private let seed: UInt64
    private let directory: TemporaryDirectory
    private let scenario: FolderScenario
    private let disk: SimulatedDisk
    private let executor = BlockingExecutor(label: "simulation")
    /// How often each content was decoded to its end.
    private let decoded = Observed<[[UInt8]: Int]>([:])
    private var state: FilePath
    private var lives = 0
    private var library: Library
    /// What the index held when it was last compared.
    private var before: [FilePath: ContentIdentity] = [:]
    private var hiddenBefore: [FilePath: Int] = [:]
    private var lastMedia: MediaID = 0
    /// Nothing was changed while it was indexed, so that nothing is decoded twice.
    private var isCalm = true

    init(seed: UInt64) async throws {
        self.seed = seed
        directory = try TemporaryDirectory()
        let base = try FilePath.realPath(of: directory.path)
        scenario = try FolderScenario(seed: seed, base: base)
        disk = scenario.disk
        for root in scenario.roots {
            try FileManager.default.createDirectory(atPath: root.string, withIntermediateDirectories: true)
        }
        state = base.appending("state-0")
        library = try Self.open(state, scenario, decoded)
        for root in scenario.roots { _ = try await library.addRoot(root) }
    }

    private static func open(
        _ state: FilePath, _ scenario: FolderScenario, _ decoded: Observed<[[UInt8]: Int]>
    ) throws -> Library {
        let disk = scenario.disk
        let source = FakeSource { file, event in
            guard case .end = event, let content = try? disk.read(file) else { return }
            decoded.change { $0[content, default: 0] += 1 }
        } read: { path in
            (try? disk.read(path)).map { Data($0) }
        }
        var logger = Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() }
        logger.logLevel = .critical
        return try Library(
            state: state,
            model: IndexingModel(encoder: FakeEncoder(), storesRerankFeatures: false, folder: "/models/a"),
            source: source,
            settings: IngestSettings(
                decodeWorkers: 2, batchFrames: 32, batchWait: 0, rescanInterval: 1e12, tombstoneLifetime: 1e12),
            surroundings: .init(
                files: disk, watcher: disk, clock: scenario.clock, freeSpace: { _ in 1 << 40 },
                systemFiles: FakeMachine(), secondOfDay: { _ in 0 }), logger: logger)
    }

    private var catalog: Catalog { library.catalog }

    /// - Throws: ``Failure``.
    func run(operations: Int) async throws {
        try await passes(settling: true)
        while scenario.operations < operations {
            for _ in 0..<4 where scenario.operations < operations {
                try await passes(settling: false)
                try await passes(settling: true)
                try await compare()
            }
            switch scenario.below(3) {
            case 0: try await restart(after: { library.close() }, "ends and starts again")
            case 1: try await crash()
            default: try await index()
            }
            try await passes(settling: true)
            try await compare()
        }
        try await index()
        library.close()
    }

    // MARK: What happens

    private func passes(settling: Bool) async throws {
        if settling, scenario.takeRescan() { _ = try await library.rescan() }
        let (library, scenario, disk) = (library, scenario, disk)
        await executor.run {
            settling
                ? FolderSimulation.settle(library, scenario, disk) : FolderSimulation.change(library, scenario, disk)
        }
    }

    /// Some operations, with passes after some of them and in the midst of some passes.
    private static func change(_ library: Library, _ scenario: FolderScenario, _ disk: SimulatedDisk) {
        for _ in 0..<25 {
            scenario.operate()
            if scenario.isChosen(percent: 60) { disk.deliver() }
            if scenario.isChosen(percent: 50) { scenario.advance([0.01, 1, 3, 15, 40, 700][scenario.below(6)]) }
            guard scenario.isChosen(percent: 50) else { continue }
            if scenario.isChosen(percent: 30) {
                scenario.note("a pass, in its midst:")
                disk.interrupt {
                    guard scenario.isChosen(percent: 3) else { return }
                    scenario.operate()
                    if scenario.isChosen(percent: 50) { disk.deliver() }
                }
                library.pass()
                disk.interrupt(with: nil)
            } else {
                scenario.note("a pass")
                library.pass()
            }
        }
    }

    /// Everybody stops writing, and time passes.
    private static func settle(_ library: Library, _ scenario: FolderScenario, _ disk: SimulatedDisk) {
        scenario.note("all settles")
        scenario.closeAll()
        disk.deliver()
        library.pass()
        if scenario.isLimited { scenario.advance(1000) }
        for _ in 0..<5 {
            disk.deliver()
            library.pass()
            scenario.advance(11)
        }
        disk.deliver()
        library.pass()
    }

    private func restart(after end: () throws -> Void, _ what: String) async throws {
        scenario.note("the daemon \(what)")
        try end()
        disk.forgetWatches()
        for _ in 0..<scenario.below(8) { scenario.operate() }
        library = try Self.open(state, scenario, decoded)
        _ = try await library.rescan()
    }

    /// What the daemon has written is there, and no more of it.
    private func crash() async throws {
        lives += 1
        let copy = state.removingLastComponent().appending("state-\(lives)")
        try await restart(
            after: {
                try FileManager.default.copyItem(atPath: state.string, toPath: copy.string)
                library.close()
                try FileManager.default.removeItem(atPath: state.string)
                state = copy
            }, "is killed")
    }

    /// The daemon runs until all is indexed, and is started again.
    private func index() async throws {
        scenario.note("all is indexed")
        try await passes(settling: true)
        let isDisturbed = seed % 2 == 1
        let (library, scenario, disk) = (library, scenario, disk)
        async let run: Void = library.run()
        if isDisturbed {
            isCalm = false
            for _ in 0..<10 {
                scenario.operate()
                disk.deliver()
                await Task.yield()
            }
        }
        try await eventually {
            let status = try await library.status()
            let isScanned = status.scannedAt != nil && status.scanning.isEmpty
            return isScanned && status.queueDepth == 0 && status.current.isEmpty
        }
        library.stop()
        try await run
        if !isDisturbed { try compareIndexed() }
        try await restart(after: { library.close() }, "is started again")
    }

    // MARK: What must be

    private func compare() async throws {
        var findings = try await compareRoots()
        let found = try found()
        findings += try compareFiles(found) + compareWhatIsHidden(found) + compareMedia()
        try require(findings)
        before = found
        hiddenBefore = scenario.hidden
    }

    private func require(_ findings: [String]) throws {
        guard findings.isEmpty else { throw Failure(seed: seed, findings: findings, log: scenario.log) }
    }

    /// What is found, by its paths.
    private func found() throws -> [FilePath: ContentIdentity] {
        var found: [FilePath: ContentIdentity] = [:]
        for id in try catalog.media(where: .all) {
            guard let media = try catalog.media(id) else { continue }
            for place in try catalog.places(of: id) { found[place.path] = media.identity }
        }
        return found
    }

    private func isHidden(_ path: FilePath, _ hidden: [FilePath]) -> Bool { hidden.contains { path.starts(with: $0) } }

    /// What is held since so much has gone at once is what has gone, and goes when somebody confirms it.
    private func compareRoots() async throws -> [String] {
        var findings: [String] = []
        for root in try catalog.roots() {
            let isOffline = scenario.isOffline(root.path)
            if (root.state == .offline) != isOffline {
                findings.append("\(root.path) is \(root.state): \(root.reason ?? "")")
            }
            guard root.missingCount > 0, !isOffline else { continue }
            let wanted = scenario.wanted
            for file in try catalog.heldFiles(of: root.id) where wanted[file.path] != nil {
                findings.append("\(file.path) is there, and said to be missing")
            }
            scenario.note("confirmed: \(root.missingCount) files of \(root.path) have gone")
            _ = try await library.confirmRemoval(of: root.id)
        }
        return findings
    }

    private func compareFiles(_ found: [FilePath: ContentIdentity]) throws -> [String] {
        let wanted = scenario.wanted
        let hidden = Array(scenario.hidden.keys)
        var findings: [String] = []
        for (path, content) in wanted {
            guard !content.isEmpty else {
                let problem = try catalog.file(at: path)?.problem
                if problem?.code != .empty { findings.append("\(path) is not said to be empty") }
                continue
            }
            let identity = SimulatedDisk.identity(of: content)
            guard found[path] != identity else { continue }
            findings.append(
                "\(path) is \(Self.text(identity)), and the index has \(found[path].map(Self.text) ?? "nothing")")
        }
        for (path, identity) in found where wanted[path]?.isEmpty != false && !isHidden(path, hidden) {
            findings.append("\(path) is not there, and the index has \(Self.text(identity))")
        }
        return findings.sorted()
    }

    /// What can't be looked at, now and when it was last compared, is as it was.
    private func compareWhatIsHidden(_ found: [FilePath: ContentIdentity]) -> [String] {
        let hidden = Array(scenario.hidden.keys)
        let both = scenario.hidden.filter { hiddenBefore[$0.key] == $0.value }.map(\.key)
        let elsewhere = Set(found.filter { !isHidden($0.key, hidden) }.values)
        let lost = before.filter { path, identity in
            isHidden(path, both) && found[path] != identity && !elsewhere.contains(identity)
        }
        let new = found.filter { isHidden($0.key, both) && before[$0.key] == nil }
        return lost.map { "\($0.key) can't be looked at, and has left the index" }
            + new.map { "\($0.key) can't be looked at, and has come to the index" }
    }

    /// No part of a file is taken for the whole while it is written.
    private func compareMedia() throws -> [String] {
        var findings: [String] = []
        while let media = try catalog.media(lastMedia + 1) {
            lastMedia += 1
            let content = media.identity.digest
            if content.last != FolderScenario.ending, !scenario.isExcused(content) {
                findings.append("\(Self.text(media.identity)), which is a part, was taken in")
            }
        }
        return findings
    }

    private func compareIndexed() throws {
        var findings: [String] = []
        let found = try found()
        var contents: [ContentIdentity: Media] = [:]
        for id in try catalog.media(where: .all) {
            if let media = try catalog.media(id) { contents[media.identity] = media }
        }
        for (path, content) in scenario.wanted {
            guard let identity = found[path], let media = contents[identity] else { continue }
            let isFilm = content.first.map { (48...57).contains($0) } ?? false
            // What could not be read when its turn came has another one.
            guard media.state != (isFilm ? .indexed : .failed), media.problem?.retryAt == nil else { continue }
            let state = media.state.map { "\($0)" } ?? "in no index"
            findings.append("\(path) is \(state): \(media.problem?.message ?? "")")
        }
        let (clips, live) = (try catalog.statistics().clips, try library.followedLive()?.count)
        if live != clips { findings.append("\(live ?? 0) clips are found of \(clips)") }
        if isCalm {
            for (content, count) in decoded.value where count > 1 {
                findings.append("\(String(decoding: content, as: UTF8.self)) was decoded \(count) times")
            }
        }
        try require(findings)
    }

    private static func text(_ identity: ContentIdentity) -> String {
        "“\(String(decoding: identity.digest.filter { $0 != 0 }, as: UTF8.self))”"
    }
}
