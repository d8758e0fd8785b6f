import Catalog
import DecodeProtocol
import Foundation
import Ingest
import Models
import Synchronization
import SystemPackage

/// Time that stands still until it is moved; who sleeps wakes when it is moved far enough.
final class ManualClock: IngestClock {
    private struct State {
        var now: Timestamp
        var sleepers: [UUID: (until: Timestamp, continuation: CheckedContinuation<Void, any Error>)] = [:]
    }

    private let state: Mutex<State>

    /// - Parameter ahead: of the system's time, in seconds; far enough ahead, every real file is settled.
    init(ahead: Double = 1000) {
        state = Mutex(State(now: Date().timeIntervalSince1970 + ahead))
    }

    var now: Timestamp { state.withLock { $0.now } }

    func advance(_ seconds: Double) {
        let due = state.withLock { state in
            state.now += seconds
            let due = state.sleepers.filter { $0.value.until <= state.now }
            for key in due.keys { state.sleepers[key] = nil }
            return due.values.map(\.continuation)
        }
        for continuation in due { continuation.resume() }
    }

    func sleep(seconds: Double) async throws {
        let key = UUID()
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let isOver = state.withLock { state in
                    guard !Task.isCancelled else { return true }
                    state.sleepers[key] = (state.now + seconds, continuation)
                    return false
                }
                if isOver { continuation.resume(throwing: CancellationError()) }
            }
        } onCancel: {
            let sleeper = state.withLock { $0.sleepers.removeValue(forKey: key) }
            sleeper?.continuation.resume(throwing: CancellationError())
        }
    }
}

/// The real file system, except for what a test says.
final class FaultyFileSystem: FileSystem {
    struct Faults {
        var unreadable: Set<FilePath> = []
        var unlistable: Set<FilePath> = []
        var missing: Set<FilePath> = []
        /// Can't be looked at, though they are listed.
        var concealed: Set<FilePath> = []
        var open: Set<FilePath> = []
        /// Device of everything below a directory.
        var devices: [FilePath: UInt64] = [:]
        /// When everything last changed.
        var changedAt: Timestamp?
    }

    let faults = Mutex(Faults())
    private let real = LinuxFileSystem()

    func attributes(of path: FilePath, followsLinks: Bool) throws(Errno) -> FileAttributes {
        let faults = faults.withLock { $0 }
        guard !faults.missing.contains(where: { path.starts(with: $0) }) else { throw .noSuchFileOrDirectory }
        guard !faults.concealed.contains(path) else { throw .permissionDenied }
        var attributes = try real.attributes(of: path, followsLinks: followsLinks)
        for (directory, device) in faults.devices where path.starts(with: directory) {
            attributes.stamp.device = device
        }
        if let time = faults.changedAt { attributes.changedAt = time }
        return attributes
    }

    func entries(of directory: FilePath) throws(Errno) -> [DirectoryEntry] {
        let faults = faults.withLock { $0 }
        guard !faults.missing.contains(where: { directory.starts(with: $0) }) else { throw .noSuchFileOrDirectory }
        guard !faults.unlistable.contains(directory) else { throw .permissionDenied }
        return try real.entries(of: directory).filter { !faults.missing.contains(directory.appending($0.name)) }
    }

    func identity(of file: FilePath) throws(Errno) -> ContentIdentity {
        guard !faults.withLock({ $0.unreadable.contains(file) }) else { throw .permissionDenied }
        return try real.identity(of: file)
    }

    func isOpenForWriting(_ file: FilePath) -> Bool { faults.withLock { $0.open.contains(file) } }
}

/// Remembers what is watched, and tells what a test says.
final class FakeWatcher: DirectoryWatcher {
    private struct State {
        var watched: Set<FilePath> = []
        var limit = Int.max
        var hints = WatchHints()
        var onHint: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    init(limit: Int = .max) {
        state.withLock { $0.limit = limit }
    }

    var watched: Set<FilePath> { state.withLock { $0.watched } }
    var count: Int { watched.count }

    func watch(_ directory: FilePath) -> WatchOutcome {
        state.withLock { state in
            guard state.watched.contains(directory) || state.watched.count < state.limit else { return .limitReached }
            state.watched.insert(directory)
            return .watching
        }
    }

    func unwatch(tree: FilePath) {
        state.withLock { $0.watched = $0.watched.filter { !$0.starts(with: tree) } }
    }

    func takeHints() -> WatchHints {
        state.withLock { state in
            defer { state.hints = WatchHints() }
            return state.hints
        }
    }

