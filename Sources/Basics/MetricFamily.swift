/// Measured values of one name, as Prometheus' text format has them (https://prometheus.io/docs/instrumenting/exposition_formats/).
package struct MetricFamily: Sendable, Equatable {
    package enum Kind: String, Sendable {
        case counter, gauge, histogram
    }

    private struct Sample: Sendable, Equatable {
        var suffix = ""
        var labels: [Label]
        var value: Double
    }

    /// A name and a value, which may be any text.
    package struct Label: Sendable, Equatable {
        package var name: String
        package var value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    package let name: String
    package let kind: Kind
    private let help: String
    private var samples: [Sample] = []

    package init(_ name: String, _ kind: Kind, _ help: String) {
        self.name = name
        self.kind = kind
        self.help = help
    }

    /// One value without labels.
    package init(_ name: String, _ kind: Kind, _ help: String, _ value: some BinaryInteger) {
        self.init(name, kind, help, Double(value))
    }

    /// One value without labels.
    package init(_ name: String, _ kind: Kind, _ help: String, _ value: Double) {
        self.init(name, kind, help)
        add(value)
    }

    package mutating func add(_ value: Double, _ labels: Label...) {
        samples.append(Sample(labels: labels, value: value))
    }

    /// A histogram, with its classes, sum and count.
    package mutating func add(_ histogram: LatencyHistogram.Snapshot, _ labels: Label...) {
        for (bound, count) in zip(histogram.bounds + [.infinity], histogram.counts) {
            samples.append(
                Sample(suffix: "_bucket", labels: labels + [Label("le", Self.text(bound))], value: Double(count)))
        }
        samples.append(Sample(suffix: "_sum", labels: labels, value: histogram.sum))
        samples.append(Sample(suffix: "_count", labels: labels, value: Double(histogram.count)))
    }

    /// The lines of some families; those without values are left out.
    package static func text(_ families: [MetricFamily]) -> String {
        var text = ""
        for family in families where !family.samples.isEmpty {
            text += "# HELP \(family.name) \(escape(family.help, quotes: false))\n"
            text += "# TYPE \(family.name) \(family.kind.rawValue)\n"
            for sample in family.samples {
                let labels = sample.labels.map { "\($0.name)=\"\(escape($0.value, quotes: true))\"" }
                text += "\(family.name)\(sample.suffix)"
                if !labels.isEmpty { text += "{\(labels.joined(separator: ","))}" }
                text += " \(Self.text(sample.value))\n"
            }
        }
        return text
    }

    /// Whole numbers without a point.
    private static func text(_ value: Double) -> String {
        if value == .infinity { return "+Inf" }
        if value == -.infinity { return "-Inf" }
        if value.isNaN { return "NaN" }
        return Int64(exactly: value).map { "\($0)" } ?? "\(value)"
    }

    private static func escape(_ text: String, quotes: Bool) -> String {
        var escaped = ""
        for character in text.unicodeScalars {
            switch character {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            default: escaped.unicodeScalars.append(character)
            }
        }
        return escaped
    }
}
