import Foundation
import Models
import Terminal
import Testing

struct TerminalPictureTests {
    /// The left half red, the right half blue.
    private let flag = RGBImage(
        width: 8, height: 8, pixels: (0..<64).flatMap { $0 % 8 < 4 ? [255, 0, 0] : [0, 0, 255] as [UInt8] })

    private func text(_ format: PictureFormat, aspect: Double = 2, rows: Int = 3) -> String {
        TerminalPicture(flag, aspect: aspect, rows: rows, cell: (10, 20)).text(as: format)
    }

    @Test func `kitty gets the pixels in base64, and how many cells they take`() throws {
        let large = RGBImage(width: 64, height: 64, pixels: (0..<64 * 64 * 3).map { UInt8($0 % 251) })
        let text = TerminalPicture(large, aspect: 2, rows: 4, cell: (10, 20)).text(as: .kitty)
        #expect(text.hasPrefix("\u{1B}_Ga=T,q=2,f=24,s=64,v=64,c=16,r=4,m=1;"))
        let pieces = text.components(separatedBy: "\u{1B}_G").dropFirst()
        #expect(
            pieces.count == 4 && pieces.dropLast().allSatisfy { $0.contains("m=1;") }
                && pieces.last?.contains("m=0;") == true)
        let data = pieces.map { $0.split(separator: ";")[1].prefix { $0 != "\u{1B}" } }
        #expect(data.allSatisfy { $0.utf8.count <= 4096 })
        #expect(Data(base64Encoded: data.joined()).map(Array.init) == large.pixels)
    }

    /// The colours of a sixel bitmap's pixels, by column and row.
    private func decoded(_ text: String) -> [[Int]: Int] {
        var pixels: [[Int]: Int] = [:]
        let body = text.components(separatedBy: "\u{1B}Pq")[1].components(separatedBy: "\u{1B}\\")[0]
        let signs = Array(body.utf8)
        var (at, column, band, colour) = (0, 0, 0, 0)
        func number() -> Int {
            var value = 0
            while at < signs.count, (48...57).contains(signs[at]) {
                value = value * 10 + Int(signs[at] - 48)
                at += 1
            }
            return value
        }
        while at < signs.count {
            let sign = signs[at]
            at += 1
            var count = 1
            switch sign {
            case UInt8(ascii: "\""), UInt8(ascii: ";"): _ = number()
            case UInt8(ascii: "#"): colour = number()
            case UInt8(ascii: "$"): column = 0
            case UInt8(ascii: "-"): (column, band) = (0, band + 6)
            case UInt8(ascii: "!"):
                count = number()
                fallthrough
            default:
                let bits = (sign == UInt8(ascii: "!") ? signs[at] : sign) - 63
                if sign == UInt8(ascii: "!") { at += 1 }
                for place in column..<column + count {
                    for row in 0..<6 where bits & 1 << UInt8(row) != 0 { pixels[[place, band + row]] = colour }
                }
                column += count
            }
        }
        return pixels
    }

    @Test(arguments: [(1.0, 1), (2.0, 3), (0.5, 2)])
    func `sixel has each pixel once, in the nearest colours`(aspect: Double, rows: Int) {
        let text = text(.sixel, aspect: aspect, rows: rows)
        let (width, height) = (Int((Double(rows) * 2 * aspect).rounded()) * 10, rows * 20)
        #expect(text.hasPrefix("\u{1B}Pq\"1;1;\(width);\(height)#0;2;0;0;0"))
        let pixels = decoded(text)
        #expect(pixels.count == width * height)
        #expect(pixels[[0, 0]] == 180 && pixels[[width - 1, height - 1]] == 5)
    }

    @Test func `blocks have two pixels a character, and give the colours back`() {
        let lines = text(.blocks).split(separator: "\n")
        #expect(lines.count == 3)
        for line in lines {
            #expect(line.filter { $0 == "▀" }.count == 12)
            #expect(line.hasPrefix("\u{1B}[38;2;255;0;0m\u{1B}[48;2;255;0;0m▀") && line.hasSuffix("\u{1B}[0m"))
            #expect(line.contains("38;2;0;0;255"))
        }
    }

    @Test(arguments: [Double.nan, .infinity, 0, -1, 1e9, 1e-9])
    func `no shape makes a picture without end`(aspect: Double) {
        for format in PictureFormat.allCases {
            #expect((1..<200_000).contains(text(format, aspect: aspect, rows: 2).utf8.count))
        }
    }

    @Test(arguments: [
        (["TERM": "xterm-kitty"], PictureFormat.kitty), (["TERM_PROGRAM": "WezTerm"], .kitty),
        (["TERM": "foot"], .sixel),
        (["TERM": "xterm-kitty", "TMUX": "x"], .blocks), (["TERM": "xterm-256color"], nil), ([:], nil),
    ])
    func `a terminal says of itself what it shows`(environment: [String: String], format: PictureFormat?) {
        #expect(PictureFormat.known(to: environment) == format)
    }

    @Test(arguments: [
        ("\u{1B}[?62;4;22c", true), ("\u{1B}[?4;6c", false), ("\u{1B}[?62;22c", false), ("\u{1B}[?65;1;4c", true),
        ("", false),
        ("4c", false), ("\u{1B}[?62;4", false),
    ])
    func `sixel is an attribute that a terminal names`(answer: String, isNamed: Bool) {
        #expect(PictureFormat.namesSixel(answer.utf8) == isNamed)
    }
}
