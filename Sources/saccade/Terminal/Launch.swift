import Foundation

/// Programs of the desktop that take this process's place.
enum Launch {
    /// Becomes the program, which is found by `PATH`; returns only when there is none of its name.
    ///
    /// - Parameter words: the program and its arguments, as bytes, since names of files need not be text.
    static func replaceProgram(_ words: [[UInt8]]) {
        var arguments: [UnsafeMutablePointer<CChar>?] = unsafe words.map { word in
            unsafe (word + [0]).withUnsafeBytes { bytes in
                unsafe strdup(bytes.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: CChar.self))
            }
        }
        unsafe arguments.append(nil)
        defer { unsafe arguments.forEach { unsafe free($0) } }
        if let name = unsafe arguments[0] { unsafe _ = execvp(name, arguments) }
    }
}
