internal import Foundation
package import Models

/// A picture as text that a terminal turns back into a picture.
package struct TerminalPicture: Sendable {
    private let image: RGBImage
    /// In characters.
    private let columns: Int
    private let rows: Int
    private let cell: (width: Int, height: Int)

    /// - Parameters:
    ///   - image: squeezed into whatever shape.
    ///   - aspect: width by height of what it shows, more than 0.
    ///   - rows: its height in lines of text.
    ///   - cell: pixels of one character.
    package init(_ image: RGBImage, aspect: Double, rows: Int, cell: (width: Int, height: Int)) {
        self.image = image
        self.rows = max(1, rows)
        self.cell = cell
        let aspect = aspect.isFinite && aspect > 0 ? min(8, max(0.125, aspect)) : 1
        columns = max(1, Int((Double(self.rows * cell.height) * aspect / Double(max(1, cell.width))).rounded()))
    }

    /// The bytes that show it, the cursor then being at the start of the line below.
    package func text(as format: PictureFormat) -> String {
        switch format {
        case .kitty: kitty
        case .sixel: sixel
        case .blocks: blocks
        }
    }

    /// The mean colour of a part of the picture, from and to in shares of its width and height.
    private func colour(_ x: (Double, Double), _ y: (Double, Double)) -> (red: Int, green: Int, blue: Int) {
        let columns = Self.places(x, of: image.width)
        let rows = Self.places(y, of: image.height)
        var sum = (0, 0, 0)
        for row in rows {
            for column in columns {
                let at = (row * image.width + column) * 3
                sum.0 += Int(image.pixels[at])
                sum.1 += Int(image.pixels[at + 1])
                sum.2 += Int(image.pixels[at + 2])
            }
        }
        let count = rows.count * columns.count
        return (sum.0 / count, sum.1 / count, sum.2 / count)
    }

    private static func places(_ range: (Double, Double), of count: Int) -> Range<Int> {
        let start = min(count - 1, Int(range.0 * Double(count)))
        return start..<max(start + 1, min(count, Int(range.1 * Double(count))))
    }

    /// 24-bit pixels in base64, in pieces of at most 4,096 characters; the terminal scales them to the cells.
    private var kitty: String {
        let encoded = Array(Data(image.pixels).base64EncodedString().utf8)
        var text = ""
        var start = 0
        while start < encoded.count {
            let end = min(start + 4096, encoded.count)
            let first =
                start == 0 ? "a=T,q=2,f=24,s=\(image.width),v=\(image.height),c=\(columns),r=\(rows)," : ""
            text += "\u{1B}_G\(first)m=\(end < encoded.count ? 1 : 0);"
            text += String(decoding: encoded[start..<end], as: UTF8.self) + "\u{1B}\\"
            start = end
        }
        return text + "\n"
    }

    /// Bands of six rows; in each, for every colour of a cube of 6 × 6 × 6 that occurs, which pixels have it, runs counted.
    private var sixel: String {
        let (width, height) = (columns * cell.width, rows * cell.height)
        var text = "\u{1B}Pq\"1;1;\(width);\(height)"
        for colour in 0..<216 {
            text += "#\(colour);2;\(colour / 36 * 20);\(colour / 6 % 6 * 20);\(colour % 6 * 20)"
        }
        for top in stride(from: 0, to: height, by: 6) {
            var bits: [Int: [UInt8]] = [:]
            for row in top..<min(top + 6, height) {
                for column in 0..<width {
                    let found = cube(column, row, width, height)
                    bits[found, default: [UInt8](repeating: 0, count: width)][column] |= 1 << UInt8(row - top)
                }
            }
            for (colour, columns) in bits.sorted(by: { $0.key < $1.key }) {
                text += "#\(colour)" + Self.runs(columns) + "$"
            }
            text += "-"
        }
        return text + "\u{1B}\\\n"
    }

    /// The colour of the cube for a pixel, ordered dithering making up for what lies between (Bayer, 1973).
    private func cube(_ column: Int, _ row: Int, _ width: Int, _ height: Int) -> Int {
        let (x, y) = (Double(column), Double(row))
        let found = colour(
            (x / Double(width), (x + 1) / Double(width)), (y / Double(height), (y + 1) / Double(height)))
        let bayer = [0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5][row % 4 * 4 + column % 4]
        let shift = (Double(bayer) + 0.5) / 16
        func step(_ value: Int) -> Int { min(5, Int(Double(value) / 51 + shift)) }
        return step(found.red) * 36 + step(found.green) * 6 + step(found.blue)
    }

    private static func runs(_ columns: [UInt8]) -> String {
        var text = ""
        var start = 0
        while start < columns.count {
            var end = start + 1
            while end < columns.count, columns[end] == columns[start] { end += 1 }
            let sign = String(Unicode.Scalar(63 + columns[start]))
            text += end - start > 3 ? "!\(end - start)\(sign)" : String(repeating: sign, count: end - start)
            start = end
        }
        return text
    }

    /// Two pixels a character, one above the other.
    private var blocks: String {
        var text = ""
        for row in 0..<rows {
            for column in 0..<columns {
                let x = (Double(column) / Double(columns), Double(column + 1) / Double(columns))
                let halves = [0, 1].map { half -> (red: Int, green: Int, blue: Int) in
                    let y = Double(2 * row + half) / Double(2 * rows)
                    return colour(x, (y, y + 0.5 / Double(rows)))
                }
                let (upper, lower) = (halves[0], halves[1])
                text += "\u{1B}[38;2;\(upper.red);\(upper.green);\(upper.blue)m"
                text += "\u{1B}[48;2;\(lower.red);\(lower.green);\(lower.blue)m▀"
            }
            text += "\u{1B}[0m\n"
        }
        return text
    }
}
