import Basics
package import Catalog
package import SystemPackage

/// What results are to look like.
package struct SearchExample: Sendable, Equatable {
    package enum Source: Sendable, Equatable {
        /// A clip of the live index.
        case clip(ClipID)
        /// What is indexed of a file at a time, in seconds.
        case moment(FilePath, time: Double)
        /// A picture that is not in the index, as a model encoded it.
        case vector([Float], modelDigest: String)
    }

    package let source: Source
    /// Beside 1 of the query's words.
    package let weight: Double

    /// - Parameters:
    ///   - weight: more than 0, at most ``SearchLimits/weight``.
    ///   - place: in the request, for messages.
    /// - Throws: ``SearchError`` that names the field.
    package init(_ source: Source, weight: Double = 1, place: Int = 0) throws(SearchError) {
        try SearchLimits.check(weight: weight, of: .like(place))
        switch source {
        case .moment(let path, let time):
            guard path.isAbsolute, path.bytes.count < 4096 else {
                throw SearchError(.invalidExample, field: .like(place), "must name a file by its absolute path")
            }
            guard time.isFinite, time >= 0 else {
                throw SearchError(.invalidExample, field: .like(place), "has a time that is no number of seconds")
            }
        case .clip, .vector: break
        }
        self.source = source
        self.weight = weight
    }
}

/// What results are not to show.
package struct SearchExclusion: Sendable, Equatable {
    package let text: String
    package let weight: Double

    /// - Parameters:
    ///   - text: with something to read in it, of at most ``SearchLimits/query`` characters.
    ///   - weight: more than 0, at most ``SearchLimits/weight``.
    ///   - place: in the request, for messages.
    /// - Throws: ``SearchError`` that names the field.
    package init(_ text: String, weight: Double = 1, place: Int = 0) throws(SearchError) {
        try SearchLimits.check(weight: weight, of: .not(place))
        self.text = try SearchRequest.trimmed(text, field: .not(place))
        self.weight = weight
    }
}
