import DecodeProtocol
import Foundation
import SystemPackage
import Testing

private let photographs = ProcessInfo.processInfo.environment["SACCADE_PHOTOGRAPHS"]

/// Photographs beside what the processors of published models make of them, by Fixtures/make_photographs.py.
@Suite(.enabled(if: photographs != nil, "SACCADE_PHOTOGRAPHS names the photographs"))
struct PhotographTests {
    @Test(arguments: [
        (FrameGeometry(side: 224, fit: .cover, filter: .pillowBicubic), "224.cover.bicubic"),
        (FrameGeometry(side: 224, fit: .squash, filter: .pillowBicubic), "224.squash.bicubic"),
        (FrameGeometry(side: 256, fit: .squash, filter: .pillowBilinear), "256.squash.bilinear"),
    ])
    func `A photograph becomes the pixels of the model's own processor`(geometry: FrameGeometry, name: String) throws {
        let folder = URL(filePath: try #require(photographs))
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".jpg") }
        #expect(names.count >= 50)
        var (sum, count, far) = (0, 0, 0)
        for photograph in names {
            let path = FilePath(folder.appending(path: photograph).path)
            let answer = Answer(.frames(path, FrameSampling(geometry: geometry, detectsCuts: false)))
            let ours = try #require(answer.frames.first).pixels
            let theirs = try Data(contentsOf: folder.appending(path: "\(photograph).\(name)"))
            #expect(ours.count == theirs.count)
            for (mine, other) in zip(ours, theirs) {
                let difference = abs(Int(mine) - Int(other))
                sum += difference
                far += difference > 8 ? 1 : 0
            }
            count += ours.count
        }
        // Decoders of JPEG differ by a level or two.
        #expect(Double(sum) / Double(count) <= 1, "mean difference in levels of 255")
        #expect(Double(far) / Double(count) <= 0.005, "share of values that are more than 8 levels off")
    }
}
