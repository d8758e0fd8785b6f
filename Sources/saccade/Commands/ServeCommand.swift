import ArgumentParser

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Run the daemon: watch folders, index, answer.")

    @OptionGroup(title: "Places") var places: PlaceOptions

    func run() async throws {
        throw Failure(.software, "not yet")
    }
}
