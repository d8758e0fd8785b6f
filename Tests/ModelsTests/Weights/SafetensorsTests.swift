import Foundation
import Models
import SystemPackage
import Tensors
import TestSupport
import Testing

@Suite struct SafetensorsTests {
    private func file(header: String, data: [UInt8] = []) throws -> SafetensorsFile {
        try SafetensorsFile(content: Self.content(header: header, data: data), source: "test")
    }

    private static func content(header: String, data: [UInt8]) -> [UInt8] {
        withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { [UInt8]($0) } + [UInt8](header.utf8) + data
    }

    @Test func `Every type of the reference implementation's file is read exactly`() throws {
        let file = try SafetensorsFile(fixture("Weights/reference.safetensors"))
        #expect(file.metadata == ["format": "pt", "note": "tab\tline\nend"])
        #expect(file.names == ["bf16", "empty", "f16", "f32", "i64", "i8", "name \"quoted\" \\ é 😀", "scalar"])
        let values: [Float] = [0, 1, -2.5, 3.140625, 65504, -6.103515625e-05, 5.9604644775390625e-08, -0.0]
        for name in ["f32", "f16"] {
            let tensor = try file.tensor(named: name, shape: [2, 4])
            #expect(tensor.scalars.map(\.bitPattern) == values.map(\.bitPattern))
        }
        #expect(try file.tensor(named: "bf16").scalars == [1, -3, 0.15625, 3.3895313892515355e38])
        #expect(try file.tensor(named: "i8").scalars == [63.5, -63.5, 0.5, -32, 0, 16])
        #expect(try file.tensor(named: "scalar").shape == [])
        #expect(try file.tensor(named: "empty").shape == [0, 3])
        #expect(throws: WeightsError.unsupportedType(tensor: "i64", type: "I64")) { try file.tensor(named: "i64") }
    }

