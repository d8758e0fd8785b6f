import Foundation
import Terminal
import Training

/// Shows a run's reports, a line each.
struct TrainingLog {
    func show(_ report: TrainingRun.Report) {
        var line = String(
            format: "step %d of %d  epoch %d  loss %.4f  %.2f steps/s  %@ left", report.step, report.steps,
            report.epoch,
            report.loss, report.stepsPerSecond, Self.duration(report.secondsLeft))
        for figure in report.figures { line += "  \(figure.name) " + String(format: "%.2f", figure.value) }
        Terminal.error.line(line)
    }

    private static func duration(_ seconds: Double) -> String {
        let whole = Int(min(seconds, 1e8))
        return whole >= 3600
            ? String(format: "%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60)
            : String(format: "%d:%02d", whole / 60, whole % 60)
    }

    /// Draws loss, cost of a word and R@1 over the steps from a run's `log.jsonl`.
    ///
    /// - Throws: ``CommandFailure`` when the picture can't be written.
    static func plot(_ log: String, to picture: String) throws {
        guard let text = try? String(contentsOfFile: log, encoding: .utf8) else { return }
        let rows = text.split(separator: "\n").compactMap { line in
            (try? JSONSerialization.jsonObject(with: Data(line.utf8))) as? [String: Double]
        }
        func points(_ key: String) -> [(x: Double, y: Double)] {
            rows.compactMap { row in row["step"].flatMap { step in row[key].map { (step, $0) } } }
        }
        var chart = LineChart(title: "Training", xTitle: "steps", yTitle: "loss")
        chart.rightTitle = "R@1, percent"
        chart.lines = [LineChart.Line(name: "loss", points: points("loss"))]
        for key in Set(rows.flatMap(\.keys)).sorted() where key.hasSuffix("R@1") || key == "word_cost" {
            chart.lines.append(.init(name: key, points: points(key), isOnRight: key != "word_cost"))
        }
        try chart.write(to: picture)
    }
}
