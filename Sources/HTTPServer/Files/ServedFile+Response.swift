import HTTPTypes
import HummingbirdCore
import NIOCore
import Threads

extension ServedFile {
    /// Bytes that are read at once.
    private static let block = 256 << 10

    /// The file, or the part of it that the request asks for.
    ///
    /// - Parameter place: Given back when the body has been sent.
    func response(to request: Request, holding place: Lease) -> Response {
        let tag = "\"\(digest)\""
        // The digest is of the content, so what a browser has of it stays right; it asks each time, so that it learns of a file that is gone.
        var headers: HTTPFields = [
            .contentType: contentType, .acceptRanges: "bytes", .eTag: tag, .cacheControl: "private, no-cache",
        ]
        if EntityTag.list(request.headers[.ifNoneMatch], contains: tag) {
            place.end()
            return Response(status: .notModified, headers: headers)
        }
        let ifRange = request.headers[.ifRange]
        let range = ifRange == nil || ifRange == tag ? ByteRange.find(request.headers[.range], size: size) : .whole
        switch range {
        case .whole:
            return Response(status: .ok, headers: headers, body: body(0..<size, holding: place))
        case .part(let bytes):
            headers[.contentRange] = "bytes \(bytes.lowerBound)-\(bytes.upperBound - 1)/\(size)"
            return Response(status: .partialContent, headers: headers, body: body(bytes, holding: place))
        case .unsatisfiable:
            place.end()
            headers[.contentRange] = "bytes */\(size)"
            headers[.contentType] = nil
            return Response(status: .rangeNotSatisfiable, headers: headers)
        }
    }

    private func body(_ range: Range<Int64>, holding place: Lease) -> ResponseBody {
        ResponseBody(contentLength: Int(range.count)) { writer in
            defer { place.end() }
            var offset = range.lowerBound
            while offset < range.upperBound {
                let bytes = try await read(offset, Int(min(Int64(Self.block), range.upperBound - offset)))
                // The length was announced, so the connection ends with what is missing.
                guard !bytes.isEmpty else { throw FileWasCut() }
                try await writer.write(ByteBuffer(bytes: bytes))
                offset += Int64(bytes.count)
            }
            try await writer.finish(nil)
        }
    }
}

/// A file has become shorter while it was sent.
private struct FileWasCut: Error {}
