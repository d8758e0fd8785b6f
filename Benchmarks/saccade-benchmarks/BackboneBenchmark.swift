import Training
import Tensors
import CKernels
import Foundation
import Models
import SystemPackage
import Threads

/// Pictures a second through the backbone, in batches of 16, beside PyTorch and ONNX Runtime on the same weights: `backbone.py`.
///
/// Ours starts from 8-bit pictures, the others from normalised floats. Each round runs all three in turn; a network's figure
/// is its median. Arguments: a folder with `lite0.pth` and `lite2.pth` as their packages ship them, then optionally the
/// rounds.
func backbone(_ arguments: [String]) throws -> [Comparison] {
    guard let folder = arguments.first else {
        print("usage: saccade-benchmarks backbone WEIGHTS [ROUNDS]")
        return []
    }
    let rounds = arguments.dropFirst().compactMap { Int($0) }.first ?? 15
    let batch = 16
    print("threads \(ThreadCount.configured), kernels \(String(cString: saccade_simd_name(saccade_simd_detected())))")
    var comparisons: [Comparison] = []
    for (variant, side) in [("lite2", 256), ("lite0", 224)] {
        let path = FilePath(folder).appending(variant + ".pth")
        let architecture: EfficientNetLiteArchitecture = variant == "lite0" ? .lite0 : .lite2
        var network: EfficientNetLite?
        let loading = try seconds {
            let parameters = try TorchPickle.tensors(at: path)
            let weights = try EfficientNetLiteImport.folded(
                parameters, architecture: architecture, source: path.string)
            network = try EfficientNetLite(architecture: architecture, weights: WeightSet(weights, source: path.string))
        }
        guard let network else { return comparisons }
        let images = (0..<batch).map { drawnPicture($0, side: side) }
        let peer = Peer(
            script: "backbone.py",
            arguments: [path.string, variant, String(side), String(batch), String(ThreadCount.configured)])
        var times: [String: [Double]] = [:]
        var sums: [String: [Double]] = [:]
        for round in 0..<rounds + 2 {
            var maps: [FeatureMap] = []
            let time = try seconds { maps = try network.maps(of: images).maps }
            // The peers go from fine to coarse.
            sums["ours"] = maps.reversed().map { $0.values.scalars.reduce(0) { $0 + Double(abs($1)) } }
            var answers = ["ours": time]
            for engine in ["torch", "onnx"] {
                let answer = (peer?.ask(engine) ?? "").split(separator: " ").compactMap { Double($0) }
                guard answer.count == 4 else { continue }
                answers[engine] = answer[0]
                sums[engine] = Array(answer.dropFirst())
            }
            if round < 2 { continue }
            for (engine, time) in answers { times[engine, default: []].append(time) }
        }
        func rate(_ engine: String) -> Double { times[engine].map { Double(batch) / median($0) } ?? .nan }
        print(
            String(
                format:
                    "%@ at %d px: ours %.0f pictures/s, PyTorch %.0f (%.2f x), ONNX Runtime %.0f (%.2f x); loading %.2f s",
                variant, side, rate("ours"), rate("torch"), rate("ours") / rate("torch"), rate("onnx"),
                rate("ours") / rate("onnx"), loading))
        for (engine, name) in [("torch", "PyTorch"), ("onnx", "ONNX Runtime")] {
            comparisons.append(
                Comparison(name: variant, peer: name, ratio: rate("ours") / rate(engine)))
            guard let theirs = sums[engine], let ours = sums["ours"] else { continue }
            let off = zip(ours, theirs).map { abs($0 - $1) / $1 }.max() ?? .nan
            print(String(format: "  the maps' sums of magnitudes differ from %@'s by at most %.1e", engine, off))
        }
    }
    return comparisons
}
