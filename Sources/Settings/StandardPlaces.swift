package import SystemPackage

#if canImport(Glibc)
    private import Glibc
#endif

/// Where things are when nobody says: systemd's directories, then XDG's, then the home directory's.
package struct StandardPlaces: Sendable {
    var environment: [String: String]
    var currentDirectory: FilePath

    package init(environment: [String: String], currentDirectory: FilePath) {
        self.environment = environment
        self.currentDirectory = currentDirectory
    }

    package var home: FilePath? { absolute("HOME") }

    /// `$STATE_DIRECTORY`, else `$XDG_STATE_HOME/saccade`, else `~/.local/state/saccade`.
    package var state: FilePath {
        if let directory = systemd("STATE_DIRECTORY") { return directory }
        if let base = absolute("XDG_STATE_HOME") { return base.appending("saccade") }
        return (home ?? currentDirectory).appending(".local/state/saccade")
    }

    /// `$RUNTIME_DIRECTORY/saccade.sock`, else `$XDG_RUNTIME_DIR/saccade.sock`, else `STATE/saccade.sock`.
    package func socket(state: FilePath) -> FilePath {
        let directory = systemd("RUNTIME_DIRECTORY") ?? absolute("XDG_RUNTIME_DIR") ?? state
        return directory.appending("saccade.sock")
    }

    /// `$XDG_CACHE_HOME/saccade`, else `~/.cache/saccade`: what may be lost at any time.
    package var cache: FilePath {
        if let base = absolute("XDG_CACHE_HOME") { return base.appending("saccade") }
        return (home ?? currentDirectory).appending(".cache/saccade")
    }

    func configurationFile(explicit: FilePath?, system: FilePath) throws(ConfigurationError) -> FilePath? {
        if let explicit { return currentDirectory.pushing(explicit) }
        if let named = environment["SACCADE_CONFIG"], !named.isEmpty {
            return currentDirectory.pushing(FilePath(named))
        }
        let candidates = [
            systemd("CONFIGURATION_DIRECTORY")?.appending("config.yaml"),
            (absolute("XDG_CONFIG_HOME") ?? home?.appending(".config"))?.appending("saccade/config.yaml"),
            system,
        ]
        // A file that exists but can't be read is an error, not the same as no file.
        return candidates.compactMap { $0 }.first { unsafe $0.withPlatformString { unsafe access($0, F_OK) } == 0 }
    }

    /// systemd gives several directories with colons between; the first is ours.
    private func systemd(_ name: String) -> FilePath? {
        guard let first = environment[name]?.split(separator: ":").first, first.hasPrefix("/") else { return nil }
        return FilePath(String(first))
    }

    /// The XDG specification says that relative paths are to be ignored.
    private func absolute(_ name: String) -> FilePath? {
        guard let value = environment[name], value.hasPrefix("/") else { return nil }
        return FilePath(value)
    }
}
