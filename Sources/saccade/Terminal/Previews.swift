import API
import Basics
import Client
import DecodeProtocol
import DecodeWorkers
import Foundation
import Models
import Settings
import SystemPackage
import Terminal

/// Pictures of results: the daemon's thumbnails, or from the files themselves where no daemon runs; decoded by a worker.
struct Previews {
    /// Lines of text that a picture is high.
    private static let rows = 8
    /// Pixels of a picture's side as it is decoded.
    private static let side = 256

    private let client: ServiceClient
    private let pool: DecodeWorkerPool
    private let format: PictureFormat

    /// - Throws: `DecodeError` where the decode worker is missing.
    init(_ configuration: Settings.Configuration, client: ServiceClient, format: PictureFormat) throws {
        self.client = client
        self.format = format
        pool = DecodeWorkerPool(
            configuration: .init(
                executable: try DecodeWorkerPool.executable(configuration.decoder),
                deadline: .seconds(configuration.ingest.decodeTimeoutSeconds)))
    }

    /// The picture of a result for a terminal; nil where there is none, as of a disk that is away.
    func text(of result: API.SearchResult, on terminal: Terminal) async -> String? {
        guard let jpeg = await jpeg(of: result), let (image, aspect) = await decoded(jpeg) else { return nil }
        return TerminalPicture(image, aspect: aspect, rows: Self.rows, cell: terminal.cellSize).text(as: format)
    }

    private func jpeg(of result: API.SearchResult) async -> [UInt8]? {
        let path = "/v1/clips/\(result.clip)/thumbnail.jpg?side=\(Self.side)"
        if let jpeg = try? await client.send(.get, path) { return jpeg }
        let file = FilePath(bytes: result.media.path.bytes)
        return try? await pool.thumbnail(
            of: file, at: (result.start + result.end) / 2, longestSide: Self.side)
    }

    private func decoded(_ jpeg: [UInt8]) async -> (RGBImage, aspect: Double)? {
        let file = FilePath(FileManager.default.temporaryDirectory.path)
            .appending("saccade-preview-\(UUID().uuidString)")
        guard
            FileManager.default.createFile(
                atPath: file.string, contents: Data(jpeg), attributes: [.posixPermissions: 0o600])
        else { return nil }
        defer { try? FileManager.default.removeItem(atPath: file.string) }
        let sampling = FrameSampling(geometry: FrameGeometry(side: Self.side), detectsCuts: false, end: 0.01)
        var aspect = 1.0
        var image: RGBImage?
        do {
            for try await event in pool.frames(of: file, sampling: sampling) {
                switch event {
                case .mediaInfo(let info):
                    if info.height > 0 { aspect = Double(info.width) / Double(info.height) }
                case .frame(let frame): image = image ?? frame.image
                default: break
                }
            }
        } catch {
            return nil
        }
        return image.map { ($0, aspect) }
    }
}
