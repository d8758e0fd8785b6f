import Glibc
package import Models

/// Fits a ``Calibration`` to what validation found, and says how good it is.
package struct CalibrationFit: Sendable {
    /// One answer to a query: its scores, and whether it was the right clip.
    package struct Answer: Sendable, Equatable {
        package var fast: Double
        package var evidence: Double
        package var isRight: Bool
        /// Answers of one group are fitted and tested together.
        package var group: Int

        package init(fast: Double, evidence: Double, isRight: Bool, group: Int) {
            self.fast = fast
            self.evidence = evidence
            self.isRight = isRight
            self.group = group
        }
    }

    /// Answers with a probability in one range.
    package struct Bin: Sendable, Equatable, Codable {
        package var count: Int
        package var meanProbability: Double
        package var frequency: Double
    }

    /// Fitted to all answers.
    package let calibration: Calibration
    /// Of each answer, by a calibration that was fitted to the other half of the groups.
    package let probabilities: [Double]
    package let answers: [Answer]

    package init(_ answers: [Answer]) {
        self.answers = answers
        calibration = Self.calibration(answers)
        let halves = (0..<2).map { half in Self.calibration(answers.filter { $0.group % 2 != half }) }
        probabilities = answers.map { answer in
            halves[answer.group % 2].probability(fast: answer.fast, evidence: answer.evidence)
        }
    }

    private static func calibration(_ answers: [Answer]) -> Calibration {
        Calibration(
            fastOnly: logistic(answers, usesEvidence: false), both: logistic(answers, usesEvidence: true))
    }

    /// The most likely logistic regression, by Newton's method with a little ridge, so that it exists for separable answers too.
    static func logistic(_ answers: [Answer], usesEvidence: Bool) -> Calibration.Logistic {
        var weights = [0.0, 0.0, 0.0]
        for _ in 0..<50 {
            var gradient = weights.map { -1e-3 * $0 }
            var curvature = (0..<3).map { row in (0..<3).map { row == $0 ? 1e-3 : 0 } }
            for answer in answers {
                let features = [1, answer.fast, usesEvidence ? answer.evidence : 0]
                let p = 1 / (1 + exp(-zip(weights, features).reduce(0) { $0 + $1.0 * $1.1 }))
                for i in 0..<3 {
                    gradient[i] += ((answer.isRight ? 1 : 0) - p) * features[i]
                    for j in 0..<3 { curvature[i][j] += p * (1 - p) * features[i] * features[j] }
                }
            }
            let step = solved(curvature, gradient)
            for i in 0..<3 { weights[i] += step[i] }
            if step.allSatisfy({ abs($0) < 1e-9 }) { break }
        }
        return Calibration.Logistic(bias: weights[0], fast: weights[1], slow: usesEvidence ? weights[2] : 0)
    }

    /// The solution of a small positive definite system, by elimination.
    private static func solved(_ matrix: [[Double]], _ right: [Double]) -> [Double] {
        var (a, x) = (matrix, right)
        for pivot in x.indices {
            for row in (pivot + 1)..<x.count {
                let factor = a[row][pivot] / a[pivot][pivot]
                for column in pivot..<x.count { a[row][column] -= factor * a[pivot][column] }
                x[row] -= factor * x[pivot]
            }
        }
        for row in x.indices.reversed() {
            for column in (row + 1)..<x.count { x[row] -= a[row][column] * x[column] }
            x[row] /= a[row][row]
        }
        return x
    }

    /// The reliability curve: how often answers of each tenth of the probabilities are right.
    package var reliability: [Bin] {
        (0..<10).compactMap { tenth in
            let places = probabilities.indices.filter { min(9, Int(probabilities[$0] * 10)) == tenth }
            guard !places.isEmpty else { return nil }
            let count = Double(places.count)
            return Bin(
                count: places.count, meanProbability: places.reduce(0) { $0 + probabilities[$1] } / count,
                frequency: Double(places.count { answers[$0].isRight }) / count)
        }
    }

    /// The mean distance of probability and frequency over the bins, weighted by their answers (ECE; Guo et al., ICML 2017).
    package var expectedCalibrationError: Double {
        reliability.reduce(0) { $0 + abs($1.meanProbability - $1.frequency) * Double($1.count) }
            / Double(max(1, answers.count))
    }
}

extension RerankingEvaluation {
    /// The first answers to every caption, once with its clip in the gallery and once without, by re-ranking the best `depth`.
    ///
    /// - Returns: of each caption, the answers with its clip, and those without, best first; in both at most `count`.
    package func answers(
        depth: Int, beta: Double, count: Int
    ) -> [(with: [CalibrationFit.Answer], without: [CalibrationFit.Answer])] {
        // One more, for when the caption's own clip is taken out.
        fast.best(depth + 1).enumerated().map { caption, best in
            let owner = fast.owners[caption]
            let (cosines, scores) = (fast.row(caption), slow.row(caption))
            func first(of items: some Sequence<Int>) -> [CalibrationFit.Answer] {
                items.prefix(depth).filter { !scores[$0].isNaN }
                    .sorted { scores[$0] + Float(beta) * cosines[$0] > scores[$1] + Float(beta) * cosines[$1] }
                    .prefix(count).map { item in
                        CalibrationFit.Answer(
                            fast: Double(cosines[item]), evidence: Double(scores[item] - blank[caption]),
                            isRight: item == owner, group: owner)
                    }
            }
            return (first(of: best), first(of: best.filter { $0 != owner }))
        }
    }
}
