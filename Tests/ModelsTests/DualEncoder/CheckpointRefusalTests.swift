import Basics
import Foundation
import Glibc
import Models
import SystemPackage
import TestSupport
import Testing

/// What can't be imported is refused by name, and leaves nothing.
@Suite struct CheckpointRefusalTests {
    private let directory: TemporaryDirectory
    private let folder, output: FilePath

    init() throws {
        directory = try TemporaryDirectory()
        folder = directory.path.appending("checkpoint")
        output = directory.path.appending("model")
    }

    private func expectRefusal(
        _ drawn: DrawnCheckpoint, naming words: [String], _ sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try drawn.write(to: folder)
        try expectRefusal(naming: words, sourceLocation)
    }

    private func expectRefusal(
        naming words: [String], _ sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let error = #expect(throws: (any Error).self, sourceLocation: sourceLocation) {
            _ = try Checkpoint(recognising: folder).write(to: output, precision: .float)
        }
        let message = (error as? any ExplainedError)?.message ?? "\(error.map { "\($0)" } ?? "none")"
        for word in words {
            #expect(message.contains(word), "\(message)", sourceLocation: sourceLocation)
        }
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: directory.path.string) == ["checkpoint"],
            sourceLocation: sourceLocation)
    }

    @Test(
        arguments: [
            (["model_type"], "siglip2", ["model_type", "NaFlex"]),
            (["model_type"], "blip", ["blip", "--fast"]),
            (["model_type"], "bert", ["bert", "isn't known"]),
            (["vision_config", "hidden_act"], "swish", ["hidden_act", "swish"]),
            (["vision_config", "hidden_size"], "64", ["hidden_size", "number"]),
            (["text_config"], "none", ["text_config", "object"]),
        ] as [([String], String, [String])])
    func `a word in config.json that isn't known`(keys: [String], value: String, words: [String]) throws {
        var drawn = try DrawnCheckpoint(.clip)
        drawn.set(["config.json"] + keys, to: value)
        try expectRefusal(drawn, naming: words)
    }

    @Test(
        arguments: [
            (["vision_config", "num_hidden_layers"], 0, ["image.layers"]),
            (["vision_config", "num_hidden_layers"], 1, ["tensors that the model doesn't use", "layers.1."]),
            (["vision_config", "num_hidden_layers"], 3, ["no tensor", "layers.2."]),
            (["vision_config", "num_hidden_layers"], 1 << 40, ["num_hidden_layers", "whole number"]),
            (["vision_config", "num_hidden_layers"], 1 << 20, ["image.layers"]),
            (["vision_config", "num_attention_heads"], 5, ["multiple of 5 heads"]),
            (["vision_config", "num_channels"], 4, ["num_channels"]),
            (["vision_config", "patch_size"], 0, ["patches of 0"]),
            (["vision_config", "patch_size"], 16, ["patch_embedding", "shape"]),
            (["vision_config", "image_size"], 1 << 20, ["crop_size"]),
            (["vision_config", "intermediate_size"], -1, ["intermediate_size"]),
            (["text_config", "vocab_size"], 9, ["token_embedding", "shape"]),
            (["text_config", "max_position_embeddings"], 1 << 29, ["context_length"]),
            (["text_config", "hidden_size"], 8192, ["shape"]),
            (["projection_dim"], 41, ["projection", "shape"]),
        ] as [([String], Int, [String])])
    func `a size in config.json that can't be or doesn't fit the tensors`(
        keys: [String], value: Int, words: [String]
    ) throws {
        var drawn = try DrawnCheckpoint(.clip)
        drawn.set(["config.json"] + keys, to: value)
        try expectRefusal(drawn, naming: words)
    }

    @Test(
        arguments: [
            (["vision_cfg", "pool_type"], "avg", ["pool_type", "avg"]),
            (["vision_cfg", "timm_model_name"], "vit_base_patch16_224", ["timm_model_name", "vit_base_patch16_224"]),
            (["text_cfg", "hf_model_name"], "roberta-base", ["hf_model_name", "isn't implemented"]),
            (["text_cfg", "pool_type"], "first", ["pool_type", "first"]),
            (["text_cfg", "hf_tokenizer_name"], "timm/ViT-B-16-SigLIP", ["hf_tokenizer_name", "canonicalize"]),
        ] as [([String], String, [String])])
    func `a choice of OpenCLIP that isn't implemented`(keys: [String], value: String, words: [String]) throws {
        var drawn = try DrawnCheckpoint(.clipOfOpenCLIP)
        drawn.set(["open_clip_config.json", "model_cfg"] + keys, to: value)
        try expectRefusal(drawn, naming: words)
    }

    @Test func `a key of OpenCLIP that nobody knows`() throws {
        var drawn = try DrawnCheckpoint(.clipOfOpenCLIP)
        drawn.set(["open_clip_config.json", "model_cfg", "vision_cfg", "ls_init_value"], to: 1e-5)
        try expectRefusal(drawn, naming: ["ls_init_value", "isn't implemented"])
    }

    @Test(
        arguments: [
            (["resample"], 1 as any Sendable, ["resample"]), (["do_resize"], false, ["do_resize"]),
            (["size", "shortest_edge"], 48, ["size", "48"]), (["rescale_factor"], 1.0, ["rescale_factor"]),
            (["image_std"], [0.0, 1, 1], ["deviation"]), (["image_mean"], [0.5], ["mean"]),
            (["do_center_crop"], false, ["do_center_crop"]),
        ] as [([String], any Sendable, [String])])
    func `pictures that are prepared in another way`(keys: [String], value: any Sendable, words: [String]) throws {
        var drawn = try DrawnCheckpoint(.clip)
        drawn.set(["preprocessor_config.json"] + keys, to: value)
        try expectRefusal(drawn, naming: words)
    }

    @Test func `files that aren't there`() throws {
        let drawn = try DrawnCheckpoint(.clip)
        for name in ["merges.txt", "preprocessor_config.json", "model.safetensors", "config.json"] {
            try drawn.write(to: folder)
            try FileManager.default.removeItem(atPath: folder.appending(name).string)
            try expectRefusal(naming: [name == "merges.txt" ? "tokenizer.json" : name])
        }
        try FileManager.default.removeItem(atPath: folder.string)
        let error = #expect(throws: ModelError.self) { try Checkpoint(recognising: folder) }
        #expect(error?.message.contains("isn't a folder") == true)
    }

    @Test func `weights that are a pickle, with how to convert them`() throws {
        try DrawnCheckpoint(.clip).write(to: folder)
        try FileManager.default.moveItem(
            atPath: folder.appending("model.safetensors").string, toPath: folder.appending("pytorch_model.bin").string)
        try expectRefusal(naming: ["pytorch_model.bin", "save_file", "model.safetensors"])
    }

    @Test func `a tensor too many, and a tokenizer of another model`() throws {
        var drawn = try DrawnCheckpoint(.siglip2)
        drawn.shapes["vision_model.extra.weight"] = [3]
        try expectRefusal(drawn, naming: ["vision_model.extra.weight"])
        var small = try DrawnCheckpoint(.siglip2)
        small.set(["config.json", "text_config", "vocab_size"], to: 100)
        small.shapes["text_model.embeddings.token_embedding.weight"]?[0] = 100
        try expectRefusal(small, naming: ["2057 pieces", "100"])
    }

    @Test func `a number that isn't one, in a tensor that is copied and in one that is turned round`() throws {
        for (kind, name) in [
            (DrawnCheckpoint.Kind.clip, "vision_model.post_layernorm.bias"), (.clipOfOpenCLIP, "text_projection"),
        ] {
            let drawn = try DrawnCheckpoint(kind)
            try drawn.write(to: folder)
            let path = folder.appending(drawn.weightsFile)
            var content = try Data(contentsOf: URL(filePath: path.string))
            let values = DrawnCheckpoint.weights(name, drawn.shapes[name] ?? []).withUnsafeBytes { Data($0) }
            let place = try #require(content.range(of: values))
            withUnsafeBytes(of: Float.nan.bitPattern.littleEndian) {
                content.replaceSubrange(place.lowerBound + 8..<place.lowerBound + 12, with: $0)
            }
            try content.write(to: URL(filePath: path.string))
            try expectRefusal(naming: [name, "not finite"])
            try FileManager.default.removeItem(atPath: folder.string)
        }
    }

    @Test func `a folder that is there already isn't written over`() throws {
        try DrawnCheckpoint(.clip).write(to: folder)
        try directory.write(Data("mine".utf8), to: "checkpoint/mine")
        let error = #expect(throws: ModelError.self) {
            _ = try Checkpoint(recognising: folder).write(to: folder, precision: .float)
        }
        #expect(error?.message.contains("is there already") == true)
        #expect(FileManager.default.fileExists(atPath: folder.appending("mine").string))
    }

    @Test func `a model that was imported isn't imported again`() throws {
        try DrawnCheckpoint(.clip).write(to: folder)
        let model = try Checkpoint(recognising: folder).write(to: output, precision: .float)
        let error = #expect(throws: ModelError.self) { try Checkpoint(recognising: model.directory) }
        #expect(error?.message.contains("already") == true)
    }

    @Test(arguments: [DrawnCheckpoint.Kind.clip, .siglip, .perceptionEncoder])
    func `Truncated and mutated files are refused or read, and leave nothing half made`(
        kind: DrawnCheckpoint.Kind
    ) throws {
        let drawn = try DrawnCheckpoint(kind)
        try drawn.write(to: folder)
        var random = SeededGenerator(state: 11)
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.string).sorted() {
            let url = URL(filePath: folder.appending(name).string)
            let whole = try Data(contentsOf: url)
            // Of the weights it is the header that is parsed.
            let parsed = name.hasSuffix(".safetensors") ? min(whole.count, 12_000) : whole.count
            for attempt in 0..<8 {
                var content = whole
                if attempt % 4 == 3 {
                    content = content.prefix(Int.random(in: 0..<parsed, using: &random))
                } else {
                    for _ in 0...attempt {
                        content[Int.random(in: 0..<parsed, using: &random)] = UInt8.random(in: 0...255, using: &random)
                    }
                }
                try content.write(to: url)
                do {
                    _ = try Checkpoint(recognising: folder).write(to: output, precision: .float)
                    try FileManager.default.removeItem(atPath: output.string)
                } catch {
                    #expect(error is any ExplainedError, "\(name), attempt \(attempt): \(error)")
                }
                #expect(
                    try FileManager.default.contentsOfDirectory(atPath: directory.path.string) == ["checkpoint"])
            }
            try whole.write(to: url)
        }
    }

    @Test func `A named pipe in a file's place is refused and not waited for`() throws {
        let drawn = try DrawnCheckpoint(.clip)
        for name in ["config.json", "preprocessor_config.json", drawn.weightsFile, "merges.txt"] {
            try drawn.write(to: folder)
            let path = folder.appending(name)
            try FileManager.default.removeItem(atPath: path.string)
            #expect(mkfifo(path.string, 0o600) == 0)
            try expectRefusal(naming: [name, "regular file"])
            try FileManager.default.removeItem(atPath: folder.string)
        }
    }

    @Test func `A tokenizer that doesn't fit is refused before the towers are copied`() throws {
        var drawn = try DrawnCheckpoint(.siglip2)
        drawn.set(["config.json", "text_config", "vocab_size"], to: 2000)
        drawn.shapes["text_model.embeddings.token_embedding.weight"]?[0] = 2000
        try drawn.write(to: folder)
        let error = #expect(throws: ModelError.self) { try Checkpoint(recognising: folder) }
        #expect(error?.message.contains("2057 pieces") == true)
        try DrawnCheckpoint(.siglip2).write(to: folder)
        let path = folder.appending("tokenizer.json").string
        let json = try String(contentsOfFile: path, encoding: .utf8)
        let merge = #/"merges":\[\["[^"]*"/#
        #expect(json.contains(merge))
        try json.replacing(merge, with: #""merges":[["nowhere""#).write(toFile: path, atomically: true, encoding: .utf8)
        let other = #expect(throws: ModelError.self) { try Checkpoint(recognising: folder) }
        #expect(other?.message.contains("nowhere") == true, "\(other?.message ?? "")")
    }

    @Test(arguments: ["tensors", "spaces", "metadata", "depth", "name"])
    func `A header as long as may be is refused within a moment`(filledWith content: String) throws {
        let drawn = try DrawnCheckpoint(.clip)
        try drawn.write(to: folder)
        let room = 15 << 20
        var header: String
        switch content {
        case "tensors":
            header = "{"
            for number in 0..<150_000 {
                header += "\"\(number)\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},"
            }
        case "spaces": header = "{" + String(repeating: " ", count: room)
        case "metadata": header = "{\"__metadata__\":{\"a\":\"" + String(repeating: "b", count: room)
        case "depth": header = "{\"a\":" + String(repeating: "[", count: room)
        default: header = "{\"" + String(repeating: "n", count: room)
        }
        let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Data($0) }
        try (length + Data(header.utf8)).write(to: URL(filePath: folder.appending(drawn.weightsFile).string))
        let started = ContinuousClock.now
        try expectRefusal(naming: [drawn.weightsFile])
        // A debug build or a busy machine takes several times as long as the tenth of a second of an idle one.
        #expect(ContinuousClock.now - started < .seconds(10))
    }

    @Test func `Folders of other things are refused by name`() throws {
        let others: [(files: [String: String], words: [String])] = [
            ([:], ["neither config.json nor open_clip_config.json"]),
            (["config.json": "{}"], ["model_type", "none"]),
            (["config.json": "[1]"], ["config.json", "JSON"]), (["config.json": ""], ["config.json", "JSON"]),
            (["config.json": String(repeating: "[", count: 900_000)], ["config.json", "JSON"]),
            (["config.json": #"{"model_type":"llama","hidden_size":4096}"#], ["llama", "isn't known"]),
            (
                ["config.json": #"{"model_type":"clip"}"#, "pytorch_model.bin": "x"],
                ["pytorch_model.bin", "save_file"]
            ),
            (["config.json": #"{"model_type":"clip"}"#, "model.safetensors": "x"], ["shorter than 8 bytes"]),
            (["config.json": #"{"_class_name":"StableDiffusionPipeline"}"#], ["model_type"]),
            (["open_clip_config.json": #"{"model_cfg":{"embed_dim":1e300}}"#], ["embed_dim", "whole number"]),
            (["open_clip_config.json": #"{"model_cfg":7}"#], ["model_cfg", "object"]),
            (
                [
                    "config.json": #"{"model_type":"clip"}"#,
                    "model.safetensors.index.json": #"{"weight_map":{"a":"../../secret.safetensors"}}"#,
                ], ["index", "can't be"]
            ),
        ]
        for (files, words) in others {
            try FileManager.default.createDirectory(atPath: folder.string, withIntermediateDirectories: true)
            for (name, content) in files { try directory.write(Data(content.utf8), to: "checkpoint/" + name) }
            try expectRefusal(naming: words)
            try FileManager.default.removeItem(atPath: folder.string)
        }
    }

    @Test func `A header that claims ten gigabytes is refused`() throws {
        let drawn = try DrawnCheckpoint(.clip)
        try drawn.write(to: folder)
        let url = URL(filePath: folder.appending(drawn.weightsFile).string)
        var content = try Data(contentsOf: url)
        withUnsafeBytes(of: UInt64(10_000_000_000).littleEndian) { content.replaceSubrange(0..<8, with: $0) }
        try content.write(to: url)
        try expectRefusal(naming: ["10000000000"])
    }
}
