import Models

/// What a pickle of a state dictionary is made of. Values only: there are no references, so nothing can be cyclic.
enum PickleValue: Equatable {
    case none
    case boolean(Bool)
    case integer(Int)
    /// A little-endian two's complement number too long for an `Int`.
    case long([UInt8])
    case string(String)
    case tuple([PickleValue])
    case list([PickleValue])
    case dictionary([PicklePair])
    case name(PickleName)
    case storage(TorchStorage)
    case tensor(TorchTensor)
}

struct PicklePair: Equatable {
    var key: PickleValue
    var value: PickleValue
}

/// The only names that a pickle may mention. None is ever called: each stands for a value that is built here.
enum PickleName: Equatable {
    case orderedDictionary
    case rebuildTensor
    case rebuildParameter
    case storage(TorchStorageType)

    init?(module: String, name: String) {
        switch (module, name) {
        case ("collections", "OrderedDict"): self = .orderedDictionary
        case ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensor
        case ("torch._utils", "_rebuild_parameter"): self = .rebuildParameter
        case ("torch", _):
            guard let type = TorchStorageType(rawValue: name) else { return nil }
            self = .storage(type)
        default: return nil
        }
    }
}

/// A cursor over the pickles of a legacy PyTorch file.
struct PickleReader {
    private let content: [UInt8]
    private let source: String
    private var position = 0

    init(_ content: [UInt8], source: String) {
        self.content = content
        self.source = source
    }

    func malformed(_ reason: String) -> WeightsError {
        .malformed(source: source, reason: "byte \(position): \(reason)")
    }

    /// Reads one pickle.
    mutating func value() throws -> PickleValue {
        var machine = PickleMachine()
        while true {
            let opcode = try byte()
            if opcode == UInt8(ascii: ".") {
                return try machine.result(or: malformed("a pickle ends without its value"))
            }
            try step(opcode, &machine)
        }
    }

    /// Reads the list of storage keys and finds the storages, which fill the rest of the file.
    ///
    /// A storage's element type is known from the tensors that `value()` has met before; its length is the file's own,
    /// which whoever asks compares with the tensors'.
    mutating func storages() throws -> [String: TorchStoragePlace] {
        guard case .list(let keys) = try value() else { throw malformed("there is no list of storages") }
        var places: [String: TorchStoragePlace] = [:]
        for key in keys {
            guard case .string(let key) = key, let type = storageTypes[key], places[key] == nil else {
                throw malformed("the list of storages is not the one that the tensors use")
            }
            let count = try Int(truncatingIfNeeded: unsigned(8))
            let (size, overflow) = count.multipliedReportingOverflow(by: type.size)
            guard count >= 0, !overflow, size <= content.count - position else {
                throw malformed("storage \"\(key)\" reaches beyond the end of the file")
            }
            places[key] = TorchStoragePlace(count: count, start: position)
            position += size
        }
        return places
    }

    private var storageTypes: [String: TorchStorageType] = [:]

    private mutating func byte() throws -> UInt8 {
        guard position < content.count else { throw malformed("it ends too early") }
        position += 1
        return content[position - 1]
    }

    private mutating func bytes(_ count: Int) throws -> ArraySlice<UInt8> {
        guard count >= 0, count <= content.count - position else { throw malformed("it ends too early") }
        position += count
        return content[position - count..<position]
    }

