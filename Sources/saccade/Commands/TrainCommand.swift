import ArgumentParser

struct TrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "train", abstract: "Train a model.")

    @OptionGroup(title: "Places") var places: PlaceOptions

    func run() async throws {
        throw Failure(.software, "not yet")
    }
}
