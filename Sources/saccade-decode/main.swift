import DecodeProtocol
import Glibc
import MediaDecoding

// Started by the daemon's worker pool, never by hand:
//   saccade-decode --parent PID [--memory BYTES] [--cpu SECONDS] [--pixels COUNT] [--threads COUNT]
// or by `saccade doctor`, which wants a line "yes NAME" or "no NAME" for each codec:
//   saccade-decode --codecs

var limits = WorkerLimits()
var parent: Int32?
var threads = 2
var arguments = CommandLine.arguments.dropFirst()

func fail(_ message: String) -> Never {
    let line = Array("saccade-decode: \(message)\n".utf8)
    _ = unsafe line.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
    exit(64)
}

if arguments.first == "--codecs" {
    for name in InstalledCodecs.promised { print(InstalledCodecs.canDecode(name) ? "yes" : "no", name) }
    exit(0)
}

while let option = arguments.popFirst() {
    guard let text = arguments.popFirst(), let value = Int(text), value > 0 else {
        fail("\(option) needs a positive number. The program is started by saccade, see `saccade serve --help`.")
    }
    switch option {
    case "--parent": parent = Int32(exactly: value)
    case "--memory": limits.addressSpace = value
    case "--cpu": limits.stalledCPUSeconds = value
    case "--pixels": limits.pixels = value
    case "--threads": threads = value
    default: fail("There is no option \(option).")
    }
}

guard let process = ProcessLimits(limits, parent: parent ?? getppid()) else {
    fail("The limits of the process can't be set, or its parent is gone.")
}
let decoder = MediaDecoder(limits: limits, threads: threads) { process.renewCPUTime() }
exit(WorkerLoop().run(decoder) ? 0 : 1)
