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

/// A manual page in the `man` macros of roff: one section a command.
package enum ManualPage {
    /// - Parameters:
    ///   - name: the page's, where it isn't the name that the program's commands are called by.
    ///   - ending: sections after the commands', in roff.
    /// - Throws: `DecodingError` when the argument parser describes its commands in another way than it did.
    package static func text(
        of program: any ParsableCommand.Type, name title: String? = nil, ending: String
    ) throws -> String {
        let tool = try JSONDecoder().decode(ToolDescription.self, from: Data(program._dumpHelp().utf8))
        let command = tool.command
        let name = escaped(command.commandName)
        let title = title.map(escaped) ?? name
        var page = ".TH \(title.uppercased()) 1 \"\" \"saccade \(ProgramVersion.text)\" \"User Commands\"\n"
        page += ".SH NAME\n\(title) \\- \(escaped(command.abstract ?? ""))\n"
        page += ".SH SYNOPSIS\n.B \(name)\n.I command\n.RI [ option ...]\n"
        page += ".SH DESCRIPTION\n\(paragraphs(command.discussion))"
        page += ".SH COMMANDS\n"
        for subcommand in command.subcommands ?? [] where subcommand.shouldDisplay ?? true {
            page += describe(subcommand, of: name, path: [])
        }
        return page + ending
    }

    private static func describe(_ command: ToolDescription.Command, of program: String, path: [String]) -> String {
        let path = path + [command.commandName]
        guard command.commandName != "help" else { return "" }
        let children = (command.subcommands ?? []).filter { $0.commandName != "help" }
        let shown = (command.arguments ?? []).filter {
            $0.shouldDisplay && !["help", "version"].contains($0.names?.last?.name)
        }
        var text = ".SS \(program) \(escaped((path + shown.compactMap(synopsis)).joined(separator: " ")))\n"
        text += escaped(command.abstract ?? "") + "\n" + paragraphs(command.discussion, leading: ".PP\n")
        if children.isEmpty {
            for argument in shown {
                text += ".TP\n\(escaped(label(argument)))\n\(escaped(argument.abstract ?? "\\&"))"
                if let value = argument.defaultValue, argument.kind == .option {
                    text += " (default: \(escaped(value)))"
                }
                text += "\n"
            }
        }
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
