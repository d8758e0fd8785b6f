package import Search
package import Settings

extension IndexStorage {
    package init(_ index: Configuration.Index) {
        let kind: Kind =
            switch index.kind {
            case .auto: .auto
            case .exact: .exact
            case .ivf: .ivf
            }
        self.init(kind: kind, recall: index.recall)
    }
}
