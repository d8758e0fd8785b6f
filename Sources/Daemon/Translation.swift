import Basics
package import API
import Catalog
import Foundation
package import SystemPackage
import Search

// Inside of `API` these names mean its own types.
private typealias CatalogMedia = Media
private typealias CatalogClip = Clip

// What the library says, in the words of the API.

extension API.Path {
    package init(_ path: FilePath) {
        self.init(bytes: path.bytes)
    }

    var filePath: FilePath { FilePath(bytes: bytes) }
}

extension Date {
    init(_ timestamp: Timestamp) {
        self.init(timeIntervalSince1970: timestamp)
    }
}

extension API.MediaState {
    fileprivate init(_ state: CatalogMedia.State?) {
        self =
            switch state {
            case .pending?, nil: .pending
            case .running?: .indexing
            case .indexed?: .indexed
            case .failed?: .failed
            }
    }
}

extension API.Media {
    fileprivate init(catalog media: CatalogMedia, places: [MediaPlace], clips: [CatalogClip]) {
        self.init(
            id: media.id,
            paths: places.map { API.MediaPath(root: $0.root, path: API.Path($0.path), online: $0.isOnline) },
            state: API.MediaState(media.state),
            reason: media.problem?.message,
            attempts: media.attempts,
            nextAttempt: media.problem?.retryAt.map { Date($0) },
            size: media.identity.size,
            duration: media.properties.duration,
            width: media.properties.width,
            height: media.properties.height,
            codec: media.properties.codec,
            container: media.properties.container,
            recorded: media.properties.recordedAt.map { Date($0) },
            clipCount: clips.count,
            clips: clips.prefix(API.Media.maximumClips).map {
                API.ClipSpan(id: $0.id, start: $0.start, end: $0.end, shot: $0.shot)
            }
        )
    }
}

extension APIError {
    /// The answer to what the library throws; nil for an internal error.
    init?(_ error: any Error) {
        switch error {
        case let error as APIError:
            self = error
        case let error as SearchError:
            switch error.code {
            case .emptyQuery: self.init(.emptyQuery, error.message)
            case .queryTooLong: self.init(.queryTooLong, error.message)
            case .rootNotFound: self.init(.rootNotFound, error.message)
            case .clipNotFound: self.init(.clipNotFound, error.message)
            case .fileNotIndexed: self.init(.mediaNotFound, error.message)
            case .noIndex, .otherModel: self.init(.unavailable, error.message)
            case .invalidLimit, .invalidOffset, .invalidFilter, .invalidRerank, .invalidExample:
                self.init(.invalidRequest, error.message)
            case .unusableEmbedding where error.field != nil: self.init(.invalidRequest, error.message)
            case .unusableEmbedding: return nil
            }
        case let error as CatalogError where error.mayPass:
            self.init(.unavailable, error.message)
        default:
            return nil
        }
    }
}

extension Media {
    func described(places: [MediaPlace], clips: [Clip]) -> API.Media {
        API.Media(catalog: self, places: places, clips: clips)
    }
}
