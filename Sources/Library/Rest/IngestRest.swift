import Basics
internal import Catalog
internal import Foundation
internal import Synchronization
internal import SystemPackage
internal import Threads

/// Decides whether ingest works, rests or goes slowly: by a person's pause, the hour, the battery and the pressure on the machine.
///
/// A pause outlives the program, as a file in the state folder.
final class IngestRest: Sendable {
    private struct State {
        var settings: RestSettings
        var pause: Pause?
        var cause: RestCause?
        var slowdown = Slowdown()
        /// Until when the encoder rests under pressure, by the clock that nobody sets.
        var slowUntil = -Double.infinity
        var isStopped = false
    }

    /// Seconds between two looks at the machine.
    private static let interval = 5.0

    private let file: FilePath
    private let clock: any WallClock
    private let files: any SystemFiles
    private let secondOfDay: @Sendable (Timestamp) -> Int
    private let onChange: @Sendable (RestCause?) -> Void
    private let state: Mutex<State>
    private let wakeup = Wakeup()

    /// Blocking.
    ///
    /// - Parameters:
    ///   - folder: of the state.
    ///   - secondOfDay: of a time, by the clock on the wall.
    ///   - onChange: is called, from any thread, when ingest begins to rest, goes on, or rests for another reason.
    init(
        settings: RestSettings, folder: FilePath, clock: any WallClock, files: any SystemFiles,
        secondOfDay: @escaping @Sendable (Timestamp) -> Int, onChange: @escaping @Sendable (RestCause?) -> Void
    ) {
        file = folder.appending("ingest.paused")
        self.clock = clock
        self.files = files
        self.secondOfDay = secondOfDay
        self.onChange = onChange
        state = Mutex(State(settings: settings, pause: files.text(of: file.string).map(Self.pause)))
        look()
    }

    /// Why ingest rests; nil when it doesn't.
    var cause: RestCause? { state.withLock { $0.cause } }

    /// How fast it goes.
    var slowdown: Slowdown { state.withLock { $0.slowdown } }

    /// Rests until ``resume()``, or for some seconds. Blocking.
    ///
    /// - Throws: ``CatalogError`` `unreadable`; nothing has changed then.
    func pause(seconds: Double?) throws(CatalogError) {
        let pause = Pause(until: seconds.map { clock.now + $0 })
        do {
            try keep(pause)
        } catch {
            throw CatalogError(.unreadable, "\(file) can't be written, so ingest isn't paused: \(error)")
        }
        state.withLock { $0.pause = pause }
        look()
        wakeup.fire()
    }

    /// Ends a pause. Blocking.
    ///
    /// - Throws: ``CatalogError`` `unreadable`; nothing has changed then.
    func resume() throws(CatalogError) {
        do {
            try forget()
        } catch {
            throw CatalogError(.unreadable, "\(file) can't be removed, so ingest stays paused: \(error)")
        }
        state.withLock { $0.pause = nil }
        look()
        wakeup.fire()
    }

    /// Lets a pause end when it was meant to, although the time of day was set back by some seconds. Blocking.
    func bringForward(by seconds: Double) {
        let pause = state.withLock { state -> Pause? in
            guard let until = state.pause?.until else { return nil }
            state.pause = Pause(until: until - seconds)
            return state.pause
        }
        guard let pause else { return }
        // Where it can't be kept, only a restart makes the pause longer.
        try? keep(pause)
        look()
        wakeup.fire()
    }

    private func keep(_ pause: Pause) throws {
        let text = "until \(pause.until.map { "\($0)" } ?? "resumed")\n"
        try Data(text.utf8).write(to: URL(filePath: file.string), options: .atomic)
    }

    private func forget() throws {
        guard FileManager.default.fileExists(atPath: file.string) else { return }
        try FileManager.default.removeItem(atPath: file.string)
    }

    /// What a file of a pause says; one that says nothing is a pause without an end.
    private static func pause(_ text: String) -> Pause {
        let words = text.split(whereSeparator: \.isWhitespace)
        guard words.count == 2, words[0] == "until", let until = Double(words[1]), until < firstUnwritable else {
            return Pause()
        }
        return Pause(until: until)
    }

    /// The year 10000, which RFC 3339 can't write: no moment that is told may lie there.
    private static let firstUnwritable = 253_402_300_800.0

    func update(_ settings: RestSettings) {
        state.withLock { $0.settings = settings }
        wakeup.fire()
    }

    /// Looks at the machine until ``stop()``, for as long as something depends on it.
    func run() async {
        while true {
            let ticket = wakeup.ticket
            guard !state.withLock({ $0.isStopped }), !Task.isCancelled else { return }
            await BlockingExecutor.shared.run { self.look() }
            await wakeup.wait(since: ticket, seconds: nextLook, clock: clock)
        }
    }

    func stop() {
        state.withLock { $0.isStopped = true }
        wakeup.fire()
    }

    /// Seconds until the next look; nil when only ``pause(seconds:)``, ``resume()`` and ``update(_:)`` change something.
    private var nextLook: Double? {
        state.withLock { state in
            let settings = state.settings
            guard settings.quietHours == nil, settings.indexesOnBattery, settings.maximumPressure.isEmpty else {
                return Self.interval
            }
            return state.pause?.until.map { max(0.1, $0 - clock.now) }
        }
    }

    /// Blocking.
    private func look() {
        let settings = state.withLock { $0.settings }
        let isOnBattery = !settings.indexesOnBattery && PowerSupply.isOnBattery(PowerSupply.all(files))
        let pressure = settings.maximumPressure.isEmpty ? Pressure([:]) : Pressure(files)
        let now = clock.now
        let (change, hasEnded) = state.withLock { state in
            let hasEnded = state.pause?.until.map { $0 <= now } ?? false
            if hasEnded { state.pause = nil }
            let before = state.cause
            state.cause = RestCause(
                state.pause, settings, isOnBattery: isOnBattery, secondOfDay: secondOfDay(now), at: now)
            state.slowdown.observe(pressure, limits: settings.maximumPressure)
            // The end of the quiet hours, counted in seconds, is a little different each time.
            return (before?.reason != state.cause?.reason ? .some(state.cause) : .none as RestCause??, hasEnded)
        }
        if hasEnded { try? forget() }
        if let change { onChange(change) }
    }

    /// Waits until the next batch may be encoded under the pressure that there is.
    func waitForTurn() async {
        while !Task.isCancelled {
            let ticket = wakeup.ticket
            let (until, isStopped) = state.withLock { ($0.slowUntil, $0.isStopped) }
            let rest = until - clock.uptime
            guard rest > 0, !isStopped else { return }
            await wakeup.wait(since: ticket, seconds: rest, clock: clock)
        }
    }

    /// - Parameter seconds: in which a batch was encoded.
    func didEncode(seconds: Double) {
        let now = clock.uptime
        state.withLock { $0.slowUntil = now + $0.slowdown.pause(after: seconds) }
    }

    /// Seconds since midnight where the machine stands.
    static func secondOfDay(_ time: Timestamp) -> Int {
        let date = Date(timeIntervalSince1970: time)
        let parts = Calendar(identifier: .gregorian).dateComponents(in: .current, from: date)
        return (parts.hour ?? 0) * 3600 + (parts.minute ?? 0) * 60 + (parts.second ?? 0)
    }
}
