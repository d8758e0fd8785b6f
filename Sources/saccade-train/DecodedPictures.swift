import DecodeProtocol
import DecodeWorkers
import Dispatch
import Models
import Synchronization
import SystemPackage
import Terminal
import Training

/// The pictures of captioned items, decoded by worker processes as those of a library are.
struct DecodedPictures: PictureSource {
    private let pool: DecodeWorkerPool
    private let framesPerItem: Int

    /// - Parameter framesPerItem: taken of an item that is a video.
    init(decoder: FilePath?, framesPerItem: Int) throws {
        pool = DecodeWorkerPool(configuration: .init(executable: try DecodeWorkerPool.executable(decoder)))
        self.framesPerItem = framesPerItem
    }

    func pictures(of item: CaptionedItem, as geometry: FrameGeometry) throws -> [RGBImage] {
        switch item.source {
        case .frames(let paths):
            try paths.map { path in
                guard
                    let picture = try frames(of: path, FrameSampling(geometry: geometry, detectsCuts: false))
                        .first
                else {
                    throw CommandFailure(.data, "\(path): contains no picture")
                }
                return picture
            }
        case .file(let path, let span):
            try video(path, span, geometry)
        }
    }

    /// The middles of equal parts of the span.
    private func video(_ path: FilePath, _ span: ClosedRange<Double>?, _ geometry: FrameGeometry) throws -> [RGBImage] {
        let information = try wait { [pool] in try await pool.probe(path) }
        let start = span?.lowerBound ?? 0
        let end = span?.upperBound ?? information.duration ?? 0
        let part = max(end - start, 0.001) / Double(framesPerItem)
        let sampling = FrameSampling(
            framesPerSecond: min(1 / part, 1000), geometry: geometry, detectsCuts: false, start: start + part / 2,
            end: span == nil ? nil : end)
        let found = try frames(of: path, sampling)
        if !found.isEmpty { return Array(found.prefix(framesPerItem)) }
        let first = try frames(of: path, FrameSampling(geometry: geometry, detectsCuts: false)).prefix(1)
        guard !first.isEmpty else { throw CommandFailure(.data, "\(path): contains no picture") }
        return Array(first)
    }

    private func frames(of path: FilePath, _ sampling: FrameSampling) throws -> [RGBImage] {
        let limit = framesPerItem
        return try wait { [pool] in
            var images: [RGBImage] = []
            do {
                for try await event in pool.frames(of: path, sampling: sampling) {
                    if case .frame(let frame) = event { images.append(frame.image) }
                    if images.count > limit { break }
                }
            } catch let error as DecodeError {
                throw CommandFailure(.noInput, "\(path): \(error)")
            }
            return images
        }
    }

    /// Waits in a thread that isn't of the cooperative pool; commands run their work on one.
    private func wait<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) throws -> Value {
        let outcome = Outcome<Value>()
        Task.detached {
            do {
                outcome.set(.success(try await body()))
            } catch {
                outcome.set(.failure(error))
            }
        }
        return try outcome.wait()
    }

    private final class Outcome<Value: Sendable>: Sendable {
        private let result = Mutex<Result<Value, any Error>?>(nil)
        private let done = DispatchSemaphore(value: 0)

        func set(_ value: Result<Value, any Error>) {
            result.withLock { $0 = value }
            done.signal()
        }

        func wait() throws -> Value {
            done.wait()
            guard let value = result.withLock({ $0 }) else { throw CancellationError() }
            return try value.get()
        }
    }
}
