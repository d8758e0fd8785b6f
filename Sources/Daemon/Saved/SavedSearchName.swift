package import API
import Foundation

/// The names of saved searches.
package enum SavedSearchName {
    private static let maximumLength = 100

    /// A name as it is kept: composed, so that what looks alike is alike.
    ///
    /// - Throws: `invalid_request`.
    package static func checked(_ name: String) throws(APIError) -> String {
        func refuse(_ problem: String) -> APIError {
            APIError(.invalidRequest, "the name of a saved search \(problem)")
        }
        guard name.utf8.count <= 4 * maximumLength else { throw refuse("has at most \(maximumLength) characters") }
        let name = name.precomposedStringWithCanonicalMapping
        guard !name.isEmpty, name.unicodeScalars.count <= maximumLength else {
            throw refuse("has 1 to \(maximumLength) characters")
        }
        guard name == name.trimmingCharacters(in: .whitespacesAndNewlines) else {
            throw refuse("neither begins nor ends with white space")
        }
        let isUnseen = { (scalar: Unicode.Scalar) in
            [.control, .lineSeparator, .paragraphSeparator].contains(scalar.properties.generalCategory)
        }
        guard !name.contains("/"), !name.unicodeScalars.contains(where: isUnseen) else {
            throw refuse("has no slashes and no control characters")
        }
        guard !name.hasPrefix("-"), name != ".", name != ".." else {
            throw refuse("doesn't begin with “-”, and is not “.” or “..”")
        }
        return name
    }
}
