import Foundation
import Testing

/// `SACCADE_SIMULATION=10000` makes so many operations, or `SACCADE_SIMULATION=10000:SEED` those of one seed.
@Suite(.timeLimit(.minutes(60))) struct FolderSimulationTests {
    private static let asked = ProcessInfo.processInfo.environment["SACCADE_SIMULATION"]

    private static var seeds: [UInt64] {
        if let seed = asked?.split(separator: ":").dropFirst().first.flatMap({ UInt64($0) }) { return [seed] }
        return [1, 2, 3, 4, UInt64.random(in: 5..<1_000_000)]
    }

    private static var operations: Int { asked?.split(separator: ":").first.flatMap { Int($0) } ?? 300 }

    @Test(arguments: seeds)
    func `Whatever happens in the folders, the index holds what is in them once all has settled`(seed: UInt64)
        async throws
    {
        let simulation = try await FolderSimulation(seed: seed)
        try await simulation.run(operations: Self.operations)
    }
}
