package import Foundation
package import SystemPackage

/// A small checkpoint as Hugging Face or OpenCLIP publish them, of one of the kinds that are imported, and what the reference computes.
///
/// Everything but the weights comes from Tests/ModelsTests/Fixtures/make_dual_encoders.py, which draws the same ones.
package struct DrawnCheckpoint {
    package enum Kind: String, CaseIterable, Sendable {
        case clip, siglip, siglip2
        case clipOfOpenCLIP = "clip-openclip"
        case siglip2OfOpenCLIP = "siglip2-openclip"
        case perceptionEncoder = "pe-openclip"
    }

    /// JSON files by their names.
    package var files: [String: [String: Any]]
    /// Shapes by the tensors' names.
    package var shapes: [String: [Int]]
    /// The name of the file of weights.
    package var weightsFile: String
    /// The tokenizer's files: names here, by names in the checkpoint.
    package var tokenizer: [String: String]
    package let texts: [String]
    /// The reference's unit vectors of ``texts``, and of pictures 0, 1 and 2.
    package let sentences, images: [[Double]]
    /// A BLIP's scores of each text with each of these pictures.
    package let scores: [[Double]]

    /// - Throws: what reading the fixture throws.
    package init(_ kind: Kind) throws { try self.init(fixture: "DualEncoders/\(kind.rawValue).json") }

    /// A small BLIP of Tests/ModelsTests/Fixtures/make_blip.py: `blip-itm` or `blip-captioning`.
    package init(blip name: String) throws { try self.init(fixture: "BLIP/\(name).json") }

    private init(fixture: String) throws {
        let data = try Data(contentsOf: Self.fixtures.appending(path: fixture))
        guard let content = try JSONSerialization.jsonObject(with: data) as? [String: Any],
            let files = content["files"] as? [String: [String: Any]],
            let shapes = content["tensors"] as? [String: [Int]], let weightsFile = content["weights"] as? String,
            let tokenizer = content["tokenizer"] as? [String: String], let texts = content["texts"] as? [String]
        else { throw CocoaError(.fileReadCorruptFile) }
        self.files = files
        self.shapes = shapes
        self.weightsFile = weightsFile
        self.tokenizer = tokenizer
        self.texts = texts
        sentences = content["sentences"] as? [[Double]] ?? []
        images = content["images"] as? [[Double]] ?? []
        scores = content["scores"] as? [[Double]] ?? []
    }

    private static let fixtures = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../ModelsTests/Fixtures").standardizedFileURL

    /// Sets a value of a JSON file.
    ///
    /// - Parameters:
    ///   - keys: the file's name, and the keys that lead to the value.
    ///   - value: nil removes it.
    package mutating func set(_ keys: [String], to value: Any?) {
        func changed(_ object: [String: Any], _ keys: ArraySlice<String>) -> [String: Any] {
            guard let key = keys.first else { return object }
            var object = object
            object[key] =
                keys.count == 1 ? value : changed(object[key] as? [String: Any] ?? [:], keys.dropFirst())
            return object
        }
        files[keys[0]] = changed(files[keys[0]] ?? [:], keys.dropFirst())
    }

    /// Writes the folder.
    ///
    /// - Parameter sparse: whether all weights are zeros that take no room, so that they may be as large as they like.
    package func write(to folder: FilePath, sparse: Bool = false) throws {
        let url = URL(filePath: folder.string)
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        for (name, object) in files {
            try JSONSerialization.data(withJSONObject: object).write(to: url.appending(path: name))
        }
        for (name, source) in tokenizer {
            try Data(contentsOf: Self.fixtures.appending(path: "Tokenizers/\(source)")).write(
                to: url.appending(path: name))
        }
        let weights = url.appending(path: weightsFile)
        guard sparse else { return try Self.safetensors(shapes).write(to: weights) }
        var header: [String: Any] = [:]
        var end = 0
        for (name, shape) in shapes.sorted(by: { $0.key < $1.key }) {
            let start = end
            end += 4 * shape.reduce(1, *)
            header[name] = ["dtype": "F32", "shape": shape, "data_offsets": [start, end]]
        }
        let json = try JSONSerialization.data(withJSONObject: header)
        try (Data(Self.littleEndian(UInt64(json.count), count: 8)) + json).write(to: weights)
        let file = try FileHandle(forWritingTo: weights)
        try file.truncate(atOffset: UInt64(8 + json.count + end))
        try file.close()
    }

    /// A safetensors file of drawn tensors, in F32.
    package static func safetensors(_ shapes: [String: [Int]]) throws -> Data {
        var header: [String: Any] = [:]
        var content: [UInt8] = []
        for (name, shape) in shapes.sorted(by: { $0.key < $1.key }) {
            let start = content.count
            for value in weights(name, shape) { content += littleEndian(UInt64(value.bitPattern), count: 4) }
            header[name] = ["dtype": "F32", "shape": shape, "data_offsets": [start, content.count]]
        }
        let json = try JSONSerialization.data(withJSONObject: header)
        return Data(littleEndian(UInt64(json.count), count: 8)) + json + content
    }

    private static func littleEndian(_ value: UInt64, count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
    }

    /// A drawn tensor's numbers.
    package static func weights(_ name: String, _ shape: [Int]) -> [Float] {
        let count = shape.reduce(1, *)
        switch name {
        case "logit_scale": return [Float](repeating: 2, count: count)
        case "logit_bias": return [Float](repeating: -3, count: count)
        default: break
        }
        let numbers = drawn(name, count).map { Double($0) / 0x1p23 - 1 }
        if shape.count == 1 {
            return numbers.map { Float(name.hasSuffix("weight") ? 1 + 0.3 * $0 : 0.3 * $0) }
        }
        let scale = (3 / Double(shape.dropFirst().reduce(1, *))).squareRoot()
        return numbers.map { Float($0 * scale) }
    }

    /// A drawn picture of `side` × `side` pixels, red, green and blue.
    package static func picture(_ index: Int, side: Int) -> [UInt8] {
        drawn("picture \(index)", side * side * 3).map { UInt8($0 >> 16) }
    }

    /// 24-bit numbers, seeded by the FNV-1a of a text.
    private static func drawn(_ text: String, _ count: Int) -> [UInt64] {
        let seed = text.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        var random = SeededGenerator(state: seed)
        return (0..<count).map { _ in random.next() >> 40 }
    }
}
