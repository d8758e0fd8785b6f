import Foundation

/// Numbers as people read them.
package enum Quantities {
    /// Seconds as a player shows them: `0:07`, `12:30`, `1:02:03`.
    package static func time(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds >= 0, seconds < 1e9 else { return "?" }
        let whole = Int(seconds)
        let parts = (whole / 3600, whole / 60 % 60, whole % 60)
        return parts.0 > 0
            ? "\(parts.0):\(padded(parts.1)):\(padded(parts.2))" : "\(parts.1):\(padded(parts.2))"
    }

    /// A clip's place; short ones keep a digit of their seconds, which would otherwise be empty.
    package static func span(_ start: Double, _ end: Double) -> String {
        guard end - start < 1, end > start else { return "\(time(start))–\(time(end.rounded()))" }
        return "\(time(start))+\(fixed(end - start, 1)) s"
    }

    /// Bytes in powers of 1000, as disks are sold.
    package static func bytes(_ count: Int64) -> String {
        let units = ["B", "kB", "MB", "GB", "TB"]
        var value = Double(count)
        var unit = 0
        while value >= 999.5, unit < units.count - 1 {
            value /= 1000
            unit += 1
        }
        return "\(fixed(value, unit == 0 || value >= 9.95 ? 0 : 1)) \(units[unit])"
    }

    /// 0.834 as `83 %`. Only what is impossible or certain is `0 %` or `100 %`.
    package static func percent(_ share: Double) -> String {
        guard share > 0, share < 1 else { return share >= 1 ? "100 %" : "0 %" }
        let whole = fixed(share * 100, 0)
        return whole == "0" ? "<1 %" : whole == "100" ? ">99 %" : "\(whole) %"
    }

    /// A share as five steps: 0.834 as `▮▮▮▮▯`. Only what is nearly nothing has none.
    package static func steps(_ share: Double) -> String {
        let full = (0..<5).count { share > Double($0) / 5 + 0.02 }
        return String(repeating: "▮", count: full) + String(repeating: "▯", count: 5 - full)
    }

    /// 1234567 as `1,234,567`.
    package static func count(_ value: Int) -> String {
        let digits = Array(String(value.magnitude))
        var text = ""
        for (place, digit) in digits.enumerated() {
            if place > 0, (digits.count - place) % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return value < 0 ? "-" + text : text
    }

    /// `1 file`, `2 files`.
    package static func count(_ value: Int, _ noun: String) -> String {
        "\(count(value)) \(noun)\(value == 1 ? "" : "s")"
    }

    package static func fixed(_ value: Double, _ digits: Int) -> String {
        value.formatted(
            .number.precision(.fractionLength(digits)).grouping(.never).locale(Locale(identifier: "en_US_POSIX")))
    }

    private static func padded(_ value: Int) -> String {
        value < 10 ? "0\(value)" : "\(value)"
    }
}
