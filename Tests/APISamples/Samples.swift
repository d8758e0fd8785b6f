package import API
internal import Foundation

/// Values that several tests look at.
package enum Samples {
    package static let status = API.Status(
        version: "0.1.0",
        pid: 42,
        started: Date(timeIntervalSince1970: 1_767_225_600),
        stateDirectory: "/s",
        model: .init(name: "saccade-small", modelDigest: "ab12", dimensions: 256),
        engine: .init(blasCore: "Haswell", simd: "avx2", threads: 2),
        watcher: .init(state: .watching, directories: 3, lastScan: Date(timeIntervalSince1970: 1_767_225_600)),
        roots: [API.Root(id: 1, path: API.Path("/v"), state: .online, files: 7)],
        media: .init(total: 7, pending: 2, indexing: 1, indexed: 3, failed: 1),
        queue: .init(
            waiting: 2, retrying: 0,
            current: [.init(media: 4, path: API.Path("/v/now.mp4"), position: 12.5, duration: 60)]),
        rates: .init(video: 12, clips: 2, frames: 16, remaining: 30),
        index: .init(
            clips: 40, memoryBytes: 4096, diskBytes: 8192, deletedClips: 10, deletedBytes: 2048, freeBytes: 512),
        next: build,
        failures: [
            .init(media: 9, path: API.Path("/v/bad.mp4"), reason: "no video stream", attempts: 1, nextAttempt: nil)
        ]
    )

    package static let build = API.Status.Build(
        name: "clip", modelDigest: "cd34", media: 7, indexed: 3, failed: 1, waiting: 2, missing: 3, clips: 20,
        expectedClips: 41,
        fraction: 0.5, remaining: 90, problem: "a vector isn't of unit length")

    package static let models = API.Models(
        models: [
            .init(
                role: .live, name: "saccade-small", folder: API.Path("/m/small"), modelDigest: "ab12", clips: 40,
                diskBytes: 8192),
            .init(
                role: .next, name: "clip", folder: API.Path("/m/clip"), modelDigest: "cd34", clips: 20, diskBytes: 4096,
                build: build),
            .init(role: .previous, name: nil, folder: nil, modelDigest: "ef56", clips: 40, diskBytes: 8192),
        ],
        configured: .init(name: "saccade-small", folder: API.Path("/m/small")),
        chosen: .init(name: "clip", folder: API.Path("/m/clip")))

    package static let modelChange = API.ModelChange(
        outcome: .building, name: "clip", modelDigest: "cd34", folder: API.Path("/m/clip"), clips: 41,
        neededBytes: 90_000, freeBytes: 1_000_000, fits: true)
}
