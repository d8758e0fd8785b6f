import API
import HTTPTypes

/// Which pages may ask: the search page itself, and no other that a browser may have open.
///
/// The name in `Host` is held to those of this machine, so that a foreign name that leads here (DNS rebinding) is refused. `Origin`
/// (RFC 6454) and the fetch metadata (W3C Fetch Metadata Request Headers) are held to the page's own origin.
struct PageOrigin: Sendable {
    /// Where a reverse proxy shows the page.
    var proxied: String?

    /// - Parameter isDocument: Whether the request may be the click on a link, wherever that stands.
    /// - Throws: `forbidden`.
    func check(_ head: HTTPRequest, isDocument: Bool) throws(APIError) {
        try checkName(head)
        let authority = head.authority ?? ""
        if let origin = head.headerFields[.origin] {
            guard origin == proxied || isLoopback(authority) && origin == "http://\(authority)" else {
                throw APIError(.forbidden, "\(origin.prefix(100)) may not ask here; only the search page may")
            }
        } else if head.method != .get {
            throw APIError(.forbidden, "\(head.method.rawValue.prefix(20)) needs the header Origin; browsers send it")
        }
        let site = head.headerFields[.fetchSite] ?? "none"
        guard ["same-origin", "none"].contains(site) || isDocument && head.headerFields[.fetchMode] == "navigate" else {
            throw APIError(.forbidden, "another page may not ask here; only the search page may")
        }
    }

    /// Holds the name by which somebody asks to those of this machine.
    /// - Throws: `forbidden`.
    func checkName(_ head: HTTPRequest) throws(APIError) {
        let authority = head.authority ?? ""
        guard isLoopback(authority) || isProxied(authority) else {
            throw APIError(
                .forbidden,
                "“\(authority.prefix(100))” in the header Host is not a name of this machine; use 127.0.0.1, or the address that "
                    + "`saccade open` shows, or set http.page_origin for a reverse proxy"
            )
        }
    }

    /// Whether browsers reach the page by an encrypted connection to this name.
    func isEncrypted(_ head: HTTPRequest) -> Bool {
        guard let proxied, proxied.hasPrefix("https://") else { return false }
        return !isLoopback(head.authority ?? "") || head.headerFields[.forwardedProtocol] == "https"
    }

    /// Any port is as good: SSH forwards ports to others.
    private func isLoopback(_ authority: String) -> Bool {
        authority.wholeMatch(of: #/(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?/#) != nil
    }

    private func isProxied(_ authority: String) -> Bool {
        guard let proxied else { return false }
        return ["http://", "https://"].contains { $0 + authority.lowercased() == proxied }
    }
}

extension HTTPField.Name {
    static let fetchSite = HTTPField.Name("Sec-Fetch-Site")!
    static let fetchMode = HTTPField.Name("Sec-Fetch-Mode")!
    static let forwardedProtocol = HTTPField.Name("X-Forwarded-Proto")!
    static let resourcePolicy = HTTPField.Name("Cross-Origin-Resource-Policy")!
    static let openerPolicy = HTTPField.Name("Cross-Origin-Opener-Policy")!
    static let referrerPolicy = HTTPField.Name("Referrer-Policy")!
}
