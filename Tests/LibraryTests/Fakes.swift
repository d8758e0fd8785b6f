import Library
import DecodeProtocol
import DecodeWorkers
import Foundation
import Models
import Synchronization
import SystemPackage
import TestSupport

/// Decodes a file of text: `SECONDS [CUTS]`, two frames a second; `error [retryable]` at the end fails, `until
/// SECONDS` says that there is an end when there are no frames any more.
final class FakeSource: FrameSource {
    struct Decoding: Equatable {
        var file: FilePath
        var start: Double
    }

    private let decoded = Mutex<[Decoding]>([])
    /// Files whose text was read.
    let readings = Mutex<[FilePath]>([])
    /// Is called before each event.
    let beforeEvent: @Sendable (FilePath, DecodeEvent) async throws -> Void
    private let read: @Sendable (FilePath) -> Data?

    /// - Parameter read: the content of a file; nil where there is none.
    init(
        beforeEvent: @escaping @Sendable (FilePath, DecodeEvent) async throws -> Void = { _, _ in },
        read: @escaping @Sendable (FilePath) -> Data? = { FileManager.default.contents(atPath: $0.string) }
    ) {
        self.read = read
        self.beforeEvent = beforeEvent
    }

    var decodings: [Decoding] { decoded.withLock { $0 } }

    func frames(of file: FilePath, sampling: FrameSampling) -> DecodeEvents {
        DecodeEvents { [self] in
            decoded.withLock { $0.append(Decoding(file: file, start: sampling.start)) }
            let steps = Mutex(Self.events(read(file), sampling)[...])
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

    private static func events(_ data: Data?, _ sampling: FrameSampling) -> [Result<DecodeEvent, DecodeError>] {
        guard let data else {
            return [.failure(DecodeError(.notFound, isRetryable: true, message: "gone"))]
        }
        let words = String(decoding: data, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        guard let seconds = words.first.flatMap({ Double($0) }) else {
            return [.failure(DecodeError(.notMedia, isRetryable: false, message: "It is no video."))]
        }
        var events: [DecodeEvent] = [
            .mediaInfo(MediaInfo(duration: seconds, width: 8, height: 8, codec: "text", container: "text"))
        ]
        let cuts = words.dropFirst().prefix { Double($0) != nil }.compactMap { Double($0) }
        let pixels = [UInt8](repeating: 9, count: 8 * 8 * 3)
        for step in 0..<Int(seconds * 2) {
            let time = Double(step) / 2
            guard time >= sampling.start else { continue }
            if cuts.contains(time) { events.append(.cut(time: time)) }
            events.append(.frame(SampledFrame(time: time, side: 8, pixels: pixels)))
        }
        if words.contains("error") {
            let error = DecodeError(
                .damaged, isRetryable: words.contains("retryable"), message: "It breaks off.")
            return events.map { .success($0) } + [.failure(error)]
        }
        let end = words.firstIndex(of: "until").flatMap { Double(words[$0 + 1]) }
        events.append(.end(duration: end ?? seconds))
        return events.map { .success($0) }
    }

    func probe(_ file: FilePath) async throws -> MediaInfo {
        MediaInfo(duration: nil, width: 8, height: 8, codec: "text", container: "text")
    }

    func preview(of file: FilePath, at start: Double, seconds: Double, longestSide: Int) async throws -> [UInt8] { [] }

    func thumbnail(of file: FilePath, at time: Double, longestSide: Int) async throws -> [UInt8] { [] }

    /// Each line of a file of subtitles, two seconds each; one that begins with `broken` fails. Of a media file the words after `says`.
    func text(of file: FilePath, _ place: TextPlace) async throws -> [TextLine] {
        guard let data = read(file) else {
            throw DecodeError(.notFound, isRetryable: true, message: "gone")
        }
        readings.withLock { $0.append(file) }
        let text = String(decoding: data, as: UTF8.self)
        if place == .media {
            let said = text.split(separator: " says ").dropFirst().first
            return said.map { [TextLine(kind: .title, start: 0, end: 0, text: String($0))] } ?? []
        }
        guard !text.hasPrefix("broken") else {
            throw DecodeError(.notMedia, isRetryable: false, message: "It is no subtitle file.")
        }
        return text.split(separator: "\n").enumerated().map { place, line in
            TextLine(kind: .subtitle, start: Double(2 * place), end: Double(2 * place + 2), text: String(line))
        }
    }
}

/// Embeds a clip by its number of frames.
final class FakeEncoder: ClipEncoder {
    let input = FrameInput(
        geometry: FrameGeometry(side: 8), mean: .zero, deviation: SIMD3(repeating: 1))
    let framesPerClip = 8
    let dimensions = 4
    let modelDigest: String
    private let batches = Observed<[Int]>([])
    private let beforeBatch: @Sendable () -> Void
    /// What becomes of a clip of so many frames, instead of its embedding.
    private let spoiled: [Int: [Float]]
    /// Bytes of rerank features.
    private let featureBytes: Int?

    init(
        modelDigest: String = "a", spoiled: [Int: [Float]] = [:], featureBytes: Int? = nil,
        beforeBatch: @escaping @Sendable () -> Void = {}
    ) {
        self.featureBytes = featureBytes
        self.modelDigest = modelDigest
        self.spoiled = spoiled
        self.beforeBatch = beforeBatch
    }

    /// Clips of each batch.
    var batchSizes: [Int] { batches.value }

    func hasEncoded(batches count: Int) async throws { try await batches.wait { $0.count >= count } }

    func encode(clips: [[RGBImage]]) throws -> [EncodedClip] {
        beforeBatch()
        batches.change { $0.append(clips.count) }
        return clips.map { frames in
            if let embedding = spoiled[frames.count] { return EncodedClip(embedding: embedding) }
            let length = Float(frames.count * frames.count + 1).squareRoot()
            let features = featureBytes.map { count in
                (0..<count).map { UInt8(truncatingIfNeeded: $0 * 31 + frames.count) }
            }
            return EncodedClip(
                embedding: [Float(frames.count) / length, 1 / length, 0, 0], rerankFeatures: features)
        }
    }
}

/// The files of the kernel that a test makes up; what lies in the state folder is read as it is.
final class FakeMachine: SystemFiles {
    private let files = Mutex<[String: String]>([:])

    init(_ files: [String: String] = [:]) {
        self.files.withLock { $0 = files }
    }

    func set(_ file: String, _ text: String) { files.withLock { $0[file] = text } }

    func text(of file: String) -> String? {
        if let text = files.withLock({ $0[file] }) { return text }
        return file.hasPrefix("/proc/") || file.hasPrefix("/sys/") ? nil : LinuxSystemFiles().text(of: file)
    }

    func names(in directory: String) -> [String] {
        let paths = files.withLock { Array($0.keys) }
        return Array(
            Set(
                paths.filter { $0.hasPrefix(directory + "/") }.compactMap {
                    $0.dropFirst(directory.count + 1).split(separator: "/").first.map(String.init)
                }))
    }

    /// A laptop's supplies.
    static func laptop(isPluggedIn: Bool) -> [String: String] {
        let folder = "/sys/class/power_supply"
        return [
            "\(folder)/AC/type": "Mains\n", "\(folder)/AC/online": isPluggedIn ? "1\n" : "0\n",
            "\(folder)/BAT0/type": "Battery\n", "\(folder)/BAT0/status": isPluggedIn ? "Charging\n" : "Discharging\n",
        ]
    }
}
