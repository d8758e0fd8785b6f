/// What the machine lacks, as the kernel measures it: the share of the last ten seconds in which some task waited for it, in per cent
/// (Documentation/accounting/psi.rst).
package struct Pressure: Sendable, Equatable {
    package enum Resource: String, Sendable, CaseIterable {
        case cpu, io, memory
    }

    package var shares: [Resource: Double]

    package init(_ shares: [Resource: Double]) {
        self.shares = shares
    }

    /// Empty where the kernel doesn't measure it. Blocking.
    package init(_ files: some SystemFiles) {
        shares = [:]
        for resource in Resource.allCases {
            guard let text = files.text(of: "/proc/pressure/\(resource.rawValue)") else { continue }
            shares[resource] = Self.parse(text)
        }
    }

    /// The average of ten seconds of `some`; nil for a text of another form.
    package static func parse(_ text: String) -> Double? {
        for line in text.split(whereSeparator: \.isNewline) {
            let words = line.split(separator: " ")
            guard words.first == "some" else { continue }
            for word in words where word.hasPrefix("avg10=") {
                guard let share = Double(word.dropFirst(6)), (0...100).contains(share) else { return nil }
                return share
            }
        }
        return nil
    }
}

/// What `/sys/class/power_supply` says of one supply (Documentation/ABI/testing/sysfs-class-power).
package struct PowerSupply: Sendable, Equatable {
    package var type: String
    /// `Device` for the battery of a mouse or a keyboard.
    package var scope: String?
    package var status: String?
    package var isOnline: Bool?

    package init(type: String, scope: String? = nil, status: String? = nil, isOnline: Bool? = nil) {
        self.type = type
        self.scope = scope
        self.status = status
        self.isOnline = isOnline
    }

    /// Those of the machine. Blocking.
    package static func all(_ files: some SystemFiles) -> [PowerSupply] {
        let folder = "/sys/class/power_supply"
        return files.names(in: folder).sorted().compactMap { name in
            func value(_ key: String) -> String? {
                files.text(of: "\(folder)/\(name)/\(key)").map { $0.filter { !$0.isNewline } }
            }
            guard let type = value("type") else { return nil }
            return PowerSupply(
                type: type, scope: value("scope"), status: value("status"),
                isOnline: value("online").flatMap { ["0": false, "1": true][$0] })
        }
    }

    /// Whether the machine runs on its battery: one of its own discharges and nothing feeds it.
    package static func isOnBattery(_ supplies: [PowerSupply]) -> Bool {
        let own = supplies.filter { $0.scope != "Device" }
        let isFed = own.contains { $0.type != "Battery" && $0.type != "UPS" && $0.isOnline == true }
        return !isFed && own.contains { $0.type == "Battery" && $0.status == "Discharging" }
    }
}
