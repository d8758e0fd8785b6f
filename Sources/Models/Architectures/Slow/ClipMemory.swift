import Tensors
import Threads

/// The stored form of a clip's visual memory: small integers with a scale a token.
///
/// Little-endian: `SM`, a version (2), the bits of an integer, the number of maps; of each map, coarse to fine, its place among the
/// image encoder's (0 for the coarsest), its tokens and its width (16 bits each); then of each map the tokens' scales in half
/// precision and the integers of token after token, packed. Version 1 had 5, 4, 3 for the places 0, 1, 2.
///
/// | precision | bits | an integer q stands for | a clip of saccade-small |
/// |---|---|---|---|
/// | full | 8 | q · scale, q in −127...127 | 82,575 bytes |
/// | compact | 3 | (q − 3.5) · scale, q in 0...7 | 31,375 bytes |
///
/// The compact scale is the step of the uniform quantiser of 8 levels that loses least of a normal distribution (J. Max,
/// "Quantizing for minimum distortion", 1960: 0.586 deviations).
package enum ClipMemory {
    private static let magic: [UInt8] = Array("SM".utf8)
    private static let version: UInt8 = 2
    private static let compactStep: Float = 0.586

    /// - Parameter clip: which of the memory's clips.
    package static func encode(_ memory: VisualMemory<Float>, clip: Int, precision: FeaturePrecision) -> [UInt8] {
        let maps = memory.maps.sorted { $0.key < $1.key }
        var bytes = magic + [version, UInt8(precision.bits), UInt8(maps.count)]
        for (map, tokens) in maps {
            bytes.append(UInt8(map))
            for number in [tokens.lengths[clip], tokens.values.shape[2]] {
                bytes += [UInt8(number & 0xFF), UInt8(number >> 8)]
            }
        }
        for (_, tokens) in maps {
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

    private static func scale(of row: Slice<UnsafeBufferPointer<Float>>, _ precision: FeaturePrecision) -> Float16 {
        let exact: Float
        switch precision {
        case .full: exact = (row.lazy.map(abs).max() ?? 0) / 127
        case .compact:
            exact = compactStep * (row.reduce(0) { $0 + $1 * $1 } / Float(max(1, row.count))).squareRoot()
        }
        return Float16(min(exact, Float(Float16.greatestFiniteMagnitude)))
    }

    private static func pack(
        _ row: Slice<UnsafeBufferPointer<Float>>, scale: Float, _ precision: FeaturePrecision, into bytes: inout [UInt8]
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

    /// What the memories of one model have in common.
    package struct Form: Sendable {
        var width: Int
        /// Coarse to fine: each map's place among the image encoder's, and how many tokens a clip has of it at most.
        var maps: [(map: Int, tokens: Int)]
    }

    /// Whether the bytes are a memory of this form.
    package static func isUsable(_ bytes: [UInt8], as form: Form) -> Bool { Layout(bytes, form) != nil }

    /// Memories as a batch, for the model to look at.
    ///
    /// - Parameter form: that of the model that made the memories.
    /// - Throws: ``ModelError`` `malformed` for bytes that are no memory of such a model; nothing that they hold is trusted.
    package static func decode(_ memories: [[UInt8]], as form: Form) throws(ModelError) -> VisualMemory<Float> {
        var layouts: [Layout] = []
        for bytes in memories {
            guard let layout = Layout(bytes, form) else {
                throw ModelError(.malformed, "the stored features aren't of this model: index the file again")
            }
            layouts.append(layout)
        }
        var memory = VisualMemory<Float>(maps: [:], count: memories.count)
        for (place, (map, _)) in form.maps.enumerated() {
            let lengths = layouts.map { $0.parts[place].tokens }
            let (longest, width) = (lengths.max() ?? 0, form.width)
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
            memory.maps[map] = .init(values: Variable(constant: values), lengths: lengths)
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

        var precision: FeaturePrecision
        var parts: [Part] = []

        /// Nil when the bytes are something else.
        init?(_ bytes: [UInt8], _ form: Form) {
            let headerSize = 5 + 5 * form.maps.count
            guard bytes.count >= headerSize, bytes.starts(with: magic), (1...version).contains(bytes[2]),
                let precision = FeaturePrecision.allCases.first(where: { $0.bits == Int(bytes[3]) }),
                Int(bytes[4]) == form.maps.count
            else { return nil }
            self.precision = precision
            var offset = headerSize
            for (place, (map, limit)) in form.maps.enumerated() {
                let entry = bytes[(5 + 5 * place)..<(10 + 5 * place)]
                let number = { (at: Int) in
                    Int(entry[entry.startIndex + at]) | Int(entry[entry.startIndex + at + 1]) << 8
                }
                let (tokens, width) = (number(1), number(3))
                guard entry.first.map({ Int($0) }) == (bytes[2] == 1 ? 5 - map : map),
                    width == form.width, (1...limit).contains(tokens)
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

extension SlowConfiguration {
    /// The form of the memories that such a model makes.
    package var memoryForm: ClipMemory.Form {
        ClipMemory.Form(
            width: memoryWidth,
            // Those that layers read.
            maps: Set(layers).sorted().map { map in
                (map, max(maps[map].positions, frames * maps[map].pooledPositions))
            })
    }
}

extension FeaturePrecision {
    /// Bits of a stored integer.
    fileprivate var bits: Int { self == .full ? 8 : 3 }

    /// Bytes of a token's integers.
    fileprivate func bytes(width: Int) -> Int { (width * bits + 7) / 8 }
}
