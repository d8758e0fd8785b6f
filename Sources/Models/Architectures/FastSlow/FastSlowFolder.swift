package import SystemPackage

/// The files of a folder of this architecture, beside those that every model has.
extension ModelFolder {
    package var backbone: FilePath { path.appending("backbone.safetensors") }
    package var fast: FilePath { path.appending("fast.safetensors") }
    package var vocabulary: FilePath { path.appending("vocab.txt") }

    /// The files that make the model what it is, in a fixed order.
    var fastSlowParts: [FilePath] {
        [configuration, backbone, fast, vocabulary] + slowFiles + querybankFiles
    }
}
