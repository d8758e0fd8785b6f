import Basics
package import API
import Catalog
import FolderWatch
import Foundation
package import Library
import SystemPackage

extension API.Event {
    /// Nil for what is the log's alone.
    package init?(_ event: LibraryEvent) {
        self.init(kind: .scanStarted, time: Date(event.time))
        switch event.kind {
        case .folder(.watchesExhausted): return nil
        case .folder(let event): set(event)
        case .rootAdded(let id): set(.rootAdded, root: id)
        case .rootRemoved(let id): set(.rootRemoved, root: id)
        case .mediaStarted(let id, let path): set(.mediaStarted, media: id, path: path)
        case .mediaProgress(let id, let position, let duration, let clips):
            set(.mediaProgress, media: id)
            self.position = position
            self.duration = duration
            self.clips = clips
        case .mediaIndexed(let id, let clips):
            set(.mediaIndexed, media: id)
            self.clips = clips
        case .mediaFailed(let id, let path, let problem):
            set(.mediaFailed, media: id, path: path, reason: problem.message)
        case .indexSwitched: set(.indexSwitched)
        case .modelChanged(let digest, let what): set(.modelChanged, reason: "model \(digest.prefix(12)): \(what)")
        case .writeRefused, .textRead, .textFailed, .namesRead: return nil
        case .resting(let cause): set(cause == nil ? .resumed : .paused, reason: cause?.reason)
        case .paused(let reason): set(reason == nil ? .resumed : .paused, reason: reason)
        }
    }

    private mutating func set(_ event: FolderEvent) {
        switch event {
        case .scanStarted(let id): set(.scanStarted, root: id)
        case .scanFinished(let id): set(.scanFinished, root: id)
        case .rootOnline(let id): set(.rootOnline, root: id)
        case .rootOffline(let id, let reason): set(.rootOffline, root: id, reason: reason)
        case .removalHeld(let id, let missing):
            set(.removalHeld, root: id)
            count = missing
        case .watchesExhausted: break
        case .mediaFound(let id, let path): set(.mediaFound, media: id, path: path)
        case .mediaMoved(let id, let path): set(.mediaMoved, media: id, path: path)
        case .mediaRemoved(let id): set(.mediaRemoved, media: id)
        case .fileFailed(let path, let problem): set(.mediaFailed, path: path, reason: problem.message)
        }
    }

    private mutating func set(
        _ kind: API.EventKind,
        root: Int64? = nil,
        media: Int64? = nil,
        path: FilePath? = nil,
        reason: String? = nil
    ) {
        self.kind = kind
        self.root = root
        self.media = media
        self.path = path.map { API.Path($0) }
        self.reason = reason
    }
}
