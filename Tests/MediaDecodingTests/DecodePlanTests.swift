import MediaDecoding
import TestSupport
import Testing

@Suite struct DecodePlanTests {
    /// A coded picture of a made-up stream; packets are numbered in the order of decoding.
    private struct Picture {
        var time: Double
        var decodeTime: Double
        var isEntry: Bool
        var isDisposable: Bool
    }

    /// Groups of pictures with 0 to 3 disposable ones before each that is referred to.
    private static func stream(_ random: inout some RandomNumberGenerator) -> [Picture] {
        let step = 1 / [5.0, 12.5, 25, 30, 60][Int.random(in: 0..<5, using: &random)]
        let groupLength = Int.random(in: 1...80, using: &random)
        var pictures: [Picture] = []
        var shown = 0
        for _ in 0..<Int.random(in: 1...8, using: &random) {
            let first = shown
            while shown < first + groupLength {
                let between = shown == first ? 0 : Int.random(in: 0...3, using: &random)
                let isEntry = shown == first
                // The picture that is referred to is decoded before those displayed before it.
                let order = [shown + between] + (0..<between).map { shown + $0 }
                for (place, number) in order.enumerated() {
                    pictures.append(
                        Picture(
                            time: Double(number) * step, decodeTime: 0, isEntry: isEntry, isDisposable: place > 0))
                }
                shown += between + 1
            }
        }
        for index in pictures.indices { pictures[index].decodeTime = Double(index - 3) * step }
        return pictures
    }

    private func run(_ pictures: [Picture], _ policy: DecodePlan<Int>.Policy) -> Set<Int> {
        var plan = DecodePlan<Int>(policy: policy)
        var next = 0
        var kept: Set<Int> = []
        var last = -1
        let end = (pictures.map(\.time).max() ?? 0) + 0.01
        for _ in 0..<(4 * pictures.count + 10) {
            switch plan.next() {
            case .needsPacket:
                guard next < pictures.count else {
                    plan.end(at: end)
                    continue
                }
                let picture = pictures[next]
                let facts = PacketFacts(isDisposable: picture.isDisposable, isEntry: picture.isEntry)
                plan.add(
                    next,
                    DecodePlan.Description(time: picture.time, decodeTime: picture.decodeTime, facts: facts, bytes: 100)
                )
                next += 1
            case .decode(let number, _):
                #expect(number > last)
                last = number
                kept.insert(number)
            case .skip(let number, _):
                #expect(number > last)
                last = number
            case .finished: return kept
            }
        }
        Issue.record("the plan doesn't end")
        return kept
    }

    @Test(arguments: 0..<200)
    func `What is decoded holds a picture for each wanted time, and all that it refers to`(seed: Int) {
        var random = SeededGenerator(state: UInt64(seed))
        let pictures = Self.stream(&random)
        let rate = [0.1, 0.5, 1, 2, 4, 10, 30][Int.random(in: 0..<7, using: &random)]
        let gap: Double? = Bool.random(using: &random) ? 0.17 : nil
        let kept = run(pictures, DecodePlan.Policy(rate: rate, longestGap: gap))
        let times = pictures.map(\.time).sorted()
        let keptTimes = kept.map { pictures[$0].time }.sorted()
        let step = times.count > 1 ? times[1] - times[0] : 0.04
        var wanted = 0.0
        while let end = times.last, wanted <= end {
            let displayed = times.last { $0 <= wanted + 1e-9 } ?? times[0]
            let isMet = keptTimes.contains { abs($0 - wanted) <= 0.1 + 1e-9 || abs($0 - displayed) < 1e-9 }
            #expect(isMet, "nothing for \(wanted) s")
            wanted += 1 / rate
        }
        for number in kept where !pictures[number].isEntry {
            var before = number - 1
            while before >= 0 {
                #expect(pictures[before].isDisposable || kept.contains(before))
                if pictures[before].isEntry { break }
                before -= 1
            }
        }
        if gap != nil {
            for (earlier, later) in zip(keptTimes, keptTimes.dropFirst()) {
                #expect(later - earlier <= max(0.17, step) + 1e-9)
            }
        }
    }

