import DecodeProtocol
import Foundation
import Ingest
import SystemPackage

/// Cuts in a folder's videos joined into one file, beside PySceneDetect.
///
/// The truth is the joins. The files have cuts of their own, which nobody wrote down, so there are two figures: `F1` counts
/// each cut that is not at a join as false, and is the least that it can be; `F1 *` leaves out those inside a file that
/// another detector of this run finds too, within the tolerance.
///
/// Arguments: a folder of videos; each is coded again as 640 × 360 at 25 frames a second before they are joined.
func cuts(_ arguments: [String]) throws {
    guard let folder = arguments.first else {
        print("usage: saccade-benchmarks cuts FOLDER")
        return
    }
    let bench = try MediaBench()
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
        end += (duration * 25).rounded() / 25
        joins.append(end)
        parts.append(part)
    }
    joins.removeLast()
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
    print("\(joins.count) joins in \(Int(end)) s of video, tolerance \(tolerance) s")
    for (index, result) in found.enumerated() {
        let hits = joins.filter { isNear($0, result.cuts) }.count
        let inside = result.cuts.filter { !isNear($0, joins) }
        let others = found.enumerated().filter { $0.offset != index }.flatMap(\.element.cuts)
        let unconfirmed = inside.filter { !isNear($0, others) }.count
        let name = result.name.padding(toLength: 24, withPad: " ", startingAt: 0)
        print(
            String(
                format: "  \(name) joins %d, inside %d (%d by no other)  F1 %.3f  F1 * %.3f  %.1f s", hits,
                inside.count,
                unconfirmed, score(hits, inside.count, joins.count), score(hits, unconfirmed, joins.count),
                result.seconds))
    }
}

/// Seconds.
private let tolerance = 0.2

private func isNear(_ time: Double, _ others: [Double]) -> Bool {
    others.contains { abs($0 - time) <= tolerance }
}

/// F1 of `hits` of `truths` found, with `wrong` others.
private func score(_ hits: Int, _ wrong: Int, _ truths: Int) -> Double {
    2 * Double(hits) / Double(hits + wrong + truths)
}
