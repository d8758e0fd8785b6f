package import Basics
package import SystemPackage

/// Why a file of weights can't be used. Every case names the file or the tensor, and what would mend it.
package enum WeightsError: ExplainedError, Equatable {
    /// The file can't be opened, read or written.
    case inaccessible(path: String, reason: Errno)
    /// The bytes aren't the format that they should be.
    case malformed(source: String, reason: String)
    /// No tensor has this name.
    case missing(tensor: String, source: String)
    /// The file holds tensors that the model has no place for.
    case unexpected(tensors: [String], source: String)
    /// A tensor has another shape than the model's.
    case shapeMismatch(tensor: String, expected: [Int], found: [Int])
    /// A tensor holds a NaN or an infinity, or a number that its storage type can't hold.
    case nonFinite(tensor: String)
    /// A tensor is stored as a type that isn't read as floats here.
    case unsupportedType(tensor: String, type: String)
    /// An 8-bit tensor lacks a usable companion of scales.
    case badScale(tensor: String, reason: String)
    /// Two tensors were given one name.
    case duplicate(tensor: String)

    package var category: ErrorCategory { .invalidInput }

    package var message: String {
        switch self {
        case .inaccessible(let path, let reason):
            "\(path): \(reason); check that the file exists and may be read"
        case .malformed(let source, let reason):
            "\(source) is not a sound weights file: \(reason); fetch or export it again"
        case .missing(let tensor, let source):
            "\(source) has no tensor \"\(tensor)\"; it belongs to another model, or was exported incompletely"
        case .unexpected(let tensors, let source):
            "\(source) has tensors that the model doesn't use: \(tensors.prefix(5).joined(separator: ", "))"
                + (tensors.count > 5 ? " and \(tensors.count - 5) more" : "")
                + "; it belongs to another model"
        case .shapeMismatch(let tensor, let expected, let found):
            "tensor \"\(tensor)\" has shape \(found), the model needs \(expected); it belongs to another model"
        case .nonFinite(let tensor):
            "tensor \"\(tensor)\" holds numbers that are not finite; the training or the export went wrong"
        case .unsupportedType(let tensor, let type):
            "tensor \"\(tensor)\" is stored as \(type); export it as F32, F16, BF16 or I8 with scales"
        case .badScale(let tensor, let reason):
            "8-bit tensor \"\(tensor)\" needs F32 scales \"\(tensor).scale\", one a row: \(reason)"
        case .duplicate(let tensor):
            "tensor \"\(tensor)\" occurs twice; give each tensor its own name"
        }
    }
}
