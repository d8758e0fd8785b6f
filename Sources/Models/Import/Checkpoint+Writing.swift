import Foundation
package import SystemPackage

extension Checkpoint {
    /// Writes the model as a folder that ``LoadedModel/load(_:precision:architectures:)`` reads. Blocking.
    ///
    /// The numbers stay as precise as they are stored, and are copied a few megabytes at a time; only a matrix that has to be turned round is
    /// in memory as a whole. The folder is made under another name beside `output`, loaded to see that it can be, and only then gets its
    /// name: what goes wrong leaves nothing.
    ///
    /// - Parameter output: must not be there, or be an empty folder.
    /// - Returns: the model, as it was loaded.
    /// - Throws: ``ModelError`` or ``WeightsError``; what Foundation throws when there is no room.
    package func write(to output: FilePath) throws -> LoadedModel {
        try Self.writing(to: output) { partial in
            for tower in try towers() { try weights.write(tower.parameters, to: partial.appending(tower.file)) }
            for file in tokenizerFiles {
                // The file, not a link to it: Hugging Face's cache is made of links.
                let content = try Data(contentsOf: URL(filePath: file.path.string))
                try content.write(to: URL(filePath: partial.appending(file.name).string))
            }
            try Data(configuration.encoded()).write(to: URL(filePath: partial.appending("config.json").string))
        }
    }

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
        let partial = FilePath(output.string + ".importing")
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
}

extension CheckpointWeights {
    /// Writes parameters of ours to a file, as precisely as they are stored.
    func write(_ parameters: [Checkpoint.Parameter], to path: FilePath) throws {
        var origins: [String: Checkpoint.Parameter] = [:]
        let outlines = try parameters.map { parameter in
            origins[parameter.name] = parameter
            return (parameter.name, try entry(named: parameter.origin.name).entry.type, parameter.shape)
        }
        let inOrder = SafetensorsWriter.inOrder(outlines)
        do {
            let descriptor = try FileDescriptor.open(
                path, .writeOnly, options: [.create, .truncate, .closeOnExec],
                permissions: [.ownerReadWrite, .groupRead, .otherRead])
            try descriptor.closeAfter {
                try descriptor.writeAll(SafetensorsWriter.header(of: inOrder))
                for outline in inOrder {
                    guard let parameter = origins[outline.name] else { continue }
                    try forEachPart(of: parameter) { try descriptor.writeAll($0) }
                }
            }
        } catch let error as Errno {
            throw WeightsError.inaccessible(path: path.string, reason: error)
        }
    }

    /// Bytes that are copied at once.
    private static let partLength = 1 << 22

    private func forEachPart(
        of parameter: Checkpoint.Parameter, _ body: ([UInt8]) throws -> Void
    ) throws {
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
        for start in stride(from: range.lowerBound, to: range.upperBound, by: Self.partLength) {
            try body(checked(file.content(of: entry, start..<min(start + Self.partLength, range.upperBound))))
        }
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
