/// How the vectors of one segment are stored and compared with a query: all that an index knows of a coding.
///
/// Another coding is another type that conforms, named where ``VectorIndexSnapshot/Codes`` says. A segment calls it once for each stretch
/// of blocks, never for each vector, so what it does inside may be as tight as it likes.
protocol VectorCodes: AnyObject, Sendable {
    /// A vector in the form that ``init(_:settings:)`` and queries start from, made before a writer takes its lock.
    associatedtype Prepared: Sendable
    /// A query as this coding compares it; made once for a search and shared by its threads.
    associatedtype Query: Sendable

    /// - Parameter vector: `[dimensions]`, checked.
    static func prepared(_ vector: [Float], settings: ScanSettings) -> Prepared

    /// - Parameter vector: `[dimensions]`, checked.
    static func query(_ vector: [Float], settings: ScanSettings) -> Query

    /// - Parameter rows: 1 to ``SegmentSize/capacity``, all of `settings`' dimensions; the first gets slot 0.
    init(_ rows: some Collection<CodeRow<Self>>, settings: ScanSettings)

    /// Stored vectors.
    var count: Int { get }
    var byteCount: Int { get }

    /// Scores what may reach `threshold` of a stretch of blocks of ``SegmentSize/block`` vectors.
    ///
    /// - Parameters:
    ///   - blocks: of which the last may be incomplete.
    ///   - admitted: a bit for each vector of `blocks`, a word for each block; all are wanted when nil.
    ///   - threshold: a vector below it may be left out, and one at or above it must not be.
    ///   - slots: room for every vector of `blocks`; gets the places of those that were scored.
    ///   - scores: as much room; gets their dot products with the query.
    /// - Returns: how many were scored.
    func score(
        _ blocks: Range<Int>, against query: Query, admitted: UnsafePointer<UInt16>?, threshold: Float,
        slots: UnsafeMutablePointer<UInt32>, scores: UnsafeMutablePointer<Float>
    ) -> Int
}

/// A vector to store: a new one, or one that other codes hold.
enum CodeRow<Codes: VectorCodes> {
    case new(Codes.Prepared)
    case stored(Codes, slot: Int)
}
