import Settings
import ArgumentParser
import Foundation
import Models
import SystemPackage
import Tensors
import Terminal
import Threads
import Training

/// Makes a model's querybank.
struct TrainQuerybankCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "querybank",
        abstract: "Learn which clips come near to whatever is asked, so that they take no other clip's place.",
        discussion: """
            Embeds captions of the training items, and chooses by the validation items how much the embedding of a clip is shortened that is \
            near to many of them (querybank normalisation: Bogolin et al., CVPR 2022). Writes querybank.safetensors into the model's \
            folder, or removes it where no bank helps. Searches are as fast as before; an index that was made without the bank is made \
            anew. Do this after the Fast part was trained, and before `saccade calibrate`.
            """
    )

    @Option(
        help: ArgumentHelp(
            "Captioned items of which one caption each goes into the bank; may be given several times. Their media aren't read.",
            valueName: "file"),
        completion: .file(extensions: ["jsonl"]))
    var data: [String]

    @Option(
        help: ArgumentHelp("Captioned items that are none of these; may be given several times.", valueName: "file"),
        completion: .file(extensions: ["jsonl"]))
    var validation: [String]

    @Option(help: "Captions in the bank at most; the items are drawn evenly.")
    var size = 6144

    @Option(help: "The seed by which an item's caption is drawn.")
    var seed: UInt64 = 1

    @OptionGroup var dataOptions: DataOptions
    @OptionGroup var modelOptions: ModelOptions
    @OptionGroup(title: "Places") var places: PlaceOptions

    func validate() throws {
        if modelOptions.model == nil {
            throw ValidationError("querybank writes into the model's folder: name it with --model")
        }
        if data.isEmpty || validation.isEmpty {
            throw ValidationError("give --data and --validation, each at least once")
        }
        if !(2...65_536).contains(size) { throw ValidationError("--size must be 2 to 65536") }
    }

    func run() async throws {
        let command = self
        let decoder = try places.load().decoder
        try await BlockingExecutor.shared.run { try command.make(decoder: decoder) }
    }

    private func make(decoder: FilePath?) throws {
        let folder = ModelFolder(try modelOptions.folder())
        let model = try folder.rerankable()
        let items = try data.flatMap { try dataOptions.dataset($0).items }
        var random = SplitMix64(seed: seed)
        let captions = evenlySpread(size, of: items.count).compactMap {
            items[$0].captions.randomElement(using: &random)
        }
        guard captions.count > 1 else {
            throw ValidationError("a bank of \(captions.count) captions says nothing: give more items with --data")
        }
        let queries = try FastEmbeddings.sentences(of: captions, model: model)
        let galleries = try validation.map { path in
            let embedded = try FastEmbeddings(
                model: model.heads,
                features: dataOptions.features(of: dataOptions.dataset(path), model: model, decoder: decoder),
                framesInUse: model.framesPerClip, encode: model.tokens(of:))
            return QuerybankChoice.Gallery(clips: embedded.clips, table: embedded.table)
        }
        let choice = QuerybankChoice(queries: queries, galleries: galleries)
        for (path, (without, with)) in zip(validation, zip(choice.without, choice.with)) {
            let name = FilePath(path).lastComponent?.string ?? path
            print(
                "\(name): R@1 \(change(\.recallAt1, without, with)), R@5 \(change(\.recallAt5, without, with)), "
                    + "R@10 \(change(\.recallAt10, without, with))")
        }
        guard let bank = choice.querybank else {
            try? FileManager.default.removeItem(atPath: folder.querybank.string)
            print("No bank of these captions is better than none: nothing was written.")
            return
        }
        try bank.write(to: folder.querybank)
        print(
            "Wrote \(folder.querybank): \(captions.count) captions, τ \(bank.temperature), w \(Quantities.fixed(Double(bank.weight), 2)). "
                + "Calibrate the model now: `saccade calibrate --model \(folder.path) --data \(validation[0])`.")
    }

    private func change(_ figure: (RetrievalMetrics) -> Double, _ before: RetrievalMetrics, _ after: RetrievalMetrics)
        -> String
    {
        "\(Quantities.fixed(figure(before), 1)) → \(Quantities.fixed(figure(after), 1))"
    }
}
