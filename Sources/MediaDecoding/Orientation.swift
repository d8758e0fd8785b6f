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

    /// Columns and rows of a picture of `width` × `height` px once it is turned.
    func turned(width: Int, height: Int) -> (width: Int, height: Int) {
        transposes ? (height, width) : (width, height)
    }

    /// Turns an RGB picture and cuts a part out of it.
    /// - Parameters:
    ///   - pixels: `height` × `width` × 3 bytes.
    ///   - part: columns and rows of the turned picture; within it.
    ///   - turned: room for `part`, row-major, 3 bytes a pixel.
    func copy(
        _ pixels: UnsafeBufferPointer<UInt8>, width: Int, height: Int, part: PictureScaler.Part,
        to turned: UnsafeMutableBufferPointer<UInt8>
    ) {
        let (outWidth, outHeight) = self.turned(width: width, height: height)
        precondition(
            part.left >= 0 && part.top >= 0 && part.left + part.width <= outWidth && part.top + part.height <= outHeight
                && turned.count >= part.width * part.height * 3 && pixels.count >= width * height * 3)
        // Bytes of the source from one column of the turned picture to the next, and from one row to the next.
        let columnStep = (transposes ? width : 1) * (mirrorsColumns ? -3 : 3)
        let rowStep = (transposes ? 1 : width) * (mirrorsRows ? -3 : 3)
        let first =
            (mirrorsColumns ? (outWidth - 1 - part.left) * -columnStep : part.left * columnStep)
            + (mirrorsRows ? (outHeight - 1 - part.top) * -rowStep : part.top * rowStep)
        for row in 0..<part.height {
            var from = first + row * rowStep
            var to = row * part.width * 3
            if columnStep == 3 {
                let line = unsafe UnsafeBufferPointer(rebasing: pixels[from..<from + part.width * 3])
                _ = unsafe UnsafeMutableBufferPointer(rebasing: turned[to...]).update(fromContentsOf: line)
                continue
            }
            for _ in 0..<part.width {
                unsafe turned[to] = unsafe pixels[from]
                unsafe turned[to + 1] = unsafe pixels[from + 1]
                unsafe turned[to + 2] = unsafe pixels[from + 2]
                from += columnStep
                to += 3
            }
        }
    }
}
