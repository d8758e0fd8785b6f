import DecodeProtocol

extension LoadedModel {
    /// Frames that the model encodes in a second on this machine, measured within a few seconds. Blocking.
    package func measuredFramesPerSecond() throws -> Double {
        let side = clips.input.geometry.side
        // Numbers without a pattern: of one colour, attention would be trivial.
        var random: UInt32 = 1
        let pixels = (0..<side * side * 3).map { _ in
            random = random &* 1_664_525 &+ 1_013_904_223
            return UInt8(random >> 24)
        }
        let frame = RGBImage(width: side, height: side, pixels: pixels)
        func seconds(_ count: Int) throws -> Double {
            let start = ContinuousClock.now
            _ = try clips.encode(clips: [[RGBImage]](repeating: [frame], count: count))
            return max((ContinuousClock.now - start) / .seconds(1), 1e-9)
        }
        let one = try seconds(1)
        let count = max(1, min(16, Int(2 / one)))
        return Double(count) / (try seconds(count))
    }
}
