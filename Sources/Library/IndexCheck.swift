internal import Basics
internal import Catalog
internal import DecodeProtocol
internal import DecodeWorkers
internal import FolderWatch
internal import Models
internal import SystemPackage
internal import Threads

/// What an index has to pass before queries go to it.
struct IndexCheck: Sendable {
    /// Media items whose vectors are looked at.
    private static let looks = 256
    /// Media items whose first clip is encoded again.
    private static let trials = 6
    /// The least cosine of a clip's vector to the one in the index. It is 1 but for rounding, except where the frames were sampled at another rate.
    private static let leastCosine = 0.9

    let catalog: Catalog
    let index: IndexRecord
    let encoder: any ClipEncoder
    let source: any FrameSource
    let files: any FileSystem
    let computing: BlockingExecutor
    let framesPerSecond: Double

    /// - Returns: what is wrong and what to do about it; nil when the index may take over.
    /// - Throws: `CatalogError`.
    func run() async throws -> String? {
        let gaps = try await BlockingExecutor.shared.run { [self] in try catalog.gaps(in: index.id) }
        guard gaps == 0 else {
            return """
                \(gaps) media of the live index are neither in it nor have failed: give it up with `saccade model forget next` \
                and use the model again.
                """
        }
        if let finding = try await BlockingExecutor.shared.run({ [self] in try vectors() }) { return finding }
        return try await clips()
    }

    private func vectors() throws -> String? {
        for media in try catalog.someMedia(of: index.id, limit: Self.looks) {
            guard let (clip, vector) = try catalog.vector(ofMedia: media, index: index.id, isLast: true) else {
                continue
            }
            let length = vector.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
            guard vector.count == index.dimensions, length.isFinite, abs(length - 1) < 0.01 else {
                return """
                    the vector of clip \(clip.id) of media \(media) has \(vector.count) numbers and length \(length): check \
                    the model with `saccade doctor`, give the index up with `saccade model forget next`, and use the model again.
                    """
            }
        }
        return nil
    }

    /// Encodes a few clips again, of media that can be read now.
    private func clips() async throws -> String? {
        var cosines: [Double] = []
        let some = try await BlockingExecutor.shared.run { [catalog, index] in
            try catalog.someMedia(of: index.id, limit: Self.trials)
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
            cosines.append(zip(vector, stored.vector).reduce(0) { $0 + Double($1.0) * Double($1.1) })
        }
        let agreeing = cosines.count { $0 >= Self.leastCosine }
        guard 4 * agreeing < 3 * cosines.count else { return nil }
        return """
            of \(cosines.count) clips that were encoded again \(cosines.count - agreeing) have another vector: give the index up \
            with `saccade model forget next`, and use the model again.
            """
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
