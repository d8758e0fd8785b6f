import Basics
import FolderWatch
import Glibc
import SystemPackage

extension SimulatedDisk.State {
    typealias Serial = SimulatedDisk.Serial
    typealias Node = SimulatedDisk.Node

    // MARK: Looking

    func serial(at path: FilePath) throws(Errno) -> Serial {
        var serial = SimulatedDisk.top
        for component in path.components {
            guard let node = nodes[serial], node.kind == .directory else { throw .notDirectory }
            guard !node.isUnlistable else { throw .permissionDenied }
            guard let child = node.children[component.string] else { throw .noSuchFileOrDirectory }
            serial = mounts[child] ?? child
        }
        return serial
    }

    func node(at path: FilePath) throws(Errno) -> Node {
        guard let node = nodes[try serial(at: path)] else { throw .noSuchFileOrDirectory }
        return node
    }

    func exists(_ path: FilePath) -> Bool { (try? serial(at: path)) != nil }

    /// Everything below a directory, with what is mounted in it: paths in the order of their names.
    func tree(_ top: FilePath) -> [(path: FilePath, node: Node)] {
        guard let serial = try? serial(at: top) else { return [] }
        var found: [(FilePath, Node)] = []
        func go(_ path: FilePath, _ serial: Serial) {
            guard let node = nodes[serial] else { return }
            for (name, child) in node.children.sorted(by: { $0.key < $1.key }) {
                let there = mounts[child] ?? child
                guard let childNode = nodes[there] else { continue }
                found.append((path.appending(name), childNode))
                if childNode.kind == .directory { go(path.appending(name), there) }
            }
        }
        go(top, serial)
        return found
    }

    // MARK: Telling

    private mutating func tell(_ serial: Serial, _ mask: Int32, _ name: String? = nil, isFolder: Bool = false) {
        guard let watch = nodes[serial]?.watch else { return }
        let all = UInt32(bitPattern: mask) | (isFolder ? UInt32(IN_ISDIR) : 0)
        let event = InotifyEvent(watch: watch, mask: all, name: name.flatMap { FilePath.Component($0) })
        // As the kernel does, with the same event one after the other.
        if events.last != event { events.append(event) }
    }

    /// Ends a watch at the wish of whom it tells.
    mutating func end(_ watch: Int32) {
        guard let serial = watched.removeValue(forKey: watch) else { return }
        nodes[serial]?.watch = nil
        events.append(InotifyEvent(watch: watch, mask: UInt32(IN_IGNORED), name: nil))
    }

    // MARK: Changing

    private mutating func makeNode(_ kind: FileKind, device: UInt64) -> Serial {
        lastSerial += 1
        var inode = freeInodes[device]?.popLast()
        if inode == nil {
            lastInodes[device, default: 10] += 1
            inode = lastInodes[device]
        }
        nodes[lastSerial] = Node(
            kind: kind, device: device, inode: inode ?? 0, modified: lastModified, changedAt: now)
        return lastSerial
    }

    private func parent(of path: FilePath) throws(Errno) -> (serial: Serial, name: String) {
        let serial = try serial(at: path.removingLastComponent())
        guard let node = nodes[serial], node.kind == .directory, let name = path.lastComponent?.string else {
            throw .notDirectory
        }
        guard !node.isUnlistable else { throw .permissionDenied }
        return (serial, name)
    }

    mutating func makeDirectory(_ path: FilePath) throws(Errno) {
        let (parent, name) = try parent(of: path)
        guard nodes[parent]?.children[name] == nil else { return }
        let serial = makeNode(.directory, device: nodes[parent]?.device ?? 0)
        nodes[parent]?.children[name] = serial
        tell(parent, IN_CREATE, name, isFolder: true)
    }

    mutating func makeDirectories(_ path: FilePath) throws(Errno) {
        var at = FilePath("/")
        for component in path.components {
            at.append(component)
            try makeDirectory(at)
        }
    }

    /// Opens a file to write, and empties it; it is made where there is none.
    mutating func open(_ path: FilePath) throws(Errno) -> Serial {
        let (parent, name) = try parent(of: path)
        let serial: Serial
        if let there = nodes[parent]?.children[name] {
            guard let node = nodes[there], node.kind == .regular else { throw .isDirectory }
            // Two who write to one file: what comes of it is nobody's content.
            guard node.writers == 0 else { throw .resourceBusy }
            serial = there
            touch(serial)
        } else {
            serial = makeNode(.regular, device: nodes[parent]?.device ?? 0)
            nodes[parent]?.children[name] = serial
            tell(parent, IN_CREATE, name)
        }
        nodes[serial]?.content = []
        nodes[serial]?.writers += 1
        return serial
    }

    private mutating func touch(_ serial: Serial) {
        nodes[serial]?.modified = lastModified
        nodes[serial]?.changedAt = now
    }

    mutating func append(_ content: some Sequence<UInt8>, to serial: Serial) {
        nodes[serial]?.content += content
        touch(serial)
    }

