package import API
import Basics
import Catalog
package import Fleet
package import Library
package import Models
package import Search
import Synchronization

/// Asks the fleet's clips as this machine's own are asked: the same models, the same steps, other rows.
package final class FleetSearch: Sendable {
    private struct Current {
        var record: IndexRecord
        var index: FleetIndex
        var search: SearchIndex
    }

    private let membership: FleetMembership
    private let library: Library
    private let local: @Sendable () throws -> SearchIndex
    private let model: @Sendable () throws -> LoadedModel
    private let report: @Sendable (any Error) -> Void
    private let current = Mutex<Current?>(nil)

    /// - Parameters:
    ///   - local: what searches of this machine's clips are asked of now, and `model`, the model that answers.
    ///   - report: is told why stored features can't be read.
    package init(
        _ membership: FleetMembership, library: Library, local: @escaping @Sendable () throws -> SearchIndex,
        model: @escaping @Sendable () throws -> LoadedModel, report: @escaping @Sendable (any Error) -> Void
    ) {
        self.membership = membership
        self.library = library
        self.local = local
        self.model = model
        self.report = report
    }

    /// Refuses what only one machine can be asked.
    ///
    /// - Throws: `SearchError` that names the field.
    package static func check(_ request: API.SearchRequest) throws(SearchError) {
        guard request.scope == .fleet, request.filters.root != nil else { return }
        throw SearchError(
            .invalidFilter, field: .filter(.root),
            "is a folder of this machine alone: name a path instead, or search with the scope “local”")
    }

    /// The best clips of the fleet. Blocks the calling thread, as ``Searcher/search(_:while:progress:)``.
    ///
    /// - Throws: as that, and `PostgresError`.
    package func search(
        _ request: Search.SearchRequest, while isWanted: @escaping @Sendable () -> Bool,
        progress: ((FleetAnswer) throws -> Void)?
    ) throws -> FleetAnswer {
        let current = try now()
        let searcher = Searcher(catalog: library.catalog, index: current.search)
        let answer = try searcher.search(request, while: isWanted) { answer in
            try progress?(try self.described(answer, current))
        }
        return try described(answer, current)
    }

    private func now() throws -> Current {
        let local = try local()
        let model = try model()
        guard let record = library.live?.record, model.hasDigest(record.digest) else {
            throw SearchError(.otherModel, "The index has changed to another model just now: search again.")
        }
        return try current.withLock { current in
            if let current, current.record.id == record.id { return current }
            let index = membership.index(record)
            let search = try SearchIndex(
                candidates: index, encoder: local.encoder,
                reranker: StoredFeatureReranker(model, rows: index, report: report), clips: local.clips, rows: index)
            let made = Current(record: record, index: index, search: search)
            current = made
            return made
        }
    }

    /// Says of each result who has it, and what its ids are here.
    private func described(_ answer: SearchAnswer, _ current: Current) throws -> FleetAnswer {
        let all = answer.results.flatMap { [$0] + $0.folded }
        let hosts = try current.index.hosts(of: all.map(\.media.id))
        var ids: [ClipID: (clip: ClipID, media: MediaID)] = [:]
        var clips: [MediaID: [Clip]] = [:]
        for result in all {
            guard let here = hosts[result.media.id]?.first(where: \.isThisNode)?.media else { continue }
            let own = try clips[here] ?? library.catalog.clips(of: here, index: current.record.id)
            clips[here] = own
            if let clip = own.first(where: { $0.ordinal == result.clip.ordinal }) {
                ids[result.clip.id] = (clip.id, here)
            }
        }
        return FleetAnswer(answer: answer, hosts: hosts, ids: ids)
    }
}

/// An answer of the fleet, with what it says beyond one of this machine.
package struct FleetAnswer: Sendable {
    var answer: SearchAnswer
    var hosts: [MediaID: [FleetHost]]
    /// The ids on this machine, by the clips' ids in the shared database, of what it has itself.
    var ids: [ClipID: (clip: ClipID, media: MediaID)]
}

extension API.SearchResponse {
    init(_ fleet: FleetAnswer, query: String, isFinal: Bool? = nil) {
        self.init(fleet.answer, query: query, isFinal: isFinal)
        scope = .fleet
        for place in results.indices { results[place].place(fleet) }
    }
}

extension API.SearchResult {
    /// Puts the ids of this machine in the place of the shared database's, and says who has it.
    fileprivate mutating func place(_ fleet: FleetAnswer) {
        hosts = fleet.hosts[media.id, default: []].map { host in
            API.Host(
                name: host.name, address: host.address, media: host.media, path: API.Path(host.path),
                online: host.isOnline)
        }
        media.online = hosts?.contains(where: \.online) ?? false
        let here = fleet.ids[clip]
        clip = here?.clip ?? 0
        media.id = here?.media ?? 0
        guard var similar else { return }
        for place in similar.indices { similar[place].place(fleet) }
        self.similar = similar
    }
}

extension API.Status.Fleet {
    init(_ status: FleetStatus) {
        self.init(
            database: status.database, node: status.node, name: status.name, behind: status.behind,
            level: status.isLevel, error: status.trouble,
            nodes: status.nodes.map { node in
                Node(
                    id: node.id, name: node.name, address: node.address, here: node.isThisNode, online: node.isOnline,
                    silence: node.silence, media: node.media, behind: node.behind)
            })
    }
}
