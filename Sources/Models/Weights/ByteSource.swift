import Glibc
package import SystemPackage

/// Bytes that are read by range: a file's, or an array's.
package final class ByteSource: Sendable {
    private enum Storage {
        case memory([UInt8])
        case file(FileDescriptor, path: String)
    }

    private let storage: Storage
    /// How many bytes there are; of a file, when it was opened.
    package let count: Int

    package init(_ bytes: [UInt8]) {
        storage = .memory(bytes)
        count = bytes.count
    }

    /// Opens a file for reading. What is no file, such as a named pipe, is refused and not waited for. Throws `WeightsError`.
    package init(opening path: FilePath) throws {
        do {
            let descriptor = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec, .nonBlocking])
            do {
                var status = stat()
                guard fstat(descriptor.rawValue, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
                    throw WeightsError.malformed(source: path.string, reason: "it isn't a regular file")
                }
                count = Int(try descriptor.seek(offset: 0, from: .end))
            } catch {
                try? descriptor.close()
                throw error
            }
            storage = .file(descriptor, path: path.string)
        } catch let error as Errno {
            throw WeightsError.inaccessible(path: path.string, reason: error)
        }
    }

    deinit {
        if case .file(let descriptor, _) = storage { try? descriptor.close() }
    }

    /// The bytes of `range`. Throws `WeightsError` if a file ends before it, or can't be read.
    ///
    /// - Precondition: the range lies within `0..<count`.
    package func read(_ range: Range<Int>) throws -> [UInt8] {
        switch storage {
        case .memory(let bytes): return [UInt8](bytes[range])
        case .file(let descriptor, let path):
            do {
                return try [UInt8](unsafeUninitializedCapacity: range.count) { buffer, filled in
                    while filled < range.count {
                        let rest = UnsafeMutableRawBufferPointer(
                            rebasing: UnsafeMutableRawBufferPointer(buffer)[filled..<range.count])
                        let got = try descriptor.read(fromAbsoluteOffset: Int64(range.lowerBound + filled), into: rest)
                        guard got > 0 else {
                            throw WeightsError.malformed(source: path, reason: "it became shorter while it was read")
                        }
                        filled += got
                    }
                }
            } catch let error as Errno {
                throw WeightsError.inaccessible(path: path, reason: error)
            }
        }
    }
}
