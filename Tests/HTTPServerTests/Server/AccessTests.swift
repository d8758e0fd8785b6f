import API
import Foundation
import Glibc
import HTTPServer
import Logging
import Settings
import TestSupport
import Testing

/// Who may do what over the Unix socket.
struct AccessTests {
    @Test func `the daemon's own user and root may do everything, and others nothing`() throws {
        let access = try SocketAccess()
        #expect(access.access(user: geteuid(), groups: []) == .full)
        #expect(access.access(user: 0, groups: []) == .full)
        #expect(access.access(user: 54_321, groups: [54_321, 100]) == nil)
    }

    @Test(
        arguments: [
            (1, [UInt32](), Access.full), (2, [9, 30], .full), (3, [], .search), (4, [9, 40], .search),
            (3, [30], .full),
            (5, [9], nil), (30, [], nil), (9, [1], nil),
        ] as [(UInt32, [UInt32], Access?)])
    func `users and groups are granted what is configured, the most of it`(
        user: UInt32, groups: [UInt32], granted: Access?
    ) {
        let access = SocketAccess(users: [1], groups: [30], searchUsers: [3], searchGroups: [40])
        #expect(access.access(user: user, groups: groups) == granted)
    }

    @Test func `users and groups are named by name or number, and what there isn't is an error that names the key`()
        throws
    {
        var settings = Configuration.Access()
        settings.users = ["nobody", "54321"]
        settings.searchGroups = ["root"]
        let access = try SocketAccess(settings)
        let nobody = try #require(getpwnam("nobody")).pointee.pw_uid
        #expect(access.access(user: nobody, groups: []) == .full && access.access(user: 54_321, groups: []) == .full)
        #expect(access.access(user: 5, groups: [0]) == .search)
        settings.groups = ["no-such-group"]
        let error = #expect(throws: ConfigurationError.self) { try SocketAccess(settings) }
        #expect(error?.origin == "access.groups" && error?.message.contains("no-such-group") == true)
    }

    @Test func `who may only search changes nothing`() async throws {
        let access = SocketAccess(searchUsers: [geteuid()])
        try await RunningServer.run(access: access) { server async throws in
            #expect(try await server.request("POST", "/v1/search", json: #"{"query":"a dog"}"#).status == 200)
            #expect(try await server.request("GET", "/v1/status").status == 200)
            for (method, path, body) in [
                ("POST", "/v1/roots", #"{"path":"/videos"}"#), ("DELETE", "/v1/roots/1", ""),
                ("POST", "/v1/rescan", "{}"),
                ("PUT", "/v1/saved-searches/a", #"{"query":"q"}"#), ("DELETE", "/v1/saved-searches/a", ""),
                ("POST", "/v1/models/use", #"{"model":"/m"}"#), ("DELETE", "/v1/models/previous", ""),
            ] {
                let response = try await server.request(method, path, body: body.isEmpty ? nil : Data(body.utf8))
                #expect(response.status == 403 && response.errorCode == "forbidden", "\(method) \(path)")
            }
        }
    }

    @Test func `who is granted nothing gets an error that says who grants it, and the log says who asked`() async throws
    {
        let entries = RecordingLog.Entries()
        try await RunningServer.run(access: SocketAccess(users: []), logger: entries.logger) { server async throws in
            for _ in 0..<3 {
                let response = try await server.request("GET", "/v1/status")
                #expect(response.status == 403 && response.errorCode == "forbidden")
                #expect(response.text.contains("access.search_users"))
            }
        }
        #expect(entries.all.count { $0.level == .warning && $0.message.contains("may not use this daemon") } == 1)
    }

    @Test func `a browser that a searcher lets in may search, and change nothing`() async throws {
        try await OpenedPage.run(access: SocketAccess(searchUsers: [geteuid()])) { page async throws in
            #expect(try await page.ask("POST", "/v1/search", json: #"{"query":"a dog"}"#).status == 200)
            let refused = try await page.ask("POST", "/v1/roots", json: #"{"path":"/videos"}"#)
            #expect(refused.status == 403 && refused.errorCode == "forbidden")
        }
    }
}
