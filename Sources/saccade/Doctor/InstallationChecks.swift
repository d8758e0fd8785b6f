import Catalog
import Foundation
import Ingest
import Models
import Service
import SystemPackage

/// What was installed and what it has written: worker, model, databases.
enum InstallationChecks {
    static func all(_ configuration: Service.Configuration) -> [Finding] {
        decoder(configuration) + [model(configuration.model), databases(configuration.state)]
    }

    private static func decoder(_ configuration: Service.Configuration) -> [Finding] {
        guard let decoder = configuration.decoder ?? DecodeWorkerPool.installedExecutable() else {
            return [
                .wrong(
                    "decoder", "saccade-decode is neither beside this program nor in ../libexec/saccade",
                    do:
                        "Install Saccade as a whole (make install), or name the worker with `decoder` in the configuration."
                )
            ]
        }
        return DecoderChecks.all(decoder: decoder)
    }

    private static func model(_ named: FilePath?) -> Finding {
        do {
            let model = try InstalledModel.load(named)
            return .good("model", "\(model.name), generation \(model.digest.prefix(12))")
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
                        "Stop the daemon and move \(state)/*.sqlite* away: everything is indexed again at the next start."
                )
            }
            let counts = try catalog.statistics()
            return .good("databases", "intact, \(Quantities.count(counts.clips, "clip"))")
        } catch {
            return .wrong("databases", "can't be opened", do: error.message)
        }
    }
}
