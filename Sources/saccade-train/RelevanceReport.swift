import Models
import Terminal
import Training

/// What `saccade evaluate --absent` prints.
struct RelevanceReport: Encodable {
    var model: String
    var data: String
    var gallery: Int
    var threshold: Double?
    var area: Double
    var fastArea: Double
    var present: [RelevanceEvaluation.Answer]
    var absent: [RelevanceEvaluation.Answer]

    enum CodingKeys: String, CodingKey {
        case model, data, gallery, threshold, area, present, absent
        case fastArea = "fast_area"
    }

    init(_ evaluation: RelevanceEvaluation, of model: any RerankableModel, on data: String) {
        self.model = model.name
        self.data = data
        gallery = evaluation.gallery
        threshold = model.reranking?.relevance?.threshold
        area = evaluation.area
        fastArea = evaluation.fastArea
        present = evaluation.present
        absent = evaluation.absent
    }

    var text: String {
        var lines = [
            "\(model) on \(data): \(present.count) queries that something answers, \(absent.count) that nothing does, \(gallery) items",
            "",
            "Area under the curve of the first answers' probabilities: re-ranked \(Quantities.fixed(area, 3)), "
                + "Fast alone \(Quantities.fixed(fastArea, 3))",
            "",
            "  first answer   present   absent",
        ]
        let steps = [0.1, 0.2, 0.3, 0.4, 0.5] + (threshold.map { [$0] } ?? [])
        for least in Set(steps).sorted() {
            lines.append(
                "  at least \(Quantities.fixed(least, 2))  \(share(of: present, from: least))  \(share(of: absent, from: least))"
                    + (least == threshold ? "   counts as found" : ""))
        }
        return lines.joined(separator: "\n")
    }

    private func share(of answers: [RelevanceEvaluation.Answer], from least: Double) -> String {
        let count = answers.count { $0.probability >= least }
        let percent = Quantities.fixed(100 * Double(count) / Double(max(1, answers.count)), 1)
        return String(repeating: " ", count: max(0, 6 - percent.count)) + percent + " %"
    }
}
