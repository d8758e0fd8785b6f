package import Foundation

/// The types of the query socket's JSON, shared by the daemon and its clients.
///
/// Names in JSON are in snake case, times are RFC 3339 in UTC, durations are in seconds, and absent values are omitted.
/// `docs/API.md` shows every route with an example.
package enum API {
    /// What the first path component of every route says.
    package static let version = "v1"

    /// An encoder that writes what the daemon sends: keys sorted, slashes as they are.
    package static func encoder() -> JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .custom { date, encoder in
            var container = encoder.singleValueContainer()
            try container.encode(RFC3339.format(date))
        }
        return encoder
    }

    /// A decoder for what `encoder()` writes. Dates may also carry fractions and offsets, or be a day alone.
    package static func decoder() -> JSONDecoder {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .custom { decoder in
            let container = try decoder.singleValueContainer()
            let text = try container.decode(String.self)
            guard let date = RFC3339.parse(text) else {
                throw DecodingError.dataCorruptedError(
                    in: container,
                    debugDescription:
                        "“\(text.prefix(40))” is not a time; write it as 2026-03-01T12:00:00Z or 2026-03-01"
                )
            }
            return date
        }
        return decoder
    }
}

/// Times of day as RFC 3339 text.
package enum RFC3339 {
    /// For example `2026-03-01T12:00:00Z`; a fraction of a second is cut.
    package static func format(_ date: Date) -> String {
        date.formatted(Date.ISO8601FormatStyle())
    }

    /// The years 1 to 9999 in UTC, in seconds: an offset may lead out of what four digits can say. Before 1582 Foundation's calendar is the
    /// Julian one.
    private static let writable = -62_135_769_600.0..<253_402_300_800

    /// Reads RFC 3339 with or without seconds and their fraction, which is cut; or a day alone, which means its first moment. What names
    /// no offset is in UTC.
    package static func parse(_ text: String) -> Date? {
        let pattern =
            #/
            ([0-9]{4}) - ([0-9]{2}) - ([0-9]{2})
            (?: [Tt\ ] ([0-9]{2}) : ([0-9]{2}) (?: : ([0-9]{2}) (?: \. [0-9]+ )? )?
                (?: [Zz] | ([+\-]) ([0-9]{2}) : ([0-9]{2}) )? )?
            /#
        guard let match = text.wholeMatch(of: pattern) else { return nil }
        let number = { (part: Substring?) in part.flatMap { Int($0) } }
        var parts = DateComponents()
        (parts.year, parts.month, parts.day) = (Int(match.1), Int(match.2), Int(match.3))
        (parts.hour, parts.minute, parts.second) = (number(match.4) ?? 0, number(match.5) ?? 0, number(match.6) ?? 0)
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        let offset = 60 * (60 * (number(match.8) ?? 0) + (number(match.9) ?? 0))
        guard parts.isValidDate(in: calendar), offset < 86_400, let date = calendar.date(from: parts) else {
            return nil
        }
        let moment = date.addingTimeInterval(Double(match.7 == "-" ? offset : -offset))
        return writable.contains(moment.timeIntervalSince1970) ? moment : nil
    }
}
