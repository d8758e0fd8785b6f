import CLinux
import DecodeProtocol
import Glibc

/// Reads requests from a socket, with a descriptor of the file that each is about, and writes their messages to another descriptor, until there are
/// no more requests.
package struct WorkerLoop {
    private let input: Int32
    private let output: Int32

    package init(input: Int32 = STDIN_FILENO, output: Int32 = STDOUT_FILENO) {
        self.input = input
        self.output = output
    }

    /// - Returns: whether the requests ended where a request ends, and all of them could be answered.
    package func run(_ decoder: MediaDecoder) -> Bool {
        var stream = WireStream(payloadLimit: 0)
        var media: Int32 = -1
        while true {
            do throws(WireError) {
                while let message = try stream.next() {
                    answer(message, decoder, media: media)
                    if media >= 0 { close(media) }
                    media = -1
                }
            } catch {
                return false
            }
            guard read(into: &stream, media: &media) else { return !stream.isWithinMessage }
        }
    }

    private func answer(_ message: WireMessage, _ decoder: MediaDecoder, media: Int32) {
        let number = message.header.request
        do throws(WireError) {
            let request = try DecodeRequest(message)
            guard media >= 0 else { throw WireError(.content, "No file came with the request.") }
            decoder.answer(request, media: media) { write($0, request: number) }
        } catch {
            write(.failure(DecodeError(.badRequest, isRetryable: false, message: error.description)), request: number)
        }
    }

    /// - Parameter media: the descriptor that came with the bytes, if one did.
    /// - Returns: false when there will be no more.
    private func read(into stream: inout WireStream, media: inout Int32) -> Bool {
        var descriptor: Int32 = -1
        let count = unsafe stream.fill { room in
            while true {
                let received = unsafe saccade_receive(input, room.baseAddress, room.count, &descriptor)
                if received >= 0 || errno != EINTR { return received }
            }
        }
        if descriptor >= 0 {
            if media >= 0 { close(media) }
            media = descriptor
        }
        return count > 0
    }

    /// Header, body and payload leave in one call, from where they are: pixels are copied by nobody but the kernel.
    private func write(_ message: DecodeMessage, request: UInt32) {
        let (head, payload) = message.encoded(request: request)
        unsafe head.withUnsafeBytes { head in
            unsafe payload.withUnsafeBytes { payload in
                var rest = unsafe [head, payload]
                while unsafe rest.contains(where: { unsafe !$0.isEmpty }) {
                    var parts = unsafe rest.map {
                        unsafe iovec(iov_base: UnsafeMutableRawPointer(mutating: $0.baseAddress), iov_len: $0.count)
                    }
                    var written = unsafe writev(output, &parts, Int32(parts.count))
                    if written < 0 {
                        if errno == EINTR { continue }
                        // Nobody reads the answers any more: there is nothing left to work for.
                        exit(1)
                    }
                    for index in unsafe rest.indices {
                        let part = unsafe min(written, rest[index].count)
                        unsafe rest[index] = unsafe UnsafeRawBufferPointer(rebasing: rest[index].dropFirst(part))
                        written -= part
                    }
                }
            }
        }
    }
}
