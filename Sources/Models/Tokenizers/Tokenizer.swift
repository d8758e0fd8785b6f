/// Turns text into the ids of a model's pieces.
package protocol Tokenizer: Sendable {
    /// The number of pieces: ids are below it.
    var vocabularySize: Int { get }

    /// The ids of a text, with the special ones that the model expects around it.
    ///
    /// - Parameters:
    ///   - text: any text, of any length.
    ///   - limit: at most this many ids are returned, the special ones included; what doesn't fit is cut off at the end.
    func encode(_ text: String, limit: Int) -> [Int32]
}
