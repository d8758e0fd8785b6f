import Foundation

// One row a benchmark. Each prints its own table, with its peer's figures from the same run, and returns the ratios.
let benchmarks: [(name: String, summary: String, run: ([String]) throws -> [Comparison])] = [
    ("backbone", "EfficientNet-Lite's feature maps, beside PyTorch and ONNX Runtime", backbone),
    ("towers", "the towers of a CLIP or SigLIP in 8 bits and in floats, beside ONNX Runtime and PyTorch", towers),
    ("cuts", "cuts in a folder's videos joined into one, beside PySceneDetect", cuts),
    ("decode", "sampled frames of a long 1080p file, beside ffmpeg and PyAV", decoding),
    ("ingest", "the whole pipeline over real files, stage by stage", ingest),
    ("folders", "scans of many files, and renamed directories", folders),
    ("slow", "re-ranking and a training step of the Slow model, beside PyTorch", slow),
    ("training-step", "forward, backward and AdamW of a text encoder and a decoder, beside PyTorch", trainingStep),
    ("scan", "exact search of a million clips, beside faiss and sqlite-vec", scan),
    ("inverted", "search of a million clips in lists on disk, beside faiss and usearch", inverted),
    ("query-encoding", "one query, text to pooled hidden state by MiniLM, beside PyTorch", queryEncoding),
    ("memory", "resident memory of a daemon with 100,000 clips, idle and taking in 1080p", memory),
    ("query", "query text in to answer out at a million clips", query),
]

let arguments = CommandLine.arguments.dropFirst()
if let name = arguments.first, let benchmark = benchmarks.first(where: { $0.name == name }) {
    let comparisons = try benchmark.run(Array(arguments.dropFirst()))
    exit(try record(comparisons, of: benchmark.name) ? 0 : 1)
} else {
    print("usage: saccade-benchmarks NAME [ARGUMENT...]")
    for benchmark in benchmarks { print("  \(benchmark.name): \(benchmark.summary)") }
    exit(arguments.isEmpty ? 0 : 64)
}
