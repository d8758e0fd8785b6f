import Foundation
import Settings
import SystemPackage

extension FuzzTarget {
    /// A configuration file.
    static let configuration = FuzzTarget(name: "configuration") {
        let example = """
            # a comment
            log_level: info
            roots:
              - ~/Videos
              - /srv/camera
            ingest:
              decoders: 2
              rescan_seconds: 900.5
            http: {max_requests: 32, tcp_port: 8080, token_file: "token"}
            """
        let everyKey = ConfigurationKey.all.filter { !$0.name.contains(".") }.map { "\($0.name): null" }
        return [example, everyKey.joined(separator: "\n"), "---\n!!str 'state': &a |\n  b\n...\n", "a: *a", "[]"].map {
            Array($0.utf8)
        }
    } check: { input in
        guard (try? Data(input).write(to: URL(filePath: scratch.string))) != nil else {
            fatalError("\(scratch) can't be written")
        }
        do throws(ConfigurationError) {
            let loaded = try Configuration.load(
                file: scratch, environment: ["HOME": "/home/me"], currentDirectory: "/", systemFile: "/none")
            var again = loaded
            require(again.reload(from: loaded).isEmpty, "a file that didn't change asks for no restart")
            require(again == loaded, "a file that didn't change changes nothing")
        } catch {
            require(!error.message.isEmpty && !error.origin.isEmpty, "an error says what and where")
        }
    }

    /// In memory where there is such a place.
    private static let scratch = FilePath(
        (FileManager.default.fileExists(atPath: "/dev/shm") ? "/dev/shm" : "/tmp") + "/saccade-fuzz-\(getpid()).yaml")
}
