import API
import Foundation
import HTTPTypes
import HummingbirdCore
import NIOCore
package import Settings
import Synchronization

/// The search page: its files for everybody on this machine, and the API for browsers that were let in.
///
/// A browser is let in by a one-time key in an address, which only who may use the query socket can get, and is known by a cookie from
/// then on. What is served here has headers that let nothing else in the browser use it.
package final class SearchPage: Sendable {
    private let files: PageFiles
    private let keys: PageKeys
    private let sessions: PageSessions
    private let origin: PageOrigin
    /// Without a slash at its end: empty for none.
    private let base: String
    /// The port to listen on from the start; nil to wait until somebody asks.
    let configuredPort: Int?
    private let listeningPort = Mutex<Int?>(nil)

    package init(files: PageFiles, settings: Configuration.HTTP, sessions: PageSessions, keys: PageKeys = PageKeys()) {
        self.files = files
        self.sessions = sessions
        self.keys = keys
        origin = PageOrigin(proxied: settings.pageOrigin)
        base = settings.basePath == "/" ? "" : settings.basePath
        configuredPort = settings.pagePort
    }

    func listens(on port: Int) {
        listeningPort.withLock { $0 = port }
    }

    /// An address with a new key, of the reverse proxy where there is one.
    ///
    /// - Parameters:
    ///   - port: On which the page is served.
    ///   - access: What the browser may do.
    func address(port: Int, access: Access) -> API.PageAddress {
        let (key, expires) = keys.make(access)
        let start = origin.proxied ?? "http://127.0.0.1:\(port)"
        return API.PageAddress(url: "\(start)\(base)/open?key=\(key)", expires: expires)
    }

    /// The document that describes the API, which is among the page's files; nil where it is missing.
    func openAPI(for request: Request) -> Response? {
        files.named(PageFiles.openAPI).map { response(with: $0, to: request) }
    }

    /// What becomes of a request.
    enum Admission {
        case answered(Response)
        /// The API answers at this path, as far as the browser's user may ask it.
        case api(path: String, access: Access)
    }

    /// - Throws: `forbidden`, `unauthorized`, `unknown_route`, `method_not_allowed`.
    func admit(_ request: Request) throws(APIError) -> Admission {
        let path = request.uri.path
        let rest = path.hasPrefix(base + "/") ? path.dropFirst(base.count + 1) : nil
        let isAPI = rest?.hasPrefix("\(API.version)/") == true
        try origin.check(request.head, isDocument: !isAPI && request.method == .get)
        guard let rest else {
            guard path == base else { throw noSuchPage(path) }
            return .answered(Response(status: .permanentRedirect, headers: [.location: base + "/"]))
        }
        if isAPI {
            guard let access = access(of: request) else {
                throw APIError(.unauthorized, "this browser was not let in, or not recently; run `saccade open` again")
            }
            return .api(path: "/" + rest, access: access)
        }
        if rest == "open" {
            try onlyGet(request)
            return .answered(letIn(request))
        }
        guard let file = files.named(rest) else { throw noSuchPage(path) }
        try onlyGet(request)
        return .answered(response(with: file, to: request))
    }

    /// A path without what the paths of the page begin with.
    func apiPath(_ path: String) -> String {
        path.hasPrefix(base + "/") ? String(path.dropFirst(base.count)) : path
    }

    /// Headers that every answer here carries unless it has others of the name.
    static func protect(_ response: inout Response) {
        for field in protection where response.headers[field.name] == nil { response.headers.append(field) }
    }

    private static let protection: HTTPFields = [
        .contentSecurityPolicy:
            "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox",
        .xContentTypeOptions: "nosniff", .referrerPolicy: "no-referrer", .resourcePolicy: "same-origin",
        .openerPolicy: "same-origin", .cacheControl: "no-store",
    ]

    /// For the page itself: nothing but its own files, no code in attributes or elements, and no text that becomes markup.
    private static let contentPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; "
        + "frame-ancestors 'none'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

    private func onlyGet(_ request: Request) throws(APIError) {
        guard request.method == .get else {
            throw APIError(.methodNotAllowed, "\(request.uri.path.prefix(100)) takes GET")
        }
    }

    private func noSuchPage(_ path: String) -> APIError {
        APIError(.unknownRoute, "there is nothing at \(path.prefix(100)); the search page is at \(base)/")
    }

    private func response(with file: PageFiles.File, to request: Request) -> Response {
        var headers: HTTPFields = [
            .contentType: file.contentType, .eTag: file.entityTag, .cacheControl: "no-cache",
            .contentSecurityPolicy: Self.contentPolicy,
        ]
        if EntityTag.list(request.headers[.ifNoneMatch], contains: file.entityTag) {
            headers[.contentType] = nil
            return Response(status: .notModified, headers: headers)
        }
        return Response(
            status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: file.bytes)))
    }

    /// Takes a key, and sends the browser on to the page: by the document, since browsers hold back a strict cookie while they follow
    /// redirections that a click elsewhere began.
    private func letIn(_ request: Request) -> Response {
        let key = request.uri.queryParameters.first { $0.key == "key" }?.value ?? ""
        let granted = keys.use(key)
        guard granted != nil || access(of: request) != nil else {
            return document(
                .forbidden, title: "This address was used, or is too old",
                text: "Run <code>saccade open</code> again: each address lets one browser in, within five minutes.")
        }
        var response = document(
            .ok, title: "Saccade", refresh: true, text: "<a href=\"./\">Continue to the search page</a>")
        guard let granted else { return response }
        var cookie = "\(cookieName)=\(sessions.begin(granted)); HttpOnly; SameSite=Strict; Path=\(base)/"
        cookie += "; Max-Age=\(Int(PageSessions.lifetime))"
        if origin.isEncrypted(request.head) { cookie += "; Secure" }
        response.headers[.setCookie] = cookie
        return response
    }

    private func document(_ status: HTTPResponse.Status, title: String, refresh: Bool = false, text: String) -> Response
    {
        let html = """
            <!doctype html>
            <html lang="en"><meta charset="utf-8"><meta name="color-scheme" content="light dark">
            <meta name="viewport" content="width=device-width">\(refresh ? "<meta http-equiv=\"refresh\" content=\"0; url=./\">" : "")
            <title>\(title)</title><h1>\(title)</h1><p>\(text)</p></html>

            """
        return Response(
            status: status,
            headers: [
                .contentType: "text/html; charset=utf-8",
                .contentSecurityPolicy:
                    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
            ],
            body: ResponseBody(byteBuffer: ByteBuffer(string: html)))
    }

    /// Browsers give cookies to every port of a host, so each daemon's has a name of its own.
    private var cookieName: String {
        "saccade_\(listeningPort.withLock { $0 } ?? 0)"
    }

    /// What the browser may do, by its cookie; nil for one that wasn't let in.
    private func access(of request: Request) -> Access? {
        let name = cookieName
        let cookies = request.headers[.cookie]?.split(separator: ";") ?? []
        for cookie in cookies {
            let parts = cookie.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, parts[0].trimmingCharacters(in: .whitespaces) == name else { continue }
            if let access = sessions.access(of: parts[1].trimmingCharacters(in: .whitespaces)) { return access }
        }
        return nil
    }
}
