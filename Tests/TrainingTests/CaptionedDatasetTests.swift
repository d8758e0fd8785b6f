import Foundation
import SystemPackage
import TestSupport
import Testing
import Training

@Suite struct CaptionedDatasetTests {
    private func write(_ text: String, _ name: String, in folder: TemporaryDirectory) throws -> FilePath {
        let path = folder.path.appending(name)
        try Data(text.utf8).write(to: URL(fileURLWithPath: path.string))
        return path
    }

    @Test func `JSON lines name frames or a file, relative to their folder`() throws {
        let folder = try TemporaryDirectory()
        let path = try write(
            """
            {"id": "a", "frames": ["x/0.jpg", "x/1.jpg"], "captions": ["one", "two"]}

            {"id": "b", "file": "/films/b.mp4", "captions": ["a cat"]}
            """, "set.jsonl", in: folder)
        let dataset = try CaptionedDataset(path: path)
        #expect(dataset.name == "set")
        #expect(
            dataset.items == [
                CaptionedItem(
                    id: "a",
                    source: .frames([folder.path.appending("x/0.jpg"), folder.path.appending("x/1.jpg")]),
                    captions: ["one", "two"]),
                CaptionedItem(id: "b", source: .file("/films/b.mp4", span: nil), captions: ["a cat"]),
            ])
    }

    @Test func `VATEX ids name clips that were cut out, or spans of whole videos`() throws {
        let folder = try TemporaryDirectory()
        _ = try write("", "whole.webm", in: folder)
        _ = try write("", "cut_-x_000010_000020.mp4", in: folder)
        let path = try write(
            """
            [{"videoID": "cut_-x_000010_000020", "enCap": ["a"], "chCap": ["b"]},
             {"videoID": "whole_000003_000013", "enCap": ["c", "d"]}]
            """, "vatex.json", in: folder)
        let dataset = try CaptionedDataset(path: path)
        #expect(dataset.items[0].source == .file(folder.path.appending("cut_-x_000010_000020.mp4"), span: nil))
        #expect(dataset.items[1].source == .file(folder.path.appending("whole.webm"), span: 3...13))
        #expect(dataset.items[1].captions == ["c", "d"])
    }

    @Test func `A list of ids takes a split and its order`() throws {
        let folder = try TemporaryDirectory()
        let path = try write(
            #"[{"videoID": "a", "enCap": ["a"]}, {"videoID": "b", "enCap": ["b"]}, {"videoID": "c", "enCap": ["c"]}]"#,
            "vatex.json", in: folder)
        let ids = try CaptionedDataset.identifiers(path: write("c\n\n a \n", "hgr.txt", in: folder))
        let dataset = try CaptionedDataset(path: path, ids: ids)
        #expect(dataset.items.map(\.id) == ["c", "a"])
        #expect(throws: DatasetError.self) { try CaptionedDataset(path: path, ids: ["a", "z"]) }
    }

    @Test func `Karpathy's file has splits, and train takes restval with it`() throws {
        let folder = try TemporaryDirectory()
        let path = try write(
            """
            {"dataset": "coco", "images": [
              {"filename": "1.jpg", "filepath": "val2014", "split": "test", "sentences": [{"raw": "x", "tokens": []}]},
              {"filename": "2.jpg", "split": "restval", "sentences": [{"raw": "y"}]},
              {"filename": "3.jpg", "split": "train", "sentences": [{"raw": "z"}]}]}
            """, "dataset_coco.json", in: folder)
        let test = try CaptionedDataset(path: path)
        #expect(test.items.map(\.source) == [.frames([folder.path.appending("val2014/1.jpg")])])
        #expect(try CaptionedDataset(path: path, split: "train").items.map(\.id) == ["2.jpg", "3.jpg"])
    }

    @Test(arguments: [
        ("", "has no items"), ("{\"id\": \"a\", \"file\": \"a\", \"captions\": []}", "a has no captions"),
        ("{\"id\": \"a\"}", ":1: isn't"),
        ("{\"id\": \"a\", \"captions\": []}", ":1: an item wants"),
        ("{\"id\": \"a\", \"frames\": [], \"captions\": []}", "wants either"),
        ("{\"id\": 1, \"file\": \"a\", \"captions\": []}", "\"id\" has the wrong type"), ("[1]", "isn't an array"),
        ("{", ":1: isn't"),
    ])
    func `A file of the wrong shape is refused with its place`(text: String, message: String) throws {
        let folder = try TemporaryDirectory()
        let path = try write(text, "bad.jsonl", in: folder)
        let error = #expect(throws: DatasetError.self) { try CaptionedDataset(path: path) }
        #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
    }

    @Test func `A missing file says so`() {
        #expect(throws: DatasetError.self) { try CaptionedDataset(path: "/nowhere/at/all.jsonl") }
    }
}
