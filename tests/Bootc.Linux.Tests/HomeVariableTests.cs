namespace Bootc.Linux.Tests;

public class HomeVariableTests
{
    [Theory]
    [InlineData(null, true, "/root")]
    [InlineData(null, false, null)]
    [InlineData("/home/me", true, "/home/me")]
    public void Root_has_a_home_where_nothing_else_is_said(string? home, bool isRoot, string? wanted)
    {
        string? before = Environment.GetEnvironmentVariable("HOME");
        try
        {
            Environment.SetEnvironmentVariable("HOME", home);

            HomeVariable.Ensure(isRoot);

            Environment.GetEnvironmentVariable("HOME").Should().Be(wanted);
        }
        finally
        {
            Environment.SetEnvironmentVariable("HOME", before);
        }
    }
}
