import Training
import Foundation
import Models
import Tensors

extension FuzzTarget {
    /// A safetensors file. What it holds is written again and read again, to the last bit.
    static let safetensors = FuzzTarget(name: "safetensors") {
        var writer = SafetensorsWriter(metadata: ["format": "pt"])
        try writer.add(Tensor((0..<6).map { Float($0) - 2.5 }, shape: [2, 3]), named: "layer.weight")
        try writer.add(Tensor([0.5, -0.25], shape: [2]), named: "layer.bias", as: .float16)
        try writer.add(Tensor([1, -2, 3, 4], shape: [2, 2]), named: "table", as: .int8)
        let handmade =
            #"{"a":{"dtype":"BF16","shape":[],"data_offsets":[0,2]},"b":{"dtype":"F32","shape":[0,5],"data_offsets":[2,2]}}"#
        let length = withUnsafeBytes(of: UInt64(handmade.utf8.count).littleEndian) { Array($0) }
        return [writer.encoded(), SafetensorsWriter().encoded(), length + Array(handmade.utf8) + [0x80, 0x3F]]
    } check: { input in
        guard let file = try? SafetensorsFile(content: input, source: "input") else { return }
        var tensors: [String: Tensor<Float>] = [:]
        for name in file.names {
            guard let tensor = try? file.tensor(named: name) else { continue }
            require(tensor.shape == file.shape(of: name), "a tensor has the shape of its header")
            tensors[name] = tensor
        }
        staysTheSame(tensors, metadata: file.metadata)
        _ = try? WeightSet(file)
    }

    /// A state dictionary in PyTorch's legacy format.
    static let torchPickle = FuzzTarget(name: "pickle") {
        try ["expanded.pth", "views.pth", "code.pth"].map { name in
            Array(try Data(contentsOf: repository.appending(path: "Tests/ModelsTests/Fixtures/Weights/\(name)")))
        }
    } check: { input in
        guard let tensors = try? TorchPickle.tensors(in: input, source: "input") else { return }
        staysTheSame(tensors, metadata: [:])
    }
}

/// Writes tensors as a safetensors file and reads it.
private func staysTheSame(_ tensors: [String: Tensor<Float>], metadata: [String: String]) {
    var writer = SafetensorsWriter(metadata: metadata)
    var written: [String: Tensor<Float>] = [:]
    for (name, tensor) in tensors where (try? writer.add(tensor, named: name)) != nil { written[name] = tensor }
    guard let file = try? SafetensorsFile(content: writer.encoded(), source: "again") else {
        fatalError("what the writer makes can be read")
    }
    require(file.metadata == metadata, "metadata are kept")
    require(Set(file.names) == Set(written.keys), "every tensor is kept")
    for (name, tensor) in written {
        guard let again = try? file.tensor(named: name) else { fatalError("a tensor that was written can be read") }
        require(
            again.shape == tensor.shape && again.scalars.map(\.bitPattern) == tensor.scalars.map(\.bitPattern),
            "a tensor is kept to the last bit")
    }
}

/// The folder of the repository that this program was built in.
let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
