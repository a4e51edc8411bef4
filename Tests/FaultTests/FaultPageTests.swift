import FoundationEssentials
import Testing

/// docs/faults.md lists what is broken: every fault, and no other.
@Suite struct FaultPageTests {
    @Test func everyFaultStandsInThePage() throws {
        let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
        let page = try String(contentsOfFile: root + "/docs/faults.md", encoding: .utf8)
        let listed = page.split(separator: "\n").filter { $0.hasPrefix("  - ") }.map { String($0.dropFirst(4)) }
        #expect(listed == Fault.all.map(\.name))
    }
}
