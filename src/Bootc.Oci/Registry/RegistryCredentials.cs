namespace Bootc.Oci.Registry;

/// <summary>A login at a registry. Never printed.</summary>
/// <param name="UserName">Empty where only a token is known.</param>
/// <param name="Password">What proves the user.</param>
/// <param name="IdentityToken">An OAuth2 refresh token in the place of both; null where there is none.</param>
public sealed record RegistryCredentials(string UserName, string Password, string? IdentityToken = null)
{
    public override string ToString() => "(credentials)";
}
