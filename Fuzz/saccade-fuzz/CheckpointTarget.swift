import Foundation
import Models
import SystemPackage

extension FuzzTarget {
    /// A file of a published checkpoint: by its first byte the kind of checkpoint, by its second the file, which the rest takes the place of. Of the
    /// weights it is the header; the numbers are zeros.
    static let checkpoints = FuzzTarget(name: "checkpoints") {
        CheckpointFolder.all.enumerated().flatMap { number, folder in
            folder.files.enumerated().map { place, file in [UInt8(number), UInt8(place)] + file.content }
        }
    } check: { input in
        guard input.count >= 2 else { return }
        let folder = CheckpointFolder.all[Int(input[0]) % CheckpointFolder.all.count]
        do {
            try folder.check(Array(input.dropFirst(2)), asFile: Int(input[1]) % folder.files.count)
        } catch {
            require(error is ModelError || error is WeightsError, "a refusal says what to do: \(error)")
        }
    }
}

/// A small checkpoint of the tests in a folder of its own.
private struct CheckpointFolder {
    struct File {
        var path: URL
        /// Of the weights the header alone.
        var content: [UInt8]
        /// Zeros after a header; nil for what has none.
        var zeros: Int?

        func write(_ content: [UInt8]) throws {
            guard let zeros else { return try Data(content).write(to: path) }
            let length = withUnsafeBytes(of: UInt64(content.count).littleEndian) { Array($0) }
            try Data(length + content).write(to: path)
            let file = try FileHandle(forWritingTo: path)
            try file.truncate(atOffset: UInt64(8 + content.count + zeros))
            try file.close()
        }
    }

    let folder: FilePath
    let output: FilePath
    let files: [File]

    static let all: [CheckpointFolder] = {
        do {
            let home = FileManager.default.temporaryDirectory.appending(path: "saccade-fuzz-\(UUID().uuidString)")
            return try ["clip", "siglip", "siglip2-openclip"].map { try CheckpointFolder($0, in: home) }
        } catch {
            fatalError("\(error)")
        }
    }()

    private init(_ name: String, in home: URL) throws {
        let fixtures = repository.appending(path: "Tests/ModelsTests/Fixtures")
        let data = try Data(contentsOf: fixtures.appending(path: "DualEncoders/\(name).json"))
        guard let content = try JSONSerialization.jsonObject(with: data) as? [String: Any],
            let objects = content["files"] as? [String: [String: Any]],
            let shapes = content["tensors"] as? [String: [Int]], let weights = content["weights"] as? String,
            let tokenizer = content["tokenizer"] as? [String: String]
        else { fatalError("\(name).json is no checkpoint of the tests") }
        let place = home.appending(path: name)
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        var files: [File] = []
        for (name, object) in objects.sorted(by: { $0.key < $1.key }) {
            let json = try JSONSerialization.data(withJSONObject: object, options: .sortedKeys)
            files.append(File(path: place.appending(path: name), content: Array(json)))
        }
        for (name, source) in tokenizer.sorted(by: { $0.key < $1.key }) {
            let text = try Data(contentsOf: fixtures.appending(path: "Tokenizers/\(source)"))
            files.append(File(path: place.appending(path: name), content: Array(text)))
        }
        var end = 0
        var header: [String: Any] = [:]
        for (name, shape) in shapes.sorted(by: { $0.key < $1.key }) {
            let start = end
            end += 4 * shape.reduce(1, *)
            header[name] = ["dtype": "F32", "shape": shape, "data_offsets": [start, end]]
        }
        let json = try JSONSerialization.data(withJSONObject: header, options: .sortedKeys)
        files.append(File(path: place.appending(path: weights), content: Array(json), zeros: end))
        for file in files { try file.write(file.content) }
        folder = FilePath(place.path(percentEncoded: false))
        output = FilePath(home.appending(path: name + "-model").path(percentEncoded: false))
        self.files = files
    }

    /// Imports the checkpoint with other bytes for one file, and puts it back as it was.
    func check(_ content: [UInt8], asFile place: Int) throws {
        try files[place].write(content)
        defer {
            do { try files[place].write(files[place].content) } catch { fatalError("\(error)") }
            let partial = Checkpoint.partialFolder(of: output)
            require(!FileManager.default.fileExists(atPath: partial.string), "nothing half made is left")
        }
        let checkpoint = try Checkpoint(recognising: folder)
        _ = try checkpoint.parameterCounts
        _ = try checkpoint.write(to: output, precision: .float)
        try FileManager.default.removeItem(atPath: output.string)
    }
}
