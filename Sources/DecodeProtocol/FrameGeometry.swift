/// How a picture becomes the square that a model sees.
package struct FrameGeometry: Sendable, Equatable, Hashable {
    /// What becomes of a picture that is no square.
    package enum Fit: UInt8, Sendable, CaseIterable {
        /// The whole picture is squashed into the square.
        case squash = 0
        /// The shorter side, as it is displayed, is scaled to the square's, and what stands out at both ends of the
        /// longer one is cut off: the centre crop of CLIP's preprocessing (Radford et al.: "Learning transferable
        /// visual models from natural language supervision", 2021).
        case cover = 1
    }

    /// What a pixel of the square is the mean of.
    package enum Filter: UInt8, Sendable, CaseIterable {
        /// The source pixels that it covers, each by its share.
        case area = 0
        /// A triangle of twice the covered size.
        case bilinear = 1
        /// Bicubic over the whole covered area, which smooths when it shrinks.
        case bicubic = 2
        /// As ``bilinear``, of red, green and blue, and to the last bit as Pillow does it: the preprocessing of published models is
        /// defined by that. It costs the conversion of the whole picture.
        case pillowBilinear = 3
        /// As ``bicubic``, and like Pillow's.
        case pillowBicubic = 4
    }

    /// Pixels, 1 ... `DecodeLimits.frameSize`.
    package var side: Int
    package var fit: Fit
    package var filter: Filter

    package init(side: Int, fit: Fit = .squash, filter: Filter = .bicubic) {
        self.side = side
        self.fit = fit
        self.filter = filter
    }
}
