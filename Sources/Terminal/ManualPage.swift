package import ArgumentParser
internal import Basics
internal import Foundation

/// What the argument parser says of a program, as far as a manual page needs it.
struct ToolDescription: Decodable {
    var command: Command

    struct Command: Decodable {
        var commandName: String
        var abstract: String?
        var discussion: String?
        var shouldDisplay: Bool?
        var subcommands: [Command]?
        var arguments: [Argument]?
    }

    struct Argument: Decodable {
        enum Kind: String, Decodable {
            case positional, option, flag
        }

        struct Name: Decodable {
            var kind: String
            var name: String

            var text: String { (kind == "long" ? "--" : "-") + name }
        }

        var kind: Kind
        var shouldDisplay: Bool
        var isOptional: Bool
        var isRepeating: Bool
        var names: [Name]?
        var valueName: String?
        var defaultValue: String?
        var abstract: String?
    }
}

/// Manual pages in the `man` macros of roff: one of a whole program, with a section for each command, and one of each of its commands.
package enum ManualPage {
    /// - Parameters:
    ///   - name: the page's, where it isn't the name that the program's commands are called by.
    ///   - ending: sections after the commands', in roff.
    /// - Throws: `DecodingError` when the argument parser describes its commands in another way than it did.
    package static func text(
        of program: any ParsableCommand.Type, name title: String? = nil, ending: String
    ) throws -> String {
        let command = try description(of: program)
        let name = escaped(command.commandName)
        let title = title.map(escaped) ?? name
        var page = ".TH \(title.uppercased()) 1 \"\" \"saccade \(ProgramVersion.text)\" \"User Commands\"\n"
        page += ".SH NAME\n\(title) \\- \(escaped(command.abstract ?? ""))\n"
        page += ".SH SYNOPSIS\n.B \(name)\n.I command\n.RI [ option ...]\n"
        page += ".SH DESCRIPTION\n\(paragraphs(command.discussion))"
        page += ".SH COMMANDS\n"
        for subcommand in shownCommands(of: command) {
            page += describe(subcommand, of: name, path: [])
        }
        return page + ending
    }

    /// The commands of a program that have a page each, by their names.
    ///
    /// - Throws: `DecodingError` when the argument parser describes its commands in another way than it did.
    package static func commands(of program: any ParsableCommand.Type) throws -> [String] {
        try shownCommands(of: description(of: program)).map(\.commandName)
    }

    /// The page of one command and those below it, such as `saccade-watch`.
    ///
    /// - Returns: nil for a name that is no command's.
    /// - Throws: `DecodingError` when the argument parser describes its commands in another way than it did.
    package static func text(of program: any ParsableCommand.Type, command name: String) throws -> String? {
        let tool = try description(of: program)
        guard let command = shownCommands(of: tool).first(where: { $0.commandName == name }) else { return nil }
        let program = escaped(tool.commandName)
        let title = "\(program)\\-\(escaped(name))"
        let children = (command.subcommands ?? []).filter { $0.commandName != "help" }
        var page = ".TH \(title.uppercased()) 1 \"\" \"saccade \(ProgramVersion.text)\" \"User Commands\"\n"
        page += ".SH NAME\n\(title) \\- \(escaped(command.abstract ?? ""))\n.SH SYNOPSIS\n"
        let lines = children.isEmpty ? [(command, [name])] : children.map { ($0, [name, $0.commandName]) }
        for (place, line) in lines.enumerated() {
            let words = (line.1 + shownArguments(of: line.0).compactMap(synopsis)).joined(separator: " ")
            page += (place > 0 ? ".br\n" : "") + ".B \(program) \(escaped(words))\n.RI [ option ...]\n"
        }
        if let discussion = command.discussion, !discussion.isEmpty {
            page += ".SH DESCRIPTION\n\(paragraphs(discussion))"
        }
        if children.isEmpty {
            page += ".SH OPTIONS\n\(options(shownArguments(of: command)))"
        } else {
            page += ".SH COMMANDS\n" + children.map { describe($0, of: program, path: [name]) }.joined()
        }
        return page + ".SH SEE ALSO\n.BR \(program) (1)\n"
    }

    private static func description(of program: any ParsableCommand.Type) throws -> ToolDescription.Command {
        try JSONDecoder().decode(ToolDescription.self, from: Data(program._dumpHelp().utf8)).command
    }

    private static func shownCommands(of tool: ToolDescription.Command) -> [ToolDescription.Command] {
        (tool.subcommands ?? []).filter { $0.shouldDisplay ?? true && $0.commandName != "help" }
    }

    private static func shownArguments(of command: ToolDescription.Command) -> [ToolDescription.Argument] {
        (command.arguments ?? []).filter { $0.shouldDisplay && !["help", "version"].contains($0.names?.last?.name) }
    }

    private static func options(_ arguments: [ToolDescription.Argument]) -> String {
        arguments.map { argument in
            var text = ".TP\n\(escaped(label(argument)))\n\(escaped(argument.abstract ?? "\\&"))"
            if let value = argument.defaultValue, argument.kind == .option { text += " (default: \(escaped(value)))" }
            return text + "\n"
        }.joined()
    }

    private static func describe(_ command: ToolDescription.Command, of program: String, path: [String]) -> String {
        let path = path + [command.commandName]
        guard command.commandName != "help" else { return "" }
        let children = (command.subcommands ?? []).filter { $0.commandName != "help" }
        let shown = shownArguments(of: command)
        var text = ".SS \(program) \(escaped((path + shown.compactMap(synopsis)).joined(separator: " ")))\n"
        text += escaped(command.abstract ?? "") + "\n" + paragraphs(command.discussion, leading: ".PP\n")
        if children.isEmpty { text += options(shown) }
        return text + children.map { describe($0, of: program, path: path) }.joined()
    }

    /// Positional arguments only; options are listed below.
    private static func synopsis(_ argument: ToolDescription.Argument) -> String? {
        guard argument.kind == .positional else { return nil }
        let name = (argument.valueName ?? "argument").uppercased() + (argument.isRepeating ? "..." : "")
        return argument.isOptional ? "[\(name)]" : name
    }

    private static func label(_ argument: ToolDescription.Argument) -> String {
        let names = (argument.names ?? []).map(\.text).joined(separator: ", ")
        switch argument.kind {
        case .positional: return (argument.valueName ?? "argument").uppercased()
        case .flag: return names
        case .option: return "\(names) \((argument.valueName ?? "value").uppercased())"
        }
    }

    /// Lines that begin with a space are examples and keep their breaks.
    private static func paragraphs(_ text: String?, leading: String = "") -> String {
        guard let text, !text.isEmpty else { return "" }
        var page = leading
        var isExample = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let example = line.hasPrefix(" ")
            if example != isExample { page += example ? ".nf\n" : ".fi\n" }
            isExample = example
            page += line.isEmpty ? ".PP\n" : escaped(String(line)) + "\n"
        }
        return isExample ? page + ".fi\n" : page
    }

    /// Hyphens that are to be copied into a shell, and characters that mean something to roff.
    private static func escaped(_ text: String) -> String {
        let safe = text.replacing("\\", with: "\\e").replacing("-", with: "\\-")
        return safe.hasPrefix(".") || safe.hasPrefix("'") ? "\\&" + safe : safe
    }
}
