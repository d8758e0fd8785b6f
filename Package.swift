// swift-tools-version: 6.2

import PackageDescription

let numericModules: Set<String> = ["Differentiation", "Models", "Tensors", "Training", "VectorIndex"]

let package = Package(
    name: "saccade",
    products: [
        .executable(name: "saccade", targets: ["saccade"]),
        .executable(name: "saccade-decode", targets: ["saccade-decode"]),
        .executable(name: "saccade-train", targets: ["saccade-train"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
        .package(url: "https://github.com/apple/swift-http-types", exact: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", exact: "1.35.2"),
        .package(url: "https://github.com/apple/swift-system", exact: "1.8.1"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
    ],
    targets: [
        // C: system libraries, kernels, what the importer can't do.
        .systemLibrary(
            name: "CFFmpeg",
            pkgConfig: "libavformat libavcodec libswscale libavutil",
            providers: [.apt(["libavformat-dev", "libavcodec-dev", "libswscale-dev", "libavutil-dev"])]
        ),
        .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .target(name: "COpenBLAS", cSettings: [.unsafeFlags(["-O2"])]),
        .target(name: "CKernels", cSettings: [.unsafeFlags(["-O3"])]),
        .target(name: "CLinux"),

        // The ground floor: knows nothing of the rooms above.
        .target(
            name: "Basics",
            dependencies: ["CCrypto", "CLinux", .product(name: "SystemPackage", package: "swift-system")]
        ),
        .target(
            name: "Threads",
            dependencies: [
                "CKernels", "CLinux", .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),

        // Numbers.
        .target(name: "Tensors", dependencies: ["Basics", "CKernels", "COpenBLAS", "Threads"]),
        // Apart, so that only what trains links it.
        .target(name: "Differentiation", dependencies: ["Tensors"]),
        .target(
            name: "Models",
            dependencies: [
                "Basics", "CKernels", "DecodeProtocol", "Tensors", "Threads",
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
        .target(
            name: "Training",
            dependencies: [
                "Basics", "CKernels", "DecodeProtocol", "DecodeWorkers", "Differentiation", "Models", "Tensors",
                "Threads",
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
        .target(
            name: "VectorIndex",
            dependencies: [
                "Basics", "CKernels", "Threads", .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),

        // Media.
        .target(name: "DecodeProtocol", dependencies: ["Basics"]),
        .target(name: "MediaDecoding", dependencies: ["CFFmpeg", "CKernels", "CLinux", "DecodeProtocol"]),
        .target(
            name: "DecodeWorkers",
            dependencies: [
                "Basics", "CLinux", "DecodeProtocol", "Models", "Threads",
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),

        // The library of media.
        .target(
            name: "Catalog",
            dependencies: [
                "Basics", .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
        .target(
            name: "FolderWatch",
            dependencies: [
                "Basics", "CLinux", "Catalog", "Threads", .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
        .target(
            name: "Library",
            dependencies: [
                "Basics", "Catalog", "DecodeProtocol", "DecodeWorkers", "FolderWatch", "Models", "Search", "Threads",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
        .target(
            name: "Search",
            dependencies: [
                "Basics", "Catalog", "Models", "VectorIndex", .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),

        // Several machines.
        .target(
            name: "Fleet",
            dependencies: [
                "Basics", "CPostgres", "Catalog", "Library", "Search", "Threads",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),

        // What was found, for other programs.
        .target(
            name: "Export",
            dependencies: ["Basics", "DecodeProtocol", .product(name: "SystemPackage", package: "swift-system")]
        ),

        // The query socket.
        .target(name: "API", dependencies: ["Basics"]),
        .target(
            name: "Client",
            dependencies: [
                "API", "Basics", .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
        .target(name: "Agents", dependencies: ["API", "Basics", "Client"]),
        .target(
            name: "HTTPServer",
            dependencies: [
                "API", "Basics", "Settings", "Threads", .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"), .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOFoundationCompat", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
        .target(
            name: "Settings",
            dependencies: [
                "Basics", .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "Yams", package: "Yams"),
            ]
        ),
        .target(
            name: "Daemon",
            dependencies: [
                "API", "Basics", "CKernels", "CLinux", "COpenBLAS", "Catalog", "Settings", "DecodeProtocol",
                "DecodeWorkers", "Fleet", "FolderWatch", "HTTPServer", "Library", "Models", "Search", "Tensors",
                "Threads",
                "VectorIndex", .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ]
        ),

        // Programs.
        .target(
            name: "Terminal",
            dependencies: [
                "Basics", "Client", "Settings", "Models", "Tensors",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
        .executableTarget(
            name: "saccade",
            dependencies: [
                "API", "Agents", "Basics", "CKernels", "COpenBLAS", "Catalog", "Client", "Settings", "Daemon",
                "DecodeProtocol", "DecodeWorkers", "Export", "Fleet", "FolderWatch", "HTTPServer", "Library", "Models",
                "Search", "Tensors", "Terminal", "Threads",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
        .executableTarget(
            name: "saccade-train",
            dependencies: [
                "Basics", "DecodeProtocol", "DecodeWorkers", "Models", "Settings", "Tensors", "Terminal", "Threads",
                "Training",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
        .executableTarget(name: "saccade-decode", dependencies: ["DecodeProtocol", "MediaDecoding"]),
        // In this package, not a nested one: what it measures is declared `package`, which a second package can't see.
        .executableTarget(
            name: "saccade-benchmarks",
            dependencies: [
                "API", "Basics", "CKernels", "Catalog", "Client", "DecodeProtocol", "DecodeWorkers", "Differentiation",
                "FolderWatch", "Library", "Models", "Search",
                "Tensors", "Threads", "Training", "VectorIndex", "saccade", "saccade-decode",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            path: "Benchmarks/saccade-benchmarks"
        ),

        // Tests.
        .target(
            name: "TestSupport",
            dependencies: [.product(name: "SystemPackage", package: "swift-system")],
            path: "Tests/TestSupport"
        ),
        // Fakes of time, file system and watcher, for the tests of FolderWatch and Library.
        .target(
            name: "FolderFakes",
            dependencies: [
                "Basics", "Catalog", "FolderWatch", "Threads",
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            path: "Tests/FolderFakes"
        ),
        .testTarget(
            name: "BasicsTests",
            dependencies: ["Basics", "TestSupport", .product(name: "SystemPackage", package: "swift-system")]),
        .testTarget(name: "ThreadsTests", dependencies: ["TestSupport", "Threads"]),
        .testTarget(
            name: "TensorsTests",
            dependencies: ["CKernels", "COpenBLAS", "Differentiation", "Tensors", "TestSupport", "Threads"],
            // Found by their path in the repository.
            exclude: ["Fixtures"]),
        .testTarget(
            name: "ModelsTests",
            dependencies: [
                "Basics", "CKernels", "DecodeProtocol", "Differentiation", "Models", "Tensors", "TestSupport",
                "Training",
            ],
            resources: [.copy("Fixtures")]),
        .testTarget(
            name: "TrainingTests",
            dependencies: ["Differentiation", "Models", "Tensors", "TestSupport", "Threads", "Training"]),
        .testTarget(
            name: "VectorIndexTests",
            dependencies: [
                "CKernels", "TestSupport", "VectorIndex", .product(name: "SystemPackage", package: "swift-system"),
            ]),
        .testTarget(name: "DecodeProtocolTests", dependencies: ["DecodeProtocol", "TestSupport"]),
        .testTarget(
            name: "MediaDecodingTests",
            dependencies: [
                "CKernels", "DecodeProtocol", "MediaDecoding", "TestSupport",
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            // Found by their path.
            exclude: ["Fixtures"]
        ),
        // Tries what no decode worker may, confined as one.
        .target(name: "CForbidden", path: "Tests/ConfinedProgram/CForbidden"),
        .executableTarget(
            name: "confined-program", dependencies: ["CForbidden", "DecodeProtocol", "MediaDecoding"],
            path: "Tests/ConfinedProgram/Program"),
        .testTarget(
            name: "DecodeWorkersTests",
            dependencies: [
                "Basics", "DecodeProtocol", "DecodeWorkers", "Models", "TestSupport", "confined-program",
                "saccade-decode",
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
        .testTarget(
            name: "CatalogTests",
            dependencies: [
                "Basics", "Catalog", "TestSupport", .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
        .testTarget(
            name: "FolderWatchTests",
            dependencies: [
                "Basics", "Catalog", "FolderFakes", "FolderWatch", "TestSupport", "Threads",
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
        .testTarget(
            name: "LibraryTests",
            dependencies: [
                "Basics", "Catalog", "DecodeProtocol", "DecodeWorkers", "Fleet", "FolderFakes", "FolderWatch",
                "Library",
                "Models", "Search", "TestSupport", "Threads", "saccade-decode",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
        .testTarget(
            name: "SearchTests", dependencies: ["Basics", "Catalog", "Models", "Search", "TestSupport", "VectorIndex"]),
        .testTarget(name: "TerminalTests", dependencies: ["Models", "Terminal"]),
        .testTarget(
            name: "ExportTests",
            dependencies: ["Export", "TestSupport", .product(name: "SystemPackage", package: "swift-system")]),
        // Values that the tests of API and HTTPServer look at.
        .target(name: "APISamples", dependencies: ["API"], path: "Tests/APISamples"),
        .testTarget(name: "APITests", dependencies: ["API", "APISamples", "TestSupport"]),
        .testTarget(
            name: "AgentsTests",
            dependencies: ["API", "Agents", "Client", "TestSupport"]),
        .testTarget(
            name: "HTTPServerTests",
            dependencies: [
                "API", "APISamples", "Basics", "Client", "HTTPServer", "Settings", "TestSupport", "Threads",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
        .testTarget(
            name: "SettingsTests",
            dependencies: ["Settings", "TestSupport", .product(name: "SystemPackage", package: "swift-system")]),
        .testTarget(
            name: "DaemonTests",
            dependencies: [
                "API", "Basics", "Catalog", "Settings", "Daemon", "DecodeProtocol", "DecodeWorkers",
                "FolderFakes", "FolderWatch", "HTTPServer", "Library", "Models", "Search", "TestSupport", "Threads",
                "VectorIndex",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "API", "Basics", "Catalog", "Client", "Daemon", "DecodeProtocol", "DecodeWorkers", "FolderWatch",
                "HTTPServer",
                "Library", "Models", "Search", "Settings", "TestSupport", "Threads", "saccade", "saccade-decode",
                "saccade-train",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            // Found by their path in the repository, as the programs' own files are.
            exclude: ["Fixtures"]
        ),
    ],
    swiftLanguageModes: [.v6]
)

// `make fuzz`: a program that libFuzzer drives, and the readers that it feeds, instrumented. No other build has either.
let fuzzedModules: Set<String> = [
    "API", "Catalog", "Client", "DecodeProtocol", "HTTPServer", "Models", "Settings", "Training", "VectorIndex",
]
let isFuzzing = Context.environment["SACCADE_FUZZ"] != nil

if isFuzzing {
    package.targets += [
        .systemLibrary(name: "CFuzzer", path: "Fuzz/CFuzzer"),
        .executableTarget(
            name: "saccade-fuzz",
            dependencies: [
                "API", "CFuzzer", "CKernels", "Catalog", "Client", "DecodeProtocol", "HTTPServer", "Models", "Settings",
                "Tensors", "Training", "VectorIndex",
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            path: "Fuzz/saccade-fuzz",
            // The default linker warns of every symbol of the sanitizer.
            linkerSettings: [.unsafeFlags(["-use-ld=lld"])]
        ),
    ]
}

// `make sanitize-thread`: locks as ThreadSanitizer has to see them.
if Context.environment["SACCADE_THREAD_SANITIZER"] != nil {
    package.targets.append(.target(name: "CThreadSanitizer", path: "Tests/Sanitizers/CThreadSanitizer"))
    package.targets.first { $0.name == "TestSupport" }?.dependencies.append("CThreadSanitizer")
}

let strictness: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

let cTargets: Set<String> = ["CForbidden", "COpenBLAS", "CKernels", "CLinux", "CThreadSanitizer"]

for target in package.targets where target.type != .system && !cTargets.contains(target.name) {
    var settings = (target.swiftSettings ?? []) + strictness
    let tested = target.name.hasSuffix("Tests") ? String(target.name.dropLast("Tests".count)) : target.name
    if !numericModules.contains(tested) && target.type != .test
        && !["saccade-benchmarks", "saccade-fuzz"].contains(target.name)
    {
        settings.append(.strictMemorySafety())
    }
    if isFuzzing && fuzzedModules.contains(target.name) { settings.append(.unsafeFlags(["-sanitize=fuzzer"])) }
    target.swiftSettings = settings
}
