import Basics
import Catalog
import FolderFakes
import FolderWatch
import Foundation
import Synchronization
import SystemPackage
import TestSupport

/// What people and programs do in two watched folders, by a seed: the disk is the model of what the index must hold in the end.
///
/// `a` is a folder that is moved away at times, with a disk mounted at `a/disk`; `b` is a mounted disk; `out` is watched by nobody.
final class FolderScenario: Sendable {
    /// Something that is being written little by little.
    private struct Writer {
        var file: SimulatedDisk.Serial
        var content: Int
        var parts: [[UInt8]]
        var lastWrite: Double
    }

    private struct State {
        var random: SeededGenerator
        var writers: [Writer] = []
        var contents = 0
        /// Contents of which a part may be taken for the whole, since nobody wrote for long, or the clock was set meanwhile.
        var excused: Set<Int> = []
        var log: [String] = []
        var isAway = false
        /// The tops of what isn't mounted.
        var unmounted: [FilePath: SimulatedDisk.Serial] = [:]
        var unlistable: Set<FilePath> = []
        /// How often something was hidden or shown.
        var turns: [FilePath: Int] = [:]
        var devices: UInt64 = 10
        /// Something was mounted, of which nobody tells.
        var needsRescan = false
        var isLimited = false
        var operations = 0
    }

    let clock: ManualClock
    let disk: SimulatedDisk
    let base: FilePath
    private let state: Mutex<State>

    init(seed: UInt64, base: FilePath) throws {
        clock = ManualClock()
        disk = SimulatedDisk(clock: clock)
        self.base = base
        state = Mutex(State(random: SeededGenerator(state: seed)))
        try disk.change { disk throws(Errno) in
            for name in ["a/disk", "b", "out"] { try disk.makeDirectories(base.pushing(FilePath(name))) }
            try disk.mount(disk.makeFileSystem(device: 2), on: base.appending("b"))
            try disk.mount(disk.makeFileSystem(device: 3), on: base.pushing("a/disk"))
        }
        // Nobody touches these: a folder that is empty is one that is away.
        for path in keepers { try write(next(), to: path) }
    }

    var roots: [FilePath] { [base.appending("a"), base.appending("b")] }
    private var inner: FilePath { base.pushing("a/disk") }
    private var away: FilePath { base.appending("away") }
    private var keepers: [FilePath] { [roots[0], roots[1], inner].map { $0.appending("keep.mp4") } }

    var log: [String] { state.withLock { $0.log } }
    var operations: Int { state.withLock { $0.operations } }
    var isLimited: Bool { state.withLock { $0.isLimited } }

    func takeRescan() -> Bool {
        state.withLock { state in
            defer { state.needsRescan = false }
            return state.needsRescan
        }
    }

    func below(_ bound: Int) -> Int { state.withLock { Int.random(in: 0..<bound, using: &$0.random) } }
    func isChosen(percent: Int) -> Bool { below(100) < percent }
    func note(_ text: String) { state.withLock { $0.log.append("\($0.operations) \(text)") } }

    /// Whether a part of this content may be in the index.
    func isExcused(_ content: [UInt8]) -> Bool {
        guard let number = Self.number(of: content) else { return false }
        return state.withLock { $0.excused.contains(number) }
    }

    // MARK: What must be

    /// The roots that can't be told of, and the trees in others; another number means that one was to be seen meanwhile.
    var hidden: [FilePath: Int] {
        let first = roots[0]
        return state.withLock { state in
            let paths = Array(state.unmounted.keys) + Array(state.unlistable) + (state.isAway ? [first] : [])
            return Dictionary(paths.map { ($0, state.turns[$0] ?? 0) }, uniquingKeysWith: { one, _ in one })
        }
    }

    private func turn(_ path: FilePath) { state.withLock { $0.turns[path, default: 0] += 1 } }

    /// Whether a root must be said to be offline.
    func isOffline(_ root: FilePath) -> Bool {
        let isFirst = root == roots[0]
        return state.withLock { isFirst ? $0.isAway : $0.unmounted[root] != nil }
    }

