/// Turns clips into what the index keeps of them.
///
/// Blocking and CPU-bound: call it off Swift's cooperative pool.
package protocol ClipEncoder: Sendable {
    /// The pictures that ``encode(clips:)`` takes; decoding makes them so.
    var input: FrameInput { get }
    /// At most this many frames of a clip are used.
    var framesPerClip: Int { get }
    /// Length of an embedding.
    var dimensions: Int { get }
    /// Names the model; an index holds embeddings of one model only.
    var modelDigest: String { get }

    /// Encodes one batch of clips, which may come from different files.
    ///
    /// - Parameter clips: each clip's frames in time order: 1 to ``framesPerClip`` pictures as ``input`` says.
    /// - Returns: one value a clip, in the same order.
    /// - Throws: ``ModelError`` when a frame has the wrong size or a clip has none; nothing is encoded then.
    func encode(clips: [[RGBImage]]) throws -> [EncodedClip]
}

/// What the index keeps of a clip.
package struct EncodedClip: Sendable, Equatable {
    /// ``ClipEncoder/dimensions`` numbers: its dot product with a query is the Fast score. A unit vector, or one that a ``Querybank`` has shortened.
    package var embedding: [Float]
    /// What the model's ``PairScorer`` and ``Captioner`` read, in a form of their own; nil for a model without either.
    package var rerankFeatures: [UInt8]?

    package init(embedding: [Float], rerankFeatures: [UInt8]? = nil) {
        self.embedding = embedding
        self.rerankFeatures = rerankFeatures
    }
}

/// How the rerank features of new clips are stored.
package enum FeaturePrecision: String, Sendable, CaseIterable, Codable {
    /// As exactly as the model needs them.
    case full
    /// In less than half of the room, with a little less to be read from them.
    case compact
}

/// The middles of `limit` equal parts of `count` places; all of them when there are no more than that.
package func evenlySpread(_ limit: Int, of count: Int) -> [Int] {
    count <= limit ? Array(0..<count) : (0..<limit).map { (2 * $0 + 1) * count / (2 * limit) }
}
