// swift-tools-version: 6.2
import PackageDescription

// Outside of this repository: .package(url: "…", from: "…") in place of the path.
let package = Package(
    name: "WordCount",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "tidewheel", path: "../..")],
    targets: [
        .executableTarget(name: "WordCount", dependencies: [.product(name: "TidewheelWorker", package: "tidewheel")])
    ]
)
