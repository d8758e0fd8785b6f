import API
import Catalog
import DecodeProtocol
import DecodeWorkers
import HTTPServer
import Settings
import Threads

/// Previews of clips, from disk or from the media: what a browser plays where it can't play the file.
struct PreviewSource: Sendable {
    private let pictures: any FrameSource
    /// So that the same one is never made twice at once; it keeps none.
    private let underway = ThumbnailCache(capacity: 0)
    private let store: ThumbnailStore
    private let settings: Configuration.Previews

    /// - Parameter pictures: of one worker, so that one preview is made at a time.
    init(pictures: any FrameSource, settings: Configuration.Previews, store: ThumbnailStore) {
        self.pictures = pictures
        self.settings = settings
        self.store = store
    }

    /// - Parameters:
    ///   - content: of the clip's media item.
    ///   - places: where the media lies, the best first.
    /// - Throws: `media_offline`, `preview_failed`.
    func preview(of clip: Clip, in content: ContentIdentity, at places: [MediaPlace]) async throws -> ServedFile {
        guard clip.end > clip.start else {
            throw APIError(.previewFailed, "a still picture has no preview; ask for its thumbnail")
        }
        let key = ThumbnailStore.Key(content: content, time: clip.start, side: PreviewLimits.longestSide)
        let bytes = try await underway.picture(for: .init(clip: clip.id, side: PreviewLimits.longestSide)) { [self] in
            if let kept = await BlockingExecutor.shared.run({ [store] in store.picture(for: key) }) { return kept }
            let seconds = min(clip.end - clip.start, PreviewLimits.seconds)
            let bytes = try await places.firstPicture(within: settings.timeoutSeconds, failure: .previewFailed) {
                try await pictures.preview(
                    of: $0, at: clip.start, seconds: seconds, longestSide: PreviewLimits.longestSide)
            }
            await BlockingExecutor.shared.run { [store] in store.keep(bytes, for: key) }
            return bytes
        }
        return ServedFile(size: Int64(bytes.count), contentType: "video/webm", digest: "\(clip.id)-\(bytes.count)") {
            Array(bytes.dropFirst(Int($0)).prefix($1))
        }
    }
}
