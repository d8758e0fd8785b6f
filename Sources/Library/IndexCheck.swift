internal import Basics
internal import Catalog
internal import DecodeWorkers
internal import FolderWatch
internal import Models
internal import Threads

/// What an index has to pass before queries go to it.
struct IndexCheck: Sendable {
    /// Media items whose vectors are looked at.
    private static let looks = 256
    /// Media items whose first clip is encoded again.
    private static let trials = 6

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
            guard vector.count == index.dimensions, EmbeddingLength.admits(vector) else {
                let length = vector.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
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
        let check = EncodingCheck(
            catalog: catalog, index: index, encoder: encoder, source: source, files: files, computing: computing,
            framesPerSecond: framesPerSecond)
        let (compared, agreeing) = try await check.run(media: Self.trials)
        guard 4 * agreeing < 3 * compared else { return nil }
        return """
            of \(compared) clips that were encoded again \(compared - agreeing) have another vector: give the index up \
            with `saccade model forget next`, and use the model again.
            """
    }
}
