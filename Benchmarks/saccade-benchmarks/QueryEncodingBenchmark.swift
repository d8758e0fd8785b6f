import Foundation
import Models
import SystemPackage
import Tensors
import Threads

/// One query of twelve words through the tokenizer and MiniLM, beside transformers on PyTorch: `query_encoding.py`.
///
/// Arguments: a folder with all-MiniLM-L6-v2, then optionally the rounds.
func queryEncoding(_ arguments: [String]) throws -> [Comparison] {
    guard let folder = arguments.first else {
        print("usage: saccade-benchmarks query-encoding MINILM [ROUNDS]")
        return []
    }
    try BLAS.load()
    let query = "a young man in a red jacket plays the guitar on stage"
    let rounds = arguments.dropFirst().compactMap { Int($0) }.first ?? 300
    print("threads \(ThreadCount.configured), OpenBLAS core \(BLAS.coreName ?? "none")")
    var loaded: PretrainedBERT<Float>?
    let loading = try seconds { loaded = try PretrainedBERT(folder: FilePath(folder)) }
    guard let model = loaded else { return [] }
    let text = try seconds { _ = try WordPieceTokenizer(vocabularyFile: FilePath(folder).appending("vocab.txt")) }
    print(String(format: "loading: model %.0f ms, its tokenizer %.1f ms", loading * 1000, text * 1000))

    let peer = Peer(script: "query_encoding.py", arguments: [folder, String(ThreadCount.configured), query])
    var ours: [Double] = []
    var theirs: [Double] = []
    var results: ([Float], [Float]) = ([], [])
    for round in 0..<rounds + 10 {
        let time = seconds {
            let batch = TokenBatch([model.tokenizer.encode(query, limit: 64)])
            results.0 = model.encoder(batch).maskedMean(lengths: batch.lengths).value.scalars
        }
        let answer = (peer?.ask("query") ?? "").split(separator: " ").compactMap { Double($0) }
        if answer.count > 1 { results.1 = answer.dropFirst().map { Float($0) } }
        if round < 10 { continue }
        ours.append(time)
        if let first = answer.first { theirs.append(first) }
    }
    let difference = zip(results.0, results.1).map { abs($0 - $1) }.max() ?? .nan
    print(
        String(
            format: "one query: ours %.2f ms, PyTorch %.2f ms, ratio %.2f; ours p99 %.2f ms; largest difference %.1e",
            median(ours) * 1000, median(theirs) * 1000, median(ours) / median(theirs),
            ours.sorted()[ours.count * 99 / 100] * 1000, difference))

    let long = String(repeating: "A man is playing the guitar, naïvely; 東京 — привет! ", count: 20_000)
    let time = seconds { _ = model.tokenizer.encode(long, limit: .max) }
    print(String(format: "tokenizer: %.1f MB/s on mixed text", Double(long.utf8.count) / time / 1e6))
    return [Comparison(name: "one query", peer: "PyTorch", ratio: median(theirs) / median(ours))]
}
