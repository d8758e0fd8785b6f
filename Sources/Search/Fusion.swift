import Catalog
internal import Foundation
internal import Models

/// Moves the clips whose text answers a query up in the order of the pictures.
///
/// The odds that a clip is what was looked for are those of its picture times those of its text, as for evidence that is independent. The log
/// odds of a picture are the model's relevance, never more than those of the one before it: without text the order stays as it is. For a
/// model that can't tell they are −log place. A text adds ``weight`` · share / √n: the share of the query that it has, and how many clips'
/// texts have as much. So a word that everybody says moves little. docs/SUBTITLES.md has the figures.
enum Fusion {
    /// Log odds that a text adds which says all of the query, and is the only one.
    private static let weight = 3.0
    /// Places of the pictures' order among which a clip with text moves, whatever page is asked for: so pages neither overlap nor leave a gap.
    static let depth = 200
    /// For a model that can't tell: places of the pictures' order that are taken for found.
    private static let seen = 10
    /// Probabilities of 0 and 1 have no odds.
    private static let probabilities = 1e-6...(1 - 1e-6)

    /// A candidate and what it is ordered by.
    private struct Standing {
        var candidate: Candidate
        /// In the pictures' order; those of text alone come after all.
        var place: Int
        /// Log odds of picture and text.
        var odds: Double
        /// At least these, for a text that says all of the query.
        var least = -Double.infinity
    }

    /// - Parameters:
    ///   - pictures: in their order.
    ///   - scores: what is known of the clips that only their text found.
    ///   - relevance: of a model that can tell what is likely.
    /// - Returns: all of them, in the order of both.
    static func fused(
        _ pictures: [Candidate], with words: WordCandidates, scores: [ClipID: SearchScores],
        group: SearchRequest.Group, relevance: Relevance?
    ) -> [Candidate] {
        guard !words.entries.isEmpty else { return pictures }
        func key(_ candidate: Candidate) -> Int64 { group == .media ? candidate.media : candidate.clip }
        func odds(_ candidate: Candidate, _ place: Int) -> Double {
            guard relevance != nil, let probability = candidate.scores.probability else {
                return -log(Double(place + 1))
            }
            return logOdds(probability)
        }
        let threshold = relevance?.threshold.map(logOdds) ?? -log(Double(seen))
        var standings: [Standing] = []
        var places: [Int64: Int] = [:]
        var ofMedia: [MediaID: Int] = [:]
        for (place, candidate) in pictures.prefix(depth).enumerated() {
            let most = standings.last?.odds ?? .infinity
            standings.append(Standing(candidate: candidate, place: place, odds: min(most, odds(candidate, place))))
            places[key(candidate)] = place
            if ofMedia[candidate.media] == nil { ofMedia[candidate.media] = place }
        }
        let last = standings.last?.odds ?? .infinity
        for entry in words.entries {
            // What is said of the whole media item is shown where its picture is best.
            let isOfWhole = entry.line.kind.isOfWholeMedia
            guard var said = scores[entry.clip].map({ Candidate(clip: entry.clip, media: entry.media, scores: $0) })
            else { continue }
            let found = isOfWhole ? ofMedia[entry.media] ?? places[key(said)] : places[key(said)]
            let place = found ?? standings.count
            if found == nil {
                standings.append(Standing(candidate: said, place: .max, odds: min(last, odds(said, depth))))
            }
            let picture = standings[place].candidate
            let isSeen = relevance?.isFound(best: picture.scores.probability) ?? (found.map { $0 < seen } ?? false)
            // In a group of clips the text's moment is shown, unless the picture's is the better one.
            if isOfWhole || isSeen && !entry.saysAll { said = picture }
            said.scores.words = entry.share
            said.words = FoundWords(line: entry.line, isSeen: isSeen)
            standings[place].candidate = said
            standings[place].odds += weight * entry.share / Double(entry.equals).squareRoot()
            if entry.saysAll { standings[place].least = threshold }
        }
        standings.sort { first, second in
            let (one, other) = (max(first.odds, first.least), max(second.odds, second.least))
            if one != other { return one > other }
            if first.odds != second.odds { return first.odds > second.odds }
            return (first.place, first.candidate.clip) < (second.place, second.candidate.clip)
        }
        let fused = standings.map(\.candidate)
        let known = Set(fused.map(key))
        return fused + pictures.dropFirst(depth).filter { !known.contains(key($0)) }
    }

    /// The clips that text found, in its order.
    static func texts(
        _ words: WordCandidates, scores: [ClipID: SearchScores], relevance: Relevance?
    ) -> [Candidate] {
        words.entries.compactMap { entry in
            guard var scores = scores[entry.clip] else { return nil }
            scores.words = entry.share
            scores.combined = entry.share
            var candidate = Candidate(clip: entry.clip, media: entry.media, scores: scores)
            let isSeen = relevance?.isFound(best: scores.probability) ?? false
            candidate.words = FoundWords(line: entry.line, isSeen: isSeen)
            return candidate
        }
    }

    private static func logOdds(_ probability: Double) -> Double {
        let probability = min(max(probability, probabilities.lowerBound), probabilities.upperBound)
        return log(probability / (1 - probability))
    }
}
