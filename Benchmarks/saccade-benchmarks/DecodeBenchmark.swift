import DecodeProtocol
import DecodeWorkers
import Foundation
import SystemPackage

/// Sampled frames of a long 1080p H.264 file, one a second as 256-pixel RGB: beside the ffmpeg program with
/// `fps=1,scale` and PyAV decoding every frame.
///
/// Arguments: a folder of videos, of which a file of three minutes with a key frame every 250 is made; or such a file; then
/// optionally the number of rounds.
func decoding(_ arguments: [String]) throws -> [Comparison] {
    guard let source = arguments.first else {
        print("usage: saccade-benchmarks decode FOLDER_OR_FILE [ROUNDS]")
        return []
    }
    let rounds = arguments.dropFirst().first.flatMap { Int($0) } ?? 3
    let bench = try MediaBench()
    let file = try longFile(source, in: bench)
    let pool = try MediaBench.pool()
    let path = FilePath(file)
    guard let duration = try MediaBench.wait({ try await pool.probe(path).duration }) else {
        throw MediaBench.Failed(description: "\(file) has no duration")
    }
    let peer = Peer(script: "decode.py", arguments: [file])
    var times: [String: [Double]] = [:]
    var found: [SampledFrame] = []
    for _ in 0..<rounds {
        times["ours", default: []].append(try seconds { found = try frames(pool, path) })
        times["ffmpeg", default: []].append(
            try seconds {
                try MediaBench.ffmpeg(
                    ["-i", file, "-vf", "fps=1,scale=256:256", "-pix_fmt", "rgb24", "-f", "rawvideo", "-"])
            })
        if let taken = peer?.ask("round")?.split(separator: " ").first, let taken = Double(taken) {
            times["PyAV", default: []].append(taken)
        }
    }
    print("\(Int(duration)) s of video, medians of \(rounds) rounds")
    for name in ["ours", "ffmpeg", "PyAV"] {
        guard let taken = times[name].map(median) else { continue }
        let speed = String(format: "%8.2f s  %6.1f x real time", taken, duration / taken)
        print("  \(name.padding(toLength: 18, withPad: " ", startingAt: 0)) \(speed)")
    }
    let ours = median(times["ours"] ?? [])
    var comparisons: [Comparison] = []
    for name in ["ffmpeg", "PyAV"] {
        guard let taken = times[name].map(median) else { continue }
        comparisons.append(Comparison(name: "frames", peer: name, ratio: taken / ours))
        print(String(format: "  against \(name): %.2f x", taken / ours))
    }
    print("  frames: \(found.count)")
    try compare(found, with: file)
    return comparisons
}

private func frames(_ pool: DecodeWorkerPool, _ path: FilePath) throws -> [SampledFrame] {
    let sampling = FrameSampling(framesPerSecond: 1, detectsCuts: false)
    return try MediaBench.wait {
        var frames: [SampledFrame] = []
        for try await event in pool.frames(of: path, sampling: sampling) {
            if case .frame(let frame) = event { frames.append(frame) }
        }
        return frames
    }
}

/// How far the frames are from their wanted times, and their pixels from those that ffmpeg decodes at the same times.
private func compare(_ frames: [SampledFrame], with file: String) throws {
    let late = frames.enumerated().map { abs($0.element.time - Double($0.offset)) }.max() ?? 0
    var data = Data()
    // ffmpeg's expressions can't be of any length.
    for start in stride(from: 0, to: frames.count, by: 50) {
        // Half a frame of the rate that the file is made with is more than any rounding of times.
        let terms = frames[start..<min(start + 50, frames.count)].map {
            String(format: "lt(abs(t-%.6f)\\,0.015)", $0.time)
        }
        data += try MediaBench.ffmpeg([
            "-i", file, "-vf", "select=\(terms.joined(separator: "+")),scale=256:256", "-fps_mode", "passthrough",
            "-pix_fmt", "rgb24", "-f", "rawvideo", "-",
        ])
    }
    let size = 256 * 256 * 3
    guard data.count == frames.count * size else {
        print("  pixels: ffmpeg has \(data.count / size) frames at these times, not \(frames.count)")
        return
    }
    var mean = 0.0
    var largestMean = 0.0
    var largest = 0
    for (index, frame) in frames.enumerated() {
        var sum = 0
        data.withUnsafeBytes { theirs in
            for place in 0..<size {
                let difference = abs(Int(theirs[index * size + place]) - Int(frame.pixels[place]))
                sum += difference
                largest = max(largest, difference)
            }
        }
        largestMean = max(largestMean, Double(sum) / Double(size))
        mean += Double(sum) / Double(size) / Double(frames.count)
    }
    print(String(format: "  times: at most %.3f s from the wanted ones", late))
    print(
        String(
            format: "  pixels against ffmpeg's: mean difference %.4f levels, of the worst frame %.4f, largest %d", mean,
            largestMean, largest))
}

/// Makes a file of three minutes of a folder's videos, scaled up to 1080p, with a key frame every 250.
///
/// - Parameter source: the folder; a file is returned as it is.
func longFile(_ source: String, in bench: MediaBench) throws -> String {
    var isFolder: ObjCBool = false
    _ = FileManager.default.fileExists(atPath: source, isDirectory: &isFolder)
    guard isFolder.boolValue else { return source }
    var parts: [URL] = []
    for (index, video) in try MediaBench.videos(in: source).prefix(30).enumerated() {
        let part = bench.folder.appending(path: "part\(index).mkv")
        try MediaBench.ffmpeg([
            "-i", video, "-an", "-t", "10", "-vf", "fps=25,scale=1920:1080,setsar=1", "-c:v", "libx264", "-preset",
            "ultrafast", "-crf", "14", "-pix_fmt", "yuv420p", part.path,
        ])
        parts.append(part)
    }
    let joined = try bench.join(parts, as: "joined.mkv")
    let long = bench.folder.appending(path: "long.mp4").path
    try MediaBench.ffmpeg([
        "-stream_loop", "-1", "-i", joined.path, "-t", "185", "-c:v", "libx264", "-preset", "medium", "-g", "250",
        "-keyint_min", "250", "-sc_threshold", "0", "-pix_fmt", "yuv420p", long,
    ])
    return long
}
