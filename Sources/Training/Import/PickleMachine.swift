import Models

/// The stack and the memory of a pickle. Every operation checks that what it needs is there, and throws `error` if not.
struct PickleMachine {
    private struct Slot {
        var value: PickleValue
        /// How deeply containers are nested in it. Bounded, because freeing a value recurses.
        var depth: Int
    }

    private static let deepest = 32

    private var stack: [Slot] = []
    private var marks: [Int] = []
    private var memory: [Int: Slot] = [:]
    private var popped = 0

    /// The only value that is left.
    mutating func result(or error: WeightsError) throws -> PickleValue {
        guard stack.count == 1, marks.isEmpty else { throw error }
        return stack[0].value
    }

    mutating func mark() { marks.append(stack.count) }

    mutating func push(_ value: PickleValue) {
        stack.append(Slot(value: value, depth: 0))
    }

    /// Takes the topmost values off the stack, in the order that they were pushed in.
    mutating func pop(_ count: Int, or error: WeightsError) throws -> [PickleValue] {
        guard stack.count - (marks.last ?? 0) >= count else { throw error }
        return pop(from: stack.count - count)
    }

    /// Takes everything above the last mark off the stack, and the mark.
    mutating func popMark(or error: WeightsError) throws -> [PickleValue] {
        guard let mark = marks.popLast(), mark <= stack.count else { throw error }
        return pop(from: mark)
    }

    private mutating func pop(from start: Int) -> [PickleValue] {
        popped = stack[start...].map(\.depth).max() ?? 0
        defer { stack.removeSubrange(start...) }
        return stack[start...].map(\.value)
    }

    mutating func pushTuple(_ values: [PickleValue], or error: WeightsError) throws {
        guard popped < Self.deepest else { throw error }
        stack.append(Slot(value: .tuple(values), depth: popped + 1))
    }

    /// Appends values that were just popped to the list on top.
    mutating func append(_ values: [PickleValue], or error: WeightsError) throws {
        try changeTop(or: error) { value in
            guard case .list(var list) = value else { return nil }
            value = .none
            list.append(contentsOf: values)
            return .list(list)
        }
    }

    /// Adds keys and values that were just popped, in turn, to the dictionary on top.
    mutating func setItems(_ values: [PickleValue], or error: WeightsError) throws {
        guard values.count % 2 == 0 else { throw error }
        try changeTop(or: error) { value in
            guard case .dictionary(var pairs) = value else { return nil }
            value = .none
            for index in stride(from: 0, to: values.count, by: 2) {
                pairs.append(PicklePair(key: values[index], value: values[index + 1]))
            }
            return .dictionary(pairs)
        }
    }

    /// `change` moves the value out of its slot before it adds to it, so that adding doesn't copy what is there.
    private mutating func changeTop(or error: WeightsError, _ change: (inout PickleValue) -> PickleValue?) throws {
        guard let top = stack.indices.last, top >= marks.last ?? 0, popped < Self.deepest,
            let changed = change(&stack[top].value)
        else { throw error }
        stack[top].value = changed
        stack[top].depth = max(stack[top].depth, popped + 1)
    }

    mutating func remember(_ index: Int, or error: WeightsError) throws {
        guard let top = stack.last else { throw error }
        switch top.value {
        // A container may still change, and what is remembered would not: recalling it fails instead.
        case .list, .dictionary: memory[index] = nil
        default: memory[index] = top
        }
    }

    mutating func recall(_ index: Int, or error: WeightsError) throws {
        guard let slot = memory[index] else { throw error }
        stack.append(slot)
    }
}
