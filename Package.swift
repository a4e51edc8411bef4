// swift-tools-version: 6.2
import PackageDescription

// The house: a target imports only targets on floors below it. `scripts/floors.py` compares this list with the imports.

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let systemPackage = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let nioHTTPTypes = Target.Dependency.product(name: "NIOHTTPTypes", package: "swift-nio-extras")
let nioHTTPTypesHTTP1 = Target.Dependency.product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

func room(
    _ name: String, _ dependencies: [Target.Dependency], embed: String? = nil, exclude: [String] = []
) -> Target {
    .target(
        name: name, dependencies: dependencies, exclude: exclude, resources: embed.map { [.embedInCode($0)] } ?? [], swiftSettings: settings
    )
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies + ["TestServers", "PrivateServers", logging], swiftSettings: settings)
}

let package = Package(
    name: "tidewheel",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "tidewheel", targets: ["tidewheel"]),
        .library(name: "TidewheelClient", targets: ["TidewheelClient"]),
        .library(name: "TidewheelWorker", targets: ["TidewheelWorker"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0", traits: []),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
    ],
    targets: [
        // GROUND
        .systemLibrary(name: "CHiredis", providers: [.apt(["libhiredis-dev"])]),
        .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "CLibXML2", pkgConfig: "libxml-2.0", providers: [.apt(["libxml2-dev"])]),
        .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CMalloc"),

        // 1st floor
        room("RedisWire", ["CHiredis", "CCrypto", nioCore, nioPosix, nioSSL, logging, deque]),
        room("PostgresWire", ["CLibPQ", nioPosix, nioCore, logging]),
        room("WebFetch", ["CCurl", logging]),
        room("PageText", ["CLibXML2", subprocess, systemPackage]),
        room("JobModel", ["CCrypto", deque, logging]),
        room("PrivateServers", [logging]),

        // 2nd floor
        room("JobQueue", ["RedisWire", "JobModel", logging], embed: "Scripts"),
        room("JobLedger", ["PostgresWire", "JobModel", logging], embed: "SQL", exclude: ["Schema"]),
        room("Services", ["WebFetch", "PageText", "JobModel", logging]),
        room("TidewheelClient", ["WebFetch", "JobModel"]),

        // 3rd floor
        room("JobDesk", ["JobQueue", "JobLedger", "RedisWire", "PostgresWire", "JobModel", logging]),

        // 4th floor
        room("JobRunner", ["JobDesk", "JobQueue", "JobLedger", "RedisWire", "JobModel", deque, logging]),
        room(
            "JobKinds", ["JobLedger", "PostgresWire", "Services", "WebFetch", "PageText", "JobModel", logging], embed: "Prompts"),

        // 5th floor
        room(
            "JobAPI",
            [
                "JobDesk", "JobQueue", "JobLedger", "JobModel", hummingbird, hummingbirdCore, httpTypes, nioCore, nioHTTP1, nioHTTPTypes,
                nioHTTPTypesHTTP1, logging, lifecycle,
            ],
            embed: "Page"),

        room("ToolServer", ["JobModel"]),
        room(
            "JobBench",
            [
                "JobRunner", "JobDesk", "JobQueue", "JobLedger", "RedisWire", "PostgresWire", "PrivateServers", "JobModel", "CHiredis",
                "CLibPQ", logging,
            ],
            embed: "Floor"),

        // ROOF
        room(
            "TidewheelWorker",
            ["JobRunner", "JobDesk", "JobQueue", "JobLedger", "RedisWire", "PostgresWire", "PrivateServers", "JobModel", logging]),
        .executableTarget(
            name: "tidewheel",
            dependencies: [
                "JobAPI", "ToolServer", "JobBench", "JobRunner", "JobKinds", "JobDesk", "JobQueue", "JobLedger", "Services", "JobModel",
                "RedisWire", "PostgresWire", "WebFetch", "PageText", "PrivateServers", "TidewheelClient",
                arguments, logging, lifecycle,
                "CMalloc",
            ],
            swiftSettings: settings),

        // Tests: real servers, started privately; doubles only for services that cannot be had.
        .target(
            name: "TestServers",
            dependencies: ["PrivateServers", "JobModel", nioCore, nioPosix, nioHTTP1],
            path: "Tests/TestServers", swiftSettings: settings),
        .executableTarget(
            name: "StandInServer", dependencies: ["TestServers"], path: "Tests/StandInServer", swiftSettings: settings),
        // The processes that the fault suite kills: real rooms, kinds of its own.
        .executableTarget(
            name: "FaultWorker",
            dependencies: [
                "JobAPI", "JobRunner", "JobKinds", "JobDesk", "JobQueue", "JobLedger", "Services", "JobModel", "RedisWire", "PostgresWire",
                "WebFetch", "PrivateServers", logging, lifecycle,
            ],
            path: "Tests/FaultWorker", swiftSettings: settings),
        tests("FaultTests", ["FaultWorker", "JobModel", "RedisWire", "PostgresWire", "WebFetch"]),
        tests("PrivateServersTests", [nioPosix]),
        tests("RedisWireTests", ["RedisWire", "CHiredis", nioCore, nioPosix]),
        tests("PostgresWireTests", ["PostgresWire"]),
        tests("WebFetchTests", ["WebFetch"]),
        tests("PageTextTests", ["PageText"]),
        tests("JobModelTests", ["JobModel"]),
        tests("JobQueueTests", ["JobQueue", "RedisWire", "JobModel"]),
        tests("JobLedgerTests", ["JobLedger", "PostgresWire", "JobModel"]),
        tests("ServicesTests", ["Services", "WebFetch", "JobModel"]),
        tests("JobDeskTests", ["JobDesk", "JobQueue", "JobLedger", "RedisWire", "PostgresWire", "JobModel"]),
        tests("JobKindsTests", ["JobKinds", "JobLedger", "Services", "WebFetch", "PostgresWire", "JobModel"]),
        tests(
            "JobRunnerTests",
            ["JobRunner", "JobKinds", "JobDesk", "JobQueue", "JobLedger", "RedisWire", "PostgresWire", "WebFetch", "JobModel"]),
        tests(
            "JobAPITests",
            [
                "JobAPI", "ToolServer", "JobRunner", "JobKinds", "JobDesk", "JobQueue", "JobLedger", "Services", "RedisWire",
                "PostgresWire",
                "WebFetch", "JobModel", lifecycle, nioCore, nioPosix, httpTypes,
            ]),
        tests(
            "ModelJobsTests",
            [
                "JobAPI", "JobRunner", "JobKinds", "JobDesk", "JobQueue", "JobLedger", "Services", "RedisWire", "PostgresWire", "WebFetch",
                "JobModel", lifecycle,
            ]),
        tests(
            "TidewheelClientTests",
            [
                "TidewheelClient", "JobAPI", "JobRunner", "JobDesk", "JobQueue", "JobLedger", "RedisWire", "PostgresWire", "WebFetch",
                "JobModel", lifecycle,
            ]),
        tests("ToolServerTests", ["ToolServer", "JobKinds", "JobModel"]),
        tests("JobBenchTests", ["JobBench", "RedisWire", "JobModel"]),
        tests(
            "TidewheelTests",
            [
                "tidewheel", "TidewheelClient", "TidewheelWorker", "JobAPI", "JobBench", "JobDesk", "JobQueue", "JobLedger", "Services",
                "WebFetch", "JobModel", "RedisWire", "PostgresWire", arguments,
            ]),
        // A program of another package, for the tests that send it signals.
        .executableTarget(
            name: "GuestWorker", dependencies: ["TidewheelWorker"], path: "Tests/GuestWorker", swiftSettings: settings),
        tests(
            "TidewheelWorkerTests",
            [
                "GuestWorker", "TidewheelWorker", "JobRunner", "JobDesk", "JobQueue", "JobLedger", "RedisWire",
                "PostgresWire", "JobModel",
            ]),
    ],
    swiftLanguageModes: [.v6]
)
