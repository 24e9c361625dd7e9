namespace Bootc.Host.Documents;

/// <summary>A document that was read, of YAML or JSON: names and texts, without any idea of what they mean.</summary>
public abstract record DocumentNode
{
    private DocumentNode()
    {
    }

    /// <summary>Whether this stands for nothing: <c>null</c>, <c>~</c> or no text at all, without quotes.</summary>
    public bool IsNull => this is Scalar { IsPlain: true, Text: "" or "~" or "null" or "Null" or "NULL" };

    public sealed record Mapping(IReadOnlyDictionary<string, DocumentNode> Members) : DocumentNode;

    public sealed record Sequence(IReadOnlyList<DocumentNode> Items) : DocumentNode;

    /// <param name="Text">As it is to be read, without quotes and escapes.</param>
    /// <param name="IsPlain">Whether it had no quotes, and so might be a number or null instead of text.</param>
    public sealed record Scalar(string Text, bool IsPlain) : DocumentNode;
}