    @Test func `Few pictures are decoded for few wanted times`() {
        // Groups of 50, with three disposable pictures before each that is referred to.
        let pictures = (0..<200).map { number in
            let place = number % 4
            let shown = place == 0 ? number + 3 : number - 1
            return Picture(
                time: Double(shown) / 25, decodeTime: Double(number - 3) / 25, isEntry: number % 48 == 0,
                isDisposable: place > 0)
        }
        // One a second: of the eight, all are near to one that others refer to, and of those there are 50.
        #expect(run(pictures, DecodePlan.Policy(rate: 1)).count <= 58)
        // One in four seconds: only two of the five groups are needed, and each up to its wanted picture.
        #expect(run(pictures, DecodePlan.Policy(rate: 0.25)).count <= 26)
    }

    @Test func `A stream of one group is decoded up to its last wanted picture`() {
        let pictures = (0..<50).map { number in
            Picture(
                time: Double(number) / 25, decodeTime: Double(number) / 25, isEntry: number == 0, isDisposable: false)
        }
        #expect(run(pictures, DecodePlan.Policy(rate: 1)) == Set(0...25))
    }

    @Test func `An H.264 picture is known by its units`() {
        var inspector = PacketInspector.h264(lengthSize: 4)
        func facts(_ bytes: [UInt8], isKey: Bool = false) -> PacketFacts { inspector.inspect(bytes.span, isKey: isKey) }
        #expect(facts([0, 0, 0, 2, 0x01, 0xFF]) == PacketFacts(isDisposable: true))
        #expect(facts([0, 0, 0, 2, 0x41, 0xFF]) == PacketFacts())
        #expect(facts([0, 0, 0, 2, 0x65, 0xFF], isKey: true) == PacketFacts(isEntry: true))
        // A recovery point is marked as a key frame by containers.
        #expect(facts([0, 0, 0, 2, 0x61, 0xFF], isKey: true) == PacketFacts())
        // Parameters in the packet would be lost with it.
        #expect(facts([0, 0, 0, 1, 0x68, 0, 0, 0, 1, 0x01]) == PacketFacts())
        #expect(facts([]) == PacketFacts())
        #expect(facts([0xFF, 0xFF, 0xFF, 0xFF, 0x01]) == PacketFacts())
        inspector = .h264(lengthSize: 0)
        #expect(facts([0, 0, 0, 1, 0x09, 0x10, 0, 0, 1, 0x01, 0x80]) == PacketFacts(isDisposable: true))
        #expect(facts([0, 0, 1, 0x65, 0x80], isKey: true) == PacketFacts(isEntry: true))
    }

    @Test func `MPEG B-pictures are disposable, unless they are packed with others`() {
        var inspector = PacketInspector.mpeg12
        #expect(inspector.inspect(([0, 0, 1, 0, 0, 3 << 3, 0] as [UInt8]).span, isKey: false).isDisposable)
        #expect(!inspector.inspect(([0, 0, 1, 0, 0, 2 << 3, 0] as [UInt8]).span, isKey: false).isDisposable)
        inspector = .mpeg4
        let vop: [UInt8] = [0, 0, 1, 0xB6, 0x80]
        #expect(inspector.inspect(vop.span, isKey: false).isDisposable)
        #expect(!inspector.inspect((vop + vop).span, isKey: false).isDisposable)
    }

    @Test func `Any bytes can be inspected`() {
        var random = SeededGenerator(state: 7)
        for _ in 0..<3000 {
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 0...60, using: &random) {
                bytes.append([0, 0, 1, .random(in: 0...255, using: &random)][Int.random(in: 0..<4, using: &random)])
            }
            for start in [
                PacketInspector.h264(lengthSize: 0), .h264(lengthSize: 2), .hevc(lengthSize: 0, highestLayer: 0),
                .hevc(lengthSize: 4, highestLayer: 2), .mpeg12, .mpeg4, .keyFlag,
            ] {
                var inspector = start
                let facts = inspector.inspect(bytes.span, isKey: Bool.random(using: &random))
                #expect(!(facts.isDisposable && facts.isEntry))
            }
        }
    }
}
