package import Basics
import COpenBLAS

/// The matrix product's library: OpenBLAS, opened at run time with the kernels that suit the processor.
package enum BLAS {
    /// Opens the library; does nothing when it is open.
    ///
    /// Programs call it before they compute, so that a missing library is an error with advice. Operations
    /// work without it, on this module's own kernels, at a fraction of the speed.
    ///
    /// - Throws: `BLASError` when the library can't be opened.
    package static func load() throws(BLASError) {
        guard saccade_blas_load() else {
            throw BLASError(code: .unavailable, reason: String(cString: saccade_blas_failure()))
        }
    }

    static let isLoaded = saccade_blas_load()

    /// The core whose kernels run, as OpenBLAS spells it (`SkylakeX`); nil when the library can't be opened.
    package static var coreName: String? { isLoaded ? String(cString: saccade_blas_core_name()) : nil }

    /// Version and build options of the open library; nil when it can't be opened.
    package static var configuration: String? { isLoaded ? String(cString: saccade_blas_configuration()) : nil }

    /// What `OPENBLAS_CORETYPE` was set to, and by whom; nil when OpenBLAS chose by itself.
    package static var wantedCore: (name: String, isUsers: Bool)? {
        let name = String(cString: saccade_blas_wanted_core())
        return name.isEmpty ? nil : (name, saccade_blas_core_is_users())
    }

    /// The core name that suits a processor with these features; nil leaves the choice to OpenBLAS.
    package static func core(avx2: Bool, avx512: Bool, amd: Bool) -> String? {
        saccade_blas_core_for(avx2, avx512, amd).map { String(cString: $0) }
    }
}

/// What is wrong with the matrix product's library.
package struct BLASError: ExplainedError, Equatable {
    package enum Code: Sendable {
        /// The dynamic linker can't open it.
        case unavailable
    }

    package var code: Code

    /// The dynamic linker's words.
    package var reason: String

    package var message: String {
        "OpenBLAS can't be loaded (\(reason)). Install it with: apt-get install libopenblas0-pthread"
    }

    package var category: ErrorCategory { .configuration }
}
