import Foundation

package import SystemPackage

package import Tensors

/// The files of a model.
package struct ModelFolder: Sendable {
    package let path: FilePath

    package init(_ path: FilePath) { self.path = path }

    package var configuration: FilePath { path.appending("config.json") }
    package var backbone: FilePath { path.appending("backbone.safetensors") }
    package var fast: FilePath { path.appending("fast.safetensors") }
    package var vocabulary: FilePath { path.appending("vocab.txt") }
    /// The Slow model's; neither is there in a model that can't re-rank.
    package var slow: FilePath { path.appending("slow.safetensors") }
    package var slowVocabulary: FilePath { path.appending("slow-vocab.txt") }
    /// How scores are combined; no part of the digest, since another weight needs no new index.
    package var reranking: FilePath { path.appending("reranking.json") }

    /// The files that make the model what it is, in a fixed order.
    private var parts: [FilePath] {
        [configuration, backbone, fast, vocabulary]
            + [slow, slowVocabulary].filter { FileManager.default.fileExists(atPath: $0.string) }
    }

    /// A digest of the model's parts, 32 hex digits: two models with the same one give the same embeddings.
    ///
    /// Two 64-bit FNV-1a sums over 8-byte words with different starts: against mix-ups, not against forgers.
    package func digest() throws -> String { try Self.digest(of: parts) }

    /// The same of some files.
    static func digest(of parts: [FilePath]) throws -> String {
        var first: UInt64 = 0xcbf2_9ce4_8422_2325
        var second: UInt64 = 0x6c62_272e_07bb_0142
        for part in parts {
            let source = try ByteSource(opening: part)
            var offset = 0
            while offset < source.count {
                let end = min(offset + 1 << 20, source.count)
                let bytes = try source.read(offset..<end)
                bytes.withUnsafeBytes { buffer in
                    var index = 0
                    while index + 8 <= buffer.count {
                        let word = UInt64(littleEndian: buffer.loadUnaligned(fromByteOffset: index, as: UInt64.self))
                        first = (first ^ word) &* 0x100_0000_01b3
                        second = ((second ^ word) &* 0x9e37_79b9_7f4a_7c15) ^ (second >> 29)
                        index += 8
                    }
                    for byte in buffer[index...] {
                        first = (first ^ UInt64(byte)) &* 0x100_0000_01b3
                        second = ((second ^ UInt64(byte)) &* 0x9e37_79b9_7f4a_7c15) ^ (second >> 29)
                    }
                }
                offset = end
            }
            first = (first ^ UInt64(source.count)) &* 0x100_0000_01b3
            second = ((second ^ UInt64(source.count)) &* 0x9e37_79b9_7f4a_7c15) ^ (second >> 29)
        }
        return [first, second].map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}

/// How a model's weights are written.
package enum WeightPrecision: String, Sendable, CaseIterable {
    /// Matrices as 16-bit floats: for further training.
    case half
    /// Matrices as 8-bit integers with a scale a row: for use, a quarter of the size.
    case int8
}

extension SafetensorsWriter {
    /// Adds a model's parameters: vectors exactly, matrices as `precision` says.
    package mutating func add(
        _ parameters: [(name: String, tensor: Tensor<Float>)], precision: WeightPrecision
    ) throws {
        for (name, tensor) in parameters {
            let storage: Storage = tensor.rank < 2 ? .float32 : precision == .int8 ? .int8 : .float16
            try add(tensor, named: name, as: storage)
        }
    }
}
