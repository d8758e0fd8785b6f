import CFFmpeg
import Synchronization

/// Keeps the last lines that FFmpeg logged for the request at hand, for the reason of its failure. Nothing is printed.
final class FFmpegLog: Sendable {
    static let shared = FFmpegLog()

    private static let keptLines = 3
    private let lines = Mutex<[String]>([])

    private init() {}

    /// Makes FFmpeg log here. For the whole process.
    func install() {
        av_log_set_level(AV_LOG_ERROR)
        unsafe av_log_set_callback { source, level, format, arguments in
            guard level <= AV_LOG_ERROR, let format = unsafe format, let arguments = unsafe arguments else { return }
            var line = [CChar](repeating: 0, count: 512)
            var printsPrefix: Int32 = 1
            unsafe av_log_format_line2(source, level, format, arguments, &line, Int32(line.count), &printsPrefix)
            let end = line.firstIndex(of: 0) ?? line.endIndex
            FFmpegLog.shared.add(String(decoding: line[..<end].map(UInt8.init(bitPattern:)), as: UTF8.self))
        }
    }

    func clear() {
        lines.withLock { $0.removeAll() }
    }

    /// `message`, with what FFmpeg last had to say.
    func explain(_ message: String) -> String {
        let kept = lines.withLock { $0 }
        return kept.isEmpty ? message : "\(message) FFmpeg says: \(kept.joined(separator: "; "))"
    }

    /// The name of the container that was recognised and isn't allowed.
    var refusedFormat: String? {
        lines.withLock { lines in
            guard let line = lines.last(where: { $0.contains("not on whitelist") }), line.first == "[" else {
                return nil
            }
            return String(line.dropFirst().prefix { $0 != "]" })
        }
    }

    /// The size (pixels) of a picture that FFmpeg refused for its size.
    var refusedSize: (width: Int, height: Int)? {
        lines.withLock { lines in
            for line in lines.reversed() {
                if let match = line.firstMatch(of: /Picture size (\d+)x(\d+) (?:is invalid|exceeds)/),
                    let width = Int(match.1), let height = Int(match.2)
                {
                    return (width, height)
                }
            }
            return nil
        }
    }

    private func add(_ line: String) {
        // A line begins with the address of its source, "[h264 @ 0x55d0c8a3f2c0]", which means nothing to anyone.
        var text = line.split(whereSeparator: \.isNewline).joined(separator: " ")
        if text.first == "[", let close = text.firstIndex(of: "]"), let at = text[..<close].firstRange(of: " @ ") {
            text.replaceSubrange(at.lowerBound..<close, with: "")
        }
        guard !text.isEmpty else { return }
        lines.withLock { lines in
            guard lines.last != text else { return }
            if lines.count == Self.keptLines { lines.removeFirst() }
            lines.append(text)
        }
    }
}
