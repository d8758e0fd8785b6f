import DecodeWorkers
import Foundation
import Library
import Logging
import Models
import SystemPackage

/// The whole pipeline over real files, decode to commit: seconds of video a second, and where the time goes.
///
/// The stages overlap, so their times sum to more than the whole; the one nearest to it is the one to make faster.
/// Arguments: the model's folder, then files or folders.
func ingest(_ arguments: [String]) throws -> [Comparison] {
    guard let folder = arguments.first, arguments.count > 1 else {
        print("usage: saccade-benchmarks ingest MODEL FILE...")
        return []
    }
    let worker = try DecodeWorkerPool.executable()
    let state = FileManager.default.temporaryDirectory.appendingPathComponent("saccade-ingest-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: state) }
    let settings = IngestSettings()
    let library = try Library(
        state: FilePath(state.path), model: IndexingModel(encoder: try LoadedModel.load(FilePath(folder)).clips),
        source: DecodeWorkerPool(configuration: .init(executable: worker, workers: settings.decodeWorkers)),
        settings: settings, logger: Logger(label: "ingest") { _ in SwiftLogNoOpLogHandler() })
    defer { library.close() }
    let done = DispatchSemaphore(value: 0)
    Task.detached {
        do {
            let clock = ContinuousClock()
            let began = clock.now
            let outcomes = try await library.index(arguments.dropFirst().map { FilePath($0) })
            let whole = Double((clock.now - began) / .milliseconds(1)) / 1000
            report(try await library.status(), outcomes, whole: whole)
        } catch {
            print("\(error)")
        }
        done.signal()
    }
    done.wait()
    return []
}

private func report(_ status: IngestStatus, _ outcomes: [FileOutcome], whole: Double) {
    let rates = status.rates
    let failed = outcomes.filter { if case .failed = $0.result { true } else { false } }
    func figure(_ value: Double) -> String { String(format: "%8.2f", value) }
    print("files              \(outcomes.count), \(failed.count) of them failed")
    print("clips, frames      \(rates.clips), \(rates.frames)")
    print("seconds of video   \(figure(rates.videoSeconds))")
    print("seconds            \(figure(whole))")
    print("  decode           \(figure(rates.decodeSeconds))  (waited for, summed over the decoders)")
    print("  encode           \(figure(rates.encodeSeconds))")
    print("  store            \(figure(rates.storeSeconds))")
    print("video seconds / s  \(figure(rates.videoSeconds / whole))")
    print("frames / s         \(figure(Double(rates.frames) / whole))")
    for outcome in failed { print("  \(outcome.path): \(outcome.result)") }
}
