/// Where a parameter of one of our towers comes from in a published checkpoint.
struct TensorOrigin: Sendable, Equatable {
    /// The tensor's name there.
    var name: String
    /// Which of several equal parts of the tensor's first axis it is; nil for the whole.
    var part: Part?
    /// Whether it is a matrix with inputs as rows.
    var isTransposed = false

    struct Part: Sendable, Equatable {
        var index: Int
        var count: Int
    }
}

/// The names that a kind of checkpoint has for the parameters of our towers. `*` stands for a block's number, in both.
struct TensorNaming: Sendable {
    private var origins: [String: TensorOrigin] = [:]

    /// One tensor.
    mutating func tensor(_ ours: String, _ theirs: String, isTransposed: Bool = false) {
        origins[ours] = TensorOrigin(name: theirs, isTransposed: isTransposed)
    }

    /// A layer's `.weight` and `.bias`.
    mutating func layer(_ ours: String, _ theirs: String) {
        for kind in [".weight", ".bias"] { tensor(ours + kind, theirs + kind) }
    }

    /// Several layers whose weights, and whose biases, are one tensor each.
    ///
    /// - Parameter theirs: what comes before `weight` and `bias`.
    mutating func fused(_ ours: [String], _ theirs: String) {
        for (index, name) in ours.enumerated() {
            for kind in ["weight", "bias"] {
                origins["\(name).\(kind)"] = TensorOrigin(
                    name: theirs + kind, part: .init(index: index, count: ours.count))
            }
        }
    }

    /// Where one of our parameters comes from; nil when the checkpoint has no such thing.
    func origin(of name: String) -> TensorOrigin? {
        var parts = name.split(separator: ".").map(String.init)
        guard let place = parts.firstIndex(where: { Int($0) != nil }) else { return origins[name] }
        let number = parts[place]
        parts[place] = "*"
        guard var origin = origins[parts.joined(separator: ".")] else { return nil }
        origin.name.replace("*", with: number)
        return origin
    }
}
