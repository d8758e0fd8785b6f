/// Where a request came in, which says what it must show.
enum Door: Sendable {
    /// The Unix socket: the file's mode decides who may connect.
    case socket
    /// Loopback TCP for programs.
    case token(AccessToken)
    /// Loopback TCP for browsers.
    case page(SearchPage)
}
