import Catalog
import Models

/// Moves the clips that show what a query excludes down.
///
/// From the cosine of query and clip x is taken, for each exclusion n of weight w, w · max(0, n·x − m), where m is the mean of n·x over the best
/// ``reference`` candidates: what all of them show alike doesn't count. The clips whose lines of text have all words of an exclusion are
/// no longer found by their text. docs/SEARCHING.md has the figures.
struct Exclusions {
    /// Candidates among which clips move, whatever page is asked for: so pages neither overlap nor leave a gap.
    static let depth = 1_000
    /// How much a cosine's worth of what is excluded takes from a Slow score, which is a log-likelihood a word.
    static let slowWeight = 4.0
    /// Candidates whose mean cosine to an exclusion is taken for none.
    private static let reference = 200

    private let exclusions: [SearchExclusion]
    private let vectors: [[Float]]

    /// - Throws: `ModelError`.
    init(_ exclusions: [SearchExclusion], encoder: any QueryEncoder) throws {
        self.exclusions = exclusions
        vectors = try exclusions.map { try encoder.embed(query: WordQuery($0.text).plain) }
    }

    var isEmpty: Bool { exclusions.isEmpty }

    /// The candidates in their new order; those beyond ``depth`` as they were.
    ///
    /// - Throws: `CatalogError`.
    func applied(to candidates: [Candidate], in rows: any ClipRows) throws -> [Candidate] {
        guard !isEmpty, !candidates.isEmpty else { return candidates }
        var head = Array(candidates.prefix(Self.depth))
        let known = try rows.embeddings(of: head.map(\.clip))
        for (exclusion, vector) in zip(exclusions, vectors) {
            let cosines = head.map { candidate in
                known[candidate.clip].flatMap { $0.count == vector.count ? cosine($0, vector) : nil }
            }
            let usable = cosines.prefix(Self.reference).compactMap(\.self)
            guard !usable.isEmpty else { continue }
            let mean = usable.reduce(0, +) / Double(usable.count)
            for (place, cosine) in cosines.enumerated() {
                let excess = max(0, (cosine ?? mean) - mean)
                head[place].scores.excluded = (head[place].scores.excluded ?? 0) + exclusion.weight * excess
            }
        }
        for place in head.indices { head[place].scores.combined = head[place].scores.prior }
        return head.sorted(by: Candidate.ranksBefore) + candidates.dropFirst(Self.depth)
    }

    /// Leaves out what was found by text that has all words of an exclusion.
    ///
    /// - Throws: `CatalogError`.
    func leaveOut(of said: inout WordCandidates, in rows: any ClipRows, where filter: MediaFilter) throws {
        for exclusion in exclusions where !said.entries.isEmpty {
            let found = try rows.matches(of: WordQuery(exclusion.text), limit: WordCandidates.lines, where: filter)
            let unwanted = WordCandidates(found, group: .clip).entries.filter(\.saysAll)
            let clips = Set(unwanted.lazy.map(\.clip))
            let media = Set(unwanted.lazy.filter(\.line.kind.isOfWholeMedia).map(\.media))
            said.removeAll { clips.contains($0.clip) || media.contains($0.media) }
        }
    }

    private func cosine(_ one: [Float], _ other: [Float]) -> Double? {
        let product = zip(one, other).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        return product.isFinite ? product : nil
    }
}
