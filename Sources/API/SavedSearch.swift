package import Foundation

extension API {
    /// The body of `PUT /v1/saved-searches/{name}`.
    package struct SaveSearch: Codable, Sendable, Equatable {
        package var query: String
        package var filters: SearchFilters
        /// From which probability on a clip is told; nil means from where the model calls a query answered.
        package var minProbability: Double?
        package var group: SearchGroup
        package var channel: SearchChannel
        /// A program and its arguments, run for each clip that is told; nil runs nothing.
        package var command: [String]?
        /// Whether it takes the place of a saved search of the same name.
        package var replace: Bool

        package init(
            query: String, filters: SearchFilters = .init(), minProbability: Double? = nil, group: SearchGroup = .clip,
            channel: SearchChannel = .both, command: [String]? = nil, replace: Bool = false
        ) {
            self.query = query
            self.filters = filters
            self.minProbability = minProbability
            self.group = group
            self.channel = channel
            self.command = command
            self.replace = replace
        }

        enum CodingKeys: String, CodingKey, CaseIterable {
            case query, filters, group, channel, command, replace
            case minProbability = "min_probability"
        }

        package init(from decoder: any Decoder) throws {
            try decoder.refuseUnknownKeys(besides: CodingKeys.self)
            let container = try decoder.container(keyedBy: CodingKeys.self)
            query = try container.decode(String.self, forKey: .query)
            filters = try container.decodeIfPresent(SearchFilters.self, forKey: .filters) ?? .init()
            minProbability = try container.decodeNumber(Double.self, forKey: .minProbability)
            group = try container.decodeIfPresent(SearchGroup.self, forKey: .group) ?? .clip
            channel = try container.decodeIfPresent(SearchChannel.self, forKey: .channel) ?? .both
            command = try container.decodeIfPresent([String].self, forKey: .command)
            replace = try container.decodeIfPresent(Bool.self, forKey: .replace) ?? false
        }

        /// What it asks, as a search would.
        package var search: SearchRequest {
            SearchRequest(
                query: query, filters: filters, minProbability: minProbability, group: group, channel: channel)
        }
    }

    /// A search that is asked of each media item that comes.
    package struct SavedSearch: Codable, Sendable, Equatable {
        package var name: String
        package var query: String
        package var filters: SearchFilters
        package var minProbability: Double?
        package var group: SearchGroup
        package var channel: SearchChannel
        /// As it will be run: the program by its absolute path.
        package var command: [String]?
        package var created: Date
        /// How many clips wait for their command.
        package var waiting: Int

        /// - Parameter search: what it asks.
        package init(
            name: String, search: SearchRequest, command: [String]? = nil, created: Date, waiting: Int = 0
        ) {
            self.name = name
            query = search.query
            filters = search.filters
            minProbability = search.minProbability
            group = search.group
            channel = search.channel
            self.command = command
            self.created = created
            self.waiting = waiting
        }

        enum CodingKeys: String, CodingKey {
            case name, query, filters, group, channel, command, created, waiting
            case minProbability = "min_probability"
        }
    }

    /// The answer to `GET /v1/saved-searches`, in order of their names.
    package struct SavedSearches: Codable, Sendable, Equatable {
        package var savedSearches: [SavedSearch]

        package init(savedSearches: [SavedSearch]) {
            self.savedSearches = savedSearches
        }

        enum CodingKeys: String, CodingKey {
            case savedSearches = "saved_searches"
        }
    }
}
