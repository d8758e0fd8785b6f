import Foundation

/// One reader of bytes that come from outside, and what must be true of it whatever they are.
struct FuzzTarget: Sendable {
    var name: String
    /// Real inputs, from which the fuzzer makes others.
    var seeds: @Sendable () throws -> [[UInt8]]
    /// Reads an input. A refusal is an outcome; a trap, a broken ``require(_:_:)``, a hang or too much memory is a finding.
    var check: @Sendable ([UInt8]) -> Void

    static let all: [FuzzTarget] = [
        .decodeProtocol, .safetensors, .torchPickle, .wordPiece, .tokenizers, .checkpoints, .configuration, .requests,
        .pathGlobs, .backups, .inverted, .serverEvents,
    ]

    /// Writes the seeds into a folder, each under the number that it has.
    func writeSeeds(to folder: URL) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for (number, seed) in try seeds().enumerated() {
            try Data(seed).write(to: folder.appending(path: "seed-\(number)"))
        }
    }
}

/// Ends the process when a property doesn't hold, so that the fuzzer keeps the input.
func require(_ condition: Bool, _ property: @autoclosure () -> String) {
    guard condition else { fatalError(property()) }
}

/// Bytes cut into pieces of 1 ... 7, by a pattern that depends on the bytes, as a stream may arrive in any pieces.
func pieces(of bytes: [UInt8]) -> [ArraySlice<UInt8>] {
    var pieces: [ArraySlice<UInt8>] = []
    var start = 0
    while start < bytes.count {
        let end = min(bytes.count, start + 1 + Int(bytes[start] ^ UInt8(truncatingIfNeeded: start)) % 7)
        pieces.append(bytes[start..<end])
        start = end
    }
    return pieces
}
