package import Models

/// How well a model retrieves the items of a data set, and how long it takes for it, mode by mode.
package struct RetrievalEvaluation: Sendable {
    /// What one mode achieves in one direction.
    package struct Measurement: Sendable {
        package var metrics: RetrievalMetrics
        /// Wall time, on all threads of the pool.
        package var secondsPerQuery: Double
    }

    /// How many captions were asked for.
    package let queries: Int
    /// Among how many items.
    package let gallery: Int
    /// β of the modes that use both models; nil where there is none.
    package let beta: Double?
    /// The Fast model's recall at K, in percent, of each K that is re-ranked: no re-ranking of K can find more.
    package let ceiling: [Int: Double]
    /// Every caption as a query for its item.
    package private(set) var textToVideo: [EvaluationMode: Measurement] = [:]
    /// Every item as a query for any of its captions; empty when not all captions were asked for.
    package private(set) var videoToText: [EvaluationMode: Measurement] = [:]

    /// Blocking, and long: modes with the Slow model score many pairs.
    ///
    /// - Parameters:
    ///   - modes: those with a Slow model are left out when `model` has none.
    ///   - captions: of each item, how many are queries; nil takes all.
    ///   - limit: of all of these, how many are asked, spread evenly, from text to video alone; nil asks all, in both directions.
    ///   - beta: nil takes the model's.
    ///   - precision: how rerank features are stored; nil leaves them exact, without quantisation.
    ///   - progress: is called in the calling thread while pairs are scored.
    /// - Throws: ``WeightsError`` when the tokens' vectors can't be read.
    package init(
        model: any RerankableModel, features: FeatureSet, modes: [EvaluationMode], captions: Int? = nil,
        queries limit: Int? = nil, beta: Double? = nil, precision: FeaturePrecision? = nil,
        progress: (_ done: Int, _ all: Int) -> Void = { _, _ in }
    ) throws {
        let fast = try FastEmbeddings(model, of: features, captions: captions)
        var table = fast.table
        let asked = limit.map { limit in
            let count = min(limit, table.captions)
            return (0..<count).map { $0 * table.captions / count }
        }
        if let asked { table = table.restricted(to: asked) }
        queries = table.captions
        gallery = features.count
        if modes.contains(.fast) {
            textToVideo[.fast] = Measurement(metrics: table.textToVideo, secondsPerQuery: fast.secondsPerSentence)
            if asked == nil {
                videoToText[.fast] = Measurement(metrics: table.videoToText, secondsPerQuery: fast.secondsPerClip)
            }
        }
        let others = modes.filter { $0 != .fast }
        guard let slow = model.slow, let deepest = others.map(\.cost).max() else {
            (self.beta, ceiling) = (nil, [:])
            return
        }
        let beta = beta ?? model.reranking?.beta ?? Reranking.untuned.beta
        self.beta = beta
        let ranks = table.textToVideoRanks
        let depths = others.compactMap { if case .reranked(let depth) = $0 { depth } else { nil } }
        ceiling = Dictionary(
            depths.map { ($0, RetrievalMetrics.recall(at: $0, ranks: ranks)) }, uniquingKeysWith: { first, _ in first })
        var sentences = features.dataset.items.flatMap { item in
            item.captions.prefix(captions ?? .max).map(slow.tokens(of:))
        }
        if let asked { sentences = asked.map { sentences[$0] } }
        let memories = SlowMemories(
            model: slow.model, features: features, items: Array(0..<features.count), precision: precision)
        let endWeight = (model.reranking ?? .untuned).endWeight
        let evaluation = RerankingEvaluation(
            captioner: slow, memories: memories, fast: table, sentences: sentences,
            pairs: deepest == .max ? .all : asked == nil ? .best(deepest) : .bestItems(deepest), endWeight: endWeight,
            progress: progress)
        let clock = QueryClock(memories: memories, sentences: sentences, items: features.count)
        for mode in others {
            let (depth, weight, clips) =
                switch mode {
                case .fast: (0, 0.0, 0)
                case .slow: (max(table.items, table.captions), 0.0, table.items)
                case .reranked(let depth): (depth, beta, min(depth, table.items))
                }
            let scoring = clock.seconds(clips: clips)
            textToVideo[mode] = Measurement(
                metrics: RetrievalMetrics(ranks: evaluation.textToVideoRanks(depth: depth, beta: weight)),
                secondsPerQuery: scoring + (mode == .slow ? 0 : fast.secondsPerSentence))
            if asked != nil { continue }
            videoToText[mode] = Measurement(
                metrics: RetrievalMetrics(ranks: evaluation.videoToTextRanks(depth: depth, beta: weight)),
                secondsPerQuery: evaluation.seconds / Double(max(1, evaluation.slow.captions * table.items))
                    * Double(min(depth, table.captions)))
        }
    }
}

/// How long the Slow model takes for one query, as a search asks it: one sentence, many clips.
private struct QueryClock {
    let memories: SlowMemories
    let sentences: [[Int32]]
    let items: Int

    /// The median of a few queries.
    func seconds(clips: Int) -> Double {
        let rounds = clips > 256 ? 3 : 9
        let times = (0..<rounds).map { round in
            let sentence = sentences[(round * 7919) % sentences.count]
            let some = (0..<clips).map { ($0 * 31 + round) % items }
            let begin = ContinuousClock.now
            _ = memories.scores(of: sentence, against: some)
            return (ContinuousClock.now - begin) / .seconds(1)
        }
        return times.sorted()[rounds / 2]
    }
}
