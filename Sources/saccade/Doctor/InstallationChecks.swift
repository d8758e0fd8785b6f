import Models
import Catalog
import DecodeProtocol
import DecodeWorkers
import Foundation
import Settings
import SystemPackage
import Terminal

/// What was installed and what it has written: worker, model, databases.
enum InstallationChecks {
    static func all(_ configuration: Settings.Configuration) -> [Finding] {
        decoder(configuration) + [model(configuration.model), databases(configuration.state)]
    }

    private static func decoder(_ configuration: Settings.Configuration) -> [Finding] {
        do throws(DecodeError) {
            return DecoderChecks.all(decoder: try DecodeWorkerPool.executable(configuration.decoder))
        } catch {
            return [.wrong("decoder", "no worker program", do: error.message)]
        }
    }

    private static func model(_ named: FilePath?) -> Finding {
        do {
            let model = try InstalledModel.load(named)
            return .good("model", "\(model.name), digest \(model.digest.prefix(12))")
        } catch {
            return .wrong(
                "model", "\(error)",
                do:
                    "Install Saccade as a whole (make install), or name a model's folder with `model` in the configuration."
            )
        }
    }

    private static func databases(_ state: FilePath) -> Finding {
        guard FileManager.default.fileExists(atPath: Catalog.catalogFile(in: state).string) else {
            return .good("databases", "none yet")
        }
        do {
            let catalog = try Catalog(state: state, access: .readOnly)
            defer { catalog.close() }
            let problems = try catalog.quickCheck()
            guard problems.isEmpty else {
                return .wrong(
                    "databases", "damaged: \(problems.prefix(3).joined(separator: "; "))",
                    do:
                        "Restart the daemon, or run `saccade index`: what can be read is saved, and the rest is indexed again."
                )
            }
            let counts = try catalog.statistics()
            return .good("databases", "intact, \(Quantities.count(counts.clips, "clip"))")
        } catch {
            return .wrong("databases", "can't be opened", do: error.message)
        }
    }
}
