import Basics
import SystemPackage

/// How values of one type are written in a configuration.
struct ValueForm<Value: Sendable>: Sendable {
    /// Which texts are valid, for people.
    var expected: String
    var isList = false
    /// Nil for a text that is not what is expected. One text, or any number of a list.
    var read: @Sendable ([String], ConfigurationScope) -> Value?
    /// As `read` would take it; `none` for a value that is absent.
    var write: @Sendable (Value) -> String

    /// A form whose values may be absent, which is never written.
    static func optional<Wrapped>(_ form: ValueForm<Wrapped>) -> Self where Value == Wrapped? {
        Self(expected: form.expected, read: form.read) { $0.map(form.write) ?? "none" }
    }
}

extension ValueForm<FilePath> {
    static let path = Self(expected: "a path") { texts, scope in
        scope.path(texts[0])
    } write: {
        $0.string
    }
}

extension ValueForm<[FilePath]> {
    /// Each path once.
    static let paths = Self(expected: "a list of paths", isList: true) { texts, scope in
        var paths: [FilePath] = []
        for text in texts {
            guard let path = scope.path(text) else { return nil }
            if !paths.contains(path) { paths.append(path) }
        }
        return paths
    } write: {
        $0.isEmpty ? "none" : $0.map(\.string).joined(separator: ":")
    }
}

extension ValueForm<[String]> {
    /// Texts of any kind, in their order.
    static func texts(of what: String) -> Self {
        Self(expected: "a list of \(what)", isList: true) { texts, _ in
            texts.contains { $0.isEmpty || $0.utf8.contains(0) } ? nil : texts
        } write: {
            $0.isEmpty ? "none" : $0.joined(separator: ":")
        }
    }
}

extension ValueForm<Bool> {
    static let flag = Self(expected: "true or false") { texts, _ in
        Bool(texts[0])
    } write: {
        "\($0)"
    }
}

extension ValueForm<Int> {
    static func integer(in range: ClosedRange<Int>) -> Self {
        Self(expected: "a whole number from \(range.lowerBound) to \(range.upperBound)") { texts, _ in
            Int(texts[0]).flatMap { range.contains($0) ? $0 : nil }
        } write: {
            "\($0)"
        }
    }
}

extension ValueForm<Double> {
    static func number(in range: ClosedRange<Double>) -> Self {
        Self(expected: "a number from \(plain(range.lowerBound)) to \(plain(range.upperBound))") { texts, _ in
            Double(texts[0]).flatMap { range.contains($0) ? $0 : nil }
        } write: {
            plain($0)
        }
    }

    /// 2 rather than 2.0.
    private static func plain(_ number: Double) -> String {
        Int(exactly: number).map { "\($0)" } ?? "\(number)"
    }
}

extension ValueForm<DailyHours> {
    static let hours = Self(expected: "hours such as 22:00-07:00, with commas between several") { texts, _ in
        DailyHours(texts[0])
    } write: {
        $0.description
    }
}

extension ValueForm<String> {
    static func word(of words: [String]) -> Self {
        Self(expected: "one of \(words.joined(separator: ", "))") { texts, _ in
            words.contains(texts[0]) ? texts[0] : nil
        } write: {
            $0
        }
    }
}

extension ValueForm<String> {
    /// A text that nobody is shown.
    static let secret = Self(expected: "an address such as postgresql://user@host/database") { texts, _ in
        texts[0].isEmpty || texts[0].utf8.contains(0) ? nil : texts[0]
    } write: { _ in
        "set"
    }

    /// A short text for people, in a line.
    static let label = Self(expected: "a name of 1 to 64 characters") { texts, _ in
        (1...64).contains(texts[0].count)
            && texts[0].unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
            ? texts[0] : nil
    } write: {
        $0
    }

    /// Scheme and host of an address, with a port where it isn't the scheme's own, as browsers write an origin (RFC 6454, section 6.2).
    static let origin = Self(expected: "an origin such as https://videos.example.org") { texts, _ in
        texts[0].wholeMatch(of: #/https?://([a-z0-9.\-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?/#) == nil ? nil : texts[0]
    } write: {
        $0
    }

    /// The path of an address, without a slash at its end unless it is nothing else.
    static let urlPath = Self(expected: "a path such as /videos") { texts, _ in
        guard texts[0].wholeMatch(of: #/\/|(\/[A-Za-z0-9._~\-]+)+\/?/#) != nil,
            !texts[0].split(separator: "/").contains(where: { $0.allSatisfy { $0 == "." } })
        else { return nil }
        return texts[0].count > 1 && texts[0].hasSuffix("/") ? String(texts[0].dropLast()) : texts[0]
    } write: {
        $0
    }
}

extension ValueForm where Value: RawRepresentable<String> & CaseIterable {
    /// One of the cases, by its raw value.
    static func choice() -> Self {
        Self(expected: "one of \(Value.allCases.map(\.rawValue).joined(separator: ", "))") { texts, _ in
            Value(rawValue: texts[0])
        } write: {
            $0.rawValue
        }
    }
}

/// What relative paths in a value are relative to.
struct ConfigurationScope: Sendable {
    var directory: FilePath
    var home: FilePath?

    func path(_ text: String) -> FilePath? {
        guard !text.isEmpty, !text.utf8.contains(0) else { return nil }
        if let home {
            if text == "~" { return home }
            if text.hasPrefix("~/") { return home.pushing(FilePath(String(text.dropFirst(2)))).lexicallyNormalized() }
        }
        return directory.pushing(FilePath(text)).lexicallyNormalized()
    }
}
