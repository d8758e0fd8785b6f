import Differentiation
import Foundation
import Models
import Tensors
import Threads

/// One training step (forward, backward, AdamW) of three graphs, beside PyTorch on the same numbers: `training_step.py`.
///
/// Both sides begin with the same weights and inputs, so equal losses show that they compute the same thing.
/// Arguments: `minilm`, `decoder` or `backbone` to run one of them, a number for the rounds.
func trainingStep(_ arguments: [String]) throws -> [Comparison] {
    try BLAS.load()
    let rounds = arguments.compactMap { Int($0) }.first ?? 7
    print("threads \(ThreadCount.configured), OpenBLAS core \(BLAS.coreName ?? "none")")
    var comparisons: [Comparison] = []
    for graph in [StepGraph.miniLM, .decoder, .backbone]
    where arguments.isEmpty || Int(arguments[0]) != nil || arguments.contains(graph.name) {
        let peer = Peer(script: "training_step.py", arguments: [graph.name, String(ThreadCount.configured)])
        var trainer = StepTrainer(graph)
        var ours: [Double] = []
        var theirs: [Double] = []
        var losses: (Double, Double) = (.nan, .nan)
        for round in 0...rounds {
            let time = seconds { losses.0 = trainer.step() }
            let answer = (peer?.ask("step") ?? "").split(separator: " ").compactMap { Double($0) }
            if answer.count == 2 { losses.1 = answer[1] }
            if round == 0 { continue }
            ours.append(time)
            if answer.count == 2 { theirs.append(answer[0]) }
        }
        print(
            String(
                format: "%@: ours %.1f ms, PyTorch %.1f ms, ratio %.2f; loss after %d steps %.5f and %.5f", graph.name,
                median(ours) * 1000, median(theirs) * 1000, median(ours) / median(theirs), rounds + 1, losses.0,
                losses.1))
        comparisons.append(
            Comparison(name: graph.name, peer: "PyTorch", ratio: median(theirs) / median(ours)))
    }
    return comparisons
}

/// Parameters by order of use, and a loss.
struct StepGraph {
    let name: String
    let shapes: [(shape: [Int], scale: Float, offset: Float)]
    let loss: ([Variable<Float>]) -> Variable<Float>
}

/// Numbers in −1 ..< 1 that NumPy makes just as well.
func reproducible(_ shape: [Int], seed: UInt32, scale: Float = 1, offset: Float = 0) -> Tensor<Float> {
    let count = shape.reduce(1, *)
    return Tensor(
        (0..<count).map { i in
            let hash = (UInt32(truncatingIfNeeded: i) &* 2_654_435_761 &+ seed &* 40503) ^ (seed << 7)
            let mixed = (hash ^ (hash >> 15)) &* 2_246_822_519
            return (Float(mixed >> 8) / 8_388_608 - 1) * scale + offset
        }, shape: shape)
}

private struct StepTrainer {
    let graph: StepGraph
    var parameters: [Variable<Float>]
    var firstMoments: [Tensor<Float>]
    var secondMoments: [Tensor<Float>]
    var number = 0

    init(_ graph: StepGraph) {
        self.graph = graph
        parameters = graph.shapes.enumerated().map { index, entry in
            Variable(
                parameter: reproducible(entry.shape, seed: UInt32(index + 1), scale: entry.scale, offset: entry.offset))
        }
        firstMoments = graph.shapes.map { Tensor(zeros: $0.shape) }
        secondMoments = firstMoments
    }

    mutating func step() -> Double {
        number += 1
        let loss = graph.loss(parameters)
        let found = gradients(of: loss, withRespectTo: parameters)
        let step = AdamWStep(learningRate: 1e-4, number: number)
        for i in parameters.indices {
            parameters[i].update { value in
                step.update(
                    &value, gradient: found[i], firstMoment: &firstMoments[i], secondMoment: &secondMoments[i])
            }
        }
        return Double(loss.value.scalar)
    }
}

extension StepGraph {
    private typealias Entry = (shape: [Int], scale: Float, offset: Float)

    private static func linear(_ outputs: Int, _ inputs: Int) -> [Entry] {
        [([outputs, inputs], 0.05, 0), ([outputs], 0.01, 0)]
    }

    private static func norm(_ width: Int) -> [Entry] { [([width], 0.1, 1), ([width], 0.1, 0)] }

