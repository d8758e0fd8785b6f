import Foundation
import SystemPackage

/// A published tokenizer, by the program that defines what it does, and the files that a model's folder has for it.
package enum TokenizerKind: String, Sendable, Codable, CaseIterable {
    /// ``CLIPTokenizer``.
    case clipOpenCLIP = "clip/open-clip"
    case clipHuggingFace = "clip/hugging-face"
    /// ``SigLIPTokenizer``.
    case siglip = "siglip/hugging-face"
    case siglipOpenCLIP = "siglip/open-clip"
    /// ``GemmaTokenizer``.
    case gemmaOpenCLIP = "gemma/open-clip"
    case gemmaHuggingFace = "gemma/hugging-face"

    /// Sets of files that one can be made of; the first that a folder has is taken.
    var fileSets: [[String]] {
        switch self {
        case .clipOpenCLIP, .clipHuggingFace: [["tokenizer.json"], ["vocab.json", "merges.txt"], ["merges.txt"]]
        case .siglip: [["spiece.model"]]
        case .siglipOpenCLIP: [["tokenizer.json"], ["spiece.model"]]
        case .gemmaOpenCLIP, .gemmaHuggingFace: [["tokenizer.json"]]
        }
    }

    /// The files of a folder that the tokenizer is made of.
    ///
    /// - Throws: ``ModelError`` that names what is missing.
    func files(in folder: FilePath) throws(ModelError) -> [FilePath] {
        for names in fileSets {
            let paths = names.map { folder.appending($0) }
            if paths.allSatisfy({ FileManager.default.fileExists(atPath: $0.string) }) { return paths }
        }
        let wanted = fileSets.map { $0.joined(separator: " and ") }.joined(separator: ", or ")
        throw ModelError(.unreadable, "\(folder): has no tokenizer; it needs \(wanted)")
    }

    /// Reads the tokenizer of a folder.
    ///
    /// - Throws: ``ModelError`` or ``WeightsError`` that names the file and what is wrong with it.
    func tokenizer(in folder: FilePath) throws -> any Tokenizer {
        try tokenizer(of: files(in: folder).map { ($0.lastComponent?.string ?? "", $0) })
    }

    /// Reads a tokenizer from files that are named as one of ``fileSets``, wherever they are.
    ///
    /// - Throws: as ``tokenizer(in:)``.
    func tokenizer(of named: [(name: String, path: FilePath)]) throws -> any Tokenizer {
        let files = named.map(\.path)
        func vocabulary() throws -> BytePairVocabulary {
            files.count == 2
                ? try BytePairVocabulary(vocabularyFile: files[0], mergesFile: files[1])
                : try BytePairVocabulary(tokenizerFile: files[0])
        }
        func clip(_ cleaning: CLIPTokenizer.Cleaning) throws -> CLIPTokenizer {
            guard named[0].name == "merges.txt" else {
                return try CLIPTokenizer(vocabulary(), cleaning: cleaning)
            }
            return try CLIPTokenizer(
                merges: BytePairVocabulary.content(of: files[0]), cleaning: cleaning, source: files[0].string)
        }
        return try explaining(files[0].string) {
            switch self {
            case .clipOpenCLIP: try clip(.openCLIP)
            case .clipHuggingFace: try clip(.huggingFace)
            case .siglip: try SigLIPTokenizer(modelFile: files[0])
            case .siglipOpenCLIP: try SigLIPTokenizer(modelFile: files[0], cleaning: .openCLIP)
            case .gemmaOpenCLIP: try GemmaTokenizer(vocabulary(), cleaning: .openCLIP)
            case .gemmaHuggingFace: try GemmaTokenizer(vocabulary(), cleaning: .huggingFace)
            }
        }
    }
}
