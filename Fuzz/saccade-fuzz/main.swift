import CFuzzer
import Foundation

// saccade-fuzz TARGET seeds FOLDER         writes the target's seeds
// saccade-fuzz TARGET [libFuzzer's own arguments and folders]

let arguments = CommandLine.arguments
guard arguments.count > 1, let target = FuzzTarget.all.first(where: { $0.name == arguments[1] }) else {
    print(
        "usage: saccade-fuzz TARGET [ARGUMENT...], of the targets", FuzzTarget.all.map(\.name).joined(separator: ", "))
    exit(64)
}
if arguments.count == 4, arguments[2] == "seeds" {
    try target.writeSeeds(to: URL(filePath: arguments[3]))
    exit(0)
}

// libFuzzer calls a C function, which can't capture: the target is found again by its name, once.
enum Chosen {
    static let target = FuzzTarget.all.first { $0.name == CommandLine.arguments[1] }
}

var rest = [CommandLine.unsafeArgv[0]] + (2..<arguments.count).map { CommandLine.unsafeArgv[$0] } + [nil]
var count = CInt(arguments.count - 1)
exit(
    rest.withUnsafeMutableBufferPointer { rest in
        var start = rest.baseAddress
        return LLVMFuzzerRunDriver(&count, &start) { bytes, count in
            Chosen.target?.check(Array(UnsafeBufferPointer(start: bytes, count: count)))
            return 0
        }
    })
