import API
import Catalog
import DecodeProtocol
import DecodeWorkers
import Settings
import Threads

/// Thumbnails of clips, from memory, from disk or from the media.
struct ThumbnailSource: Sendable {
    private let pictures: any FrameSource
    private let cache: ThumbnailCache
    private let store: ThumbnailStore
    private let settings: Configuration.Thumbnails

    init(pictures: any FrameSource, settings: Configuration.Thumbnails, store: ThumbnailStore) {
        self.pictures = pictures
        self.settings = settings
        self.store = store
        cache = ThumbnailCache(capacity: settings.cacheBytes)
    }

    /// The picture in the middle of a clip.
    ///
    /// - Parameters:
    ///   - content: Of the clip's media item.
    ///   - places: Where the media lies, the best first; the next is tried when one can't be opened.
    /// - Returns: A JPEG file.
    /// - Throws: `media_offline`, `thumbnail_failed`.
    func picture(
        of clip: Clip, in content: ContentIdentity, at places: [MediaPlace], side: Int?
    ) async throws -> [UInt8] {
        let side = side ?? settings.side
        return try await cache.picture(for: .init(clip: clip.id, side: side)) { [self] in
            let time = (clip.start + clip.end) / 2
            let key = ThumbnailStore.Key(content: content, time: time, side: side)
            if let kept = await BlockingExecutor.shared.run({ [store] in store.picture(for: key) }) { return kept }
            let bytes = try await make(time, at: places, side: side)
            await BlockingExecutor.shared.run { [store] in store.keep(bytes, for: key) }
            return bytes
        }
    }

    private func make(_ time: Double, at places: [MediaPlace], side: Int) async throws -> [UInt8] {
        for place in places where place.isOnline {
            do {
                return try await withDeadline {
                    try await pictures.thumbnail(of: place.path, at: time, longestSide: side)
                }
            } catch let error as DecodeError {
                switch error.code {
                case .notFound, .unreadable, .readError: continue
                default: throw APIError(.thumbnailFailed, error.message)
                }
            }
        }
        let path = places.first.map { API.Path($0.path).text } ?? "the file"
        throw APIError(.mediaOffline, "\(path) can't be read now; connect its disk, or rescan if it was moved")
    }

    private func withDeadline(_ body: @escaping @Sendable () async throws -> [UInt8]) async throws -> [UInt8] {
        let seconds = settings.timeoutSeconds
        return try await withThrowingTaskGroup(of: [UInt8].self) { group in
            group.addTask { try await body() }
            group.addTask {
                try await Task.sleep(for: .seconds(seconds))
                throw APIError(.thumbnailFailed, "the picture was not made within \(seconds) s; try again later")
            }
            defer { group.cancelAll() }
            guard let bytes = try await group.next() else {
                throw APIError(.thumbnailFailed, "no picture was made; try again later")
            }
            return bytes
        }
    }
}
