package import Foundation

/// What a backup is and has: its first entry, `backup.json`.
package struct BackupDescription: Codable, Sendable, Equatable {
    /// The version of the format that this program writes, the newest that it reads.
    package static let currentFormat = 1

    /// A database in it.
    package struct File: Codable, Sendable, Equatable {
        package var name: String
        package var bytes: Int64
        /// The version of its schema.
        package var schema: Int
    }

    package var format: Int
    /// The version of Saccade that made it.
    package var program: String
    package var created: Date
    /// In the order in which they follow.
    package var files: [File]

    package var hasRerankFeatures: Bool { files.contains { $0.name == Self.featuresName } }
    /// Bytes of the databases.
    package var bytes: Int64 { files.reduce(0) { $0 &+ $1.bytes } }

    static let entryName = "backup.json"
    static let sumsName = "SHA256SUMS"
    static let catalogName = "catalog.sqlite"
    static let featuresName = "memories.sqlite"

    enum CodingKeys: String, CodingKey {
        case format, program, files
        case created = "created_at"
    }

    func encoded() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
        encoder.dateEncodingStrategy = .iso8601
        return Array(try encoder.encode(self)) + [0x0A]
    }

    init(decoding bytes: [UInt8]) throws {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        self = try decoder.decode(Self.self, from: Data(bytes))
    }

    init(format: Int = Self.currentFormat, program: String, created: Date, files: [File]) {
        self.format = format
        self.program = program
        self.created = created
        self.files = files
    }
}
