/// How answers of models are shared.
package struct CacheRules: Sendable {
    /// Older answers are not given again; zero: none is.
    package var longestAge = Duration.seconds(7 * 86_400)
    /// Cosine of two prompts from which on one's answer is good for the other, where the job says `semantic`.
    package var similarity = 0.95
    /// Longer prompts are not compared: embedders read the beginning of a text, some of them no more than 512 tokens, and prompts that begin
    /// alike would count as the same.
    package static let maxComparedBytes = 1_000
    /// Larger answers are not kept.
    package var maxEntryBytes = 1 << 20
    /// The job that asks for all is dead when it has not renewed its lead for so long; the next one asks then.
    package var lease = Duration.seconds(6)
    /// Between two looks of a job that waits for another one's answer.
    package var longestPause = Duration.milliseconds(500)

    package init() {}

    var isOn: Bool { longestAge > .zero }
}
