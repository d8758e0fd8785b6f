import Basics
package import Catalog
import Foundation
import Synchronization
package import SystemPackage

/// Thumbnails or previews on disk, up to a number of bytes, so that clips of offline media still have a picture; the least recently used leave first.
///
/// Each is named by what it shows, the content of its file, the time and the size, so that no other clip ever gets it. All calls block, and
/// none fails: what can't be kept is made again.
package final class ThumbnailStore: Sendable {
    /// What is kept.
    package enum Form: Sendable {
        /// JPEG files.
        case thumbnails
        /// WebM files.
        case previews

        fileprivate var ending: String { self == .thumbnails ? ".jpg" : ".webm" }
        /// What each file begins with.
        fileprivate var magic: [UInt8] { self == .thumbnails ? [0xFF, 0xD8] : [0x1A, 0x45, 0xDF, 0xA3] }
    }

    /// What a picture shows.
    package struct Key: Sendable {
        package var content: ContentIdentity
        /// In seconds from the start of the media item.
        package var time: Double
        /// The longest side in pixels.
        package var side: Int

        package init(content: ContentIdentity, time: Double, side: Int) {
            self.content = content
            self.time = time
            self.side = side
        }

        fileprivate var name: String {
            var hash = ContentHash()
            hash.update(content.digest)
            hash.update(Array("\(content.size) \(time) \(side)".utf8))
            return ContentHash.hexadecimal(hash.finish().prefix(16))
        }
    }

    private struct State {
        /// Nil until the folder was looked at.
        var files: [String: (size: Int, used: UInt64)]?
        var size = 0
        var clock: UInt64 = 0
    }

    private let folder: FilePath
    private let form: Form
    private let capacity: Int
    private let state = Mutex(State())

    /// - Parameters:
    ///   - folder: Made when the first picture is kept; nothing else may be in it.
    ///   - capacity: In bytes; 0 keeps nothing.
    package init(folder: FilePath, form: Form = .thumbnails, capacity: Int) {
        self.folder = folder
        self.form = form
        self.capacity = capacity
    }

    package func picture(for key: Key) -> [UInt8]? {
        guard capacity > 0 else { return nil }
        let name = key.name + form.ending
        guard let data = try? Data(contentsOf: URL(filePath: folder.appending(name).string)),
            data.starts(with: form.magic)
        else { return nil }
        state.withLock { state in
            lookAtFolder(&state)
            state.clock += 1
            state.files?[name]?.used = state.clock
        }
        return [UInt8](data)
    }

    package func keep(_ bytes: [UInt8], for key: Key) {
        guard bytes.count <= capacity else { return }
        let name = key.name + form.ending
        do {
            try FileManager.default.createDirectory(atPath: folder.string, withIntermediateDirectories: true)
            // Under another name first: a crash leaves no half of a picture.
            try Data(bytes).write(to: URL(filePath: folder.appending(name).string), options: .atomic)
        } catch {
            return
        }
        let leaving = state.withLock { state in
            lookAtFolder(&state)
            state.clock += 1
            let old = state.files?.updateValue((bytes.count, state.clock), forKey: name)
            state.size += bytes.count - (old?.size ?? 0)
            guard state.size > capacity else { return [String]() }
            // Down to nine tenths at once, so that the walk over all is rare.
            var leaving: [String] = []
            for (name, file) in (state.files ?? [:]).sorted(by: { $0.value.used < $1.value.used }) {
                guard state.size > capacity / 10 * 9 else { break }
                state.size -= file.size
                state.files?[name] = nil
                leaving.append(name)
            }
            return leaving
        }
        for name in leaving { try? FileManager.default.removeItem(atPath: folder.appending(name).string) }
    }

    /// Once, in the order of the files' times: what was used when is not known across restarts.
    private func lookAtFolder(_ state: inout State) {
        guard state.files == nil else { return }
        let keys: Set<URLResourceKey> = [.fileSizeKey, .contentModificationDateKey]
        let urls =
            (try? FileManager.default.contentsOfDirectory(
                at: URL(filePath: folder.string), includingPropertiesForKeys: Array(keys))) ?? []
        let known = urls.compactMap { url in
            (try? url.resourceValues(forKeys: keys)).map { (url.lastPathComponent, $0) }
        }
        var files: [String: (size: Int, used: UInt64)] = [:]
        let inOrder = known.sorted {
            ($0.1.contentModificationDate ?? .distantPast) < ($1.1.contentModificationDate ?? .distantPast)
        }
        for (name, values) in inOrder {
            state.clock += 1
            files[name] = (values.fileSize ?? 0, state.clock)
            state.size += values.fileSize ?? 0
        }
        state.files = files
    }
}