    /// MiniLM: 6 layers of 384, 12 heads, 1536 inside; 128 captions of 8 to 16 tokens, mean-pooled, against 128 fixed vectors.
    static var miniLM: StepGraph {
        let (batch, length, width, heads, inner, layers, words) = (128, 16, 384, 12, 1536, 6, 30522)
        var shapes: [Entry] =
            [([words, width], 0.05, 0), ([512, width], 0.05, 0), ([2, width], 0.05, 0)] + norm(width)
        for _ in 0..<layers {
            shapes += linear(width, width) + linear(width, width) + linear(width, width) + linear(width, width)
            shapes += norm(width) + linear(inner, width) + linear(width, inner) + norm(width)
        }
        let ids = (0..<batch * length).map { Int32($0 * 7919 % words) }
        let lengths = (0..<batch).map { 8 + $0 % 9 }
        let clips = Variable(constant: reproducible([batch, width], seed: 777)).l2Normalized()
        return StepGraph(name: "minilm", shapes: shapes) { p in
            var next = 0
            func take() -> Variable<Float> {
                defer { next += 1 }
                return p[next]
            }
            func linear(_ x: Variable<Float>) -> Variable<Float> { x.linear(weight: take(), bias: take()) }
            func norm(_ x: Variable<Float>) -> Variable<Float> {
                x.layerNorm(gamma: take(), beta: take(), epsilon: 1e-12)
            }
            let word = take().gatherRows(ids, shape: [batch, length])
            let position = take().sliced(axis: 0, 0..<length)
            let type = take().sliced(axis: 0, 0..<1).reshaped([width])
            var x = norm(word + position + type)
            for _ in 0..<layers {
                let (q, k, v) = (linear(x), linear(x), linear(x))
                let seen = attention(query: q, key: k, value: v, heads: heads, keyLengths: lengths)
                x = norm(x + linear(seen))
                let hidden = linear(x).gelu()
                x = norm(x + linear(hidden))
            }
            let texts = x.maskedMean(lengths: lengths).l2Normalized()
            let logits = texts.matmul(clips, transposeB: true).scaled(by: 20)
            let targets = (0..<Int32(batch)).map { $0 }
            return logits.crossEntropy(targets: targets).mean()
                + logits.transposed([1, 0]).crossEntropy(targets: targets).mean()
        }
    }

    /// A captioner: 3 layers of 256, 8 heads, 1024 inside; 64 captions of 16 words; 64 tokens a clip for two layers, 256
    /// for the last; the output layer of 3,756 words is tied to the embedding.
    static var decoder: StepGraph {
        let (batch, length, width, heads, inner, words) = (64, 16, 256, 8, 1024, 3756)
        let memories = [64, 64, 256].map { Variable(constant: reproducible([batch, $0, width], seed: UInt32($0))) }
        var shapes: [Entry] = [([words, width], 0.05, 0), ([length, width], 0.05, 0)]
        for _ in memories {
            for _ in 0..<2 {
                shapes += norm(width)
                shapes += linear(width, width) + linear(width, width) + linear(width, width) + linear(width, width)
            }
            shapes += norm(width) + linear(inner, width) + linear(width, inner)
        }
        shapes += norm(width)
        let ids = (0..<batch * length).map { Int32($0 * 7919 % words) }
        let targets = (0..<batch * length).map { Int32($0 * 104_729 % words) }
        return StepGraph(name: "decoder", shapes: shapes) { p in
            var next = 0
            func take() -> Variable<Float> {
                defer { next += 1 }
                return p[next]
            }
            func linear(_ x: Variable<Float>) -> Variable<Float> { x.linear(weight: take(), bias: take()) }
            func norm(_ x: Variable<Float>) -> Variable<Float> {
                x.layerNorm(gamma: take(), beta: take(), epsilon: 1e-5)
            }
            let table = take()
            var x = table.gatherRows(ids, shape: [batch, length]) + take()
            for memory in memories {
                let own = norm(x)
                let (q, k, v) = (linear(own), linear(own), linear(own))
                x = x + linear(attention(query: q, key: k, value: v, heads: heads, mask: .causal))
                let (q2, k2, v2) = (linear(norm(x)), linear(memory), linear(memory))
                x = x + linear(attention(query: q2, key: k2, value: v2, heads: heads))
                x = x + linear(linear(norm(x)).gelu())
            }
            return norm(x).linear(weight: table).crossEntropy(targets: targets).mean()
        }
    }

    /// EfficientNet-Lite2's blocks 15 to 20 and its head, on 128 frames' maps of stride 16 at 256 pixels.
    static var backbone: StepGraph {
        let network = EfficientNetLiteArchitecture.lite2
        let first = 15
        let blocks = network.blocks[first...]
        let (batch, side) = (128, 16)
        func convolution(_ shape: [Int], gain: Float) -> [Entry] {
            [(shape, (gain / Float(shape.dropFirst().reduce(1, *))).squareRoot(), 0), ([shape[0]], 0.1, 0)]
        }
        var shapes: [Entry] = []
        for block in blocks {
            shapes += convolution([block.wide, block.inputs], gain: 6)
            shapes += convolution([block.wide, block.kernel, block.kernel], gain: 6)
            shapes += convolution([block.outputs, block.wide], gain: 3)
        }
        shapes += convolution([network.head, 352], gain: 6)
        let frames = Variable(constant: reproducible([batch, side * side, 120], seed: 555, scale: 2))
        let ofPooled = Variable(constant: reproducible([batch, network.head], seed: 556))
        let ofMap = Variable(constant: reproducible([batch, side * side / 4, 352], seed: 557))
        return StepGraph(name: "backbone", shapes: shapes) { p in
            let tail = BackboneTail(network, from: first, parameters: p.map { ("", $0) })
            let (pooled, map) = tail(frames, side: side)
            return (pooled * ofPooled).mean() + (map * ofMap).mean()
        }
    }
}
