import DecodeProtocol
import Glibc
import MediaDecoding

// Started by the daemon's worker pool, never by hand: it reads requests from its standard input, and writes frames to its
// standard output. Or by `saccade doctor` with --codecs, for a line "yes NAME" or "no NAME" for each codec, or with --confinement, for a line
// "landlock VERSION" and one "seccomp yes", or "no" where the kernel has none.

func fail(_ message: String) -> Never {
    let line = Array("saccade-decode: \(message)\n".utf8)
    _ = unsafe line.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
    exit(64)
}

if CommandLine.arguments.dropFirst().first == "--codecs" {
    for name in InstalledCodecs.promised { print(InstalledCodecs.canDecode(name) ? "yes" : "no", name) }
    exit(0)
}

if CommandLine.arguments.dropFirst().first == "--confinement" {
    guard ProcessLimits(WorkerLimits(), parent: getppid()) != nil else {
        fail("The limits of the process can't be set.")
    }
    let confinement = Confinement.enter(endsWhenRefused: false)
    let lines =
        "landlock \(confinement.landlock.map(String.init) ?? "no")\nseccomp \(confinement.filtersCalls ? "yes" : "no")\n"
    _ = unsafe Array(lines.utf8).withUnsafeBytes { unsafe write(STDOUT_FILENO, $0.baseAddress, $0.count) }
    exit(0)
}

do throws(WireError) {
    let (limits, parent) = try WorkerLimits.parse(Array(CommandLine.arguments.dropFirst()))
    guard let process = ProcessLimits(limits, parent: parent ?? getppid()) else {
        fail("The limits of the process can't be set, or its parent is gone.")
    }
    let decoder = MediaDecoder(limits: limits) { process.renewCPUTime() }
    _ = Confinement.enter(endsWhenRefused: limits.endsWhenRefused)
    exit(WorkerLoop().run(decoder) ? 0 : 1)
} catch {
    fail(error.description)
}
