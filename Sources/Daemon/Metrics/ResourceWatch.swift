import Library
import Logging
import ServiceLifecycle
import Threads

/// Says in the log what runs out, once each time that it does.
struct ResourceWatch: Service {
    let files: any SystemFiles
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var last = false
            while !Task.isCancelled {
                let shortage = await BlockingExecutor.shared.run { ProcessMeasures(files).shortage }
                if let shortage, !last { logger.warning("\(shortage)") }
                last = shortage != nil
                try? await Task.sleep(for: .seconds(60))
            }
        }
    }
}
