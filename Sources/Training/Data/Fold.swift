/// A part of a data set, for cross-fitting: the items that one of several teachers was not trained on, so that what it says of them
/// isn't learned by heart (Dao et al., "Knowledge distillation as semiparametric inference", ICLR 2021, §4).
package struct Fold: Sendable, Equatable {
    /// Below ``count``.
    package let index: Int
    package let count: Int

    /// - Precondition: `index` is in `0..<count`.
    package init(index: Int, of count: Int) {
        precondition((0..<count).contains(index))
        self.index = index
        self.count = count
    }

    /// The part that a data set's item is in, by its place in the file.
    package static func index(of item: Int, among count: Int) -> Int { item % count }

    package func contains(_ item: Int) -> Bool { Self.index(of: item, among: count) == index }
}
