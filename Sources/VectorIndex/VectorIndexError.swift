package import Basics

/// Why vectors were refused. Nothing has changed when one of these is thrown.
package enum VectorIndexError: ExplainedError, Equatable {
    case unusableDimensions(Int)
    case wrongDimensions(expected: Int, found: Int)
    case notFinite(position: Int)
    case tooLong(norm: Float)
    case invalidLimit(Int)

    package var message: String {
        switch self {
        case .unusableDimensions(let count):
            "an index can't have \(count) dimensions: give it 1 to 4096"
        case .wrongDimensions(let expected, let found):
            "the vector has \(found) dimensions and the index \(expected): was it made with another model?"
        case .notFinite(let position):
            "element \(position) of the vector is not a finite number: check the model's weights with `saccade doctor`"
        case .tooLong(let norm):
            "the vector's length is \(norm), which no normalised embedding has: check the model's weights with `saccade doctor`"
        case .invalidLimit(let limit):
            "a search can't return \(limit) clips: ask for 0 or more"
        }
    }

    package var category: ErrorCategory {
        switch self {
        case .unusableDimensions, .invalidLimit: .invalidInput
        case .wrongDimensions: .configuration
        case .notFinite, .tooLong: .unexpected
        }
    }
}
