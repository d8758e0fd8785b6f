extension ModelArchitecture {
    /// The architectures that the program knows: each has its folder beside this file, and its name in this line.
    package static let builtIn: [ModelArchitecture] = [.fastSlow, .dualEncoder, .blip]

    /// The one that folders of format 1 have, which don't name it.
    static let ofFormat1 = FastSlowConfiguration.architecture
}
