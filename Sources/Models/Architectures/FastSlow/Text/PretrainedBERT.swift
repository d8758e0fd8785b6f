import Foundation
package import SystemPackage
package import Tensors

/// A BERT model and its tokenizer as sentence-transformers publishes them, for example all-MiniLM-L6-v2.
package struct PretrainedBERT<Scalar: TensorScalar>: Sendable {
    package let tokenizer: WordPieceTokenizer
    package let encoder: BERTEncoder<Scalar>

    /// Reads `config.json`, `model.safetensors` and `vocab.txt` of a folder.
    ///
    /// Only the encoder's own tensors are read: not the pooler, nor the positions that older exports list.
    ///
    /// - Parameter learns: whether the parameter of a name is to be trained.
    /// - Throws: `ModelError` or `WeightsError` that names the file or tensor.
    package init(folder: FilePath, learns: @escaping (String) -> Bool = { _ in false }) throws {
        let configuration = try BERTConfiguration(huggingFace: folder.appending("config.json"))
        let file = try SafetensorsFile(folder.appending("model.safetensors"))
        var tensors: [String: Tensor<Float>] = [:]
        for name in file.names where name.hasPrefix("embeddings.") || name.hasPrefix("encoder.layer.") {
            if name != "embeddings.position_ids" { tensors[name] = try file.tensor(named: name) }
        }
        encoder = try BERTEncoder(configuration, weights: WeightSet(tensors, source: file.source), learns: learns)
        try WeightSet(tensors, source: file.source).requireOnly(Set(encoder.parameterNames))
        tokenizer = try WordPieceTokenizer(vocabularyFile: folder.appending("vocab.txt"))
        guard tokenizer.vocabularySize <= configuration.vocabularySize else {
            throw ModelError(
                .malformed,
                "\(folder) has \(tokenizer.vocabularySize) word pieces and embeddings of "
                    + "\(configuration.vocabularySize): vocab.txt and model.safetensors are of different models")
        }
    }
}

extension BERTConfiguration {
    /// Reads HuggingFace's `config.json` of a BERT model.
    ///
    /// - Throws: `WeightsError` when the file can't be read, `ModelError` when it describes something else.
    package init(huggingFace path: FilePath) throws {
        struct Kind: Decodable {
            var model_type: String?
            var hidden_act: String?
            var position_embedding_type: String?
        }
        let source = try ByteSource(opening: path)
        guard source.count <= 1 << 20 else { throw ModelError(.malformed, "\(path) is too large to be a config.json") }
        let data = try Data(source.read(0..<source.count))
        do {
            let kind = try JSONDecoder().decode(Kind.self, from: data)
            guard kind.model_type ?? "bert" == "bert", kind.hidden_act ?? "gelu" == "gelu",
                kind.position_embedding_type ?? "absolute" == "absolute"
            else { throw ModelError(.malformed, "\(path) is not of a BERT with GELU and absolute positions") }
            self = try JSONDecoder().decode(BERTConfiguration.self, from: data)
        } catch let error as DecodingError {
            throw ModelError(.malformed, "\(path) is not the config.json of a BERT model: \(error)")
        }
        try validate()
    }
}
