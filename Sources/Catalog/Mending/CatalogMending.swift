internal import Foundation
internal import GRDB
internal import SystemPackage

/// Makes a sound catalog out of a damaged one.
struct CatalogMending {
    let file: FilePath
    let features: FilePath
    /// What is being written, and what only has to get its name.
    private var half: FilePath { FilePath(file.string + ".mending") }
    private var whole: FilePath { FilePath(file.string + ".mended") }

    /// What could be saved.
    struct Saved {
        var roots = 0
        var searches = 0
        var media = 0
        var clips = 0
        /// Media items of which something is missing.
        var again = 0
    }

    /// Of a connection to what is damaged.
    static var sourceConfiguration: Configuration {
        var configuration = Configuration()
        configuration.foreignKeysEnabled = false
        return configuration
    }

    /// Ends a mending that was cut short after all had been saved, and forgets one before.
    ///
    /// - Returns: a notice when there was one.
    func finish() throws(CatalogError) -> String? {
        DatabaseFile.remove(half)
        guard DatabaseFile.isThere(whole.string) else { return nil }
        return try place(nil)
    }

    /// Gives the damaged file, which is closed, another name, and the sound one its own.
    ///
    /// - Parameter saved: nil when nobody knows any more.
    /// - Returns: a notice.
    func place(_ saved: Saved?) throws(CatalogError) -> String {
        IndexFiles.remove(in: file.removingLastComponent())
        var aside: FilePath?
        if DatabaseFile.isThere(file.string) {
            aside = try DatabaseFile.setAside(file, at: Date.now.timeIntervalSince1970)
        }
        do {
            try DatabaseFile.move(whole, to: file)
        } catch {
            throw CatalogError(.unreadable, "\(whole) can't be renamed to \(file): \(error)")
        }
        let before = aside.map { "\(file) was damaged; it is now \($0)." } ?? "\(file) was damaged."
        guard let saved else { return before + " What could be read of it was saved." }
        return """
            \(before) Saved were \(saved.roots) roots, \(saved.searches) saved searches, \(saved.media) media and \
            \(saved.clips) clips; \(saved.again) media are indexed again. See `saccade watch list` and `saccade saved list`.
            """
    }

    /// Writes all that can be read into a file beside the damaged one.
    ///
    /// - Parameter source: nil when it can't even be opened.
    func save(from source: Database?, at now: Timestamp) throws -> Saved {
        DatabaseFile.remove(half)
        DatabaseFile.remove(whole)
        do {
            let version = try source.flatMap { try Self.version(of: $0, file) }
            var configuration = Configuration()
            configuration.foreignKeysEnabled = false
            try Schema.catalog.prepareNew(half)
            let fresh = try DatabaseQueue(path: half.string, configuration: configuration)
            try Schema.catalog.migrate(fresh, file: half, upTo: version)
            func rescue(from source: Database) throws -> CatalogRescue.Losses {
                try fresh.write { db in
                    var rescue = CatalogRescue(from: source, to: db, features: features, at: now)
                    try rescue.run()
                    return rescue.losses
                }
            }
            let losses: CatalogRescue.Losses
            if version != nil, let source {
                losses = try rescue(from: source)
            } else {
                // Of a database without tables nothing can be read either.
                losses = try DatabaseQueue().writeWithoutTransaction { try rescue(from: $0) }
            }
            try Schema.catalog.migrate(fresh, file: half)
            let rescued = RescuedCatalog(
                losses: losses, version: version ?? Schema.catalog.steps.count,
                choices: KeptChoices.read(in: file.removingLastComponent()))
            let saved = try fresh.write { try rescued.complete($0, at: now) }
            try fresh.close()
            DatabaseFile.makePrivate(half)
            DatabaseFile.sync(half)
            try DatabaseFile.move(half, to: whole)
            return saved
        } catch {
            DatabaseFile.remove(half)
            throw error
        }
    }

    /// - Returns: the schema's version; nil when it can't be read, so that nothing can.
    private static func version(of source: Database, _ file: FilePath) throws -> Int? {
        do {
            let version = try Schema.catalog.check(source, file: file)
            return version > 0 ? version : nil
        } catch let error as DatabaseError {
            try RowCopy.requireDamage(error)
            return nil
        }
    }
}

extension Catalog {
    /// Lets a sound catalog, of all that can be read of `damaged`, take its place, and those who follow an index begin anew.
    func mendCatalog(_ damaged: DatabasePool) throws(CatalogError) {
        let mending = CatalogMending(file: catalogFile, features: featuresFile)
        var saved: CatalogMending.Saved?
        var notice: String?
        try catalog.exchange(
            damaged, takingOver: { saved = try mending.save(from: $0, at: Date.now.timeIntervalSince1970) },
            placing: {
                notice = try mending.place(saved)
                return try Self.open(.catalog, catalogFile, isOfCatalog: true)
            })
        if let notice { add(notice: notice) }
    }
}
