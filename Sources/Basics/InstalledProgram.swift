internal import Glibc
package import SystemPackage

/// The programs of this installation beside the running one.
package enum InstalledProgram {
    /// Where a program is: in the running program's folder, or in `../libexec/saccade`; nil if it is in neither.
    package static func path(of name: String) -> FilePath? {
        var bytes = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        guard unsafe readlink("/proc/self/exe", &bytes, bytes.count - 1) > 0 else { return nil }
        let folder = unsafe bytes.withUnsafeBufferPointer { unsafe FilePath(platformString: $0.baseAddress!) }
            .removingLastComponent()
        let candidates = [folder.appending(name), folder.appending("../libexec/saccade").appending(name)]
        return candidates.first { unsafe $0.withPlatformString { unsafe access($0, X_OK) } == 0 }
    }
}
