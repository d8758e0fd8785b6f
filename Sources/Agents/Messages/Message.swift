/// One message of JSON-RPC 2.0, as a client sends it.
enum Message: Equatable {
    case request(Request)
    case notification(method: String, parameters: JSONValue)
    /// An answer to a request, of which this side sends none.
    case response

    struct Request: Equatable {
        /// A string or a whole number.
        var id: JSONValue
        var method: String
        /// An object.
        var parameters: JSONValue
    }

    /// Reads a line.
    ///
    /// - Throws: ``RPCError`` `parseError` for what is no JSON, `invalidRequest` for JSON that is no message of JSON-RPC 2.0. It has the
    ///   message's id where that could be read.
    static func parse(_ line: [UInt8]) throws(RPCError) -> Message {
        let value: JSONValue
        do {
            value = try JSONValue(line)
        } catch {
            throw RPCError(.parseError, "The line is not JSON: send one message a line, in UTF-8.")
        }
        if case .array = value {
            throw RPCError(.invalidRequest, "Batches aren't part of this protocol: send one message a line.")
        }
        let id = try id(of: value)
        guard value["jsonrpc"] == "2.0" else {
            throw RPCError(.invalidRequest, "“jsonrpc” must be \"2.0\".", id: id ?? .null)
        }
        let parameters = value["params"] ?? [:]
        guard case .object = parameters else {
            throw RPCError(.invalidRequest, "“params” must be an object.", id: id ?? .null)
        }
        switch value["method"] {
        case .string(let method):
            guard let id else { return .notification(method: method, parameters: parameters) }
            return .request(Request(id: id, method: method, parameters: parameters))
        case nil where value["result"] != nil || value["error"] != nil:
            return .response
        default:
            throw RPCError(.invalidRequest, "“method” must be a string.", id: id ?? .null)
        }
    }

    /// - Returns: nil for a message without one.
    private static func id(of value: JSONValue) throws(RPCError) -> JSONValue? {
        switch value["id"] {
        case nil: return nil
        case .string?, .integer?: return value["id"]
        default: throw RPCError(.invalidRequest, "“id” must be a string or a whole number.")
        }
    }
}

/// Why a message got no result.
struct RPCError: Error, Equatable {
    /// The numbers of JSON-RPC 2.0, section 5.1, and those of the Model Context Protocol.
    enum Code: Int64 {
        case parseError = -32700
        case invalidRequest = -32600
        case methodNotFound = -32601
        case invalidParameters = -32602
        case internalError = -32603
        case unsupportedProtocolVersion = -32022
    }

    var code: Code
    var message: String
    /// Null where it isn't known which message it is about.
    var id: JSONValue
    var data: JSONValue?

    init(_ code: Code, _ message: String, id: JSONValue = .null, data: JSONValue? = nil) {
        self.code = code
        self.message = message
        self.id = id
        self.data = data
    }

    var response: JSONValue {
        [
            "jsonrpc": "2.0", "id": id,
            "error": .members([("code", .integer(code.rawValue)), ("message", .string(message)), ("data", data)]),
        ]
    }
}
