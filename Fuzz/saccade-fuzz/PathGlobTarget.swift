import Catalog

extension FuzzTarget {
    /// A pattern, a zero, a path.
    static let pathGlobs = FuzzTarget(name: "globs") {
        [
            ("/a/**/b.mp4", "/a/x/y/b.mp4"), ("*/holiday*/*.mp4", "/home/me/holiday 1/b.mp4"), ("/[!a-c]\\*", "/d*"),
            ("2024/**", "/home/2024/a/b"), ("/[é-ü]?", "/ö日"), ("/a/***/b", "/a/x/b"), ("**/**/b", "/b"),
        ].map { Array($0.0.utf8) + [0] + Array($0.1.utf8) }
    } check: { input in
        guard let end = input.firstIndex(of: 0) else { return }
        let path = Array(input[(end + 1)...])
        let text = String(decoding: input[..<end], as: UTF8.self)
        if let pattern = try? PathGlob(text) {
            let matches = pattern.matches(path)
            require(!matches || path.starts(with: pattern.literalPrefix), "a match begins with the literal beginning")
            // A pattern of 64 tokens and more is matched in another way; what a letter ends, a letter ends in both.
            let tail = String(repeating: "t", count: 64)
            if let short = try? PathGlob(text + "t"), let long = try? PathGlob(text + tail) {
                require(
                    short.matches(path + Array("t".utf8)) == long.matches(path + Array(tail.utf8)),
                    "short and long patterns mean the same")
            }
        }
        guard let name = String(validating: path, as: UTF8.self), path.first == UInt8(ascii: "/") else { return }
        let escaped = name.unicodeScalars.reduce(into: "") {
            $0.append("\\")
            $0.unicodeScalars.append($1)
        }
        if let pattern = try? PathGlob(escaped) { require(pattern.matches(path), "an escaped path matches itself") }
    }
}
