namespace Bootc.Linux;

/// <summary><c>HOME</c>, by which other programs find their files.</summary>
public static class HomeVariable
{
    private const string Name = "HOME";

    /// <summary>Gives root its home where the variable is unset.</summary>
    /// <remarks>systemd gives it to no service of the system, and credential helpers, for one, look there for their logins.</remarks>
    /// <param name="isRoot">Whether this process is root's; nobody else's home is known.</param>
    public static void Ensure(bool isRoot)
    {
        if (isRoot && Environment.GetEnvironmentVariable(Name) is null)
        {
            Environment.SetEnvironmentVariable(Name, "/root");
        }
    }
}
