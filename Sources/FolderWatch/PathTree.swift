import Basics
package import SystemPackage

/// Values by path, with all below a path at hand: what is done to a tree costs what the tree has, whatever lies beside it.
package struct PathTree<Value: Sendable>: Sendable {
    private struct Node {
        var value: Value?
        /// Places in `nodes` by the bytes of a name.
        var children: [[UInt8]: Int] = [:]
    }

    /// The first is the root of all; those that are free hold nothing.
    private var nodes = [Node()]
    private var free: [Int] = []
    package private(set) var count = 0

    package init() {}

    /// O(depth).
    package subscript(path: FilePath) -> Value? {
        get {
            var node = 0
            for name in Self.names(of: path) {
                guard let child = nodes[node].children[name] else { return nil }
                node = child
            }
            return nodes[node].value
        }
        set {
            guard let newValue else {
                remove(path)
                return
            }
            var node = 0
            for name in Self.names(of: path) {
                if let child = nodes[node].children[name] {
                    node = child
                } else {
                    let child = free.popLast() ?? nodes.count
                    if child == nodes.count { nodes.append(Node()) }
                    nodes[node].children[name] = child
                    node = child
                }
            }
            if nodes[node].value == nil { count += 1 }
            nodes[node].value = newValue
        }
    }

    private mutating func remove(_ path: FilePath) {
        guard let (parent, name, node) = find(path) else { return }
        if nodes[node].value != nil { count -= 1 }
        nodes[node].value = nil
        if nodes[node].children.isEmpty, let parent, let name { drop(node, name, from: parent) }
    }

    /// Takes a path and all below it out. O(depth + what is taken out).
    ///
    /// - Returns: the values.
    package mutating func removeTree(_ path: FilePath) -> [Value] {
        guard let (parent, name, top) = find(path) else { return [] }
        var values: [Value] = []
        var pending = [top]
        while let node = pending.popLast() {
            if let value = nodes[node].value { values.append(value) }
            pending += nodes[node].children.values
            nodes[node] = Node()
            if node != top { free.append(node) }
        }
        count -= values.count
        if let parent, let name { drop(top, name, from: parent) }
        return values
    }

    private func find(_ path: FilePath) -> (parent: Int?, name: [UInt8]?, node: Int)? {
        var (parent, last, node): (Int?, [UInt8]?, Int) = (nil, nil, 0)
        for name in Self.names(of: path) {
            guard let child = nodes[node].children[name] else { return nil }
            (parent, last, node) = (node, name, child)
        }
        return (parent, last, node)
    }

    private mutating func drop(_ node: Int, _ name: [UInt8], from parent: Int) {
        nodes[parent].children[name] = nil
        nodes[node] = Node()
        free.append(node)
    }

    private static func names(of path: FilePath) -> [[UInt8]] {
        path.bytes.split(separator: UInt8(ascii: "/")).map(Array.init)
    }
}
