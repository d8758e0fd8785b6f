import ArgumentParser
import Catalog
import Foundation
import Models
import Search
import Service
import Training

/// Why a command gave up: one line on standard error that says what to do, and an exit status for scripts.
struct Failure: Error {
    /// The numbers of BSD's `sysexits.h`, where it has one for the case.
    enum Status: Int32 {
        case partial = 1
        case data = 65
        case noInput = 66
        case unavailable = 69
        case software = 70
        case output = 74
        case inUse = 75
        case notPermitted = 77
        case configuration = 78
    }

    var status: Status
    var message: String

    init(_ status: Status, _ message: String) {
        self.status = status
        self.message = message
    }

    /// Ends the program as the error asks for.
    static func exit(with error: any Error) -> Never {
        guard let failure = Failure(error) else { Saccade.exit(withError: error) }
        Terminal.error.line("saccade: \(failure.message)")
        Foundation.exit(failure.status.rawValue)
    }

    /// Nil for the parser's own errors, which bring their texts and statuses with them.
    private init?(_ error: any Error) {
        switch error {
        case let failure as Failure:
            self = failure
        case let error as ClientError:
            self.init(Self.status(of: error), error.message)
        case let error as ConfigurationError:
            self.init(.configuration, error.description)
        case let error as ModelError:
            self.init(error.code == .unreadable ? .noInput : .data, error.message)
        case let error as CatalogError:
            self.init(Self.status(of: error), error.message)
        case let error as SearchError:
            self.init(Self.status(of: error), error.message)
        case let error as SocketError:
            self.init(error.code == .inUse ? .inUse : .unavailable, error.message)
        case let error as DatasetError:
            self.init(.data, error.message)
        case let error as WeightsError:
            self.init(.data, error.description)
        case is ExitCode, is CleanExit, is ValidationError:
            return nil
        default:
            guard Saccade.exitCode(for: error) == .failure else { return nil }
            self.init(.software, String(describing: error))
        }
    }

    private static func status(of error: SearchError) -> Status {
        switch error.code {
        case .emptyQuery, .queryTooLong, .invalidLimit, .invalidOffset, .invalidFilter, .invalidRerank: .data
        case .noIndex, .rootNotFound: .noInput
        case .otherModel: .configuration
        case .unusableEmbedding: .software
        }
    }

    private static func status(of error: CatalogError) -> Status {
        switch error.code {
        case .locked, .busy: .inUse
        case .unreadable, .notFound: .noInput
        case .diskFull: .unavailable
        case .readOnly: .notPermitted
        case .foreign, .newerSchema, .damaged: .data
        case .overlappingRoot, .sqlite: .software
        }
    }

    private static func status(of error: ClientError) -> Status {
        switch error.code {
        case .unavailable, .interrupted: .unavailable
        case .notPermitted, .refused(.unauthorized): .notPermitted
        case .refused(.unavailable), .refused(.overloaded), .refused(.timeout): .unavailable
        case .refused(.mediaNotFound), .refused(.clipNotFound), .refused(.rootNotFound), .refused(.invalidRoot):
            .noInput
        case .refused(.internalError), .malformed: .software
        case .refused: .data
        }
    }
}
