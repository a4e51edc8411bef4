internal import JobModel

/// What the engine knows of personas, namespaces and styles by name. Another name stands for itself: the model makes of it what it can, and a
/// `configuration` job invents descriptions that a projection takes as they are (`name: description`).
struct Worlds: Sendable {
    struct Attribute: Sendable {
        let name: String
        let meaning: String
    }

    static func persona(_ given: String) -> Attribute { find(given, in: personas) }
    static func namespace(_ given: String) -> Attribute { find(given, in: namespaces) }
    static func style(_ given: String) -> Attribute { find(given, in: styles) }

    private static func find(_ given: String, in known: [String: String]) -> Attribute {
        if let meaning = known[given.lowercased()] { return Attribute(name: given, meaning: meaning) }
        guard let colon = given.firstIndex(of: ":") else { return Attribute(name: given, meaning: "") }
        let meaning = given[given.index(after: colon)...].drop { $0 == " " }
        return Attribute(name: String(given[..<colon]), meaning: String(meaning))
    }

    private static let personas = [
        "neutral": "Tells what happens and takes no side.",
        "philosopher": "Asks of everything what it rests on, and sees the general in the particular.",
        "storyteller": "Speaks to listeners by a fire; shows, and does not explain.",
        "scientist": "Observes, separates what is known from what is guessed, and counts where counting helps.",
        "advocate": "Takes the side of the weakest in the story and says what is owed to them.",
        "critic": "Looks for the crack in every account, its own included.",
    ]

    private static let namespaces = [
        "lamish-galaxy":
            "A galaxy of old, slow civilisations that speak in resonances. Wealth is the ability to stay in tune; power is who sets the pitch; "
            + "conflicts are dissonances, and their ends are new chords.",
        "medieval-realm": "A realm of guilds, vows and bad roads, where word travels slower than armies.",
        "deep-sea": "A world without light at the bottom of the sea, where everything is known by pressure, warmth and taste.",
        "corporate-dystopia": "A city that one company owns, where every relation is a contract and silence is a service.",
        "forest-of-voices": "A forest in which plants and animals hold council, and the dead go on speaking through fungi.",
    ]

    private static let styles = [
        "standard": "Clear modern prose.", "academic": "Measured, precise, with terms defined where they first stand; no ornament.",
        "poetic": "Images before statements, rhythm before completeness.", "technical": "Short declarative sentences, like a report.",
        "archaic": "As an old chronicle has it.", "playful": "Light, quick, with a joke where it costs nothing.",
    ]
}
