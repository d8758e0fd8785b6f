import Basics
private import Foundation
package import SystemPackage
private import Yams

/// One setting from the command line.
package struct ConfigurationArgument: Sendable, Equatable {
    /// The key's name, such as `http.max_requests`.
    package var key: String
    package var values: [String]

    package init(_ key: String, _ values: String...) {
        self.key = key
        self.values = values
    }

    package init(_ key: String, values: [String]) {
        self.key = key
        self.values = values
    }
}

extension Configuration {
    /// Environment variables of ours that are no configuration keys: where the file is, and what the numeric modules read
    /// before the configuration exists.
    static let otherVariables = ["SACCADE_CONFIG", "SACCADE_SIMD", "SACCADE_THREADS"]

    static let maximumFileBytes = 1 << 20

    /// Puts the configuration together: defaults, then the file, then `SACCADE_*`, then arguments; the later wins.
    ///
    /// - Parameters:
    ///   - file: Must exist. Nil means `SACCADE_CONFIG`, else the first that exists of `config.yaml` in
    ///     `$CONFIGURATION_DIRECTORY`, `$XDG_CONFIG_HOME/saccade` (or `~/.config/saccade`) and `/etc/saccade`, else no file.
    ///   - currentDirectory: What relative paths of the environment and of arguments mean. Those of the file are relative to
    ///     the file.
    /// - Throws: `ConfigurationError` for the first thing that is wrong. Unknown keys are wrong.
    package static func load(
        file: FilePath? = nil,
        environment: [String: String],
        arguments: [ConfigurationArgument] = [],
        currentDirectory: FilePath,
        systemFile: FilePath = "/etc/saccade/config.yaml"
    ) throws(ConfigurationError) -> Configuration {
        let places = StandardPlaces(environment: environment, currentDirectory: currentDirectory)
        let scope = ConfigurationScope(directory: currentDirectory, home: places.home)
        var configuration = Configuration(state: places.state, socket: "")

        if let file = try places.configurationFile(explicit: file, system: systemFile) {
            configuration.file = file
            configuration.leavesPlaceOpen = file == systemFile
            let fileScope = ConfigurationScope(directory: file.removingLastComponent(), home: places.home)
            for setting in try ConfigurationFile.settings(of: file) {
                try configuration.set(setting, scope: fileScope)
            }
        }
        var settings = try environmentSettings(environment, notices: &configuration.notices)
        settings += arguments.map { argument in
            let option = "--" + argument.key.replacing("_", with: "-")
            return Setting(key: argument.key, values: argument.values, origin: "argument \(option)")
        }
        for setting in settings {
            try configuration.set(setting, scope: scope)
            if ["state", "socket"].contains(setting.key) { configuration.leavesPlaceOpen = false }
        }
        if configuration.socket.isEmpty {
            // Another state directory is another daemon, which must not meet the first at its socket.
            configuration.socket =
                configuration.state == places.state
                ? places.socket(state: configuration.state) : configuration.state.appending("saccade.sock")
        }
        if configuration.http.tcpPort != nil, configuration.http.tokenFile == nil {
            throw ConfigurationError(
                .missingValue,
                origin: "http.tcp_port",
                message:
                    "a TCP port requires a token: write one into a file of mode 0600 and name it in http.token_file"
            )
        }
        return configuration
    }

    /// The reloadable part of another configuration, put over this one.
    ///
    /// - Returns: The names of keys whose new value waits for a restart.
    package mutating func reload(from new: Configuration) -> [String] {
        file = new.file
        var waiting: [String] = []
        for key in ConfigurationKey.all where !key.isEqual(self, new) {
            if key.isReloadable { key.copy(&self, new) } else { waiting.append(key.name) }
        }
        return waiting
    }

    /// A variable that is nearly one of ours is a misspelling and an error. Another that begins with `SACCADE_` may belong to a
    /// script around us, so it is only noted.
    private static func environmentSettings(
        _ environment: [String: String],
        notices: inout [String]
    ) throws(ConfigurationError) -> [Setting] {
        var settings: [Setting] = []
        let prefix = "SACCADE_"
        let known = (ConfigurationKey.all.map(\.environmentName) + otherVariables).map {
            String($0.dropFirst(prefix.count))
        }
        for (name, value) in environment.sorted(by: { $0.key < $1.key }) where name.hasPrefix(prefix) {
            if otherVariables.contains(name) { continue }
            guard let key = ConfigurationKey.all.first(where: { $0.environmentName == name }) else {
                for (old, new) in ConfigurationKey.renamed where ConfigurationKey.environmentName(of: old) == name {
                    throw ConfigurationError(
                        .unknownKey,
                        origin: "environment",
                        message: "\(name) is now \(ConfigurationKey.environmentName(of: new))"
                    )
                }
                guard let meant = Spelling.nearest(to: String(name.dropFirst(prefix.count)), among: known) else {
                    notices.append("the environment variable \(name) is not a setting of saccade: it has no effect")
                    continue
                }
                throw ConfigurationError(
                    .unknownKey,
                    origin: "environment",
                    message: "unknown variable \(name); did you mean \(prefix)\(meant)?"
                )
            }
            let values =
                key.isList ? value.split(separator: ":", omittingEmptySubsequences: true).map(String.init) : [value]
            settings.append(Setting(key: key.name, values: values, origin: "environment variable \(name)"))
        }
        return settings
    }

