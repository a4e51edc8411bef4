import JobModel
import Testing

@Suite struct CronTests {
    private func time(_ text: some StringProtocol) throws -> Timestamp {
        try #require(Timestamp(rfc3339: String(text)))
    }

    private func fires(
        _ expression: String, after: String, in zone: String = "UTC", anchor: String = "2026-01-01T00:00:00Z", count: Int = 3
    ) throws -> [String] {
        try CronExpression(expression).next(count, after: time(after), in: .named(zone), anchor: time(anchor)).map {
            $0.description.replacing(".000Z", with: "Z")
        }
    }

    @Test func fireTimesAroundChangesOfClocksAreThoseOfAnotherImplementation() throws {
        let lines = CronExpectations.times.split(separator: "\n")
        #expect(lines.count > 200)
        for line in lines {
            let parts = line.split(separator: "|").map { $0.split(separator: " ").joined(separator: " ") }
            let expected = parts[3].split(separator: " ").map(String.init)
            #expect(try fires(parts[1], after: parts[2], in: parts[0], count: expected.count) == expected, "\(line)")
        }
    }

    @Test func aTimeInTheGapFiresOnceRightAfterIt() throws {
        #expect(
            try fires("30 2 * * *", after: "2026-03-07T12:00:00Z", in: "America/New_York")
                == ["2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z", "2026-03-10T06:30:00Z"])
        #expect(
            try fires("0,30 2,3 * * *", after: "2026-03-08T05:00:00Z", in: "America/New_York", count: 2)
                == ["2026-03-08T07:00:00Z", "2026-03-08T07:30:00Z"])
        // Samoa had no 30 December 2011.
        #expect(
            try fires("0 12 30 12 *", after: "2011-12-01T00:00:00Z", in: "Pacific/Apia", count: 2)
                == ["2011-12-30T10:00:00Z", "2012-12-29T22:00:00Z"])
    }

    @Test func aTimeThatComesTwiceFiresOnceUnlessHourOrMinuteAreWild() throws {
        #expect(
            try fires("30 1 * * *", after: "2026-11-01T00:00:00Z", in: "America/New_York", count: 2)
                == ["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"])
        #expect(
            try fires("30 1 * * *", after: "2026-11-01T05:45:00Z", in: "America/New_York", count: 1) == ["2026-11-02T06:30:00Z"])
        #expect(
            try fires("30 * * * *", after: "2026-11-01T05:00:00Z", in: "America/New_York")
                == ["2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z", "2026-11-01T07:30:00Z"])
        #expect(
            try fires("*/30 1 * * *", after: "2026-11-01T05:10:00Z", in: "America/New_York", count: 4)
                == ["2026-11-01T05:30:00Z", "2026-11-01T06:00:00Z", "2026-11-01T06:30:00Z", "2026-11-02T06:00:00Z"])
    }

    @Test(
        arguments: [
            ("@hourly", ["2026-01-31T11:00:00Z", "2026-01-31T12:00:00Z"]), ("@daily", ["2026-02-01T00:00:00Z", "2026-02-02T00:00:00Z"]),
            ("@midnight", ["2026-02-01T00:00:00Z", "2026-02-02T00:00:00Z"]),
            ("@weekly", ["2026-02-01T00:00:00Z", "2026-02-08T00:00:00Z"]),
            ("@monthly", ["2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"]),
            ("@Yearly", ["2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z"]),
            ("0 0 29 2 *", ["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"]),
            ("0 9 L * ?", ["2026-02-28T09:00:00Z", "2026-03-31T09:00:00Z"]),
            ("0 9 15,l * *", ["2026-02-15T09:00:00Z", "2026-02-28T09:00:00Z"]),
            ("0 0 13 * FRI", ["2026-02-06T00:00:00Z", "2026-02-13T00:00:00Z"]),
            ("0 0 ? FEB-mar/1 5", ["2026-02-06T00:00:00Z", "2026-02-13T00:00:00Z"]),
            ("0 0 * * 7", ["2026-02-01T00:00:00Z", "2026-02-08T00:00:00Z"]),
            ("0 0 * * FRI-SUN", ["2026-02-01T00:00:00Z", "2026-02-06T00:00:00Z"]),
            ("0 0 */2 * MON", ["2026-02-09T00:00:00Z", "2026-02-23T00:00:00Z"]),
            ("10/20 * * * *", ["2026-01-31T10:30:00Z", "2026-01-31T10:50:00Z"]),
            ("*/20 59 23 31 DEC *", ["2026-12-31T23:59:00Z", "2026-12-31T23:59:20Z"]),
            (" 15   10  *\t* * ", ["2026-02-01T10:15:00Z", "2026-02-02T10:15:00Z"]),
            ("@every 90s", ["2026-01-31T10:21:00Z", "2026-01-31T10:22:30Z"]),
            ("@every 1h30m", ["2026-01-31T10:30:00Z", "2026-01-31T12:00:00Z"]),
            ("@every 2d", ["2026-02-02T00:00:00Z", "2026-02-04T00:00:00Z"]),
        ] as [(String, [String])])
    func expressionsFireWhenTheySay(expression: String, expected: [String]) throws {
        #expect(try fires(expression, after: "2026-01-31T10:20:00Z", count: 2) == expected)
    }

    @Test func aFireTimeIsAfterTheMomentAndNeverAtIt() throws {
        #expect(try fires("* * * * * *", after: "2026-01-01T00:00:00.999Z", count: 1) == ["2026-01-01T00:00:01Z"])
        #expect(try fires("* * * * * *", after: "2026-01-01T00:00:01Z", count: 1) == ["2026-01-01T00:00:02Z"])
        #expect(try fires("@every 1s", after: "2026-01-01T00:00:01Z", count: 1) == ["2026-01-01T00:00:02Z"])
        #expect(try fires("@every 1h", after: "2025-12-31T00:00:00Z", count: 1) == ["2026-01-01T01:00:00Z"])
        #expect(try fires("0 0 1 1 *", after: "1969-12-31T23:59:59.500Z", count: 1) == ["1970-01-01T00:00:00Z"])
    }

    @Test func leapDaysAreFoundAcrossATurnOfTheCentury() throws {
        #expect(try fires("0 0 29 2 *", after: "2096-03-01T00:00:00Z", in: "Europe/Berlin", count: 1) == ["2104-02-28T23:00:00Z"])
        #expect(try fires("0 0 */31 2 MON", after: "2094-03-01T00:00:00Z", count: 2) == ["2100-02-01T00:00:00Z", "2106-02-01T00:00:00Z"])
    }

    @Test(
        arguments: [
            ("", "there are 0 fields"), ("* * * *", "there are 4 fields"), ("* * * * * * *", "there are 7 fields"),
            ("60 * * * *", "minute: \"60\" is not allowed; values are 0 to 59"), ("61 0 * * * *", "second: "), ("* 24 * * *", "hour: "),
            ("* * 0 * *", "day of month: \"0\" is not allowed; values are 1 to 31"), ("* * * 13 *", "values are 1 to 12 or JAN to DEC"),
            ("* * * * 8", "values are 0 to 7 or SUN to SAT"), ("* * * * FUN", "day of week: \"FUN\""), ("*/0 * * * *", "the step \"0\""),
            ("*/60 * * * *", "steps are 1 to 59"), ("5-1 * * * *", "ends before it begins"), ("1-2-3 * * * *", "no value, range or step"),
            ("1,,2 * * * *", "minute: \"\""), ("? * * * *", "minute: \"?\""), ("-1 * * * *", "minute: \"\""), ("+1 * * * *", "minute"),
            ("1/ * * * *", "the step \"\""), ("99999999999999999999 * * * *", "minute"), ("* * L-1 * *", "day of month"),
            ("* L * * *", "hour"), ("30 2 30 2 *", "never comes"), ("0 0 31 4,6,9,11 *", "never comes"), ("@never", "@daily"),
            ("@daily 5", "is not known"), ("@every", "from 1s to 366d"), ("@every 0s", "from 1s"), ("@every 367d", "366d"),
            ("@every 5", "366d"), ("@every 1.5h", "366d"), ("@every -5m", "366d"), ("@every 99999999999s", "366d"),
            ("@every 5m 5s", "366d"), (String(repeating: "1,", count: 100) + "1 * * * *", "longer than 200"),
        ] as [(String, String)])
    func faultsSayWhichFieldAndWhatIsAllowed(expression: String, words: String) {
        let error = #expect(throws: CronError.self) { try CronExpression(expression) }
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
    }
}
