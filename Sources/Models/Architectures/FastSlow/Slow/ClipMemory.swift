import Tensors

/// The stored form of a clip's visual memory: small integers with a scale a token.
///
/// Little-endian: `SM`, a version (1), the bits of an integer, the number of levels; of each level, coarse to fine, its stride's
/// name (5, 4, 3 for C5, C4, C3), its tokens and its width (16 bits each); then of each level the tokens' scales in half
/// precision and the integers of token after token, packed.
///
/// | precision | bits | an integer q stands for | a clip of saccade-small |
/// |---|---|---|---|
/// | full | 8 | q · scale, q in −127...127 | 82,575 bytes |
/// | compact | 3 | (q − 3.5) · scale, q in 0...7 | 31,375 bytes |
///
/// The compact scale is the step of the uniform quantiser of 8 levels that loses least of a normal distribution (J. Max,
/// "Quantizing for minimum distortion", 1960: 0.586 deviations).
package enum ClipMemory {
    package enum Precision: String, Sendable, CaseIterable, Codable {
        case full, compact

        fileprivate var bits: Int { self == .full ? 8 : 3 }

        /// Bytes of a token's integers.
        fileprivate func bytes(width: Int) -> Int { (width * bits + 7) / 8 }
    }

    private static let magic: [UInt8] = Array("SM".utf8)
    private static let version: UInt8 = 1
    private static let compactStep: Float = 0.586

    /// - Parameter clip: which of the memory's clips.
    package static func encode(_ memory: VisualMemory<Float>, clip: Int, precision: Precision) -> [UInt8] {
        let levels = SlowConfiguration.Level.allCases.compactMap { level in memory.levels[level].map { (level, $0) } }
        var bytes = magic + [version, UInt8(precision.bits), UInt8(levels.count)]
        for (level, tokens) in levels {
            bytes.append(level.code)
            for number in [tokens.lengths[clip], tokens.values.shape[2]] {
                bytes += [UInt8(number & 0xFF), UInt8(number >> 8)]
            }
        }
        for (_, tokens) in levels {
            let (longest, width) = (tokens.values.shape[1], tokens.values.shape[2])
            tokens.values.value.withUnsafeBufferPointer { values in
                let rows = (0..<tokens.lengths[clip]).map { values[((clip * longest + $0) * width)...].prefix(width) }
                let scales = rows.map { scale(of: $0, precision) }
                for scale in scales {
                    bytes += [UInt8(scale.bitPattern & 0xFF), UInt8(scale.bitPattern >> 8)]
                }
                for (row, scale) in zip(rows, scales) { pack(row, scale: Float(scale), precision, into: &bytes) }
            }
        }
        return bytes
    }

    private static func scale(of row: Slice<UnsafeBufferPointer<Float>>, _ precision: Precision) -> Float16 {
        let exact: Float
        switch precision {
        case .full: exact = (row.lazy.map(abs).max() ?? 0) / 127
        case .compact:
            exact = compactStep * (row.reduce(0) { $0 + $1 * $1 } / Float(max(1, row.count))).squareRoot()
        }
        return Float16(min(exact, Float(Float16.greatestFiniteMagnitude)))
    }

    private static func pack(
        _ row: Slice<UnsafeBufferPointer<Float>>, scale: Float, _ precision: Precision, into bytes: inout [UInt8]
    ) {
        let inverse = scale > 0 ? 1 / scale : 0
        switch precision {
        case .full:
            for value in row {
                bytes.append(UInt8(bitPattern: Int8(max(-127, min(127, (value * inverse).rounded())))))
            }
        case .compact:
            var (held, count): (UInt32, UInt32) = (0, 0)
            for value in row {
                held |= UInt32(max(0, min(7, (value * inverse + 4).rounded(.down)))) << count
                count += 3
                while count >= 8 {
                    bytes.append(UInt8(held & 0xFF))
                    held >>= 8
                    count -= 8
                }
            }
            if count > 0 { bytes.append(UInt8(held & 0xFF)) }
        }
    }

    /// Whether the bytes are a memory that a model of this configuration made.
    package static func isUsable(_ bytes: [UInt8], by configuration: SlowConfiguration) -> Bool {
        Layout(bytes, levels: readLevels(configuration), configuration) != nil
    }

    /// The levels that layers read, coarse to fine.
    private static func readLevels(_ configuration: SlowConfiguration) -> [SlowConfiguration.Level] {
        let read = Set(configuration.layers)
        return SlowConfiguration.Level.allCases.filter(read.contains)
    }

    /// Memories as a batch, for the model to look at.
    ///
    /// - Parameter configuration: what the memories were made with.
    /// - Throws: ``ModelError`` `malformed` for bytes that are no memory of such a model; nothing that they hold is trusted.
    package static func decode(
        _ memories: [[UInt8]], as configuration: SlowConfiguration
    ) throws(ModelError) -> VisualMemory<Float> {
        let levels = readLevels(configuration)
        var layouts: [Layout] = []
        for bytes in memories {
            guard let layout = Layout(bytes, levels: levels, configuration) else {
                throw ModelError(.malformed, "a stored memory isn't one of this model: index the file again")
            }
            layouts.append(layout)
        }
        var memory = VisualMemory<Float>(levels: [:], count: memories.count)
        for (place, level) in levels.enumerated() {
            let lengths = layouts.map { $0.parts[place].tokens }
            let (longest, width) = (lengths.max() ?? 0, configuration.width)
            let values = Tensor<Float>(uninitialized: [memories.count, longest, width]) { target in
                parallelFor(memories.count, grain: 2) { clips in
                    for clip in clips {
                        let rows = target + clip * longest * width
                        memories[clip].withUnsafeBufferPointer { bytes in
                            layouts[clip].unpack(place, bytes, width: width, into: rows)
                        }
                        let padding = (longest - lengths[clip]) * width
                        (rows + lengths[clip] * width).update(repeating: 0, count: padding)
                    }
                }
            }
            memory.levels[level] = .init(values: Variable(constant: values), lengths: lengths)
        }
        return memory
    }

    /// Where the parts of a stored memory lie.
    private struct Layout {
        struct Part {
            var tokens: Int
            var scales: Int
            var integers: Int
        }

        var precision: Precision
        var parts: [Part] = []

        /// Nil when the bytes are something else.
        init?(_ bytes: [UInt8], levels: [SlowConfiguration.Level], _ configuration: SlowConfiguration) {
            let headerSize = 5 + 5 * levels.count
            guard bytes.count >= headerSize, bytes.starts(with: magic), bytes[2] == version,
                let precision = Precision.allCases.first(where: { $0.bits == Int(bytes[3]) }),
                Int(bytes[4]) == levels.count
            else { return nil }
            self.precision = precision
            var offset = headerSize
            for (place, level) in levels.enumerated() {
                let entry = bytes[(5 + 5 * place)..<(10 + 5 * place)]
                let number = { (at: Int) in
                    Int(entry[entry.startIndex + at]) | Int(entry[entry.startIndex + at + 1]) << 8
                }
                let (tokens, width) = (number(1), number(3))
                let positions = (configuration.maps[level]?.side ?? 0) * (configuration.maps[level]?.side ?? 0)
                guard entry.first == level.code, width == configuration.width, tokens > 0,
                    tokens <= max(positions, configuration.frames * positions / 4)
                else { return nil }
                parts.append(Part(tokens: tokens, scales: offset, integers: offset + 2 * tokens))
                offset += tokens * (2 + precision.bytes(width: width))
            }
            guard offset == bytes.count else { return nil }
        }

        func unpack(
            _ place: Int, _ bytes: UnsafeBufferPointer<UInt8>, width: Int, into target: UnsafeMutablePointer<Float>
        ) {
            let part = parts[place]
            let size = precision.bytes(width: width)
            for token in 0..<part.tokens {
                let low = UInt16(bytes[part.scales + 2 * token])
                let bits = low | UInt16(bytes[part.scales + 2 * token + 1]) << 8
                let stored = Float(Float16(bitPattern: bits))
                let scale = stored.isFinite ? stored : 0
                let row = target + token * width
                let source = UnsafeBufferPointer(rebasing: bytes[(part.integers + token * size)...].prefix(size))
                switch precision {
                case .full:
                    source.withMemoryRebound(to: Int8.self) { source in
                        for column in 0..<width { row[column] = Float(source[column]) * scale }
                    }
                case .compact: Self.unpackCompact(source, width: width, scale: scale, into: row)
                }
            }
        }

        private static func unpackCompact(
            _ source: UnsafeBufferPointer<UInt8>, width: Int, scale: Float, into row: UnsafeMutablePointer<Float>
        ) {
            var (held, count): (UInt32, UInt32) = (0, 0)
            var next = 0
            for column in 0..<width {
                if count < 3 {
                    held |= UInt32(source[next]) << count
                    next += 1
                    count += 8
                }
                row[column] = (Float(held & 7) - 3.5) * scale
                held >>= 3
                count -= 3
            }
        }
    }
}

extension SlowConfiguration.Level {
    /// The level's name in stored memories.
    fileprivate var code: UInt8 {
        switch self {
        case .c5: 5
        case .c4: 4
        case .c3: 3
        }
    }
}
