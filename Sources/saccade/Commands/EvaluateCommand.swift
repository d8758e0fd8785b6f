import ArgumentParser

struct EvaluateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate", abstract: "Measure retrieval on a data set.")

    @OptionGroup(title: "Places") var places: PlaceOptions

    func run() async throws {
        throw Failure(.software, "not yet")
    }
}
