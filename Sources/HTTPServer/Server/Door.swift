/// Where a request came in, which says what it must show.
enum Door: Sendable {
    /// The Unix socket, where the kernel says who asks.
    case socket(SocketAccess)
    /// Loopback TCP for programs.
    case token(AccessToken)
    /// Loopback TCP for browsers.
    case page(SearchPage)
}
