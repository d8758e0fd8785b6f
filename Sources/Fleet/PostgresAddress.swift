internal import CPostgres

/// Where a database is, in words that may be shown: without what is secret of the address.
package struct PostgresAddress: Sendable, Equatable, CustomStringConvertible {
    /// Such as `postgresql://media@db.example:5432/saccade`.
    package let description: String

    /// - Parameter address: a URL or a string of keywords, as libpq takes it; nil for one that libpq can't read.
    package init?(_ address: String) {
        guard let options = unsafe PQconninfoParse(address, nil) else { return nil }
        defer { unsafe PQconninfoFree(options) }
        var said: [String: String] = [:]
        var place = unsafe options
        while let keyword = unsafe place.pointee.keyword {
            if let value = unsafe place.pointee.val {
                said[unsafe String(cString: keyword)] = unsafe String(cString: value)
            }
            unsafe place += 1
        }
        let user = said["user"].map { "\($0)@" } ?? ""
        let port = said["port"].map { ":\($0)" } ?? ""
        let host = said["host"] ?? said["hostaddr"] ?? said["service"].map { "service \($0)" } ?? ""
        description = "postgresql://\(user)\(host)\(port)/\(said["dbname"] ?? "")"
    }

    /// What libpq says of it may have the password in it.
    static let unusable = PostgresError(
        state: "08001",
        "“fleet.url” is no address of a database: write postgresql://USER:PASSWORD@HOST/DATABASE, or libpq's keywords.")
}
