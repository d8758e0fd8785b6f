/// Comparisons of the validators that answers carry (RFC 9110, section 8.8.3).
enum EntityTag {
    /// Whether an `If-None-Match` names the tag, or all.
    static func list(_ header: String?, contains tag: String) -> Bool {
        guard let header else { return false }
        return header.split(separator: ",").contains { item in
            let item = item.trimmingPrefix { $0 == " " || $0 == "\t" }
            let end = item.lastIndex { $0 != " " && $0 != "\t" }
            let text = end.map { item[...$0] } ?? ""
            return text == "*" || text == tag || text == "W/" + tag
        }
    }
}
