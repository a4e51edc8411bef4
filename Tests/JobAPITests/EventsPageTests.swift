import FoundationEssentials
import JobModel
import Testing

@testable import JobAPI

/// docs/events.md tells of every message and every close code, and of no others.
@Suite struct EventsPageTests {
    private func page() throws -> [Substring] {
        let folder = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
        let file = try #require(FileManager.default.contents(atPath: folder + "/docs/events.md"))
        return String(decoding: file, as: UTF8.self).split(separator: "\n")
    }

    /// First cells of the table below a heading, without the table's own head.
    private func rows(below heading: String) throws -> Set<String> {
        let lines = try page()
        let start = try #require(lines.firstIndex { $0.hasSuffix(heading) })
        let section = lines[(start + 1)...].prefix { !$0.hasPrefix("#") }
        let cells = section.filter { $0.hasPrefix("| ") }.dropFirst().map { $0.dropFirst(2).prefix { $0 != "|" } }
        return Set(cells.map { $0.filter { $0 != "`" && $0 != " " } })
    }

    @Test func everyMessageIsDescribed() throws {
        #expect(try rows(below: "What a client says") == Set(SocketCommand.Name.allCases.map(\.rawValue)))
        #expect(try rows(below: "What the server says") == Set(SocketMessage.Name.allCases.map(\.rawValue)))
        #expect(try rows(below: "Why a connection ends") == Set(CloseCode.allCases.map { String($0.rawValue) }))
    }

    @Test func everyFaultIsNamed() throws {
        let line = try #require(try page().first { $0.hasPrefix("Codes of `error`") })
        for fault in SocketMessage.Fault.allCases { #expect(line.contains("`\(fault.rawValue)`"), "\(fault)") }
    }

    @Test func theLimitsAreThoseOfTheCode() throws {
        let text = try page().joined(separator: "\n")
        let limits = SocketLimits()
        for word in [
            "\(limits.messageBytes >> 10) KiB", "up to \(limits.watches) jobs", "\(limits.messagesPerSecond) messages a second",
            "\(limits.messageBurst) at once", "\(limits.backlogBytes >> 20) MiB", "every \(limits.ping.components.seconds) s",
            "within \(limits.authentication.components.seconds) s",
        ] {
            #expect(text.contains(word), "\(word)")
        }
    }
}
