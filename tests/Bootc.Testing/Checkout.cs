namespace Bootc.Testing;

/// <summary>The checkout that this assembly was built from.</summary>
public static class Checkout
{
    /// <summary>The top folder, the one that holds <c>Bootc.sln</c>.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>Where builds and what tests leave behind go; ignored by git.</summary>
    public static string Artifacts { get; } = Path.Join(Root, "artifacts");

    /// <summary>A path below <see cref="Root"/>.</summary>
    public static string PathOf(params string[] parts) => Path.Join([Root, .. parts]);

    /// <summary>A folder that lies beside the checkout, or beside a folder it is in; null where there is none.</summary>
    public static string? Beside(string path)
    {
        for (DirectoryInfo? folder = Directory.GetParent(Root); folder is not null; folder = folder.Parent)
        {
            string candidate = Path.Join(folder.FullName, path);
            if (Directory.Exists(candidate))
            {
                return candidate;
            }
        }

        return null;
    }

    private static string FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Join(folder.FullName, "Bootc.sln")))
            {
                return folder.FullName;
            }
        }

        throw new DirectoryNotFoundException($"no Bootc.sln in {AppContext.BaseDirectory} or above it");
    }
}
