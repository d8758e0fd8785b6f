import Catalog
import Testing

@Suite struct PathGlobTests {
    @Test(arguments: [
        ("/a/b.mp4", "/a/b.mp4", true),
        ("/a/b.mp4", "/a/b.mp", false),
        ("/a/*.mp4", "/a/b.mp4", true),
        ("/a/*.mp4", "/a/c/b.mp4", false),
        ("/a/**.mp4", "/a/c/b.mp4", true),
        ("/a/**/b.mp4", "/a/b.mp4", true),
        ("/a/**/b.mp4", "/a/x/y/b.mp4", true),
        ("/a/**/b.mp4", "/a/xb.mp4", false),
        ("/a/**", "/a/x/y", true),
        ("/a/**", "/ab", false),
        ("*.mp4", "/x/y/b.mp4", true),
        ("*.mp4", "/b.mp4", true),
        ("*/holiday*/*.mp4", "/home/me/holiday 1/b.mp4", true),
        ("*/holiday*/*.mp4", "/home/me/holiday 1/day/b.mp4", false),
        ("2024/**", "/home/2024/a/b", true),
        ("2024/**", "/home/12024/a/b", false),
        ("/?", "/é", true),
        ("/?", "//", false),
        ("/??", "/é", false),
        ("/[a-c]x", "/bx", true),
        ("/[a-c]x", "/dx", false),
        ("/[!a-c]x", "/dx", true),
        ("/[^a-c]x", "/ax", false),
        ("/a[!b]c", "/a/c", false),
        ("/[]]", "/]", true),
        ("/[a-]", "/-", true),
        ("/[é-ü]", "/ö", true),
        ("/\\*", "/*", true),
        ("/\\*", "/a", false),
        ("\\/a", "/a", true),
        ("\\/a", "/x/a", false),
        ("/a*b*c", "/aXbYbZc", true),
        ("/a*b*c", "/aXbYbZ", false),
        ("/日本/*", "/日本/動画.mp4", true),
        ("**", "/anything/at/all", true),
        ("/a/***/b", "/a/x/b", true),
        ("**/**/b", "/b", true),
        ("**/b", "/a/b", true),
    ])
    func aPatternMatchesAsDocumented(pattern: String, path: String, matches: Bool) throws {
        #expect(try PathGlob(pattern).matches(Array(path.utf8)) == matches)
    }

    @Test(arguments: [
        ("/a/b*c", "/a/b"), ("/a/**/c", "/a/"), ("/é?", "/é"), ("*.mp4", "/"), ("/a\\*b", "/a*b"), ("/a", "/a"),
    ])
    func theLiteralBeginningIsWhatEveryMatchBeginsWith(pattern: String, prefix: String) throws {
        #expect(try PathGlob(pattern).literalPrefix == Array(prefix.utf8))
    }

    @Test func wideExpressionHasBytesAndSpansOfThem() throws {
        #expect(
            try PathGlob("/a?/**/é*[x-z].m").wideExpression
                == #"^\u002f\u0061[^/]{1,4}\u002f(?:.*/)?\u00c3\u00a9[^/]*[^/]{1,4}\u002e\u006d$"#)
        #expect(try PathGlob("a").wideExpression == #"^\u002f(?:.*/)?\u0061$"#)
    }

    @Test func theLongestPatternMatches() throws {
        let pattern = "/" + String(repeating: "?", count: PathGlob.maximumLength - 1)
        #expect(try PathGlob(pattern).matches(Array(("/" + String(repeating: "x", count: 511)).utf8)))
        #expect(try !PathGlob(pattern).matches(Array(("/" + String(repeating: "x", count: 510)).utf8)))
        let free = String(repeating: "y", count: PathGlob.maximumLength)
        #expect(try PathGlob(free).matches(Array(("/a/" + free).utf8)))
    }

    @Test func bytesThatAreNotTextAreCharacters() throws {
        let path = Array("/a".utf8) + [0xFF] + Array(".mp4".utf8)
        #expect(try PathGlob("/a?.mp4").matches(path))
        #expect(try PathGlob("*.mp4").matches(path))
        #expect(try !PathGlob("/a.mp4").matches(path))
        #expect(try PathGlob("/?").matches([0x2F, 0xC3]))
    }

    @Test(arguments: ["", "/[abc", "/abc\\", "/[z-a]", String(repeating: "a", count: 513)])
    func anUnusablePatternIsRefused(pattern: String) {
        #expect { try PathGlob(pattern) } throws: { ($0 as? InvalidFilter)?.key == .pathGlob }
    }

    @Test func aPatternOfManyStarsDoesNotExplode() throws {
        let pattern = try PathGlob("/" + String(repeating: "*a", count: 200) + "b")
        #expect(!pattern.matches(Array(("/" + String(repeating: "a", count: 1_000)).utf8)))
    }

    /// A long and a short pattern that mean the same, against a matcher that only follows the documentation's table.
    @Test func shortAndLongPatternsDoWhatThePlainestMatcherDoes() throws {
        var random = SystemRandomNumberGenerator()
        let pieces = ["a", "b", "/", "*", "**", "**/", "?", "[ab]", "[!a]", "é"]
        let letters: [Character] = ["a", "b", "/", "é", "x"]
        let tail = String(repeating: "t", count: 70)
        for _ in 0..<3_000 {
            let pattern =
                "/"
                + (0..<Int.random(in: 0...7, using: &random)).map { _ in pieces.randomElement(using: &random)! }
                .joined()
            let path =
                "/"
                + String(
                    (0..<Int.random(in: 0...8, using: &random)).map { _ in letters.randomElement(using: &random)! })
            let expected = plainMatch(Array(pattern)[...], Array(path)[...], after: nil)
            #expect(try PathGlob(pattern).matches(Array(path.utf8)) == expected, "\(pattern) \(path)")
            #expect(
                try PathGlob(pattern + "t").matches(Array((path + "t").utf8))
                    == PathGlob(pattern + tail).matches(Array((path + tail).utf8)), "\(pattern) \(path)")
        }
    }

    private func plainMatch(_ pattern: ArraySlice<Character>, _ path: ArraySlice<Character>, after last: Character?)
        -> Bool
    {
        guard let first = pattern.first else { return path.isEmpty }
        let stars = pattern.prefix { $0 == "*" }.count
        if stars > 0 {
            let rest = pattern.dropFirst(stars)
            if stars == 1 {
                return (0...path.prefix { $0 != "/" }.count).contains {
                    plainMatch(rest, path.dropFirst($0), after: "*")
                }
            }
            if rest.first == "/", last == "/" {
                let ends = path.indices.filter { path[$0] == "/" }.map { $0 + 1 }
                return ([path.startIndex] + ends).contains { plainMatch(rest.dropFirst(), path[$0...], after: "/") }
            }
            return (0...path.count).contains { plainMatch(rest, path.dropFirst($0), after: "*") }
        }
        guard let character = path.first else { return false }
        if first == "[", let end = pattern.firstIndex(of: "]") {
            let inside = pattern[pattern.startIndex + 1..<end]
            let isIn = inside.first == "!" ? !inside.dropFirst().contains(character) : inside.contains(character)
            return isIn && character != "/" && plainMatch(pattern[(end + 1)...], path.dropFirst(), after: "]")
        }
        guard first == "?" ? character != "/" : first == character else { return false }
        return plainMatch(pattern.dropFirst(), path.dropFirst(), after: first)
    }
}
