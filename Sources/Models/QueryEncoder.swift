/// Turns a query's words into the vector that is compared with the clips' embeddings.
///
/// Blocking and CPU-bound: call it off Swift's cooperative pool.
package protocol QueryEncoder: Sendable {
    /// Length of the vector.
    var dimensions: Int { get }
    /// The model whose embeddings the vector may be compared with.
    var modelDigest: String { get }

    /// A query's unit vector.
    ///
    /// - Parameter query: any text; words past the model's longest sentence are left out.
    /// - Throws: ``ModelError`` when the model's output isn't finite.
    func embed(query: String) throws -> [Float]
}
