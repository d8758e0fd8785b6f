import Basics
package import API
import Catalog
import Foundation
import Models
package import Search
import SystemPackage

// Inside of `API` these names mean its own types.
private typealias CatalogLine = Line
typealias CatalogSavedSearch = SavedSearch

// Searches, and what they find.

extension Search.SearchRequest {
    /// - Parameter pictures: what the request's pictures were encoded as, by their place in `like`. Without them the request is only checked:
    ///   it isn't one that can be answered.
    /// - Throws: `SearchError` that names the field for a request that can't be answered.
    package init(
        _ request: API.SearchRequest, pictures: [Int: SearchExample.Source] = [:]
    ) throws(SearchError) {
        var examples: [SearchExample] = []
        for (place, example) in request.like.enumerated() {
            let source: SearchExample.Source =
                switch example.source {
                case .clip(let id): .clip(id)
                case .file(let path, let time): .moment(path.filePath, time: time)
                case .image: pictures[place] ?? .vector([], modelDigest: "")
                }
            examples.append(try SearchExample(source, weight: example.weight, place: place))
        }
        var exclusions: [SearchExclusion] = []
        for (place, exclusion) in request.not.enumerated() {
            exclusions.append(try SearchExclusion(exclusion.text, weight: exclusion.weight, place: place))
        }
        let group: Group =
            switch request.group {
            case .clip: .clip
            case .media: .media
            }
        try self.init(
            query: request.query,
            examples: examples,
            exclusions: exclusions,
            limit: request.limit,
            offset: request.offset,
            filter: MediaFilter(request.filters),
            group: group,
            channel: Channel(request.channel),
            rerank: Search.RerankOptions(request.rerank),
            minProbability: request.minProbability,
            folds: request.fold
        )
    }
}

extension API.SearchResult {
    init(_ result: Search.SearchResult) {
        self.init(
            clip: result.clip.id,
            media: API.MediaReference(
                id: result.media.id,
                path: API.Path(result.path),
                duration: result.media.properties.duration,
                online: result.isOnline
            ),
            start: result.clip.start,
            end: result.clip.end,
            score: result.scores.combined,
            scores: API.SearchScores(
                fast: result.scores.fast, excluded: result.scores.excluded, slow: result.scores.slow,
                words: result.scores.words),
            probability: result.scores.probability,
            why: API.SearchReason(result.reason),
            line: result.line.map { API.Line(catalog: $0) },
            folded: result.foldedCount,
            similar: result.folded.isEmpty ? nil : result.folded.map { API.SearchResult($0) }
        )
    }
}

extension Search.SearchRequest.Channel {
    fileprivate init(_ channel: API.SearchChannel) {
        self =
            switch channel {
            case .both: .both
            case .picture: .picture
            case .words: .words
            }
    }
}

extension API.SearchReason {
    fileprivate init(_ reason: Search.SearchReason) {
        self =
            switch reason {
            case .picture: .picture
            case .words: .words
            case .both: .both
            }
    }
}

extension API.Line {
    fileprivate init(catalog line: CatalogLine) {
        let kind: Kind =
            switch line.kind {
            case .subtitle: .subtitle
            case .chapter: .chapter
            case .title: .title
            case .comment: .comment
            case .fileName: .fileName
            case .folderName: .folderName
            }
        let isTimed = !line.kind.isOfWholeMedia
        self.init(
            kind: kind, start: isTimed ? line.start : nil, end: isTimed ? line.end : nil, language: line.language,
            text: line.text)
    }
}

extension MediaFilter {
    fileprivate init(_ filters: API.SearchFilters) throws(SearchError) {
        do {
            try self.init(
                root: filters.root,
                pathPrefix: filters.pathPrefix.map { Array($0.utf8) },
                pathGlob: filters.pathGlob,
                recordedAfter: filters.recordedAfter?.timeIntervalSince1970,
                recordedBefore: filters.recordedBefore?.timeIntervalSince1970,
                minDuration: filters.minDuration,
                maxDuration: filters.maxDuration
            )
        } catch {
            throw SearchError(error)
        }
    }
}

extension Search.RerankOptions {
    /// Nil where nothing is to be re-ranked.
    fileprivate init?(_ rerank: API.Rerank) throws(SearchError) {
        guard case .on(let options) = rerank else { return nil }
        try self.init(depth: options.depth, beta: options.beta, deadline: options.deadline)
    }
}

extension API.SearchStage {
    fileprivate init(_ stage: Search.SearchStage) {
        self =
            switch stage {
            case .fast: .fast
            case .partial: .partial
            case .slow: .slow
            }
    }
}

extension API.SavedSearch {
    /// - Parameter search: what it asks.
    init(_ saved: CatalogSavedSearch, asking search: API.SearchRequest) {
        self.init(
            name: saved.name, search: search, command: saved.command, created: Date(saved.createdAt),
            waiting: saved.waiting)
    }
}

extension API.SearchResponse {
    /// - Parameter isFinal: Of a line of a stream.
    package init(_ answer: SearchAnswer, query: String, isFinal: Bool? = nil) {
        self.init(
            query: query,
            results: answer.results.map { API.SearchResult($0) },
            found: answer.isFound,
            stage: API.SearchStage(answer.stage),
            reranked: answer.reranked,
            isFinal: isFinal,
            modelDigest: answer.modelDigest,
            clips: answer.clips,
            timings: API.SearchTimings(
                embed: answer.timings.embed,
                filter: answer.timings.filter,
                scan: answer.timings.scan,
                rerank: answer.timings.rerank,
                words: answer.timings.words,
                lookup: answer.timings.lookup,
                total: answer.timings.total
            )
        )
    }
}
