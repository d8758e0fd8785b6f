import Basics
import Catalog
import VectorIndex

/// A request's filters, checked and ready to be asked.
struct MediaFilter: Sendable {
    private let filters: SearchFilters
    private let glob: PathGlob?

    /// - Throws: ``SearchError`` `invalid_filter` for numbers that aren't numbers, empty ranges and unusable patterns.
    init(_ filters: SearchFilters) throws(SearchError) {
        self.filters = filters
        glob = if let pattern = filters.pathGlob { try PathGlob(pattern) } else { nil }
        let numbers = [filters.recordedAfter, filters.recordedBefore, filters.minDuration, filters.maxDuration]
        guard numbers.allSatisfy({ $0?.isFinite != false }) else {
            throw SearchError(.invalidFilter, "A time or duration in the filters is not a finite number.")
        }
        if let after = filters.recordedAfter, let before = filters.recordedBefore, before <= after {
            throw SearchError(
                .invalidFilter, "The filter asks for recordings before its own beginning: swap the two times.")
        }
        if let least = filters.minDuration, let greatest = filters.maxDuration, greatest < least {
            throw SearchError(.invalidFilter, "The filter's longest duration is below its shortest: swap the two.")
        }
        if let prefix = filters.pathPrefix, prefix.first != UInt8(ascii: "/") {
            throw SearchError(.invalidFilter, "A path prefix begins with a slash: give the absolute path.")
        }
    }

    /// The media that it lets through; nil when that is all.
    func selection(in catalog: Catalog) throws -> MediaSelection? {
        guard filters != SearchFilters() else { return nil }
        // The longer of the two, when both hold: the shorter is its beginning, or nothing matches, which `matches` finds out too.
        let prefix = [filters.pathPrefix ?? [], glob?.literalPrefix ?? []].max { $0.count < $1.count } ?? []
        let conditions = MediaConditions(
            root: filters.root, pathPrefix: prefix.isEmpty ? nil : prefix, recordedFrom: filters.recordedAfter,
            recordedBefore: filters.recordedBefore, minDuration: filters.minDuration, maxDuration: filters.maxDuration)
        guard let glob else { return MediaSelection(try catalog.media(fulfilling: conditions)) }
        return MediaSelection(
            try catalog.media(fulfilling: conditions) { path in
                glob.matches(path) && path.starts(with: filters.pathPrefix ?? [])
            })
    }

    /// Whether the filters on paths admit a place.
    func admits(_ place: MediaPlace) -> Bool {
        if let root = filters.root, place.root != root { return false }
        guard filters.pathPrefix != nil || glob != nil else { return true }
        let path = place.path.bytes
        if let prefix = filters.pathPrefix, !path.starts(with: prefix) { return false }
        return glob?.matches(path) ?? true
    }
}
