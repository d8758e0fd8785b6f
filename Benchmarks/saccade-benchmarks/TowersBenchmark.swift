import CKernels
import Foundation
import Models
import SystemPackage
import Tensors
import Threads

/// The towers of an imported CLIP or SigLIP, in 8 bits and in floats, beside ONNX Runtime and PyTorch on the same weights: frames a second in batches
/// of 16, milliseconds a query, and the share of what oneDNN multiplies in a second. `towers.py`.
///
/// Ours starts from 8-bit pictures and from text, the others from normalised floats and from tokens. Each round runs all in turn; a figure is the
/// median. Arguments: a checkpoint of transformers with `model_type` `clip` or `siglip`, two folders that `saccade model import` made of it,
/// with `--precision int8` and `float`, then optionally the rounds.
func towers(_ arguments: [String]) throws -> [Comparison] {
    guard arguments.count >= 3 else {
        print("usage: saccade-benchmarks towers CHECKPOINT INT8 FLOAT [ROUNDS]")
        return []
    }
    let rounds = arguments.dropFirst(3).compactMap { Int($0) }.first ?? 9
    let batch = 16
    print(
        "threads \(ThreadCount.configured), kernels \(String(cString: saccade_quantised_name(saccade_quantised_detected())))"
    )
    let models = try [("8 bits", arguments[1]), ("floats", arguments[2])].map {
        ($0.0, try DualEncoderModel(ModelFolder(FilePath($0.1))))
    }
    let configuration = models[0].1.image.configuration
    let images = (0..<batch).map { drawnPicture($0, side: configuration.frameSize) }
    let query = "a young man in a red jacket plays the guitar on stage"
    let tokens = models[0].1.tokens(of: query)
    let peer = Peer(
        script: "towers.py",
        arguments: [
            arguments[0], String(batch), String(ThreadCount.configured),
            tokens.map(String.init).joined(separator: ","),
        ])
    let peers = ["onnx-int8", "onnx", "torch"]
    var times: [String: [Double]] = [:]
    var sums: [String: Double] = [:]
    var peaks: [Double] = []
    for round in 0..<rounds + 2 {
        var answers: [String: Double] = [:]
        for (name, model) in models {
            var sum = 0.0
            answers["image " + name] = try seconds {
                let pooled = try model.image.features(of: images).pooled
                sum = pooled?.scalars.reduce(0) { $0 + Double(abs($1)) } ?? .nan
            }
            sums["image " + name] = sum
            answers["text " + name] = try seconds { _ = try model.embed(query: query) }
        }
        for engine in ["image", "text"].flatMap({ tower in peers.map { tower + " " + $0 } }) {
            let answer = (peer?.ask(engine) ?? "").split(separator: " ").compactMap { Double($0) }
            guard answer.count == 2 else { continue }
            (answers[engine], sums[engine]) = (answer[0], answer[1])
        }
        if let peak = peer?.ask("peak").flatMap(Double.init) { peaks.append(peak) }
        if round < 2 { continue }
        for (engine, time) in answers { times[engine, default: []].append(time) }
    }
    func time(_ engine: String) -> Double { times[engine].map(median) ?? .nan }
    let engines = models.map(\.0) + peers
    for engine in engines {
        let difference = (sums["image " + engine] ?? .nan) / (sums["image floats"] ?? .nan) - 1
        print(
            engine.padding(toLength: 10, withPad: " ", startingAt: 0)
                + String(
                    format: "%7.1f frames/s (sum of magnitudes off by %.1e), %6.2f ms a query",
                    Double(batch) / time("image " + engine), abs(difference), 1000 * time("text " + engine)))
    }
    let operations = configuration.operations * Double(batch) / time("image 8 bits")
    print(
        String(
            format: "8 bits: %.0f billion operations a second of products with weights, %.0f %% of oneDNN's %.0f",
            operations / 1e9, 100 * operations / median(peaks), median(peaks) / 1e9))
    return peers.flatMap { engine in
        ["image", "text"].map {
            Comparison(name: $0 + ", 8 bits", peer: engine, ratio: time($0 + " " + engine) / time($0 + " 8 bits"))
        }
    } + [Comparison(name: "image, 8 bits", peer: "oneDNN's peak", ratio: operations / median(peaks))]
}

extension ImageTowerConfiguration {
    /// Two for each multiplication by a weight, of a frame.
    fileprivate var operations: Double {
        let patches = frameSize * frameSize * 3 * width
        let block = 4 * width * width + 2 * width * feedForward
        return 2 * Double(patches + layers * tokens * block)
    }
}
