internal import Catalog
internal import Synchronization
internal import SystemPackage

/// One media item in work.
final class MediaWork: Sendable {
    struct Progress: Sendable {
        var position = 0.0
        var duration: Double?
        var clips: Int
        /// Its failure is kept already; what else comes of it is dropped.
        var isOver = false
    }

    let job: Job
    let path: FilePath
    let progress: Mutex<Progress>

    init(job: Job, path: FilePath) {
        self.job = job
        self.path = path
        progress = Mutex(Progress(position: job.committedEnd ?? 0, clips: job.committedClips))
    }
}
