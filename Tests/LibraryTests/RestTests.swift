import Basics
import Catalog
import DecodeProtocol
import FolderFakes
import FolderWatch
import Foundation
import Library
import Search
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(3))) struct RestTests {
    @Test func `A person's pause comes before the hour, and the hour before the battery`() throws {
        let hours = try #require(DailyHours("22:00-07:00"))
        let settings = RestSettings(quietHours: hours, indexesOnBattery: false)
        func cause(_ pause: Pause?, _ settings: RestSettings = settings, battery: Bool, at hour: Int) -> RestCause? {
            RestCause(pause, settings, isOnBattery: battery, secondOfDay: hour * 3600 + 30, at: 1000)
        }
        #expect(cause(Pause(), battery: true, at: 23) == .paused(until: nil))
        #expect(cause(Pause(until: 1001), battery: true, at: 23) == .paused(until: 1001))
        #expect(
            cause(Pause(until: 1000), battery: true, at: 23) == .quietHours(hours, until: 1000 + 8 * 3600 - 30))
        #expect(cause(nil, battery: true, at: 12) == .battery)
        #expect(cause(nil, battery: false, at: 12) == nil)
        #expect(cause(nil, RestSettings(indexesOnBattery: true), battery: true, at: 23) == nil)
        for cause in [RestCause.paused(until: nil), .quietHours(hours, until: 0), .battery] {
            #expect(cause.reason.count > 10)
        }
    }

    @Test func `A machine is on its battery when that discharges and nothing feeds it`() {
        let battery = PowerSupply(type: "Battery", status: "Discharging")
        #expect(PowerSupply.isOnBattery([battery]))
        #expect(PowerSupply.isOnBattery([battery, PowerSupply(type: "Mains", isOnline: false)]))
        #expect(!PowerSupply.isOnBattery([battery, PowerSupply(type: "Mains", isOnline: true)]))
        #expect(!PowerSupply.isOnBattery([battery, PowerSupply(type: "USB", isOnline: true)]))
        #expect(!PowerSupply.isOnBattery([PowerSupply(type: "Battery", status: "Full")]))
        #expect(!PowerSupply.isOnBattery([PowerSupply(type: "Battery", scope: "Device", status: "Discharging")]))
        #expect(!PowerSupply.isOnBattery([]))
        #expect(PowerSupply.isOnBattery(PowerSupply.all(FakeMachine(FakeMachine.laptop(isPluggedIn: false)))))
        #expect(!PowerSupply.isOnBattery(PowerSupply.all(FakeMachine(FakeMachine.laptop(isPluggedIn: true)))))
        _ = PowerSupply.all(LinuxSystemFiles())
    }

    @Test(
        arguments: [
            (
                "some avg10=12.34 avg60=1.00 avg300=0.00 total=9\nfull avg10=99.00 avg60=0.00 avg300=0.00 total=0\n",
                12.34
            ),
            ("some avg10=0.00\n", 0), ("full avg10=5.00\n", nil), ("", nil), ("some avg10=\n", nil),
            ("some avg10=nan", nil),
            ("some avg10=101", nil), ("some avg10=-1", nil), ("some avg60=3", nil),
        ] as [(String, Double?)])
    func `Pressure is read from the kernel's text, and from no other`(text: String, share: Double?) {
        #expect(Pressure.parse(text) == share)
    }

    @Test func `Under pressure the encoder's share halves down to a tenth, and comes back in steps`() {
        let limits: [Pressure.Resource: Double] = [.memory: 20, .io: 50]
        var slowdown = Slowdown()
        slowdown.observe(Pressure([.memory: 20, .cpu: 100]), limits: limits)
        #expect(slowdown.share == 1 && slowdown.reason == nil && slowdown.pause(after: 5) == 0)
        slowdown.observe(Pressure([.memory: 30, .io: 60]), limits: limits)
        #expect(slowdown.share == 0.5 && slowdown.pause(after: 5) == 5)
        #expect(slowdown.reason == "memory pressure is 30 %, above ingest.max_memory_pressure")
        for _ in 0..<9 { slowdown.observe(Pressure([.io: 51]), limits: limits) }
        #expect(slowdown.share == Slowdown.least && slowdown.reason?.hasPrefix("io") == true)
        for _ in 0..<8 { slowdown.observe(Pressure([:]), limits: limits) }
        #expect(slowdown.share < 1 && slowdown.reason != nil)
        slowdown.observe(Pressure([:]), limits: limits)
        #expect(slowdown.share == 1 && slowdown.reason == nil)
    }

    @Test
    func `Paused, nothing is indexed, what was in work resumes after its last clip, and a restart changes nothing`()
        async throws
    {
        let directory = try TemporaryDirectory()
        do {
            let reached = AsyncStream.makeStream(of: Void.self)
            let paused = AsyncStream.makeStream(of: Void.self)
            let source = FakeSource { _, event in
                guard case .frame(let frame) = event, frame.time == 22 else { return }
                reached.continuation.yield()
                for await _ in paused.stream {}
            }
            let fixture = try LibraryFixture(in: directory, source: source, batchFrames: 1)
            try fixture.write("25 12", to: "a.mp4")
            let events = fixture.library.events()
            try await fixture.running {
                _ = try await fixture.library.addRoot(fixture.folder)
                for await _ in reached.stream { break }
                _ = try await events.first { $0.progress(clips: 2) != nil }
                #expect(try await fixture.library.pause() == .paused(until: nil))
                paused.continuation.finish()
                try await eventually {
                    let status = try await fixture.library.status()
                    return status.current.isEmpty && status.rest == .paused(until: nil) && status.paused == nil
                }
                #expect(try fixture.catalog.statistics().media == [.pending: 1])
                // Files are found as ever.
                try fixture.write("3", to: "new.mp4")
                fixture.watcher.tell(WatchHints(directories: [fixture.folder]))
                _ = try await events.first { if case .folder(.mediaFound) = $0 { true } else { false } }
                #expect(try fixture.catalog.statistics().media == [.pending: 2])
                #expect(source.decodings.count == 1)
            }
            fixture.library.close()
        }
        let fixture = try LibraryFixture(in: directory)
        let events = fixture.library.events()
        try await fixture.running {
            try await eventually { try await fixture.library.status().watcher == .watching }
            #expect(try await fixture.library.status().rest == .paused(until: nil))
            #expect(fixture.source.decodings.isEmpty)
            #expect(try await fixture.library.resume() == nil)
            #expect(try await events.indexed(2).count == 2)
        }
        #expect(fixture.source.decodings.map(\.start).sorted() == [0, 12])
        #expect(fixture.library.live?.count == 5)
        let file = fixture.catalog.state.appending("ingest.paused").string
        #expect(!FileManager.default.fileExists(atPath: file))
    }

    @Test func `A pause for some time ends by itself`() async throws {
        let fixture = try LibraryFixture()
        try fixture.write("3", to: "a.mp4")
        let events = fixture.library.events()
        try await fixture.running {
            let until = fixture.clock.now + 3600
            #expect(try await fixture.library.pause(seconds: 3600) == .paused(until: until))
            _ = try await fixture.library.addRoot(fixture.folder)
            _ = try await events.first(\.isScanFinished)
            #expect(fixture.source.decodings.isEmpty)
            async let indexed = events.indexed()
            fixture.clock.waitsForNobody()
            #expect(try await indexed.count == 1)
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `A pause of an hour ends after an hour though the clock is set back by a month`() async throws {
        let fixture = try LibraryFixture()
        try await fixture.running {
            try await eventually { try await fixture.library.status().watcher == .watching }
            _ = try await fixture.library.pause(seconds: 3600)
            let began = fixture.clock.uptime
            fixture.clock.set(-30 * 86_400)
            try await eventually {
                fixture.clock.advance(60)
                return try await fixture.library.status().rest == nil
            }
            // It is noticed at the next look at the folders.
            #expect(fixture.clock.uptime - began < 10 * 86_400)
        }
    }

    @Test(arguments: ["", "until", "until never", "until nan", "until inf", "until 1e308", "\u{0}\u{FF}", "until 1 2"])
    func `A file of a pause that says nothing is a pause without an end`(text: String) async throws {
        let directory = try TemporaryDirectory()
        let state = try FilePath.realPath(of: directory.path).appending("state")
        try FileManager.default.createDirectory(atPath: state.string, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(filePath: state.appending("ingest.paused").string))
        let fixture = try LibraryFixture(in: directory)
        #expect(try await fixture.library.status().rest == .paused(until: nil))
        #expect(try await fixture.library.resume() == nil)
        #expect(try await fixture.library.status().rest == nil)
    }

    @Test func `A pause that can't be kept is an error, and changes nothing`() async throws {
        let fixture = try LibraryFixture()
        let file = fixture.catalog.state.appending("ingest.paused").string
        try FileManager.default.createDirectory(atPath: file + "/in/the/way", withIntermediateDirectories: true)
        await #expect(throws: CatalogError.self) { try await fixture.library.pause() }
        #expect(try await fixture.library.status().rest == nil)
    }

    @Test
    func `In quiet hours and on the battery ingest rests, and goes on when they are over`() async throws {
        // The clock on the wall begins at midnight.
        let machine = FakeMachine(FakeMachine.laptop(isPluggedIn: false))
        let hours = try #require(DailyHours("00:00-06:00"))
        let settings = RestSettings(quietHours: hours, indexesOnBattery: false)
        let fixture = try LibraryFixture(rest: settings, machine: machine)
        try fixture.write("3", to: "a.mp4")
        let events = fixture.library.events()
        try await fixture.running {
            _ = try await fixture.library.addRoot(fixture.folder)
            _ = try await events.first(\.isScanFinished)
            let status = try await fixture.library.status()
            guard case .quietHours(hours, let until)? = status.rest else {
                Issue.record("\(String(describing: status.rest))")
                return
            }
            #expect(abs(until - (fixture.clock.start + 6 * 3600)) < 60)
            fixture.library.setRest(RestSettings(indexesOnBattery: false))
            try await eventually { try await fixture.library.status().rest == .battery }
            for (file, text) in FakeMachine.laptop(isPluggedIn: true) { machine.set(file, text) }
            async let indexed = events.indexed()
            fixture.clock.waitsForNobody()
            #expect(try await indexed.count == 1)
        }
        #expect(try await fixture.library.status().rest == nil)
    }

    @Test func `What is named is indexed at once, whatever the hour`() async throws {
        let machine = FakeMachine(FakeMachine.laptop(isPluggedIn: false))
        let fixture = try LibraryFixture(rest: RestSettings(indexesOnBattery: false), machine: machine)
        let file = try fixture.write("3", to: "a.mp4")
        #expect(try await fixture.library.index([file]).first?.result == .indexed(clips: 1))
    }

    @Test func `Under pressure ingest slows down and says why`() async throws {
        let machine = FakeMachine(["/proc/pressure/memory": "some avg10=80.00 avg60=0 avg300=0 total=0\n"])
        let fixture = try LibraryFixture(rest: RestSettings(maximumPressure: [.memory: 20]), machine: machine)
        let slowdown = try await fixture.library.status().slowdown
        #expect(slowdown.share == 0.5 && slowdown.reason?.contains("80 %") == true)
        try fixture.write("3", to: "a.mp4")
        let events = fixture.library.events()
        try await fixture.running {
            _ = try await fixture.library.addRoot(fixture.folder)
            async let indexed = events.indexed()
            fixture.clock.waitsForNobody()
            #expect(try await indexed.count == 1)
        }
    }
}
