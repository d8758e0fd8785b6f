/// Turns clips into what the index keeps of them.
///
/// Blocking and CPU-bound: call it off Swift's cooperative pool.
package protocol ClipEncoder: Sendable {
    /// Side in pixels of the square RGB frames that ``encode(clips:)`` takes.
    var frameSize: Int { get }
    /// At most this many frames of a clip are used.
    var framesPerClip: Int { get }
    /// Length of an embedding.
    var dimensions: Int { get }
    /// Hex digest of the model's configuration and weights: another digest is another generation.
    var generation: String { get }

    /// Encodes one batch of clips, which may come from different files.
    ///
    /// - Parameter clips: each clip's frames in time order: 1 to ``framesPerClip`` pictures of
    ///   ``frameSize`` × ``frameSize`` pixels.
    /// - Returns: one value a clip, in the same order.
    /// - Throws: ``ModelError`` when a frame has the wrong size or a clip has none; nothing is encoded then.
    func encode(clips: [[RGBImage]]) throws -> [EncodedClip]
}

/// What the index keeps of a clip.
package struct EncodedClip: Sendable, Equatable {
    /// The Fast model's unit vector, ``ClipEncoder/dimensions`` long.
    package var embedding: [Float]
    /// The Slow model's visual memory in its stored form; nil for a model without a Slow part.
    package var memory: [UInt8]?

    package init(embedding: [Float], memory: [UInt8]? = nil) {
        self.embedding = embedding
        self.memory = memory
    }
}

/// Turns a query's words into the vector that is compared with the clips' embeddings.
///
/// Blocking and CPU-bound: call it off Swift's cooperative pool.
package protocol QueryEncoder: Sendable {
    /// Length of the vector.
    var dimensions: Int { get }
    /// The generation that the vector may be compared with.
    var generation: String { get }

    /// The Fast model's unit vector of a query.
    ///
    /// - Parameter query: any text; words past the model's longest sentence are left out.
    /// - Throws: ``ModelError`` when the model's output isn't finite.
    func embed(query: String) throws -> [Float]
}

/// The middles of `limit` equal parts of `count` places; all of them when there are no more than that.
package func evenlySpread(_ limit: Int, of count: Int) -> [Int] {
    count <= limit ? Array(0..<count) : (0..<limit).map { (2 * $0 + 1) * count / (2 * limit) }
}
