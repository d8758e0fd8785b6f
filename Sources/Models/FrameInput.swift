package import DecodeProtocol

/// The pictures that a model takes: how frames are brought to them, and what their numbers stand for.
package struct FrameInput: Sendable, Equatable {
    package var geometry: FrameGeometry
    /// An 8-bit value v of red, green, blue enters the model as (v − mean) / deviation.
    package var mean: SIMD3<Float>
    package var deviation: SIMD3<Float>

    package init(geometry: FrameGeometry, mean: SIMD3<Float>, deviation: SIMD3<Float>) {
        self.geometry = geometry
        self.mean = mean
        self.deviation = deviation
    }

    /// - Throws: ``ModelError`` `input` when a picture isn't a square of the wanted side.
    package func require(_ images: some Sequence<RGBImage>) throws(ModelError) {
        let side = geometry.side
        for image in images where image.width != side || image.height != side {
            throw ModelError(
                .input,
                "a frame of \(image.width)×\(image.height) pixels can't be used: the model wants \(side)×\(side)")
        }
    }
}
