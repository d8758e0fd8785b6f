import ArgumentParser

struct ModelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "model", abstract: "Look at models.")

    @OptionGroup(title: "Places") var places: PlaceOptions

    func run() async throws {
        throw Failure(.software, "not yet")
    }
}
