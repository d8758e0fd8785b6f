import DecodeProtocol
import Glibc

/// Reads requests from one descriptor and writes their messages to another, until there are no more requests.
package struct WorkerLoop {
    private let input: Int32
    private let output: Int32

    package init(input: Int32 = STDIN_FILENO, output: Int32 = STDOUT_FILENO) {
        self.input = input
        self.output = output
    }

    /// - Returns: whether the requests ended where a request ends, and all of them could be answered.
    package func run(_ decoder: MediaDecoder) -> Bool {
        var stream = WireStream(limit: DecodeLimits.requestBytes)
        while true {
            do throws(WireError) {
                while let (header, body) = try stream.next() {
                    try answer(header, body, decoder)
                }
            } catch {
                return false
            }
            guard let bytes = read() else { return !stream.isWithinMessage }
            stream.append(bytes)
        }
    }

    private func answer(_ header: WireHeader, _ body: [UInt8], _ decoder: MediaDecoder) throws(WireError) {
        let request: DecodeRequest
        do throws(WireError) {
            request = try DecodeRequest(kind: header.kind, body: body)
        } catch {
            let failure = DecodeFailure(code: .badRequest, isRetryable: false, message: error.description)
            write(DecodeMessage.failure(failure).encoded(request: header.request))
            return
        }
        decoder.answer(request) { message in
            write(message.encoded(request: header.request))
        }
    }

    /// Bytes of requests, or nil when there will be no more.
    private func read() -> [UInt8]? {
        while true {
            var failure: Int32 = 0
            let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 16_384) { buffer, count in
                let received = unsafe Glibc.read(input, buffer.baseAddress, buffer.count)
                failure = received < 0 ? errno : 0
                count = max(0, received)
            }
            if failure == EINTR { continue }
            return bytes.isEmpty ? nil : bytes
        }
    }

    private func write(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = unsafe rest.withUnsafeBytes { unsafe Glibc.write(output, $0.baseAddress, $0.count) }
            if written >= 0 {
                rest = rest.dropFirst(written)
            } else if errno != EINTR {
                // Nobody reads the answers any more: there is nothing left to work for.
                exit(1)
            }
        }
    }
}
