import Foundation
import SystemPackage

/// The decode worker and what its FFmpeg can read.
enum DecoderChecks {
    static func all(decoder: FilePath) -> [Finding] {
        guard FileManager.default.isExecutableFile(atPath: decoder.string) else {
            return [
                .wrong(
                    "decoder", "no program at \(decoder)",
                    do:
                        "Install Saccade as a whole (make install), or name the worker with `decoder` in the configuration."
                )
            ]
        }
        guard let answer = ask(decoder) else {
            return [
                .wrong(
                    "decoder", "\(decoder) doesn't start",
                    do: "Run it with --codecs to see why; most often an FFmpeg library is missing."
                )
            ]
        }
        let words = answer.split(separator: "\n").map { $0.split(separator: " ") }.filter { $0.count == 2 }
        let missing = words.filter { $0[0] == "no" }.map { String($0[1]) }
        let present = words.filter { $0[0] == "yes" }.map { String($0[1]) }
        var findings: [Finding] = [.good("decoder", decoder.string)]
        findings.append(
            missing.isEmpty
                ? .good("codecs", present.joined(separator: ", "))
                : .notice(
                    "codecs", "no decoder for \(missing.joined(separator: ", "))",
                    do: "Files with these codecs can't be indexed: install an FFmpeg that has them."
                )
        )
        return findings
    }

    private static func ask(_ decoder: FilePath) -> String? {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: decoder.string)
        process.arguments = ["--codecs"]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return nil }
        let data = (try? output.fileHandleForReading.readToEnd()) ?? Data()
        process.waitUntilExit()
        return process.terminationStatus == 0 ? String(decoding: data, as: UTF8.self) : nil
    }
}
