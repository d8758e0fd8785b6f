package import Tensors

/// The Slow model with the words that it knows.
///
/// Blocking and CPU-bound: call it off Swift's cooperative pool.
package struct SlowCaptioner: Sendable {
    package let model: SlowModel<Float>
    package let vocabulary: SlowVocabulary

    package init(model: SlowModel<Float>, vocabulary: SlowVocabulary) {
        self.model = model
        self.vocabulary = vocabulary
    }

    /// Reads `slow.safetensors` and `slow-vocab.txt`.
    ///
    /// - Parameter trainable: whether its parameters are to be trained.
    /// - Throws: ``ModelError`` or ``WeightsError`` that names the file or the tensor.
    package init(
        folder: ModelFolder, configuration: SlowConfiguration, tokenizer: WordPieceTokenizer, trainable: Bool = false
    ) throws {
        vocabulary = try SlowVocabulary(contentsOf: folder.slowVocabulary, tokenizerVocabulary: tokenizer.pieces)
        guard vocabulary.count == configuration.vocabularySize else {
            throw ModelError(
                .malformed,
                "\(folder.slowVocabulary): has \(vocabulary.count) pieces where config.json says "
                    + "\(configuration.vocabularySize); it is another model's")
        }
        let weights = try WeightSet(SafetensorsFile(folder.slow))
        model = try SlowModel(configuration, ParameterSource(weights, trainable: trainable))
        try weights.requireOnly(Set(model.parameters.map(\.name)))
    }

    /// The model's parameters as its file has them.
    package var namedTensors: [(name: String, tensor: Tensor<Float>)] {
        model.parameters.map { ($0.name, $0.variable.value) }
    }

    /// The memories of a batch of clips.
    ///
    /// - Parameters:
    ///   - features: of the frames of all clips, one after another.
    ///   - frameCounts: frames of each clip; at most the configuration's `frames` of them are used, evenly spread.
    /// - Throws: ``ModelError`` when the model's output isn't finite.
    package func memories(of features: BackboneFeatures, frameCounts: [Int]) throws -> VisualMemory<Float> {
        var rows: [Int32] = []
        var first = 0
        for count in frameCounts {
            rows += evenlySpread(model.configuration.frames, of: count).map { Int32(first + $0) }
            first += count
        }
        let maps = model.configuration.levels.map { level in
            let map = Variable(constant: features[level])
            return (level, rows.count == first ? map : map.gatherRows(rows))
        }
        let memory = model.memory(
            maps: Dictionary(uniqueKeysWithValues: maps),
            frameCounts: frameCounts.map { min($0, model.configuration.frames) }
        ).detached
        for tokens in memory.levels.values where !tokens.values.value.scalars.allSatisfy(\.isFinite) {
            throw ModelError(.input, "the Slow model's memory of a clip isn't a number; the model is damaged")
        }
        return memory
    }

    /// The memory of a still picture in which there is nothing: what a sentence costs by itself is scored against it.
    package func blankMemory() -> VisualMemory<Float> {
        let maps = model.configuration.levels.map { level in
            let map = model.configuration.maps[level]
            let shape = [1, (map?.side ?? 0) * (map?.side ?? 0), map?.channels ?? 0]
            return (level, Variable(constant: Tensor<Float>(zeros: shape)))
        }
        return model.memory(maps: Dictionary(uniqueKeysWithValues: maps), frameCounts: [1]).detached
    }
}

extension BackboneFeatures {
    /// The map of a level, [frames, positions, channels].
    package subscript(level: SlowConfiguration.Level) -> Tensor<Float> {
        switch level {
        case .c5: c5
        case .c4: c4
        case .c3: c3
        }
    }
}

extension Backbone {
    /// The size of a level's map for square frames.
    package func map(_ level: SlowConfiguration.Level, frameSize: Int) -> SlowConfiguration.Map {
        let (stride, channels) =
            switch level {
            case .c5: (32, channels.c5)
            case .c4: (16, channels.c4)
            case .c3: (8, channels.c3)
            }
        return SlowConfiguration.Map(side: (frameSize + stride - 1) / stride, channels: channels)
    }
}
