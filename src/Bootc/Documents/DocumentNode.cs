namespace Bootc.Documents;

/// <summary>A document that was read, of YAML or JSON: names and texts, without any idea of what they mean.</summary>
internal abstract record DocumentNode
{
    private DocumentNode()
    {
    }

    /// <summary>Whether this stands for nothing: <c>null</c>, <c>~</c> or no text at all, without quotes.</summary>
    public bool IsNull => this is Scalar { IsPlain: true, Text: "" or "~" or "null" or "Null" or "NULL" };

    internal sealed record Mapping(IReadOnlyDictionary<string, DocumentNode> Members) : DocumentNode;

    internal sealed record Sequence(IReadOnlyList<DocumentNode> Items) : DocumentNode;

    /// <param name="Text">As it is to be read, without quotes and escapes.</param>
    /// <param name="IsPlain">Whether it had no quotes, and so might be a number or null instead of text.</param>
    internal sealed record Scalar(string Text, bool IsPlain) : DocumentNode;
}
