import CForbidden
import DecodeProtocol
import Glibc
import MediaDecoding

// Confines itself as a decode worker does, tries what a decoder that a file has taken over would try, and prints a line "NAME ERROR" for each, ERROR being 0 for
// what was done. Arguments: a file, a folder and the id of a process of the same user.

let words = CommandLine.arguments
guard words.count == 4, let victim = pid_t(words[3]) else { exit(64) }
let media = unsafe open(words[1], O_RDONLY | O_CLOEXEC)
guard media >= 0, let limits = ProcessLimits(WorkerLimits(), parent: getppid()) else { exit(65) }

func say(_ line: String) {
    _ = unsafe Array((line + "\n").utf8).withUnsafeBytes { unsafe write(STDOUT_FILENO, $0.baseAddress, $0.count) }
}

nonisolated func beginsThread() -> Bool {
    var thread = pthread_t()
    return unsafe pthread_create(&thread, nil, { _ in nil }, nil) == 0 && pthread_join(thread, nil) == 0
}

let confinement = Confinement.enter(endsWhenRefused: false)
say("landlock \(confinement.landlock ?? 0)")
say("seccomp \(confinement.filtersCalls)")
limits.renewCPUTime()
unsafe words[1].withCString { file in
    unsafe words[2].withCString { folder in
        var surroundings = unsafe saccade_surroundings(file: file, folder: folder, victim: victim, media: media)
        for number in 0..<saccade_forbidden_count() {
            let error = unsafe saccade_try_forbidden(number, &surroundings)
            say("\(unsafe String(cString: saccade_forbidden_name(number))) \(error)")
        }
    }
}
// What a worker needs goes on.
var byte: UInt8 = 0
guard lseek(media, 0, SEEK_SET) == 0, unsafe read(media, &byte, 1) == 1 else { exit(67) }
guard beginsThread() else { exit(68) }
say("end 0")
