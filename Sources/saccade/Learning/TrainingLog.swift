import Foundation
import Training

/// Shows a run's reports, a line each.
struct TrainingLog {
    func show(_ report: TrainingRun.Report) {
        var line = String(
            format: "step %d of %d  epoch %d  loss %.4f  %.2f steps/s  %@ left", report.step, report.steps,
            report.epoch,
            report.loss, report.stepsPerSecond, Self.duration(report.secondsLeft))
        for figure in report.figures { line += "  \(figure.name) " + String(format: "%.2f", figure.value) }
        FileHandle.standardError.write(Data((line + "\n").utf8))
    }

    private static func duration(_ seconds: Double) -> String {
        let whole = Int(min(seconds, 1e8))
        return whole >= 3600
            ? String(format: "%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60)
            : String(format: "%d:%02d", whole / 60, whole % 60)
    }
}
