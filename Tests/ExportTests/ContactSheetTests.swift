import Export
import Foundation
import SystemPackage
import TestSupport
import Testing

/// Contact sheets, composed by the real program.
@Suite struct ContactSheetTests {
    private let home = Result { try TemporaryDirectory() }

    private func picture(_ size: String) async throws -> [UInt8] {
        let path = try home.get().path.appending("\(UUID().uuidString).jpg")
        try await TestVideo.ffmpeg(["-f", "lavfi", "-i", "testsrc=s=\(size)", "-frames:v", "1", path.string])
        return [UInt8](try Data(contentsOf: URL(filePath: path.string)))
    }

    /// `width,height` of a file.
    private func size(_ path: FilePath) async throws -> String {
        let text = try await TestVideo.run(
            "ffprobe", ["-v", "error", "-show_entries", "stream=width,height", "-of", "csv=p=0", path.string])
        return String(decoding: text, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// The mean brightness of 16 × 16 pixels, 0 to 255.
    private func brightness(_ path: FilePath, x: Int, y: Int) async throws -> Int {
        let pixels = try await TestVideo.run(
            "ffmpeg",
            [
                "-v", "error", "-i", path.string, "-vf", "crop=16:16:\(x):\(y)", "-f", "rawvideo", "-pix_fmt", "gray",
                "-",
            ])
        return pixels.reduce(0) { $0 + Int($1) } / max(1, pixels.count)
    }

    @Test(arguments: [(1, 4, 1, 1), (4, 4, 1, 4), (5, 2, 3, 2), (3, 1, 3, 1)])
    func `Pictures stand row by row`(count: Int, wanted: Int, rows: Int, columns: Int) async throws {
        let one = try await picture("320x180")
        let output = try home.get().path.appending("sheet.jpg")
        let shape = try ContactSheet().write([[UInt8]?](repeating: one, count: count), columns: wanted, to: output)
        #expect(shape.rows == rows && shape.columns == columns)
        #expect(try await size(output) == "\(328 * columns + 8),\(188 * rows + 8)")
    }

    @Test func `Every shape of picture has its place, in order, and one that is missing leaves it grey`() async throws {
        let output = try home.get().path.appending("sheet.jpg")
        let white = try home.get().path.appending("white.jpg")
        try await TestVideo.ffmpeg(["-f", "lavfi", "-i", "color=white:s=90x160", "-frames:v", "1", white.string])
        let tall = [UInt8](try Data(contentsOf: URL(filePath: white.string)))
        let shape = try await ContactSheet().write([tall, nil, picture("400x90"), tall], columns: 2, to: output)
        #expect(shape.rows == 2)
        // The middle of a tall picture, and the bar beside it.
        #expect(try await brightness(output, x: 160, y: 90) > 240)
        #expect(try await brightness(output, x: 20, y: 90) < 60)
        let grey = try await brightness(output, x: 336 + 150, y: 90)
        #expect((55...80).contains(grey))
        #expect(try await brightness(output, x: 336 + 150, y: 196 + 90) > 240)
    }

    @Test func `As many as there may be`() async throws {
        let one = try await picture("64x36")
        let output = try home.get().path.appending("sheet.jpeg")
        let pictures = [[UInt8]?](repeating: one, count: ContactSheet.maximumPictures)
        #expect(try ContactSheet().write(pictures, columns: 20, to: output).rows == 10)
        #expect(try await size(output) == "6568,1888")
    }

    @Test func `What can't be written is refused with what to do, and leaves nothing`() async throws {
        let folder = try home.get().path
        let one = try await picture("64x36")
        let before = try FileManager.default.contentsOfDirectory(atPath: folder.string).count
        for (picture, name, words) in [
            (one, "sheet.png", ".jpg"), (one, "sheet", ".jpg"), (one, "none/sheet.jpg", "could not write"),
            ([1, 2, 3], "sheet.jpg", "could not write"), ([], "sheet.jpg", "could not write"),
        ] {
            let error = #expect(throws: CutError.self) {
                try ContactSheet().write([picture], columns: 1, to: folder.appending(name))
            }
            #expect(error?.message.contains(words) == true, "\(name): \(error?.message ?? "")")
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.string).count == before)
        let output = folder.appending("sheet.jpg")
        _ = try ContactSheet().write([one], columns: 1, to: output)
        let taken = #expect(throws: CutError.self) { try ContactSheet().write([one], columns: 1, to: output) }
        #expect(taken?.message.contains("exists") == true)
        let missing = #expect(throws: CutError.self) { try ContactSheet(path: "/nonexistent") }
        #expect(missing?.code == .noProgram)
    }
}
