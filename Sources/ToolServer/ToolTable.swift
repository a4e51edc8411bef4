internal import JobModel

/// Every tool there is, in one order: those written by hand, then one for each further kind of job, by its name.
struct ToolTable: Sendable {
    let tools: [Tool]
    let kinds: [KindInfo]
    /// As tools/list tells them.
    let document: JSONValue

    init(_ kinds: [KindInfo]) {
        self.kinds = kinds
        let known = Dictionary(kinds.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let work = WorkTools.words.compactMap { words in known[words.kind].map { words.tool($0) } }
        let written =
            work + [SubmitJobTool.tool(kinds)] + JobTools.tools + SearchTool.tools + PresentationTools.tools
            + ConversationTools.tools + MonitorTools.tools
        let taken = Set(written.map(\.name) + WorkTools.words.map(\.kind))
        let others = kinds.filter { !taken.contains($0.name) }.sorted { $0.name < $1.name }
        tools = written + others.map { KindWords.plain($0).tool($0) }
        document = .array(tools.map(\.document))
    }

    /// By its name, in any spelling; a kind's name finds the tool that submits it.
    subscript(name: String) -> Tool? {
        if let exact = tools.first(where: { $0.name == name }) { return exact }
        let snake = ToolNames.snake(ToolNames.cut(name))
        let meant = WorkTools.words.first { $0.kind == snake }?.tool ?? snake
        return tools.first { $0.name == meant }
    }

    func nearest(to name: String) -> [String] { ToolNames.nearest(to: name, among: tools.map(\.name)) }
}
