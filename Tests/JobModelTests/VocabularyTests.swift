import JobModel
import Testing

@Suite struct JobIDTests {
    @Test func idsAreUUIDsOfVersionSevenInTimeOrder() throws {
        let early = JobID(at: Timestamp(milliseconds: 1_763_713_000_000))
        let late = JobID(at: Timestamp(milliseconds: 1_763_713_000_001))
        #expect(early.description < late.description)
        #expect(Array(early.description.utf8)[14] == UInt8(ascii: "7"))
        #expect(JobID(early.description) == early)
        #expect(early != JobID(at: Timestamp(milliseconds: 1_763_713_000_000)))
    }

    @Test func foreignEntriesHaveOneIDEach() {
        let id = JobID(stream: "ingest_jobs", entry: "1-0")
        #expect(id == JobID(stream: "ingest_jobs", entry: "1-0"))
        #expect(id != JobID(stream: "ingest_jobs", entry: "1-1"))
        #expect(Array(id.description.utf8)[14] == UInt8(ascii: "5"))
        #expect(JobID(id.description) == id)
    }

    @Test(arguments: [
        "", "x", "0199C0DE-0000-7000-8000-000000000000", "0199c0de-0000-4000-8000-000000000000", "0199c0de00007000800000000000000000",
        "0199c0de-0000-7000-8000-00000000000g", "0199c0de-0000-7000-8000-0000000000000", "../../etc/passwd-0000-7000-8000-0000",
    ])
    func otherSpellingsAreNoIDs(text: String) {
        #expect(JobID(text) == nil)
    }
}

@Suite struct TimestampTests {
    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (951_782_400_123, "2000-02-29T00:00:00.123Z"), (1_795_250_296_561, "2026-11-21T08:38:16.561Z"),
            (-1, "1969-12-31T23:59:59.999Z"), (4_102_444_800_000, "2100-01-01T00:00:00.000Z"),
        ] as [(Int64, String)])
    func timesAreSpelledAsRFC3339(milliseconds: Int64, text: String) {
        #expect(Timestamp(milliseconds: milliseconds).description == text)
        #expect(Timestamp(rfc3339: text)?.milliseconds == milliseconds)
    }

    @Test func offsetsAreReadAndNonsenseIsNot() {
        #expect(Timestamp(rfc3339: "2026-11-21T10:30:00+01:00")?.description == "2026-11-21T09:30:00.000Z")
        #expect(Timestamp(rfc3339: "tomorrow") == nil)
        #expect(Timestamp(rfc3339: "2026-13-01T00:00:00Z") == nil)
    }

    @Test(
        arguments: [
            ("2024-02-29T23:59:60Z", "2024-03-01T00:00:00.000Z"), ("2026-11-21t10:30:00.2z", "2026-11-21T10:30:00.200Z"),
            ("2026-11-21T10:30:00.123999+00:00", "2026-11-21T10:30:00.123Z"), ("2026-11-21T10:30:00+23:59", "2026-11-20T10:31:00.000Z"),
            ("2026-11-21T10:30:00.05-05:30", "2026-11-21T16:00:00.050Z"), ("1969-12-31T23:59:59.9Z", "1969-12-31T23:59:59.900Z"),
        ])
    func everyFormOfTheStandardIsRead(text: String, time: String) {
        #expect(Timestamp(rfc3339: text)?.description == time)
    }

    @Test(
        arguments: [
            "2026-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-11-00T00:00:00Z", "2026-11-21T24:00:00Z", "2026-11-21T10:60:00Z",
            "2026-11-21T10:30:61Z", "2026-11-21T10:30:00", "2026-11-21T10:30:00+0100", "2026-11-21T10:30:00+24:00", "2026-11-21T10:30:00.Z",
            "2026-11-21T10:30:00Z ", "2026-11-21 10:30:00Z", "2026-11-21", "26-11-21T10:30:00Z", "+2026-11-21T10:30:00Z",
            "2026-1-21T10:30:00Z",
            "٢٠٢٦-11-21T10:30:00Z", "",
        ])
    func whatNoCalendarHasIsNoTime(text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }
}

@Suite struct RetryTests {
    let policy = RetryPolicy(maxAttempts: 3, baseMilliseconds: 1000, capMilliseconds: 60_000)

    @Test func theDelayDoublesUpToItsCapAndHalfOfItIsRandom() {
        #expect(policy.delayMilliseconds(after: 1, random: 0) == 500)
        #expect(policy.delayMilliseconds(after: 3, random: 0) == 2000)
        #expect(policy.delayMilliseconds(after: 3, random: 0.999) < 4000)
        #expect(policy.delayMilliseconds(after: 500, random: 0) == 30_000)
    }

    @Test func theLastAttemptIsADeadLetter() {
        let failure = JobFailure.retry("later", type: "x")
        #expect(JobOutcome(failure, attempt: 2, policy: policy).state == .scheduled)
        #expect(JobOutcome(failure, attempt: 3, policy: policy) == .failed(failure))
        #expect(JobOutcome(.permanent("no", type: "x"), attempt: 1, policy: policy).state == .failed)
        #expect(JobOutcome(.cancelled, attempt: 1, policy: policy).state == .cancelled)
        #expect(JobOutcome(.handBack, attempt: 1, policy: policy) == .handBack)
    }

    @Test func theOtherSidesWishIsTheDelay() {
        let failure = JobFailure.retry("busy", type: "x", afterMilliseconds: 7000)
        #expect(JobOutcome(failure, attempt: 1, policy: policy) == .retry(failure, afterMilliseconds: 7000))
    }

    @Test func timeoutsSayHowLong() {
        #expect(JobFailure.timeout(milliseconds: 30000).message == "Timeout after 30000ms")
    }
}

@Suite struct JobEventTests {
    @Test func anEventIsOneLineWithItsNumberInFront() throws {
        let event = JobEvent(.progress, at: Timestamp(milliseconds: 0), ["message": "a\nb", "progress": 40])
        let line = event.numbered(4)
        #expect(!line.contains("\n"))
        #expect(line.hasPrefix(#"{"seq":4,"event":"progress""#))
        #expect(try JSONReader.read(line)["message"]?.string == "a\nb")
    }
}