    /// The contents that must be found, by their paths.
    var wanted: [FilePath: [UInt8]] {
        let hidden = Array(hidden.keys)
        let disk = disk.look { $0 }
        var wanted: [FilePath: [UInt8]] = [:]
        for root in roots where !isOffline(root) {
            let tree = disk.tree(root)
            var rules: [FilePath: Set<String>] = [:]
            for (path, node) in tree where path.lastComponent?.string == ".saccadeignore" {
                rules[path.removingLastComponent()] = Set(
                    String(decoding: node.content, as: UTF8.self).split(separator: "\n").map(String.init))
            }
            for (path, node) in tree where node.kind == .regular {
                let name = path.lastComponent?.string ?? ""
                guard ["mp4", "mkv", "jpg"].contains(path.extension ?? ""), !name.hasPrefix("."),
                    !hidden.contains(where: { path.starts(with: $0) }), !isIgnored(path, root, rules)
                else { continue }
                wanted[path] = node.content
            }
        }
        return wanted
    }

    private func isIgnored(_ path: FilePath, _ root: FilePath, _ rules: [FilePath: Set<String>]) -> Bool {
        var folder = root
        var names = path.components.dropFirst(root.components.count).map(\.string)[...]
        while !names.isEmpty {
            if let rules = rules[folder] {
                for (place, name) in names.enumerated() {
                    let isFolder = place < names.count - 1
                    if isFolder && rules.contains(name + "/") || rules.contains(name) { return true }
                    if !isFolder, rules.contains("*.mkv"), name.hasSuffix(".mkv") { return true }
                }
            }
            folder.append(names.removeFirst())
        }
        return false
    }

    // MARK: What happens

    /// Time passes.
    func advance(_ seconds: Double) {
        clock.advance(seconds)
        let now = clock.uptime
        state.withLock { state in
            for writer in state.writers where now - writer.lastWrite > 58 { state.excused.insert(writer.content) }
        }
    }

    func closeAll() {
        while finishWriting(all: true) {}
    }

    /// Does one thing. What isn't possible just then isn't done.
    func operate() {
        state.withLock { $0.operations += 1 }
        do throws(Errno) {
            switch below(100) {
            case 0..<14: try write(next(), to: file())
            case 14..<18: try copy()
            case 18..<23: try beginWriting()
            case 23..<35: _ = finishWriting(all: false)
            case 35..<42: try move(existing(isFolder: false), to: file())
            case 42..<49: try move(existing(isFolder: true), to: folder().appending("d\(below(4))"))
            case 49..<55: try remove(existing(isFolder: false))
            case 55..<58: try remove(existing(isFolder: true))
            case 58..<64: try replace()
            case 64..<68: if let path = existing(isFolder: false) { try write(next(), to: path) }
            case 68..<71: try changeRules()
            case 71..<76: try makeFolders()
            case 76..<78: try toggleListing()
            case 78..<81: try toggleRoot()
            case 81..<83: try toggleMount(base.appending("b"))
            case 83..<85: try toggleMount(inner)
            case 85..<87: allowWatches()
            case 87..<90:
                note("the queue overflows")
                disk.deliver(overflows: true)
            case 90..<93: setClock()
            case 93..<95: try writeMany()
            case 95..<97: try write(Array((below(2) == 0 ? "" : "no film #\(number())!").utf8), to: file())
            default: try swap()
            }
        } catch {
            note("… not possible: \(error)")
        }
    }

    private func number() -> Int {
        state.withLock { state in
            state.contents += 1
            return state.contents
        }
    }

    /// The last byte of a whole content.
    static let ending = UInt8(ascii: "!")
    /// What of a content is written first, its number with it.
    private static let beginning = 12

    /// A new content.
    private func next() -> [UInt8] {
        let seconds = 1 + below(9)
        return Array("\(seconds) #\(number()) \(String(repeating: ".", count: 20))!".utf8)
    }

    private static func number(of content: [UInt8]) -> Int? {
        let text = String(decoding: content, as: UTF8.self)
        return text.split(separator: "#").dropFirst().first.flatMap { Int($0.prefix(while: \.isNumber)) }
    }

    /// The folders in which something may happen now.
    private var folders: [FilePath] {
        let (isAway, unmounted, unlistable) = state.withLock { ($0.isAway, $0.unmounted, $0.unlistable) }
        let tops = [isAway ? away : roots[0], roots[1], base.appending("out")]
        let disk = disk.look { $0 }
        return tops.flatMap { top in
            [top] + disk.tree(top).filter { $0.node.kind == .directory }.map(\.path)
        }.filter { path in
            !unmounted.keys.contains { path.starts(with: $0) } && !unlistable.contains { path.starts(with: $0) }
                // What lies under a disk that isn't mounted.
                && !(isAway && unmounted[inner] != nil && path.starts(with: away.appending("disk")))
        }
    }

