import CKernels
import Foundation
import Models
import SystemPackage
import Tensors
import Threads

/// Frames a second through CLIP's image tower in batches of 16, in 8 bits and in floats, beside ONNX Runtime and PyTorch on the same weights, and
/// as a share of what oneDNN multiplies in a second: `image_tower.py`.
///
/// Ours starts from 8-bit pictures, the others from normalised floats. Each round runs all in turn; a figure is the median. Arguments: a
/// checkpoint of transformers with `model_type` `clip`, two folders that `saccade model import` made of it, with `--precision int8` and `float`,
/// then optionally the rounds.
func imageTower(_ arguments: [String]) throws -> [Comparison] {
    guard arguments.count >= 3 else {
        print("usage: saccade-benchmarks image-tower CHECKPOINT INT8 FLOAT [ROUNDS]")
        return []
    }
    let rounds = arguments.dropFirst(3).compactMap { Int($0) }.first ?? 9
    let batch = 16
    print(
        "threads \(ThreadCount.configured), kernels \(String(cString: saccade_quantised_name(saccade_quantised_detected())))"
    )
    let towers = try [("8 bits", arguments[1]), ("floats", arguments[2])].map {
        ($0.0, try DualEncoderModel(ModelFolder(FilePath($0.1))).image)
    }
    let configuration = towers[0].1.configuration
    let images = (0..<batch).map { drawnPicture($0, side: configuration.frameSize) }
    let peer = Peer(
        script: "image_tower.py", arguments: [arguments[0], String(batch), String(ThreadCount.configured)])
    let peers = ["onnx-int8", "onnx", "torch"]
    var times: [String: [Double]] = [:]
    var sums: [String: Double] = [:]
    var peaks: [Double] = []
    for round in 0..<rounds + 2 {
        var answers: [String: Double] = [:]
        for (name, tower) in towers {
            var sum = 0.0
            answers[name] = try seconds {
                let pooled = try tower.features(of: images).pooled
                sum = pooled?.scalars.reduce(0) { $0 + Double(abs($1)) } ?? .nan
            }
            sums[name] = sum
        }
        for engine in peers {
            let answer = (peer?.ask(engine) ?? "").split(separator: " ").compactMap { Double($0) }
            guard answer.count == 2 else { continue }
            (answers[engine], sums[engine]) = (answer[0], answer[1])
        }
        if let peak = peer?.ask("peak").flatMap(Double.init) { peaks.append(peak) }
        if round < 2 { continue }
        for (engine, time) in answers { times[engine, default: []].append(time) }
    }
    func rate(_ engine: String) -> Double { times[engine].map { Double(batch) / median($0) } ?? .nan }
    for engine in towers.map(\.0) + peers {
        print(String(format: "%9.1f frames/s  %@", rate(engine), engine))
        guard let exact = sums["floats"], let sum = sums[engine] else { continue }
        print(
            String(
                format: "           the embeddings' sum of magnitudes differs from our floats' by %.1e",
                abs(sum / exact - 1)))
    }
    let operations = configuration.operations * rate("8 bits")
    print(
        String(
            format: "8 bits: %.0f billion operations a second of products with weights, %.0f %% of oneDNN's %.0f",
            operations / 1e9,
            100 * operations / median(peaks), median(peaks) / 1e9))
    return peers.map { Comparison(name: "8 bits", peer: $0, ratio: rate("8 bits") / rate($0)) }
        + [Comparison(name: "8 bits", peer: "oneDNN's peak", ratio: operations / median(peaks))]
}

extension ImageTowerConfiguration {
    /// Two for each multiplication by a weight, of a frame.
    fileprivate var operations: Double {
        let patches = frameSize * frameSize * 3 * width
        let block = 4 * width * width + 2 * width * feedForward
        return 2 * Double(patches + layers * tokens * block)
    }
}
