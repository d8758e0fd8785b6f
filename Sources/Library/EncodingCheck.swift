internal import Basics
package import Catalog
internal import DecodeProtocol
package import DecodeWorkers
package import FolderWatch
package import Models
internal import SystemPackage
package import Threads

/// Encodes a few clips of an index again, of media that can be read now, and compares their vectors.
package struct EncodingCheck: Sendable {
    /// The least cosine of a clip's vector to the one in the index. It is 1 but for rounding, except where the frames were sampled at another rate.
    private static let leastCosine = 0.9

    private let catalog: Catalog
    private let index: IndexRecord
    private let encoder: any ClipEncoder
    private let source: any FrameSource
    private let files: any FileSystem
    private let computing: BlockingExecutor
    private let framesPerSecond: Double

    package init(
        catalog: Catalog, index: IndexRecord, encoder: any ClipEncoder, source: any FrameSource,
        files: any FileSystem = LinuxFileSystem(), computing: BlockingExecutor = .shared, framesPerSecond: Double
    ) {
        self.catalog = catalog
        self.index = index
        self.encoder = encoder
        self.source = source
        self.files = files
        self.computing = computing
        self.framesPerSecond = framesPerSecond
    }

    /// - Parameter count: media items whose first clip is encoded again, spread over all that are indexed.
    /// - Returns: how many clips could be compared, and how many of those have the vector that the index has.
    /// - Throws: `CatalogError`.
    package func run(media count: Int) async throws -> (compared: Int, agreeing: Int) {
        var cosines: [Double] = []
        let some = try await BlockingExecutor.shared.run { [catalog, index] in
            try catalog.someMedia(of: index.id, limit: count)
        }
        for media in some {
            let stored = try await BlockingExecutor.shared.run { [catalog, index] in
                try catalog.vector(ofMedia: media, index: index.id, isLast: false)
            }
            guard let stored, stored.clip.ordinal == 0, let file = try await file(of: media),
                let clip = await firstClip(of: file)
            else { continue }
            let vector = await computing.run { [encoder] in
                try? encoder.encode(clips: [clip.frames.map(\.image)]).first?.embedding
            }
            guard let vector, vector.count == stored.vector.count else { continue }
            cosines.append(
                zip(vector.normalised, stored.vector.normalised).reduce(0) { $0 + Double($1.0) * Double($1.1) })
        }
        return (cosines.count, cosines.count { $0 >= Self.leastCosine })
    }

    private func file(of media: MediaID) async throws -> FilePath? {
        let job = try await BlockingExecutor.shared.run { [catalog, index] in
            try catalog.job(of: media, index: index.id)
        }
        return await BlockingExecutor.files.run { [files] in
            job?.files.first { file in
                let there = try? files.attributes(of: file.path, followsLinks: true)
                return there.map { $0.stamp.isSameContent(as: file.stamp) } ?? false
            }?.path
        }
    }

    /// - Returns: nil when it can't be decoded now.
    private func firstClip(of file: FilePath) async -> AssembledClip? {
        let sampling = FrameSampling(framesPerSecond: framesPerSecond, geometry: encoder.input.geometry, start: 0)
        var assembler = ClipAssembler(policy: .init(framesPerClip: encoder.framesPerClip), start: 0, shot: 0, clips: 0)
        do {
            for try await event in source.frames(of: file, sampling: sampling) {
                if let clip = assembler.consume(event).first { return clip }
                if case .end(let duration) = event { return assembler.finish(duration: duration).first }
            }
        } catch {
            // A file that broke while it was indexed breaks again.
            return nil
        }
        return nil
    }
}
