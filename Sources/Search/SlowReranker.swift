package import Catalog

package import Models

/// Re-ranking by the Slow model, from the memories that ingest stored: the media files aren't touched.
///
/// The score is h(x, y) / 2(L + 1) + β·f(x)ᵀg(y) (Miech et al., CVPR 2021, §3.3).
package struct SlowReranker: Reranker {
    /// Clips that are scored together: enough to keep two threads busy, few enough to meet a deadline within some 10 ms.
    private static let batch = 16

    private let model: RetrievalModel
    private let slow: SlowCaptioner
    private let catalog: Catalog
    private let blank: VisualMemory<Float>
    private let report: @Sendable (CatalogError) -> Void

    package let defaultDepth: Int
    package let defaultBeta: Double
    package let calibration: Calibration?
    package var generation: String { model.generation }

    /// - Parameter report: is told why stored memories can't be read; the search goes on without them.
    /// - Returns: nil for a model without a Slow part.
    package init?(model: RetrievalModel, catalog: Catalog, report: @escaping @Sendable (CatalogError) -> Void) {
        guard let slow = model.slow else { return nil }
        self.model = model
        self.slow = slow
        self.catalog = catalog
        self.report = report
        blank = slow.blankMemory()
        let reranking = model.reranking ?? .untuned
        defaultDepth = reranking.depth
        defaultBeta = reranking.beta
        calibration = reranking.calibration
    }

    package func rerank(
        query: String, candidates: [Candidate], beta: Double, budget: RerankBudget,
        progress: ([Candidate]) throws -> Void
    ) throws -> [Candidate] {
        var candidates = candidates
        let sentence = model.slowTokens(of: query)
        // Nothing that the model could read, as in a query of emoji alone: the Fast order stands.
        guard !sentence.isEmpty else { return candidates }
        var blankScore: Float?
        for start in stride(from: 0, to: candidates.count, by: Self.batch) {
            guard !budget.isSpent else { break }
            let places = start..<min(start + Self.batch, candidates.count)
            let stored: [ClipID: [UInt8]]
            do throws(CatalogError) {
                stored = try catalog.memories(of: places.map { candidates[$0].clip })
            } catch {
                // What can't be read takes nothing from the Fast answer.
                report(error)
                break
            }
            let usable = places.filter { place in
                stored[candidates[place].clip].map { ClipMemory.isUsable($0, by: slow.model.configuration) } ?? false
            }
            guard !usable.isEmpty else { continue }
            let memories = try ClipMemory.decode(
                usable.compactMap { stored[candidates[$0].clip] }, as: slow.model.configuration)
            let floor = blankScore ?? score(sentence, blank)[0]
            blankScore = floor
            for (place, score) in zip(usable, score(sentence, memories)) where score.isFinite {
                set(score, above: floor, beta: beta, in: &candidates[place].scores)
            }
            try progress(candidates)
        }
        return candidates
    }

    private func score(_ sentence: [Int32], _ memories: VisualMemory<Float>) -> [Float] {
        slow.model.scores(of: [[Int32]](repeating: sentence, count: memories.count), memory: memories)
    }

    private func set(_ score: Float, above floor: Float, beta: Double, in scores: inout SearchScores) {
        scores.slow = Double(score)
        scores.combined = Double(score) + beta * scores.fast
        scores.probability = calibration?.probability(fast: scores.fast, evidence: Double(score - floor))
    }
}
