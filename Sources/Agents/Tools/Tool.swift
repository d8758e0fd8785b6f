internal import Foundation

/// Something that an agent may ask for.
package struct Tool: Sendable {
    let name: String
    let title: String
    /// What the model reads before it decides to call it.
    let description: String
    let parameters: [ToolParameter]
    /// JSON Schema 2020-12 of what ``ToolResult/value`` is.
    let resultSchema: JSONValue
    let call: @Sendable (ToolArguments) async throws -> ToolResult

    /// - Parameter call: throws ``ToolError`` to tell the model what it can do about it. What else it throws is the protocol's internal
    ///   error.
    package init(
        _ name: String, title: String, description: String, parameters: [ToolParameter] = [], resultSchema: JSONValue,
        call: @escaping @Sendable (ToolArguments) async throws -> ToolResult
    ) {
        self.name = name
        self.title = title
        self.description = description
        self.parameters = parameters
        self.resultSchema = resultSchema
        self.call = call
    }

    /// As `tools/list` has it.
    var listed: JSONValue {
        let properties = Dictionary(parameters.map { ($0.name, $0.schema) }) { first, _ in first }
        let required = parameters.filter(\.isRequired).map { JSONValue.string($0.name) }
        return [
            "name": .string(name), "title": .string(title), "description": .string(description),
            "inputSchema": .members([
                ("type", "object"), ("properties", .object(properties)),
                ("required", required.isEmpty ? nil : .array(required)), ("additionalProperties", false),
            ]),
            "outputSchema": resultSchema,
            "annotations": ["readOnlyHint": true, "idempotentHint": true, "openWorldHint": false],
        ]
    }
}

/// What a tool found.
package struct ToolResult: Sendable {
    package var value: JSONValue
    /// JPEG files.
    package var pictures: [[UInt8]]

    package init(_ value: JSONValue, pictures: [[UInt8]] = []) {
        self.value = value
        self.pictures = pictures
    }

    /// The value for clients that read structured results, its text for those that don't, and the pictures.
    var content: [String: JSONValue] {
        get throws {
            let text: JSONValue = ["type": "text", "text": .string(String(decoding: try value.text(), as: UTF8.self))]
            let pictures = pictures.map { bytes -> JSONValue in
                ["type": "image", "mimeType": "image/jpeg", "data": .string(Data(bytes).base64EncodedString())]
            }
            return ["content": .array([text] + pictures), "structuredContent": value, "isError": false]
        }
    }
}

/// Why a tool found nothing, in words from which a model sees what to do.
package struct ToolError: Error, Sendable, Equatable {
    package var message: String

    package init(_ message: String) {
        self.message = message
    }

    var content: [String: JSONValue] {
        ["content": [["type": "text", "text": .string(message)]], "isError": true]
    }
}
