import Foundation
package import SystemPackage

/// A published dual encoder in a folder: what it is in our terms, and where its parameters are.
package struct Checkpoint: Sendable {
    package var configuration: DualEncoderConfiguration
    let weights: CheckpointWeights
    let naming: (image: TensorNaming, text: TensorNaming)
    /// The tokenizer's files, by the names that our folder has for them.
    let tokenizerFiles: [(name: String, path: FilePath)]

    /// Recognises a folder as people download it, and checks that all of it can be used: only the tensors' numbers are left to be read.
    ///
    /// - Parameters:
    ///   - folder: of Hugging Face's `transformers` with `model_type` `clip` or `siglip`, or of OpenCLIP.
    ///   - tokenizer: a tokenizer's file for a folder that has none; nil looks in the folder.
    ///   - name: of the model that is made; nil takes the folder's.
    /// - Throws: ``ModelError`` or ``WeightsError`` that names the file, and the key, tensor or choice that isn't known.
    package init(recognising folder: FilePath, tokenizer: FilePath? = nil, name: String? = nil) throws {
        func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: folder.appending(name).string) }
        try Self.requireFolder(folder)
        let openCLIP = "open_clip_config.json"
        let parts: CheckpointParts
        if exists("config.json"), !exists(openCLIP) || exists("model.safetensors") {
            parts = try CheckpointParts(huggingFace: folder)
        } else if exists(openCLIP) {
            parts = try CheckpointParts(openCLIP: folder)
        } else {
            throw ModelError(
                .unreadable,
                "\(folder): has neither config.json nor \(openCLIP); name a folder of Hugging Face or OpenCLIP")
        }
        self.init(parts, tokenizerFiles: try parts.tokenizerFiles(in: folder, named: tokenizer))
        configuration.licence = FolderLicence.name(in: folder)
        configuration.name = name ?? Self.name(of: folder)
        try check(source: folder.string)
    }

    private init(_ parts: CheckpointParts, tokenizerFiles: [(name: String, path: FilePath)]) {
        configuration = parts.configuration
        weights = parts.weights
        naming = (parts.imageNaming, parts.textNaming)
        self.tokenizerFiles = tokenizerFiles
    }

    /// - Throws: ``ModelError`` when there is no such folder.
    static func requireFolder(_ folder: FilePath) throws(ModelError) {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: folder.string, isDirectory: &isFolder), isFolder.boolValue else {
            throw ModelError(.unreadable, "\(folder): isn't a folder; name the one that the model was downloaded to")
        }
    }

    /// The folder's name; of a folder in Hugging Face's cache the model's.
    static func name(of folder: FilePath) -> String {
        let path = URL(filePath: folder.string).standardizedFileURL.pathComponents
        if path.count >= 3, path[path.count - 2] == "snapshots", path[path.count - 3].hasPrefix("models--") {
            return path[path.count - 3].components(separatedBy: "--").last ?? "imported"
        }
        return path.last.flatMap { $0 == "/" ? nil : $0 } ?? "imported"
    }

    /// The sizes, the tokenizer, and the shape of every tensor.
    private func check(source: String) throws {
        try configuration.validate(source)
        var used: Set<String> = ["logit_scale", "logit_bias"]
        for tower in try towers() {
            for parameter in tower.parameters { used.insert(parameter.origin.name) }
        }
        // Places that older versions stored, which are 0, 1, 2 and so on.
        let others = weights.names.filter { !used.contains($0) && !$0.hasSuffix(".position_ids") }
        guard others.isEmpty else { throw WeightsError.unexpected(tensors: others, source: weights.source) }
        // Before anything is written: a vocabulary is read in a moment, and towers are copied for minutes.
        try configuration.require(configuration.text.tokenizer.tokenizer(of: tokenizerFiles), source: source)
    }

    /// What the licence is known to forbid, as a sentence; nil when nothing is known.
    package var licenceWarning: String? { FolderLicence.warning(configuration.licence) }

    /// A parameter of ours, and where its numbers are.
    struct Parameter {
        var name: String
        var shape: [Int]
        var origin: TensorOrigin
    }

    /// Both towers' parameters, each with the file that it goes to.
    ///
    /// - Throws: ``ModelError`` or ``WeightsError`` for a tensor that is missing or has another shape or type.
    func towers() throws -> [(file: String, parameters: [Parameter])] {
        let (images, texts) = (ParameterSource<Float>.listing(), ParameterSource<Float>.listing())
        _ = try VisionTransformer(configuration.image, dimensions: configuration.dimensions, images)
        _ = try TextTransformer(configuration.text, dimensions: configuration.dimensions, texts)
        return try [
            ("image.safetensors", images.shapes.map { try weights.parameter($0, naming.image) }),
            ("text.safetensors", texts.shapes.map { try weights.parameter($0, naming.text) }),
        ]
    }

    /// Numbers in each tower.
    package var parameterCounts: (image: Int, text: Int) {
        get throws {
            let counts = try towers().map { $0.parameters.reduce(0) { $0 + $1.shape.reduce(1, *) } }
            return (counts[0], counts[1])
        }
    }
}