    private func folder() -> FilePath {
        let folders = folders
        return folders[below(folders.count)]
    }

    private func file() -> FilePath {
        let names = ["f0.mp4", "f1.mp4", "f2.mkv", "f3.jpg", "f4.mp4", "notes.txt", "f5.part", ".f6.mp4"]
        return folder().appending(names[below(names.count)])
    }

    private func existing(isFolder: Bool) -> FilePath? {
        let folders = folders
        let tops = Set(roots + [base.appending("out"), away, inner, away.appending("disk")])
        if isFolder {
            let found = folders.filter { !tops.contains($0) }
            return found.isEmpty ? nil : found[below(found.count)]
        }
        let disk = disk.look { $0 }
        let found = folders.flatMap { folder -> [FilePath] in
            let names = (try? disk.node(at: folder))?.children.keys.sorted() ?? []
            return names.map { folder.appending($0) }.filter { (try? disk.node(at: $0))?.kind == .regular }
        }.filter { !["keep.mp4", ".saccadeignore"].contains($0.lastComponent?.string) }
        return found.isEmpty ? nil : found[below(found.count)]
    }

    private func write(_ content: [UInt8], to path: FilePath) throws(Errno) {
        note("write \(path) \(String(decoding: content, as: UTF8.self))")
        try disk.change { disk throws(Errno) in try disk.write(content, to: path) }
    }

    private func copy() throws(Errno) {
        guard let from = existing(isFolder: false) else { return }
        let (to, keepsTime) = (file(), below(2) == 0)
        note("copy \(from) \(to) \(keepsTime ? "with its time" : "")")
        try disk.change { disk throws(Errno) in
            let node = try disk.node(at: from)
            // As long as it is written to, its copy is no whole either.
            guard node.writers == 0, from != to else { return }
            try disk.write(node.content, to: to, modified: keepsTime ? node.modified : nil)
        }
    }

    private func move(_ from: FilePath?, to: FilePath) throws(Errno) {
        // A path that is forbidden is told by its name.
        guard let from, !state.withLock({ $0.unlistable.contains { $0.starts(with: from) } }) else { return }
        note("move \(from) \(to)")
        try disk.change { disk throws(Errno) in try disk.rename(from, to: to) }
    }

    private func remove(_ path: FilePath?) throws(Errno) {
        guard let path else { return }
        note("remove \(path)")
        try disk.change { disk throws(Errno) in try disk.remove(path) }
    }

    private func replace() throws(Errno) {
        guard let path = existing(isFolder: false) else { return }
        let half = path.removingLastComponent().appending("half.part")
        let content = next()
        note("replace \(path) \(String(decoding: content, as: UTF8.self))")
        try disk.change { disk throws(Errno) in
            try disk.write(content, to: half)
            try disk.rename(half, to: path)
        }
    }

    private func swap() throws(Errno) {
        guard let one = existing(isFolder: false), let other = existing(isFolder: false), one != other else { return }
        let aside = one.removingLastComponent().appending("aside.part")
        note("swap \(one) \(other)")
        try disk.change { disk throws(Errno) in
            try disk.rename(one, to: aside)
            do throws(Errno) {
                try disk.rename(other, to: one)
                try disk.rename(aside, to: other)
            } catch {
                try disk.rename(aside, to: disk.exists(one) ? other : one)
                throw error
            }
        }
    }

    private func beginWriting() throws(Errno) {
        let (path, content) = (file(), next())
        let number = state.withLock { $0.contents }
        let size = 4 + below(12)
        let rest = stride(from: Self.beginning, to: content.count, by: size)
        let pieces =
            [Array(content[..<Self.beginning])] + rest.map { Array(content[$0..<min(content.count, $0 + size)]) }
        note("begin \(path) #\(number)")
        let file = try disk.change { disk throws(Errno) -> SimulatedDisk.Serial in
            let file = try disk.open(path)
            disk.append(pieces[0], to: file)
            return file
        }
        let now = clock.uptime
        state.withLock {
            $0.writers.append(
                Writer(file: file, content: number, parts: Array(pieces.dropFirst()), lastWrite: now))
        }
    }

