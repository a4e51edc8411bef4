import JobModel
import Testing

@Suite struct FlowGraphTests {
    private func faults(_ nodes: KeyValuePairs<String, [String]>) -> [InputShape.Fault] {
        FlowGraph(nodes.map { .init(name: $0.key, parents: $0.value) }).faults
    }

    @Test func aDiamondIsAFlow() {
        #expect(faults(["d": ["b", "c"], "b": ["a"], "c": ["a"], "a": []]).isEmpty)
    }

    @Test func aCircleIsShownFromEndToEnd() {
        let found = faults(["start": [], "a": ["start", "c"], "b": ["a"], "c": ["b"], "after": ["c"]])
        #expect(found.map(\.pointer) == ["#/jobs/1/depends_on"])
        #expect(found.first?.detail == "makes a circle: a → c → b → a")
    }

    @Test func aJobMayNotDependOnItself() {
        #expect(faults(["a": ["a"]]).first?.detail == "makes a circle: a → a")
    }

    /// What only hangs below a circle is not the circle.
    @Test func aCircleIsFoundFromBelow() {
        #expect(faults(["leaf": ["x"], "x": ["y"], "y": ["x"]]).first?.detail == "makes a circle: x → y → x")
    }

    @Test func namesTwiceAndUnknownParentsAreNamed() {
        let found = faults(["a": [], "a": [], "b": ["a", "nobody", "a"]])
        #expect(found.map(\.pointer) == ["#/jobs/1/name", "#/jobs/2/depends_on/1", "#/jobs/2/depends_on/2"])
        #expect(found.map(\.detail) == ["is the name of #/jobs/0 too", "names no job of this flow: 'nobody'", "is there twice: 'a'"])
    }

    @Test func aLongChainIsSortedWithoutRecursion() {
        let chain = (0..<1_000).map { FlowGraph.Node(name: "\($0)", parents: $0 == 0 ? [] : ["\($0 - 1)"]) }
        #expect(FlowGraph(chain).faults.isEmpty)
        let ring = chain.dropFirst() + [FlowGraph.Node(name: "0", parents: ["999"])]
        let fault = FlowGraph(Array(ring)).faults.first
        #expect(fault?.detail.hasPrefix("makes a circle: 1 → 0 → 999 →") == true)
        #expect(fault?.detail.hasSuffix("… → 1") == true)
    }

    @Test func dependenciesAreBounded() {
        let first = (0..<250).map { FlowGraph.Node(name: "a\($0)", parents: []) }
        let names = first.map(\.name)
        let within = first + (0..<200).map { FlowGraph.Node(name: "b\($0)", parents: names) }
        #expect(FlowGraph(within).faults.isEmpty)
        #expect(FlowGraph(within + [.init(name: "c", parents: ["a0"])]).faults.map(\.pointer) == ["#/jobs"])
    }

    @Test(
        arguments: [
            ([.queued: 2, .waiting: 1], .queued), ([.scheduled: 1, .waiting: 1], .scheduled), ([.queued: 1, .completed: 1], .processing),
            ([.processing: 1, .waiting: 3], .processing), ([.waiting: 1, .failed: 1], .processing), ([.completed: 3], .completed),
            ([.completed: 2, .cancelled: 1], .cancelled), ([.failed: 1, .cancelled: 1, .completed: 1], .failed),
        ] as [([JobState: Int], JobState)])
    func aFlowStandsWhereItsJobsStand(counts: [JobState: Int], state: JobState) {
        let flow = Flow(id: JobID(), createdAt: .now, counts: counts, lastEnd: .now)
        #expect(flow.state == state)
        #expect((flow.finishedAt != nil) == state.isTerminal)
    }
}
