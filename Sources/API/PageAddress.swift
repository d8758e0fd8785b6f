package import Foundation

extension API {
    /// The answer to `POST /v1/page`: an address that lets one browser in, once.
    package struct PageAddress: Codable, Sendable, Equatable {
        /// Has the one-time key in it.
        package var url: String
        /// When the key is no longer taken, used or not.
        package var expires: Date

        package init(url: String, expires: Date) {
            self.url = url
            self.expires = expires
        }

        enum CodingKeys: String, CodingKey {
            case url
            case expires = "expires_at"
        }
    }
}
