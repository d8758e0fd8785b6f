internal import Tensors

extension Terminal {
    /// Says what to do when OpenBLAS is missing, before a command that computes: it works without, several times slower. Blocking.
    package static func adviseOnBLAS() {
        do {
            try BLAS.load()
        } catch {
            Terminal.error.line("saccade: everything takes several times as long without OpenBLAS: \(error)")
        }
    }
}
