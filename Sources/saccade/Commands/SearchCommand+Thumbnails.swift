import API
import Client
import Export
import SystemPackage
import Terminal

extension SearchCommand {
    /// A contact sheet that is to be written.
    struct Sheet {
        private let output: FilePath
        private let sheet: ContactSheet

        /// - Throws: `CutError` for what can be known before the search.
        init(_ output: FilePath) throws {
            try ContactSheet.check(output)
            self.output = output
            sheet = try ContactSheet()
        }

        /// Gets the pictures of the results, and writes them.
        ///
        /// - Throws: `ClientError`, `CutError`.
        func write(_ response: API.SearchResponse, columns: Int, asking client: ServiceClient) async throws {
            guard !response.results.isEmpty else { return }
            var pictures: [[UInt8]?] = []
            for result in response.results { pictures.append(try await picture(of: result, asking: client)) }
            let missing = pictures.count { $0 == nil }
            guard missing < pictures.count else {
                throw CommandFailure(
                    .noInput, "No result has a picture now: connect the disks of their files, then try again.")
            }
            let (rows, columns) = try sheet.write(pictures, columns: columns, to: output)
            Terminal.error.line(
                "Wrote \(Terminal.printable(output.string)): \(Quantities.count(rows, "row")) of \(columns)")
            if missing > 0 {
                Terminal.error.line("saccade: \(Quantities.count(missing, "result")) without a picture: left grey")
            }
        }

        /// - Returns: nil where there is none now.
        private func picture(
            of result: API.SearchResult, asking client: ServiceClient
        ) async throws(ClientError) -> [UInt8]? {
            // Of a file that is away there are pictures of the sizes that were asked for once: the configured one, and the page's.
            for side in ["", "?side=480", "?side=960"] {
                do {
                    return try await client.send(.get, "/v1/clips/\(result.clip)/thumbnail.jpg\(side)")
                } catch {
                    guard case .refused(let code) = error.code else { throw error }
                    guard code == .mediaOffline else { return nil }
                }
            }
            return nil
        }
    }
}
