package import Basics
package import SystemPackage

/// Why an inverted file can't be used or made. It holds nothing that isn't elsewhere, so it is made again.
package enum InvertedFileError: ExplainedError, Equatable {
    case unreadable(Errno)
    case unwritable(Errno)
    case damaged(String)
    case otherVersion(UInt64)
    case stopped

    package var message: String {
        switch self {
        case .unreadable(let reason): "the index's file can't be read (\(reason)): it is made again"
        case .unwritable(let reason):
            "the index's file can't be written (\(reason)): give the state folder room, and this user the permission to write"
        case .damaged(let what): "the index's file is damaged, \(what): it is made again"
        case .otherVersion(let version): "the index's file is of version \(version): it is made again"
        case .stopped: "the index's file was not finished: it is made again"
        }
    }

    package var category: ErrorCategory { .unavailable }
}
