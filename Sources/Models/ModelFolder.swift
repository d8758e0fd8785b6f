import Basics
import Foundation
package import SystemPackage

/// A folder with a model: `config.json`, and what else its architecture keeps there.
package struct ModelFolder: Sendable {
    package let path: FilePath

    package init(_ path: FilePath) { self.path = path }

    package var configuration: FilePath { path.appending("config.json") }
    /// How scores are combined; no part of the digest, since another weight needs no new index.
    package var reranking: FilePath { path.appending("reranking.json") }

    /// What every `config.json` says, whatever the architecture.
    package struct Header: Sendable, Equatable, Codable {
        /// The version of the folder's format.
        package var format: Int
        /// Which architecture reads the rest.
        package var architecture: String
        package var name: String

        package init(architecture: String, name: String) {
            format = ModelFolder.currentFormat
            self.architecture = architecture
            self.name = name
        }

        /// Format 1 knew one architecture and didn't name it.
        package init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            format = try container.decode(Int.self, forKey: .format)
            name = try container.decode(String.self, forKey: .name)
            architecture =
                format == 1
                ? ModelArchitecture.ofFormat1 : try container.decode(String.self, forKey: .architecture)
        }
    }

    /// All that a later format is asked for.
    private struct Version: Decodable {
        var format: Int
    }

    /// The format that is written; older ones are read.
    package static let currentFormat = 2

    /// Makes the folder, and what was there no model any more until ``finish(_:)``.
    package func begin() throws {
        try FileManager.default.createDirectory(atPath: path.string, withIntermediateDirectories: true)
        try? FileManager.default.removeItem(atPath: configuration.string)
    }

    /// Writes `config.json`, last of all.
    func finish(_ configuration: [UInt8]) throws {
        try Data(configuration).write(to: URL(filePath: self.configuration.string), options: .atomic)
    }

    /// The part of `config.json` that says who reads it.
    ///
    /// - Throws: ``ModelError`` when it isn't a model's, or a newer program is needed.
    package func header() throws -> Header { try decoded(Header.self) }

    /// `config.json` as an architecture takes it.
    ///
    /// - Throws: ``ModelError`` that says which key is wrong, or that a newer program is needed.
    package func decoded<Content: Decodable>(_ type: Content.Type) throws -> Content {
        let source = try ByteSource(opening: configuration)
        guard source.count <= 1 << 20 else {
            throw ModelError(.malformed, "\(configuration): too large for a model's config.json")
        }
        let data = try Data(source.read(0..<source.count))
        guard let version = try? JSONDecoder().decode(Version.self, from: data) else {
            throw ModelError(
                .malformed, "\(configuration): isn't a model's config.json; point --model at a model folder")
        }
        guard (1...Self.currentFormat).contains(version.format) else {
            throw ModelError(
                .malformed,
                "\(configuration): has format \(version.format) and this program reads formats 1 to \(Self.currentFormat); "
                    + "update saccade")
        }
        do {
            return try JSONDecoder().decode(Content.self, from: data)
        } catch DecodingError.keyNotFound(let key, _) {
            throw ModelError(.malformed, "\(configuration): the key \"\(key.stringValue)\" is missing")
        } catch DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context),
            DecodingError.dataCorrupted(let context)
        {
            let place = context.codingPath.map(\.stringValue).joined(separator: ".")
            throw ModelError(.malformed, "\(configuration): \"\(place)\" has a value that can't be used")
        }
    }

    /// A digest of files, 32 hex digits: the first half of the SHA-256 of each file's length (64 bits, little-endian) and bytes.
    ///
    /// 128 bits keep models apart, and are short enough to be read.
    package static func digest(of files: [FilePath]) throws -> String {
        var hash = ContentHash()
        for file in files {
            let source = try ByteSource(opening: file)
            hash.update((0..<8).map { UInt8(truncatingIfNeeded: source.count >> (8 * $0)) })
            try forEachPart(of: source) { hash.update($0) }
        }
        return ContentHash.hexadecimal(hash.finish().prefix(16))
    }

    /// What named the files of a model of format 1 before, and still does in indexes that were made then.
    ///
    /// Two 64-bit sums in the manner of FNV-1a over 8-byte words, with different starts.
    package static func earlierDigest(of files: [FilePath]) throws -> String {
        var first: UInt64 = 0xcbf2_9ce4_8422_2325
        var second: UInt64 = 0x6c62_272e_07bb_0142
        func add(_ word: UInt64) {
            first = (first ^ word) &* 0x100_0000_01b3
            second = ((second ^ word) &* 0x9e37_79b9_7f4a_7c15) ^ (second >> 29)
        }
        for file in files {
            let source = try ByteSource(opening: file)
            try forEachPart(of: source) { part in
                part.withUnsafeBytes { bytes in
                    let whole = bytes.count / 8 * 8
                    for offset in stride(from: 0, to: whole, by: 8) {
                        add(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
                    }
                    for byte in bytes[whole...] { add(UInt64(byte)) }
                }
            }
            add(UInt64(source.count))
        }
        return [first, second].map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }

    private static func forEachPart(of source: ByteSource, _ body: ([UInt8]) -> Void) throws {
        for offset in stride(from: 0, to: source.count, by: 1 << 20) {
            body(try source.read(offset..<min(offset + 1 << 20, source.count)))
        }
    }
}
