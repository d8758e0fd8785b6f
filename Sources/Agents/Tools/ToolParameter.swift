/// A value that a tool takes: what the client is told of it and what a call is checked against.
package struct ToolParameter: Sendable {
    package enum Kind: Sendable {
        case string
        case integer(ClosedRange<Int64>)
        case number(ClosedRange<Double>)
        case boolean
    }

    let name: String
    let kind: Kind
    let description: String
    let isRequired: Bool

    package init(_ name: String, _ kind: Kind, _ description: String, isRequired: Bool = false) {
        self.name = name
        self.kind = kind
        self.description = description
        self.isRequired = isRequired
    }

    /// As JSON Schema 2020-12.
    var schema: JSONValue {
        let shape: [(String, JSONValue?)] =
            switch kind {
            case .string: [("type", "string")]
            case .boolean: [("type", "boolean")]
            case .integer(let range):
                [("type", "integer"), ("minimum", .integer(range.lowerBound)), ("maximum", Self.end(of: range))]
            case .number(let range):
                [
                    ("type", "number"), ("minimum", .number(range.lowerBound)),
                    ("maximum", range.upperBound.isFinite ? .number(range.upperBound) : nil),
                ]
            }
        return .members(shape + [("description", .string(description))])
    }

    private static func end(of range: ClosedRange<Int64>) -> JSONValue? {
        range.upperBound == .max ? nil : .integer(range.upperBound)
    }

    /// - Throws: ``ToolError`` for a value of another type, or outside the range.
    fileprivate func check(_ value: JSONValue) throws(ToolError) {
        switch (kind, value) {
        case (.string, .string), (.boolean, .boolean): return
        case (.integer(let range), .integer(let number)) where range.contains(number): return
        case (.number(let range), .integer(let number)) where range.contains(Double(number)): return
        case (.number(let range), .number(let number)) where range.contains(number): return
        default: throw ToolError("“\(name)” must be \(expectation).")
        }
    }

    private var expectation: String {
        switch kind {
        case .string: "a string"
        case .boolean: "true or false"
        case .integer(let range) where range.upperBound == .max: "a whole number, \(range.lowerBound) or more"
        case .integer(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .number(let range) where range.upperBound.isInfinite: "a number, \(range.lowerBound) or more"
        case .number(let range): "a number from \(range.lowerBound) to \(range.upperBound)"
        }
    }
}

/// The values of a call, checked against the tool's parameters.
package struct ToolArguments: Sendable {
    private let values: [String: JSONValue]

    /// - Parameter given: null is as good as nothing.
    /// - Throws: ``ToolError`` that names what is missing, unknown or not as it should be.
    init(_ given: [String: JSONValue], for parameters: [ToolParameter]) throws(ToolError) {
        let known = Dictionary(parameters.map { ($0.name, $0) }) { first, _ in first }
        var values: [String: JSONValue] = [:]
        for (name, value) in given.sorted(by: { $0.key < $1.key }) where value != .null {
            guard let parameter = known[name] else {
                let names = parameters.map(\.name).joined(separator: ", ")
                throw ToolError(
                    "There is no argument “\(name.prefix(60))”; "
                        + (names.isEmpty ? "this tool takes none." : "this tool takes: \(names)."))
            }
            try parameter.check(value)
            values[name] = value
        }
        if let missing = parameters.first(where: { $0.isRequired && values[$0.name] == nil }) {
            throw ToolError("“\(missing.name)” is required.")
        }
        self.values = values
    }

    package func string(_ name: String) -> String? {
        guard case .string(let text)? = values[name] else { return nil }
        return text
    }

    package func integer(_ name: String) -> Int64? {
        guard case .integer(let number)? = values[name] else { return nil }
        return number
    }

    package func number(_ name: String) -> Double? {
        switch values[name] {
        case .integer(let number)?: Double(number)
        case .number(let number)?: number
        default: nil
        }
    }

    package func boolean(_ name: String) -> Bool? {
        guard case .boolean(let value)? = values[name] else { return nil }
        return value
    }
}
