internal import JobModel

/// Tools that submit the kinds people ask for most, in the words that they know them by.
enum WorkTools {
    static let words: [KindWords] = [crawlWeb, ingestDocument, createPresentation, queryModels, analyzeWithThinking]

    private static let crawlWeb = KindWords(
        kind: "web_crawl", tool: "crawl_web", title: "Crawl a web site",
        description:
            "Crawl a website asynchronously and store its pages, so that search_documents finds what they say. Give the starting URL; "
            + "max_pages (default 10) and allow_domains bound the crawl. \(KindWords.followUp)",
        opening: { "Crawling \($0["url"]?.string ?? "") queued for processing" })

    private static let ingestDocument = KindWords(
        kind: "document", tool: "ingest_doc", title: "Ingest a document",
        description: "Ingest one document (PDF, DOCX, HTML, Markdown or text; a URL, upload:<id> or file:<path>) asynchronously, so that "
            + "search_documents finds what it says. \(KindWords.followUp)",
        renamed: ["uri": "doc_uri"], aliases: ["uri": "doc_uri", "document_uri": "doc_uri", "url": "doc_uri"],
        opening: { "Document ingestion queued: \($0["doc_uri"]?.string ?? "")" })

    private static let createPresentation = KindWords(
        kind: "presentation", tool: "create_presentation", title: "Create a presentation",
        description: "Create slides about a topic. Takes 10 to 20 minutes: tell the user that it has started, and go on. "
            + "list_presentations shows it among the others, update_subject puts it under a subject. \(KindWords.followUp)",
        opening: { "Started creating presentation on \"\($0["topic"]?.string ?? "")\"!" })

    private static let queryModels = KindWords(
        kind: "query_models", tool: "query_models", title: "Ask several models",
        description: "Ask several language models the same question side by side. With a session_id question and answers are kept as a "
            + "conversation, and include_history lets the models hear what was said before. Usually done in 30 seconds. \(KindWords.followUp)",
        opening: { _ in "Query queued for processing" })

    private static let analyzeWithThinking = KindWords(
        kind: "thinking", tool: "analyze_with_thinking", title: "Think a question through",
        description: "Let several language models think a question through in numbered steps (num_thinking_steps, 3 to 10) before they "
            + "answer; for questions where a plain query_models would be too shallow. \(KindWords.followUp)",
        opening: { _ in "Thinking analysis queued for processing" })
}