    func onHint(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.onHint = body } }

    func tell(_ hints: WatchHints) {
        let body = state.withLock { state in
            state.hints = hints
            return state.onHint
        }
        body?()
    }
}

/// Decodes a file of text: `SECONDS [CUTS]`, two frames a second; `error CODE [retryable]` at the end fails.
final class FakeSource: FrameSource {
    struct Decoding: Equatable {
        var file: FilePath
        var start: Double
    }

    private let decoded = Mutex<[Decoding]>([])
    /// Is called before each event.
    let beforeEvent: @Sendable (FilePath, DecodeEvent) async throws -> Void

    init(beforeEvent: @escaping @Sendable (FilePath, DecodeEvent) async throws -> Void = { _, _ in }) {
        self.beforeEvent = beforeEvent
    }

    var decodings: [Decoding] { decoded.withLock { $0 } }

    func frames(of file: FilePath, sampling: FrameSampling) -> DecodeEvents {
        DecodeEvents { [self] in
            decoded.withLock { $0.append(Decoding(file: file, start: sampling.start)) }
            let steps = Mutex(Self.events(file, sampling)[...])
            return { [self] in
                switch steps.withLock({ $0.popFirst() }) {
                case nil: return nil
                case .success(let event):
                    try await beforeEvent(file, event)
                    return event
                case .failure(let error): throw error
                }
            }
        }
    }

    private static func events(_ file: FilePath, _ sampling: FrameSampling) -> [Result<DecodeEvent, DecodeError>] {
        guard let data = FileManager.default.contents(atPath: file.string) else {
            return [.failure(DecodeError(.failed(.notFound), isRetryable: true, message: "gone"))]
        }
        let words = String(decoding: data, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        guard let seconds = words.first.flatMap({ Double($0) }) else {
            return [.failure(DecodeError(.failed(.notMedia), isRetryable: false, message: "It is no video."))]
        }
        var events: [DecodeEvent] = [
            .mediaInfo(MediaInfo(duration: seconds, width: 8, height: 8, codec: "text", container: "text"))
        ]
        let cuts = words.dropFirst().prefix { Double($0) != nil }.compactMap { Double($0) }
        let image = RGBImage(width: 8, height: 8, pixels: [UInt8](repeating: 9, count: 8 * 8 * 3))
        for step in 0..<Int(seconds * 2) {
            let time = Double(step) / 2
            guard time >= sampling.start else { continue }
            if cuts.contains(time) { events.append(.cut(time: time)) }
            events.append(.frame(SampledFrame(time: time, image: image)))
        }
        if words.contains("error") {
            let error = DecodeError(
                .failed(.damaged), isRetryable: words.contains("retryable"), message: "It breaks off.")
            return events.map { .success($0) } + [.failure(error)]
        }
        events.append(.end(DecodeSummary(duration: seconds)))
        return events.map { .success($0) }
    }

    func probe(_ file: FilePath) async throws -> MediaInfo {
        MediaInfo(duration: nil, width: 8, height: 8, codec: "text", container: "text")
    }

    func thumbnail(of file: FilePath, at time: Double, longestSide: Int) async throws -> [UInt8] { [] }
}

/// Embeds a clip by its number of frames.
final class FakeEncoder: ClipEncoder {
    let input = FrameInput(
        geometry: FrameGeometry(side: 8), mean: .zero, deviation: SIMD3(repeating: 1))
    let framesPerClip = 8
    let dimensions = 4
    let modelDigest: String
    private let batches = Mutex<[Int]>([])
    private let beforeBatch: @Sendable () -> Void
    /// What becomes of a clip of so many frames, instead of its embedding.
    private let spoiled: [Int: [Float]]

    init(
        modelDigest: String = "a", spoiled: [Int: [Float]] = [:], beforeBatch: @escaping @Sendable () -> Void = {}
    ) {
        self.modelDigest = modelDigest
        self.spoiled = spoiled
        self.beforeBatch = beforeBatch
    }

    /// Clips of each batch.
    var batchSizes: [Int] { batches.withLock { $0 } }

    func encode(clips: [[RGBImage]]) throws -> [EncodedClip] {
        beforeBatch()
        batches.withLock { $0.append(clips.count) }
        return clips.map { frames in
            if let embedding = spoiled[frames.count] { return EncodedClip(embedding: embedding) }
            let length = Float(frames.count * frames.count + 1).squareRoot()
            return EncodedClip(embedding: [Float(frames.count) / length, 1 / length, 0, 0])
        }
    }
}