extension CheckpointWeights {
    /// Where a parameter of ours comes from.
    ///
    /// - Throws: ``ModelError`` or ``WeightsError`` for a tensor that is missing or has another shape or type.
    func parameter(
        _ ours: (name: String, shape: [Int]), _ naming: TensorNaming
    ) throws -> Checkpoint.Parameter {
        guard let origin = naming.origin(of: ours.name) else {
            throw ModelError(.malformed, "\(source): this kind of checkpoint has no \(ours.name)")
        }
        guard let found = shape(of: origin.name) else {
            throw WeightsError.missing(tensor: origin.name, source: source)
        }
        var expected = ours.shape
        if origin.isTransposed { expected.reverse() }
        if let part = origin.part { expected[0] *= part.count }
        // Some checkpoints write a vector as a batch of one.
        guard found.filter({ $0 != 1 }) == expected.filter({ $0 != 1 }) else {
            throw WeightsError.shapeMismatch(tensor: origin.name, expected: expected, found: found)
        }
        let type = try entry(named: origin.name).entry.type
        guard [.f32, .f16, .bf16].contains(type) else {
            throw WeightsError.unsupportedType(tensor: origin.name, type: type.rawValue)
        }
        return Checkpoint.Parameter(name: ours.name, shape: ours.shape, origin: origin)
    }
}

/// What a kind of checkpoint says of itself.
struct CheckpointParts {
    var configuration: DualEncoderConfiguration
    var weights: CheckpointWeights
    var imageNaming: TensorNaming
    var textNaming: TensorNaming

    /// The tokenizer's files, and the names that our folder has for them.
    ///
    /// - Parameter named: a `tokenizer.json`, `merges.txt` or `spiece.model`, whatever it is called; nil looks in the folder.
    func tokenizerFiles(in folder: FilePath, named: FilePath?) throws -> [(name: String, path: FilePath)] {
        let kind = configuration.text.tokenizer
        guard let named else {
            do {
                return try kind.files(in: folder).map { ($0.lastComponent?.string ?? "tokenizer", $0) }
            } catch {
                throw ModelError(error.code, error.message + "; if you have it elsewhere, name it with --tokenizer")
            }
        }
        let source = try ByteSource(opening: named)
        let beginning = try source.read(0..<min(source.count, 2))
        guard beginning != [0x1F, 0x8B] else {
            throw ModelError(.malformed, "\(named): is compressed; unpack it with gunzip and name the result")
        }
        let isJSON = beginning.first == UInt8(ascii: "{")
        let name =
            kind == .siglip || kind == .siglipOpenCLIP && !isJSON
            ? "spiece.model" : isJSON ? "tokenizer.json" : "merges.txt"
        guard kind.fileSets.contains([name]) else {
            let wanted = kind.fileSets.map { $0.joined(separator: " and ") }.joined(separator: ", or ")
            throw ModelError(.malformed, "\(named): isn't the tokenizer that this model needs: \(wanted)")
        }
        return [(name, named)]
    }
}

/// The licence that a folder names.
enum FolderLicence {
    /// What `license:` says at the beginning of README.md, as Hugging Face writes it; else the first line of a LICENSE file; else nil.
    static func name(in folder: FilePath) -> String? {
        if let lines = beginning(of: folder.appending("README.md")), lines.first == "---" {
            let front = lines.dropFirst().prefix { $0 != "---" }
            func value(_ key: String) -> String? {
                front.first { $0.hasPrefix(key + ":") }.map { line in
                    line.dropFirst(key.count + 1).trimmingCharacters(in: CharacterSet(charactersIn: " \"'"))
                }.flatMap { $0.isEmpty ? nil : $0 }
            }
            // Of a licence that isn't one of the usual ones the name is in another key.
            if let licence = value("license") { return licence == "other" ? value("license_name") ?? licence : licence }
        }
        for name in ["LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE"] {
            if let line = beginning(of: folder.appending(name))?.first(where: { !$0.isEmpty }) {
                return String(line.prefix(80))
            }
        }
        return nil
    }

    /// What a licence is known to forbid, as a sentence; nil when nothing is known.
    static func warning(_ licence: String?) -> String? {
        licence.flatMap { licence in forbids(licence).map { "the model's licence, \(licence), \($0)" } }
    }

    /// Whether a licence is known to forbid what some people want to do.
    private static func forbids(_ licence: String) -> String? {
        let name = licence.lowercased()
        if name.contains("-nc") || name.contains("noncommercial") || name.contains("non-commercial") {
            return "forbids commercial use"
        }
        if name.contains("apple") || name.contains("research") { return "allows research only" }
        return nil
    }

    private static func beginning(of path: FilePath) -> [String]? {
        guard let source = try? ByteSource(opening: path), let bytes = try? source.read(0..<min(source.count, 1 << 14))
        else { return nil }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).map {
            $0.trimmingCharacters(in: .whitespacesAndNewlines)
        }
    }
}
