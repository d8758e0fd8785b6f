import SystemPackage

/// A SentencePiece model of the unigram kind: pieces with the logarithms of their probabilities.
///
/// Sources: Kudo, "Subword regularization", ACL 2018; sentencepiece 0.2, `sentencepiece_model.proto` and `normalizer.cc`.
struct SentencePieceModel: Sendable {
    /// What a piece is, by its number in the file.
    enum Kind: UInt64, Sendable {
        case normal = 1
        case unknown = 2
        case control = 3
        case userDefined = 4
        case unused = 5
        case byte = 6
    }

    struct Piece: Sendable {
        var text: [UInt8] = []
        var score: Float = 0
        var kind = Kind.normal
    }

    private(set) var pieces: [Piece] = []
    /// The piece of what no other stands for.
    private(set) var unknown: Int32 = 0
    private(set) var normalizer = Normalizer()

    /// How text is prepared.
    struct Normalizer: Sendable {
        var characters = [UInt8]()
        var addsDummyPrefix = true
        var removesExtraSpaces = true
        var escapesSpaces = true
    }

    private static let largestFile = 64 << 20

    /// - Parameter path: a `spiece.model`, or a `tokenizer.json` that was made of one.
    /// - Throws: ``WeightsError`` when the file can't be read, ``ModelError`` when it is no such model.
    init(_ path: FilePath) throws {
        let source = try ByteSource(opening: path)
        guard source.count <= Self.largestFile else {
            throw ModelError(.malformed, "\(path) is too large to be a SentencePiece model")
        }
        let bytes = try source.read(0..<source.count)
        self = try explaining(path.string) { try SentencePieceModel(content: bytes) }
    }

    /// - Throws: ``ModelError`` when the bytes aren't a unigram model.
    init(content: [UInt8]) throws {
        if content.first == UInt8(ascii: "{") {
            try self.init(tokenizerJSON: content)
        } else {
            try self.init(protocolBuffer: content)
        }
        guard (1...Self.mostPieces).contains(pieces.count) else {
            throw ModelError(.malformed, "a SentencePiece model can't have \(pieces.count) pieces")
        }
        let unknowns = pieces.indices.filter { pieces[$0].kind == .unknown }
        guard unknowns.count == 1 else {
            throw ModelError(.malformed, "it has \(unknowns.count) unknown pieces, not one")
        }
        unknown = Int32(unknowns[0])
        guard pieces.allSatisfy(\.score.isFinite) else {
            throw ModelError(.malformed, "a piece's score isn't a number")
        }
    }

    static let mostPieces = 1 << 20

    /// What was read elsewhere, before it is checked.
    init(pieces: [Piece], normalizer: Normalizer) {
        self.pieces = pieces
        self.normalizer = normalizer
    }

    private init(protocolBuffer content: [UInt8]) throws {
        var kind: UInt64 = 1
        var suffixesSpaces = false
        var expandsToBytes = false
        try ProtocolBuffer(content[...]).forEachField { field in
            switch (field.number, field.value) {
            case (1, .bytes(let bytes)): pieces.append(try Self.piece(bytes))
            case (2, .bytes(let bytes)):
                try ProtocolBuffer(bytes).forEachField { field in
                    switch (field.number, field.value) {
                    case (3, .integer(let value)): kind = value
                    case (24, .integer(let value)): suffixesSpaces = value != 0
                    case (35, .integer(let value)): expandsToBytes = value != 0
                    default: break
                    }
                }
            case (3, .bytes(let bytes)): normalizer = try Self.normalizer(bytes)
            default: break
            }
        }
        guard kind == 1 else {
            throw ModelError(.malformed, "it isn't a unigram model, which is all that is read here")
        }
        guard !suffixesSpaces, !expandsToBytes else {
            throw ModelError(.malformed, "it treats spaces as suffixes or falls back to bytes, which isn't implemented")
        }
    }

    private static func piece(_ bytes: ArraySlice<UInt8>) throws -> Piece {
        var piece = Piece()
        try ProtocolBuffer(bytes).forEachField { field in
            switch (field.number, field.value) {
            case (1, .bytes(let text)): piece.text = [UInt8](text)
            case (2, .float(let score)): piece.score = score
            case (3, .integer(let number)):
                guard let kind = Kind(rawValue: number) else {
                    throw ModelError(.malformed, "a piece is of the unknown kind \(number)")
                }
                piece.kind = kind
            default: break
            }
        }
        return piece
    }

    private static func normalizer(_ bytes: ArraySlice<UInt8>) throws -> Normalizer {
        var normalizer = Normalizer()
        try ProtocolBuffer(bytes).forEachField { field in
            switch (field.number, field.value) {
            case (2, .bytes(let map)): normalizer.characters = [UInt8](map)
            case (3, .integer(let value)): normalizer.addsDummyPrefix = value != 0
            case (4, .integer(let value)): normalizer.removesExtraSpaces = value != 0
            case (5, .integer(let value)): normalizer.escapesSpaces = value != 0
            default: break
            }
        }
        return normalizer
    }
}

/// The fields of a message in the encoding of Protocol Buffers.
///
/// Source: "Encoding", protobuf.dev/programming-guides/encoding.
private struct ProtocolBuffer {
    struct Field {
        enum Value {
            case integer(UInt64)
            case float(Float)
            case bytes(ArraySlice<UInt8>)
            /// A fixed number of 8 bytes, which no field that is read here has.
            case other
        }

        var number: UInt64
        var value: Value
    }

    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    private static let damaged = ModelError(.malformed, "it is damaged or no SentencePiece model; fetch the file again")

    func forEachField(_ body: (Field) throws -> Void) throws {
        var reader = self
        while !reader.rest.isEmpty { try body(reader.field()) }
    }

    private mutating func field() throws(ModelError) -> Field {
        let tag = try integer()
        switch tag & 7 {
        case 0: return Field(number: tag >> 3, value: .integer(try integer()))
        case 1:
            _ = try take(8)
            return Field(number: tag >> 3, value: .other)
        case 2:
            let length = try integer()
            guard length <= UInt64(rest.count) else { throw Self.damaged }
            return Field(number: tag >> 3, value: .bytes(try take(Int(length))))
        case 5:
            let bits = try take(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            return Field(number: tag >> 3, value: .float(Float(bitPattern: bits)))
        default: throw Self.damaged
        }
    }

    private mutating func take(_ count: Int) throws(ModelError) -> ArraySlice<UInt8> {
        guard count <= rest.count else { throw Self.damaged }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    private mutating func integer() throws(ModelError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard let byte = rest.popFirst() else { throw Self.damaged }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        throw Self.damaged
    }
}
