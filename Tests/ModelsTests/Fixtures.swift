import Foundation
import SystemPackage

/// The path of a file in this target's `Fixtures` folder.
func fixture(_ name: String) -> FilePath {
    FilePath(Bundle.module.resourcePath ?? ".").appending("Fixtures").appending(name)
}

/// Everything in a file of the `Fixtures` folder.
func fixtureContent(_ name: String) throws -> [UInt8] {
    try [UInt8](Data(contentsOf: URL(fileURLWithPath: fixture(name).string)))
}
