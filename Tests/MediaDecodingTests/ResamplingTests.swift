import CKernels
import Foundation
import Testing

@Suite struct ResamplingTests {
    @Test func `Pictures of any size are resampled as by Pillow, to the last bit`() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/resampled.txt")
        let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 20)
        for line in lines {
            let columns = line.split(separator: " ")
            let sizes = try columns[1...4].map { try #require(Int($0)) }
            let pixels = resampled(
                picture(width: sizes[0], height: sizes[1]), width: sizes[0], height: sizes[1], columns: sizes[2],
                rows: sizes[3], isCubic: columns[0] == "bicubic")
            let digest = pixels.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
            #expect(UInt64(columns[5], radix: 16) == digest, "\(line)")
        }
    }

    @Test(arguments: [true, false])
    func `A picture of one colour keeps it`(isCubic: Bool) {
        let grey = [UInt8](repeating: 200, count: 3 * 31 * 17)
        let pixels = resampled(grey, width: 31, height: 17, columns: 9, rows: 40, isCubic: isCubic)
        #expect(pixels == [UInt8](repeating: 200, count: 3 * 9 * 40))
    }

    private func resampled(
        _ input: [UInt8], width: Int, height: Int, columns: Int, rows: Int, isCubic: Bool
    ) -> [UInt8] {
        var output = [UInt8](repeating: 0, count: columns * rows * 3)
        let done = saccade_resample_rgb_u8(
            input, Int32(width), Int32(height), &output, Int32(columns), Int32(rows), isCubic ? 1 : 0)
        #expect(done == 1)
        return output
    }

    /// As in Fixtures/make_resampled.py.
    private func picture(width: Int, height: Int) -> [UInt8] {
        var state = UInt64(width)
        return (0..<width * height * 3).map { _ in
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return UInt8(truncatingIfNeeded: z ^ (z >> 31))
        }
    }
}
