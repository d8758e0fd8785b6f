// swift-tools-version: 6.2

import PackageDescription

let numericModules: Set<String> = ["Tensors", "Models", "Training", "VectorIndex"]

let package = Package(
    name: "saccade",
    products: [
        .executable(name: "saccade", targets: ["saccade"]),
        .executable(name: "saccade-decode", targets: ["saccade-decode"]),
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
        .target(name: "COpenBLAS", cSettings: [.unsafeFlags(["-O2"])]),
        .target(name: "CKernels", cSettings: [.unsafeFlags(["-O3"])]),
        .target(name: "CLinux"),

        // Numbers.
        .target(name: "Tensors", dependencies: ["CKernels", "COpenBLAS"]),
        .target(
            name: "Models",
            dependencies: ["CKernels", "Tensors", .product(name: "SystemPackage", package: "swift-system")]
        ),
        .target(
            name: "Training",
            dependencies: ["Models", "Tensors", .product(name: "SystemPackage", package: "swift-system")]
        ),
        .target(name: "VectorIndex", dependencies: ["CKernels"]),

        // Media.
        .target(name: "DecodeProtocol"),
        .target(name: "MediaDecoding", dependencies: ["CFFmpeg", "CKernels", "CLinux", "DecodeProtocol"]),

        // The library of media.
        .target(
            name: "Catalog",
            dependencies: [
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
        .target(
            name: "Ingest",
            dependencies: [
                "Catalog", "CLinux", "DecodeProtocol", "Models", "VectorIndex",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
        .target(
            name: "Search",
            dependencies: [
                "Catalog", "Models", "VectorIndex",
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
        .target(
            name: "Service",
            dependencies: [
                "CKernels", "CLinux", "COpenBLAS", "Catalog", "DecodeProtocol", "Ingest", "Models", "Search", "Tensors",
                "VectorIndex",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOFoundationCompat", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "Yams", package: "Yams"),
            ]
        ),

        // Programs.
        .executableTarget(
            name: "saccade",
            dependencies: [
                "CKernels", "COpenBLAS", "Catalog", "Ingest", "Models", "Search", "Service", "Tensors", "Training",
                "VectorIndex",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
        .executableTarget(name: "saccade-decode", dependencies: ["DecodeProtocol", "MediaDecoding"]),
        // In this package, not a nested one: what it measures is declared `package`, which a second package can't see.
        .executableTarget(
            name: "saccade-benchmarks",
            dependencies: [
                "CKernels", "Catalog", "DecodeProtocol", "Ingest", "Models", "Search", "Service", "Tensors",
                "Training", "VectorIndex", "saccade", "saccade-decode", .product(name: "Logging", package: "swift-log"),
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
        .testTarget(name: "TensorsTests", dependencies: ["CKernels", "COpenBLAS", "Tensors", "TestSupport"]),
        .testTarget(
            name: "ModelsTests", dependencies: ["CKernels", "Models", "Tensors", "TestSupport"],
            resources: [.copy("Fixtures")]),
        .testTarget(name: "TrainingTests", dependencies: ["Models", "Tensors", "TestSupport", "Training"]),
        .testTarget(name: "VectorIndexTests", dependencies: ["CKernels", "TestSupport", "VectorIndex"]),
        .testTarget(name: "DecodeProtocolTests", dependencies: ["DecodeProtocol", "TestSupport"]),
        .testTarget(
            name: "MediaDecodingTests",
            dependencies: [
                "DecodeProtocol", "MediaDecoding", "TestSupport",
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
        .testTarget(
            name: "CatalogTests",
            dependencies: ["Catalog", "TestSupport", .product(name: "SystemPackage", package: "swift-system")]),
        .testTarget(
            name: "IngestTests",
            dependencies: [
                "Catalog", "DecodeProtocol", "Ingest", "Models", "TestSupport", "VectorIndex", "saccade-decode",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
        .testTarget(name: "SearchTests", dependencies: ["Catalog", "Models", "Search", "TestSupport", "VectorIndex"]),
        .testTarget(
            name: "ServiceTests",
            dependencies: [
                "Catalog", "DecodeProtocol", "Ingest", "Models", "Search", "Service", "TestSupport", "VectorIndex",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "Catalog", "DecodeProtocol", "Ingest", "Search", "Service", "TestSupport", "saccade", "saccade-decode",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
    ],
    swiftLanguageModes: [.v6]
)

// `make fuzz`: a program that libFuzzer drives, and the readers that it feeds, instrumented. No other build has either.
let fuzzedModules: Set<String> = ["DecodeProtocol", "Models", "Search", "Service"]
let isFuzzing = Context.environment["SACCADE_FUZZ"] != nil

if isFuzzing {
    package.targets += [
        .systemLibrary(name: "CFuzzer", path: "Fuzz/CFuzzer"),
        .executableTarget(
            name: "saccade-fuzz",
            dependencies: [
                "CFuzzer", "DecodeProtocol", "Models", "Search", "Service", "Tensors",
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
    package.targets.append(.target(name: "CSanitizedMutex", path: "Tests/Sanitizers/CSanitizedMutex"))
    package.targets.first { $0.name == "TestSupport" }?.dependencies.append("CSanitizedMutex")
}

let strictness: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

let cTargets: Set<String> = ["COpenBLAS", "CKernels", "CLinux", "CSanitizedMutex"]

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
