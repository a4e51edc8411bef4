/// What the models of a stand-in server say and do. `StandInOllama` and `StandInOpenAI` say it in their own words on the wire;
/// tests choose by the model's name what they want to see.
package import JobModel
import Synchronization

package struct StandInModel: Sendable {
    package enum Behaviour: Sendable, Hashable {
        case answers
        /// Before the first piece: an ordinary HTTP error.
        case refuses(Int, String)
        /// So many pieces, then an error in a stream whose status was good.
        case breaks(after: Int, String)
        /// So many pieces, then the good end of a body that never said that it is done.
        case ends(after: Int)
        /// So many pieces, and a text that a limit of tokens cut off.
        case truncates(after: Int)
        /// Takes the request and never says a word; notices that the client goes.
        case hangs
        /// So many pieces, then silence.
        case stalls(after: Int)
    }

    package var name: String
    package var digest: String
    package var capabilities: Set<String>
    package var behaviour: Behaviour
    /// What it thinks before it answers, where it is let.
    package var thoughts: String
    /// The whole text of an answer; it is sent word by word.
    package var reply: @Sendable (StandInQuestion) -> String
    package var vector: @Sendable (String) -> [Float]
    /// Between two pieces.
    package var pace: Duration?

    /// A model that can think says what it thought; a plain one has no thoughts.
    package init(
        _ name: String, _ behaviour: Behaviour = .answers, thoughts: String = "", capabilities: Set<String> = ["completion", "tools"],
        reply: @escaping @Sendable (StandInQuestion) -> String = { "\($0.model) heard: \($0.text)" }
    ) {
        self.name = name.contains(":") ? name : name + ":latest"
        self.behaviour = behaviour
        self.thoughts = thoughts
        self.capabilities = capabilities.union(thoughts.isEmpty ? [] : ["thinking"])
        self.reply = reply
        digest = StandInModel.hash(Array(name.utf8))
        vector = { StandInModel.vector(of: $0) }
    }

    package static func embedder(_ name: String, vector: (@Sendable (String) -> [Float])? = nil) -> StandInModel {
        var model = StandInModel(name, capabilities: ["embedding"])
        if let vector { model.vector = vector }
        return model
    }

    /// Sixteen counts of hashed words: texts that share words are near each other.
    private static func vector(of text: String) -> [Float] {
        var sums = [Float](repeating: 0.01, count: 16)
        for word in text.lowercased().split(whereSeparator: { !$0.isLetter && !$0.isNumber }) {
            sums[Int(word.utf8.reduce(UInt64(7)) { ($0 &* 31) &+ UInt64($1) } % 16)] += 1
        }
        return sums
    }

    private static func hash(_ bytes: [UInt8]) -> String {
        let number = bytes.reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 64 - digits.count) + digits
    }

    /// Words with the blanks before them: joined they are the text again.
    package static func pieces(of text: String) -> [String] {
        text.split(separator: " ", omittingEmptySubsequences: false).enumerated().map { ($0 == 0 ? "" : " ") + $1 }
    }
}

/// What a model was asked.
package struct StandInQuestion: Sendable {
    /// As the client wrote it.
    package let model: String
    package let body: JSONValue
    /// The prompt, or what was said last.
    package let text: String
    package let thinks: Bool

    /// Role and content of a chat, in order.
    package var messages: [(role: String, content: String)] {
        body["messages"]?.array?.map { ($0["role"]?.string ?? "", $0["content"]?.string ?? "") } ?? []
    }

    package init(model: String, body: JSONValue, thinks: Bool) {
        self.model = model
        self.body = body
        self.thinks = thinks
        text = body["prompt"]?.string ?? body["messages"]?.array?.last?["content"]?.string ?? ""
    }
}

/// Points at which a test may stop the world: the server waits for the test's closure.
package enum StandInMoment: Sendable, Hashable {
    /// The request is there, and nothing has been said.
    case asked(model: String)
    /// Before this piece of the answer, counted from 0, thinking included.
    case piece(model: String, Int)
}

/// How many requests run at once, and how many came: what tests of permits are about.
package final class StandInGauge: Sendable {
    private struct State {
        var running: [String: Int] = [:]
        var most: [String: Int] = [:]
        var calls: [String: Int] = [:]
        var atOnce = 0
        var mostAtOnce = 0
    }
    private let state = Mutex(State())

    package init() {}

    package var running: Int { state.withLock { $0.atOnce } }
    package var mostAtOnce: Int { state.withLock { $0.mostAtOnce } }
    package var allCalls: Int { state.withLock { $0.calls.values.reduce(0, +) } }
    package func calls(_ model: String) -> Int { state.withLock { $0.calls[model] ?? 0 } }
    package func mostAtOnce(_ model: String) -> Int { state.withLock { $0.most[model] ?? 0 } }

    /// A request on its way; it leaves once, and before its client can know that it is done.
    final class Visit: Sendable {
        private let gauge: StandInGauge
        private let model: String
        private let hasLeft = Mutex(false)

        fileprivate init(_ gauge: StandInGauge, _ model: String) {
            self.gauge = gauge
            self.model = model
        }

        func leave() {
            let isFirst = hasLeft.withLock { hasLeft in
                defer { hasLeft = true }
                return !hasLeft
            }
            if isFirst { gauge.leave(model) }
        }
    }

    func enter(_ model: String) -> Visit {
        state.withLock { state in
            state.calls[model, default: 0] += 1
            state.running[model, default: 0] += 1
            state.atOnce += 1
            state.most[model] = max(state.most[model] ?? 0, state.running[model] ?? 0)
            state.mostAtOnce = max(state.mostAtOnce, state.atOnce)
        }
        return Visit(self, model)
    }

    private func leave(_ model: String) {
        state.withLock { state in
            state.running[model, default: 0] -= 1
            state.atOnce -= 1
        }
    }
}
