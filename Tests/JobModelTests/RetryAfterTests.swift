import Testing

@testable import JobModel

@Suite struct RetryAfterTests {
    private let now = Timestamp(milliseconds: 784_111_777_000 - 60_000)

    @Test(
        arguments: [
            ("120", 120_000), ("0", 0), ("Sun, 06 Nov 1994 08:49:37 GMT", 60_000), ("Sunday, 06-Nov-94 08:49:37 GMT", 60_000),
            ("Sun Nov  6 08:49:37 1994", 60_000), ("Sun, 06 Nov 1994 08:00:00 GMT", 0),
        ] as [(String, Int64)])
    func secondsAndDatesAreRead(value: String, milliseconds: Int64) {
        #expect(RetryAfter.milliseconds(value, now: now) == milliseconds)
    }

    @Test(arguments: [
        "", "-1", "1.5", "soon", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 99 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 99:49:37 GMT",
    ])
    func otherTextsSayNothing(value: String) {
        #expect(RetryAfter.milliseconds(value, now: now) == nil)
    }

    @Test func aVeryLongTimeIsNoOverflow() {
        #expect(RetryAfter.milliseconds("99999999999999999999999", now: now) == .max)
        #expect(RetryAfter.milliseconds("9223372036854775807", now: now) == .max)
    }
}
