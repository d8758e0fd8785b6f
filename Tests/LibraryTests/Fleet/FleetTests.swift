import Catalog
import Fleet
import FolderWatch
import FolderFakes
import Foundation
import Library
import Logging
import Search
import SystemPackage
import TestSupport
import Testing
import Threads

@Suite(.timeLimit(.minutes(3))) struct FleetTests {
    private let server: PostgresServer
    private let database: String

    init() async throws {
        server = try PostgresServer.shared.get()
        database = try await server.makeDatabase()
    }

    private func node(_ name: String, ahead: Double = 1000, source: FakeSource = FakeSource()) throws -> FleetFixture {
        try FleetFixture(name, in: database, of: server, ahead: ahead, source: source)
    }

    @Test func `What a node has is told once, however often it is told`() async throws {
        let node = try node("one")
        try await node.index("25 12", as: "film.mp4")
        try await node.index("4", as: "short.mp4")
        #expect(try node.membership.compare(node.library.catalog).missing == 2)
        try node.service.feedNow()
        // 25 s with a cut at 12 are four clips, 4 s are one.
        #expect(try await node.ask(FleetFixture.counts) == "2 2 2 5 5 5")
        let before = try await node.ask("SELECT max(id) FROM saccade.clips")
        try node.service.feedNow()
        #expect(try await node.ask("SELECT max(id) FROM saccade.clips") == before)
        let comparison = try node.compare()
        #expect(comparison.isSame && comparison.media == 2 && comparison.toldClips == 5)
        #expect(node.service.status.isLevel && node.service.status.behind == 0)
    }

    @Test func `A content that another node has indexed is taken over and not decoded`() async throws {
        let (first, second) = (try node("one"), try node("two"))
        try await first.index("25 12", as: "film.mp4")
        try first.service.feedNow()
        let media = try #require(try await second.index("25 12", as: "copy of the film.mp4"))
        #expect(second.library.source.decodings.isEmpty)
        let (own, other) = (second.library.catalog, first.library.catalog)
        let index = second.library.library.indexRecord
        let clips = try own.clips(of: media, index: index.id)
        #expect(clips.map(\.start) == [0, 6, 12, 18.5] && clips.map(\.shot) == [0, 0, 1, 1])
        #expect(try own.media(media)?.properties.duration == 25)
        #expect(second.library.library.live?.count == 4)
        let original = try #require(try other.liveIndex())
        let firsts = try other.clips(of: 1, index: original.id)
        let vectors = try own.embeddings(of: clips.map(\.id))
        for (clip, source) in zip(clips, firsts) {
            let (mine, theirs) = try (
                #require(vectors[clip.id]), #require(other.embeddings(of: [source.id])[source.id])
            )
            // Numbers of 16 bits have 11 digits: 2^-11 of at most 1.
            #expect(zip(mine, theirs).allSatisfy { abs($0 - $1) <= 0.0005 })
            #expect(
                try own.rerankFeatures(of: [clip.id])[clip.id] == other.rerankFeatures(of: [source.id])[source.id])
        }
        try second.service.feedNow()
        #expect(try await first.ask(FleetFixture.counts) == "1 2 2 4 4 4")
    }

    @Test func `What leaves the catalog leaves the fleet, and comes back with it`() async throws {
        let node = try node("one")
        for seconds in 2...5 { try node.library.write("\(seconds)", to: "\(seconds).mp4") }
        let events = node.library.library.events()
        let told = try await node.library.running { () async throws -> String in
            _ = try await node.library.library.addRoot(node.library.folder)
            _ = try await events.indexed(4)
            try node.service.feedNow()
            let told = try await node.ask(FleetFixture.counts)
            try node.library.remove("3.mp4")
            _ = try await node.library.library.rescan(nil)
            _ = try await events.first { if case .folder(.mediaRemoved) = $0 { true } else { false } }
            return told
        }
        #expect(told == "4 4 4 4 4 4")
        try node.service.feedNow()
        #expect(try await node.ask(FleetFixture.counts) == "3 3 3 3 3 3")
        #expect(try node.compare().isSame)
        try await node.index("3", as: "again.mp4")
        try node.service.feedNow()
        #expect(try await node.ask(FleetFixture.counts) == "4 4 4 4 4 4")
    }

    @Test func `A node that leaves takes with it what no other has`() async throws {
        let (first, second) = (try node("one"), try node("two"))
        try await first.index("4", as: "shared.mp4")
        try await first.index("25 12", as: "own.mp4")
        try first.service.feedNow()
        try await second.index("4", as: "shared too.mp4")
        try second.service.feedNow()
        let left = try first.membership.leave()
        #expect(left.removed == 1 && left.kept == 1)
        #expect(try await second.ask(FleetFixture.counts) == "1 1 1 1 1 1")
        #expect(try await second.ask("SELECT string_agg(name, ' ') FROM saccade.nodes") == "two")
        #expect(try second.compare().isSame)
        // It may come back.
        try first.service.feedNow()
        #expect(try await second.ask(FleetFixture.counts) == "2 3 3 5 5 5")
    }

    @Test func `A claim of a node that died ends by the database's clock, whatever the nodes' clocks say`() async throws
    {
        let (first, second) = (try node("one", ahead: 3600), try node("two", ahead: -3600))
        let index = first.library.library.indexRecord
        let content = ContentIdentity(size: 7, digest: [UInt8](repeating: 3, count: 16))
        #expect(first.membership.claims.claim(content, for: index).isOwn)
        #expect(!second.membership.claims.claim(content, for: index).isOwn)
        // Its own it may ask for again, as after a restart.
        #expect(first.membership.claims.claim(content, for: index).isOwn)
        try first.service.sayAlive()
        #expect(!second.membership.claims.claim(content, for: index).isOwn)
        _ = try await first.ask("UPDATE saccade.claims SET expires_at = now() - interval '1 second'")
        #expect(second.membership.claims.claim(content, for: index).isOwn)
        #expect(!first.membership.claims.claim(content, for: index).isOwn)
        second.membership.claims.release(content, for: index)
        #expect(first.membership.claims.claim(content, for: index).isOwn)
    }

    @Test func `A content that another node is at is put off, and decoded by one of them`() async throws {
        let (first, second) = (try node("one"), try node("two"))
        let file = try second.library.write("4", to: "film.mp4")
        let content = try second.library.files.identity(of: file)
        #expect(first.membership.claims.claim(content, for: first.library.library.indexRecord).isOwn)
        let outcome = try await second.library.library.index([file]).first
        #expect(second.library.source.decodings.isEmpty)
        #expect(try second.library.catalog.job(of: #require(outcome?.media), index: 1)?.state == .pending)
        first.membership.claims.release(content, for: first.library.library.indexRecord)
        second.library.clock.advance(60)
        _ = try await second.library.library.index([file])
        #expect(second.library.source.decodings.count == 1)
    }

    @Test func `Two nodes with the same files decode each of them once`() async throws {
        let sources = (FakeSource(), FakeSource())
        let (first, second) = (try node("one", source: sources.0), try node("two", source: sources.1))
        for number in 1...6 {
            for node in [first, second] { try node.library.write("\(5 + number)", to: "\(number).mp4") }
        }
        for node in [first, second] { node.library.clock.waitsForNobody() }
        @Sendable func work(_ node: FleetFixture) async throws {
            let events = node.library.library.events()
            _ = try await node.library.library.addRoot(node.library.folder)
            var done = 0
            for await event in events {
                guard case .mediaIndexed = event.kind else { continue }
                try node.service.feedNow()
                done += 1
                if done == 6 { return }
            }
        }
        try await first.library.running {
            try await second.library.running {
                async let one: Void = work(first)
                async let two: Void = work(second)
                _ = try await (one, two)
            }
        }
        let decoded = (sources.0.decodings + sources.1.decodings).compactMap(\.file.lastComponent?.string)
        #expect(decoded.sorted() == (1...6).map { "\($0).mp4" })
        #expect(try await first.ask(FleetFixture.counts).hasPrefix("6 12 12 "))
        // What was read of names and subtitles since.
        for node in [first, second] { try node.service.feedNow() }
        #expect(try first.compare().isSame && second.compare().isSame)
    }

    @Test func `A full disk of the database keeps nothing by halves, and the next pass brings all`() async throws {
        let node = try node("one")
        try await node.index("25 12", as: "film.mp4")
        _ = try? node.compare()
        // What PostgreSQL says then, of the last table that is written.
        _ = try await node.ask(
            """
            CREATE FUNCTION saccade.full() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = 'disk_full'; END $$;
            CREATE TRIGGER full_disk BEFORE INSERT ON saccade.features EXECUTE FUNCTION saccade.full();
            """)
        let error = #expect(throws: PostgresError.self) { try node.service.feedNow() }
        #expect(error?.state == "53100" && error?.message.contains("No space left on device") == true)
        #expect(try await node.ask("SELECT count(*) FROM saccade.media") == "0")
        _ = try await node.ask("DROP TRIGGER full_disk ON saccade.features")
        try node.service.feedNow()
        #expect(try await node.ask(FleetFixture.counts) == "1 1 1 4 4 4")
    }

    @Test func `What the database refuses holds up nothing else, and is told of again`() async throws {
        let node = try node("one")
        let refused = try #require(try await node.index("25 12", as: "film.mp4"))
        for seconds in 2...4 { try await node.index("\(seconds)", as: "\(seconds).mp4") }
        _ = try? node.compare()
        // What PostgreSQL says of a line with more words than it can index.
        _ = try await node.ask(
            """
            CREATE FUNCTION saccade.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF NEW.local = \(refused) THEN RAISE EXCEPTION 'string is too long' USING ERRCODE = '54000'; END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON saccade.places FOR EACH ROW EXECUTE FUNCTION saccade.refuse();
            """)
        let error = #expect(throws: PostgresError.self) { try node.service.feedNow() }
        #expect(error?.state == "54000")
        #expect(try await node.ask("SELECT count(*) FROM saccade.media") == "3")
        #expect(try node.compare().missing == 1)
        _ = try await node.ask("DROP TRIGGER refuse ON saccade.places")
        try node.service.feedNow()
        #expect(try node.compare().isSame)
    }

    @Test func `A server that is restarted is told the rest, and nothing twice`() async throws {
        let server = try PostgresServer()
        let node = try FleetFixture("one", in: try await server.makeDatabase(), of: server)
        try await node.index("4", as: "a.mp4")
        try node.service.feedNow()
        try server.crash()
        #expect(throws: PostgresError.self) { try node.service.feedNow() }
        // Work goes on meanwhile.
        try await node.index("25 12", as: "b.mp4")
        #expect(node.library.source.decodings.count == 2)
        #expect(throws: PostgresError.self) { try node.service.sayAlive() }
        #expect(node.service.status.trouble?.contains("can't be reached") == true)
        try server.start()
        try await eventually { (try? node.service.feedNow()) != nil }
        #expect(try await node.ask(FleetFixture.counts) == "2 2 2 5 5 5")
        try server.stop()
        try server.start()
        try await node.index("3", as: "c.mp4")
        // The connection that it had is gone; another one is made for it.
        try node.service.feedNow()
        // Who asked while it was away is told so for a moment more.
        try await eventually { (try? node.compare()) != nil }
        #expect(try node.compare().isSame)
    }

    @Test func `A search of the fleet finds what any node has, by filters and by words, and says who has it`()
        async throws
    {
        let (first, second) = (try node("one"), try node("two"))
        try await first.index("25 12 says Lighthouse", as: "sea/film.mp4")
        try await second.index("4", as: "land/short.mp4")
        for node in [first, second] {
            try await node.library.running {
                try await eventually { try node.hasRead(node.name == "one" ? "Lighthouse" : "short") }
            }
            try node.service.feedNow()
        }
        let index = second.membership.index(second.library.library.indexRecord)
        // Clips of 8 frames lie at (8, 1), those of fewer beside them.
        let query: [Float] = [0.992_277_9, 0.124_034_7, 0, 0]
        let all = try index.candidates(for: query, limit: 10, where: .all, group: .clip)
        #expect(all.entries.count == 5 && all.count == 5)
        #expect(all.entries.map(\.score) == all.entries.map(\.score).sorted(by: >))
        #expect(try index.candidates(for: query, limit: 10, where: .all, group: .media).entries.count == 2)
        let short = try MediaFilter(pathGlob: "land/sh*t.mp4")
        let found = try index.candidates(for: query, limit: 10, where: short, group: .clip)
        #expect(found.entries.count == 1)
        let findings = try index.findings(for: all.entries.map(\.clip), limit: 10, where: short)
        #expect(findings.map(\.place.path.lastComponent?.string) == ["short.mp4"])
        #expect(
            try index.candidates(for: query, limit: 10, where: MediaFilter(minDuration: 20), group: .clip).entries.count
                == 4)
        let hosts = try index.hosts(of: all.entries.map(\.media))
        #expect(Set(hosts.values.flatMap { $0.map(\.name) }) == ["one", "two"])
        #expect(hosts[found.entries[0].media]?.first?.isThisNode == true)
        let matches = try index.matches(of: WordQuery("a lighthouse"), limit: 10, where: .all)
        #expect(matches.matches.first?.line.text == "Lighthouse")
        #expect(try index.matches(of: WordQuery("\"short\""), limit: 10, where: .all).matches.count == 1)
        #expect(
            try index.matches(of: WordQuery("\"short\""), limit: 10, where: MediaFilter(minDuration: 20)).matches
                .isEmpty)
        let features = try index.rerankFeatures(of: all.entries.map(\.clip))
        #expect(features.count == 5 && features.values.allSatisfy { $0.count == 300 })
    }

    @Test func `Patterns of paths let PostgreSQL find all that they match`() async throws {
        let paths: [[UInt8]] = ["/é", "/a/b.mp4", "/日本/動画.mp4", "/x\ny"].map { Array($0.utf8) } + [[0x2F, 0xFF]]
        let patterns = ["/?", "/*", "**", "*.mp4", "/a/**/b.mp4", "/[é-ü]", "/日本/*", "/x?y"]
        for pattern in patterns {
            let glob = try PathGlob(pattern)
            for path in paths where glob.matches(path) {
                let digits = path.map { String(Int($0) + 0x100, radix: 16).suffix(2) }.joined()
                let isFound = try await server.run(
                    "SELECT convert_from(decode('\(digits)', 'hex'), 'LATIN1') ~ '\(glob.wideExpression)'", in: database
                )
                #expect(isFound.hasPrefix("t"), "\(pattern) \(digits)")
            }
        }
    }

    @Test func `A copy of a node's state folder is told that it is one, and spoils nothing`() async throws {
        let node = try node("one")
        try await node.index("4", as: "a.mp4")
        try node.service.feedNow()
        let other = try LibraryFixture()
        let copy = FleetService(node.membership, library: other.library, logger: Logger(label: "copy"))
        let error = #expect(throws: PostgresError.self) { try copy.feedNow() }
        #expect(error?.message.contains("fleet-node") == true)
        #expect(try await node.ask(FleetFixture.counts) == "1 1 1 1 1 1")
    }

    @Test func `A search of a model that nobody has told of says so`() async throws {
        let node = try node("one")
        let index = node.membership.index(node.library.library.indexRecord)
        let error = #expect(throws: PostgresError.self) {
            try index.candidates(for: [1, 0, 0, 0], limit: 3, where: .all, group: .clip)
        }
        #expect(error?.message.contains("No node has told") == true)
    }

    @Test func `A database of a newer version is left alone`() async throws {
        let node = try node("one")
        _ = try node.compare()
        try node.service.feedNow()
        _ = try await node.ask("INSERT INTO saccade.schema_version (number) VALUES (99)")
        let other = try FleetFixture("two", in: database, of: server)
        let error = #expect(throws: PostgresError.self) { try other.service.feedNow() }
        #expect(error?.message.contains("newer version of Saccade") == true)
    }

    @Test(arguments: ["postgresql://[::1/x", "mysql=1 nonsense", "postgresql://%zz@h/d"])
    func `An unusable address is refused without being shown`(_ address: String) throws {
        let directory = try TemporaryDirectory()
        let error = #expect(throws: PostgresError.self) {
            try FleetMembership(FleetSettings(url: address), state: directory.path)
        }
        #expect(error?.message.contains(address) == false)
    }

    @Test func `An address is shown without its password`() throws {
        let address = try #require(PostgresAddress("postgresql://media:se%63ret@db.example:5433/clips?sslmode=require"))
        #expect(address.description == "postgresql://media@db.example:5433/clips")
        let keywords = try #require(PostgresAddress("host=/run/pg user=media password='a b' dbname=clips"))
        #expect(keywords.description == "postgresql://media@/run/pg/clips")
    }
}

extension ContentClaim {
    fileprivate var isOwn: Bool { if case .own = self { true } else { false } }
}

extension FleetFixture {
    /// Whether such a line was read.
    func hasRead(_ text: String) throws -> Bool {
        let media = try library.catalog.media(where: .all)
        return try media.contains { try library.catalog.lines(of: $0).contains { $0.text == text } }
    }
}
