/// The tester's dice: random numbers that a printed seed gives again on every machine (SplitMix64).
package struct SeededRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A generator of its own, for a task that runs beside this one.
    package mutating func branch() -> SeededRandom { SeededRandom(seed: next()) }

    package mutating func isTrue(percent: Int) -> Bool { below(100) < percent }

    package mutating func below(_ bound: Int) -> Int { Int(truncatingIfNeeded: next() % UInt64(max(1, bound))) }

    package mutating func pick<Element>(_ choices: [Element]) -> Element { choices[below(choices.count)] }

    /// One of the choices, each as likely as its weight says.
    package mutating func pick<Element>(weighted choices: [(weight: Int, element: Element)]) -> Element {
        var left = below(choices.reduce(0) { $0 + $1.weight })
        for choice in choices {
            left -= choice.weight
            if left < 0 { return choice.element }
        }
        return choices[choices.count - 1].element
    }
}
