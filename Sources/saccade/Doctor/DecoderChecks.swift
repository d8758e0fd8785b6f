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
        guard let answer = ask(decoder, "--codecs") else {
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
        return findings + [confinement(ask(decoder, "--confinement") ?? "")]
    }

    /// - Parameter answer: the worker's, which was confined when it gave it.
    static func confinement(_ answer: String) -> Finding {
        let words = answer.split(separator: "\n").map { $0.split(separator: " ") }.filter { $0.count == 2 }
        func layer(_ name: String) -> Substring? { words.first { $0[0] == name && $0[1] != "no" }?[1] }
        let layers = [
            layer("seccomp").map { _ in "system calls (seccomp)" }, layer("landlock").map { "paths (Landlock \($0))" },
        ].compactMap { $0 }
        guard layer("seccomp") != nil else {
            return .notice(
                "sandbox",
                layers.isEmpty
                    ? "decode workers are limited, not confined" : "decode workers are kept from \(layers[0])",
                do:
                    "A file that takes over a decoder can do more than compute. This kernel, or the container around it, filters no system "
                    + "calls: let it have CONFIG_SECCOMP_FILTER, and no filter that forbids prctl."
            )
        }
        guard layer("landlock") != nil else {
            return .notice(
                "sandbox", "decode workers are kept from \(layers[0]); Landlock is missing",
                do:
                    "Nothing has to be done: the filter of system calls opens no path either. Linux 5.13 with \"landlock\" in its lsm= "
                    + "has a second layer."
            )
        }
        return .good("sandbox", "decode workers are kept from \(layers.joined(separator: " and "))")
    }

    private static func ask(_ decoder: FilePath, _ question: String) -> String? {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: decoder.string)
        process.arguments = [question]
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
