import Foundation
import Models
import Terminal
import Training

/// What `saccade evaluate --concepts` prints.
struct ConceptReport: Encodable, Sendable {
    struct Metrics: Encodable, Sendable {
        var meanAveragePrecision: Double
        var precisionAt1: Double

        enum CodingKeys: String, CodingKey {
            case meanAveragePrecision = "MAP"
            case precisionAt1 = "P@1"
        }
    }

    var model: String
    var modelDigest: String
    var data: String
    /// Names the items on record; see ``CaptionedDataset/identifierDigest``.
    var itemsDigest: String
    var queries: Int
    var gallery: Int
    /// β of the modes that use both models.
    var beta: Double?
    var textToVideo: [String: Metrics]

    enum CodingKeys: String, CodingKey {
        case model, data, queries, gallery, beta
        case modelDigest = "model_digest"
        case itemsDigest = "items_digest"
        case textToVideo = "text_to_video"
    }

    init(_ evaluation: ConceptEvaluation, of model: any RerankableModel, on dataset: CaptionedDataset) {
        self.model = model.name
        modelDigest = model.modelDigest
        data = dataset.name
        itemsDigest = dataset.identifierDigest
        queries = evaluation.queries
        gallery = evaluation.gallery
        beta = evaluation.beta
        textToVideo = Dictionary(
            uniqueKeysWithValues: evaluation.measurements.map { mode, found in
                (
                    mode.name,
                    Metrics(meanAveragePrecision: found.meanAveragePrecision, precisionAt1: found.precisionAt1)
                )
            })
    }

    var table: String {
        var lines = [
            "\(model) on \(data): \(queries) phrases, \(gallery) items (\(itemsDigest))",
            "", "                               MAP    P@1",
        ]
        for (mode, row) in textToVideo.sorted(by: { ($0.key.count, $0.key) < ($1.key.count, $1.key) }) {
            let name = "text to video \(mode)".padding(toLength: 28, withPad: " ", startingAt: 0)
            lines.append(name + String(format: " %5.3f  %5.3f", row.meanAveragePrecision, row.precisionAt1))
        }
        return lines.joined(separator: "\n")
    }
}
