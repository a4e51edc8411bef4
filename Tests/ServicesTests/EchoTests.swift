/// The stand-in is deterministic, tells what it is, and puts texts that share words near each other.
import Testing

@testable import Services

@Suite struct EchoTests {
    private func nearness(_ a: String, _ b: String) -> Float { zip(Echo.vector(of: a), Echo.vector(of: b)).reduce(0) { $0 + $1.0 * $1.1 } }

    @Test func itSaysThatItIsAStandIn() async {
        #expect(Echo().name == "echo")
        #expect(Echo().isStandIn)
        #expect(await Echo().trouble() == nil)
    }

    @Test(arguments: ["The tide turns the wheel.", "", "   ", "!?", "a", "日本語のテキスト", "e\u{301}", String(repeating: "word ", count: 10_000)])
    func everyTextHasAUnitVectorOfOneDimension(_ text: String) {
        let vector = Echo.vector(of: text)
        #expect(vector.count == Echo.dimension)
        #expect(abs(vector.reduce(0) { $0 + $1 * $1 } - 1) < 1e-4)
        #expect(vector == Echo.vector(of: text))
    }

    /// Stored vectors of one release must be found by the next: these numbers never change.
    @Test func vectorsAreTheSameInEveryProcess() {
        let vector = Echo.vector(of: "tide wheel")
        #expect(vector.indices.filter { abs(vector[$0]) > 0.5 } == [49, 60])
    }

    @Test func sharedWordsBringTextsNear() {
        let text = "A worker claims the job and settles it when the work is done"
        #expect(nearness(text, "The job is settled when a worker has done the work") > 0.5)
        #expect(nearness(text, "Bananas ripen quickly during hot summers") < 0.3)
        #expect(nearness("Worker, JOB!", "worker job") > 0.999)
        #expect(nearness("working", "worker") > nearness("working", "banana"))
    }
}
