import Foundation
import SystemPackage

/// Reads the annotation files of ``CaptionedDataset``; every mistake names its place.
struct AnnotationReader {
    let path: FilePath
    let folder: FilePath

    private static let videoExtensions = ["mp4", "mkv", "webm", "avi", "mov", "m4v"]

    func guessFormat(_ data: Data) -> CaptionedDataset.Format {
        let first = data.first { !" \t\r\n".utf8.contains($0) }
        if first == UInt8(ascii: "[") { return .vatex }
        struct Probe: Decodable { var images: [Empty]? }
        struct Empty: Decodable {}
        if (try? JSONDecoder().decode(Probe.self, from: data))?.images != nil { return .karpathy }
        return .lines
    }

    func lines(_ data: Data) throws -> [CaptionedItem] {
        struct Line: Decodable {
            var id: String
            var frames: [String]?
            var file: String?
            var captions: [String]
        }
        var items: [CaptionedItem] = []
        for (index, line) in data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            if line.allSatisfy({ " \t\r".utf8.contains($0) }) { continue }
            let place = "\(path):\(index + 1)"
            let decoded: Line = try decode(line, place: place, shape: "{\"id\", \"frames\" or \"file\", \"captions\"}")
            let source: CaptionedItem.Source
            switch (decoded.frames, decoded.file) {
            case (let frames?, nil) where !frames.isEmpty: source = .frames(frames.map(absolute))
            case (nil, let file?): source = .file(absolute(file), span: nil)
            default: throw DatasetError("\(place): an item wants either \"frames\" (not empty) or \"file\"")
            }
            items.append(CaptionedItem(id: decoded.id, source: source, captions: decoded.captions))
        }
        return items
    }

    func vatex(_ data: Data) throws -> [CaptionedItem] {
        struct Video: Decodable {
            var videoID: String
            var enCap: [String]
        }
        let videos: [Video] = try decode(data, place: "\(path)", shape: "an array of {\"videoID\", \"enCap\"}")
        return videos.map { video in
            CaptionedItem(id: video.videoID, source: vatexSource(video.videoID), captions: video.enCap)
        }
    }

    /// A VATEX id is `KEY_START_END`: people keep the cut clip as `KEY_START_END.mp4`, or the whole video as `KEY.mp4`.
    private func vatexSource(_ id: String) -> CaptionedItem.Source {
        if let clip = existing(id) { return .file(clip, span: nil) }
        let parts = id.split(separator: "_", omittingEmptySubsequences: false)
        if parts.count >= 3, let start = Double(parts[parts.count - 2]), let end = Double(parts[parts.count - 1]),
            start < end, let whole = existing(parts.dropLast(2).joined(separator: "_"))
        {
            return .file(whole, span: start...end)
        }
        return .file(folder.appending(id + ".mp4"), span: nil)
    }

    private func existing(_ stem: String) -> FilePath? {
        Self.videoExtensions.lazy.map { folder.appending("\(stem).\($0)") }
            .first { FileManager.default.fileExists(atPath: $0.string) }
    }

    func karpathy(_ data: Data, split: String) throws -> [CaptionedItem] {
        struct Document: Decodable { var images: [Image] }
        struct Image: Decodable {
            var filename: String
            var filepath: String?
            var split: String
            var sentences: [Sentence]
        }
        struct Sentence: Decodable { var raw: String }
        let document: Document = try decode(
            data, place: "\(path)", shape: "{\"images\": [{\"filename\", \"split\", \"sentences\": [{\"raw\"}]}]}")
        let splits = split == "train" ? ["train", "restval"] : [split]
        return document.images.filter { splits.contains($0.split) }.map { image in
            let relative = image.filepath.map { $0 + "/" + image.filename } ?? image.filename
            return CaptionedItem(
                id: image.filename, source: .frames([absolute(relative)]), captions: image.sentences.map(\.raw))
        }
    }

    private func absolute(_ name: String) -> FilePath {
        folder.pushing(FilePath(name))
    }

    private func decode<Value: Decodable>(_ data: Data, place: String, shape: String) throws -> Value {
        do {
            return try JSONDecoder().decode(Value.self, from: data)
        } catch {
            throw DatasetError("\(place): isn't \(shape); \(Self.reason(error))")
        }
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case DecodingError.keyNotFound(let key, _): "the key \"\(key.stringValue)\" is missing"
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
            "\"\(context.codingPath.map(\.stringValue).joined(separator: "."))\" has the wrong type"
        default: "it isn't valid JSON"
        }
    }
}
