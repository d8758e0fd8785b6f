import Basics
import SystemPackage
import Testing

struct FilePathTests {
    @Test func `A path keeps its bytes, whether or not they are UTF-8.`() {
        let bytes: [UInt8] = Array("/v/".utf8) + [0xFF, 0xC3] + Array(".mp4".utf8)
        #expect(FilePath(bytes: bytes).bytes == bytes)
        #expect(FilePath(bytes: [0x2F, 0x61, 0, 0x62]).bytes == [0x2F, 0x61])
    }

    @Test func `A real path has no links in it, and one that leads nowhere is an error.`() throws {
        #expect(try FilePath.realPath(of: "/proc/self") != "/proc/self")
        #expect(throws: Errno.noSuchFileOrDirectory) { try FilePath.realPath(of: "/nowhere/at/all") }
    }
}
