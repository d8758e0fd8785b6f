/// One of the eight ways in which a picture can lie, from a display matrix; other angles are taken for the nearest.
struct Orientation: Equatable {
    /// Rows become columns.
    var transposes = false
    /// After that, columns and rows are mirrored.
    var mirrorsColumns = false
    var mirrorsRows = false

    static let upright = Orientation()

    init() {}

    /// - Parameter matrix: the nine 16.16 fixed-point numbers of ISO/IEC 14496-12, 8.3.2, with x' = a·x + c·y and
    ///   y' = b·x + d·y for a, b, c, d at places 0, 1, 3, 4.
    init(displayMatrix matrix: [Int32]) {
        guard matrix.count >= 5 else { return }
        let (a, b, c, d) = (Int64(matrix[0]), Int64(matrix[1]), Int64(matrix[3]), Int64(matrix[4]))
        transposes = abs(b) + abs(c) > abs(a) + abs(d)
        mirrorsColumns = transposes ? c < 0 : a < 0
        mirrorsRows = transposes ? b < 0 : d < 0
    }

    /// The quarter turns, clockwise in degrees, that this is without its mirror image.
    var rotation: Int {
        switch (transposes, mirrorsColumns, mirrorsRows) {
        case (false, true, true), (false, false, true): 180
        case (true, true, _): 90
        case (true, false, _): 270
        case (false, _, false): 0
        }
    }

    /// Turns an RGB picture.
    /// - Parameters:
    ///   - pixels: `height` × `width` × 3 bytes.
    /// - Returns: the turned picture, `width` × `height` × 3 when `transposes`, else of the same shape.
    func apply(to pixels: [UInt8], width: Int, height: Int) -> [UInt8] {
        guard self != .upright else { return pixels }
        let (outWidth, outHeight) = transposes ? (height, width) : (width, height)
        return unsafe [UInt8](unsafeUninitializedCapacity: pixels.count) { turned, count in
            unsafe pixels.withUnsafeBufferPointer { pixels in
                for row in 0..<outHeight {
                    let mirroredRow = mirrorsRows ? outHeight - 1 - row : row
                    for column in 0..<outWidth {
                        let mirroredColumn = mirrorsColumns ? outWidth - 1 - column : column
                        let (x, y) = transposes ? (mirroredRow, mirroredColumn) : (mirroredColumn, mirroredRow)
                        let from = (y * width + x) * 3
                        let to = (row * outWidth + column) * 3
                        unsafe turned[to] = unsafe pixels[from]
                        unsafe turned[to + 1] = unsafe pixels[from + 1]
                        unsafe turned[to + 2] = unsafe pixels[from + 2]
                    }
                }
            }
            count = pixels.count
        }
    }
}
