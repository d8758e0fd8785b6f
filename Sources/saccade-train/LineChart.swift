import Foundation
import Terminal

/// A chart of a few lines over two axes, as an SVG picture.
struct LineChart {
    struct Line {
        var name: String
        var points: [(x: Double, y: Double)]
        /// Drawn against the scale on the right.
        var isOnRight = false
        /// A caption at each point, or none.
        var labels: [String] = []
        var isDashed = false
    }

    var title: String
    var xTitle: String
    var yTitle: String
    var rightTitle: String?
    var isLogarithmic = false
    var lines: [Line] = []
    /// The axes' ends; the lines' own where nil.
    var xRange: ClosedRange<Double>?
    var yRange: ClosedRange<Double>?

    private static let colours = ["#1b6ca8", "#c8553d", "#3a7d44", "#7a5195", "#8d6a00"]
    private let width = 720.0
    private let height = 420.0
    private let plot = (left: 64.0, right: 656.0, top: 48.0, bottom: 360.0)

    init(title: String, xTitle: String, yTitle: String) {
        self.title = title
        self.xTitle = xTitle
        self.yTitle = yTitle
    }

    func write(to path: String) throws {
        do {
            try Data(svg.utf8).write(to: URL(filePath: path), options: .atomic)
        } catch {
            throw CommandFailure(.notPermitted, "\(path) can't be written: \(error.localizedDescription)")
        }
    }

    var svg: String {
        let x = Scale(
            values: lines.flatMap { $0.points.map(\.x) }, range: xRange, from: plot.left, to: plot.right,
            isLogarithmic: isLogarithmic)
        let y = Scale(
            values: lines.filter { !$0.isOnRight }.flatMap { $0.points.map(\.y) }, range: yRange, from: plot.bottom,
            to: plot.top)
        let right = Scale(
            values: lines.filter(\.isOnRight).flatMap { $0.points.map(\.y) }, range: nil, from: plot.bottom,
            to: plot.top)
        var parts = [
            """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Int(width)) \(Int(height))" font-family="sans-serif" font-size="12">
            <rect width="100%" height="100%" fill="white"/>
            """,
            text(title, plot.left, 24, size: 15),
            text(xTitle, (plot.left + plot.right) / 2, height - 16, anchor: "middle"),
            text(yTitle, plot.left, plot.top - 8),
        ]
        if let rightTitle { parts.append(text(rightTitle, plot.right, plot.top - 8, anchor: "end")) }
        for tick in y.ticks {
            let place = y.place(tick)
            parts.append(segment(plot.left, place, plot.right, place, "#ddd"))
            parts.append(text(y.label(tick), plot.left - 6, place + 4, anchor: "end"))
        }
        for tick in x.ticks {
            parts.append(segment(x.place(tick), plot.bottom, x.place(tick), plot.bottom + 4, "#666"))
            parts.append(text(x.label(tick), x.place(tick), plot.bottom + 18, anchor: "middle"))
        }
        if lines.contains(where: \.isOnRight) {
            for tick in right.ticks { parts.append(text(right.label(tick), plot.right + 6, right.place(tick) + 4)) }
        }
        parts.append(segment(plot.left, plot.bottom, plot.right, plot.bottom, "#666"))
        for (index, line) in lines.enumerated() {
            parts.append(drawn(line, index, x, line.isOnRight ? right : y))
        }
        return parts.joined(separator: "\n") + "\n</svg>\n"
    }

    private func drawn(_ line: Line, _ index: Int, _ x: Scale, _ y: Scale) -> String {
        let colour = Self.colours[index % Self.colours.count]
        let places = line.points.map { (x.place($0.x), y.place($0.y)) }
        let path = places.map { String(format: "%.1f,%.1f", $0.0, $0.1) }.joined(separator: " ")
        let dashes = line.isDashed ? " stroke-dasharray=\"6 4\"" : ""
        var parts = ["<polyline points=\"\(path)\" fill=\"none\" stroke=\"\(colour)\" stroke-width=\"2\"\(dashes)/>"]
        if places.count <= 24, !line.isDashed {
            parts += places.map {
                String(format: "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"\(colour)\"/>", $0.0, $0.1)
            }
        }
        for (label, place) in zip(line.labels, places) {
            parts.append(text(label, place.0 + 6, place.1 + 14, size: 11))
        }
        let row = plot.bottom - 14 - 16 * Double(lines.count - 1 - index)
        parts.append(segment(plot.right - 190, row - 4, plot.right - 166, row - 4, colour, extra: dashes))
        parts.append(text(line.name, plot.right - 160, row))
        return parts.joined(separator: "\n")
    }

    private func segment(
        _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ colour: String, extra: String = ""
    ) -> String {
        String(
            format: "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"\(colour)\"\(extra)/>", x1, y1, x2,
            y2)
    }

    private func text(_ words: String, _ x: Double, _ y: Double, anchor: String = "start", size: Int = 12) -> String {
        let escaped = words.replacing("&", with: "&amp;").replacing("<", with: "&lt;")
        return String(format: "<text x=\"%.1f\" y=\"%.1f\" ", x, y)
            + "text-anchor=\"\(anchor)\" font-size=\"\(size)\" fill=\"#222\">\(escaped)</text>"
    }

    /// From values to places.
    private struct Scale {
        private let low, high, from, to: Double
        private let isLogarithmic: Bool

        init(
            values: [Double], range: ClosedRange<Double>?, from: Double, to: Double, isLogarithmic: Bool = false
        ) {
            let finite = values.filter { $0.isFinite && (!isLogarithmic || $0 > 0) }
            var low = range?.lowerBound ?? finite.min() ?? (isLogarithmic ? 1 : 0)
            var high = range?.upperBound ?? finite.max() ?? (isLogarithmic ? 10 : 1)
            if isLogarithmic {
                (low, high) = (pow(10, log10(low).rounded(.down)), pow(10, log10(high).rounded(.up)))
                if high <= low { high = low * 10 }
            } else if high <= low {
                (low, high) = (low - 0.5, high + 0.5)
            }
            (self.low, self.high, self.from, self.to, self.isLogarithmic) = (low, high, from, to, isLogarithmic)
        }

        func place(_ value: Double) -> Double {
            let part =
                isLogarithmic
                ? (log10(max(value, low)) - log10(low)) / (log10(high) - log10(low))
                : (value - low) / (high - low)
            return from + part * (to - from)
        }

        var ticks: [Double] {
            if isLogarithmic {
                return (Int(log10(low).rounded())...Int(log10(high).rounded())).map { pow(10, Double($0)) }
            }
            let rough = (high - low) / 6
            let power = pow(10, log10(rough).rounded(.down))
            let step = [1, 2, 5, 10].map { $0 * power }.first { $0 >= rough } ?? rough
            return stride(from: (low / step).rounded(.up) * step, through: high + step * 1e-9, by: step).map { $0 }
        }

        func label(_ tick: Double) -> String {
            tick.magnitude < 1e-12 ? "0" : String(format: "%g", (tick * 1e6).rounded() / 1e6)
        }
    }
}
