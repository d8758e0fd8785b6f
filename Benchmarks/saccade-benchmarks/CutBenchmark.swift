import DecodeWorkers
import DecodeProtocol
import Foundation
import SystemPackage

/// Cuts in a folder's videos joined into one file, beside PySceneDetect.
///
/// Every join is a cut. The files have cuts of their own: those of a file of labels are counted with the joins. Without labels each cut
/// that is not at a join counts as wrong, and F1 is the least that it can be.
///
/// Arguments: a folder of videos, each of which is coded again as 640 × 360 at 25 frames a second before they are joined; then
/// optionally a file of labels, such as `Benchmarks/labels/sample-cuts.txt`, which says what its lines mean.
func cuts(_ arguments: [String]) throws -> [Comparison] {
    guard let folder = arguments.first else {
        print("usage: saccade-benchmarks cuts FOLDER [LABELS]")
        return []
    }
    let labels = try arguments.dropFirst().first.map { try cutLabels($0) } ?? [:]
    let bench = try MediaBench()
    var truths: [CutTruth] = []
    var parts: [URL] = []
    var joins: [Double] = []
    var end = 0.0
    let pool = try MediaBench.pool()
    for (index, video) in try MediaBench.videos(in: folder).enumerated() {
        let part = bench.folder.appending(path: "part\(index).mkv")
        try MediaBench.ffmpeg([
            "-i", video, "-an", "-vf", "fps=25,scale=640:360,setsar=1", "-c:v", "libx264", "-preset", "veryfast",
            "-crf",
            "18", "-pix_fmt", "yuv420p", part.path,
        ])
        let path = FilePath(part.path)
        // A whole number of frames: Matroska rounds the last one's end.
        let duration = try MediaBench.wait { try await pool.probe(path).duration } ?? 0
        truths += (labels[(video as NSString).lastPathComponent] ?? []).map { $0.moved(by: end) }
        end += (duration * 25).rounded() / 25
        joins.append(end)
        parts.append(part)
    }
    joins.removeLast()
    truths += joins.map { CutTruth(span: $0...$0, isCertain: true) }
    let file = try bench.join(parts, as: "joined.mp4")
    var found: [(name: String, cuts: [Double], seconds: Double)] = []
    let path = FilePath(file.path)
    var ours: [Double] = []
    let taken = try seconds {
        ours = try MediaBench.wait {
            var cuts: [Double] = []
            for try await event in pool.frames(of: path, sampling: FrameSampling()) {
                if case .cut(let time) = event { cuts.append(time) }
            }
            return cuts
        }
    }
    found.append(("ours", ours, taken))
    if let peer = Peer(script: "cuts.py", arguments: [file.path]) {
        for name in ["adaptive", "content"] {
            guard let numbers = peer.ask(name)?.split(separator: " ").compactMap({ Double($0) }),
                let taken = numbers.first
            else { continue }
            found.append(("PySceneDetect, \(name)", Array(numbers.dropFirst()), taken))
        }
    }
    print(
        "\(joins.count) joins and \(truths.count { $0.isCertain } - joins.count) labelled cuts in \(Int(end)) s of video, "
            + "tolerance \(tolerance) s")
    var comparisons: [Comparison] = []
    var ownF1 = Double.nan
    for result in found {
        let (hits, wrong) = compared(result.cuts, with: truths)
        let joined = compared(result.cuts, with: joins.map { CutTruth(span: $0...$0, isCertain: true) })
        let name = result.name.padding(toLength: 24, withPad: " ", startingAt: 0)
        let f1 = score(hits, wrong, truths.count { $0.isCertain })
        if result.name == "ours" {
            ownF1 = f1
        } else {
            comparisons.append(Comparison(name: "F1", peer: result.name, ratio: ownF1 / f1))
            comparisons.append(Comparison(name: "speed", peer: result.name, ratio: result.seconds / taken))
        }
        print(
            String(
                format: "  \(name) F1 %.3f (%d found, %d wrong)   joins alone: F1 %.3f (%d found, %d others)   %.1f s",
                f1, hits, wrong,
                score(joined.hits, joined.wrong, joins.count), joined.hits, joined.wrong, result.seconds))
    }
    return comparisons
}

/// Where a cut is: from the first frame of a gradual one to the first of the new shot.
private struct CutTruth {
    var span: ClosedRange<Double>
    /// False for what may be called a cut or not.
    var isCertain: Bool

    func moved(by time: Double) -> CutTruth {
        CutTruth(span: (span.lowerBound + time)...(span.upperBound + time), isCertain: isCertain)
    }

    func isNear(_ time: Double) -> Bool {
        time >= span.lowerBound - tolerance - 1e-6 && time <= span.upperBound + tolerance + 1e-6
    }
}

/// Cuts by the name of the file that they are in.
private func cutLabels(_ path: String) throws -> [String: [CutTruth]] {
    var labels: [String: [CutTruth]] = [:]
    for line in try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n") where !line.hasPrefix("#") {
        let isCertain = !line.hasPrefix("?")
        let words = line.drop { $0 == "?" }.split(separator: " ")
        let times = words.dropFirst().compactMap { Double($0) }
        guard let name = words.first, let start = times.first, times.count == words.count - 1, times.count <= 2,
            start <= times[times.count - 1]
        else { throw MediaBench.Failed(description: "\(path): not a label: \(line)") }
        labels[String(name), default: []].append(
            CutTruth(span: start...times[times.count - 1], isCertain: isCertain))
    }
    return labels
}

/// Seconds.
private let tolerance = 0.2

/// How many truths have a cut of their own, and how many cuts have no truth. A gradual one may be found at both of its ends: the
/// second time is neither right nor wrong.
private func compared(_ cuts: [Double], with truths: [CutTruth]) -> (hits: Int, wrong: Int) {
    var left = cuts.sorted()
    var hits = 0
    // Narrow ones first: a cut at a join inside of a fade is the join's.
    let certain = truths.filter(\.isCertain).sorted {
        $0.span.upperBound - $0.span.lowerBound < $1.span.upperBound - $1.span.lowerBound
    }
    for truth in certain {
        guard let place = left.firstIndex(where: truth.isNear) else { continue }
        left.remove(at: place)
        hits += 1
    }
    let open = truths.filter { !$0.isCertain || $0.span.lowerBound < $0.span.upperBound }
    return (hits, left.count { cut in !open.contains { $0.isNear(cut) } })
}

/// F1 of `hits` of `truths` found, with `wrong` others.
private func score(_ hits: Int, _ wrong: Int, _ truths: Int) -> Double {
    2 * Double(hits) / Double(hits + wrong + truths)
}
