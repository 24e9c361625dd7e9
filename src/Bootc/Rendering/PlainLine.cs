namespace Bootc.Rendering;

/// <summary>Text that may come from an image, made safe to print: it can neither move the cursor nor pass for further lines.</summary>
internal static class PlainLine
{
    /// <summary>Names and texts of an image may be as long as it likes; in characters.</summary>
    private const int MaxLength = 4000;

    public static string Of(string text)
    {
        text = text.ReplaceLineEndings(" ");
        text = text.Length > MaxLength ? $"{text[..(MaxLength / 2)]} … {text[^(MaxLength / 2)..]}" : text;
        return string.Concat(text.Select(c => char.IsControl(c) ? $"\\x{(int)c:x2}" : c.ToString()));
    }
}
