/// Fields that `generate` and `chat` share.
import JobModel

enum ModelFields {
    /// Most of what a request body may have.
    static let maxTextBytes = 900_000

    static let queue = "models"

    static let model: InputShape.Field = .init(
        "model", .text(maxLength: 200), standard: "auto", "its name at the model server; auto: the one that does best")

    static let common: [InputShape.Field] = [
        .init("options", .modelOptions, "temperature, num_predict and the like, by name"),
        .init("think", .thinking, standard: false, "whether it thinks before it answers, or how much: low, medium, high"),
        .init("format", .schema(maxBytes: 64 << 10), "a JSON Schema that the answer is to fit"),
        .init("cache", .choice(CacheMode.allCases.map(\.rawValue)), "which earlier answers are good enough"),
        category,
    ]

    static let category: InputShape.Field = .init(
        "task_category", .text(maxLength: 100), standard: .string(ModelPlace.generalCategory),
        "what sort of task it is: how models do is told apart by it")
}
