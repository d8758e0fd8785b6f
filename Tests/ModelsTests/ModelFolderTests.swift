import DecodeProtocol
import Foundation
import Models
import SystemPackage
import TestSupport
import Testing

@Suite struct ModelFolderTests {
    private static let shipped = ModelFolder(FilePath(repositoryFile("models/saccade-small")))

    /// The `config.json` of the model that version 0.1.0 had.
    private static let first = ModelFolder(fixture("format-1"))

    private func folder(_ configuration: String) throws -> (TemporaryDirectory, ModelFolder) {
        let directory = try TemporaryDirectory()
        try directory.write(Data(configuration.utf8), to: "config.json")
        return (directory, ModelFolder(directory.path))
    }

    private func refusal(_ configuration: String) throws -> String {
        let (directory, folder) = try folder(configuration)
        defer { withExtendedLifetime(directory) {} }
        do {
            _ = try LoadedModel.load(folder.path)
            return "it was loaded"
        } catch {
            return "\(error)"
        }
    }

    @Test func `A folder of format 1 names no architecture, and is the one that there was`() throws {
        let header = try Self.first.header()
        #expect(header.format == 1 && header.architecture == "fast-slow" && header.name == "saccade-small")
    }

    @Test func `What is written is format 2, in which maps are counted from the coarsest, and says the same`() throws {
        let configuration = try FastSlowConfiguration(Self.first)
        #expect(configuration.slow?.layers == [0, 0, 1])
        #expect(configuration.slow?.maps == [.init(side: 8, channels: 352), .init(side: 16, channels: 120)])
        let (directory, folder) = try folder(String(decoding: configuration.encoded(), as: UTF8.self))
        defer { withExtendedLifetime(directory) {} }
        #expect(try folder.header().format == 2 && folder.header().architecture == "fast-slow")
        #expect(try FastSlowConfiguration(folder) == configuration)
        struct Written: Decodable {
            struct Slow: Decodable {
                var layers: [Int]
                var maps: [FeatureMapSize]
            }
            var slow: Slow
        }
        #expect(try folder.decoded(Written.self).slow.layers == [0, 0, 1])
    }

    @Test(arguments: [
        (#"{"format": 2, "name": "x", "architecture": "oracle"}"#, "architecture \"oracle\""),
        (#"{"format": 2, "name": "x"}"#, "\"architecture\" is missing"),
        (#"{"format": 3, "name": "x", "architecture": "fast-slow"}"#, "formats 1 to 2; update saccade"),
        (#"{"format": 0, "name": "x"}"#, "formats 1 to 2"),
        (#"{"format": 2, "name": "x", "architecture": "fast-slow"}"#, "is missing"),
        (#"{"name": "x"}"#, "isn't a model's config.json"),
        ("no JSON", "isn't a model's config.json"),
    ])
    func `What can't be read is refused with what to do`(configuration: String, words: String) throws {
        let message = try refusal(configuration)
        #expect(message.contains(words) && message.contains("config.json"), "\(message)")
    }

    @Test func `Training refuses a folder of another architecture by name`() throws {
        let (directory, folder) = try folder(#"{"format": 2, "name": "x", "architecture": "oracle"}"#)
        defer { withExtendedLifetime(directory) {} }
        #expect { try FastSlowModel(directory: folder.path) } throws: { "\($0)".contains("\"oracle\"") }
    }

    /// The expected digits are from `printf` and coreutils' sha256sum.
    @Test func `A digest is the first half of SHA-256 over the files' lengths and bytes`() throws {
        let directory = try TemporaryDirectory()
        let (one, other) = (try directory.write(Data("ab".utf8), to: "1"), try directory.write(Data("c".utf8), to: "2"))
        #expect(try ModelFolder.digest(of: [one, other]) == "43ee655579de01ca739b3f95c1c2d3f4")
        try directory.write(Data("a".utf8), to: "1")
        try directory.write(Data("bc".utf8), to: "2")
        #expect(try ModelFolder.digest(of: [one, other]) != "43ee655579de01ca739b3f95c1c2d3f4")
    }

    /// The expected one was computed by a second implementation, which gave the digest of version 0.1.0's model as well.
    @Test func `A digest of a model of format 1 is the one that indexes of version 0.1.0 have`() throws {
        let directory = try TemporaryDirectory()
        let files = try [
            directory.write(Data("eleven byte".utf8), to: "1"), directory.write(Data("0123456789abcdef".utf8), to: "2"),
        ]
        #expect(try ModelFolder.earlierDigest(of: files) == "71e7db93094fe7db25a2c15c7e3bb538")
    }

    @Test func `The shipped model has all parts, of one digest`() throws {
        let model = try LoadedModel.load(Self.shipped.path)
        #expect(model.digest.count == 32)
        #expect(model.queries.modelDigest == model.digest && model.scorer?.modelDigest == model.digest)
        #expect(model.parts.map(\.name) == ["backbone", "Fast", "Slow"])
        #expect(model.parts.dropFirst().allSatisfy { $0.parameters ?? 0 > 1_000_000 })
        #expect(model.clips.input.geometry.side == 256)
    }
}
