import FoundationEssentials
import JobModel
import TestServers
import Testing

@Suite struct ZoneRulesTests {
    private func rows(_ table: String) throws -> [(zone: ZoneRules, entries: [(time: String, value: Int64)])] {
        try table.split(separator: "\n").map { line in
            let words = line.split(separator: " ")
            return (
                try ZoneRules.named(String(words[0])),
                try words.dropFirst().map { word in
                    let parts = word.split(separator: "=")
                    return (String(parts[0]), try #require(Int64(parts[1])))
                }
            )
        }
    }

    private func second(_ text: String) throws -> Int64 {
        try #require(Timestamp(rfc3339: text)).milliseconds / 1000
    }

    @Test func everyChangeUntil2040IsAtItsMomentAndNoOtherIsBetween() throws {
        for (zone, entries) in try rows(ZoneExpectations.changes) {
            var moment = try second(entries[0].time + ":00Z")
            var offset = entries[0].value
            #expect(zone.offset(at: moment) == offset * 60, "\(zone.name)")
            for (time, next) in entries.dropFirst() {
                let change = try second(time + ":00Z")
                #expect(zone.offset(at: change - 1) == offset * 60, "\(zone.name) before \(time)")
                #expect(zone.offset(at: change) == next * 60, "\(zone.name) at \(time)")
                #expect(try lastSpan(of: zone, from: moment, before: change).previousOffset == offset * 60, "\(zone.name) at \(time)")
                (moment, offset) = (change, next)
            }
        }
    }

    /// Walks the spans, as a search for fire times does; only the last one may begin with another offset.
    private func lastSpan(of zone: ZoneRules, from: Int64, before change: Int64) throws -> ZoneRules.Span {
        var span = zone.span(at: from)
        while let end = span.end, end <= change {
            let next = zone.span(at: end)
            #expect(next.start == end)
            #expect(end == change || next.offset == span.offset, "\(zone.name) changes at \(end)")
            span = next
        }
        return span
    }

    @Test func theFarFutureFollowsTheFooterAndThePastTheFile() throws {
        for (zone, entries) in try rows(ZoneExpectations.years) {
            for (month, offset) in entries {
                #expect(zone.offset(at: try second(month + "-15T12:00:00Z")) == offset, "\(zone.name) \(month)")
            }
        }
    }

    @Test(arguments: [
        "", "europe/berlin", "Europe", "Europe/", "/Europe/Berlin", "Europe/../Europe/Berlin", "../../../etc/passwd", "Europe/Berlin\0",
        "Etc/..", "tzdata.zi", "right/UTC", "Europe/Atlantis", "A/B/C/D/E", "Ünited", String(repeating: "A", count: 65), "Europe//Berlin",
    ])
    func whatIsNoZoneIsRefused(name: String) {
        #expect(throws: ZoneError.self) { try ZoneRules.named(name) }
    }

    @Test func withoutADatabaseThereIsUTCAndASentenceForTheRest() throws {
        #expect(try ZoneRules.named("UTC", in: "/nowhere").offset(at: 0) == 0)
        let error = #expect(throws: ZoneError.self) { try ZoneRules.named("Europe/Berlin", in: "/nowhere") }
        #expect(error?.detail.contains("tzdata") == true)
    }

    @Test func aFileThatIsCutOrBentIsRefusedAndNeverACrash() throws {
        let folder = try TemporaryDirectory.make()
        defer { TemporaryDirectory.remove(folder) }
        let whole = Array(try #require(FileManager.default.contents(atPath: ZoneRules.directory + "/America/New_York")))
        func zone(_ bytes: [UInt8]) throws -> ZoneRules {
            try Data(bytes).write(to: URL(filePath: folder + "/Zone"))
            return try ZoneRules.named("Zone", in: folder)
        }
        #expect(try zone(whole).offset(at: 0) == -5 * 3600)
        for length in stride(from: 0, to: whole.count - 30, by: 7) {
            #expect(throws: ZoneError.self, "cut at \(length)") { try zone(Array(whole.prefix(length))) }
        }
        // One byte bent: refused, or another zone, whose times can be looked up.
        for place in stride(from: 0, to: whole.count, by: 3) {
            var bent = whole
            bent[place] ^= 0x81
            guard let zone = try? zone(bent) else { continue }
            for moment: Int64 in [-4_000_000_000, 0, 1_700_000_000_000, 9_000_000_000_000] {
                _ = try CronExpression("0 3 1 * *").next(after: Timestamp(milliseconds: moment), in: zone, anchor: .now)
            }
        }
    }
}

@Suite struct CivilDateTests {
    @Test func daysAndDatesAreEachOthersInverse() {
        for day: Int64 in stride(from: -800_000, through: 800_000, by: 13) {
            let date = CivilDate(daysSince1970: day)
            #expect(date.daysSince1970 == day)
            #expect((1...date.lengthOfMonth).contains(date.day))
            #expect((date.startOfNextMonth.daysSince1970 - day) == Int64(date.lengthOfMonth - date.day + 1))
        }
        #expect(CivilDate(year: 2000, month: 2, day: 29).daysSince1970 == 11_016)
        #expect(CivilDate(daysSince1970: -1) == CivilDate(year: 1969, month: 12, day: 31))
        #expect([-1, 0, 1, 20_778].map { CivilDate.weekday(ofDay: $0) } == [3, 4, 5, 6])
    }
}
