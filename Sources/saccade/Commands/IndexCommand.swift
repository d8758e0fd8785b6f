import ArgumentParser

struct IndexCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "index", abstract: "Index files once, with no daemon.")

    @OptionGroup(title: "Places") var places: PlaceOptions

    func run() async throws {
        throw Failure(.software, "not yet")
    }
}
