package import Basics
package import Library

/// What the kernel says of this process, and what it allows.
package struct ProcessMeasures: Sendable, Equatable {
    package var residentBytes: Int?
    package var openDescriptors: Int
    /// nil where nobody says, or all are allowed.
    package var maximumDescriptors: Int?
    package var threads: Int?
    /// Directories that this user may watch.
    package var maximumWatches: Int?

    /// Blocking.
    package init(_ files: some SystemFiles) {
        for line in (files.text(of: "/proc/self/status") ?? "").split(whereSeparator: \.isNewline) {
            let words = line.split(whereSeparator: \.isWhitespace)
            guard words.count > 1, let value = Int(words[1]) else { continue }
            switch words[0] {
            case "VmRSS:": residentBytes = value * 1024
            case "Threads:": threads = value
            default: continue
            }
        }
        openDescriptors = files.names(in: "/proc/self/fd").count
        for line in (files.text(of: "/proc/self/limits") ?? "").split(whereSeparator: \.isNewline)
        where line.hasPrefix("Max open files") {
            maximumDescriptors = line.dropFirst("Max open files".count).split(separator: " ").first.flatMap { Int($0) }
        }
        maximumWatches = files.text(of: "/proc/sys/fs/inotify/max_user_watches").flatMap {
            Int($0.filter { !$0.isWhitespace })
        }
    }

    /// What runs out, in words; nil while a fifth of it is left.
    package var shortage: String? {
        guard let maximumDescriptors, openDescriptors * 5 > maximumDescriptors * 4 else { return nil }
        return """
            \(openDescriptors) of \(maximumDescriptors) file descriptors are in use: raise LimitNOFILE (systemd) or `ulimit -n`, \
            or lower http.max_connections
            """
    }

    package var families: [MetricFamily] {
        var families = [
            MetricFamily("process_open_fds", .gauge, "Open file descriptors.", openDescriptors)
        ]
        func add(_ name: String, _ help: String, _ value: Int?) {
            if let value { families.append(MetricFamily(name, .gauge, help, value)) }
        }
        add("process_max_fds", "File descriptors that may be open.", maximumDescriptors)
        add("process_resident_memory_bytes", "Resident memory.", residentBytes)
        add("process_threads", "Threads.", threads)
        add("saccade_watches_allowed", "Directories that the user of the daemon may watch.", maximumWatches)
        return families
    }
}
