package import Basics
package import Catalog

/// When ingest rests, and when it slows down.
package struct RestSettings: Sendable, Equatable {
    /// Hours in which nothing is indexed.
    package var quietHours: DailyHours?
    /// Whether a machine that runs on its battery indexes.
    package var indexesOnBattery: Bool
    /// Per cent of pressure above which ingest slows down.
    package var maximumPressure: [Pressure.Resource: Double]

    package init(
        quietHours: DailyHours? = nil, indexesOnBattery: Bool = true,
        maximumPressure: [Pressure.Resource: Double] = [:]
    ) {
        self.quietHours = quietHours
        self.indexesOnBattery = indexesOnBattery
        self.maximumPressure = maximumPressure
    }
}

/// That a person has paused ingest.
package struct Pause: Sendable, Equatable {
    /// When it ends by itself; nil when somebody has to end it.
    package var until: Timestamp?

    package init(until: Timestamp? = nil) {
        self.until = until
    }
}

/// Why nothing is indexed although nothing is wrong.
package enum RestCause: Sendable, Equatable {
    case paused(until: Timestamp?)
    case quietHours(DailyHours, until: Timestamp)
    case battery

    /// What holds now; a person's word comes first.
    ///
    /// - Parameter secondOfDay: by the clock on the wall.
    package init?(
        _ pause: Pause?, _ settings: RestSettings, isOnBattery: Bool, secondOfDay: Int, at now: Timestamp
    ) {
        if let pause, pause.until.map({ $0 > now }) ?? true {
            self = .paused(until: pause.until)
        } else if let hours = settings.quietHours, let left = hours.minutesLeft(at: secondOfDay / 60) {
            self = .quietHours(hours, until: now + Double(left * 60 - secondOfDay % 60))
        } else if !settings.indexesOnBattery, isOnBattery {
            self = .battery
        } else {
            return nil
        }
    }

    package var until: Timestamp? {
        switch self {
        case .paused(let until): until
        case .quietHours(_, let until): until
        case .battery: nil
        }
    }

    /// In words that say how it ends.
    package var reason: String {
        switch self {
        case .paused: "paused by a person: `saccade resume` goes on"
        case .quietHours(let hours, _): "quiet hours, \(hours) (ingest.quiet_hours)"
        case .battery: "the computer runs on its battery: plug it in, or set ingest.on_battery to true"
        }
    }
}

/// How fast ingest may go under pressure: its share of the time halves at each look while something is short, and grows again when nothing is.
package struct Slowdown: Sendable, Equatable {
    package static let least = 0.1
    private static let recovery = 0.1

    /// The part of the time that the encoder may work, from ``least`` to 1.
    package private(set) var share = 1.0
    /// What is short, in words; nil at full speed.
    package private(set) var reason: String?

    package init() {}

    /// Takes what a look has shown.
    package mutating func observe(_ pressure: Pressure, limits: [Pressure.Resource: Double]) {
        let short = Pressure.Resource.allCases.compactMap { resource -> (Pressure.Resource, Double, Double)? in
            guard let limit = limits[resource], let share = pressure.shares[resource], share > limit else { return nil }
            return (resource, share, limit)
        }
        guard let worst = short.max(by: { $0.1 / max(1, $0.2) < $1.1 / max(1, $1.2) }) else {
            share = min(1, share + Self.recovery)
            // Sums of tenths.
            if share > 0.999 { (share, reason) = (1, nil) }
            return
        }
        share = max(Self.least, share / 2)
        reason = """
            \(worst.0.rawValue) pressure is \(Int(worst.1.rounded())) %, above ingest.max_\(worst.0.rawValue)_pressure
            """
    }

    /// Seconds to rest after work of some seconds.
    package func pause(after seconds: Double) -> Double { seconds * (1 - share) / share }
}
