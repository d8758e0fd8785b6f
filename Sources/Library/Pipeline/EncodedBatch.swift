internal import Catalog
import DecodeWorkers
internal import Models

/// A batch of the queue after the encoder.
struct EncodedBatch: Sendable {
    private(set) var clips: [NewClip] = []
    /// The media of each clip.
    private(set) var works: [MediaWork] = []
    /// Media whose last clip is among the clips, or which ended without another one.
    private(set) var finished: [MediaWork] = []
    /// Media with a clip that the encoder doesn't take.
    private(set) var refused: [(MediaWork, Problem)] = []
    private(set) var frames = 0

    /// Blocking. A clip that the encoder refuses costs its own media only.
    init(_ items: [ClipQueue.Item], with encoder: any ClipEncoder) {
        var sent: [(MediaWork, AssembledClip, Int)] = []
        for item in items {
            switch item.step {
            case .clip(let clip, let ordinal, let isLast):
                sent.append((item.work, clip, ordinal))
                frames += clip.frames.count
                if isLast { finished.append(item.work) }
            case .finished: finished.append(item.work)
            case .failed, .vanished, .released, .changed: break
            }
        }
        guard !sent.isEmpty else { return }
        let pictures = sent.map { $0.1.frames.map(\.image) }
        let encoded: [EncodedClip?]
        if let all = try? encoder.encode(clips: pictures), all.count == sent.count,
            all.allSatisfy({ Self.isUsable($0, encoder) })
        {
            encoded = all
        } else {
            encoded = pictures.indices.map { place in
                do {
                    let one = try encoder.encode(clips: [pictures[place]]).first
                    if let one, Self.isUsable(one, encoder) { return one }
                    let problem = Problem(
                        code: .model,
                        message: "The model gave no usable vector for it: check it with `saccade doctor`.",
                        retryAt: nil)
                    refused.append((sent[place].0, problem))
                } catch {
                    let problem = Problem(code: .model, message: "The model refused it: \(error)", retryAt: nil)
                    refused.append((sent[place].0, problem))
                }
                return nil
            }
        }
        let out = Set(refused.map(\.0.job.media))
        finished.removeAll { out.contains($0.job.media) }
        for ((work, clip, ordinal), result) in zip(sent, encoded) {
            guard let result, !out.contains(work.job.media) else { continue }
            works.append(work)
            clips.append(
                NewClip(
                    media: work.job.media, ordinal: ordinal, start: clip.start, end: clip.end, shot: clip.shot,
                    embedding: result.embedding, rerankFeatures: result.rerankFeatures))
        }
    }

    /// Whether an index can hold it. What is committed is loaded at every start, so nothing else may be.
    private static func isUsable(_ clip: EncodedClip, _ encoder: any ClipEncoder) -> Bool {
        clip.embedding.count == encoder.dimensions && clip.embedding.allSatisfy { $0.magnitude < 1e6 }
    }
}
