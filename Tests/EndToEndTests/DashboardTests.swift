import API
import Foundation
import SystemPackage
import TestSupport
import Testing

/// What is installed for Prometheus and Grafana, beside what a real daemon exports.
@Suite(.timeLimit(.minutes(10))) struct DashboardTests {
    /// A series as an expression names it.
    private struct Selector: Hashable {
        var name: String
        /// `label="value"`.
        var labels: [String]
        /// Labels that are compared in another way.
        var others: [String]
    }

    private static let packaging = FilePath(#filePath).removingLastComponent().appending("../../packaging")

    private static func selectors(in file: String) throws -> Set<Selector> {
        let text = try String(contentsOfFile: packaging.pushing(FilePath(file)).string, encoding: .utf8)
            .replacing("\\\"", with: "\"")
        var found: Set<Selector> = []
        let series = #/\b(?<name>(?:saccade|process)_[a-z_]+)(?:\{(?<labels>[^}]*)\})?/#
        let matcher = #/(?<label>[a-z_]+)(?<how>=~|!~|!=|=)"(?<value>[^"]*)"/#
        for match in text.matches(of: series) {
            var selector = Selector(name: String(match.output.name), labels: [], others: [])
            for part in (match.output.labels ?? "").matches(of: matcher) {
                let label = String(part.output.label)
                // Those Prometheus adds itself.
                if label == "job" || label == "instance" { continue }
                if part.output.how == "=" {
                    selector.labels.append("\(label)=\"\(part.output.value)\"")
                } else {
                    selector.others.append("\(label)=\"")
                }
            }
            found.insert(selector)
        }
        return found
    }

    @Test func `alerts and dashboard ask for nothing that the daemon doesn't export`() async throws {
        let home = try TemporaryDirectory()
        let daemon = try await RunningDaemon(in: home.path)
        try await TestVideo(width: 160, height: 120, seconds: 2, scenes: 1)
            .write(to: daemon.footage.appending("one.mp4"))
        try Data("no film".utf8).write(to: URL(filePath: daemon.footage.appending("two.mp4").string))
        try await daemon.wait("one is indexed and one has failed") { $0.media.indexed == 1 && $0.media.failed == 1 }
        _ = try await daemon.search("coloured bars")
        let exported = try await saccade(["status", "--metrics", "--state", daemon.state.string], home: home.path)
        let lines = exported.text.split(separator: "\n").filter { !$0.hasPrefix("#") }
        for file in ["prometheus/saccade.rules.yml", "grafana/saccade.json"] {
            let selectors = try Self.selectors(in: file)
            #expect(selectors.count > 10)
            for selector in selectors {
                let series = lines.filter { $0.prefix { $0 != " " && $0 != "{" } == selector.name }
                let isExported = series.contains { line in
                    (selector.labels + selector.others).allSatisfy { line.contains($0) }
                }
                #expect(isExported, "\(file) asks for \(selector), and there are \(series.prefix(5))")
            }
        }
    }
}
