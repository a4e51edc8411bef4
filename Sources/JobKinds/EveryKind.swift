/// All kinds of jobs. A new kind is one file, one line in `kinds` and one in `handlers`.
package import JobLedger
package import JobModel
package import PageText
package import WebFetch

/// What handlers work with; the assembly makes it.
package struct KindRooms: Sendable {
    package let ledger: JobLedger
    /// Guarded: every address that it is given comes from a user.
    package let fetcher: Fetcher
    package let models: any ModelProvider
    package let vectors: any VectorStore
    package let embeddingModel: String
    package let panel: ModelPanel
    package let extractor: PageExtractor
    /// Files below it may be ingested; without it no file may.
    package let fileRoot: String?
    package let receivers: Receivers
    /// The product token decides which group of a robots.txt is ours.
    package let userAgent: String
    /// Who makes presentations; without it their jobs fail and say so.
    package let decks: DeckRooms?
    /// How answers of models are shared.
    package let cache: CacheRules

    package init(
        ledger: JobLedger, fetcher: Fetcher, models: any ModelProvider, vectors: any VectorStore, embeddingModel: String,
        extractor: PageExtractor = PageExtractor(), fileRoot: String? = nil, receivers: Receivers? = nil, userAgent: String,
        decks: DeckRooms? = nil, cache: CacheRules = CacheRules(), panel: ModelPanel = ModelPanel()
    ) {
        self.ledger = ledger
        self.fetcher = fetcher
        self.models = models
        self.vectors = vectors
        self.embeddingModel = embeddingModel
        self.panel = panel
        self.extractor = extractor
        self.fileRoot = fileRoot
        self.receivers = receivers ?? Receivers(rules: ReceiverRules(), userAgent: userAgent)
        self.userAgent = userAgent
        self.decks = decks
        self.cache = cache
    }
}

package enum EveryKind {
    /// Known without any room: the API checks inputs with them.
    package static let kinds: [JobKind] = [
        CrawlWeb.kind, IngestDocument.kind, MakePresentation.kind, Generate.kind, Chat.kind, Embed.kind, QueryModels.kind,
        ThinkInSteps.kind, ProjectNarrative.kind, TranslateRoundTrip.kind, AskSocratically.kind, InventConfiguration.kind, SendWebhook.kind,
    ]

    package static func handlers(in rooms: KindRooms) -> [any JobHandler] {
        let store = PageStore(rooms)
        let asking = AskModel(rooms)
        return [
            CrawlWeb(rooms, store: store), IngestDocument(rooms, store: store), MakePresentation(ledger: rooms.ledger, decks: rooms.decks),
            Generate(asking: asking), Chat(asking: asking), Embed(asking: asking, standardModel: rooms.embeddingModel),
            QueryModels(models: rooms.models, panel: rooms.panel), ThinkInSteps(models: rooms.models, panel: rooms.panel),
            ProjectNarrative(models: rooms.models, panel: rooms.panel),
            TranslateRoundTrip(models: rooms.models, panel: rooms.panel, embeddingModel: rooms.embeddingModel),
            AskSocratically(models: rooms.models, panel: rooms.panel), InventConfiguration(models: rooms.models, panel: rooms.panel),
            SendWebhook(ledger: rooms.ledger, receivers: rooms.receivers),
        ]
    }
}
