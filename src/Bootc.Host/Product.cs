using System.Reflection;

namespace Bootc.Host;

/// <summary>What this program says of itself.</summary>
public static class Product
{
    /// <summary>The version, without the commit it was built from.</summary>
    public static string Version { get; } =
        (typeof(Product).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0").Split('+')[0];
}