    private mutating func set(_ setting: Setting, scope: ConfigurationScope) throws(ConfigurationError) {
        guard let key = ConfigurationKey.named(setting.key) else {
            if let new = ConfigurationKey.renamed[setting.key] {
                throw ConfigurationError(
                    .unknownKey, origin: setting.origin, message: "“\(setting.key)” is now “\(new)”")
            }
            let names = ConfigurationKey.all.map(\.name)
            let advice = Spelling.nearest(to: setting.key, among: names).map { "; did you mean “\($0)”?" }
            throw ConfigurationError(
                .unknownKey,
                origin: setting.origin,
                message: "unknown key “\(setting.key)”\(advice ?? "; known keys are \(names.joined(separator: ", "))")"
            )
        }
        guard key.isList || setting.values.count == 1 else {
            throw ConfigurationError(
                .invalidValue, origin: setting.origin, message: "“\(key.name)” takes one value, not a list"
            )
        }
        guard key.set(&self, setting.values, scope) else {
            throw ConfigurationError(
                .invalidValue,
                origin: setting.origin,
                message: "invalid value “\(setting.values.joined(separator: ", "))” for “\(key.name)”: "
                    + "expected \(key.expected)"
            )
        }
    }
}

/// A key with the text of its value and where that was said.
struct Setting: Sendable {
    var key: String
    var values: [String]
    var origin: String
}

/// The configuration file: YAML whose nested mappings give dotted keys.
enum ConfigurationFile {
    /// The file's settings in its order.
    static func settings(of file: FilePath) throws(ConfigurationError) -> [Setting] {
        let text = try read(file)
        let node: Node?
        do {
            node = try Yams.compose(yaml: text)
        } catch {
            throw ConfigurationError(.invalidFile, origin: file.string, message: "not YAML: \(error)")
        }
        guard let node, !isNull(node) else { return [] }
        guard case .mapping(let mapping) = node else {
            throw ConfigurationError(
                .invalidFile, origin: file.string, message: "the file must be a list of `key: value` lines"
            )
        }
        var settings: [Setting] = []
        try collect(mapping, prefix: "", file: file, into: &settings)
        return settings
    }

    private static func read(_ file: FilePath) throws(ConfigurationError) -> String {
        let data: Data
        do {
            let descriptor = try FileDescriptor.open(file, .readOnly, options: .nonBlocking)
            defer { try? descriptor.close() }
            let handle = FileHandle(fileDescriptor: descriptor.rawValue, closeOnDealloc: false)
            data = try handle.read(upToCount: Configuration.maximumFileBytes + 1) ?? Data()
        } catch {
            throw ConfigurationError(
                .unreadableFile, origin: file.string, message: "the configuration file can't be read: \(error)"
            )
        }
        guard data.count <= Configuration.maximumFileBytes else {
            throw ConfigurationError(.invalidFile, origin: file.string, message: "the file is longer than 1 MiB")
        }
        guard let text = String(validating: data, as: UTF8.self) else {
            throw ConfigurationError(.invalidFile, origin: file.string, message: "the file is not UTF-8")
        }
        return text
    }

    private static func collect(
        _ mapping: Node.Mapping,
        prefix: String,
        file: FilePath,
        into settings: inout [Setting]
    ) throws(ConfigurationError) {
        for (keyNode, value) in mapping {
            let origin = keyNode.mark.map { "\(file.string):\($0.line)" } ?? file.string
            guard case .scalar(let scalar) = keyNode else {
                throw ConfigurationError(.invalidFile, origin: origin, message: "a key must be a plain word")
            }
            let key = prefix + scalar.string
            switch value {
            case .mapping(let nested):
                let sections = Set(ConfigurationKey.all.compactMap { $0.name.split(separator: ".").dropLast().first })
                guard prefix.isEmpty, sections.contains(Substring(scalar.string)) else {
                    guard ConfigurationKey.named(key) != nil else {
                        // The key itself is what is wrong, whatever it holds.
                        settings.append(Setting(key: key, values: [], origin: origin))
                        continue
                    }
                    throw ConfigurationError(
                        .invalidValue, origin: origin, message: "“\(key)” takes a value, not a section"
                    )
                }
                try collect(nested, prefix: key + ".", file: file, into: &settings)
            case .sequence(let sequence):
                var values: [String] = []
                for element in sequence {
                    guard case .scalar(let item) = element, !isNull(element) else {
                        throw ConfigurationError(
                            .invalidValue, origin: origin, message: "“\(key)” must be a list of plain values"
                        )
                    }
                    values.append(item.string)
                }
                settings.append(Setting(key: key, values: values, origin: origin))
            case .scalar(let item):
                guard !isNull(value) else {
                    guard ConfigurationKey.named(key) != nil else {
                        settings.append(Setting(key: key, values: [], origin: origin))
                        continue
                    }
                    throw ConfigurationError(
                        .missingValue, origin: origin, message: "“\(key)” has no value; write one or take the line out"
                    )
                }
                settings.append(Setting(key: key, values: [item.string], origin: origin))
            case .alias:
                throw ConfigurationError(.invalidFile, origin: origin, message: "“\(key)” uses an alias; write it out")
            }
        }
    }

    private static func isNull(_ node: Node) -> Bool {
        guard case .scalar(let scalar) = node, scalar.style == .plain || scalar.style == .any else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }
}
