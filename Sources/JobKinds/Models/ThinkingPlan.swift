/// What each step of a line of thought is for: first the question, last the answer, between them as many ways on as there is room for.
struct ThinkingPlan: Sendable {
    let steps: Int
    private let duties: [String]

    private static let first = "Say in your own words what is asked, what is given, and what you take for granted."
    private static let ways = [
        "Take the question apart: which parts can be thought about on their own, and which depends on which?",
        "Name the approaches that come into question, with what speaks for each.",
        "Follow the most promising approach to its end, in detail.",
        "Look for what is wrong with it: counterexamples, edge cases, assumptions that may not hold.",
        "Compare it with the alternatives, by what matters most here.",
        "Work out what follows in practice: costs, risks, what has to be done first.",
        "Check the line of thought so far: correct what does not hold.",
        "Weigh everything and decide; say how sure you are.",
    ]
    private static let last = "Now answer the question, completely and for somebody who has not seen these steps."

    init(steps: Int) {
        self.steps = max(2, min(steps, ThinkingPlan.ways.count + 2))
        duties = [ThinkingPlan.first] + ThinkingPlan.ways.prefix(self.steps - 2) + [ThinkingPlan.last]
    }

    func duty(_ number: Int) -> String { duties[number - 1] }

    func prompt(_ number: Int, _ question: String) -> String {
        let values = ["question": question, "steps": "\(steps)", "step": "\(number)", "duty": duty(number)]
        return (number == 1 ? Prompt.thinkingFirst : Prompt.thinkingNext).filled(values)
    }
}
