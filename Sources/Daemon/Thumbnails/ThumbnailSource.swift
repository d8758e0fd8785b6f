import API
import Catalog
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
            let bytes = try await places.firstPicture(
                within: settings.timeoutSeconds, failure: .thumbnailFailed
            ) { try await pictures.thumbnail(of: $0, at: time, longestSide: side) }
            await BlockingExecutor.shared.run { [store] in store.keep(bytes, for: key) }
            return bytes
        }
    }
}