    private mutating func unsigned(_ count: Int) throws -> UInt64 {
        try bytes(count).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    private mutating func line() throws -> String {
        guard let end = content[position...].prefix(256).firstIndex(of: 0x0A) else {
            throw malformed("a name doesn't end")
        }
        defer { position = end + 1 }
        return String(decoding: content[position..<end], as: UTF8.self)
    }

    private mutating func step(_ opcode: UInt8, _ machine: inout PickleMachine) throws {
        let broken = malformed("opcode \(opcode) has nothing to work on")
        switch Character(Unicode.Scalar(opcode)) {
        case "\u{80}": guard try byte() == 2 else { throw malformed("a pickle of another protocol than 2") }
        case "(": machine.mark()
        case "N": machine.push(.none)
        case "\u{88}": machine.push(.boolean(true))
        case "\u{89}": machine.push(.boolean(false))
        case "K": try machine.push(.integer(Int(byte())))
        case "M": try machine.push(.integer(Int(unsigned(2))))
        case "J": try machine.push(.integer(Int(Int32(truncatingIfNeeded: unsigned(4)))))
        case "\u{8A}": try machine.push(long())
        case "X": try machine.push(string())
        case ")": machine.push(.tuple([]))
        case "t": try machine.pushTuple(machine.popMark(or: broken), or: broken)
        case "\u{85}": try machine.pushTuple(machine.pop(1, or: broken), or: broken)
        case "\u{86}": try machine.pushTuple(machine.pop(2, or: broken), or: broken)
        case "\u{87}": try machine.pushTuple(machine.pop(3, or: broken), or: broken)
        case "]": machine.push(.list([]))
        case "a": try machine.append(machine.pop(1, or: broken), or: broken)
        case "e": try machine.append(machine.popMark(or: broken), or: broken)
        case "}": machine.push(.dictionary([]))
        case "s": try machine.setItems(machine.pop(2, or: broken), or: broken)
        case "u": try machine.setItems(machine.popMark(or: broken), or: broken)
        case "q": try machine.remember(Int(byte()), or: broken)
        case "r": try machine.remember(Int(unsigned(4)), or: broken)
        case "h": try machine.recall(Int(byte()), or: broken)
        case "j": try machine.recall(Int(unsigned(4)), or: broken)
        case "c": try machine.push(name())
        case "Q": try machine.push(storage(machine.pop(1, or: broken)[0]))
        case "R":
            let operands = try machine.pop(2, or: broken)
            try machine.push(built(operands[0], from: operands[1]))
        // The attributes of a dictionary (its `_metadata`) are versions of PyTorch's layers: of no use here.
        case "b": _ = try machine.pop(1, or: broken)
        default: throw malformed("opcode \(opcode) isn't one that a dictionary of tensors needs")
        }
    }

    private mutating func long() throws -> PickleValue {
        let digits = try bytes(Int(byte()))
        guard digits.count <= 8 else { return .long([UInt8](digits)) }
        var value = digits.reversed().reduce(0) { $0 << 8 | UInt64($1) }
        if let top = digits.last, top & 0x80 != 0, digits.count < 8 { value |= ~0 << UInt64(8 * digits.count) }
        return .integer(Int(truncatingIfNeeded: value))
    }

    private mutating func string() throws -> PickleValue {
        let text = try bytes(Int(unsigned(4)))
        guard let string = String(validating: text, as: UTF8.self) else { throw malformed("a string is not UTF-8") }
        return .string(string)
    }

    private mutating func name() throws -> PickleValue {
        let module = try line()
        let name = try line()
        guard let known = PickleName(module: module, name: name) else {
            throw malformed("it mentions \(module).\(name), which a dictionary of tensors has no use for")
        }
        return .name(known)
    }

    private mutating func storage(_ id: PickleValue) throws -> PickleValue {
        guard case .tuple(let parts) = id, parts.count == 6, parts[0] == .string("storage"),
            case .name(.storage(let type)) = parts[1], case .string(let key) = parts[2],
            case .integer(let count) = parts[4], parts[5] == .none, storageTypes[key, default: type] == type
        else { throw malformed("a storage isn't described as PyTorch does it") }
        storageTypes[key] = type
        return .storage(TorchStorage(type: type, key: key, count: count))
    }

    private func built(_ callee: PickleValue, from arguments: PickleValue) throws -> PickleValue {
        guard case .name(let name) = callee, case .tuple(let arguments) = arguments else {
            throw malformed("something is called that can't be")
        }
        switch name {
        case .orderedDictionary where arguments.isEmpty: return .dictionary([])
        case .rebuildTensor where arguments.count >= 4:
            guard case .storage(let storage) = arguments[0], case .integer(let offset) = arguments[1],
                let shape = integers(arguments[2]), let strides = integers(arguments[3])
            else { break }
            return .tensor(TorchTensor(storage: storage, offset: offset, shape: shape, strides: strides))
        case .rebuildParameter where arguments.count >= 1:
            guard case .tensor = arguments[0] else { break }
            return arguments[0]
        default: break
        }
        throw malformed("a tensor isn't described as PyTorch does it")
    }

    private func integers(_ value: PickleValue) -> [Int]? {
        guard case .tuple(let parts) = value else { return nil }
        let numbers = parts.compactMap { if case .integer(let number) = $0 { number } else { nil } }
        return numbers.count == parts.count ? numbers : nil
    }
}
