import Foundation
import SystemPackage
import Tensors

/// The tensors of a published checkpoint: one safetensors file, or several with an index.
struct CheckpointWeights: Sendable {
    private let files: [SafetensorsFile]
    /// Which of the files has a tensor.
    private let places: [String: Int]

    /// The files of one checkpoint are at most as many.
    private static let mostFiles = 256

    /// Opens `stem.safetensors`, or the files that `stem.safetensors.index.json` lists.
    ///
    /// - Throws: ``WeightsError`` or ``ModelError``: for a folder with weights in another format, with how to convert them.
    init(in folder: FilePath, stems: [String]) throws {
        func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: folder.appending(name).string) }
        if let stem = stems.first(where: { exists($0 + ".safetensors") }) {
            try self.init([folder.appending(stem + ".safetensors")])
            return
        }
        if let stem = stems.first(where: { exists($0 + ".safetensors.index.json") }) {
            let index = folder.appending(stem + ".safetensors.index.json")
            try self.init(Self.shards(of: index).map { folder.appending($0) })
            return
        }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.string).sorted()) ?? []
        let pickles = names.filter { name in [".bin", ".pt", ".pth", ".ckpt"].contains { name.hasSuffix($0) } }
        guard let pickle = pickles.first else {
            throw ModelError(
                .unreadable, "\(folder): has no \(stems[0]).safetensors; fetch it from where the rest came from")
        }
        throw ModelError(
            .malformed,
            "\(folder): has its weights as \(pickle), a format that can run programs and isn't read; fetch "
                + "\(stems[0]).safetensors instead, or convert it: python3 -c 'import torch, safetensors.torch as s; "
                + "s.save_file({k: v.contiguous().clone() for k, v in torch.load(\"\(pickle)\", weights_only=True).items()}, "
                + "\"\(stems[0]).safetensors\")'")
    }

    private init(_ paths: [FilePath]) throws {
        var files: [SafetensorsFile] = []
        var places: [String: Int] = [:]
        for (index, path) in paths.enumerated() {
            let file = try SafetensorsFile(path)
            files.append(file)
            guard places.count + file.names.count <= SafetensorsHeader.maximumTensors else {
                throw WeightsError.malformed(
                    source: path.string, reason: "it and the files beside it have too many tensors")
            }
            for name in file.names {
                guard places.updateValue(index, forKey: name) == nil else {
                    throw WeightsError.duplicate(tensor: name)
                }
            }
        }
        self.files = files
        self.places = places
    }

    private static func shards(of index: FilePath) throws -> [String] {
        struct Index: Decodable {
            var weight_map: [String: String]
        }
        let source = try ByteSource(opening: index)
        guard source.count <= 1 << 24, let data = try? Data(source.read(0..<source.count)),
            let found = try? JSONDecoder().decode(Index.self, from: data)
        else { throw ModelError(.malformed, "\(index): isn't an index of safetensors files; fetch the folder again") }
        let names = Set(found.weight_map.values).sorted()
        guard (1...mostFiles).contains(names.count),
            names.allSatisfy({ !$0.contains("/") && $0.hasSuffix(".safetensors") })
        else { throw ModelError(.malformed, "\(index): names files that can't be a checkpoint's") }
        return names
    }

    /// What the files are called in messages.
    var source: String { files.count == 1 ? files[0].source : "\(files[0].source) and the files beside it" }

    var names: [String] { places.keys.sorted() }

    func contains(_ name: String) -> Bool { places[name] != nil }

    func shape(of name: String) -> [Int]? { places[name].flatMap { files[$0].shape(of: name) } }

    /// A number of a tensor that has one; nil when there is no such tensor.
    func scalar(_ name: String) throws -> Double? {
        guard let place = places[name] else { return nil }
        guard shape(of: name)?.allSatisfy({ $0 == 1 }) == true else {
            throw WeightsError.shapeMismatch(tensor: name, expected: [], found: shape(of: name) ?? [])
        }
        return Double(try files[place].tensor(named: name).scalars[0])
    }

    /// The file that has a tensor, and how it lies there.
    func entry(named name: String) throws -> (file: SafetensorsFile, entry: SafetensorsEntry) {
        guard let place = places[name], let entry = files[place].entry(named: name) else {
            throw WeightsError.missing(tensor: name, source: source)
        }
        return (files[place], entry)
    }
}
