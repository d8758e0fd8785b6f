import Foundation
package import SystemPackage

#if canImport(Glibc)
    import Glibc
#endif

/// Pictures of moments side by side in one JPEG file, composed by the program `ffmpeg`.
package struct ContactSheet: Sendable {
    /// Pictures at most: each is an input of the program.
    package static let maximumPictures = 200
    package static let columns = 1...20

    /// Pixels of a picture's place; a picture of another shape is shown whole, with bars.
    private static let width = 320
    private static let height = 180
    private static let gap = 8

    private let ffmpeg: MediaProgram

    /// - Parameter path: the folders to look for the program in, as `PATH` has them.
    /// - Throws: ``CutError`` when it isn't installed.
    package init(path: String = MediaProgram.searchPath) throws(CutError) {
        ffmpeg = try MediaProgram("ffmpeg", for: "A contact sheet", path: path)
    }

    /// Refuses a file that can't become a sheet, before anything is asked for.
    ///
    /// - Throws: ``CutError``.
    package static func check(_ output: FilePath) throws(CutError) {
        guard ["jpg", "jpeg"].contains(output.extension?.lowercased()) else {
            throw CutError(.output, "\(output) must end in .jpg: a contact sheet is a JPEG file.")
        }
        guard !FileManager.default.fileExists(atPath: output.string) else {
            throw CutError(.output, "\(output) exists already: name another file, or remove it first.")
        }
    }

    /// Writes the pictures row by row.
    ///
    /// - Parameters:
    ///   - pictures: JPEG files, at least one and at most ``maximumPictures``; nil leaves a place empty.
    ///   - columns: in ``columns``; a last row that isn't full stays so.
    ///   - output: must not exist.
    /// - Returns: rows and columns.
    /// - Throws: ``CutError``; then nothing is left at `output` or beside it.
    package func write(
        _ pictures: [[UInt8]?], columns: Int, to output: FilePath
    ) throws(CutError) -> (rows: Int, columns: Int) {
        precondition((1...Self.maximumPictures).contains(pictures.count) && Self.columns.contains(columns))
        try Self.check(output)
        let columns = min(columns, pictures.count)
        let rows = (pictures.count + columns - 1) / columns
        let folder = FilePath(FileManager.default.temporaryDirectory.path).appending("saccade-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(atPath: folder.string) }
        let part = output.removingLastComponent().appending(".\(output.stem ?? "").\(getpid()).jpg")
        defer { unsafe _ = unlink(part.string) }
        let inputs: [String]
        do {
            inputs = try Self.lay(pictures, in: folder)
        } catch {
            throw CutError(.output, "The pictures can't be written to \(folder): \(error.localizedDescription)")
        }
        let outcome = try ffmpeg.run(
            ["-nostdin"] + MediaProgram.quiet + inputs
                + [
                    "-filter_complex", Self.graph(pictures, columns: columns, rows: rows), "-frames:v", "1", "-update",
                    "1", "-c:v", "mjpeg", "-q:v", "3", "-f", "image2", "-n", "file:" + part.string,
                ])
        guard outcome.status == 0, let written = try? Data(contentsOf: URL(filePath: part.string)),
            written.starts(with: [0xFF, 0xD8]), written.suffix(2) == Data([0xFF, 0xD9])
        else {
            throw CutError(.output, "ffmpeg could not write \(output): \(outcome.complaint)")
        }
        guard unsafe rename(part.string, output.string) == 0 else {
            throw CutError(.output, "\(output) could not be written: \(Errno(rawValue: errno)).")
        }
        return (rows, columns)
    }

    /// - Returns: the arguments that name the files.
    private static func lay(_ pictures: [[UInt8]?], in folder: FilePath) throws -> [String] {
        try FileManager.default.createDirectory(
            atPath: folder.string, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        var arguments: [String] = []
        for (number, picture) in pictures.enumerated() {
            guard let picture else { continue }
            let file = folder.appending("\(number).jpg")
            try Data(picture).write(to: URL(filePath: file.string))
            arguments += ["-f", "image2", "-pattern_type", "none", "-i", "file:" + file.string]
        }
        return arguments
    }

    /// All in places of one size, one after the other, and those as tiles.
    private static func graph(_ pictures: [[UInt8]?], columns: Int, rows: Int) -> String {
        var input = 0
        var graph = ""
        for (number, picture) in pictures.enumerated() {
            if picture == nil {
                graph += "color=c=0x404040:s=\(width)x\(height):r=25,trim=end_frame=1"
            } else {
                graph += "[\(input):v]scale=\(width):\(height):force_original_aspect_ratio=decrease,"
                graph += "pad=\(width):\(height):-1:-1:color=0x202020"
                input += 1
            }
            graph += ",setsar=1,format=yuvj420p[p\(number)];"
        }
        let places = pictures.indices.map { "[p\($0)]" }.joined()
        return graph
            + "\(places)concat=n=\(pictures.count):v=1:a=0,tile=\(columns)x\(rows):padding=\(gap):margin=\(gap):color=0x101010"
    }
}
