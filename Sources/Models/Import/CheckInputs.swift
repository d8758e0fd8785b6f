import Foundation
import Tensors

/// What an import encodes to see what packed weights lose. The program has no photographs: the pictures are drawn, from smooth fields of colour
/// to noise, so that what counts as much as the numbers is that they differ.
enum CheckInputs {
    static let sentences = [
        "a dog", "sunset", "a man playing the guitar", "two dogs run on the beach and one of them falls into the water",
        "red car at night", "somebody is cooking pasta in a small kitchen", "children playing football in the rain",
        "a close-up of hands typing on a keyboard", "aerial view of a city with tall buildings next to a river",
        "an old woman laughs", "text on a screen", "the band walks off the stage while the crowd is still clapping",
        "snow", "a cat is sleeping on a chair", "a horse jumps over a fence",
        "people waiting for a train, black and white",
    ]

    /// - Parameter side: of the pictures, in pixels.
    static func pictures(side: Int) -> [RGBImage] {
        var random = SplitMix64(seed: 1)
        func number(_ range: ClosedRange<Float>) -> Float {
            range.lowerBound + Float(random.next() >> 40) / 0x1p24 * (range.upperBound - range.lowerBound)
        }
        return (0..<8).map { picture in
            // Waves over the picture, of a colour each, then a disc, then noise.
            let waves = (0..<3).map { _ in
                (
                    x: number(-20...20), y: number(-20...20), phase: number(0...6.3),
                    colour: SIMD3(number(-70...70), number(-70...70), number(-70...70))
                )
            }
            let (centre, radius) = ((x: number(0.2...0.8), y: number(0.2...0.8)), number(0.1...0.4))
            let disc = SIMD3(number(0...255), number(0...255), number(0...255))
            let noise = Float(picture * picture) * 2
            var pixels: [UInt8] = []
            pixels.reserveCapacity(side * side * 3)
            for row in 0..<side {
                for column in 0..<side {
                    let (x, y) = (Float(column) / Float(side), Float(row) / Float(side))
                    var colour = SIMD3<Float>(repeating: 128)
                    for wave in waves { colour += wave.colour * sin(wave.x * x + wave.y * y + wave.phase) }
                    if hypot(x - centre.x, y - centre.y) < radius { colour = disc }
                    for channel in 0..<3 {
                        pixels.append(UInt8(max(0, min(255, colour[channel] + number(-noise...noise)))))
                    }
                }
            }
            return RGBImage(width: side, height: side, pixels: pixels)
        }
    }
}