    /// Writes one part more of something, or all that is left of it.
    private func finishWriting(all: Bool) -> Bool {
        let count = state.withLock { $0.writers.count }
        guard count > 0 else { return false }
        let place = below(count)
        let now = clock.uptime
        let (writer, parts, isOver) = state.withLock { state in
            var writer = state.writers[place]
            let parts = all ? writer.parts : Array(writer.parts.prefix(1))
            writer.parts.removeFirst(parts.count)
            writer.lastWrite = now
            if writer.parts.isEmpty {
                state.writers.remove(at: place)
            } else {
                state.writers[place] = writer
            }
            return (writer, parts, writer.parts.isEmpty)
        }
        note("\(isOver ? "finish" : "append to") #\(writer.content)")
        disk.change { disk in
            for part in parts { disk.append(part, to: writer.file) }
            if isOver { disk.close(writer.file) }
        }
        return true
    }

    private func changeRules() throws(Errno) {
        let path = folder().appending(".saccadeignore")
        if disk.look({ $0.exists(path) }), below(3) > 0 {
            try remove(path)
            return
        }
        let rules = ["d1/", "d2", "*.mkv", "f0.mp4", "f3.jpg\nd0/"]
        try write(Array((rules[below(rules.count)] + "\n").utf8), to: path)
    }

    private func makeFolders() throws(Errno) {
        var path = folder()
        guard path.components.count < base.components.count + 6 else { return }
        for _ in 0...below(2) { path.append("d\(below(4))") }
        note("make \(path)")
        try disk.change { disk throws(Errno) in try disk.makeDirectories(path) }
    }

    private func writeMany() throws(Errno) {
        let path = folder().appending("many")
        note("write 40 files to \(path)")
        for place in 0..<40 {
            let content = next()
            try disk.change { disk throws(Errno) in
                try disk.makeDirectory(path)
                try disk.write(content, to: path.appending("\(place).mp4"))
            }
        }
    }

    private func toggleListing() throws(Errno) {
        if let path = state.withLock({ $0.unlistable.sorted { $0.string < $1.string }.first }) {
            note("allow \(path)")
            turn(path)
            state.withLock { _ = $0.unlistable.remove(path) }
            try disk.change { disk throws(Errno) in try disk.setListable(path, true) }
        } else if !state.withLock({ $0.isAway }), let path = existing(isFolder: true),
            roots.contains(where: { path.starts(with: $0) })
        {
            note("forbid \(path)")
            try disk.change { disk throws(Errno) in try disk.setListable(path, false) }
            state.withLock { _ = $0.unlistable.insert(path) }
            turn(path)
        }
    }

    private func toggleRoot() throws(Errno) {
        let isAway = state.withLock { $0.isAway }
        guard isAway || state.withLock({ $0.unlistable.isEmpty }) else { return }
        note(isAway ? "a is back" : "a is moved away")
        try disk.change { disk throws(Errno) in
            try disk.rename(isAway ? away : roots[0], to: isAway ? roots[0] : away)
        }
        state.withLock { $0.isAway = !isAway }
        turn(roots[0])
    }

    private func toggleMount(_ path: FilePath) throws(Errno) {
        guard path != inner || !state.withLock({ $0.isAway }) else { return }
        if let top = state.withLock({ $0.unmounted[path] }) {
            let isOther = below(2) == 0
            let device = state.withLock { state in
                state.devices += 1
                return state.devices
            }
            note("mount \(path) \(isOther ? "as \(device)" : "")")
            try disk.change { disk throws(Errno) in
                if isOther { disk.renumber(top, device: device) }
                try disk.mount(top, on: path)
            }
            state.withLock { state in
                state.unmounted[path] = nil
                state.needsRescan = true
            }
            turn(path)
            return
        }
        guard !state.withLock({ $0.unlistable.contains { $0.starts(with: path) } }) else { return }
        note("unmount \(path)")
        let top = try disk.change { disk throws(Errno) -> SimulatedDisk.Serial in try disk.unmount(path) }
        state.withLock { $0.unmounted[path] = top }
        turn(path)
    }

    private func allowWatches() {
        let limit = [2, 5, 12, Int.max, Int.max][below(5)]
        note("allow \(limit) watches")
        disk.allow(watches: limit)
        state.withLock { $0.isLimited = $0.isLimited || limit < .max }
    }

    private func setClock() {
        let seconds = [-86_400.0, -3600, -20, 20, 3600, 86_400][below(6)]
        note("set the clock by \(seconds)")
        clock.set(seconds)
        state.withLock { state in
            for writer in state.writers { state.excused.insert(writer.content) }
        }
    }
}
