import Foundation
package import SystemPackage

/// How an imported model keeps the weights of its layers.
package enum ImportPrecision: String, Sendable, CaseIterable {
    /// In 8 bits with a scale an output, but for the layers that would lose too much.
    case int8
    /// As precisely as the checkpoint has them.
    case float
}

extension Checkpoint {
    /// Writes the model as a folder that ``LoadedModel/load(_:precision:architectures:)`` reads. Blocking.
    ///
    /// The numbers are copied a few megabytes at a time; only a matrix that has to be turned round is in memory as a whole. For 8 bits the
    /// model is then loaded in floats, and tried with made pictures and some sentences. The folder is made under another name beside `output`,
    /// loaded to see that it can be, and only then gets its name: what goes wrong leaves nothing.
    ///
    /// - Parameters:
    ///   - output: must not be there, or be an empty folder.
    ///   - precision: of layers. Vectors, tables and the last projection stay as precise as they are stored.
    /// - Returns: the model, as it was loaded.
    /// - Throws: ``ModelError`` or ``WeightsError``; what Foundation throws when there is no room.
    package func write(to output: FilePath, precision: ImportPrecision) throws -> LoadedModel {
        try Self.writing(to: output) { partial in
            for tower in try towers() { try weights.write(tower.parameters, to: partial.appending(tower.file)) }
            for file in tokenizerFiles {
                // The file, not a link to it: Hugging Face's cache is made of links.
                let source = try ByteSource(opening: file.path)
                try Data(source.read(0..<source.count)).write(to: URL(filePath: partial.appending(file.name).string))
            }
            let folder = ModelFolder(partial)
            try Data(configuration.encoded()).write(to: URL(filePath: folder.configuration.string))
            if precision == .int8 { try pack(folder) }
        }
    }

    /// Where a model is made before it gets its name: to be removed by who ends the program meanwhile.
    package static func partialFolder(of output: FilePath) -> FilePath { FilePath(output.string + ".importing") }

    /// Makes a folder under another name, loads it, and only then gives it its own.
    ///
    /// - Parameters:
    ///   - output: must not be there, or be an empty folder.
    ///   - body: writes the model into the folder that it is given.
    static func writing(to output: FilePath, _ body: (FilePath) throws -> Void) throws -> LoadedModel {
        let files = FileManager.default
        if files.fileExists(atPath: output.string), try !files.contentsOfDirectory(atPath: output.string).isEmpty {
            throw ModelError(.input, "\(output): is there already; name another folder, or remove it first")
        }
        let partial = partialFolder(of: output)
        // Left by a program that was killed.
        try? files.removeItem(atPath: partial.string)
        do {
            try files.createDirectory(atPath: partial.string, withIntermediateDirectories: true)
            try body(partial)
            var model = try LoadedModel.load(partial)
            try? files.removeItem(atPath: output.string)
            try files.moveItem(atPath: partial.string, toPath: output.string)
            model.directory = output
            return model
        } catch {
            try? files.removeItem(atPath: partial.string)
            throw error
        }
    }

    /// Packs the layers of a folder in floats that can be.
    private func pack(_ folder: ModelFolder) throws {
        let (image, text) = try DualEncoderModel.packing(of: folder)
        try Self.pack(image.packed, in: folder.image)
        try Self.pack(text.packed, in: folder.text)
        var configuration = configuration
        configuration.image.packing = image.packing
        configuration.text.packing = text.packing
        try Data(configuration.encoded()).write(to: URL(filePath: folder.configuration.string))
    }

