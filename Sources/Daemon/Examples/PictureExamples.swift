package import API
import DecodeProtocol
package import DecodeWorkers
import Foundation
import Models
package import Search
import SystemPackage
import Threads

/// Turns the pictures that come with a search into vectors of the model that is asked: decoded by a worker, encoded like a clip of one frame.
package struct PictureExamples: Sendable {
    private let pictures: any FrameSource

    /// - Parameter pictures: what decodes; nothing of a picture is looked at in this process.
    package init(_ pictures: any FrameSource) {
        self.pictures = pictures
    }

    /// A checked request whose pictures are vectors.
    ///
    /// - Throws: `SearchError` for a request that can't be answered; `APIError` `invalid_picture`, `unavailable`; `CancellationError`.
    package func resolved(_ request: API.SearchRequest, for searcher: Searcher) async throws -> Search.SearchRequest {
        let checked = try Search.SearchRequest(request)
        let images = request.like.enumerated().compactMap { place, example in
            if case .image(let bytes) = example.source { (place, bytes) } else { nil }
        }
        guard !images.isEmpty else { return checked }
        let encoder = try await BlockingExecutor.shared.run { try searcher.clipEncoder() }
        var vectors: [Int: SearchExample.Source] = [:]
        for (place, bytes) in images {
            let frame = try await frame(of: bytes, geometry: encoder.input.geometry, place: place)
            let encoded = try await BlockingExecutor.shared.run { try encoder.encode(clips: [[frame]]) }
            vectors[place] = .vector(encoded.first?.embedding ?? [], modelDigest: encoder.modelDigest)
        }
        return try Search.SearchRequest(request, pictures: vectors)
    }

    /// The picture of a file's bytes, of a video the first one.
    private func frame(of bytes: Data, geometry: FrameGeometry, place: Int) async throws -> RGBImage {
        // Workers read files. Nobody else may look at this one, and its name is no one's choice.
        let file = FilePath(FileManager.default.temporaryDirectory.path)
            .appending("saccade-picture-\(UUID().uuidString)")
        try await BlockingExecutor.files.run {
            guard
                FileManager.default.createFile(
                    atPath: file.string, contents: bytes, attributes: [.posixPermissions: 0o600])
            else {
                throw APIError(
                    .unavailable, "the picture can't be written to \(file.removingLastComponent()): is the disk full?")
            }
        }
        defer { try? FileManager.default.removeItem(atPath: file.string) }
        let sampling = FrameSampling(geometry: geometry, detectsCuts: false, end: 0.01)
        var frame: RGBImage?
        do {
            for try await event in pictures.frames(of: file, sampling: sampling) {
                if case .frame(let found) = event, frame == nil { frame = found.image }
            }
        } catch let error as DecodeError {
            switch error.code {
            case .cancelled: throw CancellationError()
            case .workerUnavailable: throw APIError(.unavailable, error.message)
            default: throw Self.invalid(place, error.message)
            }
        }
        guard let frame else { throw Self.invalid(place, "There is no picture in it.") }
        return frame
    }

    private static func invalid(_ place: Int, _ reason: String) -> APIError {
        APIError(
            .invalidPicture, "“like[\(place)]” can't be decoded as a picture: send a JPEG, PNG or WebP file. \(reason)")
    }
}
