import Foundation
import Models

/// A peer's program that measures one round each time it is asked, so that ours and the peer's rounds take turns and what else
/// the machine does falls on both.
///
/// The protocol is lines of text: the peer prints `ready`, then answers each line with one line.
final class Peer {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()

    /// - Parameter script: a file in Benchmarks/peers; run by `SACCADE_PEER_PYTHON`, or `python3`.
    /// - Returns: nil, with a message, when the peer can't run here.
    init?(script: String, arguments: [String] = []) {
        let peers = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("peers")
        let python = ProcessInfo.processInfo.environment["SACCADE_PEER_PYTHON"] ?? "python3"
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [python, peers.appendingPathComponent(script).path] + arguments
        process.standardInput = input
        process.standardOutput = output
        do {
            try process.run()
        } catch {
            print("no peer: \(error)")
            return nil
        }
        guard readLine() == "ready" else {
            print("no peer: \(script) needs a Python with its imports; name it in SACCADE_PEER_PYTHON")
            return nil
        }
    }

    /// Sends a line and waits for the answer.
    func ask(_ line: String) -> String? {
        input.fileHandleForWriting.write(Data((line + "\n").utf8))
        return readLine()
    }

    deinit {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    private func readLine() -> String? {
        var line = Data()
        while true {
            let byte = output.fileHandleForReading.readData(ofLength: 1)
            if byte.isEmpty { return nil }
            if byte[byte.startIndex] == UInt8(ascii: "\n") { return String(decoding: line, as: UTF8.self) }
            line.append(byte)
        }
    }
}

func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    guard !sorted.isEmpty else { return .nan }
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
}

/// Seconds that `body` takes.
func seconds(_ body: () throws -> Void) rethrows -> Double {
    let duration = try ContinuousClock().measure(body)
    return Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
}

/// The same picture as the peers make.
func drawnPicture(_ number: Int, side: Int) -> RGBImage {
    var pixels: [UInt8] = []
    pixels.reserveCapacity(side * side * 3)
    for y in 0..<side {
        for x in 0..<side {
            for c in 0..<3 { pixels.append(UInt8((x * (3 + c) + y * (5 + 2 * c) + x * y / 32 + 40 * number) % 256)) }
        }
    }
    return RGBImage(width: side, height: side, pixels: pixels)
}