    /// The path doesn't matter to who has a file open; that a directory is told of it does.
    mutating func close(_ serial: Serial) {
        guard nodes[serial] != nil else { return }
        nodes[serial]?.writers -= 1
        guard let (parent, name) = place(of: serial) else {
            if nodes[serial]?.writers == 0 { free(serial) }
            return
        }
        tell(parent, IN_CLOSE_WRITE, name)
    }

    private func place(of serial: Serial) -> (parent: Serial, name: String)? {
        for (parent, node) in nodes {
            for (name, child) in node.children where child == serial { return (parent, name) }
        }
        return nil
    }

    /// Writes a whole file at once. With `modified`, it says that it is as old as another.
    mutating func write(_ content: some Sequence<UInt8>, to path: FilePath, modified: Int64? = nil) throws(Errno) {
        let serial = try open(path)
        append(content, to: serial)
        if let modified { nodes[serial]?.modified = modified }
        close(serial)
    }

    /// Gives a file or a tree another path; a file that is there goes.
    mutating func rename(_ from: FilePath, to: FilePath) throws(Errno) {
        let (oldParent, oldName) = try parent(of: from)
        let (newParent, newName) = try parent(of: to)
        guard let serial = nodes[oldParent]?.children[oldName], let node = nodes[serial] else {
            throw .noSuchFileOrDirectory
        }
        guard from != to else { return }
        guard !to.starts(with: from) else { throw .invalidArgument }
        guard mounts[serial] == nil else { throw .resourceBusy }
        guard nodes[newParent]?.device == node.device else { throw .improperLink }
        let isFolder = node.kind == .directory
        let replaced = nodes[newParent]?.children[newName]
        if let replaced {
            guard replaced != serial, !isFolder, nodes[replaced]?.kind == .regular else { throw .fileExists }
        }
        nodes[oldParent]?.children[oldName] = nil
        nodes[newParent]?.children[newName] = serial
        nodes[serial]?.changedAt = now
        tell(oldParent, IN_MOVED_FROM, oldName, isFolder: isFolder)
        tell(newParent, IN_MOVED_TO, newName, isFolder: isFolder)
        if let replaced { release(replaced) }
        if isFolder { tell(serial, IN_MOVE_SELF) }
    }

    /// Removes a file or a tree, the innermost first.
    mutating func remove(_ path: FilePath) throws(Errno) {
        let (parent, name) = try parent(of: path)
        guard let serial = nodes[parent]?.children[name], let node = nodes[serial] else { throw .noSuchFileOrDirectory }
        guard mounts[serial] == nil else { throw .resourceBusy }
        guard node.kind == .directory else {
            nodes[parent]?.children[name] = nil
            tell(parent, IN_DELETE, name)
            release(serial)
            return
        }
        guard !node.isUnlistable else { throw .permissionDenied }
        for child in node.children.keys.sorted() { try remove(path.appending(child)) }
        nodes[parent]?.children[name] = nil
        tell(serial, IN_DELETE_SELF)
        if let watch = node.watch { end(watch) }
        tell(parent, IN_DELETE, name, isFolder: true)
        free(serial)
    }

    private mutating func release(_ serial: Serial) {
        if nodes[serial]?.writers == 0 { free(serial) }
    }

    private mutating func free(_ serial: Serial) {
        guard let node = nodes.removeValue(forKey: serial) else { return }
        freeInodes[node.device, default: []].append(node.inode)
    }

    mutating func setListable(_ path: FilePath, _ isListable: Bool) throws(Errno) {
        let (parent, name) = try parent(of: path)
        guard let child = nodes[parent]?.children[name] else { throw .noSuchFileOrDirectory }
        let serial = mounts[child] ?? child
        nodes[serial]?.isUnlistable = !isListable
        nodes[serial]?.changedAt = now
        tell(parent, IN_ATTRIB, name, isFolder: true)
        tell(serial, IN_ATTRIB, isFolder: true)
    }

    // MARK: Mounting

    /// Makes a file system with an empty top.
    mutating func makeFileSystem(device: UInt64) -> Serial { makeNode(.directory, device: device) }

    /// Nobody is told that something is mounted.
    mutating func mount(_ top: Serial, on path: FilePath) throws(Errno) {
        let (parent, name) = try parent(of: path)
        guard let serial = nodes[parent]?.children[name], mounts[serial] == nil else { throw .resourceBusy }
        mounts[serial] = top
    }

    mutating func unmount(_ path: FilePath) throws(Errno) -> Serial {
        let (parent, name) = try parent(of: path)
        guard let serial = nodes[parent]?.children[name], let top = mounts.removeValue(forKey: serial),
            let device = nodes[top]?.device
        else { throw .invalidArgument }
        for (watch, watched) in watched.sorted(by: { $0.key < $1.key }) where nodes[watched]?.device == device {
            events.append(InotifyEvent(watch: watch, mask: UInt32(IN_UNMOUNT), name: nil))
            end(watch)
        }
        return top
    }

    /// Gives a file system another number, as it may have when it is mounted again.
    mutating func renumber(_ top: Serial, device: UInt64) {
        guard let before = nodes[top]?.device else { return }
        for serial in nodes.keys where nodes[serial]?.device == before { nodes[serial]?.device = device }
        freeInodes[device] = freeInodes[before]
        lastInodes[device] = lastInodes[before]
    }
}