    @Test func `Missing and mis-shaped tensors are named`() throws {
        let file = try SafetensorsFile(fixture("Weights/reference.safetensors"))
        #expect(throws: WeightsError.missing(tensor: "nothing", source: file.source)) {
            try file.tensor(named: "nothing")
        }
        #expect(throws: WeightsError.shapeMismatch(tensor: "f32", expected: [8], found: [2, 4])) {
            try file.tensor(named: "f32", shape: [8])
        }
    }

    @Test func `What the writer writes is read back`() throws {
        var writer = SafetensorsWriter(metadata: ["model": "\"x\"\n\u{1}"])
        let values = (0..<24).map { Float($0 * $0 % 17) / 16 - 0.5 }
        let tensor = Tensor(values, shape: [4, 6])
        try writer.add(tensor, named: "exact")
        try writer.add(tensor, named: "half", as: .float16)
        try writer.add(tensor, named: "byte", as: .int8)
        try writer.add(Tensor([Float](repeating: 0, count: 4), shape: [2, 2]), named: "zero", as: .int8)
        #expect(throws: WeightsError.duplicate(tensor: "exact")) { try writer.add(tensor, named: "exact") }

        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let path = FilePath(directory.path).appending("weights.safetensors")
        try writer.write(to: path)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["weights.safetensors"])

        let file = try SafetensorsFile(path)
        #expect(file.metadata == ["model": "\"x\"\n\u{1}"])
        #expect(file.names == ["byte", "exact", "half", "zero"])
        #expect(try file.tensor(named: "exact").scalars == values)
        #expect(try file.tensor(named: "half").scalars == values)
        #expect(try file.tensor(named: "zero").scalars == [0, 0, 0, 0])
        let bytes = try file.tensor(named: "byte").scalars
        for row in 0..<4 {
            let span = row * 6..<row * 6 + 6
            // Rounding to the nearest of 127 steps is off by half a step at most.
            let halfStep = (values[span].map(abs).max() ?? 0) / 127 / 2
            for index in span { #expect(abs(bytes[index] - values[index]) <= halfStep * 1.0001) }
        }
    }

    @Test func `The order of adding doesn't change the file`() throws {
        let one = Tensor<Float>([1], shape: [1])
        var first = SafetensorsWriter()
        try first.add(one, named: "a")
        try first.add(one, named: "b", as: .float16)
        var second = SafetensorsWriter()
        try second.add(one, named: "b", as: .float16)
        try second.add(one, named: "a")
        #expect(first.encoded() == second.encoded())
    }

    @Test func `Numbers that aren't finite are refused both ways`() throws {
        var writer = SafetensorsWriter()
        for value in [Float.nan, .infinity] {
            #expect(throws: WeightsError.nonFinite(tensor: "x")) {
                try writer.add(Tensor([value], shape: [1]), named: "x")
            }
        }
        #expect(throws: WeightsError.nonFinite(tensor: "x")) {
            try writer.add(Tensor([1e6], shape: [1]), named: "x", as: .float16)
        }
        let infinity: [UInt8] = [0, 0, 0x80, 0x7F]
        let file = try file(header: #"{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, data: infinity)
        #expect(throws: WeightsError.nonFinite(tensor: "x")) { try file.tensor(named: "x") }
    }

    @Test(arguments: [
        #"{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
        #"{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"y":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}"#,
        #"{"x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
        #"{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
        #"{"x":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}"#,
        #"{"x":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#,
        #"{"x":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#,
        #"{"x":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}}"#,
        #"{"x":{"dtype":"F32","shape":[0,4611686018427387904,4],"data_offsets":[0,8]}}"#,
        #"{"x":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8]}}"#,
        #"{"x":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#,
        #"{"x":{"dtype":"F99","shape":[2],"data_offsets":[0,8]}}"#,
        #"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"more":1}}"#,
        #"{"x":{"dtype":"F32","shape":[2]}}"#,
        #"{"__metadata__":{"a":1}}"#,
        #"{"\ud800":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
        #"[]"#, #"{"#, "", #"{} {}"#, #"{"x":"#,
    ])
    func `A header that breaks the format's rules is refused`(header: String) {
        #expect(throws: WeightsError.self) { try file(header: header, data: [UInt8](repeating: 0, count: 8)) }
    }

    @Test func `A header that claims more than there is is refused`() {
        for length in [UInt64.max, 1 << 62, 100_000_001, 17] {
            let content = withUnsafeBytes(of: length.littleEndian) { [UInt8]($0) } + [UInt8](repeating: 0x20, count: 16)
            #expect(throws: WeightsError.self) { try SafetensorsFile(content: content, source: "test") }
        }
        #expect(throws: WeightsError.self) { try SafetensorsFile(content: [1, 2, 3], source: "test") }
    }

    @Test(arguments: [
        #"{"x":{"dtype":"I8","shape":[2],"data_offsets":[0,2]}}"#,
        #"{"x":{"dtype":"I8","shape":[2],"data_offsets":[0,2]},"x.scale":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}"#,
        #"{"x":{"dtype":"I8","shape":[2],"data_offsets":[0,2]},"x.scale":{"dtype":"F16","shape":[2],"data_offsets":[2,6]}}"#,
        #"{"x":{"dtype":"I8","shape":[],"data_offsets":[0,1]},"x.scale":{"dtype":"F32","shape":[],"data_offsets":[1,5]}}"#,
    ])
    func `Bytes without a fitting row of scales are refused`(header: String) throws {
        let end = header.contains("scale") ? (header.contains("\"shape\":[],") ? 5 : 6) : 2
        let file = try file(header: header, data: [UInt8](repeating: 0, count: end))
        #expect { try file.tensor(named: "x") } throws: { error in
            guard case .badScale("x", _) = error as? WeightsError else { return false }
            return true
        }
    }

    @Test func `Truncated files are refused at every length`() throws {
        let content = try fixtureContent("Weights/reference.safetensors")
        for length in 0..<content.count {
            #expect(throws: WeightsError.self) {
                try SafetensorsFile(content: [UInt8](content[..<length]), source: "test")
            }
        }
    }

    @Test func `Mutated files are read or refused, never a crash`() throws {
        let original = try fixtureContent("Weights/reference.safetensors")
        var random = SeededGenerator(state: 1)
        for _ in 0..<4000 {
            var content = original
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                content[Int.random(in: 0..<content.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            do {
                let file = try SafetensorsFile(content: content, source: "test")
                for name in file.names { _ = try? file.tensor(named: name) }
            } catch is WeightsError {}
        }
    }

    @Test func `A file that can't be written leaves nothing behind`() throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: directory) }
        // The target is a folder: the new file is written, but can't take its place.
        try FileManager.default.createDirectory(
            at: directory.appendingPathComponent("target"), withIntermediateDirectories: true)
        let target = FilePath(directory.path).appending("target")
        #expect(throws: WeightsError.inaccessible(path: target.string, reason: .isDirectory)) {
            try SafetensorsWriter().write(to: target)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["target"])
    }

    @Test func `A file that isn't there is named with the system's reason`() {
        #expect(throws: WeightsError.inaccessible(path: "/nowhere/x", reason: .noSuchFileOrDirectory)) {
            try SafetensorsFile("/nowhere/x")
        }
    }

    @Test func `A set of weights names what a model misses and what it has no place for`() throws {
        let one = Tensor<Float>([1], shape: [1])
        let set = WeightSet(["a.x": one, "a.y": one, "b": one], source: "test").scoped("a.")
        #expect(set.names == ["x", "y"])
        #expect(throws: WeightsError.missing(tensor: "a.b", source: "test")) { try set.tensor(named: "b") }
        #expect(throws: WeightsError.shapeMismatch(tensor: "a.x", expected: [2], found: [1])) {
            try set.tensor(named: "x", shape: [2])
        }
        #expect(throws: WeightsError.unexpected(tensors: ["a.y"], source: "test")) { try set.requireOnly(["x"]) }
    }
}