    /// Rounds some tensors of a file to 8 bits; the others keep their bytes.
    private static func pack(_ names: [String], in path: FilePath) throws {
        let file = try SafetensorsFile(path)
        var records: [String: SafetensorsRecord] = [:]
        for name in names {
            let packed = SafetensorsRecord.packed(PackedRows(rounding: try file.tensor(named: name)))
            records[name] = packed.integers
            records[name + SafetensorsFile.scaleSuffix] = packed.scales
        }
        let kept = file.names.filter { records[$0] == nil }.compactMap { name in
            file.entry(named: name).map { (name, $0.type, $0.shape) }
        }
        let partial = FilePath(path.string + ".packed")
        let tensors = kept + records.map { ($0.key, $0.value.type, $0.value.shape) }
        try SafetensorsWriter.write(tensors, to: partial) { name, body in
            if let record = records[name] { return try body(record.bytes) }
            guard let entry = file.entry(named: name) else { return }
            try CheckpointWeights.forEachPart(of: 0..<entry.range.count) { try body(file.content(of: entry, $0)) }
        }
        try FileManager.default.removeItem(atPath: path.string)
        try FileManager.default.moveItem(atPath: partial.string, toPath: path.string)
    }
}

extension CheckpointWeights {
    /// Writes parameters of ours to a file, as precisely as they are stored.
    func write(_ parameters: [Checkpoint.Parameter], to path: FilePath) throws {
        let named = Dictionary(uniqueKeysWithValues: parameters.map { ($0.name, $0) })
        let outlines = try parameters.map {
            ($0.name, try entry(named: $0.origin.name).entry.type, $0.shape)
        }
        try SafetensorsWriter.write(outlines, to: path) { name, body in
            if let parameter = named[name] { try forEachPart(of: parameter, body) }
        }
    }

    /// Bytes that are copied at once.
    private static let partLength = 1 << 22

    fileprivate static func forEachPart(of range: Range<Int>, _ body: (Range<Int>) throws -> Void) rethrows {
        for start in stride(from: range.lowerBound, to: range.upperBound, by: partLength) {
            try body(start..<min(start + partLength, range.upperBound))
        }
    }

    private func forEachPart(of parameter: Checkpoint.Parameter, _ body: ([UInt8]) throws -> Void) throws {
        let (file, entry) = try entry(named: parameter.origin.name)
        func checked(_ bytes: [UInt8]) throws -> [UInt8] {
            guard Self.isFinite(bytes, entry.type) else {
                throw WeightsError.nonFinite(tensor: parameter.origin.name)
            }
            return bytes
        }
        if parameter.origin.isTransposed {
            let bytes = try checked(file.content(of: entry, 0..<entry.range.count))
            return try body(Self.transposed(bytes, rows: entry.shape[0], size: entry.type.size))
        }
        var range = 0..<entry.range.count
        if let part = parameter.origin.part {
            let length = entry.range.count / part.count
            range = part.index * length..<(part.index + 1) * length
        }
        try Self.forEachPart(of: range) { try body(checked(file.content(of: entry, $0))) }
    }

    /// Whether floats are numbers: their exponents aren't all ones.
    private static func isFinite(_ bytes: [UInt8], _ type: SafetensorsType) -> Bool {
        let (size, mask): (Int, UInt8) = type == .f32 ? (4, 0x80) : type == .bf16 ? (2, 0x80) : (2, 0x7C)
        return bytes.withUnsafeBufferPointer { bytes in
            var place = size - 1
            while place < bytes.count {
                let high = bytes[place]
                if type == .f16 {
                    if high & mask == mask { return false }
                } else if high & 0x7F == 0x7F, bytes[place - 1] & mask == mask {
                    return false
                }
                place += size
            }
            return true
        }
    }

    /// - Parameter size: bytes of an element.
    private static func transposed(_ bytes: [UInt8], rows: Int, size: Int) -> [UInt8] {
        let columns = bytes.count / size / rows
        return [UInt8](unsafeUninitializedCapacity: bytes.count) { target, count in
            bytes.withUnsafeBufferPointer { source in
                for row in 0..<rows {
                    for column in 0..<columns {
                        for byte in 0..<size {
                            target[(column * rows + row) * size + byte] = source[(row * columns + column) * size + byte]
                        }
                    }
                }
            }
            count = bytes.count
        }
    }
}
