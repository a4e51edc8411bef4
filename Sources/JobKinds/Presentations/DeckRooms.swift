/// What presentations are made with; the assembly makes it.
package import Services

package struct DeckRooms: Sendable {
    package let presenton: Presenton
    /// Without it files stay where Presenton has them.
    package let store: DeckStore?
    package let pacing: DeckPacing

    package init(presenton: Presenton, store: DeckStore?, pacing: DeckPacing = DeckPacing()) {
        self.presenton = presenton
        self.store = store
        self.pacing = pacing
    }
}

/// How long to wait for what. A deck takes 10 to 20 minutes on a machine without a graphics card.
package struct DeckPacing: Sendable {
    /// Between two looks at a task: at first, and at most when nothing changes.
    package var poll: Duration = .seconds(5)
    package var longestPoll: Duration = .seconds(30)
    /// A task that shows no change for so long is lost: it ends with the process that ran it, and its row stays.
    package var stall: Duration = .seconds(900)
    /// A question that has not become a task after so long never arrived.
    package var settle: Duration = .seconds(30)
    /// Between two looks for a task, and for the turn to ask.
    package var look: Duration = .seconds(1)
    /// How long to wait for the turn.
    package var turn: Duration = .seconds(120)

    /// A question is sent this soon after its row is written, or its row is written anew: well below `settle`, in which a later attempt still
    /// waits for it to arrive.
    package var freshness: Duration = .seconds(5)

    package init() {}
}
