import Differentiation
import Foundation
import Models
import SystemPackage
import Tensors
import Threads

/// The Slow model of a folder: re-ranking 32 clips for a query of 12 words, and a training step of 64 pictures with a caption each,
/// beside PyTorch with the same weights: `slow.py`.
///
/// Arguments: the model's folder, then optionally the rounds.
func slow(_ arguments: [String]) throws -> [Comparison] {
    guard let folder = arguments.first else {
        print("usage: saccade-benchmarks slow MODEL [ROUNDS]")
        return []
    }
    try BLAS.load()
    let rounds = arguments.dropFirst().compactMap { Int($0) }.first ?? 9
    let directory = FilePath(folder)
    let model = try FastSlowModel(directory: directory)
    guard let captioner = model.slow else {
        print("\(folder) has no Slow part")
        return []
    }
    print("threads \(ThreadCount.configured), OpenBLAS core \(BLAS.coreName ?? "none")")
    let peer = Peer(script: "slow.py", arguments: [folder, String(ThreadCount.configured)])
    let reranked = reranking(captioner, peer, rounds)
    let learning = try SlowCaptioner(
        folder: model.folder, configuration: captioner.model.configuration, tokenizer: model.tokenizer,
        trainable: true)
    return [reranked, training(learning.model, peer, rounds)]
}

private func sentence(_ row: Int, length: Int, words: Int) -> [Int32] {
    (0..<length).map { Int32(3 + (row * 7919 + $0 * 104_729) % (words - 3)) }
}

/// The peer draws the same: its seeds are the maps' names there, 5 for the coarsest.
private func maps(_ configuration: SlowConfiguration, count: Int) -> [Variable<Float>] {
    configuration.maps.enumerated().map { index, map in
        Variable(constant: reproducible([count, map.positions, map.channels], seed: UInt32(5 - index)))
    }
}

private func reranking(_ captioner: SlowCaptioner, _ peer: Peer?, _ rounds: Int) -> Comparison {
    let model = captioner.model
    let clips = 32
    let memory = model.memory(
        maps: maps(model.configuration, count: clips), frameCounts: [Int](repeating: 1, count: clips)
    ).detached
    let stored = (0..<clips).map { ClipMemory.encode(memory, clip: $0, precision: .full) }
    let compact = (0..<clips).map { ClipMemory.encode(memory, clip: $0, precision: .compact) }
    let query = [[Int32]](
        repeating: sentence(1, length: 12, words: model.configuration.vocabularySize), count: clips)
    var (ours, theirs, reading, unpacking): ([Double], [Double], [Double], [Double]) = ([], [], [], [])
    var difference: Float = 0
    for round in 0...rounds {
        var scores: [Float] = []
        let time = seconds { scores = model.scores(of: query, memory: memory) }
        let full = seconds { _ = try? ClipMemory.decode(stored, as: model.configuration.memoryForm) }
        let small = seconds { _ = try? ClipMemory.decode(compact, as: model.configuration.memoryForm) }
        let answer = (peer?.ask("rerank") ?? "").split(separator: " ").compactMap { Double($0) }
        for (score, other) in zip(scores, answer.dropFirst()) {
            difference = max(difference, abs(score - Float(other)))
        }
        if round == 0 { continue }
        ours.append(time)
        reading.append(full)
        unpacking.append(small)
        if let first = answer.first { theirs.append(first) }
    }
    print(
        String(
            format: "re-ranking 32 clips, 12 words: ours %.1f ms, PyTorch %.1f ms, ratio %.2f; largest difference %.1e",
            median(ours) * 1000, median(theirs) * 1000, median(ours) / median(theirs), difference))
    print(
        String(
            format: "  unpacking 32 stored memories: full %.1f ms (%d bytes each), compact %.1f ms (%d bytes each)",
            median(reading) * 1000, stored[0].count, median(unpacking) * 1000, compact[0].count))
    return Comparison(name: "re-ranking", peer: "PyTorch", ratio: median(theirs) / median(ours))
}

private func training(_ model: SlowModel<Float>, _ peer: Peer?, _ rounds: Int) -> Comparison {
    let batch = 64
    let captions = (0..<batch).map {
        sentence($0, length: 8 + $0 % 9, words: model.configuration.vocabularySize)
    }
    let inputs = maps(model.configuration, count: batch)
    let parameters = model.parameters.map(\.variable)
    var first = parameters.map { Tensor<Float>(zeros: $0.shape) }
    var second = first
    var (ours, theirs): ([Double], [Double]) = ([], [])
    var losses = (Double.nan, Double.nan)
    for round in 0...rounds {
        let time = seconds {
            let memory = model.memory(maps: inputs, frameCounts: [Int](repeating: 1, count: batch))
            var off = Dropout.off
            let costs = model.wordCosts(of: captions, memory: memory, dropout: &off)
            let loss = costs.dropFirst().reduce(costs[0]) { $0 + $1 }.scaled(by: 1 / Float(costs.count)).mean()
            let found = gradients(of: loss, withRespectTo: parameters)
            let step = AdamWStep(learningRate: 1e-4, number: round + 1)
            for (index, parameter) in parameters.enumerated() {
                parameter.update { value in
                    step.update(
                        &value, gradient: found[index], firstMoment: &first[index], secondMoment: &second[index])
                }
            }
            losses.0 = Double(loss.value.scalar)
        }
        let answer = (peer?.ask("step") ?? "").split(separator: " ").compactMap { Double($0) }
        if answer.count == 2 { losses.1 = answer[1] }
        if round == 0 { continue }
        ours.append(time)
        if let first = answer.first { theirs.append(first) }
    }
    print(
        String(
            format:
                "training step, 64 pictures: ours %.0f ms, PyTorch %.0f ms, ratio %.2f; loss after %d steps %.5f and %.5f",
            median(ours) * 1000, median(theirs) * 1000, median(ours) / median(theirs), rounds + 1, losses.0, losses.1))
    return Comparison(name: "training step", peer: "PyTorch", ratio: median(theirs) / median(ours))
}
