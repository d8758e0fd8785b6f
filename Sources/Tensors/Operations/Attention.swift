import Threads

/// Scaled dot-product attention with several heads, from projected queries, keys and values to the heads' outputs side by side.
///
/// Head h works on the columns h·d ..< (h+1)·d. Probabilities are softmax(q·k/√d) over the keys a query sees; a query that sees
/// none gets zeros.
///
/// - Parameters:
///   - query: [B, Lq, H·d].
///   - key, value: [M, Lk, H·d].
///   - heads: H.
///   - keyLengths: how many keys of each of the M memories are real; all by default.
///   - memoryIndices: the memory that each of the B items attends to, so that several may share one; item b attends to
///     memory b by default (B = M), or all to the only one (M = 1).
///   - mask: what a query at place i may see; places of keys and queries count from 0 in both.
/// - Returns: [B, Lq, H·d].
package func attention<Scalar: TensorScalar>(
    query: Variable<Scalar>, key: Variable<Scalar>, value: Variable<Scalar>, heads: Int, keyLengths: [Int]? = nil,
    memoryIndices: [Int]? = nil, mask: AttentionMask = .none
) -> Variable<Scalar> {
    let layout = AttentionLayout(
        query: query.shape, key: key.shape, value: value.shape, heads: heads, keyLengths: keyLengths,
        memoryIndices: memoryIndices, mask: mask)
    let (q, k, v) = (query.value, key.value, value.value)
    let recording = query.requiresGradient || key.requiresGradient || value.requiresGradient
    // Without a gradient to come, one head's probabilities are overwritten by the next.
    let probabilities = TensorBuffer<Scalar>(count: recording ? layout.items * heads * layout.mapSize : 0)
    let output = Tensor<Scalar>(uninitialized: query.shape) { out in
        parallelFor(layout.items * heads, grain: layout.grain) { range in
            let scratch = TensorBuffer<Scalar>(count: layout.scratchCount + layout.mapSize)
            for unit in range {
                let map =
                    recording ? probabilities.pointer + unit * layout.mapSize : scratch.pointer + layout.scratchCount
                Scalar.attend(layout.head(unit, q, k, v, map, out, scratch.pointer))
            }
        }
    }
    return Variable(output, from: [query, key, value]) { dy in
        let users = layout.itemsOfMemories
        var dk: Tensor<Scalar>?
        var dv: Tensor<Scalar>?
        let dq = Tensor<Scalar>(uninitialized: q.shape) { dq in
            dk = Tensor(uninitialized: k.shape) { dk in
                dv = Tensor(uninitialized: v.shape) { dv in
                    // One thread has all items that share a memory: their sums have one order and need no lock.
                    parallelFor(layout.memories * heads, grain: layout.grain) { range in
                        let scratch = TensorBuffer<Scalar>(count: layout.scratchCount)
                        for unit in range {
                            let (memory, head) = unit.quotientAndRemainder(dividingBy: heads)
                            if users[memory].isEmpty { layout.clear(memory, head, dk, dv) }
                            for (order, item) in users[memory].enumerated() {
                                let place = item * heads + head
                                let described = layout.head(
                                    place, q, k, v, probabilities.pointer + place * layout.mapSize,
                                    UnsafeMutablePointer(mutating: output.pointer), scratch.pointer)
                                let gradient = AttentionHeadGradient(
                                    doutput: dy.pointer + layout.queryOffset(item, head),
                                    dquery: dq + layout.queryOffset(item, head),
                                    dkey: dk + layout.keyOffset(memory, head),
                                    dvalue: dv + layout.keyOffset(memory, head), adding: order > 0)
                                Scalar.attendGradient(described, gradient)
                            }
                        }
                    }
                }
            }
        }
        return [dq, dk, dv]
    }
}

/// Where each head's rows lie.
private struct AttentionLayout {
    let items: Int
    let memories: Int
    let queries: Int
    let keys: Int
    let width: Int
    let heads: Int
    let keyLengths: [Int]?
    let memoryIndices: [Int]?
    let mask: AttentionMask

    init(
        query: [Int], key: [Int], value: [Int], heads: Int, keyLengths: [Int]?, memoryIndices: [Int]?,
        mask: AttentionMask
    ) {
        precondition(
            query.count == 3 && key.count == 3 && key == value && query[2] == key[2] && query[2] % heads == 0,
            "attention: query \(query), key \(key), value \(value) with \(heads) heads")
        (items, queries, width) = (query[0], query[1], query[2])
        (memories, keys) = (key[0], key[1])
        let count = memories
        let length = keys
        precondition(
            keyLengths.map { $0.count == count && $0.allSatisfy { (0...length).contains($0) } } ?? true,
            "attention: key lengths \(keyLengths ?? []) for \(key)")
        precondition(
            memoryIndices.map { $0.count == query[0] && $0.allSatisfy { (0..<count).contains($0) } }
                ?? (count == query[0] || count == 1),
            "attention: \(query[0]) items for \(count) memories")
        self.heads = heads
        self.keyLengths = keyLengths
        self.memoryIndices = memoryIndices
        self.mask = mask
    }

    /// Elements of one head's probabilities.
    var mapSize: Int { AttentionHead<Float>.lanes(for: queries) * keys }

    var scratchCount: Int { AttentionHead<Float>.scratchCount(queries: queries, keys: keys, depth: depth) }

    var depth: Int { width / heads }

    var grain: Int { max(1, 50_000 / max(1, mapSize * depth)) }

    func memory(of item: Int) -> Int { memoryIndices.map { $0[item] } ?? (memories == 1 ? 0 : item) }

    var itemsOfMemories: [[Int]] {
        var result = [[Int]](repeating: [], count: memories)
        for item in 0..<items { result[memory(of: item)].append(item) }
        return result
    }

    func queryOffset(_ item: Int, _ head: Int) -> Int { item * queries * width + head * depth }

    func keyOffset(_ memory: Int, _ head: Int) -> Int { memory * keys * width + head * depth }

    /// Zeroes the gradients of one head of a memory that no item attends to.
    func clear<Scalar: TensorScalar>(
        _ memory: Int, _ head: Int, _ dk: UnsafeMutablePointer<Scalar>, _ dv: UnsafeMutablePointer<Scalar>
    ) {
        for key in 0..<keys {
            let offset = keyOffset(memory, head) + key * width
            fill(dk + offset, with: 0, count: depth)
            fill(dv + offset, with: 0, count: depth)
        }
    }

    func head<Scalar: TensorScalar>(
        _ unit: Int, _ q: Tensor<Scalar>, _ k: Tensor<Scalar>, _ v: Tensor<Scalar>,
        _ probabilities: UnsafeMutablePointer<Scalar>, _ output: UnsafeMutablePointer<Scalar>,
        _ scratch: UnsafeMutablePointer<Scalar>
    ) -> AttentionHead<Scalar> {
        let (item, head) = unit.quotientAndRemainder(dividingBy: heads)
        let memory = memory(of: item)
        return AttentionHead(
            query: q.pointer + queryOffset(item, head), queryStride: width, key: k.pointer + keyOffset(memory, head),
            keyStride: width, value: v.pointer + keyOffset(memory, head), valueStride: width,
            probabilities: probabilities, output: output + queryOffset(item, head), outputStride: width,
            queries: queries, keys: keys, keyLength: keyLengths.map { $0[memory] } ?? keys, depth: depth, mask: mask,
            scratch: scratch)
    }
}
