/// Spans of every day by the clock on the wall, such as 22:00-07:00.
package struct DailyHours: Sendable, Equatable, CustomStringConvertible {
    private struct Span: Sendable, Equatable {
        /// Minutes since midnight; a span whose end is not after its start goes past midnight.
        var start: Int
        var end: Int

        func contains(_ minute: Int) -> Bool {
            start < end ? (start..<end).contains(minute) : minute >= start || minute < end
        }
    }

    package static let minutesOfDay = 1440
    private let spans: [Span]

    /// - Parameter text: spans of hours and minutes, with commas between them: `12:00-13:00,22:00-07:00`. The end of the day is 24:00.
    /// - Returns: nil for a text of another form, and for a span without length.
    package init?(_ text: String) {
        var spans: [Span] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Self.minute($0) }
            guard ends.count == 2, let start = ends[0], let end = ends[1], start < Self.minutesOfDay,
                start != end % Self.minutesOfDay || end == Self.minutesOfDay && start == 0
            else { return nil }
            spans.append(Span(start: start, end: end))
        }
        guard !spans.isEmpty else { return nil }
        self.spans = spans
    }

    private static func minute(_ text: some StringProtocol) -> Int? {
        let words = String(text.filter { $0 != " " }).split(separator: ":", omittingEmptySubsequences: false)
        guard words.count == 2, (1...2).contains(words[0].count), words[1].count == 2,
            words.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
            let hour = Int(words[0]), let minute = Int(words[1]), minute < 60, hour < 24 || hour == 24 && minute == 0
        else { return nil }
        return hour * 60 + minute
    }

    /// Minutes from a minute of the day until none of the spans holds any more; nil when none does now. A day at most.
    package func minutesLeft(at minute: Int) -> Int? {
        var left = 0
        while left < Self.minutesOfDay, spans.contains(where: { $0.contains((minute + left) % Self.minutesOfDay) }) {
            left += 1
        }
        return left == 0 ? nil : left
    }

    package var description: String {
        spans.map { "\(Self.text($0.start))-\(Self.text($0.end))" }.joined(separator: ",")
    }

    private static func text(_ minute: Int) -> String {
        let (hours, minutes) = (minute / 60, minute % 60)
        return "\(hours < 10 ? "0" : "")\(hours):\(minutes < 10 ? "0" : "")\(minutes)"
    }
}
